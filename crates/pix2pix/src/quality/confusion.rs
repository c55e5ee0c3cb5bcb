//! Scores of label maps: how often a pixel has the class of the target.

use pix2pix_runtime::picture::Labels;
use serde::{Deserialize, Serialize};

use crate::data::picture::Picture;

/// Counts of pixels by the class of the target and of the output.
#[derive(Clone, Debug)]
pub struct Confusion {
    classes: usize,
    /// `[target][output]`.
    counts: Vec<u64>,
}

/// How well a class is found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// Name of the class, or its number.
    pub name: String,
    /// Intersection over union; `None` if neither outputs nor targets have the class.
    pub iou: Option<f64>,
    /// Share of the targets' pixels.
    pub share: f64,
}

impl Confusion {
    /// No pixels, of so many classes.
    pub fn new(classes: usize) -> Self {
        Self {
            classes,
            counts: vec![0; classes * classes],
        }
    }

    /// The pixels of a picture and its target, which have one size; `known` has 0 for pixels without data, which do not
    /// count.
    pub fn of(labels: &Labels, output: &Picture, target: &Picture, known: Option<&[u8]>) -> Self {
        let mut confusion = Self::new(labels.classes.len());
        let [output, target] = [output, target].map(|picture| labels.classes_of(picture));
        let counts = |pixel: usize| known.is_none_or(|known| known[pixel] > 0);
        for (pixel, (output, target)) in output.into_iter().zip(target).enumerate() {
            if !counts(pixel) {
                continue;
            }
            let at = usize::from(target) * confusion.classes + usize::from(output);
            confusion.counts[at] += 1;
        }
        confusion
    }

    /// Adds the pixels of another picture.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.counts.iter_mut().zip(&other.counts) {
            *sum += more;
        }
    }

    /// Share of the pixels that have the target's class; `None` without pixels.
    pub fn accuracy(&self) -> Option<f64> {
        let right: u64 = (0..self.classes).map(|class| self.at(class, class)).sum();
        share(right, self.counts.iter().sum())
    }

    /// Intersection over union of a class: the pixels where both output and target have it, of those where one has it;
    /// `None` if none has it.
    pub fn iou(&self, class: usize) -> Option<f64> {
        let both = self.at(class, class);
        share(both, self.of_target(class) + self.of_output(class) - both)
    }

    /// Mean intersection over union of the classes that outputs or targets have (Long et al. 2015, section 5).
    pub fn mean_iou(&self) -> Option<f64> {
        let found: Vec<f64> = (0..self.classes)
            .filter_map(|class| self.iou(class))
            .collect();
        (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
    }

    /// The score of each class.
    pub fn by_class(&self, labels: &Labels) -> Vec<ClassScore> {
        let all = self.counts.iter().sum();
        let score = |class: usize| ClassScore {
            name: labels.name(class),
            iou: self.iou(class),
            share: share(self.of_target(class), all).unwrap_or(0.0),
        };
        (0..self.classes).map(score).collect()
    }

    fn at(&self, target: usize, output: usize) -> u64 {
        self.counts[target * self.classes + output]
    }

    fn of_target(&self, class: usize) -> u64 {
        (0..self.classes).map(|output| self.at(class, output)).sum()
    }

    fn of_output(&self, class: usize) -> u64 {
        (0..self.classes).map(|target| self.at(target, class)).sum()
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use pix2pix_runtime::picture::labels::{Class, Stored};

    use super::*;
    use crate::data::picture::Samples;

    /// The values of scikit-learn 1.9: `accuracy_score`, and `jaccard_score` with `average=None` and `average="macro"`
    /// over the classes that occur.
    #[test]
    fn scores_are_those_of_scikit_learn() {
        let class = Class {
            name: String::new(),
            color: [0; 3],
        };
        let labels = Labels {
            stored: Stored::Ids,
            classes: vec![class; 4],
        };
        let row = |values: &[u8]| Picture::new([8, 1], 1, Samples::U8(values.to_vec()));
        let target = row(&[0, 0, 0, 1, 1, 2, 2, 2]);
        let output = row(&[0, 0, 1, 1, 1, 2, 0, 1]);
        let found = Confusion::of(&labels, &output, &target, None);
        assert_eq!(found.accuracy(), Some(0.625));
        let each = [0, 1, 2, 3].map(|class| found.iou(class));
        assert_eq!(each, [Some(0.5), Some(0.5), Some(1.0 / 3.0), None]);
        let mean = found.mean_iou().unwrap();
        assert!((mean - 0.444_444_444_444_444_4).abs() < 1e-12, "{mean}");
        let mut both = Confusion::new(4);
        both.add(&found);
        both.add(&Confusion::of(&labels, &target, &target, None));
        assert_eq!(both.accuracy(), Some(13.0 / 16.0));
        assert_eq!(both.by_class(&labels)[2].share, 6.0 / 16.0);
        // without the two right pixels of the first class
        let known = [0, 0, 255, 255, 255, 255, 255, 255];
        let found = Confusion::of(&labels, &output, &target, Some(&known));
        assert_eq!((found.accuracy(), found.iou(0)), (Some(0.5), Some(0.0)));
    }
}
