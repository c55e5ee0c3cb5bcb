//! Where the voxels of a volume lie, or the pixels of a map.

use super::nifti_header::Axes;

/// Cosine of the largest angle between the axes of two volumes of one orientation: 45 degrees.
const NEAR: f64 = 0.7;

/// The places of a volume's voxels, or of a map's pixels, which are one voxel high.
#[derive(Clone, Debug)]
pub struct Grid {
    /// Where the axes point, to the right, to the front and up, as long as a voxel; of a map, east, north and up.
    pub axes: Axes,
    /// The place of the first voxel.
    pub origin: [f64; 3],
    /// Voxels along each axis.
    pub sides: [usize; 3],
}

impl Grid {
    /// How far the corners of another volume are from those of this one at most, in voxels of this one along one of its axes.
    pub fn off(&self, other: &Self) -> f64 {
        let corners = (0..8usize).map(|corner| {
            let at = [0, 1, 2].map(|axis| match corner >> axis & 1 {
                0 => 0.0,
                _ => (self.sides[axis] - 1) as f64,
            });
            let [place, others] = [self, other].map(|grid| grid.place(at));
            let between = [0, 1, 2].map(|index| others[index] - place[index]);
            let voxels = self
                .axes
                .map(|axis| product(&between, &axis) / product(&axis, &axis));
            voxels
                .into_iter()
                .fold(0.0, |most: f64, one| most.max(one.abs()))
        });
        corners.fold(0.0, f64::max)
    }

    /// Whether the axes of another volume point to the same sides as those of this one.
    pub fn lies_as(&self, other: &Self) -> bool {
        let mut axes = self.axes.iter().zip(&other.axes);
        axes.all(|(axis, other)| is_near(axis, other))
    }

    /// The names of the nearest directions of the axes: right or left, anterior or posterior, superior or inferior.
    pub fn orientation(&self) -> String {
        let letter = |axis: &[f64; 3]| {
            let longest = (0..3).max_by(|a, b| axis[*a].abs().total_cmp(&axis[*b].abs()));
            let place = longest.expect("three directions");
            ['R', 'A', 'S', 'L', 'P', 'I'][if axis[place] < 0.0 { place + 3 } else { place }]
        };
        self.axes.iter().map(letter).collect()
    }

    fn place(&self, at: [f64; 3]) -> [f64; 3] {
        let along = |index: usize| -> f64 {
            let steps = self.axes.iter().zip(at);
            steps.map(|(axis, voxels)| voxels * axis[index]).sum()
        };
        [0, 1, 2].map(|index| self.origin[index] + along(index))
    }

    /// The sides of a voxel in words, to a thousandth: "1x1x2.5".
    pub fn spacing(&self) -> String {
        let sides = self.axes.map(|axis| {
            let length = product(&axis, &axis).sqrt();
            ((1000.0 * length).round() / 1000.0).to_string()
        });
        sides.join("x")
    }
}

/// Whether two axes point to the same side. One without a length says nothing, and is near to all.
fn is_near(axis: &[f64; 3], other: &[f64; 3]) -> bool {
    let cosine = product(axis, other) / (product(axis, axis) * product(other, other)).sqrt();
    cosine.is_nan() || cosine >= NEAR
}

fn product(one: &[f64; 3], other: &[f64; 3]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}
