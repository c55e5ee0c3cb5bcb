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
pub(crate) mod dists;
#[cfg(feature = "report")]
pub(crate) mod fid;
#[cfg(feature = "report")]
pub(crate) mod inception;
#[cfg(feature = "report")]
pub(crate) mod interval;
#[cfg(feature = "report")]
pub(crate) mod kid;
pub(crate) mod lpips;
#[cfg(feature = "report")]
pub(crate) mod own_values;
#[cfg(feature = "report")]
pub(crate) mod pearson;
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

use burn::tensor::{Device, Tensor, TensorData};
use pix2pix_runtime::picture::Domain;
use serde::{Deserialize, Serialize};

use crate::data::picture::Picture;

/// Largest value of [`Planes`].
pub const PEAK: f64 = 255.0;

/// A picture's samples as planes with values from 0 to 255, to which its domain's range is scaled, whatever its depth.
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
        let values = picture.to_planes(domain.range_of(picture.depth()));
        Self {
            values: values.iter().map(|value| (value + 1.0) * 127.5).collect(),
            channels: picture.channels(),
            size: picture.size().map(|side| side as usize),
        }
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
    /// Peak signal-to-noise ratio, in dB; infinite for equal pictures.
    pub psnr: f64,
    /// Structural similarity, at most 1; `None` for pictures below 11x11 pixels.
    pub ssim: Option<f64>,
    /// Multi-scale structural similarity; `None` if a side is below 176 pixels.
    pub ms_ssim: Option<f64>,
}

/// Computes the metrics of a translation. Both pictures must have the same size and number of channels.
pub fn scores(output: &Planes, target: &Planes) -> Scores {
    let differences = || {
        let pairs = output.values.iter().zip(&target.values);
        pairs.map(|(a, b)| f64::from(a - b))
    };
    let count = output.values.len() as f64;
    let l1 = differences().map(f64::abs).sum::<f64>() / count;
    let mse = differences().map(|d| d * d).sum::<f64>() / count;
    Scores {
        l1,
        rmse: mse.sqrt(),
        psnr: 10.0 * (PEAK * PEAK / mse).log10(),
        ssim: ssim::ssim(output, target),
        ms_ssim: ssim::ms_ssim(output, target),
    }
}
