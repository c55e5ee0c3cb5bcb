//! Imports weights that other programs have trained, as a checkpoint.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pix2pix_runtime::checkpoint;
use pix2pix_runtime::network::norm::EPSILON;
use pix2pix_runtime::network::{
    GeneratorConfig, HdConfig, Norm, ResnetConfig, UnetConfig, Upsample, dropout,
};
use pix2pix_runtime::picture::Size;
use pix2pix_runtime::tensor_file::is_own;

use crate::config::RunConfig;
use crate::data::jitter::JitterConfig;
use crate::data::pair::Direction;
use crate::error::{Error, Result};
use crate::exchange::keras_layout;
use crate::exchange::public_layout::{self, TensorNames, after_layers, unet_level};
use crate::model::checkpoint::Checkpoint;
use crate::network::patch_gan::{Patch, PatchGanConfig};
use crate::network::weights::{Array, Weights};
use crate::weights_file::ends_in;
use crate::weights_file::keras_file;
use crate::weights_file::pytorch_read;
use crate::weights_file::tensor_file;

/// Remedy for a PyTorch file that cannot be imported.
const REMEDY: &str = "give latest_net_G.pth and latest_net_D.pth of pytorch-CycleGAN-and-pix2pix, trained with \
                      netG unet_128, unet_256, resnet_6blocks or resnet_9blocks and netD basic, n_layers or pixel; or \
                      latest_net_G.pth of pix2pixHD, netG global or local";
/// Remedy for a discriminator that cannot be imported.
const JUDGE_REMEDY: &str = "give latest_net_D.pth of pytorch-CycleGAN-and-pix2pix, trained with netD basic or pixel, or with \
                            n_layers and 1, 3 or 5 layers (n_layers_D); or the generator's file alone";
/// Remedy for a Keras file that cannot be imported.
const KERAS_REMEDY: &str = "give the .h5 or .keras file that model.save wrote for the Keras tutorial's generator (the \
                            paper's U-Net)";

/// What files of weights do not say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Dropout rate of a U-Net, or of a ResNet that has dropout; `None` for the rate in the Keras file, or 0.5 for the port,
    /// whose files do not contain it.
    pub dropout: Option<f64>,
    /// Key of the generator in a file with several networks, e.g. `netG_A`, or `ema.netG` for one inside another.
    pub key: Option<String>,
    /// Size of the pictures that the network was trained on; `None` for the size in the Keras file, or else the one at which
    /// a U-Net's innermost level has one pixel, 64 at least, 256 for a ResNet, and 512 for a coarse-to-fine generator.
    pub size: Option<Size>,
    /// Which half of a side-by-side pair is the source; `None` for the left one.
    pub direction: Option<Direction>,
}

/// A model of another program.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its checkpoint.
    pub checkpoint: Checkpoint,
    /// Whether its norms take the averages of training in its own program, and not the statistics of the picture.
    pub frozen: bool,
    /// Whether its dropout is off in its own program.
    pub still: bool,
    /// Whether its dropout is only assumed: a U-Net's file of the port is the same with dropout and without.
    pub assumed: bool,
    /// Why the discriminator that its file has too was left out.
    pub left_out: Option<String>,
}

impl From<Checkpoint> for Imported {
    /// A model that does the same in its own program as in training.
    fn from(checkpoint: Checkpoint) -> Self {
        Self {
            checkpoint,
            frozen: false,
            still: false,
            assumed: false,
            left_out: None,
        }
    }
}

/// Makes a checkpoint of the files of another program: one Keras file (`.h5`, `.hdf5` or `.keras`), or a generator and
/// optionally a discriminator of the public PyTorch port.
///
/// # Errors
/// As [`public`] and [`keras`]; when there are too many files, or one is this program's own.
pub fn of_files(files: &[PathBuf], options: &Options) -> Result<Imported> {
    options.dropout.map_or(Ok(()), dropout::check)?;
    files.iter().try_for_each(|file| check_foreign(file))?;
    let is_keras = |path: &Path| ends_in(path, &["h5", "hdf5", "keras"]);
    match files {
        [model] if is_keras(model) => keras(model, options),
        [generator] => of_port(generator, None, options),
        [generator, judge] if ![generator, judge].iter().any(|path| is_keras(path)) => {
            of_port(generator, Some(judge), options)
        }
        [_, _] => Err(Error::Config(
            "only the generator of a Keras model is imported: give one file".to_string(),
        )),
        _ => Err(Error::Config(
            "give the generator's file and, optionally, the discriminator's after it".to_string(),
        )),
    }
}

/// Checks that a file is not this program's own, and no folder.
///
/// # Errors
/// When it is.
fn check_foreign(path: &Path) -> Result<()> {
    let reason = match path.is_dir() {
        true if checkpoint::find(path).is_ok() => "a run folder of this program",
        true => return Err(Error::file(path, "a folder, not a file of weights", REMEDY)),
        false if is_own(path) => "a file of this program",
        false => return Ok(()),
    };
    Err(Error::file(
        path,
        format!("{reason}, of which nothing is to be imported"),
        "give the run's folder or its checkpoint to `pix2pix translate` and other commands as it is",
    ))
}

/// Makes a checkpoint of a Keras model, the tutorial's generator. The dropout rate and the size of the options replace those
/// in the file.
///
/// # Errors
/// When the file cannot be read, or is a different model; when the options have a key, as it is one network.
pub fn keras(path: &Path, options: &Options) -> Result<Imported> {
    let layers = keras_file::read(path, KERAS_REMEDY)?;
    let found =
        keras_layout::unet(&layers).map_err(|reason| Error::file(path, reason, KERAS_REMEDY))?;
    if options.key.is_some() {
        let reason = "a Keras model, and `key` chooses one of several networks";
        return Err(Error::file(path, reason, "omit it: the file has one"));
    }
    let mut unet = found.unet;
    if let Some(rate) = options.dropout {
        (unet.dropout, unet.dropout_blocks) = (rate, UnetConfig::default().dropout_blocks);
    }
    let still = found.still && unet.dropout > 0.0;
    let options = Options {
        size: options.size.or(found.size),
        ..options.clone()
    };
    let run = run_config(path, GeneratorConfig::Unet(unet), &options)?;
    let checkpoint = Checkpoint::of_tensors(run, found.weights, Weights::new()).checked(path)?;
    Ok(Imported {
        frozen: found.frozen,
        still,
        ..Imported::from(checkpoint)
    })
}

/// Configuration of a run that could have trained this generator.
///
/// # Errors
/// When the network does not take pictures of the wanted size.
fn run_config(path: &Path, generator: GeneratorConfig, options: &Options) -> Result<RunConfig> {
    let mut run = RunConfig {
        data: format!("imported from {}", path.display()),
        generator,
        direction: options.direction.unwrap_or(Direction::AToB),
        ..RunConfig::default()
    };
    [run.source.channels, run.target.channels] = run.generator.channels();
    let side = match run.generator {
        // as in training, where the size of the pictures decides the depth; no size is below 64 there
        GeneratorConfig::Unet(_) => 1 << run.generator.halvings().max(6),
        GeneratorConfig::Resnet(_) => 256,
        GeneratorConfig::Hd(_) => 512,
    };
    let size = options.size.unwrap_or(Size::square(side));
    let [width, height] = size.sides();
    run.generator.check_size(height, width)?;
    run.jitter = JitterConfig {
        load_size: JitterConfig::usual_load_size(size),
        crop_size: size,
        multiple: 1 << run.generator.halvings(),
        ..JitterConfig::default()
    };
    run.jitter.validate()?;
    Ok(run)
}

/// Makes a checkpoint of files of the public PyTorch port: a generator, and optionally a discriminator. The networks may
/// be inside dictionaries (`state_dict`, `model`, `netG`, ...); a discriminator beside the generator in one file is taken
/// too, if it is one of the port's that judges this generator. The architecture is detected from the names and shapes of the
/// tensors. The port's dropout follows the three blocks after the innermost.
///
/// # Errors
/// When a file cannot be read, holds several generators and none is chosen, or a tensor is missing, left over, or has the
/// wrong shape for the architecture.
pub fn public(
    generator: &Path,
    discriminator: Option<&Path>,
    options: &Options,
) -> Result<Checkpoint> {
    of_port(generator, discriminator, options).map(|imported| imported.checkpoint)
}

/// As [`public`], with what is to be known of the model.
fn of_port(generator: &Path, discriminator: Option<&Path>, options: &Options) -> Result<Imported> {
    let mut all = read(generator)?;
    let wrong = |reason: String| Error::file(generator, reason, REMEDY);
    let generators = keys(&all, is_generator);
    if generators.is_empty() && options.key.is_none() && !keys(&all, is_discriminator).is_empty() {
        let reason = "a discriminator alone";
        let remedy = "give the generator's file, latest_net_G.pth, before it";
        return Err(Error::file(generator, reason, remedy));
    }
    let key = chosen(generator, &generators, options.key.as_deref())?;
    let mut tensors = inside(&mut all, &key);
    let mut config = generator_config(&tensors).map_err(wrong)?;
    if let Some(rate) = options.dropout {
        let has = config.has_dropout();
        // the names of a ResNet's tensors follow from it
        if !matches!(config, GeneratorConfig::Unet(_)) && has != (rate > 0.0) {
            let with = if has { "with" } else { "without" };
            let reason = format!("a ResNet {with} dropout, and `dropout` is {rate}");
            let remedy = "omit it: the file says whether there is dropout";
            return Err(Error::file(generator, reason, remedy));
        }
        config = config.with_dropout(rate);
    }
    let names = public_layout::generator(&config);
    let g = taken(&mut tensors, &names).map_err(wrong)?;
    let mut run = run_config(generator, config, options)?;
    let channels = run.generator.channels();
    let (found, left_out) = match discriminator {
        Some(path) => {
            let found = judge(read(path)?, channels);
            let wrong = |reason: String| Error::file(path, reason, JUDGE_REMEDY);
            (Some(found.map_err(wrong)?), None)
        }
        None if keys(&all, is_discriminator).is_empty() => (None, None),
        // nobody has asked for it
        None => match judge(all, channels) {
            Ok(found) => (Some(found), None),
            Err(reason) => (None, Some(reason)),
        },
    };
    let mut d = Weights::new();
    if let Some((config, tensors)) = found {
        (run.discriminator, d) = (config, tensors);
    }
    Ok(Imported {
        assumed: options.dropout.is_none()
            && matches!(run.generator, GeneratorConfig::Unet(_))
            && run.generator.has_dropout(),
        left_out,
        ..Imported::from(Checkpoint::of_tensors(run, g, d).checked(generator)?)
    })
}

/// The discriminator in a file's tensors, for a generator with these channels of its source and its target.
///
/// # Errors
/// The reason, when there is none or there are several, or it is not one of the port's for such a generator.
fn judge(
    mut all: Weights,
    channels: [usize; 2],
) -> std::result::Result<(PatchGanConfig, Weights), String> {
    let found = keys(&all, is_discriminator);
    if found.len() > 1 {
        let names = found.iter().map(|key| named(key));
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        let count = found.len();
        return Err(format!(
            "it holds {count} discriminators: {}",
            names.join(", ")
        ));
    }
    // inside of none, the error names what is missing
    let key = found.into_iter().next().unwrap_or_default();
    let mut tensors = inside(&mut all, &key);
    let config = patch_gan_config(&tensors, channels)?;
    let names = public_layout::patch_gan(&config);
    if let Some(bias) = public_layout::absent_bias(&config) {
        // files that earlier versions of this program wrote have it
        let none = || Array::new(&[1], vec![0.0]);
        tensors.entry(bias.public).or_insert_with(none);
    }
    Ok((config, taken(&mut tensors, &names)?))
}

/// Whether a generator's tensors are inside a key: a U-Net's, whose levels are nested, or a ResNet's, which a coarse-to-fine
/// generator has too.
fn is_generator(tensors: &Weights, key: &str) -> bool {
    let has = |name: &str| tensors.contains_key(&format!("{key}{name}"));
    let level = format!("{key}model.model.1.model.");
    let is_nested = || {
        let mut behind = tensors.range(level.clone()..);
        behind
            .next()
            .is_some_and(|(name, _)| name.starts_with(&level))
    };
    has("model.model.0.weight") && is_nested()
        || has("model.1.weight") && halvings(tensors, key).is_some()
}

/// Whether a discriminator's tensors are inside a key.
fn is_discriminator(tensors: &Weights, key: &str) -> bool {
    let has = |name: &str| tensors.contains_key(&format!("{key}{name}"));
    ["model", "net"]
        .iter()
        .any(|name| has(&format!("{name}.0.weight")) && has(&format!("{name}.2.weight")))
}

/// The keys inside which networks are: empty, or ending with a dot.
fn keys(tensors: &Weights, is_network: fn(&Weights, &str) -> bool) -> Vec<String> {
    let prefixes = tensors.keys().flat_map(|name| {
        let dots = name.match_indices('.');
        dots.map(|(at, _)| &name[..=at]).chain([""])
    });
    let prefixes: BTreeSet<&str> = prefixes.collect();
    let found = prefixes.into_iter().filter(|key| is_network(tensors, key));
    found.map(str::to_string).collect()
}

/// A key as a user names it.
fn named(key: &str) -> &str {
    key.trim_end_matches('.')
}

/// The key of the generator to take: the only one, or the one that is wanted.
fn chosen(path: &Path, keys: &[String], wanted: Option<&str>) -> Result<String> {
    let names = keys.iter().map(|key| named(key));
    // a network may also be inside none
    let inside: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    match (keys, wanted) {
        (_, Some(wanted)) => match keys.iter().position(|key| named(key) == wanted) {
            Some(index) => Ok(keys[index].clone()),
            None => {
                let remedy = match inside.as_slice() {
                    [] => "omit `key`: the file has no dictionary of networks".to_string(),
                    names => format!("it holds {}", names.join(", ")),
                };
                let reason = format!("no network is inside `key` {wanted}");
                Err(Error::file(path, reason, remedy))
            }
        },
        // the error names what is missing
        ([], None) => Ok(String::new()),
        ([key], None) => Ok(key.clone()),
        (_, None) => Err(Error::file(
            path,
            format!("it holds {} networks: {}", keys.len(), inside.join(", ")),
            format!("choose one with `key`, e.g. `key` {}", inside[0]),
        )),
    }
}

/// Takes the tensors inside a key out of all.
fn inside(tensors: &mut Weights, key: &str) -> Weights {
    let taken = tensors.extract_if(.., |name, _| name.starts_with(key));
    taken
        .map(|(name, data)| (name[key.len()..].to_string(), data))
        .collect()
}

/// Reads the floating-point tensors of a PyTorch or safetensors file. Removes `module` from their names, which PyTorch's
/// DataParallel puts before them, and drops counters of batches.
fn read(path: &Path) -> Result<Weights> {
    let tensors = match ends_in(path, &["safetensors"]) {
        true => tensor_file::read_foreign(path, REMEDY)?,
        false => pytorch_read::read(path, REMEDY)?,
    };
    let tensors = tensors.into_iter().map(|(name, data)| {
        let parts: Vec<&str> = name.split('.').filter(|part| *part != "module").collect();
        (parts.join("."), data)
    });
    Ok(tensors
        .filter(|(name, _)| !name.ends_with("num_batches_tracked"))
        .collect())
}

/// Renames every tensor. Fails if one is missing or left over.
fn taken(tensors: &mut Weights, names: &[TensorNames]) -> std::result::Result<Weights, String> {
    let mut ours = Weights::new();
    for tensor in names {
        let data = tensors.remove(&tensor.public);
        let mut data = data.ok_or_else(|| format!("the tensor {} is missing", tensor.public))?;
        if tensor.halves_swapped {
            let half = data.values.len() / 2;
            data.values.rotate_left(half);
        }
        ours.insert(tensor.ours.clone(), data);
    }
    // running statistics of an instance norm, which are not used
    tensors.retain(|name, _| !name.contains("running_"));
    match tensors.keys().next() {
        None => Ok(ours),
        Some(name) => Err(format!(
            "the tensor {name} does not belong to the network of the other tensors"
        )),
    }
}

fn shape(tensors: &Weights, name: &str) -> std::result::Result<[usize; 4], String> {
    let data = tensors
        .get(name)
        .ok_or_else(|| format!("the tensor {name} is missing"))?;
    let shape: Option<[usize; 4]> = data.shape.clone().try_into().ok();
    shape.ok_or_else(|| format!("the tensor {name} is not a convolution's weight"))
}

fn generator_config(tensors: &Weights) -> std::result::Result<GeneratorConfig, String> {
    if tensors.contains_key("model.model.0.weight") {
        return Ok(GeneratorConfig::Unet(unet_config(tensors)?));
    }
    if tensors.contains_key("model1_1.1.weight") {
        return Ok(GeneratorConfig::Hd(hd_config(tensors)?));
    }
    if tensors.contains_key("model.1.weight") {
        return Ok(GeneratorConfig::Resnet(resnet_config(tensors)?));
    }
    Err("neither a U-Net (model.model.0.weight) nor a ResNet (model.1.weight)".to_string())
}

/// Detects the normalization. The port has convolutions with a bias only before instance norm.
fn norm(tensors: &Weights, norm: &str, bias: &str) -> Norm {
    match (tensors.contains_key(norm), tensors.contains_key(bias)) {
        (true, _) => Norm::Batch,
        (false, true) => Norm::Instance,
        (false, false) => Norm::None,
    }
}

/// As [`norm`], of a network whose convolutions have biases here where they have no norm, which those of the port lack.
///
/// # Errors
/// When it has neither.
fn norm_or_bias(
    tensors: &Weights,
    norm_name: &str,
    bias: &str,
) -> std::result::Result<Norm, String> {
    match norm(tensors, norm_name, bias) {
        Norm::None => Err("its convolutions have neither norms nor biases".to_string()),
        norm => Ok(norm),
    }
}

fn unet_config(tensors: &Weights) -> std::result::Result<UnetConfig, String> {
    let [filters, in_channels, ..] = shape(tensors, "model.model.0.weight")?;
    let [_, out_channels, ..] = shape(tensors, "model.model.3.weight")?;
    let innermost = (1..16)
        .find(|level| tensors.contains_key(&format!("{}.3.weight", unet_level(*level))))
        .ok_or("the innermost level of the U-Net is missing")?;
    let depth = innermost + 1;
    let bias = tensors.contains_key("model.model.0.bias");
    Ok(UnetConfig {
        in_channels,
        out_channels,
        filters,
        depth,
        dropout: public_layout::DROPOUT,
        dropout_blocks: public_layout::dropout_blocks(depth),
        // every depth has the norm after the innermost level
        norm: norm(
            tensors,
            &format!("{}.4.weight", unet_level(innermost)),
            "model.model.0.bias",
        ),
        bias_before_norm: bias,
        upsample: Upsample::Transposed,
        input_skip: false,
        epsilon: EPSILON,
    })
}

/// How often a ResNet inside a key halves the picture: the number of layers before its first block.
fn halvings(tensors: &Weights, key: &str) -> Option<usize> {
    let block = |halvings: &usize| {
        let name = format!("{key}model.{}.conv_block.1.weight", after_layers(*halvings));
        tensors.contains_key(&name)
    };
    (1..=6).find(block)
}

/// Number of residual blocks in a sequence, from a place on.
fn blocks(tensors: &Weights, sequence: &str, first: usize) -> usize {
    let block = |index: &usize| {
        tensors.contains_key(&format!("{sequence}.{}.conv_block.1.weight", first + index))
    };
    (0..64).take_while(block).count()
}

fn resnet_config(tensors: &Weights) -> std::result::Result<ResnetConfig, String> {
    let halvings = halvings(tensors, "").ok_or("the residual blocks of the ResNet are missing")?;
    let first = after_layers(halvings);
    let output = first + blocks(tensors, "model", first) + 3 * halvings + 1;
    features_config(tensors, &format!("model.{output}.weight"))
}

/// A coarse-to-fine generator, as `LocalEnhancer` of pix2pixHD.
fn hd_config(tensors: &Weights) -> std::result::Result<HdConfig, String> {
    if tensors.contains_key("model2_1.1.weight") {
        return Err("it has several enhancers; one is supported".to_string());
    }
    let local_blocks = blocks(tensors, "model1_2", 0);
    Ok(HdConfig {
        local_blocks,
        coarse: features_config(tensors, &format!("model1_2.{}.weight", local_blocks + 4))?,
    })
}

/// A ResNet with its last convolution, which can be elsewhere.
fn features_config(tensors: &Weights, output: &str) -> std::result::Result<ResnetConfig, String> {
    let halvings = halvings(tensors, "").ok_or("the residual blocks of the ResNet are missing")?;
    let first = after_layers(halvings);
    let [filters, in_channels, ..] = shape(tensors, "model.1.weight")?;
    let [out_channels, ..] = shape(tensors, output)?;
    // part 6 is a convolution if the block has dropout, otherwise a norm, which has no kernel
    let has_dropout = shape(tensors, &format!("model.{first}.conv_block.6.weight")).is_ok();
    Ok(ResnetConfig {
        in_channels,
        out_channels,
        filters,
        halvings,
        blocks: blocks(tensors, "model", first),
        dropout: match has_dropout {
            true => public_layout::DROPOUT,
            false => 0.0,
        },
        norm: norm_or_bias(tensors, "model.2.weight", "model.1.bias")?,
        bias_before_norm: tensors.contains_key("model.1.bias"),
        upsample: Upsample::Transposed,
    })
}

fn patch_gan_config(
    tensors: &Weights,
    [source_channels, target_channels]: [usize; 2],
) -> std::result::Result<PatchGanConfig, String> {
    let convolutions = |name: &str| -> usize {
        let index = |block: usize| if block == 0 { 0 } else { 3 * block - 1 };
        let has = |block: &usize| tensors.contains_key(&format!("{name}.{}.weight", index(*block)));
        (0..16).take_while(has).count()
    };
    let (name, patch) = match (convolutions("net"), convolutions("model")) {
        (3, _) => ("net", Patch::Pixel),
        (_, 3) => ("model", Patch::P16),
        (_, 5) => ("model", Patch::P70),
        (_, 7) => ("model", Patch::P286),
        (_, count) => {
            return Err(format!("unknown discriminator with {count} convolutions"));
        }
    };
    let [filters, into, ..] = shape(tensors, &format!("{name}.0.weight"))?;
    if into != source_channels + target_channels {
        return Err(format!(
            "the discriminator reads {into} channels, but the generator reads {source_channels} and writes \
             {target_channels}"
        ));
    }
    let bias = format!("{name}.2.bias");
    Ok(PatchGanConfig {
        source_channels,
        target_channels,
        filters,
        patch,
        norm: norm_or_bias(tensors, &format!("{name}.3.weight"), &bias)?,
        bias_before_norm: tensors.contains_key(&bias),
        ..PatchGanConfig::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of two levels have a norm at the innermost alone; earlier versions of this program wrote such files.
    #[test]
    fn the_norm_of_a_u_net_of_any_depth_is_found() {
        for depth in 2..=8 {
            for norm in [Norm::Batch, Norm::Instance, Norm::None] {
                let config = GeneratorConfig::Unet(UnetConfig {
                    depth,
                    norm,
                    bias_before_norm: norm == Norm::Instance,
                    ..UnetConfig::default()
                });
                let names = public_layout::generator(&config);
                let any = Array::new(&[2, 3, 1, 1], vec![0.0; 6]);
                let tensors = names.into_iter().map(|name| (name.public, any.clone()));
                let found = unet_config(&tensors.collect()).unwrap();
                assert_eq!((found.depth, found.norm), (depth, norm));
            }
        }
    }

    /// Such a model would give black pictures.
    #[test]
    fn weights_that_are_not_finite_are_refused() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/public/unet_64-half_net_G.pth");
        let good = public(&path, None, &Options::default()).unwrap();
        let with = |value: f32| {
            let mut tensors = good.generator_tensors().clone();
            let tensor = tensors.values_mut().next_back().unwrap();
            *tensor.values.last_mut().unwrap() = value;
            Checkpoint::of_tensors(good.config.clone(), tensors, Weights::new())
        };
        assert!(with(1.0).checked(&path).is_ok());
        for value in [f32::NAN, f32::INFINITY] {
            let error = with(value).checked(&path).err().unwrap().to_string();
            let wanted = "unet_64-half_net_G.pth: its weights are not finite";
            assert!(error.contains(wanted), "{error}");
        }
    }
}
