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
/// two dimensions. All factors are in `data`: there are more weights than pixels.
#[derive(Clone, Copy)]
pub struct TwoTapsWide;

impl TwoTapsWide {
    const FACTORS: [f32; 5] = [1.0 / 2.0, -1.0 / 2.0, -1.0 / 6.0, 1.0 / 6.0, 1.0];
}

impl Scheme<2, 5, 4> for TwoTapsWide {
    #[inline(always)]
    fn data<L: Lanes>([a, b, c, d, e]: [L; 5]) -> [L; 5] {
        // all points but 2 have the factor x - 2
        let [p, q] = [b.add_scaled(a, -2.0), c.add_scaled(b, -2.0)];
        let [r, s] = [d.add_scaled(c, -2.0), e.add_scaled(d, -2.0)];
        scaled(
            [r.sub(p), r.add(q), r.sub(q), d.sub(b), s.sub(q)],
            Self::FACTORS,
        )
    }

    #[inline(always)]
    fn data_adjoint<L: Lanes>(points: [L; 5]) -> [L; 5] {
        let [a, b, c, d, e] = scaled(points, Self::FACTORS);
        let (q, r) = (b.sub(c).sub(e), a.add(b).add(c));
        [
            a.scale(2.0),
            q.scale(-2.0).sub(a.add(d)),
            q.add_scaled(r, -2.0),
            r.add(d).add_scaled(e, -2.0),
            e,
        ]
    }

    #[inline(always)]
    fn kernel<L: Lanes>([a, b]: [L; 2]) -> [L; 5] {
        [a, a.add(b), a.sub(b), a.add_scaled(b, 2.0), b]
    }

    #[inline(always)]
    fn kernel_adjoint<L: Lanes>([a, b, c, d, e]: [L; 5]) -> [L; 2] {
        [a.add(b.add(c)).add(d), b.sub(c).add_scaled(d, 2.0).add(e)]
    }

    #[inline(always)]
    fn output<L: Lanes>([a, b, c, d, e]: [L; 5]) -> [L; 4] {
        let (sum, gap) = (b.add(c), b.sub(c));
        [
            a.add(sum).add(d),
            gap.add_scaled(d, 2.0),
            sum.add_scaled(d, 4.0),
            gap.add_scaled(d, 8.0).add(e),
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
            a.add_scaled(b.add_scaled(c.add_scaled(d, 2.0), 2.0), 2.0),
            d,
        ]
    }
}

/// Four taps, tiles of four: points 0, 1, -1, 2, -2, 1/2 and infinity. 5.2 times fewer products in two dimensions.
///
/// Taps and outputs are as many, so `kernel` is `output_adjoint`. All factors are in `data`: there are more weights than
/// pixels.
#[derive(Clone, Copy)]
pub struct FourTaps;

impl FourTaps {
    const FACTORS: [f32; 7] = [
        -1.0 / 2.0,
        -1.0 / 3.0,
        1.0 / 9.0,
        1.0 / 36.0,
        -1.0 / 60.0,
        32.0 / 45.0,
        1.0,
    ];
}

impl Scheme<4, 7, 4> for FourTaps {
    #[inline(always)]
    fn data<L: Lanes>([a, b, c, d, e, f, g]: [L; 7]) -> [L; 7] {
        // all points but 1/2 have the factor x - 1/2
        let [p, q, r] = [
            b.add_scaled(a, -0.5),
            c.add_scaled(b, -0.5),
            d.add_scaled(c, -0.5),
        ];
        let [s, t, u] = [
            e.add_scaled(d, -0.5),
            f.add_scaled(e, -0.5),
            g.add_scaled(f, -0.5),
        ];
        let (even1, odd1) = (t.add_scaled(r, -4.0), s.add_scaled(q, -4.0));
        let (even2, odd2) = (t.sub(r), s.sub(q));
        scaled(
            [
                t.add_scaled(r, -5.0).add_scaled(p, 4.0),
                even1.add(odd1),
                even1.sub(odd1),
                even2.add_scaled(odd2, 2.0),
                even2.add_scaled(odd2, -2.0),
                f.add_scaled(d, -5.0).add_scaled(b, 4.0),
                u.add_scaled(s, -5.0).add_scaled(q, 4.0),
            ],
            Self::FACTORS,
        )
    }

    #[inline(always)]
    fn data_adjoint<L: Lanes>(points: [L; 7]) -> [L; 7] {
        let [a, b, c, d, e, f, g] = scaled(points, Self::FACTORS);
        let (sum1, gap1) = (b.add(c), b.sub(c));
        let (sum2, gap2) = (d.add(e), d.sub(e).scale(2.0));
        let q = g.sub(gap1).scale(4.0).sub(gap2);
        let r = sum2.add_scaled(a, 5.0).add_scaled(sum1, 4.0).scale(-1.0);
        let s = gap1.add(gap2).add_scaled(g, -5.0);
        let t = a.add(sum1).add(sum2);
        [
            a.scale(-2.0),
            a.add(f).scale(4.0).add_scaled(q, -0.5),
            q.add_scaled(r, -0.5),
            r.add_scaled(s, -0.5).add_scaled(f, -5.0),
            s.add_scaled(t, -0.5),
            t.add(f).add_scaled(g, -0.5),
            g,
        ]
    }

    #[inline(always)]
    fn kernel<L: Lanes>(taps: [L; 4]) -> [L; 7] {
        Self::output_adjoint(taps)
    }

    #[inline(always)]
    fn kernel_adjoint<L: Lanes>(points: [L; 7]) -> [L; 4] {
        Self::output(points)
    }

    #[inline(always)]
    fn output<L: Lanes>([a, b, c, d, e, f, g]: [L; 7]) -> [L; 4] {
        let (sum1, gap1) = (b.add(c), b.sub(c));
        let (sum2, gap2) = (d.add(e), d.sub(e));
        [
            a.add(sum1).add(sum2).add(f),
            gap1.add_scaled(gap2, 2.0).add_scaled(f, 0.5),
            sum1.add_scaled(sum2, 4.0).add_scaled(f, 0.25),
            gap1.add_scaled(gap2, 8.0).add_scaled(f, 0.125).add(g),
        ]
    }

    #[inline(always)]
    fn output_adjoint<L: Lanes>([a, b, c, d]: [L; 4]) -> [L; 7] {
        let (even1, odd1) = (a.add(c), b.add(d));
        let (even2, odd2) = (a.add_scaled(c, 4.0), b.add_scaled(d, 4.0));
        [
            a,
            even1.add(odd1),
            even1.sub(odd1),
            even2.add_scaled(odd2, 2.0),
            even2.add_scaled(odd2, -2.0),
            // Horner's scheme at 1/2
            a.add_scaled(b.add_scaled(c.add_scaled(d, 0.5), 0.5), 0.5),
            d,
        ]
    }
}

/// Multiplies each point by its factor.
#[inline(always)]
fn scaled<L: Lanes, const P: usize>(mut points: [L; P], factors: [f32; P]) -> [L; P] {
    for p in 0..P {
        points[p] = points[p].scale(factors[p]);
    }
    points
}

/// Applies a map along both axes of a square, which has at least one element.
#[inline(always)]
pub fn both<L: Lanes, const I: usize, const O: usize>(
    square: [[L; I]; I],
    map: impl Fn([L; I]) -> [L; O] + Copy,
) -> [[L; O]; O] {
    let wide = rows(square, map);
    let mut result = [[square[0][0]; O]; O];
    for x in 0..O {
        let line = column(&wide, x, map);
        for y in 0..O {
            result[y][x] = line[y];
        }
    }
    result
}

/// Applies a map along the rows of a square: the first half of [`both`].
#[inline(always)]
pub fn rows<L: Lanes, const I: usize, const O: usize>(
    square: [[L; I]; I],
    map: impl Fn([L; I]) -> [L; O],
) -> [[L; O]; I] {
    let mut wide = [[square[0][0]; O]; I];
    for y in 0..I {
        wide[y] = map(square[y]);
    }
    wide
}

/// Applies a map along one column of what [`rows`] returned: a part of the second half of [`both`]. Who needs one column
/// after the other does not hold the whole result in memory.
#[inline(always)]
pub fn column<L: Lanes, const I: usize, const O: usize>(
    wide: &[[L; O]; I],
    x: usize,
    map: impl Fn([L; I]) -> [L; O],
) -> [L; O] {
    let mut line = [wide[0][0]; I];
    for y in 0..I {
        line[y] = wide[y][x];
    }
    map(line)
}
