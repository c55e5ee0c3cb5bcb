//! LPIPS: the distance of two pictures in the features of AlexNet, with weights that match human judgment (Zhang et
//! al. 2018, section 3, equation 1; version 0.1, `net='alex'`).

use std::path::Path;

use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};

use super::pretrained::{check_picture, in_color, max_pool, of_colors, tensor};
use crate::error::{Error, Result};
use crate::network::weights::Weights;
use crate::weights_file::tensor_file;

/// The remedy for a file without these weights.
const REMEDY: &str = "get them with `pix2pix download lpips-alex`";
/// Normalizes colors in [-1, 1] to the mean and the standard deviation of AlexNet's training pictures.
const SHIFT: [f32; 3] = [-0.030, -0.088, -0.188];
const SCALE: [f32; 3] = [0.458, 0.448, 0.450];
/// Index, stride and padding of each convolution in AlexNet's `features`.
const CONVOLUTIONS: [(usize, usize, usize); 5] =
    [(0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)];
/// Smallest side, in pixels, that leaves at least one pixel in every layer.
const SMALLEST: usize = 32;

/// The network.
pub struct Lpips {
    layers: Vec<Layer>,
    shift: Tensor<4>,
    scale: Tensor<4>,
}

struct Layer {
    weight: Tensor<4>,
    bias: Tensor<1>,
    /// The weight of each feature, `[1, channels, 1, 1]`.
    importance: Tensor<4>,
}

impl Lpips {
    /// Reads the weights from safetensors, with the names of the `lpips` package (`net.slice1.0.weight`,
    /// `lin0.model.1.weight`, ...). The layers may have any number of channels.
    ///
    /// # Errors
    /// When the file cannot be read or holds other weights.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let mut weights = tensor_file::read_foreign(path, REMEDY)?;
        Self::from_weights(&mut weights, device).map_err(|e| Error::file(path, e, REMEDY))
    }

    fn from_weights(weights: &mut Weights, device: &Device) -> std::result::Result<Self, String> {
        let mut layers = Vec::new();
        let mut channels = 3;
        for (slice, (index, ..)) in CONVOLUTIONS.into_iter().enumerate() {
            let place = format!("net.slice{}.{index}", slice + 1);
            let weight = tensor::<4>(weights, &format!("{place}.weight"), device)?;
            let bias = tensor::<1>(weights, &format!("{place}.bias"), device)?;
            let name = format!("lin{slice}.model.1.weight");
            let importance = tensor::<4>(weights, &name, device)?;
            let [out, into, ..] = weight.dims();
            if into != channels || bias.dims() != [out] || importance.dims() != [1, out, 1, 1] {
                return Err(format!("the channels of {place} and {name} do not fit"));
            }
            channels = out;
            layers.push(Layer {
                weight,
                bias,
                importance,
            });
        }
        Ok(Self {
            layers,
            shift: of_colors(SHIFT, device),
            scale: of_colors(SCALE, device),
        })
    }

    /// Checks that pictures of this shape, `[channels, height, width]`, can be compared.
    ///
    /// # Errors
    /// When they are too small or have neither 1 nor 3 channels.
    pub fn check(shape: [usize; 3]) -> Result<()> {
        check_picture("LPIPS", SMALLEST, shape)
    }

    /// The distance of each pair of pictures, `[batch]`; both are `[batch, 3 or 1, height, width]` in
    /// [-1, 1], with sides of at least 32 pixels.
    pub fn distance(&self, a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
        let batch = a.dims()[0];
        let mut total = Tensor::zeros([batch], &a.device());
        let [mut a, mut b] = [a, b].map(|x| self.scaled(x));
        for (index, layer) in self.layers.iter().enumerate() {
            [a, b] = [a, b].map(|x| layer.forward(x, index));
            let difference = unit(a.clone()) - unit(b.clone());
            let weighted = (difference.square() * layer.importance.clone()).sum_dim(1);
            total = total + weighted.mean_dims(&[2, 3]).reshape([batch]);
        }
        total
    }

    fn scaled(&self, x: Tensor<4>) -> Tensor<4> {
        (in_color(x) - self.shift.clone()) / self.scale.clone()
    }
}

impl Layer {
    fn forward(&self, x: Tensor<4>, index: usize) -> Tensor<4> {
        let (_, stride, padding) = CONVOLUTIONS[index];
        let pooled = if index == 1 || index == 2 {
            max_pool(x, 2, 0)
        } else {
            x
        };
        let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1);
        relu(conv2d(
            pooled,
            self.weight.clone(),
            Some(self.bias.clone()),
            options,
        ))
    }
}

/// Features scaled to length 1 at each pixel.
fn unit(x: Tensor<4>) -> Tensor<4> {
    // the small number in the square root keeps its derivative finite where all features are 0
    let length = (x.clone().square().sum_dim(1) + 1e-20).sqrt();
    x / (length + 1e-10)
}
