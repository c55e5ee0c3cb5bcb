//! Normalization layers, and their common interface.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use pix2pix_runtime::network::Norm;
use pix2pix_runtime::network::norm::{EPSILON, groups};
use pix2pix_runtime::plan::Core;

use crate::backend;
use crate::backend::activation::activation;
use crate::backend::device::placed;
use crate::network::batch_norm::{BatchNorm, constants, normalize};
use crate::network::init::WeightInit;
use crate::network::norm_statistics::Norms;

/// Slope at which a LeakyReLU is a ReLU.
pub const RELU: f64 = 0.0;

/// A normalization layer of this kind over `channels`; `None` for no normalization.
pub fn layer(
    norm: Norm,
    channels: usize,
    init: &mut WeightInit,
    device: &Device,
) -> Option<NormLayer> {
    match norm {
        Norm::Batch => Some(NormLayer::Batch(BatchNorm::new(channels, init, device))),
        Norm::Instance => Some(NormLayer::Instance(InstanceNorm { channels })),
        Norm::Group => Some(NormLayer::Group(GroupNorm::new(channels, init, device))),
        Norm::None => None,
    }
}

/// Replaces the epsilon of a batch normalization; other kinds keep theirs.
pub fn with_epsilon(norm: Option<NormLayer>, epsilon: f64) -> Option<NormLayer> {
    norm.map(|norm| match norm {
        NormLayer::Batch(norm) => NormLayer::Batch(norm.with_epsilon(epsilon)),
        other => other,
    })
}

/// A normalization layer.
#[derive(Module, Debug)]
pub enum NormLayer {
    /// Batch normalization.
    Batch(BatchNorm),
    /// Instance normalization.
    Instance(InstanceNorm),
    /// Group normalization.
    Group(GroupNorm),
}

/// Normalizes each channel of each picture; it has no parameters.
#[derive(Module, Debug)]
pub struct InstanceNorm {
    /// Number of channels.
    pub channels: usize,
}

/// Normalizes groups of channels of each picture, then scales and shifts each channel.
#[derive(Module, Debug)]
pub struct GroupNorm {
    /// Scale, `[channels]`.
    pub gamma: Param<Tensor<1>>,
    /// Shift, `[channels]`.
    pub beta: Param<Tensor<1>>,
    /// Number of groups.
    pub groups: usize,
}

impl GroupNorm {
    /// A norm over `channels`: scale N(1, 0.02), shift 0.
    pub fn new(channels: usize, init: &mut WeightInit, device: &Device) -> Self {
        Self {
            gamma: init.normal([channels], 1.0, device),
            beta: init.zeros([channels], device),
            groups: groups(channels),
        }
    }

    /// Scales, shifts and activates normalized values.
    fn finish(&self, x: Tensor<4>, slope: f64) -> Tensor<4> {
        let shape = [1, self.gamma.dims()[0], 1, 1];
        let (gamma, beta) = (
            self.gamma.val().reshape(shape),
            self.beta.val().reshape(shape),
        );
        activation(x * gamma + beta, slope)
    }
}

/// Scale 1 and shift 0 for each channel.
fn plain(channels: usize, device: &Device) -> [Tensor<1>; 2] {
    [
        Tensor::ones([channels], device),
        Tensor::zeros([channels], device),
    ]
}

/// With this slope a LeakyReLU is the identity.
const LINEAR: f64 = 1.0;

/// Views `groups` groups of channels of each picture as the channels of one picture, so that batch statistics are
/// those of the groups.
fn grouped(x: Tensor<4>, groups: usize) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    x.reshape([1, batch * groups, channels / groups * height, width])
}

impl NormLayer {
    /// Normalizes `x`, `[batch, channels, height, width]`, by its own statistics, then applies a LeakyReLU with this
    /// `slope` below zero; 0 for a ReLU. The shape is unchanged. The statistics of the batch are those of each of `parts`
    /// equal parts of it; other kinds normalize each picture by itself anyway.
    pub fn forward(&self, x: Tensor<4>, slope: f64, parts: usize) -> Tensor<4> {
        let shape = x.dims();
        let by_groups = |x: Tensor<4>, groups: usize, slope: f64| {
            let affine = plain(shape[0] * groups, &x.device());
            let constants = constants(EPSILON, slope, 1);
            let (normal, _) = normalize(grouped(x, groups), affine, constants, None, None);
            normal.reshape(shape)
        };
        match self {
            Self::Batch(norm) => norm.forward(x, slope, parts),
            Self::Instance(norm) => by_groups(x, norm.channels, slope),
            Self::Group(norm) => norm.finish(by_groups(x, norm.groups, LINEAR), slope),
        }
    }

    /// As [`forward`](Self::forward) for one picture, with these statistics, `[2, channels or groups]`.
    fn forward_with(&self, x: Tensor<4>, statistics: Tensor<2>, slope: f64) -> Tensor<4> {
        let shape = x.dims();
        let by_groups = |x: Tensor<4>, groups: usize, statistics: Tensor<2>, slope: f64| {
            let affine = plain(groups, &x.device());
            backend::norm::forward(
                grouped(x, groups),
                statistics,
                affine,
                constants(EPSILON, slope, 1),
                None,
            )
            .reshape(shape)
        };
        match self {
            Self::Batch(norm) => {
                let affine = [norm.gamma.val(), norm.beta.val()];
                let constants = constants(norm.epsilon, slope, 1);
                backend::norm::forward(x, statistics, affine, constants, None)
            }
            Self::Instance(norm) => by_groups(x, norm.channels, statistics, slope),
            Self::Group(norm) => norm.finish(by_groups(x, norm.groups, statistics, LINEAR), slope),
        }
    }

    /// The statistics of a part of one picture, `[2, channels or groups]`, and the number of values in each.
    fn statistics(&self, x: Tensor<4>, core: &Core) -> (Tensor<2>, f64) {
        let [_, channels, height, width] = x.dims();
        let groups = match self {
            Self::Group(norm) => norm.groups,
            Self::Batch(_) | Self::Instance(_) => channels,
        };
        let planes = channels / groups;
        let [rows, columns] = core.shares([height, width]);
        // the planes of a group lie below each other
        let rows = rows.repeat(planes);
        let [high, wide] =
            [&rows, &columns].map(|shares| shares.iter().copied().map(f64::from).sum::<f64>());
        let device = x.device();
        let rows = placed(TensorData::new(rows, [1, 1, planes * height, 1]), &device);
        let columns = placed(TensorData::new(columns, [1, 1, 1, width]), &device);
        // means of rows, then of their means, so that no sum is a long one
        let mean = |x: Tensor<4>| {
            let of_rows = (x * columns.clone()).sum_dim(3) / wide;
            (of_rows * rows.clone()).sum_dim(2) / high
        };
        let x = grouped(x, groups);
        let means = mean(x.clone());
        let variances = mean((x - means.clone()).square());
        let both = Tensor::cat(vec![means, variances], 0);
        (both.reshape([2, groups]), high * wide)
    }

    /// The running statistics, `[2, channels]`: means, variances. `None` except for batch normalization.
    pub fn running_statistics(&self) -> Option<Tensor<2>> {
        match self {
            Self::Batch(norm) => {
                let rows = [&norm.running_mean, &norm.running_var].map(|row| row.value());
                Some(Tensor::stack(rows.to_vec(), 0))
            }
            Self::Instance(_) | Self::Group(_) => None,
        }
    }
}

/// Normalizes, if there is a norm, and activates `x`. Returns the result and its directional derivative along a
/// `tangent`; all are `[batch, channels, height, width]`. Uses only Burn's own operations, which autodiff can
/// differentiate once more.
pub fn norm_and_activate_tangent(
    norm: &Option<NormLayer>,
    [x, tangent]: [Tensor<4>; 2],
    slope: f64,
) -> [Tensor<4>; 2] {
    let shape = x.dims();
    let by_groups = |groups: usize| {
        let pair = [grouped(x.clone(), groups), grouped(tangent.clone(), groups)];
        standardized(pair, EPSILON).map(|x| x.reshape(shape))
    };
    let affine = |[x, tangent]: [Tensor<4>; 2], gamma: Tensor<1>, beta: Tensor<1>| {
        let [gamma, beta] = [gamma, beta].map(|x| x.reshape([1, shape[1], 1, 1]));
        [x * gamma.clone() + beta, tangent * gamma]
    };
    let [x, tangent] = match norm {
        None => [x, tangent],
        Some(NormLayer::Batch(norm)) => affine(
            standardized([x, tangent], norm.epsilon),
            norm.gamma.val(),
            norm.beta.val(),
        ),
        Some(NormLayer::Instance(norm)) => by_groups(norm.channels),
        Some(NormLayer::Group(norm)) => {
            affine(by_groups(norm.groups), norm.gamma.val(), norm.beta.val())
        }
    };
    let steepness = x.clone().detach().greater_elem(0.0).float() * (1.0 - slope) + slope;
    [activation(x, slope), tangent * steepness]
}

/// Channels with mean 0 and variance 1, and their directional derivative along a tangent.
fn standardized([x, tangent]: [Tensor<4>; 2], epsilon: f64) -> [Tensor<4>; 2] {
    let mean = |x: Tensor<4>| x.mean_dims(&[0, 2, 3]); // [1, channels, 1, 1]
    let centered = x.clone() - mean(x);
    let scale = (mean(centered.clone().square()) + epsilon).sqrt().recip();
    let normal = centered * scale.clone();
    let along = normal.clone() * mean(normal.clone() * tangent.clone());
    let moved = (tangent.clone() - mean(tangent) - along) * scale;
    [normal, moved]
}

/// Normalizes, if there is a norm, and activates; for `parts` see [`NormLayer::forward`].
pub fn norm_and_activate(
    norm: &Option<NormLayer>,
    x: Tensor<4>,
    slope: f64,
    parts: usize,
) -> Tensor<4> {
    match norm {
        Some(norm) => norm.forward(x, slope, parts),
        None => activation(x, slope),
    }
}

/// As [`norm_and_activate`] of one part, with statistics from `norms`. Returns `None` if `norms` stops the pass early.
pub fn norm_with(
    norm: &Option<NormLayer>,
    x: Tensor<4>,
    slope: f64,
    norms: &mut Norms,
) -> Option<Tensor<4>> {
    let Some(norm) = norm else {
        return Some(activation(x, slope));
    };
    match norms {
        Norms::Batch => Some(norm.forward(x, slope, 1)),
        Norms::Given(statistics) => {
            let statistics = statistics.next().expect("statistics for every norm");
            Some(norm.forward_with(x, statistics.clone(), slope))
        }
        Norms::Measure(known, core, found) => match known.next() {
            Some(statistics) => Some(norm.forward_with(x, statistics.clone(), slope)),
            None => {
                **found = Some(norm.statistics(x, core));
                None
            }
        },
    }
}
