//! The convolution and its gradients as plain loops in f64, straight from the definition. Tests compare the
//! kernels with them.

use crate::geometry::Geometry;

/// Calls `tap` with the indices of input, output and weight, for every product of the convolution.
fn products(g: &Geometry, mut tap: impl FnMut(usize, usize, usize)) {
    let ([height, width], [out_height, out_width]) = (g.input, g.output());
    for image in 0..g.batch {
        for out in 0..g.out_channels {
            for (row, column) in pairs(out_height, out_width) {
                for channel in 0..g.in_channels {
                    for (y, x) in pairs(g.kernel, g.kernel) {
                        let place = |at: usize, offset: usize| {
                            (at * g.stride + offset).checked_sub(g.padding[0])
                        };
                        let (Some(i), Some(j)) = (place(row, y), place(column, x)) else {
                            continue;
                        };
                        if i < height && j < width {
                            tap(
                                ((image * g.in_channels + channel) * height + i) * width + j,
                                ((image * g.out_channels + out) * out_height + row) * out_width
                                    + column,
                                ((out * g.in_channels + channel) * g.kernel + y) * g.kernel + x,
                            );
                        }
                    }
                }
            }
        }
    }
}

fn pairs(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}

/// The convolution: see [`crate::convolution::forward`].
pub fn forward(geometry: &Geometry, input: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut output = vec![0.0; geometry.batch * geometry.output_len()];
    products(geometry, |i, o, w| output[o] += input[i] * weights[w]);
    output
}

/// The gradient of the input: see [`crate::convolution::input_gradient`].
pub fn input_gradient(geometry: &Geometry, output_gradient: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut gradient = vec![0.0; geometry.batch * geometry.input_len()];
    products(geometry, |i, o, w| {
        gradient[i] += output_gradient[o] * weights[w]
    });
    gradient
}

/// The gradient of the weights: see [`crate::convolution::weight_gradient`].
pub fn weight_gradient(geometry: &Geometry, input: &[f64], output_gradient: &[f64]) -> Vec<f64> {
    let mut gradient = vec![0.0; geometry.weights()];
    products(geometry, |i, o, w| {
        gradient[w] += input[i] * output_gradient[o]
    });
    gradient
}
