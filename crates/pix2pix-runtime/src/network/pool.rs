//! Halving a picture, as the authors of pix2pixHD do (Wang et al. 2018): means of 3x3 pixels, at the edges of those that are
//! there. Odd sides are rounded up.

use crate::network::window::Window;

/// The pixels that are averaged.
pub const MEANS: Window = Window {
    kernel: 3,
    stride: 2,
    padding: [1, 1],
};
