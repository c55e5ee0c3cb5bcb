//! L1 and RMSE in the values of the pictures' files, for those that are not 8-bit: counts of a sensor, degrees, metres.

use pix2pix_runtime::picture::{Domain, Ranges};
use serde::{Deserialize, Serialize};

use crate::data::picture::Picture;
use crate::quality::PEAK;

/// L1 and RMSE in the values of the files.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnValues {
    /// Mean absolute difference.
    pub l1: f64,
    /// Root mean squared difference.
    pub rmse: f64,
}

impl OwnValues {
    /// Those of an output and its target of this domain, whose samples may lie outside of its range; `None` if the range is 0
    /// to 255, where the values are those of the other scores. `known` has 0 for pixels without data, which do not count.
    pub fn of(
        [output, target]: [&Picture; 2],
        domain: &Domain,
        known: Option<&[u8]>,
    ) -> Option<Self> {
        if domain.range == Ranges::all([0.0, PEAK as f32]) {
            return None;
        }
        let (mut distances, mut squares, mut count) = (0.0, 0.0, 0.0);
        let pairs = values(output, domain).zip(values(target, domain));
        for (index, (a, b)) in pairs.enumerate() {
            if known.is_none_or(|known| known[index / domain.channels] > 0) {
                let difference: f64 = a - b;
                distances += difference.abs();
                squares += difference * difference;
                count += 1.0;
            }
        }
        Some(Self {
            l1: distances / count,
            rmse: (squares / count).sqrt(),
        })
    }
}

/// The samples of a picture in the values of the domain, row by row with interleaved channels. Those of another depth are
/// scaled, from its range to the domain's.
fn values(picture: &Picture, domain: &Domain) -> impl Iterator<Item = f64> {
    let (from, to, channels) = (
        domain.range_of(picture.depth()),
        domain.range,
        picture.channels(),
    );
    let samples = picture.to_floats().into_iter().enumerate();
    samples.map(move |(index, sample)| {
        let [of_sample, of_domain] =
            [from, to].map(|ranges| ranges.of(index % channels).map(f64::from));
        let share = (f64::from(sample) - of_sample[0]) / (of_sample[1] - of_sample[0]);
        of_domain[0] + share * (of_domain[1] - of_domain[0])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pix2pix_runtime::picture::{Depth, Samples};

    /// 16-bit counts of two pixels that are 30 and 10 off: the mean is 20, the root mean square sqrt(500).
    #[test]
    fn counts_by_hand() {
        let domain = |range| Domain {
            channels: 1,
            depth: Depth::U16,
            range,
            ..Domain::RGB8
        };
        let picture = |values: [u16; 2]| Picture::new([2, 1], 1, Samples::U16(values.to_vec()));
        let found = |range: Ranges| {
            let [a, b] = [[1000, 4000], [1030, 3990]].map(picture);
            OwnValues::of([&a, &b], &domain(range), None)
        };
        let counts = found(Ranges::all([0.0, 4095.0])).unwrap();
        assert!((counts.l1 - 20.0).abs() < 1e-3, "{counts:?}");
        assert!((counts.rmse - 500f64.sqrt()).abs() < 1e-3, "{counts:?}");
        assert_eq!(found(Ranges::all([0.0, 255.0])), None);
    }

    /// Bands with ranges of their own: 1 off in a range of 10, and 100 off in one of 1000.
    #[test]
    fn each_band_has_its_own_values() {
        let domain = Domain {
            channels: 2,
            depth: Depth::F32,
            range: Ranges::each(&[[0.0, 10.0], [-500.0, 500.0]]).unwrap(),
            ..Domain::RGB8
        };
        let [a, b] = [[4.0, 0.0], [5.0, 100.0]]
            .map(|values| Picture::new([1, 1], 2, Samples::F32(values.to_vec())));
        let found = OwnValues::of([&a, &b], &domain, None).unwrap();
        assert!((found.l1 - 50.5).abs() < 1e-3, "{found:?}");
        assert!(
            (found.rmse - (10001f64 / 2.0).sqrt()).abs() < 1e-3,
            "{found:?}"
        );
    }

    /// A target beyond the range is as far off as its file says; a pixel without data is not counted; 8 bits are scaled.
    #[test]
    fn samples_are_not_clipped() {
        let domain = Domain {
            channels: 1,
            depth: Depth::U16,
            range: Ranges::all([0.0, 1000.0]),
            ..Domain::RGB8
        };
        let gray = |samples| Picture::new([2, 1], 1, samples);
        let output = gray(Samples::U16(vec![1000, 0]));
        let found = |target: &Picture, known| OwnValues::of([&output, target], &domain, known);
        let beyond = gray(Samples::U16(vec![5000, 9]));
        let l1 = found(&beyond, Some(&[255, 0])).unwrap().l1;
        assert!((l1 - 4000.0).abs() < 1e-9, "{l1}");
        let bytes = gray(Samples::U8(vec![255, 51]));
        let l1 = found(&bytes, None).unwrap().l1;
        assert!((l1 - 100.0).abs() < 1e-9, "{l1}");
    }
}
