//! How good translations are: distances to the target, structural similarity, and, with their weights,
//! learned measures.

pub(crate) mod fid;
pub(crate) mod inception;
pub(crate) mod interval;
pub(crate) mod lpips;
pub(crate) mod published;
pub(crate) mod ssim;

pub use fid::frechet_distance;
pub use inception::Inception;
pub use lpips::Lpips;
pub use published::{PUBLISHED, Published};

use serde::{Deserialize, Serialize};

use crate::data::domain::Domain;
use crate::data::picture::Picture;

/// Largest value of [`Planes`].
pub const PEAK: f64 = 255.0;

/// The samples of a picture as planes with values from 0 to 255, whatever its depth: its domain's range is
/// stretched to that.
pub struct Planes {
    /// Channel by channel, row by row.
    pub values: Vec<f32>,
    /// Channels.
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

    /// Each channel.
    pub fn channels(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.size[0] * self.size[1])
    }
}

/// Measures of one translation against its target, on a scale of 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Mean absolute difference.
    pub l1: f64,
    /// Root of the mean squared difference.
    pub rmse: f64,
    /// Peak signal-to-noise ratio, in dB; infinite for equal pictures.
    pub psnr: f64,
    /// Structural similarity, at most 1 ([`ssim`]); nothing for pictures below 11x11 pixels.
    pub ssim: Option<f64>,
    /// The same over five scales; nothing for pictures with a side below 176 pixels.
    pub ms_ssim: Option<f64>,
}

/// Measures a translation. Both pictures have one size and one number of channels.
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
