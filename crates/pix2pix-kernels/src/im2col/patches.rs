//! The patch matrix of an image (im2col): a row for each input channel and tap, a column for each output pixel,
//! zeros for taps in the padding.

use std::ops::Range;

use crate::geometry::Geometry;

/// Writes a block of the patch matrix: the rows of the input channels `channels`, the columns of the output rows
/// `rows`. `image` is one input image; `matrix` is `[channels * kernel^2, rows * output width]`.
pub fn gather(
    geometry: &Geometry,
    image: &[f32],
    channels: Range<usize>,
    rows: Range<usize>,
    matrix: &mut [f32],
) {
    let [height, width] = geometry.input;
    let [_, out_width] = geometry.output();
    let (stride, before) = (geometry.stride, geometry.padding[0]);
    let mut lines = matrix.chunks_exact_mut(out_width);
    for channel in channels {
        let plane = &image[channel * height * width..][..height * width];
        for (y, x) in taps(geometry) {
            let inside = geometry.inside(x, width, out_width);
            for row in rows.clone() {
                let line = lines.next().expect("the matrix has a line for each row");
                let source = (row * stride + y)
                    .checked_sub(before)
                    .filter(|&source| source < height && !inside.is_empty());
                let Some(source) = source else {
                    line.fill(0.0);
                    continue;
                };
                line[..inside.start].fill(0.0);
                line[inside.end..].fill(0.0);
                let from = &plane[source * width..][..width][inside.start * stride + x - before..];
                copy_strided(&mut line[inside.clone()], from, stride);
            }
        }
    }
}

/// Adds a block of the patch matrix, as in [`gather`], to the pixels it would be gathered from (col2im). `planes` is
/// `[channels, band, width]`: of the input image's channels `channels`, the rows `band`. Other rows are skipped.
pub fn scatter_add(
    geometry: &Geometry,
    matrix: &[f32],
    channels: Range<usize>,
    rows: Range<usize>,
    band: Range<usize>,
    planes: &mut [f32],
) {
    let [_, width] = geometry.input;
    let [_, out_width] = geometry.output();
    let (stride, before) = (geometry.stride, geometry.padding[0]);
    let mut lines = matrix.chunks_exact(out_width);
    for plane in planes
        .chunks_exact_mut(band.len() * width)
        .take(channels.len())
    {
        for (y, x) in taps(geometry) {
            let inside = geometry.inside(x, width, out_width);
            for row in rows.clone() {
                let line = lines.next().expect("the matrix has a line for each row");
                let target = (row * stride + y)
                    .checked_sub(before)
                    .filter(|target| band.contains(target) && !inside.is_empty());
                let Some(target) = target.map(|target| target - band.start) else {
                    continue;
                };
                let to =
                    &mut plane[target * width..][..width][inside.start * stride + x - before..];
                add_strided(to, &line[inside.clone()], stride);
            }
        }
    }
}

/// Row and column of each tap of the kernel.
fn taps(geometry: &Geometry) -> impl Iterator<Item = (usize, usize)> + use<> {
    let kernel = geometry.kernel;
    (0..kernel).flat_map(move |y| (0..kernel).map(move |x| (y, x)))
}

fn copy_strided(to: &mut [f32], from: &[f32], stride: usize) {
    match stride {
        1 => to.copy_from_slice(&from[..to.len()]),
        2 => {
            // the last pair may be incomplete
            let (last, body) = to.split_last_mut().expect("the range is not empty");
            for (to, pair) in body.iter_mut().zip(from.as_chunks::<2>().0) {
                *to = pair[0];
            }
            *last = from[2 * body.len()];
        }
        _ => {
            for (to, from) in to.iter_mut().zip(from.iter().step_by(stride)) {
                *to = *from;
            }
        }
    }
}

fn add_strided(to: &mut [f32], from: &[f32], stride: usize) {
    match stride {
        1 => {
            for (to, from) in to.iter_mut().zip(from) {
                *to += from;
            }
        }
        2 => {
            let (last, body) = from.split_last().expect("the range is not empty");
            for (pair, from) in to.as_chunks_mut::<2>().0.iter_mut().zip(body) {
                pair[0] += from;
            }
            to[2 * body.len()] += last;
        }
        _ => {
            for (to, from) in to.iter_mut().step_by(stride).zip(from) {
                *to += from;
            }
        }
    }
}
