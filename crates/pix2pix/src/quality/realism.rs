//! Measures of realism that need no download: whether outputs have the textures and the details of their targets, wherever
//! these are. L1, PSNR and SSIM reward blur; these do not.

use serde::{Deserialize, Serialize};

use super::Planes;
use super::spectrum::{Point, Spectra};
use super::swd::SlicedWasserstein;

/// A set of outputs and their targets, to be measured together.
pub struct Realism {
    textures: SlicedWasserstein,
    spectra: Spectra,
    pairs: usize,
}

/// How unlike the outputs are their targets, as sets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RealismScores {
    /// Number of pairs that were added: those without gaps. 0 in files of earlier versions.
    #[serde(default)]
    pub pairs: usize,
    /// Sliced Wasserstein distance, the mean over its levels; `None` for pictures below 16x16 pixels.
    pub swd: Option<f64>,
    /// The distance at each level, the finest first: the side is halved from one to the next.
    pub swd_levels: Vec<f64>,
    /// Distance of the power spectra, the mean over the octaves, in dB; `None` for pictures below 8x8 pixels.
    pub spectrum: Option<f64>,
    /// The distance in each octave, the finest first: waves below 4 pixels, of 4 to 8, and so on. The first one has the waves
    /// below 2 pixels too, those of the diagonals.
    pub spectrum_octaves: Vec<f64>,
    /// Power of the outputs over that of the targets in each octave, in dB. Negative is too smooth, positive too rough.
    pub octaves: Vec<f64>,
}

impl Realism {
    /// For a number of pairs.
    pub fn new(pairs: usize) -> Self {
        Self {
            textures: SlicedWasserstein::new(pairs),
            spectra: Spectra::default(),
            pairs: 0,
        }
    }

    /// Adds an output and its target, of one size. All pictures must have the same channels.
    pub fn add(&mut self, output: &Planes, target: &Planes) {
        self.pairs += 1;
        self.textures.add(output, target);
        self.spectra.add(output, target);
    }

    /// The measures of all that were added.
    pub fn scores(&self) -> RealismScores {
        let swd_levels = self.textures.distances();
        let spectrum_octaves = self.spectra.distances();
        RealismScores {
            pairs: self.pairs,
            swd: mean(swd_levels.iter().copied()),
            spectrum: mean(spectrum_octaves.iter().copied()),
            swd_levels,
            spectrum_octaves,
            octaves: self.spectra.octaves(),
        }
    }

    /// The power spectra of outputs and targets.
    pub fn curves(&self) -> Vec<Point> {
        self.spectra.curves()
    }
}

/// The mean, `None` if there are no values.
fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}
