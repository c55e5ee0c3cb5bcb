//! Structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004) and its multi-scale form (Wang,
//! Simoncelli and Bovik 2003).

use pix2pix_kernels::mirrored;

use super::{PEAK, Planes};

/// Side and standard deviation of the Gaussian window, in pixels (Wang 2004, section III.B).
pub const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;
/// The constants that keep the quotients finite, `(K L)^2`.
const C1: f64 = (0.01 * PEAK) * (0.01 * PEAK);
const C2: f64 = (0.03 * PEAK) * (0.03 * PEAK);
/// Exponents of the five scales, the finest first (Wang 2003, section 4).
const EXPONENTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// Structural similarity, averaged over all channels and over all positions with the window inside the pictures, and on
/// pixels that have data: `known` has 0 for the others. `None` if there are no such positions.
pub fn ssim(a: &Planes, b: &Planes, known: Option<&[u8]>) -> Option<f64> {
    let size = a.size;
    if size.iter().any(|&side| side < WINDOW) {
        return None;
    }
    let whole = known.map(|known| whole(known, size));
    let channels = a.channels().zip(b.channels());
    mean(
        channels
            .map(|(a, b)| Some(similarity(&widened(a), &widened(b), size, whole.as_deref())?[0])),
    )
}

/// Whether a picture of this size has a position at which [`ssim`] is measured.
pub fn has_window(size: [usize; 2], known: Option<&[u8]>) -> bool {
    let fits = size.iter().all(|&side| side >= WINDOW);
    fits && known.is_none_or(|known| whole(known, size).contains(&true))
}

/// For each position of the window inside a picture, whether all its pixels have data.
fn whole(known: &[u8], size: [usize; 2]) -> Vec<bool> {
    let known: Vec<f64> = known.iter().map(|&byte| f64::from(byte.min(1))).collect();
    let shares = blurred(&known, size).into_iter();
    shares.map(|share| share > 1.0 - 1e-9).collect()
}

/// Multi-scale structural similarity: contrast and structure at five scales, and also luminance at the coarsest. At
/// the coarsest scale little would be left inside the window's margins, so pictures are reflection-padded there, as in
/// torchmetrics. Negative factors count as 0. `None` if the window does not fit the coarsest scale.
pub fn ms_ssim(a: &Planes, b: &Planes) -> Option<f64> {
    let mut scales = [Vec::new(), Vec::new()];
    for (to, planes) in scales.iter_mut().zip([a, b]) {
        *to = planes.channels().map(widened).collect::<Vec<_>>();
    }
    let mut size = a.size;
    let mut product = 1.0;
    for (scale, exponent) in EXPONENTS.into_iter().enumerate() {
        let [a, b] = &scales;
        let last = scale + 1 == EXPONENTS.len();
        let factor = mean(a.iter().zip(b).map(|(a, b)| {
            if last && size.iter().all(|&side| side >= WINDOW) {
                let [a, b] = [a, b].map(|plane| padded(plane, size));
                return Some(similarity(&a, &b, size.map(|side| side + WINDOW - 1), None)?[0]);
            }
            Some(similarity(a, b, size, None)?[1])
        }))?;
        product *= factor.max(0.0).powf(exponent);
        for planes in &mut scales {
            for plane in planes.iter_mut() {
                *plane = halved(plane, size);
            }
        }
        size = size.map(|side| side / 2);
    }
    Some(product)
}

fn widened(plane: &[f32]) -> Vec<f64> {
    plane.iter().copied().map(f64::from).collect()
}

fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

/// Mean over all positions, or those in `whole`, of the whole index, and of its product of contrast and structure.
fn similarity(a: &[f64], b: &[f64], size: [usize; 2], whole: Option<&[bool]>) -> Option<[f64; 2]> {
    if size.iter().any(|&side| side < WINDOW) {
        return None;
    }
    let product =
        |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a * b).collect() };
    let [mean_a, mean_b] = [a, b].map(|plane| blurred(plane, size));
    let [aa, bb, ab] = [(a, a), (b, b), (a, b)].map(|(a, b)| blurred(&product(a, b), size));
    let mut sums = [0.0; 2];
    let counts = |at: &usize| whole.is_none_or(|whole| whole[*at]);
    let mut count = 0;
    for at in (0..mean_a.len()).filter(counts) {
        count += 1;
        let (ma, mb) = (mean_a[at], mean_b[at]);
        let (va, vb, cov) = (aa[at] - ma * ma, bb[at] - mb * mb, ab[at] - ma * mb);
        let contrast = (2.0 * cov + C2) / (va + vb + C2);
        let luminance = (2.0 * ma * mb + C1) / (ma * ma + mb * mb + C1);
        sums[0] += luminance * contrast;
        sums[1] += contrast;
    }
    (count > 0).then(|| sums.map(|sum| sum / f64::from(count)))
}

/// The window's weighted means at all positions inside the plane, row by row.
fn blurred(plane: &[f64], [width, height]: [usize; 2]) -> Vec<f64> {
    let weights: [f64; WINDOW] = std::array::from_fn(|i| {
        let distance = i as f64 - (WINDOW / 2) as f64;
        (-distance * distance / (2.0 * SIGMA * SIGMA)).exp()
    });
    let total: f64 = weights.iter().sum();
    let weights = weights.map(|weight| weight / total);
    let inner = width + 1 - WINDOW;
    let mut across = Vec::with_capacity(inner * height);
    for row in plane.chunks_exact(width) {
        across.extend(row.windows(WINDOW).map(|values| -> f64 {
            values
                .iter()
                .zip(weights)
                .map(|(value, weight)| value * weight)
                .sum()
        }));
    }
    let mut both = vec![0.0; inner * (height + 1 - WINDOW)];
    for (y, row) in both.chunks_exact_mut(inner).enumerate() {
        for (line, weight) in weights.into_iter().enumerate() {
            let from = &across[(y + line) * inner..][..inner];
            for (to, from) in row.iter_mut().zip(from) {
                *to += weight * from;
            }
        }
    }
    both
}

/// A plane with reflection padding of half a window on every side.
fn padded(plane: &[f64], [width, height]: [usize; 2]) -> Vec<f64> {
    let margin = WINDOW / 2;
    let place = |at: usize, side: usize| mirrored(at as isize - margin as isize, side);
    let rows = 0..height + 2 * margin;
    rows.flat_map(|y| {
        let row = &plane[place(y, height) * width..][..width];
        (0..width + 2 * margin).map(move |x| row[place(x, width)])
    })
    .collect()
}

/// Means of 2x2 pixels; a last odd row or column is left out.
fn halved(plane: &[f64], [width, height]: [usize; 2]) -> Vec<f64> {
    let at = |x: usize, y: usize| plane[y * width + x];
    let mut half = Vec::with_capacity(plane.len() / 4);
    for y in 0..height / 2 {
        for x in 0..width / 2 {
            let (x, y) = (2 * x, 2 * y);
            half.push((at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1)) / 4.0);
        }
    }
    half
}
