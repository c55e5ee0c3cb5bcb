//! Exports a checkpoint to the files of the public PyTorch port (pytorch-CycleGAN-and-pix2pix), `latest_net_G` and
//! `latest_net_D`, and coarse and coarse-to-fine generators to those of pix2pixHD. Their `load_state_dict(..., strict=True)`
//! accepts them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use pix2pix_runtime::network::norm::EPSILON;
use pix2pix_runtime::network::{GeneratorConfig, HdConfig, Norm, Upsample};

use crate::atomic_file;
use crate::config::RunConfig;
use crate::error::{Error, Result};
use crate::exchange::public_layout::{self, TensorNames};
use crate::model::checkpoint::Checkpoint;
use crate::network::patch_gan::Patch;
use crate::network::weights::Weights;
use crate::weights_file::pytorch_file::{self, Stored};
use crate::weights_file::tensor_file;

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicFormat {
    /// PyTorch's zip format, for `torch.load`, also with `weights_only=True`.
    Pth,
    /// safetensors.
    Safetensors,
}

/// The fewest levels of the port's U-Nets: the outermost, the innermost and three between them.
const LEVELS: usize = 5;

/// Remedy for a generator that the other programs do not have.
const REMEDY: &str = "write it with `onnx::export`, which has all generators";
/// Remedy for a discriminator that they do not have. Their generators are checked before.
const JUDGE_REMEDY: &str = "omit `discriminator`: the generator can be exported without it";

/// Tensors under the port's names.
pub type PublicTensors = BTreeMap<String, Stored>;

/// The generator's tensors of a checkpoint that has been [checked](Checkpoint::checked); `path` is for messages.
///
/// # Errors
/// When the port does not have such a network.
pub fn generator_tensors(checkpoint: &Checkpoint, path: &Path) -> Result<PublicTensors> {
    let config = &checkpoint.config;
    check_generator(&config.generator).map_err(|what| unknown(path, &what, REMEDY))?;
    let tensors = checkpoint.generator_tensors();
    Ok(renamed(tensors, &generator_names(config)))
}

/// The discriminator's tensors of a checkpoint that has been [checked](Checkpoint::checked), if it has one; `path` is for
/// messages.
///
/// # Errors
/// When the port does not have such a network.
pub fn discriminator_tensors(
    checkpoint: &Checkpoint,
    path: &Path,
) -> Result<Option<PublicTensors>> {
    if checkpoint.discriminator_tensors().is_empty() {
        return Ok(None);
    }
    let mut config = checkpoint.config.discriminator.clone();
    let known = if config.spectral_norm {
        Err("`spectral_norm`".to_string())
    } else if config.scales > 1 {
        Err("discriminators at several scales".to_string())
    } else if config.unet {
        Err("U-Net discriminator".to_string())
    } else if config.patch == Patch::Tutorial {
        Err("padding by one pixel more after the picture".to_string())
    } else {
        // the first convolution of the port's has a bias, and so has the last
        check(
            config.norm,
            config.bias_before_norm || config.norm == Norm::None,
        )
    };
    known.map_err(|what| unknown(path, &what, JUDGE_REMEDY))?;
    config.bias_before_norm |= config.norm == Norm::Instance;
    let tensors = checkpoint.discriminator_tensors();
    let mut names = public_layout::patch_gan(&config);
    if let Some(absent) = public_layout::absent_bias(&config) {
        if tensors[&absent.ours].values != [0.0] {
            let what = "bias of the last convolution in a pixel discriminator with batch norm";
            return Err(unknown(path, what, JUDGE_REMEDY));
        }
        names.retain(|tensor| *tensor != absent);
    }
    Ok(Some(renamed(tensors, &names)))
}

/// The error for a network that has something that the port does not have.
fn unknown(path: &Path, what: &str, remedy: &str) -> Error {
    Error::file(path, format!("the public port has no {what}"), remedy)
}

/// Adds the biases that the other program's convolutions always have: in the port before an instance norm, in pix2pixHD before
/// every norm.
fn generator_names(config: &RunConfig) -> Vec<TensorNames> {
    let mut config = config.generator.clone();
    let always = public_layout::is_of_hd(&config) || config.norm() == Norm::Instance;
    match &mut config {
        GeneratorConfig::Unet(unet) => unet.bias_before_norm |= always,
        GeneratorConfig::Resnet(resnet) | GeneratorConfig::Hd(HdConfig { coarse: resnet, .. }) => {
            resnet.bias_before_norm |= always;
        }
    }
    public_layout::generator(&config)
}

/// The dropout rate of a generator and that of the other program's, if the generator has dropout and they differ: no file has
/// a rate.
pub fn other_dropout(config: &GeneratorConfig) -> Option<[f64; 2]> {
    let rate = match config {
        GeneratorConfig::Unet(unet) => unet.dropout,
        GeneratorConfig::Resnet(resnet) | GeneratorConfig::Hd(HdConfig { coarse: resnet, .. }) => {
            resnet.dropout
        }
    };
    let theirs = match public_layout::is_of_hd(config) {
        true => 0.0,
        false => public_layout::DROPOUT,
    };
    (config.has_dropout() && rate != theirs).then_some([rate, theirs])
}

/// The range of decoder blocks of a U-Net that have dropout, counted from the innermost, and that of the port's, if it has dropout
/// and they differ: no file has them either.
pub fn other_blocks(config: &GeneratorConfig) -> Option<[Range<usize>; 2]> {
    let GeneratorConfig::Unet(unet) = config else {
        return None;
    };
    let blocks = [
        unet.dropout_blocks,
        public_layout::dropout_blocks(unet.depth),
    ];
    let [ours, theirs] = blocks.map(|[first, end]| first..end.min(unet.depth - 1));
    (config.has_dropout() && ours != theirs).then_some([ours, theirs])
}

fn check_generator(config: &GeneratorConfig) -> std::result::Result<(), String> {
    let norm = config.norm();
    let (bias, upsample) = match config {
        GeneratorConfig::Unet(config) => (config.bias_before_norm, config.upsample),
        GeneratorConfig::Resnet(config) | GeneratorConfig::Hd(HdConfig { coarse: config, .. }) => {
            (config.has_bias(), config.upsample)
        }
    };
    if let GeneratorConfig::Unet(unet) = config {
        if unet.depth < LEVELS {
            return Err(format!("U-Net of {} levels", unet.depth));
        }
        if unet.input_skip {
            return Err("`input_skip`".to_string());
        }
        if unet.epsilon != EPSILON && norm != Norm::None {
            let epsilon = unet.epsilon;
            return Err(format!("epsilon of {epsilon} in its norms, only {EPSILON}"));
        }
    }
    if upsample != Upsample::Transposed {
        return Err(format!("`upsample` {upsample}"));
    }
    // every convolution of pix2pixHD has a bias, and a norm behind it
    let always = public_layout::is_of_hd(config) && norm != Norm::None;
    check(norm, bias && !always)
}

fn check(norm: Norm, bias: bool) -> std::result::Result<(), String> {
    match (norm, bias) {
        (Norm::Group, _) => Err("group norm".to_string()),
        (Norm::Batch, true) => Err("`bias_before_norm` with batch norm".to_string()),
        (Norm::None, true) => Err("convolution with a bias and no norm behind it".to_string()),
        (Norm::Batch | Norm::None, false) | (Norm::Instance, _) => Ok(()),
    }
}

fn renamed(tensors: &Weights, names: &[TensorNames]) -> PublicTensors {
    let mut public = PublicTensors::new();
    for tensor in names {
        let Some(data) = tensors.get(&tensor.ours) else {
            // a bias before a norm: zero, and without effect on the output
            let weight = &tensors[&tensor.ours.replace(".bias", ".weight")];
            let transposed = tensor.ours.starts_with("decoder") || tensor.ours.contains("up.");
            let channels = weight.shape[usize::from(transposed)];
            public.insert(
                tensor.public.clone(),
                Stored::floats(vec![channels], vec![0.0; channels]),
            );
            continue;
        };
        let mut values = data.values.clone();
        if tensor.halves_swapped {
            let half = values.len() / 2;
            values.rotate_left(half);
        }
        if let Some(norm) = tensor.public.strip_suffix(".running_mean") {
            // PyTorch's counter of batches, which a strict load requires
            public.insert(format!("{norm}.num_batches_tracked"), Stored::counter(0));
        }
        public.insert(
            tensor.public.clone(),
            Stored::floats(data.shape.clone(), values),
        );
    }
    public
}

/// Writes a network's tensors atomically.
///
/// # Errors
/// When the file cannot be written.
pub fn write(tensors: &PublicTensors, path: &Path, format: PublicFormat) -> Result<()> {
    match format {
        PublicFormat::Safetensors => tensor_file::write_stored(path, tensors),
        PublicFormat::Pth => {
            atomic_file::write_at(path, |temporary| pytorch_file::write(temporary, tensors))
        }
    }
}
