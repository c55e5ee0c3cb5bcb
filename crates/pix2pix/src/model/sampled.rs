//! Several translations of one picture, which differ in their dropout alone: their mean, and how far they are apart.

use pix2pix_runtime::TranslateOptions;

use super::translate::Translator;
use crate::data::picture::{Depth, Picture, Samples};
use crate::error::{Error, Result};
use crate::quality::spread::Spread;

/// Factor of the deviation in 8-bit pictures, in which it would be too dark to see: 255 is a deviation of 15.9.
pub const SCALE: f32 = 16.0;

/// The mean and the standard deviation of several translations of a picture.
pub struct Sampled {
    /// The mean, a picture like each translation.
    pub mean: Picture,
    /// The standard deviation of each sample, in the depth of the mean: for 16 bits and floats in the same unit, for 8 bits
    /// [`SCALE`] times as large.
    pub deviation: Picture,
    /// Mean of the deviations, in the unit of the mean.
    pub average: f64,
    /// The largest deviation, in the unit of the mean.
    pub largest: f32,
    /// Share of the deviations that the picture cannot hold, 0 to 1: it has its largest value there.
    pub clipped: f64,
}

impl Translator {
    /// Checks that translations with these options differ.
    ///
    /// # Errors
    /// When there is no dropout, or the outputs are label maps.
    pub fn check_samples(&self, options: &TranslateOptions) -> Result<()> {
        let reason = if !self.config.generator.has_dropout() {
            "`samples` differ in their dropout alone, and this model has none; train one with `dropout`"
        } else if !options.dropout {
            "`samples` differ in their dropout alone, and `dropout` is off"
        } else if self.config.target.labels.is_some() {
            "`samples` have a mean and a deviation, and this model's outputs are label maps, which have none; omit it"
        } else {
            return Ok(());
        };
        Err(Error::Config(reason.to_string()))
    }

    /// Translates a picture `count` times. The first is that of
    /// [`translate_with`](pix2pix_runtime::Translator::translate_with); the others have the dropout of the following indices.
    ///
    /// # Errors
    /// Those of [`check_samples`](Self::check_samples) and of
    /// [`translate_with`](pix2pix_runtime::Translator::translate_with).
    pub fn translate_samples(
        &self,
        picture: &Picture,
        options: &TranslateOptions,
        count: u64,
    ) -> Result<Sampled> {
        self.check_samples(options)?;
        let translated = |sample: u64| {
            let options = TranslateOptions {
                index: options.index + sample,
                ..*options
            };
            self.translate_with(picture.clone(), &options)
        };
        let first = translated(0)?;
        let mut spread = Spread::new(first.to_floats());
        for sample in 1..count {
            spread.add(&translated(sample)?.to_floats());
        }
        let like = |values: Vec<f32>| {
            let samples = match first.depth() {
                Depth::U8 => Samples::U8(values.iter().map(|v| v.round() as u8).collect()),
                Depth::U16 => Samples::U16(values.iter().map(|v| v.round() as u16).collect()),
                Depth::F32 => Samples::F32(values),
            };
            Picture::new(first.size(), first.channels(), samples)
        };
        let mut deviation = spread.deviation();
        let sum: f64 = deviation.iter().map(|value| f64::from(*value)).sum();
        let average = sum / deviation.len() as f64;
        let largest = deviation.iter().copied().fold(0.0, f32::max);
        let mut clipped = 0;
        if first.depth() == Depth::U8 {
            for value in &mut deviation {
                *value *= SCALE;
                clipped += usize::from(value.round() > 255.0);
            }
        }
        Ok(Sampled {
            clipped: clipped as f64 / deviation.len() as f64,
            mean: like(spread.mean()),
            deviation: like(deviation),
            average,
            largest,
        })
    }
}
