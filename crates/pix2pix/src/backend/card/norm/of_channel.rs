//! The numbers by which the samples of a channel are normalized.

use burn::cubecl;
use burn::cubecl::prelude::*;

/// What a norm knows of a channel: its mean, its reciprocal deviation, its scale and its shift.
#[derive(Clone, Copy, CubeType)]
pub struct OfChannel {
    pub mean: f32,
    pub inverse: f32,
    pub gamma: f32,
    pub beta: f32,
}

/// `moments` are mean and variance of the channel.
#[cube]
pub fn of_channel(
    moments: (f32, f32),
    gamma: &[f32],
    beta: &[f32],
    channel: usize,
    epsilon: f32,
) -> OfChannel {
    OfChannel {
        mean: moments.0,
        inverse: 1.0 / (moments.1 + epsilon).sqrt(),
        gamma: gamma[channel],
        beta: beta[channel],
    }
}
