//! How far the two pictures of a pair are shifted against each other, by phase correlation (Kuglin and Hines 1975): the product
//! of the Fourier transforms of one and of the conjugate of the other, with all magnitudes set to 1, is the transform of a peak
//! at the shift.
//!
//! The pictures of a pair look different, so what is correlated are their edges: gradients as complex numbers (orientation
//! correlation: Fitch et al. 2002), squared, so that an edge from dark to light is the same as one from light to dark.

use std::f64::consts::PI;

use pix2pix_runtime::picture::Picture;

use crate::fourier::{Complex64, Fourier};

/// Largest side that is correlated, in pixels: of larger pictures, the middle.
const MOST: u32 = 1024;
/// Smallest side that can be correlated, in pixels.
const LEAST: u32 = 32;
/// Largest shift that is looked for, as a part of a side.
const REACH: usize = 4;
/// Standard deviation of the peak, in pixels: high frequencies, which are mostly noise, weigh less.
const PEAK: f64 = 1.0;
/// Distance from the peak in pixels from which another maximum is one of its own.
const APART: f64 = 4.0;
/// A shift is reliable if its peak is this many times as high as the next maximum, and
const CLEAR: f64 = 1.5;
/// this many standard deviations above the mean of the correlation. On the earth data, whose pictures of relief and of light
/// were shifted at random, both together found 53 of 54 pairs, and no wrong shift at any size from 64 to 244 pixels.
const HIGH: f64 = 7.0;

/// How far what B shows lies from what A shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// To the right, in pixels, to about a tenth.
    pub right: f64,
    /// Down, in pixels, to about a tenth.
    pub down: f64,
}

impl Shift {
    /// The distance in pixels.
    pub fn length(&self) -> f64 {
        self.right.hypot(self.down)
    }

    /// In whole pixels: right and down.
    pub fn whole(&self) -> [i32; 2] {
        [self.right, self.down].map(|pixels| pixels.round() as i32)
    }
}

/// The shift of B against A, of up to a quarter of a side; `None` if no peak is clear. `known` is 0 for pixels that have no
/// data.
///
/// # Panics
/// When the pictures differ in size.
pub fn between(a: &Picture, b: &Picture, known: Option<&[u8]>) -> Option<Shift> {
    assert_eq!(a.size(), b.size(), "pictures of a pair");
    if a.size().iter().any(|side| *side < LEAST) {
        return None;
    }
    let middle = Middle::of(a.size());
    let size = middle.size.map(|side| side as usize);
    let known = known.map(|known| middle.of_plane(known, a.size()));
    let mut fourier = Fourier::default();
    let [a, b] = [a, b].map(|picture| {
        let edges = edges(&picture.crop(middle.corner, middle.size), known.as_deref());
        fourier.transformed(edges, size)
    });
    let correlation = correlation(&mut fourier, &a, &b, size);
    peak(&correlation, size)
}

/// The middle of a picture.
struct Middle {
    corner: [u32; 2],
    size: [u32; 2],
}

impl Middle {
    fn of(whole: [u32; 2]) -> Self {
        let size = whole.map(|side| side.min(MOST));
        Self {
            corner: [0, 1].map(|axis| (whole[axis] - size[axis]) / 2),
            size,
        }
    }

    fn of_plane(&self, plane: &[u8], [width, _]: [u32; 2]) -> Vec<u8> {
        let rows = plane
            .chunks_exact(width as usize)
            .skip(self.corner[1] as usize);
        let rows = rows.take(self.size[1] as usize);
        rows.flat_map(|row| &row[self.corner[0] as usize..][..self.size[0] as usize])
            .copied()
            .collect()
    }
}

/// The edges of all channels: the sum of the squared gradients as complex numbers, over the root of the sum of their squared
/// magnitudes, times a Hann window. 0 beside the border, and where a pixel or its neighbour has no data.
fn edges(picture: &Picture, known: Option<&[u8]>) -> Vec<Complex64> {
    let [width, height] = picture.size().map(|side| side as usize);
    let channels = picture.channels();
    let samples = picture.to_floats();
    let is_known = |at: usize| known.is_none_or(|known| known[at] > 0);
    let windows = [width, height].map(hann);
    let mut edges = vec![Complex64::default(); width * height];
    for y in 1..height - 1 {
        for x in 1..width - 1 {
            let at = y * width + x;
            let around = [at - 1, at + 1, at - width, at + width];
            if !is_known(at) || !around.iter().all(|&at| is_known(at)) {
                continue;
            }
            let (mut sum, mut squares) = (Complex64::default(), 0.0);
            for channel in 0..channels {
                let [left, right, above, below] =
                    around.map(|at| f64::from(samples[at * channels + channel]));
                let gradient = Complex64::new(right - left, below - above);
                sum += gradient * gradient;
                squares += gradient.norm_sqr();
            }
            // not of values that are not numbers
            if squares > 0.0 && squares.is_finite() {
                edges[at] = sum / squares.sqrt() * windows[0][x] * windows[1][y];
            }
        }
    }
    edges
}

/// The Hann window of this length.
fn hann(length: usize) -> Vec<f64> {
    let wave = |at: usize| (PI * (at as f64 + 0.5) / length as f64).sin().powi(2);
    (0..length).map(wave).collect()
}

/// The phase correlation of two transforms, at every shift of B, those to the left and up from the end.
fn correlation(
    fourier: &mut Fourier,
    a: &[Complex64],
    b: &[Complex64],
    size: [usize; 2],
) -> Vec<f64> {
    let [width, height] = size;
    let lowpass = size.map(|side| -> Vec<f64> {
        let frequency = |at: usize| at.min(side - at) as f64 / side as f64;
        let weight = |at: usize| (-2.0 * (PI * PEAK * frequency(at)).powi(2)).exp();
        (0..side).map(weight).collect()
    });
    let most = a.iter().zip(b).map(|(a, b)| (a * b).norm());
    // what is smaller is rounding
    let least = most.fold(0.0, f64::max) * 1e-12;
    let mut phases = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let at = y * width + x;
            let product = b[at] * a[at].conj();
            phases.push(match product.norm() > least {
                // the inverse transform of a value is the conjugate of the transform of its conjugate
                true => product.conj() / product.norm() * lowpass[0][x] * lowpass[1][y],
                false => Complex64::default(),
            });
        }
    }
    let transformed = fourier.transformed(phases, size);
    transformed.iter().map(|value| value.re).collect()
}

/// The highest place of the correlation within reach, if it is clear.
fn peak(correlation: &[f64], [width, height]: [usize; 2]) -> Option<Shift> {
    let at = |right: i64, down: i64| {
        let [x, y] = [
            right.rem_euclid(width as i64),
            down.rem_euclid(height as i64),
        ];
        correlation[y as usize * width + x as usize]
    };
    let [reach_x, reach_y] = [width, height].map(|side| (side / REACH) as i64);
    let places = || {
        (-reach_y..=reach_y).flat_map(|down| (-reach_x..=reach_x).map(move |right| (right, down)))
    };
    let higher =
        |best: (i64, i64), place: (i64, i64)| match at(place.0, place.1) > at(best.0, best.1) {
            true => place,
            false => best,
        };
    let (right, down) = places().fold((0, 0), higher);
    let height = at(right, down);
    let is_apart = |(x, y): &(i64, i64)| {
        let distance = [x - right, y - down].map(|pixels| pixels as f64);
        distance[0].hypot(distance[1]) > APART
    };
    let others = places().filter(is_apart).map(|(x, y)| at(x, y));
    let next = others.fold(0.0, f64::max);
    let count = places().count() as f64;
    let mean = places().map(|(x, y)| at(x, y)).sum::<f64>() / count;
    let squares = places().map(|(x, y)| (at(x, y) - mean).powi(2));
    let deviation = (squares.sum::<f64>() / count).sqrt();
    if height < CLEAR * next || height - mean < HIGH * deviation || deviation == 0.0 {
        return None;
    }
    // the peak has the shape of a Gaussian, whose logarithm is a parabola
    let part = |before: f64, after: f64| match before > 0.0 && after > 0.0 {
        true => {
            let [before, top, after] = [before, height, after].map(f64::ln);
            let bend = before - 2.0 * top + after;
            match bend < 0.0 {
                true => ((before - after) / (2.0 * bend)).clamp(-0.5, 0.5),
                false => 0.0,
            }
        }
        false => 0.0,
    };
    Some(Shift {
        right: right as f64 + part(at(right - 1, down), at(right + 1, down)),
        down: down as f64 + part(at(right, down - 1), at(right, down + 1)),
    })
}

/// Both pictures cropped to what they both show, if B lies `[right, down]` whole pixels from A.
///
/// # Panics
/// When they have nothing in common.
pub fn common(a: &Picture, b: &Picture, shift: [i32; 2]) -> [Picture; 2] {
    let size = [0, 1].map(|axis| a.size()[axis] - shift[axis].unsigned_abs());
    // what A shows at x is at x + shift in B
    let corner_a = shift.map(|pixels| (-pixels).max(0) as u32);
    let corner_b = shift.map(|pixels| pixels.max(0) as u32);
    [a.crop(corner_a, size), b.crop(corner_b, size)]
}
