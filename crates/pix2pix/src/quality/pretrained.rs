//! What the networks of the learned metrics share: their tensors, their poolings, and the pictures that they take.

use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, TensorData};

use crate::error::{Error, Result};
use crate::network::weights::{Weights, data};

/// Checks that a metric can compare pictures of this shape, `[channels, height, width]`; `smallest` is the smallest side, in
/// pixels, that leaves at least one pixel in every layer.
///
/// # Errors
/// When they are too small or have neither 1 nor 3 channels.
pub fn check_picture(
    metric: &str,
    smallest: usize,
    [channels, height, width]: [usize; 3],
) -> Result<()> {
    if height.min(width) < smallest {
        return Err(Error::Picture(format!(
            "{metric} needs sides of at least {smallest} pixels"
        )));
    }
    match channels {
        1 | 3 => Ok(()),
        _ => Err(Error::Picture(format!(
            "{metric} needs pictures of 1 or 3 channels"
        ))),
    }
}

/// Pictures of 1 or 3 channels, `[batch, channels, height, width]`, with 3.
pub fn in_color(x: Tensor<4>) -> Tensor<4> {
    match x.dims()[1] {
        1 => x.repeat_dim(1, 3),
        _ => x,
    }
}

/// A value for each color, `[1, 3, 1, 1]`.
pub fn of_colors(values: [f32; 3], device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values.to_vec(), [1, 3, 1, 1]), device)
}

/// Removes a tensor of `D` dimensions from the weights, onto a device.
///
/// # Errors
/// When it is missing, or has another number of dimensions.
pub fn tensor<const D: usize>(
    weights: &mut Weights,
    name: &str,
    device: &Device,
) -> std::result::Result<Tensor<D>, String> {
    let array = weights
        .remove(name)
        .ok_or_else(|| format!("the tensor {name} is missing"))?;
    let dimensions = array.shape.len();
    if dimensions != D {
        return Err(format!(
            "the tensor {name} has {dimensions} dimensions instead of {D}"
        ));
    }
    Ok(Tensor::from_data(data(array), device))
}

/// Max pooling over 3x3 pixels.
pub fn max_pool(x: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    let options = MaxPoolOptions {
        kernel_size: [3, 3],
        stride: [stride; 2],
        padding: [(padding, padding); 2],
        dilation: [1, 1],
        ceil_mode: false,
    };
    max_pool2d(x, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_cannot_be_compared_is_told() {
        let said = |shape| check_picture("DISTS", 16, shape).map_err(|error| error.to_string());
        assert_eq!(said([1, 16, 40]), Ok(()));
        assert_eq!(said([3, 40, 16]), Ok(()));
        let small = Err("DISTS needs sides of at least 16 pixels".to_string());
        assert_eq!(said([3, 40, 15]), small);
        assert_eq!(said([3, 15, 40]), small);
        let bands = Err("DISTS needs pictures of 1 or 3 channels".to_string());
        assert_eq!(said([2, 16, 16]), bands);
    }
}
