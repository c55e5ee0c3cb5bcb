//! Metrics of translations against their targets: L1, RMSE, PSNR, SSIM and Pearson's correlation; the sliced Wasserstein
//! distance and power spectra, which see what those miss; and the learned metrics LPIPS, DISTS, FID and KID, which need
//! downloaded weights.
//!
//! Read [`scores`] first. [`Lpips`] and [`Dists`] compare two pictures; [`Realism`], and [`Inception`] with [`frechet_distance`] and
//! [`kernel_distance`], two sets of pictures. [`Calibration`] says whether the spread of samples predicts their error.
//! To score a model on a data set, use [`report::evaluate`](crate::report::evaluate()).
//!
//! ```
//! use pix2pix::data::{Domain, earth::earth};
//! use pix2pix::quality::{Planes, scores};
//!
//! let pair = earth().train.read(0)?;
//! let [map, photo] = [&pair.source, &pair.target].map(|picture| Planes::of(picture, &Domain::RGB8));
//! assert_eq!(scores(&photo, &photo).l1, 0.0);
//! assert!(scores(&map, &photo).psnr < 20.0);
//! # Ok::<(), pix2pix::Error>(())
//! ```

#[cfg(feature = "report")]
mod calibration;
pub(crate) mod confusion;
pub(crate) mod dists;
#[cfg(feature = "report")]
pub(crate) mod fid;
#[cfg(feature = "report")]
pub(crate) mod inception;
mod infinite;
#[cfg(feature = "report")]
pub(crate) mod interval;
#[cfg(feature = "report")]
pub(crate) mod kid;
pub(crate) mod lpips;
pub(crate) mod measure;
#[cfg(feature = "report")]
pub(crate) mod own_values;
#[cfg(feature = "report")]
pub(crate) mod pearson;
mod pretrained;
#[cfg(feature = "download")]
pub(crate) mod published;
mod pyramid;
#[cfg(feature = "report")]
pub(crate) mod rank;
pub(crate) mod realism;
pub(crate) mod score;
pub(crate) mod spectrum;
pub(crate) mod spread;
pub(crate) mod ssim;
pub(crate) mod swd;

#[cfg(feature = "report")]
pub use calibration::{Bin, Calibration, Confidence};
pub use confusion::{ClassScore, Confusion};
pub use dists::Dists;
#[cfg(feature = "report")]
pub use fid::frechet_distance;
#[cfg(feature = "report")]
pub use inception::Inception;
#[cfg(feature = "report")]
pub use interval::Mean;
#[cfg(feature = "report")]
pub use kid::kernel_distance;
pub use lpips::Lpips;
pub use measure::{MEASURES, Measure, digits_that_count};
#[cfg(feature = "report")]
pub use own_values::OwnValues;
#[cfg(feature = "report")]
pub use pearson::pearson;
#[cfg(feature = "download")]
pub use published::{PUBLISHED, Published};
#[cfg(feature = "report")]
pub use rank::spearman;
pub use realism::{Realism, RealismScores};
pub use score::Score;
pub use spectrum::Point;

#[cfg(feature = "report")]
use std::borrow::Cow;

use burn::tensor::{Device, Tensor, TensorData};
use pix2pix_runtime::picture::Domain;
use serde::{Deserialize, Serialize};

use crate::data::picture::Picture;

/// Largest value of [`Planes`].
pub const PEAK: f64 = 255.0;

/// A picture's samples as planes with values from 0 to 255, to which its domain's range is scaled, whatever its depth. Of
/// label maps, the planes are one-hot: 255 where a pixel has the plane's class.
#[derive(Clone)]
pub struct Planes {
    /// `[channels, height, width]`, row by row.
    pub values: Vec<f32>,
    /// Number of channels.
    pub channels: usize,
    /// Width and height in pixels.
    pub size: [usize; 2],
}

impl Planes {
    /// The planes of a picture of this domain.
    pub fn of(picture: &Picture, domain: &Domain) -> Self {
        let values = domain.target_planes(picture);
        Self {
            values: values.iter().map(|value| (value + 1.0) * 127.5).collect(),
            channels: domain.planes(),
            size: picture.size().map(|side| side as usize),
        }
    }

    /// The samples of the pixels that have data, as one row: `known` has 0 for the others, and `None` is all.
    #[cfg(feature = "report")]
    pub(crate) fn with_data(&self, known: Option<&[u8]>) -> Cow<'_, Self> {
        let Some(known) = known else {
            return Cow::Borrowed(self);
        };
        let pixels = self.values.iter().zip(known.iter().cycle());
        let values: Vec<f32> = pixels
            .filter(|(_, known)| **known > 0)
            .map(|(value, _)| *value)
            .collect();
        let width = values.len() / self.channels.max(1);
        Cow::Owned(Self {
            values,
            channels: self.channels,
            size: [width, 1],
        })
    }

    /// A batch of one, `[1, channels, height, width]` in [-1, 1].
    pub fn to_tensor(&self, device: &Device) -> Tensor<4> {
        let values: Vec<f32> = self
            .values
            .iter()
            .map(|value| value / 127.5 - 1.0)
            .collect();
        let [width, height] = self.size;
        let shape = [1, self.channels, height, width];
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// The plane of each channel.
    pub fn channels(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.size[0] * self.size[1])
    }
}

/// Metrics of one translation against its target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// L1: mean absolute difference, of 255.
    pub l1: f64,
    /// Root mean squared difference, of 255.
    pub rmse: f64,
    /// Peak signal-to-noise ratio, in dB; infinite for equal pictures, in JSON the text "Infinity".
    #[serde(with = "infinite")]
    pub psnr: f64,
    /// Structural similarity, at most 1; `None` for pictures below 11x11 pixels.
    pub ssim: Option<f64>,
    /// Multi-scale structural similarity; `None` if a side is below 176 pixels.
    pub ms_ssim: Option<f64>,
}

/// The PSNR with which an output counts in a mean, at most, in dB. That of an output that equals its target is infinite, as those
/// of blank pages and empty slices often are, and so would be the mean, however good the others are.
pub const MOST_PSNR: f64 = 100.0;

/// The mean of `term` over the differences of all samples whose pixels have data.
fn mean_of(output: &Planes, target: &Planes, known: Option<&[u8]>, term: fn(f64) -> f64) -> f64 {
    let pairs = output.values.iter().zip(&target.values);
    let differences = pairs.map(|(a, b)| term(f64::from(a - b)));
    let Some(known) = known else {
        return differences.sum::<f64>() / output.values.len() as f64;
    };
    let pixels = known.iter().cycle();
    let kept = differences.zip(pixels).filter(|(_, known)| **known > 0);
    let (sum, count) = kept.fold((0.0, 0.0), |(sum, count), (value, _)| {
        (sum + value, count + 1.0)
    });
    sum / count
}

/// L1: mean absolute difference, of 255. Both pictures must have the same size and number of channels. `known` has 0 for
/// pixels without data, which do not count; not a number if none has.
pub fn l1(output: &Planes, target: &Planes, known: Option<&[u8]>) -> f64 {
    mean_of(output, target, known, f64::abs)
}

/// Computes the metrics of a translation. Both pictures must have the same size and number of channels.
pub fn scores(output: &Planes, target: &Planes) -> Scores {
    scores_of(output, target, None)
}

/// As [`scores()`], over the pixels that have data: `known` has 0 for the others, and `None` is all. L1 is not a number if no
/// pixel has data. MS-SSIM, which shrinks the pictures, is left out where some have none.
pub fn scores_of(output: &Planes, target: &Planes, known: Option<&[u8]>) -> Scores {
    let mse = mean_of(output, target, known, |difference| difference * difference);
    Scores {
        l1: l1(output, target, known),
        rmse: mse.sqrt(),
        psnr: 10.0 * (PEAK * PEAK / mse).log10(),
        ssim: ssim::ssim(output, target, known),
        ms_ssim: match known {
            None => ssim::ms_ssim(output, target),
            Some(_) => None,
        },
    }
}
