//! How a matrix product is cut: the tile of the output that one group of threads computes, and the slices of its depth.
//! Chosen by the sides of the product from a table, not by a race at run time.

/// One of the three products of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Product {
    /// The output.
    Forward,
    /// The gradient of the input.
    InputGradient,
    /// The gradient of the weights.
    WeightGradient,
}

/// Threads of a plane (a warp) that multiply on matrix units together.
pub const PLANE: usize = 32;
/// Side of the pieces of the output that matrix units compute.
pub const PIECE: usize = 16;

/// What multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Units {
    /// Each thread by itself, in the form of the staged factors.
    Threads,
    /// Matrix units (tensor cores), with pieces of this depth.
    Matrix { depth: usize },
}

/// The part of the output that a group of threads computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Rows.
    pub m: usize,
    /// Columns.
    pub n: usize,
    /// Depth of the factors that are staged in shared memory at once.
    pub k: usize,
    /// Planes of threads, down and across.
    pub planes: [usize; 2],
    /// What multiplies.
    pub units: Units,
}

impl Tile {
    const fn of(m: usize, n: usize, planes: [usize; 2]) -> Self {
        Self {
            m,
            n,
            k: 16,
            planes,
            units: Units::Threads,
        }
    }

    /// Threads of the group.
    pub fn threads(&self) -> usize {
        self.planes[0] * self.planes[1] * PLANE
    }

    /// Columns that one thread computes by itself.
    pub fn thread_columns(&self) -> usize {
        4
    }

    /// Rows that one thread computes by itself.
    pub fn thread_rows(&self) -> usize {
        self.m * self.n / self.threads() / self.thread_columns()
    }

    /// Whether threads multiply by themselves.
    pub fn by_threads(&self) -> bool {
        self.units == Units::Threads
    }

    /// Depth of the pieces of matrix units.
    pub fn piece_depth(&self) -> usize {
        match self.units {
            Units::Threads => 1,
            Units::Matrix { depth } => depth,
        }
    }

    /// Pieces of each plane, down and across.
    pub fn pieces(&self) -> [usize; 2] {
        [
            self.m / self.planes[0] / PIECE,
            self.n / self.planes[1] / PIECE,
        ]
    }
}

const TALL: Tile = Tile::of(128, 64, [4, 2]);
const SQUARE: Tile = Tile::of(64, 64, [2, 2]);
const NARROW: Tile = Tile::of(128, 16, [4, 1]);
const FLAT: Tile = Tile::of(16, 64, [1, 4]);

/// The sides of a product, and the number of products of this size.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub classes: usize,
}

/// The cut of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The tile of a group.
    pub tile: Tile,
    /// Parts into which the depth is cut, each computed by groups of its own, and then added.
    pub slices: usize,
}

impl Cut {
    /// The cut of a product on a card with this number of processors.
    pub fn of(extent: Extent, units: Units, processors: usize) -> Self {
        let Extent { m, n, k, classes } = extent;
        let groups = |tile: Tile| m.div_ceil(tile.m) * n.div_ceil(tile.n) * classes;
        let tile = match (m, n) {
            (_, ..=16) => NARROW,
            (..=16, _) => FLAT,
            // larger tiles read less, if there are enough of them
            _ if groups(TALL) >= 2 * processors => TALL,
            _ => SQUARE,
        };
        let tile = Tile {
            k: match units {
                Units::Threads => 16,
                Units::Matrix { depth } => 2 * depth,
            },
            units,
            ..tile
        };
        // two groups a processor hide each other's waiting; a slice needs some steps to make up for its addition
        let wanted = (2 * processors).div_ceil(groups(tile));
        let most = k.div_ceil(tile.k).div_ceil(MOST_STEPS_ALONE);
        Self {
            tile,
            slices: wanted.clamp(1, most.max(1)),
        }
    }
}

/// Steps of depth below which a product is not cut further.
const MOST_STEPS_ALONE: usize = 4;

/// Where a factor's values come from, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Patches, one for each line.
    Patches,
    /// Patches, one for each step of depth.
    PatchesAcross,
    /// Weights: for each line, all taps and input channels.
    Weights,
    /// Weights: for each tap of a class and output channel, the lines are input channels.
    WeightsOfClass,
    /// The output's gradient: for each pixel, the lines are channels.
    Gradient,
}

impl Source {
    /// Whether neighbors in memory are neighbors in depth, rather than neighboring lines.
    pub fn along_depth(self) -> bool {
        matches!(self, Self::Patches | Self::Weights)
    }
}

impl Product {
    /// The sources of the left and the right factor.
    pub fn sources(self) -> [Source; 2] {
        match self {
            Self::Forward => [Source::Patches, Source::Weights],
            Self::InputGradient => [Source::Patches, Source::WeightsOfClass],
            Self::WeightGradient => [Source::Gradient, Source::PatchesAcross],
        }
    }
}

/// One factor's stage in shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stage {
    /// Lines: rows of the output for the left factor, columns for the right one.
    pub lines: usize,
    /// Depth.
    pub depth: usize,
    /// Whether the factor is read along its depth.
    pub read_along_depth: bool,
    /// Whether it is stored along its depth. Threads that multiply by themselves read neighboring lines.
    pub stored_along_depth: bool,
    /// Values from one row of the stage to the next: more than its length, so that the rows begin in different banks.
    pub row: usize,
}

impl Stage {
    /// The stage of a factor with so many lines in a tile.
    pub fn of(source: Source, lines: usize, tile: Tile) -> Self {
        let stored_along_depth = source.along_depth() && !tile.by_threads();
        let length = if stored_along_depth { tile.k } else { lines };
        Self {
            lines,
            depth: tile.k,
            read_along_depth: source.along_depth(),
            stored_along_depth,
            row: length + if tile.by_threads() { 4 } else { 8 },
        }
    }

    /// Values from one line to the next, and from one depth to the next.
    pub fn strides(&self) -> (u32, u32) {
        match self.stored_along_depth {
            true => (self.row as u32, 1),
            false => (1, self.row as u32),
        }
    }

    /// Values of one of its two halves: one is filled while the other is read.
    pub fn half(&self) -> usize {
        let rows = if self.stored_along_depth {
            self.lines
        } else {
            self.depth
        };
        rows * self.row
    }

    /// Lines from one read of `width` values of a thread to its next one, if it is read along its depth; otherwise depths. The
    /// other coordinate stays the same.
    pub fn apart(&self, width: usize, threads: usize) -> usize {
        let length = if self.read_along_depth {
            self.depth
        } else {
            self.lines
        };
        let across = length / width;
        assert!(threads.is_multiple_of(across));
        threads / across
    }

    /// Reads of `width` values that fill it.
    pub fn reads(&self, width: usize) -> usize {
        self.lines * self.depth / width
    }
}
