//! How an image is cut into tiles, and a window into phases.

use crate::geometry::Geometry;
use crate::machine::{LANES, Path};

/// Tap `s` of phase `q` is tap `s * step + q * shift` of the window; under output `i` it meets pixel
/// `i * step + s * step + q * shift - before`.
#[derive(Clone, Copy, Debug)]
pub struct Tiling {
    /// Outputs of a tile along each axis.
    pub tile: usize,
    /// Phases along each axis.
    pub phases: usize,
    /// Pixels from tap to tap of a phase, which is also the stride.
    pub step: usize,
    /// Pixels from phase to phase.
    pub shift: usize,
    /// Zeros before the first pixel.
    pub before: usize,
    /// Rows of tiles of one image.
    pub rows: usize,
    /// Tiles of a row that hold outputs.
    pub columns: usize,
    /// Tiles of a row that are computed.
    pub row_tiles: usize,
    /// Images.
    pub batch: usize,
}

impl Tiling {
    fn new(geometry: &Geometry, tile: usize, phases: usize, step: usize, shift: usize) -> Self {
        let [rows, columns] = geometry.output().map(|side| side.div_ceil(tile));
        Self {
            tile,
            phases,
            step,
            shift,
            before: geometry.padding[0],
            rows,
            columns,
            row_tiles: columns,
            batch: geometry.batch,
        }
    }

    /// All 4x4 taps of a window of stride 1 together.
    pub fn whole_window(geometry: &Geometry, tile: usize) -> Self {
        Self::new(geometry, tile, 1, 1, 0)
    }

    /// Four phases of 2x2 taps: of stride 2 the parities, of stride 1 the window's quarters.
    pub fn quarters(geometry: &Geometry, tile: usize) -> Self {
        match geometry.stride {
            2 => Self::new(geometry, tile, 2, 2, 1),
            _ => Self::new(geometry, tile, 2, 1, 2),
        }
    }

    /// Rows of an even number of tiles where a path sums over pairs of tiles; the last is empty then.
    pub fn even(self, path: Path) -> Self {
        Self {
            row_tiles: self.columns.next_multiple_of(path.values_a_word()),
            ..self
        }
    }

    /// Phases of the window.
    pub fn window_phases(&self) -> usize {
        self.phases * self.phases
    }

    /// Both axes' phases, in the order in which they are stored.
    #[inline(always)]
    pub fn each_phase(self) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..self.window_phases()).map(move |q| (q, q / self.phases, q % self.phases))
    }

    /// Rows of tiles of all images.
    pub fn all_rows(&self) -> usize {
        self.batch * self.rows
    }

    /// Tiles of all images.
    pub fn tiles(&self) -> usize {
        self.all_rows() * self.row_tiles
    }

    /// Values that a group of sixteen channels has at a point of a tile: a vector for each phase.
    pub fn group(&self) -> usize {
        LANES * self.window_phases()
    }

    /// Pixels that `tiles` neighbouring tiles with `side` values along an axis touch.
    pub fn reach(&self, tiles: usize, side: usize) -> usize {
        ((tiles - 1) * self.tile + side - 1) * self.step + (self.phases - 1) * self.shift + 1
    }
}

/// So many words or more, an odd number of cache lines: the points of a tile or a window are written
/// together, and stay out of each other's sets of the cache.
pub fn odd_lines(words: usize) -> usize {
    (words.div_ceil(LANES) | 1) * LANES
}
