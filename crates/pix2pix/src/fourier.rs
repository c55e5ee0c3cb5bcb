//! Fourier transforms of planes.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::sync::Arc;

pub(crate) use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};

/// Transforms of planes of any size, planned once for each length of a side.
#[derive(Default)]
pub(crate) struct Fourier {
    transforms: BTreeMap<usize, Arc<dyn Fft<f64>>>,
}

impl Fourier {
    /// The transform of a plane of this width and height, row by row, not normalized.
    pub fn transformed(
        &mut self,
        mut values: Vec<Complex64>,
        [width, height]: [usize; 2],
    ) -> Vec<Complex64> {
        self.of_length(width).process(&mut values);
        let mut columns = turned(&values, [width, height]);
        self.of_length(height).process(&mut columns);
        turned(&columns, [height, width])
    }

    /// The transform of this length.
    fn of_length(&mut self, length: usize) -> Arc<dyn Fft<f64>> {
        let planned = self.transforms.entry(length);
        let transform = planned.or_insert_with(|| FftPlanner::new().plan_fft_forward(length));
        transform.clone()
    }
}

/// The Hann window of this length, 0 to 1. `offset` is where in its step each sample is taken: 0 is the periodic window, 0.5
/// the symmetric one.
pub(crate) fn hann(length: usize, offset: f64) -> Vec<f64> {
    let wave = |at: usize| (PI * (at as f64 + offset) / length as f64).sin().powi(2);
    (0..length).map(wave).collect()
}

/// Columns as rows.
fn turned(values: &[Complex64], [width, height]: [usize; 2]) -> Vec<Complex64> {
    let columns = (0..width).flat_map(|x| (0..height).map(move |y| y * width + x));
    columns.map(|at| values[at]).collect()
}
