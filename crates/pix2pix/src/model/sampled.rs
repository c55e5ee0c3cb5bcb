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
    /// [`SCALE`] times as large. NaN, or 0 in integers, at pixels without data; if there are any, integers elsewhere are 1 or
    /// more.
    pub deviation: Picture,
    /// The value in it of pixels without data; `None` if all have data.
    pub gap: Option<f32>,
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
        let source = &self.config.source;
        let gap = source.nodata.and_then(|gap| gap.value(options.nodata));
        let mask = gap.and_then(|gap| source.mask(picture, gap));
        let mut sampled = Sampled::of(&spread, &first, mask.as_ref());
        // a mean may be the value of gaps where no translation is
        sampled.mean = self.with_gaps(sampled.mean, mask.as_ref(), options.nodata);
        Ok(sampled)
    }
}

impl Sampled {
    /// The pictures of a spread of pictures like `like`; where the mask is 0, they have no data.
    fn of(spread: &Spread, like: &Picture, mask: Option<&Picture>) -> Self {
        let depth = like.depth();
        let (size, channels) = (like.size(), like.channels());
        let picture = |values: Vec<f32>| {
            Picture::new(
                size,
                channels,
                Samples::of_floats(depth, values.into_iter()),
            )
        };
        let scale = match depth {
            Depth::U8 => SCALE,
            Depth::U16 | Depth::F32 => 1.0,
        };
        // no deviation is what stands for a gap
        let (gap, least) = match (mask, depth) {
            (None, _) => (None, 0.0),
            (Some(_), Depth::F32) => (Some(f32::NAN), 0.0),
            (Some(_), Depth::U8 | Depth::U16) => (Some(0.0), 1.0),
        };
        let mut deviation = spread.deviation();
        let (mut sum, mut largest, mut clipped, mut count) = (0.0, 0.0f32, 0usize, 0usize);
        for (place, value) in deviation.iter_mut().enumerate() {
            if mask.is_some_and(|mask| mask.bytes()[place / channels] == 0) {
                *value = gap.unwrap_or_default();
                continue;
            }
            sum += f64::from(*value);
            largest = largest.max(*value);
            count += 1;
            *value = (*value * scale).max(least);
            clipped += usize::from(depth == Depth::U8 && value.round() > 255.0);
        }
        let share = |of: f64| of / count.max(1) as f64;
        Self {
            mean: picture(spread.mean()),
            deviation: picture(deviation),
            gap,
            average: share(sum),
            largest,
            clipped: share(clipped as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of values that are 2, 0 and 0 apart, the last of them the value of a pixel without data.
    fn sampled(depth: Depth, mask: Option<[u8; 3]>) -> Sampled {
        let mut spread = Spread::new(vec![4.0, 7.0, 9.0]);
        spread.add(&[6.0, 7.0, 9.0]);
        let samples = match depth {
            Depth::U8 => Samples::U8(vec![4, 7, 9]),
            Depth::U16 => Samples::U16(vec![4, 7, 9]),
            Depth::F32 => Samples::F32(vec![4.0, 7.0, 9.0]),
        };
        let like = Picture::new([3, 1], 1, samples);
        let mask = mask.map(|known| Picture::new([3, 1], 1, Samples::U8(known.to_vec())));
        Sampled::of(&spread, &like, mask.as_ref())
    }

    #[test]
    fn gaps_are_no_deviations() {
        let root = 2f64.sqrt() as f32;
        let mask = Some([255, 255, 0]);
        for depth in [Depth::U8, Depth::U16, Depth::F32] {
            let found = sampled(depth, mask);
            assert!((found.average - f64::from(root) / 2.0).abs() < 1e-6);
            assert_eq!((found.largest, found.clipped), (root, 0.0));
            assert_eq!(found.mean.to_floats(), [5.0, 7.0, 9.0]);
        }
        let floats = sampled(Depth::F32, mask);
        let deviations = floats.deviation.to_floats();
        assert_eq!(deviations[..2], [root, 0.0]);
        assert!(deviations[2].is_nan() && floats.gap.is_some_and(f32::is_nan));
        // a deviation of 0 is not that of a gap
        for (depth, first) in [(Depth::U8, 23.0), (Depth::U16, 1.0)] {
            let integers = sampled(depth, mask);
            assert_eq!(integers.deviation.to_floats(), [first, 1.0, 0.0]);
            assert_eq!(integers.gap, Some(0.0));
        }
        let whole = sampled(Depth::U8, None);
        assert_eq!(whole.deviation.to_floats(), [23.0, 0.0, 0.0]);
        assert_eq!(whole.gap, None);
        assert!((whole.average - f64::from(root) / 3.0).abs() < 1e-6);
        let none = sampled(Depth::F32, Some([0; 3]));
        assert_eq!((none.average, none.largest), (0.0, 0.0));
    }
}
