//! The one-dimensional maps of a fast convolution (Winograd 1980; Lavin and Gray, CVPR 2016). A tile of T outputs of a
//! window with R taps is
//!
//! `output(kernel(taps) * data(pixels))`
//!
//! with P = R + T - 1 products, one for each point, instead of R T. The maps are those of Toom and Cook: they evaluate
//! polynomials at small integers and infinity, where these are multiplied, and interpolate the product. Gradients use
//! the adjoint (the transposed matrix) of each map.

use crate::lanes::Lanes;

/// The maps for `R` taps, `T` outputs and `P` points, lane by lane.
pub trait Scheme<const R: usize, const P: usize, const T: usize>: Copy + Send + Sync {
    /// Maps the pixels under a tile to points.
    fn data<L: Lanes>(pixels: [L; P]) -> [L; P];
    /// Adjoint of `data`.
    fn data_adjoint<L: Lanes>(points: [L; P]) -> [L; P];
    /// Maps the taps of the window to points.
    fn kernel<L: Lanes>(taps: [L; R]) -> [L; P];
    /// Adjoint of `kernel`.
    fn kernel_adjoint<L: Lanes>(points: [L; P]) -> [L; R];
    /// Maps the products to outputs.
    fn output<L: Lanes>(points: [L; P]) -> [L; T];
    /// Adjoint of `output`.
    fn output_adjoint<L: Lanes>(outputs: [L; T]) -> [L; P];
}

/// Two taps, tiles of three: points 0, 1, -1 and infinity. 2.25 times fewer products in two dimensions, with little
/// additional rounding error.
#[derive(Clone, Copy)]
pub struct TwoTaps;

impl Scheme<2, 4, 3> for TwoTaps {
    #[inline(always)]
    fn data<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 4] {
        [a.sub(c), b.add(c), c.sub(b), d.sub(b)]
    }

    #[inline(always)]
    fn data_adjoint<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 4] {
        [a, b.sub(c).sub(d), b.add(c).sub(a), d]
    }

    #[inline(always)]
    fn kernel<L: Lanes>([a, b]: [L; 2]) -> [L; 4] {
        [a, a.add(b).scale(0.5), a.sub(b).scale(0.5), b]
    }

    #[inline(always)]
    fn kernel_adjoint<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 2] {
        [a.add(b.add(c).scale(0.5)), d.add(b.sub(c).scale(0.5))]
    }

    #[inline(always)]
    fn output<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 3] {
        let sum = b.add(c);
        [a.add(sum), b.sub(c), sum.add(d)]
    }

    #[inline(always)]
    fn output_adjoint<L: Lanes>([a, b, c]: [L; 3]) -> [L; 4] {
        let ends = a.add(c);
        [a, ends.add(b), ends.sub(b), c]
    }
}

/// Two taps, tiles of four, which divide powers of two: points 0, 1, -1, 2 and infinity. 2.56 times fewer products in
/// two dimensions.
#[derive(Clone, Copy)]
pub struct TwoTapsWide;

impl Scheme<2, 5, 4> for TwoTapsWide {
    #[inline(always)]
    fn data<L: Lanes>([a, b, c, d, e]: [L; 5]) -> [L; 5] {
        let (gap, near, b2) = (d.sub(b), d.sub(c), b.add(b));
        let (ends, middle) = (a.sub(c), b2.sub(c).sub(c));
        [
            gap.add(ends).add(ends),
            near.sub(b2),
            near.add(middle),
            gap,
            e.sub(c).sub(gap).sub(gap),
        ]
    }

    #[inline(always)]
    fn data_adjoint<L: Lanes>([a, b, c, d, e]: [L; 5]) -> [L; 5] {
        let (a2, c2, e2) = (a.add(a), c.add(c), e.add(e));
        let b2 = b.add(b);
        [
            a2,
            c2.sub(a).sub(b2).sub(d).add(e2),
            a2.add(b).add(c2).add(c).add(e).scale(-1.0),
            a.add(b).add(c).add(d).sub(e2),
            e,
        ]
    }

    #[inline(always)]
    fn kernel<L: Lanes>([a, b]: [L; 2]) -> [L; 5] {
        let sixth = a.scale(1.0 / 6.0);
        let third = b.scale(1.0 / 3.0);
        [
            a.scale(0.5),
            a.add(b).scale(-0.5),
            b.sub(a).scale(1.0 / 6.0),
            sixth.add(third),
            b,
        ]
    }

    #[inline(always)]
    fn kernel_adjoint<L: Lanes>([a, b, c, d, e]: [L; 5]) -> [L; 2] {
        let half_b = b.scale(-0.5);
        let (sixth_c, sixth_d) = (c.scale(1.0 / 6.0), d.scale(1.0 / 6.0));
        [
            a.scale(0.5).add(half_b).sub(sixth_c).add(sixth_d),
            half_b.add(sixth_c).add(sixth_d).add(sixth_d).add(e),
        ]
    }

    #[inline(always)]
    fn output<L: Lanes>([a, b, c, d, e]: [L; 5]) -> [L; 4] {
        let (sum, gap, d2) = (b.add(c), b.sub(c), d.add(d));
        [
            a.add(sum).add(d),
            gap.add(d2),
            sum.add(d2).add(d2),
            gap.add(d.scale(8.0)).add(e),
        ]
    }

    #[inline(always)]
    fn output_adjoint<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 5] {
        let (even, odd) = (a.add(c), b.add(d));
        [
            a,
            even.add(odd),
            even.sub(odd),
            // Horner's scheme at 2
            a.add(b.add(c.add(d.scale(2.0)).scale(2.0)).scale(2.0)),
            d,
        ]
    }
}

/// Four taps, tiles of three: points 0, 1, -1, 2, -2 and infinity. Four times fewer products in two dimensions.
#[derive(Clone, Copy)]
pub struct FourTaps;

impl Scheme<4, 6, 3> for FourTaps {
    #[inline(always)]
    fn data<L: Lanes>([a, b, c, d, e, f]: [L; 6]) -> [L; 6] {
        let (even1, odd1) = (e.sub(c.scale(4.0)), d.sub(b.scale(4.0)));
        let (even2, odd2) = (e.sub(c), d.sub(b).scale(2.0));
        [
            a.scale(4.0).sub(c.scale(5.0)).add(e),
            even1.add(odd1),
            even1.sub(odd1),
            even2.add(odd2),
            even2.sub(odd2),
            b.scale(4.0).sub(d.scale(5.0)).add(f),
        ]
    }

    #[inline(always)]
    fn data_adjoint<L: Lanes>([a, b, c, d, e, f]: [L; 6]) -> [L; 6] {
        let (sum1, gap1) = (b.add(c), b.sub(c));
        let (sum2, gap2) = (d.add(e), d.sub(e).scale(2.0));
        [
            a.scale(4.0),
            f.sub(gap1).scale(4.0).sub(gap2),
            a.scale(-5.0).sub(sum1.scale(4.0)).sub(sum2),
            gap1.add(gap2).sub(f.scale(5.0)),
            a.add(sum1).add(sum2),
            f,
        ]
    }

    #[inline(always)]
    fn kernel<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 6] {
        let (even1, odd1) = (a.add(c).scale(-1.0 / 6.0), b.add(d).scale(-1.0 / 6.0));
        let even2 = a.add(c.scale(4.0)).scale(1.0 / 24.0);
        let odd2 = b.add(d.scale(4.0)).scale(1.0 / 12.0);
        [
            a.scale(0.25),
            even1.add(odd1),
            even1.sub(odd1),
            even2.add(odd2),
            even2.sub(odd2),
            d,
        ]
    }

    #[inline(always)]
    fn kernel_adjoint<L: Lanes>([a, b, c, d, e, f]: [L; 6]) -> [L; 4] {
        let (sum1, gap1) = (b.add(c).scale(-1.0 / 6.0), b.sub(c).scale(-1.0 / 6.0));
        let (sum2, gap2) = (d.add(e).scale(1.0 / 24.0), d.sub(e).scale(1.0 / 12.0));
        [
            a.scale(0.25).add(sum1).add(sum2),
            gap1.add(gap2),
            sum1.add(sum2.scale(4.0)),
            gap1.add(gap2.scale(4.0)).add(f),
        ]
    }

    #[inline(always)]
    fn output<L: Lanes>([a, b, c, d, e, f]: [L; 6]) -> [L; 3] {
        let (sum1, sum2) = (b.add(c), d.add(e));
        [
            a.add(sum1).add(sum2),
            b.sub(c).add(d.sub(e).scale(2.0)),
            sum1.add(sum2.scale(4.0)).add(f),
        ]
    }

    #[inline(always)]
    fn output_adjoint<L: Lanes>([a, b, c]: [L; 3]) -> [L; 6] {
        let (ends1, ends2, b2) = (a.add(c), a.add(c.scale(4.0)), b.scale(2.0));
        [
            a,
            ends1.add(b),
            ends1.sub(b),
            ends2.add(b2),
            ends2.sub(b2),
            c,
        ]
    }
}

/// Applies a map along both axes of a square, which has at least one element.
#[inline(always)]
pub fn both<L: Lanes, const I: usize, const O: usize>(
    square: [[L; I]; I],
    map: impl Fn([L; I]) -> [L; O],
) -> [[L; O]; O] {
    let any = square[0][0];
    let mut wide = [[any; O]; I];
    for row in 0..I {
        wide[row] = map(square[row]);
    }
    let mut result = [[any; O]; O];
    for column in 0..O {
        let mut line = [any; I];
        for row in 0..I {
            line[row] = wide[row][column];
        }
        let line = map(line);
        for row in 0..O {
            result[row][column] = line[row];
        }
    }
    result
}
