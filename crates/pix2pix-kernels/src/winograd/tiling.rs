//! Division of an image into tiles, and of a window into phases.

use crate::geometry::Geometry;
use crate::instruction_set::InstructionSet;
use crate::lanes::LANES;

/// Along an axis, tap `s` of phase `q` is tap `s * step + q * shift` of the window. Output `i` multiplies it by pixel
/// `i * step + s * step + q * shift - before`.
#[derive(Clone, Copy, Debug)]
pub struct Tiling {
    /// Outputs of a tile along each axis.
    pub tile: usize,
    /// Phases along each axis.
    pub phases: usize,
    /// Pixels from tap to tap of a phase; also the stride.
    pub step: usize,
    /// Pixels from phase to phase.
    pub shift: usize,
    /// Zeros before the first pixel.
    pub before: usize,
    /// Rows of tiles in an image.
    pub rows: usize,
    /// Tiles in a row that hold outputs.
    pub columns: usize,
    /// Tiles in a row that are computed: `columns`, or one more.
    pub row_tiles: usize,
    /// Number of images.
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

    /// One phase of 4x4 taps, for a window of stride 1.
    pub fn whole_window(geometry: &Geometry, tile: usize) -> Self {
        Self::new(geometry, tile, 1, 1, 0)
    }

    /// Four phases of 2x2 taps: for stride 2 by the parity of row and column, for stride 1 quarters of the window.
    pub fn quarters(geometry: &Geometry, tile: usize) -> Self {
        match geometry.stride {
            2 => Self::new(geometry, tile, 2, 2, 1),
            _ => Self::new(geometry, tile, 2, 1, 2),
        }
    }

    /// Makes the number of tiles in a row even, by an empty tile, if words hold pairs of tiles.
    pub fn even(self, instructions: InstructionSet) -> Self {
        Self {
            row_tiles: self
                .columns
                .next_multiple_of(instructions.values_per_word()),
            ..self
        }
    }

    /// Number of phases of the window.
    pub fn window_phases(&self) -> usize {
        self.phases * self.phases
    }

    /// Index of each phase, and its phase along both axes (down, right).
    #[inline(always)]
    pub fn each_phase(self) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..self.window_phases()).map(move |q| (q, q / self.phases, q % self.phases))
    }

    /// Number of rows of tiles in all images.
    pub fn all_rows(&self) -> usize {
        self.batch * self.rows
    }

    /// Number of tiles in all images.
    pub fn tiles(&self) -> usize {
        self.all_rows() * self.row_tiles
    }

    /// Values of a group of sixteen channels at a point of a tile: a vector for each phase.
    pub fn group(&self) -> usize {
        LANES * self.window_phases()
    }

    /// Pixels, with padding, that `tiles` neighboring tiles of `side` values touch along an axis.
    pub fn reach(&self, tiles: usize, side: usize) -> usize {
        ((tiles - 1) * self.tile + side - 1) * self.step + (self.phases - 1) * self.shift + 1
    }
}

/// Rounds up to an odd number of cache lines. The points of a tile are written together; with this distance they do not
/// share a set of the cache.
pub fn odd_lines(words: usize) -> usize {
    (words.div_ceil(LANES) | 1) * LANES
}
