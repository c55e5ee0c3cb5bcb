//! DISTS: the distance of two pictures in structure and texture, by the means, variances and covariances of the features of
//! VGG16, with weights that match human judgment and do not count a texture's exact places (Ding et al. 2020, equations 6
//! to 9).

use std::path::Path;

use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};

use super::pretrained::{check_picture, in_color, of_colors, tensor};
use crate::error::{Error, Result};
use crate::network::weights::Weights;
use crate::weights_file::tensor_file;

/// The remedy for a file without these weights.
const REMEDY: &str = "get them with `pix2pix download dists`";
/// Mean and standard deviation of the colors of VGG16's training pictures, in [0, 1].
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
/// Index of each convolution in VGG16's `features`; a pooling stands before every stage but the first.
const STAGES: [&[usize]; 5] = [
    &[0, 2],
    &[5, 7],
    &[10, 12, 14],
    &[17, 19, 21],
    &[24, 26, 28],
];
/// The pooling's kernel in one direction (a Hann window), of the squares.
const POOL: [f32; 3] = [0.25, 0.5, 0.25];
/// The constants that keep the quotients finite.
const C: f64 = 1e-6;
/// Smallest side, in pixels, that leaves at least one pixel in every layer.
const SMALLEST: usize = 16;

/// The network.
pub struct Dists {
    stages: Vec<Vec<Convolution>>,
    /// Weights of the similarities of texture (alpha) and of structure (beta), for the colors and the features of each
    /// stage, `[1, channels, 1, 1]`; together they sum to 1.
    importance: Vec<[Tensor<4>; 2]>,
    mean: Tensor<4>,
    deviation: Tensor<4>,
}

struct Convolution {
    weight: Tensor<4>,
    bias: Tensor<1>,
}

impl Dists {
    /// Reads the weights from safetensors: those of torchvision's VGG16 (`features.0.weight`, ...), `alpha` and `beta`. The
    /// layers may have any number of channels.
    ///
    /// # Errors
    /// When the file cannot be read or holds other weights.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let mut weights = tensor_file::read_foreign(path, REMEDY)?;
        Self::from_weights(&mut weights, device).map_err(|e| Error::file(path, e, REMEDY))
    }

    fn from_weights(weights: &mut Weights, device: &Device) -> std::result::Result<Self, String> {
        let mut stages = Vec::new();
        let mut channels = vec![3];
        for indices in STAGES {
            let mut stage = Vec::new();
            let mut width = channels[channels.len() - 1];
            for index in indices {
                let place = format!("features.{index}");
                let weight = tensor::<4>(weights, &format!("{place}.weight"), device)?;
                let bias = tensor::<1>(weights, &format!("{place}.bias"), device)?;
                let [out, into, ..] = weight.dims();
                if into != width || bias.dims() != [out] {
                    return Err(format!("the channels of {place} do not fit"));
                }
                width = out;
                stage.push(Convolution { weight, bias });
            }
            channels.push(width);
            stages.push(stage);
        }
        let [alpha, beta] = ["alpha", "beta"].map(|name| tensor::<4>(weights, name, device));
        let both = [alpha?, beta?];
        let shape = [1, channels.iter().sum(), 1, 1];
        if both.iter().any(|weights| weights.dims() != shape) {
            return Err("alpha and beta do not have a value for each channel".to_string());
        }
        let [alpha, beta] = both.each_ref().map(|weights| weights.clone().sum());
        let sum = (alpha + beta).reshape([1, 1, 1, 1]);
        let mut first = 0;
        let importance = channels.into_iter().map(|count| {
            let range = first..first + count;
            first += count;
            both.each_ref()
                .map(|weights| weights.clone().slice([0..1, range.clone()]) / sum.clone())
        });
        Ok(Self {
            stages,
            importance: importance.collect(),
            mean: of_colors(MEAN, device),
            deviation: of_colors(DEVIATION, device),
        })
    }

    /// Checks that pictures of this shape, `[channels, height, width]`, can be compared.
    ///
    /// # Errors
    /// When they are too small or have neither 1 nor 3 channels.
    pub fn check(shape: [usize; 3]) -> Result<()> {
        check_picture("DISTS", SMALLEST, shape)
    }

    /// The distance of each pair of pictures, `[batch]`, 0 for equal ones; both are `[batch, 3 or 1, height, width]` in
    /// [-1, 1]. They are compared at their own size; the authors shrink larger pictures to 256 pixels first.
    pub fn distance(&self, a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
        let batch = a.dims()[0];
        let [a, b] = [a, b].map(|x| self.features(x));
        let mut similarity = Tensor::zeros([batch], &a[0].device());
        for ((a, b), [alpha, beta]) in a.into_iter().zip(b).zip(&self.importance) {
            let mean = |x: Tensor<4>| x.mean_dims(&[2, 3]);
            let (mean_a, mean_b) = (mean(a.clone()), mean(b.clone()));
            let product = mean_a.clone() * mean_b.clone();
            let squares = mean_a.clone().square() + mean_b.clone().square();
            let texture = (product * 2.0 + C) / (squares + C);
            let (a, b) = (a - mean_a, b - mean_b);
            let covariance = mean(a.clone() * b.clone());
            let variances = mean(a.square()) + mean(b.square());
            let structure = (covariance * 2.0 + C) / (variances + C);
            let weighted = texture * alpha.clone() + structure * beta.clone();
            similarity = similarity + weighted.sum_dim(1).reshape([batch]);
        }
        -similarity + 1.0
    }

    /// The colors in [0, 1], and the features of each stage.
    fn features(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let colors = (in_color(x) + 1.0) / 2.0;
        let mut y = (colors.clone() - self.mean.clone()) / self.deviation.clone();
        let mut features = vec![colors];
        for (index, stage) in self.stages.iter().enumerate() {
            if index > 0 {
                y = pooled(y);
            }
            for Convolution { weight, bias } in stage {
                let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
                y = relu(conv2d(y, weight.clone(), Some(bias.clone()), options));
            }
            features.push(y.clone());
        }
        features
    }
}

/// Pooling that halves the sides: the root of the weighted mean of the squares of 3x3 pixels (equation 4).
fn pooled(x: Tensor<4>) -> Tensor<4> {
    let channels = x.dims()[1];
    let kernel: Vec<f32> = POOL.iter().flat_map(|a| POOL.map(|b| a * b)).collect();
    let kernel: Tensor<4> = Tensor::from_data(TensorData::new(kernel, [1, 1, 3, 3]), &x.device());
    let options = ConvOptions::new([2, 2], [1, 1], [1, 1], channels);
    let squares = conv2d(x.square(), kernel.repeat_dim(0, channels), None, options);
    (squares + 1e-12).sqrt()
}
