//! Convolutions as matrix products whose patch matrix is never stored: each tile of it is gathered from the picture
//! while it is read (implicit GEMM; Chetlur et al. 2014, section 3.1). Pictures have channels last, and so do weights:
//! `[output channels, kernel, kernel, input channels]`.
//!
//! | product | left, `[m, k]` | right, `[k, n]` | output, `[m, n]` |
//! |---|---|---|---|
//! | forward | patches of the input | weights | output pixels, their channels |
//! | input gradient | patches of the output's gradient | weights | input pixels, their channels |
//! | weight gradient | the output's gradient | patches of the input | output channels, taps and input channels |
//!
//! A stride of `s` divides the input's pixels into `s * s` classes by their remainders. Each class sees its own taps,
//! so the input gradient is one product for each class, and no product multiplies zeros.

use burn::cubecl;
use burn::cubecl::cmma::{self, Matrix, MatrixIdent, MatrixLayout};
use burn::cubecl::prelude::*;

use super::tiling::{PIECE, PLANE, Product, Source, Stage, Tile};

/// The sides of a convolution's input and output, and its window.
#[derive(Clone, Copy, CubeType, CubeLaunch)]
pub struct Sides {
    pub batch: u32,
    pub in_height: u32,
    pub in_width: u32,
    pub in_channels: u32,
    pub out_height: u32,
    pub out_width: u32,
    pub out_channels: u32,
    pub kernel: u32,
    pub stride: u32,
    /// Zero padding before the first pixel.
    pub padding: u32,
}

/// Divides numbers by the same divisor by multiplying, which takes a card far fewer instructions (Granlund and Montgomery 1994,
/// section 4). Exact while number times divisor fits 32 bits.
#[derive(Clone, Copy, CubeType)]
struct Divisor {
    value: u32,
    /// 2^32 divided by it, rounded up; not used for 1.
    inverse: u32,
}

#[cube]
fn divisor(value: u32) -> Divisor {
    Divisor {
        value,
        inverse: u32::MAX / value + 1,
    }
}

/// Quotient and remainder.
#[cube]
fn divided(number: u32, divisor: &Divisor) -> (u32, u32) {
    let by_inverse = u32::mul_hi(number, divisor.inverse);
    let quotient = select(divisor.value == 1, number, by_inverse);
    (quotient, number - quotient * divisor.value)
}

/// The patches of a picture: those around a grid of positions, of `taps_x` columns.
#[derive(Clone, Copy, CubeType)]
struct Patches {
    grid_height: u32,
    grid_width: u32,
    height: u32,
    width: u32,
    channels: Divisor,
    /// Pixels between neighboring positions.
    step: i32,
    /// The first tap of the first position.
    first: (i32, i32),
    taps_x: Divisor,
    /// From one tap to the next: 1, or -1 for a transposed convolution.
    direction: i32,
}

/// The taps of a class of pixels in one dimension: the first tap, their number, and the offset of the first one's pixel.
#[cube]
fn taps(remainder: u32, sides: &Sides) -> (u32, u32, u32) {
    let first = (remainder + sides.padding) % sides.stride;
    let count = (max(sides.kernel, first) - first).div_ceil(sides.stride);
    (first, count, (remainder + sides.padding) / sides.stride)
}

/// The patches of the left factor of an input gradient.
#[cube]
fn patches_of_gradient(sides: &Sides, class: u32) -> Patches {
    let (_, _, offset_y) = taps(class / sides.stride, sides);
    let (_, taps_x, offset_x) = taps(class % sides.stride, sides);
    Patches {
        grid_height: sides.in_height.div_ceil(sides.stride),
        grid_width: sides.in_width.div_ceil(sides.stride),
        height: sides.out_height,
        width: sides.out_width,
        channels: divisor(sides.out_channels),
        step: 1,
        first: (offset_y as i32, offset_x as i32),
        // a class without taps has no values to divide
        taps_x: divisor(max(taps_x, 1)),
        direction: -1,
    }
}

/// The patches of the input of a convolution.
#[cube]
fn patches_of_input(sides: &Sides) -> Patches {
    let before = -(sides.padding as i32);
    Patches {
        grid_height: sides.out_height,
        grid_width: sides.out_width,
        height: sides.in_height,
        width: sides.in_width,
        channels: divisor(sides.in_channels),
        step: sides.stride as i32,
        first: (before, before),
        taps_x: divisor(sides.kernel),
        direction: 1,
    }
}

/// The place of a patch: its first tap, without padding, and the first row of its image in a batch whose images follow each
/// other.
#[derive(Clone, Copy, CubeType)]
struct Position {
    image: u32,
    y: i32,
    x: i32,
}

/// The position with a number.
#[cube]
fn position(patches: &Patches, number: u32) -> Position {
    let row = number / patches.grid_width;
    let column = number % patches.grid_width;
    Position {
        image: row / patches.grid_height * patches.height,
        y: (row % patches.grid_height) as i32 * patches.step + patches.first.0,
        x: column as i32 * patches.step + patches.first.1,
    }
}

/// A value within a patch: the distance of its pixel from the first tap, and its channel.
#[derive(Clone, Copy, CubeType)]
struct Tap {
    y: i32,
    x: i32,
    channel: u32,
}

/// The value with a number in every patch, where taps follow each other and each has all channels.
#[cube]
fn tap(patches: &Patches, number: u32) -> Tap {
    let (tap, channel) = divided(number, &patches.channels);
    let (y, x) = divided(tap, &patches.taps_x);
    Tap {
        y: y as i32 * patches.direction,
        x: x as i32 * patches.direction,
        channel,
    }
}

/// Neighboring channels of a patch. Zero outside of the picture.
#[cube]
fn gathered<N: Size>(
    picture: &[Vector<f32, N>],
    patches: &Patches,
    position: &Position,
    tap: &Tap,
) -> Vector<f32, N> {
    let y = position.y + tap.y;
    let x = position.x + tap.x;
    let inside = y >= 0 && y < patches.height as i32 && x >= 0 && x < patches.width as i32;
    let pixel = (position.image + y as u32) * patches.width + x as u32;
    let mut found = Vector::<f32, N>::new(0.0);
    if inside {
        found = picture
            [(pixel * patches.channels.value + tap.channel) as usize / picture.vector_size()];
    }
    found
}

/// The sides of the product of a class: `[m, k]` times `[k, n]`.
#[derive(Clone, Copy, CubeType)]
struct Bounds {
    m: u32,
    n: u32,
    k: u32,
}

#[cube]
fn bounds(sides: &Sides, class: u32, #[comptime] product: Product) -> Bounds {
    let in_patch = sides.kernel * sides.kernel * sides.in_channels;
    let out_pixels = sides.batch * sides.out_height * sides.out_width;
    if comptime!(product == Product::Forward) {
        Bounds {
            m: out_pixels,
            n: sides.out_channels,
            k: in_patch,
        }
    } else if comptime!(product == Product::WeightGradient) {
        Bounds {
            m: sides.out_channels,
            n: in_patch,
            k: out_pixels,
        }
    } else {
        let (_, taps_y, _) = taps(class / sides.stride, sides);
        let (_, taps_x, _) = taps(class % sides.stride, sides);
        let rows = sides.in_height.div_ceil(sides.stride);
        Bounds {
            m: sides.batch * rows * sides.in_width.div_ceil(sides.stride),
            n: sides.in_channels,
            k: taps_y * taps_x * sides.out_channels,
        }
    }
}

/// The line and the depth, within a stage, of a thread's read.
#[cube]
fn place_in_stage(read: u32, #[comptime] stage: Stage, #[comptime] width: usize) -> (u32, u32) {
    if comptime!(stage.read_along_depth) {
        let across = comptime!((stage.depth / width) as u32);
        (read / across, read % across * comptime!(width as u32))
    } else {
        let across = comptime!((stage.lines / width) as u32);
        (read % across * comptime!(width as u32), read / across)
    }
}

/// What stays the same in a thread's reads of patches from step to step. Dividing takes a card longer than all the rest of
/// a read, so what can be known before the first step is.
#[derive(CubeType)]
struct Fixed {
    /// Of patches that are lines: the position of each read.
    positions: Sequence<Position>,
    /// Of patches that are depths: the tap of every read.
    tap: Tap,
}

#[cube]
fn fixed(
    patches: &Patches,
    start: u32,
    #[comptime] source: Source,
    #[comptime] stage: Stage,
    #[comptime] width: usize,
    #[comptime] threads: usize,
) -> Fixed {
    let (line, _) = place_in_stage(UNIT_POS, stage, width);
    let mut positions = Sequence::<Position>::new();
    if comptime!(source == Source::Patches) {
        #[unroll]
        for turn in 0..comptime!(stage.reads(width).div_ceil(threads)) {
            let further = comptime!((turn * stage.apart(width, threads)) as u32);
            positions.push(position(patches, start + line + further));
        }
    }
    let tap = if comptime!(source == Source::PatchesAcross) {
        tap(patches, start + line)
    } else {
        Tap {
            y: 0i32,
            x: 0i32,
            channel: 0u32,
        }
    };
    Fixed { positions, tap }
}

/// Reads this thread's part of a stage: neighboring values of lines at depths. Zero outside.
#[cube]
fn fetch<N: Size>(
    factor: &[Vector<f32, N>],
    held: &mut Array<Vector<f32, N>>,
    fixed: &Fixed,
    sides: &Sides,
    patches: &Patches,
    class: u32,
    start: (u32, u32),
    end: (u32, u32),
    #[comptime] source: Source,
    #[comptime] stage: Stage,
    #[comptime] threads: usize,
) {
    let width = N::value().comptime();
    let (line, depth) = place_in_stage(UNIT_POS, stage, width);
    let first = (start.0 + line, start.1 + depth);
    if comptime!(source == Source::Patches) {
        fetch_patches(factor, held, fixed, patches, first, end, stage, threads);
    } else if comptime!(source == Source::PatchesAcross) {
        fetch_across(factor, held, fixed, patches, first, end, stage, threads);
    } else if comptime!(source == Source::WeightsOfClass) {
        fetch_class(
            factor, held, sides, patches, class, first, end, stage, threads,
        );
    } else {
        fetch_matrix(factor, held, first, end, source, stage, threads);
    }
}

/// Reads patches, of which each is a line. All of a thread's reads have the same depth.
#[cube]
fn fetch_patches<N: Size>(
    factor: &[Vector<f32, N>],
    held: &mut Array<Vector<f32, N>>,
    fixed: &Fixed,
    patches: &Patches,
    first: (u32, u32),
    end: (u32, u32),
    #[comptime] stage: Stage,
    #[comptime] threads: usize,
) {
    let width = N::value().comptime();
    let (line, depth) = first;
    let tap = tap(patches, depth);
    #[unroll]
    for turn in 0..comptime!(stage.reads(width).div_ceil(threads)) {
        let line = line + comptime!((turn * stage.apart(width, threads)) as u32);
        let mut found = Vector::<f32, N>::new(0.0);
        if line < end.0 && depth < end.1 {
            found = gathered(factor, patches, fixed.positions.index(turn), &tap);
        }
        held[turn] = found;
    }
}

/// Reads patches, of which each is a step of depth. All of a thread's reads have the same line.
#[cube]
fn fetch_across<N: Size>(
    factor: &[Vector<f32, N>],
    held: &mut Array<Vector<f32, N>>,
    fixed: &Fixed,
    patches: &Patches,
    first: (u32, u32),
    end: (u32, u32),
    #[comptime] stage: Stage,
    #[comptime] threads: usize,
) {
    let width = N::value().comptime();
    let apart = comptime!(stage.apart(width, threads) as u32);
    let (line, depth) = first;
    let mut at = position(patches, depth);
    let mut column = depth % patches.grid_width;
    #[unroll]
    for turn in 0..comptime!(stage.reads(width).div_ceil(threads)) {
        let depth = depth + comptime!(turn as u32 * apart);
        if comptime!(turn > 0) {
            column += apart;
            at.x += apart as i32 * patches.step;
            // in wide pictures, most reads stay in the row of the one before
            if column >= patches.grid_width {
                column = depth % patches.grid_width;
                let next = position(patches, depth);
                at.image = next.image;
                at.y = next.y;
                at.x = next.x;
            }
        }
        let mut found = Vector::<f32, N>::new(0.0);
        if line < end.0 && depth < end.1 {
            found = gathered(factor, patches, &at, &fixed.tap);
        }
        held[turn] = found;
    }
}

/// The place of the first line in the weights of a class's tap.
#[cube]
fn of_class(sides: &Sides, patches: &Patches, first: (u32, u32), tap: u32) -> u32 {
    let (y, x) = divided(tap, &patches.taps_x);
    let y = first.0 + y * sides.stride;
    let x = first.1 + x * sides.stride;
    (y * sides.kernel + x) * sides.in_channels
}

/// Reads the weights of a class, where each tap and output channel is a step of depth.
#[cube]
fn fetch_class<N: Size>(
    factor: &[Vector<f32, N>],
    held: &mut Array<Vector<f32, N>>,
    sides: &Sides,
    patches: &Patches,
    class: u32,
    first: (u32, u32),
    end: (u32, u32),
    #[comptime] stage: Stage,
    #[comptime] threads: usize,
) {
    let width = N::value().comptime();
    let apart = comptime!(stage.apart(width, threads) as u32);
    let (line, depth) = first;
    let (first_y, _, _) = taps(class / sides.stride, sides);
    let (first_x, _, _) = taps(class % sides.stride, sides);
    let first = (first_y, first_x);
    #[unroll]
    for turn in 0..comptime!(stage.reads(width).div_ceil(threads)) {
        let depth = depth + comptime!(turn as u32 * apart);
        let (tap, channel) = divided(depth, &patches.channels);
        let start = of_class(sides, patches, first, tap);
        let mut found = Vector::<f32, N>::new(0.0);
        if line < end.0 && depth < end.1 {
            let whole = sides.kernel * sides.kernel * sides.in_channels;
            found = factor[(channel * whole + start + line) as usize / factor.vector_size()];
        }
        held[turn] = found;
    }
}

/// Reads a factor that lies in memory as a matrix: weights by lines, or the output's gradient by depths.
#[cube]
fn fetch_matrix<N: Size>(
    factor: &[Vector<f32, N>],
    held: &mut Array<Vector<f32, N>>,
    first: (u32, u32),
    end: (u32, u32),
    #[comptime] source: Source,
    #[comptime] stage: Stage,
    #[comptime] threads: usize,
) {
    let width = N::value().comptime();
    #[unroll]
    for turn in 0..comptime!(stage.reads(width).div_ceil(threads)) {
        let further = comptime!((turn * stage.apart(width, threads)) as u32);
        let (line, depth) = if comptime!(stage.read_along_depth) {
            (first.0 + further, first.1)
        } else {
            (first.0, first.1 + further)
        };
        let mut found = Vector::<f32, N>::new(0.0);
        if line < end.0 && depth < end.1 {
            let at = if comptime!(source == Source::Weights) {
                line * end.1 + depth
            } else {
                depth * end.0 + line
            };
            found = factor[at as usize / factor.vector_size()];
        }
        held[turn] = found;
    }
}

/// Stores what [`fetch`] read.
#[cube]
fn put_down<S: Float, N: Size>(
    held: &Array<Vector<f32, N>>,
    memory: &mut Shared<[S]>,
    half: u32,
    #[comptime] stage: Stage,
    #[comptime] tile: Tile,
) {
    let width = N::value().comptime();
    let reads = comptime!(stage.reads(width));
    let threads = comptime!(tile.threads());
    let (line, depth) = place_in_stage(UNIT_POS, stage, width);
    let (along_line, along_depth) = comptime!(stage.strides());
    let first = half + line * along_line + depth * along_depth;
    let [from_read, from_lane] = comptime!(if stage.read_along_depth {
        [along_line, along_depth]
    } else {
        [along_depth, along_line]
    });
    #[unroll]
    for turn in 0..comptime!(reads.div_ceil(threads)) {
        let index = comptime!((turn * threads) as u32) + UNIT_POS;
        if comptime!(reads % threads == 0) || index < comptime!(reads as u32) {
            let further = comptime!((turn * stage.apart(width, threads)) as u32 * from_read);
            if comptime!(tile.by_threads()) {
                #[unroll]
                for lane in 0..width {
                    let at = first + further + comptime!(lane as u32 * from_lane);
                    memory[at as usize] = S::cast_from(held[turn].extract(lane));
                }
            } else {
                // matrix units find values as they are read
                let rows = memory.as_vectorized_mut().with_vector_size_mut::<N>();
                rows[(first + further) as usize / width] = Vector::<S, N>::cast_from(held[turn]);
            }
        }
    }
}

/// Writes a sum to its place in the output.
#[cube]
fn write(
    output: &mut [f32],
    sides: &Sides,
    patches: &Patches,
    class: u32,
    offset: usize,
    place: (u32, u32),
    end: (u32, u32),
    sum: f32,
    #[comptime] product: Product,
) {
    let (row, column) = place;
    if row < end.0 && column < end.1 {
        if comptime!(product == Product::InputGradient) {
            let rest = row / patches.grid_width;
            let x = row % patches.grid_width * sides.stride + class % sides.stride;
            let y = rest % patches.grid_height * sides.stride + class / sides.stride;
            let image = rest / patches.grid_height;
            if x < sides.in_width && y < sides.in_height {
                let pixel = (image * sides.in_height + y) * sides.in_width + x;
                output[offset + (pixel * end.1 + column) as usize] = sum;
            }
        } else {
            output[offset + (row * end.1 + column) as usize] = sum;
        }
    }
}

/// A product, with factors in the form `S` and sums in 32 bits. The first two coordinates of a group of threads count the
/// tiles of the output, the third one the classes and the `slices` of the depth. With several slices, the output has one
/// after the other, each of `length` values, to be added by [`add_slices`].
#[cube(launch_unchecked)]
pub fn multiply<S: Float, L: Size, R: Size>(
    left: &[Vector<f32, L>],
    right: &[Vector<f32, R>],
    output: &mut [f32],
    sides: Sides,
    slices: u32,
    length: u32,
    #[comptime] product: Product,
    #[comptime] tile: Tile,
) {
    let class = CUBE_POS_Z / slices;
    let slice = CUBE_POS_Z % slices;
    let bounds = bounds(&sides, class, product);
    let patches = if comptime!(product == Product::InputGradient) {
        patches_of_gradient(&sides, class)
    } else {
        patches_of_input(&sides)
    };
    let [left_source, right_source] = comptime!(product.sources());
    let left_stage = comptime!(Stage::of(left_source, tile.m, tile));
    let right_stage = comptime!(Stage::of(right_source, tile.n, tile));
    let threads = comptime!(tile.threads());
    let left_width = L::value().comptime();
    let right_width = R::value().comptime();

    // neighboring groups share the left factor, which is the larger one
    let group = CUBE_POS_Y * CUBE_COUNT_X + CUBE_POS_X;
    let across = bounds.n.div_ceil(comptime!(tile.n as u32));
    let row = group / across * comptime!(tile.m as u32);
    let column = group % across * comptime!(tile.n as u32);
    let depth = comptime!(tile.k as u32);
    let steps = bounds.k.div_ceil(depth);
    let share = steps.div_ceil(slices);
    let first = slice * share;
    let last = min(first + share, steps);

    let mut left_memory =
        Shared::<[S]>::new_aligned_slice(comptime!(2 * left_stage.half()), 32usize);
    let mut right_memory =
        Shared::<[S]>::new_aligned_slice(comptime!(2 * right_stage.half()), 32usize);
    let mut left_held =
        Array::<Vector<f32, L>>::new(comptime!(left_stage.reads(left_width).div_ceil(threads)));
    let mut right_held =
        Array::<Vector<f32, R>>::new(comptime!(right_stage.reads(right_width).div_ceil(threads)));
    let left_end = (bounds.m, bounds.k);
    let right_end = (bounds.n, bounds.k);
    let left_half = comptime!(left_stage.half() as u32);
    let right_half = comptime!(right_stage.half() as u32);

    // one sum for each value of the tile that this thread computes, or the pieces of its plane
    let mut sums = Array::<f32>::new(comptime!(tile.thread_rows() * tile.thread_columns()));
    let mut pieces = Sequence::<Matrix<f32>>::new();
    if comptime!(tile.by_threads()) {
        #[unroll]
        for at in 0..comptime!(tile.thread_rows() * tile.thread_columns()) {
            sums[at] = 0.0;
        }
    } else {
        #[unroll]
        for _ in 0..comptime!(tile.pieces()[0] * tile.pieces()[1]) {
            pieces.push(Matrix::<f32>::from_value(
                MatrixIdent::Accumulator,
                PIECE,
                PIECE,
                comptime!(tile.piece_depth()),
                MatrixLayout::Undefined,
                0.0,
            ));
        }
    }

    let left_fixed = fixed(&patches, row, left_source, left_stage, left_width, threads);
    let right_fixed = fixed(
        &patches,
        column,
        right_source,
        right_stage,
        right_width,
        threads,
    );

    // a step's values travel while those of the step before are multiplied
    for step in first..last + 1 {
        if step < last {
            let (l, r) = ((row, step * depth), (column, step * depth));
            fetch(
                left,
                &mut left_held,
                &left_fixed,
                &sides,
                &patches,
                class,
                l,
                left_end,
                left_source,
                left_stage,
                threads,
            );
            fetch(
                right,
                &mut right_held,
                &right_fixed,
                &sides,
                &patches,
                class,
                r,
                right_end,
                right_source,
                right_stage,
                threads,
            );
        }
        let half = (step - first) % 2;
        if step > first {
            let (l, r) = ((1 - half) * left_half, (1 - half) * right_half);
            if comptime!(tile.by_threads()) {
                multiply_by_threads(
                    &left_memory,
                    &right_memory,
                    l,
                    r,
                    &mut sums,
                    left_stage,
                    right_stage,
                    tile,
                );
            } else {
                multiply_pieces(
                    &left_memory,
                    &right_memory,
                    l,
                    r,
                    &mut pieces,
                    left_stage,
                    right_stage,
                    tile,
                );
            }
        }
        if step < last {
            put_down(
                &left_held,
                &mut left_memory,
                half * left_half,
                left_stage,
                tile,
            );
            put_down(
                &right_held,
                &mut right_memory,
                half * right_half,
                right_stage,
                tile,
            );
        }
        sync_cube();
    }

    let offset = slice as usize * length as usize;
    let end = (bounds.m, bounds.n);
    if comptime!(tile.by_threads()) {
        let rows = comptime!(tile.thread_rows() as u32);
        let columns = comptime!(tile.thread_columns() as u32);
        let across = comptime!((tile.n / tile.thread_columns()) as u32);
        let row = row + UNIT_POS / across * rows;
        let column = column + UNIT_POS % across * columns;
        #[unroll]
        for i in 0..rows {
            #[unroll]
            for j in 0..columns {
                let sum = sums[(i * columns + j) as usize];
                let place = (row + i, column + j);
                write(
                    output, &sides, &patches, class, offset, place, end, sum, product,
                );
            }
        }
    } else {
        let mut memory =
            Shared::<[f32]>::new_aligned_slice(comptime!(threads / PLANE * PIECE * PIECE), 32usize);
        let plane = UNIT_POS / comptime!(PLANE as u32);
        let lane = UNIT_POS % comptime!(PLANE as u32);
        let area = comptime!((PIECE * PIECE) as u32);
        let side = comptime!(PIECE as u32);
        let across = comptime!(tile.planes[1] as u32);
        let [down, along] = comptime!(tile.pieces());
        let row = row + plane / across * comptime!((down * PIECE) as u32);
        let column = column + plane % across * comptime!((along * PIECE) as u32);
        let start = (plane * area) as usize;
        #[unroll]
        for i in 0..down {
            #[unroll]
            for j in 0..along {
                let piece = pieces.index(comptime!(i * along + j));
                let part = &mut memory[start..start + area as usize];
                cmma::store(part, piece, side, MatrixLayout::RowMajor);
                sync_cube();
                #[unroll]
                for turn in 0..comptime!((PIECE * PIECE / PLANE) as u32) {
                    let at = turn * comptime!(PLANE as u32) + lane;
                    let sum = memory[start + at as usize];
                    let place = (
                        row + comptime!((i * PIECE) as u32) + at / side,
                        column + comptime!((j * PIECE) as u32) + at % side,
                    );
                    write(
                        output, &sides, &patches, class, offset, place, end, sum, product,
                    );
                }
                sync_cube();
            }
        }
    }
}

/// Adds the product of a step to the sums of this thread.
#[cube]
fn multiply_by_threads<S: Float>(
    left: &Shared<[S]>,
    right: &Shared<[S]>,
    left_half: u32,
    right_half: u32,
    sums: &mut Array<f32>,
    #[comptime] left_stage: Stage,
    #[comptime] right_stage: Stage,
    #[comptime] tile: Tile,
) {
    let rows = comptime!(tile.thread_rows());
    let columns = comptime!(tile.thread_columns());
    let across = comptime!((tile.n / tile.thread_columns()) as u32);
    let mut down = Array::<f32>::new(rows);
    let mut along = Array::<f32>::new(columns);
    let from_left = left_half + UNIT_POS / across * comptime!(rows as u32);
    let from_right = right_half + UNIT_POS % across * comptime!(columns as u32);
    for depth in 0..comptime!(tile.k as u32) {
        let l = (from_left + depth * comptime!(left_stage.row as u32)) as usize;
        let r = (from_right + depth * comptime!(right_stage.row as u32)) as usize;
        #[unroll]
        for i in 0..rows {
            down[i] = f32::cast_from(left[l + i]);
        }
        #[unroll]
        for j in 0..columns {
            along[j] = f32::cast_from(right[r + j]);
        }
        #[unroll]
        for i in 0..rows {
            #[unroll]
            for j in 0..columns {
                sums[i * columns + j] += down[i] * along[j];
            }
        }
    }
}

/// Adds the product of a step to the pieces of this plane.
#[cube]
fn multiply_pieces<S: Float>(
    left: &Shared<[S]>,
    right: &Shared<[S]>,
    left_half: u32,
    right_half: u32,
    pieces: &mut Sequence<Matrix<f32>>,
    #[comptime] left_stage: Stage,
    #[comptime] right_stage: Stage,
    #[comptime] tile: Tile,
) {
    let piece_depth = comptime!(tile.piece_depth());
    let [down, along] = comptime!(tile.pieces());
    let plane = UNIT_POS / comptime!(PLANE as u32);
    let across = comptime!(tile.planes[1] as u32);
    let row = plane / across * comptime!((down * PIECE) as u32);
    let column = plane % across * comptime!((along * PIECE) as u32);
    #[unroll]
    for turn in 0..comptime!(tile.k / piece_depth) {
        let depth = comptime!((turn * piece_depth) as u32);
        let mut factors = Sequence::<Matrix<S>>::new();
        #[unroll]
        for j in 0..along {
            let line = column + comptime!((j * PIECE) as u32);
            factors.push(piece(
                right,
                right_half,
                line,
                depth,
                MatrixIdent::B,
                right_stage,
                piece_depth,
            ));
        }
        #[unroll]
        for i in 0..down {
            let line = row + comptime!((i * PIECE) as u32);
            let factor = piece(
                left,
                left_half,
                line,
                depth,
                MatrixIdent::A,
                left_stage,
                piece_depth,
            );
            #[unroll]
            for j in 0..along {
                let sum = pieces.index(comptime!(i * along + j));
                cmma::execute(&factor, factors.index(j), sum, sum);
            }
        }
    }
}

/// A piece of a factor from its stage: from a line and a depth on.
#[cube]
fn piece<S: Float>(
    memory: &Shared<[S]>,
    half: u32,
    line: u32,
    depth: u32,
    #[comptime] ident: MatrixIdent,
    #[comptime] stage: Stage,
    #[comptime] piece_depth: usize,
) -> Matrix<S> {
    let row = comptime!(stage.row as u32);
    let at = if comptime!(stage.stored_along_depth) {
        line * row + depth
    } else {
        depth * row + line
    };
    // rows of the left factor are lines, rows of the right one are depths
    let layout = comptime!(
        match stage.stored_along_depth == (ident == MatrixIdent::A) {
            true => MatrixLayout::RowMajor,
            false => MatrixLayout::ColMajor,
        }
    );
    let start = (half + at) as usize;
    let values = &memory[start..memory.len()];
    Matrix::<S>::from_slice(ident, PIECE, PIECE, piece_depth, layout, values, row)
}

/// The sum of the slices of a product.
#[cube(launch_unchecked)]
pub fn add_slices<N: Size>(slices: &[Vector<f32, N>], output: &mut [Vector<f32, N>]) {
    if ABSOLUTE_POS < output.len() {
        let mut sum = Vector::<f32, N>::new(0.0);
        for slice in 0..slices.len() / output.len() {
            sum += slices[slice * output.len() + ABSOLUTE_POS];
        }
        output[ABSOLUTE_POS] = sum;
    }
}
