//! L1 and RMSE in the values of the pictures' files, for those that are not 8-bit: counts of a sensor, degrees, metres.

use pix2pix_runtime::picture::{Domain, Ranges};
use serde::{Deserialize, Serialize};

use crate::quality::{PEAK, Planes};

/// L1 and RMSE in the values of the files.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnValues {
    /// Mean absolute difference.
    pub l1: f64,
    /// Root mean squared difference.
    pub rmse: f64,
}

impl OwnValues {
    /// Those of an output and its target of this domain; `None` if a range is 0 to 255, where the values are those of the
    /// other scores.
    pub fn of(output: &Planes, target: &Planes, domain: &Domain) -> Option<Self> {
        if domain.range == Ranges::all([0.0, PEAK as f32]) {
            return None;
        }
        let (mut distances, mut squares) = (0.0, 0.0);
        for (channel, planes) in output.channels().zip(target.channels()).enumerate() {
            let [low, high] = domain.range.of(channel).map(f64::from);
            let unit = (high - low) / PEAK;
            for (a, b) in planes.0.iter().zip(planes.1) {
                let difference = f64::from(a - b) * unit;
                distances += difference.abs();
                squares += difference * difference;
            }
        }
        let count = output.values.len() as f64;
        Some(Self {
            l1: distances / count,
            rmse: (squares / count).sqrt(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::picture::Picture;
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
            let domain = domain(range);
            let [a, b] = [[1000, 4000], [1030, 3990]].map(|v| Planes::of(&picture(v), &domain));
            OwnValues::of(&a, &b, &domain)
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
        let planes = |values: [f32; 2]| {
            let picture = Picture::new([1, 1], 2, Samples::F32(values.to_vec()));
            Planes::of(&picture, &domain)
        };
        let found = OwnValues::of(&planes([4.0, 0.0]), &planes([5.0, 100.0]), &domain).unwrap();
        assert!((found.l1 - 50.5).abs() < 1e-3, "{found:?}");
        assert!(
            (found.rmse - (10001f64 / 2.0).sqrt()).abs() < 1e-3,
            "{found:?}"
        );
    }
}
