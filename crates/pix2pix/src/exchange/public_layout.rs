//! Names of our tensors in the files of the public PyTorch port (pytorch-CycleGAN-and-pix2pix), `latest_net_G.pth` and
//! `latest_net_D.pth`.

use pix2pix_runtime::network::{GeneratorConfig, Norm, ResnetConfig, UnetConfig};

use crate::network::patch_gan::{Patch, PatchGanConfig};

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

fn resnet(config: &ResnetConfig) -> Vec<TensorNames> {
    let bias = config.bias_before_norm || config.norm == Norm::None;
    let mut names = Names::new(config.norm, bias);
    let mut layer = |ours: &str, conv: String, norm: String| {
        names.conv(&format!("{ours}.conv"), &conv, false);
        names.norm(&format!("{ours}.norm"), &norm);
    };
    let numbered = |index: usize| format!("model.{index}");
    layer("first", numbered(1), numbered(2));
    for (index, place) in [4, 7].into_iter().enumerate() {
        layer(
            &format!("down.{index}"),
            numbered(place),
            numbered(place + 1),
        );
    }
    // with dropout, the port's blocks have one more layer
    let second = if config.dropout > 0.0 { 6 } else { 5 };
    for index in 0..config.blocks {
        let block = |part: usize| format!("model.{}.conv_block.{part}", 10 + index);
        layer(&format!("blocks.{index}.first"), block(1), block(2));
        layer(
            &format!("blocks.{index}.second"),
            block(second),
            block(second + 1),
        );
    }
    let after = 10 + config.blocks;
    for (index, place) in [after, after + 3].into_iter().enumerate() {
        layer(&format!("up.{index}"), numbered(place), numbered(place + 1));
    }
    names.last_conv("output", &numbered(after + 7), false, true);
    names.names
}

/// The tensors of a discriminator.
pub fn patch_gan(config: &PatchGanConfig) -> Vec<TensorNames> {
    let mut names = Names::new(
        config.norm,
        config.bias_before_norm || config.norm == Norm::None,
    );
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
