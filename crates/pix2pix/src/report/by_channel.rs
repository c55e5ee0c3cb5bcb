//! Scores of each channel, for targets whose channels are no colors: two stains, or the bands of a satellite.

use pix2pix_runtime::picture::Domain;
use serde::{Deserialize, Serialize};

use crate::quality::{Planes, l1, pearson};

/// Scores of one channel of the targets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelScores {
    /// L1: mean absolute difference, of 255.
    pub l1: f64,
    /// Root mean squared difference, of 255.
    pub rmse: f64,
    /// Pearson's correlation; `None` if all samples of a picture are equal.
    pub pearson: Option<f64>,
}

/// The scores of each channel of an output of this domain against its target; none of gray, colors and label maps. `known` has 0
/// for pixels without data, which do not count, and `None` is all.
pub fn scores_by_channel(
    [output, target]: &[Planes; 2],
    domain: &Domain,
    known: Option<&[u8]>,
) -> Vec<ChannelScores> {
    let are_colors = matches!(domain.channels, 1 | 3 | 4);
    if are_colors || domain.labels.is_some() {
        return Vec::new();
    }
    let pairs = output.channels().zip(target.channels());
    let scores = pairs.map(|(output, target)| {
        let planes = [output, target].map(|values| Planes {
            values: values.to_vec(),
            channels: 1,
            size: [values.len(), 1],
        });
        let [output, target] = planes.each_ref().map(|planes| planes.with_data(known));
        let differences = output.values.iter().zip(&target.values);
        let squares = differences.map(|(a, b)| f64::from(a - b).powi(2));
        ChannelScores {
            l1: l1(&output, &target, None),
            rmse: (squares.sum::<f64>() / output.values.len() as f64).sqrt(),
            pearson: pearson(&output, &target),
        }
    });
    scores.collect()
}

/// The means of the scores of several pictures, each with all channels; of correlations, over the pictures that have one.
pub fn means_by_channel(pictures: &[Vec<ChannelScores>]) -> Vec<ChannelScores> {
    let channels = pictures.first().map_or(0, Vec::len);
    let of_channel = |channel: usize| {
        let scores = || pictures.iter().map(|scores| scores[channel]);
        let mean = |values: Vec<f64>| {
            let count = values.len() as f64;
            (count > 0.0).then(|| values.iter().sum::<f64>() / count)
        };
        Some(ChannelScores {
            l1: mean(scores().map(|scores| scores.l1).collect())?,
            rmse: mean(scores().map(|scores| scores.rmse).collect())?,
            pearson: mean(scores().filter_map(|scores| scores.pearson).collect()),
        })
    };
    (0..channels).filter_map(of_channel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two channels of three pixels. Of the first one, the differences are 3, 4 and 0; the second one is its target upside down.
    #[test]
    fn channels_by_hand() {
        let planes = |values: [f32; 6]| Planes {
            values: values.to_vec(),
            channels: 2,
            size: [3, 1],
        };
        let domain = Domain {
            channels: 2,
            ..Domain::RGB8
        };
        let both = [
            planes([13.0, 24.0, 30.0, 1.0, 2.0, 3.0]),
            planes([10.0, 20.0, 30.0, 3.0, 2.0, 1.0]),
        ];
        let found = scores_by_channel(&both, &domain, None);
        assert_eq!(found.len(), 2);
        assert!((found[0].l1 - 7.0 / 3.0).abs() < 1e-9, "{found:?}");
        assert!(
            (found[0].rmse - (25f64 / 3.0).sqrt()).abs() < 1e-9,
            "{found:?}"
        );
        assert!((found[1].l1 - 4.0 / 3.0).abs() < 1e-9, "{found:?}");
        assert!((found[1].pearson.unwrap() + 1.0).abs() < 1e-9, "{found:?}");
        // the second pixel has no data, in both channels
        let known = scores_by_channel(&both, &domain, Some(&[255, 0, 255]));
        let l1: Vec<f64> = known.iter().map(|scores| scores.l1).collect();
        assert_eq!(l1, [1.5, 2.0]);
        // colors are not listed
        assert!(scores_by_channel(&both, &Domain::RGB8, None).is_empty());
    }

    #[test]
    fn means_are_those_of_the_pictures_that_have_a_score() {
        let of = |l1: f64, pearson: Option<f64>| ChannelScores {
            l1,
            rmse: 2.0 * l1,
            pearson,
        };
        let found = means_by_channel(&[
            vec![of(1.0, Some(0.5)), of(10.0, None)],
            vec![of(3.0, None), of(20.0, None)],
        ]);
        assert_eq!(found, [of(2.0, Some(0.5)), of(15.0, None)]);
        assert!(means_by_channel(&[]).is_empty());
    }
}
