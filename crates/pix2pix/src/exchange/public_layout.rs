//! Names of our tensors in the files of the public PyTorch port (pytorch-CycleGAN-and-pix2pix), `latest_net_G.pth` and
//! `latest_net_D.pth`, and of generators in those of pix2pixHD.

use pix2pix_runtime::network::resnet::HALVINGS;
use pix2pix_runtime::network::{GeneratorConfig, HdConfig, Norm, ResnetConfig, UnetConfig};

use crate::network::patch_gan::{Patch, PatchGanConfig};

/// The dropout rate of the port's networks that have dropout.
pub const DROPOUT: f64 = 0.5;

/// The half-open range of decoder blocks of the port's U-Nets that have dropout, one for each level beyond five, counted from the
/// innermost.
pub fn dropout_blocks(depth: usize) -> [usize; 2] {
    [1, 1 + depth.saturating_sub(5)]
}

/// The names of a tensor in both programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorNames {
    /// Name in our checkpoints.
    pub ours: String,
    /// Name in the port's files.
    pub public: String,
    /// Whether to swap the halves of the first dimension: the port concatenates a skip before the decoder's channels,
    /// we concatenate it after them.
    pub halves_swapped: bool,
}

/// Collects the tensors of layers.
struct Names {
    names: Vec<TensorNames>,
    norm: Norm,
    bias: bool,
}

impl Names {
    fn new(norm: Norm, bias: bool) -> Self {
        Self {
            names: Vec::new(),
            norm,
            bias,
        }
    }

    fn add(&mut self, ours: String, public: String, halves_swapped: bool) {
        self.names.push(TensorNames {
            ours,
            public,
            halves_swapped,
        });
    }

    /// Adds a convolution that a norm may follow.
    fn conv(&mut self, ours: &str, public: &str, after_skip: bool) {
        self.last_conv(ours, public, after_skip, self.bias);
    }

    fn last_conv(&mut self, ours: &str, public: &str, after_skip: bool, bias: bool) {
        self.add(
            format!("{ours}.weight"),
            format!("{public}.weight"),
            after_skip,
        );
        if bias {
            self.add(format!("{ours}.bias"), format!("{public}.bias"), false);
        }
    }

    fn norm(&mut self, ours: &str, public: &str) {
        if self.norm != Norm::Batch {
            return; // the port's instance norm has no tensors
        }
        for (part, public_part) in [
            ("gamma", "weight"),
            ("beta", "bias"),
            ("running_mean", "running_mean"),
            ("running_var", "running_var"),
        ] {
            self.add(
                format!("{ours}.{part}"),
                format!("{public}.{public_part}"),
                false,
            );
        }
    }
}

/// The tensors of a generator.
pub fn generator(config: &GeneratorConfig) -> Vec<TensorNames> {
    match config {
        GeneratorConfig::Unet(config) => unet(config),
        GeneratorConfig::Resnet(config) => resnet(config),
        GeneratorConfig::Hd(config) => hd(config),
    }
}

/// Whether a generator is one of pix2pixHD, and not of the port, whose ResNets have two halvings.
pub fn is_of_hd(config: &GeneratorConfig) -> bool {
    match config {
        GeneratorConfig::Unet(_) => false,
        GeneratorConfig::Resnet(config) => config.halvings != HALVINGS,
        GeneratorConfig::Hd(_) => true,
    }
}

/// The prefix of the names in a level of the U-Net; the port nests each level in the one before.
pub fn unet_level(level: usize) -> String {
    let mut prefix = "model.model".to_string();
    for depth in 0..level {
        prefix += if depth == 0 { ".1.model" } else { ".3.model" };
    }
    prefix
}

fn unet(config: &UnetConfig) -> Vec<TensorNames> {
    let mut names = Names::new(config.norm, config.bias_before_norm);
    let innermost = config.depth - 1;
    for level in 0..config.depth {
        let public = unet_level(level);
        let index = if level == 0 { 0 } else { 1 };
        names.conv(
            &format!("encoder.{level}.conv"),
            &format!("{public}.{index}"),
            false,
        );
        if level > 0 && level < innermost {
            names.norm(&format!("encoder.{level}.norm"), &format!("{public}.2"));
        }
    }
    for (block, level) in (1..config.depth).rev().enumerate() {
        let public = unet_level(level);
        let (conv, norm) = if level == innermost { (3, 4) } else { (5, 6) };
        let after_skip = level != innermost;
        names.conv(
            &format!("decoder.{block}.conv"),
            &format!("{public}.{conv}"),
            after_skip,
        );
        names.norm(
            &format!("decoder.{block}.norm"),
            &format!("{public}.{norm}"),
        );
    }
    names.last_conv("output", "model.model.3", true, true);
    names.names
}

/// The module of the port's ResNets after the first layer and so many layers of three modules each.
pub fn after_layers(count: usize) -> usize {
    4 + 3 * count
}

fn resnet(config: &ResnetConfig) -> Vec<TensorNames> {
    let mut names = Names::new(config.norm, config.has_bias());
    let after = names.features(config, "");
    names.last_conv("output", &format!("model.{}", after + 1), false, true);
    names.names
}

/// As `LocalEnhancer` of pix2pixHD: the enhancer's layers before and after the sum are two sequences.
fn hd(config: &HdConfig) -> Vec<TensorNames> {
    let coarse = &config.coarse;
    let mut names = Names::new(coarse.norm, coarse.has_bias());
    names.features(coarse, "coarse.");
    names.layer("first", "model1_1", 1);
    names.layer("down", "model1_1", 4);
    for index in 0..config.local_blocks {
        names.block(&format!("blocks.{index}"), &format!("model1_2.{index}"), 5);
    }
    let after = config.local_blocks;
    names.layer("up", "model1_2", after);
    names.last_conv("output", &format!("model1_2.{}", after + 4), false, true);
    names.names
}

impl Names {
    /// Adds a convolution and the norm behind it.
    fn layer(&mut self, ours: &str, sequence: &str, index: usize) {
        self.conv(
            &format!("{ours}.conv"),
            &format!("{sequence}.{index}"),
            false,
        );
        self.norm(
            &format!("{ours}.norm"),
            &format!("{sequence}.{}", index + 1),
        );
    }

    /// Adds a residual block, whose second convolution is module `second`.
    fn block(&mut self, ours: &str, public: &str, second: usize) {
        let sequence = format!("{public}.conv_block");
        self.layer(&format!("{ours}.first"), &sequence, 1);
        self.layer(&format!("{ours}.second"), &sequence, second);
    }

    /// Adds a ResNet without its last convolution. Returns the number of the module after it.
    fn features(&mut self, config: &ResnetConfig, ours: &str) -> usize {
        self.layer(&format!("{ours}first"), "model", 1);
        for index in 0..config.halvings {
            self.layer(&format!("{ours}down.{index}"), "model", after_layers(index));
        }
        // with dropout, the port's blocks have one more module; those of pix2pixHD have no dropout
        let of_port = config.halvings == HALVINGS && ours.is_empty();
        let second = if of_port && config.dropout > 0.0 {
            6
        } else {
            5
        };
        let blocks = after_layers(config.halvings);
        for index in 0..config.blocks {
            let public = format!("model.{}", blocks + index);
            self.block(&format!("{ours}blocks.{index}"), &public, second);
        }
        let after = blocks + config.blocks;
        for index in 0..config.halvings {
            self.layer(&format!("{ours}up.{index}"), "model", after + 3 * index);
        }
        after + 3 * config.halvings
    }
}

/// The tensors of a discriminator.
pub fn patch_gan(config: &PatchGanConfig) -> Vec<TensorNames> {
    let mut names = Names::new(config.norm, config.bias_before_norm);
    let blocks = config.patch.blocks();
    let name = if config.patch == Patch::Pixel {
        "net"
    } else {
        "model"
    };
    for block in 0..blocks {
        let index = if block == 0 { 0 } else { 3 * block - 1 };
        let (ours, public) = (format!("blocks.{block}.conv"), format!("{name}.{index}"));
        names.last_conv(&ours, &public, false, block == 0 || names.bias);
        if block > 0 {
            names.norm(
                &format!("blocks.{block}.norm"),
                &format!("{name}.{}", index + 1),
            );
        }
    }
    names.last_conv("output", &format!("{name}.{}", 3 * blocks - 1), false, true);
    names.names
}

/// The last bias of a discriminator where the port's has none, as if it were 0: in its PixelGAN, only an instance norm has
/// biases behind it.
pub fn absent_bias(config: &PatchGanConfig) -> Option<TensorNames> {
    let is_absent = config.patch == Patch::Pixel && config.norm == Norm::Batch;
    is_absent.then(|| TensorNames {
        ours: "output.bias".to_string(),
        public: "net.5.bias".to_string(),
        halves_swapped: false,
    })
}
