//! Scores of one picture against its target.

use pix2pix_runtime::picture::Domain;
use serde::{Deserialize, Serialize};

use crate::data::picture::Picture;
use crate::quality::{Confusion, OwnValues, Planes, Scores, pearson, scores_of};

/// Scores of one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PictureScores {
    /// The pair's name.
    pub name: String,
    /// Its scores, without learned metrics.
    #[serde(flatten)]
    pub scores: Scores,
    /// Width and height at which it was measured, in pixels.
    #[serde(default)]
    pub size: [usize; 2],
    /// L1 and RMSE in the values of the files, if those are not 8-bit.
    #[serde(default)]
    pub own: Option<OwnValues>,
    /// Pearson's correlation of all samples; `None` if all samples of a picture are equal.
    #[serde(default)]
    pub pearson: Option<f64>,
    /// LPIPS, if requested.
    pub lpips: Option<f64>,
    /// DISTS, if requested.
    #[serde(default)]
    pub dists: Option<f64>,
    /// Share of the pixels that have the target's class, if the targets are label maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Mean intersection over union of the classes in the picture or its target, if they are label maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iou: Option<f64>,
}

impl PictureScores {
    /// The scores of an output against its target, which are of `domain`; without learned metrics. `known` has 0 for pixels
    /// without data, which do not count, and `None` is all.
    pub fn of(
        name: &str,
        [output, target]: [&Picture; 2],
        domain: &Domain,
        known: Option<&[u8]>,
    ) -> Self {
        let pictures = [output, target];
        let planes = pictures.map(|picture| Planes::of(picture, domain));
        let classes = domain.labels.as_ref();
        let classes = classes.map(|labels| Confusion::of(labels, output, target, known));
        Self::of_planes(name, pictures, &planes, classes.as_ref(), domain, known)
    }

    /// As [`of`](Self::of), with the planes of output and target, and the confusion of their classes if they are label maps.
    pub(super) fn of_planes(
        name: &str,
        pictures: [&Picture; 2],
        planes: &[Planes; 2],
        classes: Option<&Confusion>,
        domain: &Domain,
        known: Option<&[u8]>,
    ) -> Self {
        let [out, wanted] = planes;
        let [a, b] = planes.each_ref().map(|planes| planes.with_data(known));
        let amounts = classes.is_none();
        Self {
            name: name.to_string(),
            scores: scores_of(out, wanted, known),
            size: out.size,
            own: amounts
                .then(|| OwnValues::of(pictures, domain, known))
                .flatten(),
            pearson: amounts.then(|| pearson(&a, &b)).flatten(),
            lpips: None,
            dists: None,
            accuracy: classes.and_then(Confusion::accuracy),
            iou: classes.and_then(Confusion::mean_iou),
        }
    }

    /// The scores by the keys of [`MEASURES`](crate::quality::MEASURES). Of label maps, only those of classes mean something.
    pub fn named(&self) -> Vec<(&'static str, Option<f64>)> {
        let of_pictures = |value: Option<f64>| value.filter(|_| self.accuracy.is_none());
        vec![
            ("accuracy", self.accuracy),
            ("l1", of_pictures(Some(self.scores.l1))),
            ("rmse", of_pictures(Some(self.scores.rmse))),
            ("l1_own", self.own.map(|own| own.l1)),
            ("rmse_own", self.own.map(|own| own.rmse)),
            ("psnr", of_pictures(Some(self.scores.psnr))),
            ("ssim", of_pictures(self.scores.ssim)),
            ("ms_ssim", of_pictures(self.scores.ms_ssim)),
            ("pearson", self.pearson),
            ("lpips", self.lpips),
            ("dists", self.dists),
        ]
    }
}
