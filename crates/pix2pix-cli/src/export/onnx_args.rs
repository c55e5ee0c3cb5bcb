//! The options of `pix2pix export --format onnx`.

use std::path::{Path, PathBuf};

use clap::Args;
use pix2pix::data::picture::{Picture, Samples};
use pix2pix::data::{Domain, Size};
use pix2pix::exchange::onnx::{self, Loss, OnnxNorm, OnnxOptions};
use pix2pix::model::Checkpoint;

use super::calibration::sources;
use crate::choice::choice;
use crate::failure::Failure;
use crate::paths::Plain;
use crate::result_file::Notes;
use crate::summary::other_size;
use crate::switch::Switch;
use crate::words::count;

/// Options for ONNX export.
#[derive(Args)]
#[command(next_help_heading = "With --format onnx")]
pub struct OnnxArgs {
    /// Dropout: on exports random operations, with new numbers at each run; off omits it [default: on]
    #[arg(long, value_enum)]
    dropout: Option<Switch>,
    /// Statistics for normalization [default: batch]
    #[arg(long, value_parser = choice::<OnnxNorm>())]
    norm: Option<OnnxNorm>,
    /// ONNX opset version, 16 to 21 [default: 17]
    #[arg(long, value_name = "VERSION")]
    opset: Option<i64>,
    /// Size of the pictures in pixels [default: the crop size of training, or the next that the
    /// network accepts]
    #[arg(long, value_name = "PIXELS|WxH", conflicts_with = "dynamic_size")]
    size: Option<Size>,
    /// Make batch, height and width dynamic; each picture of a batch is normalized by itself
    /// [default: fixed size, one picture]
    #[arg(long)]
    dynamic_size: bool,
    /// Use 16-bit weights and arithmetic; inputs and outputs stay 32-bit
    /// [default: 32 bits]
    #[arg(long, conflicts_with = "int8")]
    f16: bool,
    /// Quantize weights and activations to 8 bits, calibrated on the pictures of this folder or archive (of pairs, on
    /// the sources) [default: 32 bits]
    #[arg(long, value_name = "DIR")]
    int8: Option<PathBuf>,
    /// Use pictures as input and output, [batch, height, width, channels] in their own samples (uint8 for most models), instead
    /// of [batch, channels, height, width] in float32 from -1 to 1 [default: off]
    #[arg(long)]
    with_image_io: bool,
}

impl OnnxArgs {
    /// The name of the first ONNX option that the user gave, if any.
    pub fn given(&self) -> Option<&'static str> {
        [
            ("--dropout", self.dropout.is_some()),
            ("--norm", self.norm.is_some()),
            ("--opset", self.opset.is_some()),
            ("--size", self.size.is_some()),
            ("--dynamic-size", self.dynamic_size),
            ("--f16", self.f16),
            ("--int8", self.int8.is_some()),
            ("--with-image-io", self.with_image_io),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }

    /// Writes the ONNX file and prints its size, number of operations and, for 8 bits, its loss of accuracy.
    pub fn export(
        &self,
        checkpoint: Checkpoint,
        path: &Path,
        out: &Path,
        notes: Notes,
    ) -> Result<(), Failure> {
        let config = checkpoint.config.clone();
        let options = OnnxOptions {
            dropout: self.dropout.unwrap_or(Switch::On) == Switch::On,
            norm: self.norm.unwrap_or(OnnxNorm::Batch),
            opset: self.opset.unwrap_or(17),
            size: self.size.unwrap_or(config.size()),
            dynamic: self.dynamic_size,
            half: self.f16,
            image_io: self.with_image_io,
        };
        let [width, height] = options.size.sides();
        let fits = config.generator.check_size(height, width);
        fits.map_err(other_size)?;
        let pictures = self.int8.as_deref().map(|folder| sources(folder, &config));
        let pictures = pictures.transpose()?;
        let exported = onnx::export(checkpoint, path, &options, pictures.as_deref())?;
        let bytes = onnx::write(&exported.model, out)?;
        let sides = if options.dynamic {
            format!("multiples of {}", 1 << config.generator.halvings())
        } else {
            options.size.to_string()
        };
        notes.say(&format!(
            "{}: {} operations, {:.1} MB, for pictures of {sides} pixels, dropout {}\n",
            out.plain(),
            exported.operations(),
            bytes as f64 / 1e6,
            if options.dropout { "on" } else { "off" },
        ));
        if let Some(value) = filling(&config.source, options.image_io) {
            notes.say(&format!(
                "note: the file does not know the pixels without data that the model was trained with: fill them with {value} \
                 before, and set them again after, as `pix2pix translate` does\n"
            ));
        }
        let (Some(loss), Some(pictures)) = (exported.loss, pictures) else {
            return Ok(());
        };
        let changed = match loss {
            Loss::Values(loss) => format!("pixels by {:.2} of 255 on average", 127.5 * loss),
            Loss::Classes(share) => format!("the class of {:.1}% of the pixels", 100.0 * share),
        };
        notes.say(&format!(
            "8-bit weights change {changed}, without dropout, on {}\n",
            count(pictures.len() as u64, "picture")
        ));
        Ok(())
    }
}

/// What stands for pixels without data in a source, in the values of pictures or in those of the network; `None` for a model that
/// knows none.
fn filling(source: &Domain, image_io: bool) -> Option<String> {
    source.nodata?;
    if !image_io {
        return Some(match &source.labels {
            None => "0".to_string(),
            Some(_) => "the first class".to_string(),
        });
    }
    let bytes = vec![0; source.channels * source.depth.bytes() as usize];
    let samples = Samples::from_bytes(source.depth, &bytes);
    let pixel = Picture::new([1, 1], source.channels, samples);
    let unknown = Picture::new([1, 1], 1, Samples::U8(vec![0]));
    let values = source.filled(&pixel, &unknown).to_floats();
    let same = values.iter().all(|value| *value == values[0]);
    let shown = &values[..if same { 1 } else { values.len() }];
    let shown: Vec<String> = shown.iter().map(f32::to_string).collect();
    Some(shown.join(", "))
}
