//! The pixels of a TIFF that have no data, as its tag says of the stored samples: the picture has other ones where reading
//! converts them.

use pix2pix_runtime::picture::{Nodata, Samples};
use tiff_reader::RasterLayout;

/// Which pixels without data are marked while a file is read: with the value of [`Metadata::nodata`](super::Metadata::nodata),
/// by which they are known from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gaps {
    /// None: all pixels are read as they are.
    AsStored,
    /// Those of the index of a palette that the file names, as the color of another index may be the same.
    OfPalettes,
    /// These, and NaN beside a number that the file names.
    All,
}

impl Gaps {
    /// Those to mark where the pixels without data are known so.
    pub fn known_by(nodata: Option<Nodata>) -> Self {
        match nodata {
            Some(Nodata::Tag) => Self::All,
            Some(Nodata::Value(_)) | None => Self::AsStored,
        }
    }
}

/// What a file names for pixels without data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gap {
    /// The value that samples of the picture have where they are marked.
    pub value: f32,
    /// The index of a palette, if the picture has its colors.
    pub index: Option<u32>,
}

impl Gap {
    /// The one of this index of palettes with these colors; `None` if none of them has it. Its value is one that the color of
    /// no other index has: the index itself, or one of its color, if it can be. If there is none, others make way for it.
    pub fn of_index(palettes: &[Vec<[u8; 3]>], stored: f64) -> Option<Self> {
        let index = stored as u32;
        let is_index = |colors: &Vec<[u8; 3]>| (index as usize) < colors.len();
        if f64::from(index) != stored || !palettes.iter().all(is_index) {
            return None;
        }
        let own = palettes.first()?[index as usize];
        let mut is_taken = [false; 256];
        let colors = palettes.iter().flat_map(|colors| colors.iter().enumerate());
        for (_, color) in colors.filter(|(at, _)| *at != index as usize) {
            color
                .iter()
                .for_each(|value| is_taken[usize::from(*value)] = true);
        }
        let first = u8::try_from(index).into_iter().chain(own);
        let value = first
            .chain(0..=255)
            .find(|value| !is_taken[usize::from(*value)]);
        Some(Self {
            value: value.unwrap_or(own[0]).into(),
            index: Some(index),
        })
    }

    /// Marks the pixels of this index among those that a palette gave their colors.
    pub fn mark_colors(self, samples: &mut Samples, channels: usize, indices: &[u32]) {
        let Samples::U8(samples) = samples else {
            return;
        };
        let value = self.value as u8;
        let beside = match value {
            u8::MAX => value - 1,
            _ => value + 1,
        };
        for (pixel, index) in samples.chunks_exact_mut(channels).zip(indices) {
            let color = &mut pixel[..3];
            if Some(*index) == self.index {
                color.fill(value);
                continue;
            }
            for sample in color.iter_mut().filter(|sample| **sample == value) {
                *sample = beside;
            }
        }
    }

    /// Marks samples that are NaN.
    pub fn mark_nan(self, samples: &mut Samples) {
        if let Samples::F32(samples) = samples {
            let unknown = samples.iter_mut().filter(|sample| sample.is_nan());
            unknown.for_each(|sample| *sample = self.value);
        }
    }
}

/// The indices of pixels in the bytes of samples that are stored in this layout, in native byte order: the first sample of each.
pub(super) fn indices(bytes: &[u8], layout: &RasterLayout) -> Vec<u32> {
    let samples = layout.samples_per_pixel;
    match layout.bits_per_sample {
        ..=8 => bytes
            .iter()
            .step_by(samples)
            .map(|&index| index.into())
            .collect(),
        _ => {
            let words = bytes.as_chunks().0.iter().step_by(samples);
            words.map(|word| u16::from_ne_bytes(*word).into()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_an_index_is_in_no_other_color() {
        let value = |colors: &[[u8; 3]], index: f64| {
            Gap::of_index(&[colors.to_vec()], index).map(|gap| gap.value)
        };
        let land = [[0, 0, 0], [0, 100, 0], [255, 187, 34], [0, 0, 0]];
        assert_eq!(value(&land, 0.0), Some(1.0));
        assert_eq!(value(&land, 1.0), Some(1.0));
        assert_eq!(value(&[[0, 99, 9], [2, 0, 4]], 0.0), Some(99.0));
        for none in [4.0, -1.0, 0.5, f64::NAN, 1e12] {
            assert_eq!(value(&land, none), None, "{none}");
        }
        // of several pages, each has colors of its own
        let pages = [land.to_vec(), vec![[1; 3]; 4]];
        assert_eq!(Gap::of_index(&pages, 0.0).map(|gap| gap.value), Some(2.0));
    }

    /// A palette may be a slope, of which each color has all values.
    #[test]
    fn colors_make_way_where_every_value_is_taken() {
        let slope: Vec<[u8; 3]> = (0..=255).map(|value| [value, 255 - value, 7]).collect();
        let gap = Gap::of_index(&[slope], 255.0).unwrap();
        assert_eq!((gap.value, gap.index), (255.0, Some(255)));
        let mut samples = Samples::U8(vec![255, 0, 7, 0, 255, 7, 9, 9, 9]);
        gap.mark_colors(&mut samples, 3, &[255, 0, 8]);
        assert_eq!(
            samples,
            Samples::U8(vec![255, 255, 255, 0, 254, 7, 9, 9, 9])
        );
    }

    #[test]
    fn an_index_is_the_first_sample_of_a_pixel() {
        let layout = |bits_per_sample: u16, samples_per_pixel: usize| RasterLayout {
            width: 2,
            height: 1,
            samples_per_pixel,
            bits_per_sample,
            bytes_per_sample: usize::from(bits_per_sample.div_ceil(8)),
            sample_format: 1,
            planar_configuration: 1,
            predictor: 1,
        };
        assert_eq!(indices(&[7, 255, 9, 255], &layout(4, 2)), [7, 9]);
        let words: Vec<u8> = [300u16, 9]
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        assert_eq!(indices(&words, &layout(16, 1)), [300, 9]);
    }
}
