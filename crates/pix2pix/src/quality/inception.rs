//! The features for the Fréchet Inception distance (Heusel et al. 2017): those of the TensorFlow Inception network of
//! 2015-12-05, as in `torch-fidelity` and `torchmetrics`.

use std::path::Path;

use burn::tensor::activation::relu;
use burn::tensor::module::{avg_pool2d, conv2d};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions};
use burn::tensor::{Device, Tensor};

use super::Planes;
use super::pretrained::{max_pool, tensor};
use crate::error::{Error, Result};
use crate::network::weights::Weights;
use crate::weights_file::tensor_file;

/// The remedy for a file without these weights.
const REMEDY: &str = "get them with `pix2pix download inception`";
/// Side of the network's input, in pixels.
const SIDE: usize = 299;
/// Epsilon of the norms.
const EPSILON: f64 = 1e-3;

/// A chain of convolutions in a block: names and strides. A stride of 1 keeps the size.
type Chain = &'static [(&'static str, usize)];

/// The pooling in a block's last branch, before its convolution, if there is one.
#[derive(Clone, Copy)]
enum Pool {
    /// Mean of 3x3 pixels, without those outside the picture.
    Mean,
    /// Maximum of 3x3 pixels.
    Max,
    /// Maximum of 3x3 pixels with stride 2; no convolution follows.
    Halve,
}

/// A block: parallel chains of convolutions, then the pooled branch.
struct Block {
    name: &'static str,
    branches: &'static [Chain],
    pool: Pool,
}

const A: &[Chain] = &[
    &[("branch1x1", 1)],
    &[("branch5x5_1", 1), ("branch5x5_2", 1)],
    &[
        ("branch3x3dbl_1", 1),
        ("branch3x3dbl_2", 1),
        ("branch3x3dbl_3", 1),
    ],
];
const B: &[Chain] = &[
    &[("branch3x3", 2)],
    &[
        ("branch3x3dbl_1", 1),
        ("branch3x3dbl_2", 1),
        ("branch3x3dbl_3", 2),
    ],
];
const C: &[Chain] = &[
    &[("branch1x1", 1)],
    &[("branch7x7_1", 1), ("branch7x7_2", 1), ("branch7x7_3", 1)],
    &[
        ("branch7x7dbl_1", 1),
        ("branch7x7dbl_2", 1),
        ("branch7x7dbl_3", 1),
        ("branch7x7dbl_4", 1),
        ("branch7x7dbl_5", 1),
    ],
];
const D: &[Chain] = &[
    &[("branch3x3_1", 1), ("branch3x3_2", 2)],
    &[
        ("branch7x7x3_1", 1),
        ("branch7x7x3_2", 1),
        ("branch7x7x3_3", 1),
        ("branch7x7x3_4", 2),
    ],
];
/// Its forks (`_2a` and `_2b`) are separate chains with the same first convolutions.
const E: &[Chain] = &[
    &[("branch1x1", 1)],
    &[("branch3x3_1", 1), ("branch3x3_2a", 1)],
    &[("branch3x3_1", 1), ("branch3x3_2b", 1)],
    &[
        ("branch3x3dbl_1", 1),
        ("branch3x3dbl_2", 1),
        ("branch3x3dbl_3a", 1),
    ],
    &[
        ("branch3x3dbl_1", 1),
        ("branch3x3dbl_2", 1),
        ("branch3x3dbl_3b", 1),
    ],
];

const BLOCKS: [Block; 11] = [
    Block {
        name: "Mixed_5b",
        branches: A,
        pool: Pool::Mean,
    },
    Block {
        name: "Mixed_5c",
        branches: A,
        pool: Pool::Mean,
    },
    Block {
        name: "Mixed_5d",
        branches: A,
        pool: Pool::Mean,
    },
    Block {
        name: "Mixed_6a",
        branches: B,
        pool: Pool::Halve,
    },
    Block {
        name: "Mixed_6b",
        branches: C,
        pool: Pool::Mean,
    },
    Block {
        name: "Mixed_6c",
        branches: C,
        pool: Pool::Mean,
    },
    Block {
        name: "Mixed_6d",
        branches: C,
        pool: Pool::Mean,
    },
    Block {
        name: "Mixed_6e",
        branches: C,
        pool: Pool::Mean,
    },
    Block {
        name: "Mixed_7a",
        branches: D,
        pool: Pool::Halve,
    },
    Block {
        name: "Mixed_7b",
        branches: E,
        pool: Pool::Mean,
    },
    Block {
        name: "Mixed_7c",
        branches: E,
        pool: Pool::Max,
    },
];

/// The network.
pub struct Inception {
    convolutions: std::collections::HashMap<String, Convolution>,
    device: Device,
}

/// A convolution with its norm fused into it.
struct Convolution {
    weight: Tensor<4>,
    bias: Tensor<1>,
}

impl Inception {
    /// Reads the weights from safetensors, with the names of `torch-fidelity` (`Conv2d_1a_3x3.conv.weight`,
    /// `.bn.weight`, ...). The layers may have any number of channels.
    ///
    /// # Errors
    /// When the file cannot be read or holds other weights.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let weights = tensor_file::read_foreign(path, REMEDY)?;
        Self::from_weights(weights, device).map_err(|e| Error::file(path, e, REMEDY))
    }

    fn from_weights(mut weights: Weights, device: &Device) -> std::result::Result<Self, String> {
        let stem = ["1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3"];
        let mut names: Vec<String> = stem.iter().map(|name| format!("Conv2d_{name}")).collect();
        for block in &BLOCKS {
            let chains = block.branches.iter().flat_map(|chain| chain.iter());
            names.extend(chains.map(|(name, _)| format!("{}.{name}", block.name)));
            if !matches!(block.pool, Pool::Halve) {
                names.push(format!("{}.branch_pool", block.name));
            }
        }
        names.sort();
        names.dedup();
        let mut convolutions = std::collections::HashMap::new();
        for name in names {
            let weight = tensor::<4>(&mut weights, &format!("{name}.conv.weight"), device)?;
            let mut norm = |part: &str| {
                let found = tensor::<1>(&mut weights, &format!("{name}.bn.{part}"), device)?;
                match found.dims() == [weight.dims()[0]] {
                    true => Ok(found),
                    false => Err(format!("the tensor {name}.bn.{part} has the wrong length")),
                }
            };
            let scale = norm("weight")? / (norm("running_var")? + EPSILON).sqrt();
            let bias = norm("bias")? - norm("running_mean")? * scale.clone();
            let weight = weight * scale.reshape([-1, 1, 1, 1]);
            convolutions.insert(name, Convolution { weight, bias });
        }
        Ok(Self {
            convolutions,
            device: device.clone(),
        })
    }

    /// The features of a picture, 2048 with the published weights. A gray picture is repeated in three channels.
    ///
    /// # Errors
    /// When the picture has neither 1 nor 3 channels, or the layers' channels do not fit each other.
    pub fn features(&self, picture: &Planes) -> Result<Vec<f32>> {
        let planes: Vec<&[f32]> = picture.channels().collect();
        let planes = match planes.as_slice() {
            [gray] => [*gray; 3],
            [red, green, blue] => [*red, *green, *blue],
            _ => {
                let reason = "FID needs pictures of 1 or 3 channels".to_string();
                return Err(Error::Picture(reason));
            }
        };
        let values: Vec<f32> = planes
            .into_iter()
            .flat_map(|plane| stretched(plane, picture.size))
            .map(|value| (value - 128.0) / 128.0)
            .collect();
        let data = burn::tensor::TensorData::new(values, [1, 3, SIDE, SIDE]);
        let mut x = Tensor::from_data(data, &self.device);
        x = self.conv("Conv2d_1a_3x3", x, 2, false)?;
        x = self.conv("Conv2d_2a_3x3", x, 1, false)?;
        x = self.conv("Conv2d_2b_3x3", x, 1, true)?;
        x = max_pool(x, 2, 0);
        x = self.conv("Conv2d_3b_1x1", x, 1, false)?;
        x = self.conv("Conv2d_4a_3x3", x, 1, false)?;
        x = max_pool(x, 2, 0);
        for block in &BLOCKS {
            x = self.block(block, x)?;
        }
        let features = x.mean_dims(&[2, 3]).into_data().convert::<f32>();
        Ok(features.try_into_vec().expect("converted to f32 above"))
    }

    fn block(&self, block: &Block, x: Tensor<4>) -> Result<Tensor<4>> {
        let mut outputs = Vec::new();
        for chain in block.branches {
            let mut y = x.clone();
            for (name, stride) in *chain {
                let name = format!("{}.{name}", block.name);
                y = self.conv(&name, y, *stride, *stride == 1)?;
            }
            outputs.push(y);
        }
        let pooled = match block.pool {
            Pool::Halve => max_pool(x, 2, 0),
            Pool::Max => max_pool(x, 1, 1),
            Pool::Mean => {
                let options = AvgPoolOptions {
                    kernel_size: [3, 3],
                    stride: [1, 1],
                    padding: [(1, 1); 2],
                    count_include_pad: false,
                    ceil_mode: false,
                };
                avg_pool2d(x, options)
            }
        };
        outputs.push(match block.pool {
            Pool::Halve => pooled,
            _ => self.conv(&format!("{}.branch_pool", block.name), pooled, 1, true)?,
        });
        Ok(Tensor::cat(outputs, 1))
    }

    /// A convolution and a ReLU; with `padded`, it keeps the size.
    fn conv(&self, name: &str, x: Tensor<4>, stride: usize, padded: bool) -> Result<Tensor<4>> {
        let Convolution { weight, bias } = &self.convolutions[name];
        let [_, channels, height, width] = weight.dims();
        if x.dims()[1] != channels {
            return Err(Error::Picture(format!(
                "the channels of {name} do not fit the layer before it"
            )));
        }
        let padding = if padded {
            [(height - 1) / 2, (width - 1) / 2]
        } else {
            [0, 0]
        };
        let options = ConvOptions::new([stride; 2], padding, [1, 1], 1);
        Ok(relu(conv2d(x, weight.clone(), Some(bias.clone()), options)))
    }
}

/// A plane resized to 299x299 pixels as in TensorFlow 1: bilinear, with the corners of the first pixels aligned.
fn stretched(plane: &[f32], [width, height]: [usize; 2]) -> Vec<f32> {
    let places = |side: usize| -> Vec<(usize, usize, f32)> {
        let place = |at: usize| {
            let exact = at as f32 * (side as f32 / SIDE as f32);
            let low = (exact.floor() as usize).min(side - 1);
            (low, (low + 1).min(side - 1), exact - low as f32)
        };
        (0..SIDE).map(place).collect()
    };
    let (columns, rows) = (places(width), places(height));
    let mut values = Vec::with_capacity(SIDE * SIDE);
    for (top, bottom, down) in rows {
        for &(left, right, across) in &columns {
            let at = |x: usize, y: usize| plane[y * width + x];
            let upper = at(left, top) + (at(right, top) - at(left, top)) * across;
            let lower = at(left, bottom) + (at(right, bottom) - at(left, bottom)) * across;
            values.push(upper + (lower - upper) * down);
        }
    }
    values
}
