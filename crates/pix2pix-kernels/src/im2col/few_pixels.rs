//! Convolutions with outputs of few pixels, as in the innermost levels of a U-Net. Reading the weights takes most of the
//! time; here each weight is read once, in long runs.

pub mod forward;
pub mod input_gradient;

use crate::geometry::Geometry;
use crate::lanes::LANES;

/// Largest number of output pixels in a batch.
pub const PIXELS: usize = 32;

/// Whether the output has few pixels, and the weights of an output channel fill whole vectors.
pub fn suits(geometry: &Geometry) -> bool {
    geometry.batch * geometry.pixels() <= PIXELS
        && geometry.batch * geometry.output_len() > 0
        && geometry.input_len() > 0
        && geometry.taps().is_multiple_of(LANES)
}
