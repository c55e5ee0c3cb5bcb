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
    /// Its scores, without learned metrics; `None` if the targets are label maps, whose planes are no amounts.
    #[serde(flatten)]
    pub scores: Option<Scores>,
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
            scores: amounts.then(|| scores_of(out, wanted, known)),
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

    /// The scores by the keys of [`MEASURES`](crate::quality::MEASURES). Label maps have those of classes alone.
    pub fn named(&self) -> Vec<(&'static str, Option<f64>)> {
        vec![
            ("accuracy", self.accuracy),
            ("l1", self.scores.map(|scores| scores.l1)),
            ("rmse", self.scores.map(|scores| scores.rmse)),
            ("l1_own", self.own.map(|own| own.l1)),
            ("rmse_own", self.own.map(|own| own.rmse)),
            ("psnr", self.scores.map(|scores| scores.psnr)),
            ("ssim", self.scores.and_then(|scores| scores.ssim)),
            ("ms_ssim", self.scores.and_then(|scores| scores.ms_ssim)),
            ("pearson", self.pearson),
            ("lpips", self.lpips),
            ("dists", self.dists),
        ]
    }

    /// How far the output is from its target, to order pictures by: L1, or of label maps the share of pixels of another class.
    pub(super) fn distance(&self) -> f64 {
        match self.scores {
            Some(scores) => scores.l1,
            None => 1.0 - self.accuracy.unwrap_or(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use pix2pix_runtime::picture::Labels;
    use pix2pix_runtime::picture::labels::{Class, Stored};

    use super::*;
    use crate::data::picture::Samples;

    /// Planes of classes are no amounts, and JSON has no scores of amounts for them.
    #[test]
    fn label_maps_have_scores_of_classes_alone() {
        let class = |name: &str| Class {
            name: name.to_string(),
            color: [0; 3],
        };
        let labels = Labels {
            classes: ["sky", "wall"].map(class).to_vec(),
            stored: Stored::Ids,
        };
        let domain = Domain::of_labels(labels);
        let picture = |ids: [u8; 2]| Picture::new([2, 1], 1, Samples::U8(ids.to_vec()));
        let found = PictureScores::of("x", [&picture([0, 1]), &picture([0, 0])], &domain, None);
        assert_eq!((found.accuracy, found.distance()), (Some(0.5), 0.5));
        let json = serde_json::to_value(&found).unwrap();
        for name in ["l1", "rmse", "psnr", "ssim", "ms_ssim"] {
            assert_eq!(json.get(name), None, "{name}");
        }
        let read: PictureScores = serde_json::from_value(json).unwrap();
        assert_eq!(read, found);

        let gray = Domain {
            channels: 1,
            ..Domain::RGB8
        };
        let found = PictureScores::of("x", [&picture([0, 1]), &picture([0, 0])], &gray, None);
        assert!((found.distance() - 0.5).abs() < 1e-4);
        let json = serde_json::to_value(&found).unwrap();
        assert!(json["l1"].is_f64() && json["psnr"].is_f64(), "{json}");
        let read: PictureScores = serde_json::from_value(json).unwrap();
        assert!(read.scores.is_some());
    }
}
