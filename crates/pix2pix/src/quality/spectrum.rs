//! Power spectra: how much of each size of detail two sets of pictures have. A blurred picture lacks power at high
//! frequencies, noise and grids add some (Durall, Keuper and Keuper 2020, "Watch your Up-Convolution", section 3.1).
//!
//! A plane, less its mean, times a Hann window, is transformed; the power of a frequency is the squared magnitude over the
//! sum of the squared window, so that white noise has its variance everywhere. Spectra are means over all directions, all
//! channels and all pictures.

use super::Planes;
use crate::fourier::{Complex64, Fourier, hann};

/// The power of rounding to 8 bits, as white noise. Less power than this counts as this.
const FLOOR: f64 = 1.0 / 12.0;

/// The spectra of outputs and of their targets.
#[derive(Default)]
pub struct Spectra {
    /// Number of rings between the frequencies 0 and 1 per pixel: the smaller side of the first picture.
    side: usize,
    /// Rings of one width.
    rings: Vec<Ring>,
    /// Rings of an octave, the finest first.
    octaves: Vec<Ring>,
    fourier: Fourier,
}

/// Frequencies of about one magnitude.
#[derive(Clone, Copy, Default)]
struct Ring {
    /// Power of outputs and of targets, summed.
    power: [f64; 2],
    /// Number of frequencies.
    count: f64,
}

impl Ring {
    fn add(&mut self, power: [f64; 2]) {
        self.power[0] += power[0];
        self.power[1] += power[1];
        self.count += 1.0;
    }

    /// Mean power of outputs and of targets.
    fn mean(&self) -> [f64; 2] {
        self.power.map(|power| (power / self.count).max(FLOOR))
    }

    /// Mean power of outputs over that of targets, in dB.
    fn ratio(&self) -> f64 {
        let [output, target] = self.mean();
        10.0 * (output / target).log10()
    }
}

/// A point of the curves of both spectra.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Cycles per pixel, more than 0 and at most 0.5.
    pub frequency: f64,
    /// Mean power of the outputs and of the targets, in squares of 255ths of the range.
    pub power: [f64; 2],
}

impl Spectra {
    /// Adds an output and its target, of one size and the same channels.
    pub fn add(&mut self, output: &Planes, target: &Planes) {
        let [width, height] = output.size;
        let smaller = width.min(height);
        if self.side == 0 {
            self.side = smaller;
            self.rings = vec![Ring::default(); smaller];
        }
        // the widest waves of the last octave fit twice
        let octaves = (0..).take_while(|octave| smaller >> (octave + 3) >= 1);
        let octaves = octaves.count();
        if self.octaves.len() < octaves {
            self.octaves.resize(octaves, Ring::default());
        }
        for (output, target) in output.channels().zip(target.channels()) {
            let transformed = self.transformed([output, target], [width, height]);
            for y in 0..height {
                for x in 0..width {
                    let [fx, fy] = [(x, width), (y, height)]
                        .map(|(at, side)| at.min(side - at) as f64 / side as f64);
                    // a little more, so that those on the edge of two rings are in the same one on every processor
                    let frequency = fx.hypot(fy) * (1.0 + 1e-12);
                    if frequency == 0.0 {
                        continue;
                    }
                    let opposite = (height - y) % height * width + (width - x) % width;
                    let power = powers(transformed[y * width + x], transformed[opposite]);
                    let ring = (frequency * self.side as f64).round() as usize;
                    if let Some(ring) = self.rings.get_mut(ring) {
                        ring.add(power);
                    }
                    let octave = octave(frequency);
                    if octave < octaves {
                        self.octaves[octave].add(power);
                    }
                }
            }
        }
    }

    /// The transform of both planes at once, the second as the imaginary part; times the window, over the root of the sum
    /// of its squares.
    fn transformed(&mut self, planes: [&[f32]; 2], [width, height]: [usize; 2]) -> Vec<Complex64> {
        let mean = |plane: &[f32]| {
            plane.iter().map(|value| f64::from(*value)).sum::<f64>() / plane.len() as f64
        };
        let means = planes.map(mean);
        let windows = [width, height].map(window);
        let mut values = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let at = y * width + x;
                let weight = windows[0][x] * windows[1][y];
                let [a, b] =
                    [0, 1].map(|side| (f64::from(planes[side][at]) - means[side]) * weight);
                values.push(Complex64::new(a, b));
            }
        }
        self.fourier.transformed(values, [width, height])
    }

    /// The power of the outputs over that of the targets in each octave, in dB: of waves below 4 pixels, of 4 to 8, and so
    /// on, up to half a side. 0 is right, less is too smooth, more is too rough. The first octave has all waves of 2 to 4
    /// pixels and those of slanted directions down to the root of 2, and with them the checkerboard.
    pub fn octaves(&self) -> Vec<f64> {
        self.octaves.iter().map(Ring::ratio).collect()
    }

    /// How far the spectrum of the outputs is from that of the targets in each octave, in dB: the log-spectral distance, the
    /// root of the mean over its rings, all of one width, of the squared ratio of both powers in dB (Gray and Markel 1976).
    /// Other than the octave's own ratio, this sees the sharp peaks of a grid, and power at wrong frequencies of the octave.
    pub fn distances(&self) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); self.octaves.len()];
        let rings = self.rings.iter().enumerate().skip(1);
        for (index, ring) in rings.filter(|(_, ring)| ring.count > 0.0) {
            let octave = octave(index as f64 / self.side as f64);
            if let Some((sum, count)) = sums.get_mut(octave) {
                *sum += ring.ratio().powi(2);
                *count += 1.0;
            }
        }
        let known = sums.into_iter().filter(|(_, count)| *count > 0.0);
        known.map(|(sum, count)| (sum / count).sqrt()).collect()
    }

    /// Both curves, from the lowest frequency to half a cycle per pixel, in steps of a cycle over the smaller side of the
    /// first picture.
    pub fn curves(&self) -> Vec<Point> {
        let rings = self.rings.iter().enumerate().skip(1);
        let rings = rings.take_while(|(ring, _)| 2 * ring <= self.side);
        let known = rings.filter(|(_, ring)| ring.count > 0.0);
        known
            .map(|(index, ring)| Point {
                frequency: index as f64 / self.side as f64,
                power: ring.mean(),
            })
            .collect()
    }
}

/// The octave of a frequency above 0. All from a quarter on belong to the finest, 0, those of the corners, too.
fn octave(frequency: f64) -> usize {
    (-frequency.log2()).ceil().max(2.0) as usize - 2
}

/// The Hann window of this length, periodic; its squares sum to 1.
fn window(length: usize) -> Vec<f64> {
    let window = hann(length, 0.0);
    let norm = window.iter().map(|value| value.powi(2)).sum::<f64>().sqrt();
    window.into_iter().map(|value| value / norm).collect()
}

/// The powers of two real planes from the value of their common transform at a frequency, and at the opposite one: the
/// transform of a real plane has conjugate values there.
fn powers(here: Complex64, opposite: Complex64) -> [f64; 2] {
    let opposite = opposite.conj();
    [here + opposite, here - opposite].map(|sum| sum.norm_sqr() / 4.0)
}
