//! The convolutions of both networks.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use pix2pix_runtime::network::Window;

use crate::backend;
use crate::backend::precision::Precision;
use crate::backend::window::ConvSpec;
use crate::network::init::WeightInit;
use crate::network::spectral_norm::SpectralNorm;
use crate::watch::{Watch, watch};

/// A convolution.
#[derive(Module, Debug)]
pub struct Conv {
    /// `[channels out, channels in, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// `[channels out]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// Spectral normalization of the weight, if the discriminator uses it.
    pub spectral: Option<SpectralNorm>,
    #[module(skip)]
    spec: ConvSpec,
}

/// A transposed convolution with symmetric padding.
#[derive(Module, Debug)]
pub struct ConvTranspose {
    /// `[channels in, channels out, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// `[channels out]`.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    spec: ConvSpec,
}

impl Conv {
    /// A convolution of `[from, to]` channels with initial weights and zero bias.
    pub fn new(
        [from, to]: [usize; 2],
        window: Window,
        bias: bool,
        init: &mut WeightInit,
        device: &Device,
    ) -> Self {
        Self {
            weight: init.normal([to, from, window.kernel, window.kernel], 0.0, device),
            bias: bias.then(|| init.zeros([to], device)),
            spectral: None,
            spec: window.into(),
        }
    }

    /// The same convolution with spectral normalization.
    pub fn spectrally_normalized(mut self, init: &mut WeightInit, device: &Device) -> Self {
        let channels = self.weight.lazy_shape()[0];
        self.spectral = Some(SpectralNorm::new(channels, init, device));
        self
    }

    /// From `[batch, channels in, height, width]` to `[batch, channels out, ..]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let weight = self.effective_weight();
        add(
            backend::conv::conv(x, weight, self.spec, self.watch()),
            &self.bias,
        )
    }

    /// The output, and its directional derivative along a `tangent` of the input (forward mode).
    pub fn forward_tangent(&self, x: Tensor<4>, tangent: Tensor<4>) -> [Tensor<4>; 2] {
        let weight = self.effective_weight();
        let pass = backend::conv::conv(x, weight.clone(), self.spec, self.watch());
        [
            add(pass, &self.bias),
            backend::conv::conv(tangent, weight, self.spec, self.watch()),
        ]
    }

    /// Adds the bias, if there is one, to `x`, `[batch, channels out, ..]`.
    pub fn add_bias(&self, x: Tensor<4>) -> Tensor<4> {
        add(x, &self.bias)
    }

    /// The weight after spectral normalization, if there is any.
    pub(crate) fn effective_weight(&self) -> Tensor<4> {
        match &self.spectral {
            Some(spectral) => spectral.normalized(self.weight.val()),
            None => self.weight.val(),
        }
    }

    /// The receiver of the weight's gradient. `None` with spectral normalization, which does not convolve with the
    /// parameter itself.
    fn watch(&self) -> Option<Watch> {
        match self.spectral {
            Some(_) => None,
            None => watch(&self.weight),
        }
    }

    /// The arithmetic.
    pub(crate) fn precision(&self) -> Precision {
        self.spec.precision
    }

    /// The window and the arithmetic, mutable.
    pub(crate) fn spec_mut(&mut self) -> &mut ConvSpec {
        &mut self.spec
    }
}

impl ConvTranspose {
    /// A transposed convolution of `[from, to]` channels with initial weights and zero bias. `window` is that of the
    /// convolution that it transposes.
    pub fn new(
        [from, to]: [usize; 2],
        window: Window,
        bias: bool,
        init: &mut WeightInit,
        device: &Device,
    ) -> Self {
        Self {
            weight: init.normal([from, to, window.kernel, window.kernel], 0.0, device),
            bias: bias.then(|| init.zeros([to], device)),
            spec: window.into(),
        }
    }

    /// From `[batch, channels in, height, width]` to `[batch, channels out, ..]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [.., height, width] = x.dims();
        let side = [height, width].map(|side| self.spec.window.transposed_side(side));
        let weight = self.weight.val();
        add(
            backend::conv::conv_transpose(x, weight, self.spec, side, watch(&self.weight)),
            &self.bias,
        )
    }

    /// The window and the arithmetic, mutable.
    pub(crate) fn spec_mut(&mut self) -> &mut ConvSpec {
        &mut self.spec
    }
}

/// Adds a bias to its channels.
fn add(x: Tensor<4>, bias: &Option<Param<Tensor<1>>>) -> Tensor<4> {
    match bias {
        Some(bias) => backend::bias::add_bias(x, bias.val()),
        None => x,
    }
}
