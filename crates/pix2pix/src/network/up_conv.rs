//! Upsampling in a decoder.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pix2pix_runtime::network::Window;
use pix2pix_runtime::network::upsample::{FUSED, KEEP, Upsample};

use crate::backend;
use crate::backend::smooth::smooth;
use crate::backend::taps::four_taps;
use crate::backend::window::ConvSpec;
use crate::network::conv::{Conv, ConvTranspose};
use crate::network::init::WeightInit;

/// A convolution that doubles a picture's size.
#[derive(Module, Debug)]
pub enum UpConv {
    /// A transposed convolution.
    Transposed(ConvTranspose),
    /// A convolution after a resize.
    Resize(Conv),
    /// A convolution after a resize, and a filter behind it.
    Bilinear(Conv),
}

impl UpConv {
    /// An upsampling of `[from, to]` channels with initial weights. `halve` is the convolution that
    /// [`Upsample::Transposed`] transposes.
    pub fn new(
        upsample: Upsample,
        channels: [usize; 2],
        halve: Window,
        bias: bool,
        init: &mut WeightInit,
        device: &Device,
    ) -> Self {
        match upsample {
            Upsample::Transposed => {
                Self::Transposed(ConvTranspose::new(channels, halve, bias, init, device))
            }
            Upsample::Resize => Self::Resize(Conv::new(channels, KEEP, bias, init, device)),
            Upsample::Bilinear => Self::Bilinear(Conv::new(channels, KEEP, bias, init, device)),
        }
    }

    /// The window and the arithmetic, mutable.
    pub(crate) fn spec_mut(&mut self) -> &mut ConvSpec {
        match self {
            Self::Transposed(conv) => conv.spec_mut(),
            Self::Resize(conv) | Self::Bilinear(conv) => conv.spec_mut(),
        }
    }

    /// From `[batch, channels in, height, width]` to `[batch, channels out, 2 height, 2 width]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Transposed(conv) => conv.forward(x),
            Self::Resize(conv) => resized(x, conv),
            Self::Bilinear(conv) => smooth(resized(x, conv)),
        }
    }
}

/// Resizes `x`, `[batch, channels in, height, width]`, to twice its size and convolves it with a 3x3 window.
///
/// A resize makes four equal pixels of each, so the nine taps fall on only four pixels. One transposed convolution
/// with sums of the taps is less than half the work and never stores the resized picture.
fn resized(x: Tensor<4>, conv: &Conv) -> Tensor<4> {
    let [.., height, width] = x.dims();
    let spec = ConvSpec {
        window: FUSED,
        precision: conv.precision(),
    };
    let kernel = four_taps(conv.effective_weight());
    let doubled = [2 * height, 2 * width];
    conv.add_bias(backend::conv::conv_transpose(
        x, kernel, spec, doubled, None,
    ))
}
