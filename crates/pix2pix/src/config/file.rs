//! The format of `config.toml` and of a checkpoint's metadata.

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::RunConfig;
use crate::error::foreign;
use crate::train::config::OptimizerConfig;
use crate::train::moments::MomentFormat;
use crate::train::origin::Freeze;
use crate::train::schedule::Schedule;

/// Settings above all tables that a file lacks when they are unused, and older names of settings.
pub(crate) const LEFT_OUT: [&str; 13] = [
    "pages",
    "neighbors",
    "neighbours",
    "matching",
    "squares",
    "side_by_side",
    "orientation",
    "scale",
    "time",
    "split_seed",
    "keep_best",
    "patience",
    "from",
];

impl Serialize for RunConfig {
    /// Writes the file format, in which lambda has been in the optimizer's table since the first version.
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Optimizer<'a> {
            lr: f64,
            schedule: &'a Schedule,
            decay_steps: u64,
            beta1: f32,
            beta2: f32,
            moments: MomentFormat,
            lambda: f64,
            ema: f64,
            accumulate: usize,
            freeze_generator: u64,
            freeze: Freeze,
        }
        // destructured, so that the compiler reports a forgotten field
        let Self {
            data,
            data_digest,
            direction,
            source,
            target,
            val_fraction,
            pages,
            neighbors,
            matching,
            squares,
            side_by_side,
            orientation,
            scale,
            on_error,
            workers,
            cache,
            steps,
            time,
            batch_size,
            seed,
            split_seed,
            threads,
            recompute,
            device,
            precision,
            log_every,
            sample_every,
            save_every,
            keep,
            keep_best,
            patience,
            ranks,
            sync_norm,
            allreduce,
            check_every,
            from,
            jitter,
            optimizer,
            objective,
            generator,
            discriminator,
        } = self;
        let OptimizerConfig {
            lr,
            schedule,
            decay_steps,
            beta1,
            beta2,
            moments,
            ema,
            accumulate,
            freeze_generator,
            freeze,
        } = optimizer;
        let optimizer = Optimizer {
            lr: *lr,
            schedule,
            decay_steps: *decay_steps,
            beta1: *beta1,
            beta2: *beta2,
            moments: *moments,
            lambda: objective.lambda,
            ema: *ema,
            accumulate: *accumulate,
            freeze_generator: *freeze_generator,
            freeze: *freeze,
        };
        let mut file = serializer.serialize_map(None)?;
        file.serialize_entry("data", data)?;
        file.serialize_entry("data_digest", data_digest)?;
        file.serialize_entry("direction", direction)?;
        file.serialize_entry("source", source)?;
        file.serialize_entry("target", target)?;
        file.serialize_entry("val_fraction", val_fraction)?;
        used(&mut file, "pages", pages.as_ref())?;
        used(
            &mut file,
            "neighbors",
            Some(neighbors).filter(|count| **count > 0),
        )?;
        used(&mut file, "matching", matching.as_ref())?;
        used(&mut file, "squares", Some(squares).filter(|is| **is))?;
        used(&mut file, "side_by_side", side_by_side.as_ref())?;
        used(&mut file, "orientation", orientation.as_ref())?;
        used(&mut file, "scale", scale.as_ref())?;
        file.serialize_entry("on_error", on_error)?;
        file.serialize_entry("workers", workers)?;
        file.serialize_entry("cache", cache)?;
        file.serialize_entry("steps", steps)?;
        used(&mut file, "time", time.as_ref())?;
        file.serialize_entry("batch_size", batch_size)?;
        file.serialize_entry("seed", seed)?;
        used(&mut file, "split_seed", split_seed.as_ref())?;
        file.serialize_entry("threads", threads)?;
        file.serialize_entry("recompute", recompute)?;
        file.serialize_entry("device", device)?;
        file.serialize_entry("precision", precision)?;
        file.serialize_entry("log_every", log_every)?;
        file.serialize_entry("sample_every", sample_every)?;
        file.serialize_entry("save_every", save_every)?;
        file.serialize_entry("keep", keep)?;
        used(&mut file, "keep_best", keep_best.as_ref())?;
        used(
            &mut file,
            "patience",
            Some(patience).filter(|count| **count > 0),
        )?;
        file.serialize_entry("ranks", ranks)?;
        file.serialize_entry("sync_norm", sync_norm)?;
        file.serialize_entry("allreduce", allreduce)?;
        file.serialize_entry("check_every", check_every)?;
        used(&mut file, "from", from.as_ref())?;
        file.serialize_entry("jitter", jitter)?;
        file.serialize_entry("optimizer", &optimizer)?;
        file.serialize_entry("objective", objective)?;
        file.serialize_entry("generator", generator)?;
        file.serialize_entry("discriminator", discriminator)?;
        file.end()
    }
}

/// Writes a setting, which is left out when it is unused, as in files of earlier versions.
fn used<M: SerializeMap>(
    file: &mut M,
    name: &'static str,
    setting: Option<&impl Serialize>,
) -> std::result::Result<(), M::Error> {
    match setting {
        Some(setting) => file.serialize_entry(name, setting),
        None => Ok(()),
    }
}

impl<'de> Deserialize<'de> for RunConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let file = serde_json::Value::deserialize(deserializer)?;
        let lambda = match file.pointer("/optimizer/lambda") {
            None => None,
            Some(lambda) => {
                let number = lambda.as_f64();
                Some(number.ok_or_else(|| D::Error::custom("optimizer.lambda: not a number"))?)
            }
        };
        let mut track = serde_path_to_error::Track::new();
        let read = serde_path_to_error::Deserializer::new(file, &mut track);
        let mut config = Self::deserialize(read).map_err(|e| {
            // JSON has no infinite numbers: they have become null
            let reason = e.to_string().replace("invalid type: null", "not finite");
            D::Error::custom(format!("{}: {}", track.path(), foreign(&reason)))
        })?;
        if let Some(lambda) = lambda {
            config.objective.lambda = lambda;
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with every entry, those that are left out when unused too.
    const FILE: &str = r#"data = "earth"
data_digest = "e289d02adac446bc77a62cda4019dc8d29019906aea9fa6ac62d8ab3265052ce"
direction = "a-to-b"
val_fraction = 0.0
pages = "each"
neighbors = 1
matching = ["{}_sat", "{}_map"]
squares = true
side_by_side = ["4x3", "1"]
orientation = "RAS"
on_error = "stop"
workers = 0
cache = "off"
steps = 2
time = 90.0
batch_size = 1
seed = 0
split_seed = 7
threads = 1
recompute = false
device = "cpu"
precision = "f32"
log_every = 10
sample_every = 200
save_every = 500
keep = 3
keep_best = "psnr"
patience = 5
ranks = 1
sync_norm = false
allreduce = "f32"
check_every = 100

[source]
channels = 3
depth = "u8"
range = [0.0, 255.0]

[target]
channels = 3
depth = "u8"
range = [0.0, 255.0]

[scale]
from = "1200x800"
to = "64"

[from]
model = "facades"
sha256 = "e3b0"
channels = "same"

[jitter]
resize = "scale-and-crop"
load_size = "72"
crop_size = "64"
mirror = true
vertical_mirror = false
turn = false
color = 0.0
multiple = 64

[optimizer]
lr = 0.0002
schedule = "constant"
decay_steps = 0
beta1 = 0.5
beta2 = 0.999
moments = "f32"
lambda = 50.0
ema = 0.0
accumulate = 1
freeze_generator = 0
freeze = "nothing"

[objective]
gan = "bce"
l1_pyramid = 0
feature_matching = 0.0
r1 = 0.0
diff_augment = []
augment_target = 0.0
augment_pairs = 5000
pool = 0
perceptual = 0.0
perceptual_weights = ""

[generator]
architecture = "unet"
in_channels = 3
out_channels = 3
filters = 2
depth = 6
dropout = 0.5
dropout_blocks = [0, 3]
norm = "batch"
bias_before_norm = false
upsample = "transposed"
input_skip = false
epsilon = 0.00001

[discriminator]
source_channels = 3
target_channels = 3
filters = 2
patch = "70"
norm = "batch"
bias_before_norm = false
spectral_norm = false
scales = 1
unet = false
"#;

    #[test]
    fn what_is_left_out_when_unused_is_known() {
        let keys = |text: &str| -> Vec<String> {
            let table: toml::Table = text.parse().unwrap();
            table.keys().cloned().collect()
        };
        let unused = keys(&toml::to_string(&RunConfig::default()).unwrap());
        let mut left_out = keys(FILE);
        left_out.retain(|key| !unused.contains(key));
        let mut known = LEFT_OUT.to_vec();
        known.retain(|key| *key != "neighbours");
        left_out.sort();
        known.sort_unstable();
        assert_eq!(left_out, known);
    }

    #[test]
    fn a_file_is_written_as_it_was_read() {
        let config: RunConfig = toml::from_str(FILE).unwrap();
        assert_eq!(config.objective.lambda, 50.0);
        assert_eq!(toml::to_string(&config).unwrap(), FILE);
        // the metadata of a checkpoint
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<RunConfig>(&json).unwrap(), config);
    }
}
