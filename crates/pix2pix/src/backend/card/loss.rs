//! Losses that are means over all values: one launch sums groups of values, and for large pictures a second one adds the
//! groups' sums. The gradient is one launch.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn::cubecl;
use burn::cubecl::prelude::*;
use pix2pix_kernels::{Curve, Loss};

use super::pictures::{CardTensor, buffer, dense, elementwise, like, ordered, sized};
use crate::backend::loss::{LossBackend, LossGradients};

/// Threads of a group that sums.
const THREADS: usize = 256;
/// Values that each thread of a group sums, at least.
const EACH: usize = 16;
/// Maximum number of groups.
const GROUPS: usize = 256;

#[cube]
fn at(z: f32, #[comptime] curve: Curve) -> f32 {
    if comptime!(curve == Curve::Softplus) {
        max(z, 0.0) + (-z.abs()).exp().log1p()
    } else if comptime!(curve == Curve::Square) {
        z * z
    } else if comptime!(curve == Curve::Positive) {
        max(z, 0.0)
    } else if comptime!(curve == Curve::Linear) {
        z
    } else {
        z.abs()
    }
}

/// The slope; 0 where there is a corner.
#[cube]
fn slope(z: f32, #[comptime] curve: Curve) -> f32 {
    let mut found = 1.0f32;
    if comptime!(curve == Curve::Softplus) {
        found = 1.0 / (1.0 + (-z).exp());
    } else if comptime!(curve == Curve::Square) {
        found = 2.0 * z;
    } else if comptime!(curve == Curve::Positive) {
        found = select(z > 0.0, 1.0f32, 0.0f32);
    } else if comptime!(curve == Curve::Absolute) {
        found = select(z > 0.0, 1.0f32, 0.0f32) - select(z < 0.0, 1.0f32, 0.0f32);
    }
    found
}

/// Sums of the losses of `sign * first + offset - second`, without `second` if there is none, times `share`: one of each
/// group of threads.
#[cube(launch_unchecked)]
fn sums(
    first: &[f32],
    second: ComptimeOption<&[f32]>,
    output: &mut [f32],
    sign: f32,
    offset: f32,
    share: f32,
    #[comptime] curve: Curve,
) {
    let mut sum = 0.0f32;
    let mut index = ABSOLUTE_POS;
    while index < first.len() {
        sum += at(argument(first, &second, sign, offset, index), curve);
        index += CUBE_COUNT * comptime!(THREADS);
    }
    let mut parts = Shared::<[f32]>::new_slice(THREADS);
    let own = UNIT_POS as usize;
    parts[own] = sum;
    sync_cube();
    let mut half = comptime!(THREADS / 2).runtime();
    while half > 0 {
        if own < half {
            parts[own] += parts[own + half];
        }
        sync_cube();
        half /= 2;
    }
    if UNIT_POS == 0 {
        output[CUBE_POS] = parts[0] * share;
    }
}

#[cube]
fn argument(
    first: &[f32],
    second: &ComptimeOption<&[f32]>,
    sign: f32,
    offset: f32,
    index: usize,
) -> f32 {
    let z = sign * first[index] + offset;
    #[comptime]
    match second {
        ComptimeOption::Some(second) => z - second[index],
        ComptimeOption::None => z,
    }
}

/// The gradient of `first`.
#[cube(launch_unchecked)]
fn gradients(
    first: &[f32],
    second: ComptimeOption<&[f32]>,
    gradient: &[f32],
    to_first: &mut [f32],
    sign: f32,
    offset: f32,
    share: f32,
    #[comptime] curve: Curve,
) {
    if ABSOLUTE_POS < to_first.len() {
        let z = argument(first, &second, sign, offset, ABSOLUTE_POS);
        to_first[ABSOLUTE_POS] = slope(z, curve) * sign * share * gradient[0];
    }
}

/// The mean loss of `first`, minus `second` if there is one.
fn mean(first: &CardTensor, second: Option<&CardTensor>, loss: Loss) -> CardTensor {
    let count = first.shape().num_elements();
    let groups = count.div_ceil(THREADS * EACH).clamp(1, GROUPS);
    let launch = |first: &CardTensor,
                  second: Option<&CardTensor>,
                  output: &CardTensor,
                  groups,
                  loss: Loss,
                  share| {
        // SAFETY: each thread reads within the length of `first`, which is that of `second`, and a group writes one sum.
        unsafe {
            sums::launch_unchecked(
                &output.client,
                CubeCount::Static(groups as u32, 1, 1),
                CubeDim::new_1d(THREADS as u32),
                buffer(first),
                second.map(buffer).into(),
                buffer(output),
                loss.sign,
                loss.offset,
                share,
                loss.curve,
            );
        }
    };
    let share = 1.0 / count as f32;
    let output = sized(first, [groups]);
    launch(first, second, &output, groups, loss, share);
    if groups == 1 {
        return output;
    }
    let total = sized(first, [1]);
    let sum = Loss {
        curve: Curve::Linear,
        sign: 1.0,
        offset: 0.0,
    };
    launch(&output, None, &total, 1, sum, 1.0);
    total
}

/// The gradient of `first`.
fn gradient(
    first: &CardTensor,
    second: Option<&CardTensor>,
    gradient: &CardTensor,
    loss: Loss,
) -> CardTensor {
    let to_first = like(first);
    let (count, dim) = elementwise(&to_first);
    let share = 1.0 / first.shape().num_elements() as f32;
    // SAFETY: each thread stays within the lengths, which are the same.
    unsafe {
        gradients::launch_unchecked(
            &to_first.client,
            count,
            dim,
            buffer(first),
            second.map(buffer).into(),
            buffer(gradient),
            buffer(&to_first),
            loss.sign,
            loss.offset,
            share,
            loss.curve,
        );
    }
    to_first
}

/// The loss of a difference.
const DISTANCE: Loss = Loss {
    curve: Curve::Absolute,
    sign: 1.0,
    offset: 0.0,
};

impl LossBackend for Cube {
    fn mean_loss(map: FloatTensor<Self>, loss: Loss) -> FloatTensor<Self> {
        mean(&dense(map).0, None, loss)
    }

    fn mean_distance(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        let (first, order) = dense(first);
        mean(&first, Some(&ordered(second, order)), DISTANCE)
    }
}

impl LossGradients for Cube {
    fn mean_loss_gradient(
        map: FloatTensor<Self>,
        upstream: FloatTensor<Self>,
        loss: Loss,
    ) -> FloatTensor<Self> {
        gradient(&dense(map).0, None, &upstream, loss)
    }

    fn mean_distance_gradient(
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        upstream: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (first, order) = dense(first);
        gradient(&first, Some(&ordered(second, order)), &upstream, DISTANCE)
    }
}
