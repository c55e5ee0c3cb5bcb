//! The scores by which a run can choose its best checkpoint.

use serde::{Deserialize, Serialize};

use crate::choice::choices;
use crate::error::{Error, Result};
use crate::quality::lpips::Lpips;
use crate::quality::measure::Measure;
use crate::quality::{ssim, swd};

/// A score of held-out pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Score {
    /// Mean absolute difference.
    L1,
    /// Peak signal-to-noise ratio.
    Psnr,
    /// Structural similarity.
    Ssim,
    /// Sliced Wasserstein distance, the mean over its levels.
    Swd,
    /// Distance of the power spectra.
    Spectrum,
    /// The learned distance LPIPS.
    Lpips,
    /// Share of the pixels with the right class.
    Accuracy,
    /// Mean intersection over union of the classes.
    Iou,
}

choices!(Score, "score",
    L1: "l1", "Mean absolute difference; lower is better";
    Psnr: "psnr", "Peak signal-to-noise ratio; higher is better";
    Ssim: "ssim", "Structural similarity; higher is better";
    Swd: "swd", "Sliced Wasserstein distance of textures; lower is better";
    Spectrum: "spectrum", "Distance of the power spectra; lower is better";
    Lpips: "lpips", "LPIPS, with the weights of `perceptual_weights`; lower is better";
    Accuracy: "accuracy", "Pixel accuracy of label maps; higher is better";
    Iou: "iou", "Mean intersection over union of label maps' classes; higher is better";
);

impl Score {
    /// Whether `new` is better than `old`.
    pub fn is_better(self, new: f64, old: f64) -> bool {
        match self.measure().higher {
            true => new > old,
            false => new < old,
        }
    }

    /// Its row in the table of measures.
    pub fn measure(self) -> Measure {
        match self {
            Self::L1 => Measure::L1,
            Self::Psnr => Measure::PSNR,
            Self::Ssim => Measure::SSIM,
            Self::Swd => Measure::SWD,
            Self::Spectrum => Measure::SPECTRUM,
            Self::Lpips => Measure::LPIPS,
            Self::Accuracy => Measure::ACCURACY,
            Self::Iou => Measure::IOU,
        }
    }

    /// The score as it is written in texts, e.g. "L1".
    pub fn label(self) -> &'static str {
        self.measure().label
    }

    /// The title of its curve over the steps, e.g. "Held-out pairs: PSNR (dB)".
    pub fn title(self) -> String {
        format!("Held-out pairs: {}", self.measure().full_heading())
    }

    /// Whether it is a score of label maps, which have no others.
    pub fn is_of_labels(self) -> bool {
        matches!(self, Self::Accuracy | Self::Iou)
    }

    /// Checks that pictures of this shape, `[channels, height, width]`, have this score.
    ///
    /// # Errors
    /// When they are too small, or LPIPS does not accept their channels.
    pub fn check(self, shape: [usize; 3]) -> Result<()> {
        let [_, height, width] = shape;
        match self {
            Self::Ssim if height.min(width) < ssim::WINDOW => Err(Error::Picture(format!(
                "SSIM needs sides of at least {} pixels",
                ssim::WINDOW
            ))),
            Self::Swd if height.min(width) < swd::SMALLEST => Err(Error::Picture(format!(
                "the sliced Wasserstein distance needs sides of at least {} pixels",
                swd::SMALLEST
            ))),
            Self::Lpips => Lpips::check(shape),
            // every network takes sides of 8 pixels or more, which have an octave
            Self::L1 | Self::Psnr | Self::Ssim | Self::Swd | Self::Spectrum => Ok(()),
            Self::Accuracy | Self::Iou => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use pix2pix_runtime::choice::Choice;

    use super::*;

    /// Options and files know a score by the name that the table of measures has, and help texts say what it says.
    #[test]
    fn a_score_is_its_measure() {
        for (score, name, about) in Score::CHOICES {
            let measure = score.measure();
            assert_eq!(measure.key, *name);
            let better = if measure.higher { "higher" } else { "lower" };
            let told = format!("; {better} is better");
            assert!(about.ends_with(&told), "{name}: {about}");
        }
    }
}
