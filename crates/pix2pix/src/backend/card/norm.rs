//! Batch normalization with the activation after it: one or two launches sum over the pixels of each channel of each part
//! of the batch, and one more applies the sums. For small pictures of one part, one launch does both.

mod cut;
mod forward;
mod gradients;
mod of_channel;
mod statistics;
mod sums;

pub use sums::channel_sums;
