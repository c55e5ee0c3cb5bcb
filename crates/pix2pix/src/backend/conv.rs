//! Convolutions as an extension of Burn's backends: our kernels on the CPU (Flex) and on cards (Cube), and the gradients
//! for autodiff. Model code is the same on all devices.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension,
};
use burn::tensor::Tensor;
use pix2pix_kernels::{self as kernels, Geometry};

use crate::backend::flex::{filled, values};
use crate::backend::window::ConvSpec;
use crate::watch::Watch;

/// The convolution and its two gradients. Images are `[batch, channels, height, width]`, weights
/// `[output channels, input channels, kernel, kernel]`.
#[backend_extension(Flex, Cube: cfg(feature = "_card"), Autodiff)]
pub trait ConvBackend: Backend {
    /// The convolution of `input`. In the backward pass, `watch` receives the gradient of `weight`.
    fn conv_forward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        spec: ConvSpec,
        watch: Option<Watch>,
    ) -> FloatTensor<Self>;

    /// The gradient of an input of `side` pixels (height, width): the transposed convolution. In the backward pass,
    /// `watch` receives the gradient of `weight`.
    fn conv_input_gradient(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        spec: ConvSpec,
        side: [usize; 2],
        watch: Option<Watch>,
    ) -> FloatTensor<Self>;

    /// The gradient of the weights.
    fn conv_weight_gradient(
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        spec: ConvSpec,
    ) -> FloatTensor<Self>;
}

/// Additional operation of the backward pass.
pub trait ReadGradient: Backend {
    /// Gives a weight's gradient to `watch`. Returns whether nobody else needs it.
    fn show(gradient: &FloatTensor<Self>, watch: &Watch) -> bool;
}

/// The convolution of `input`, `[batch, channels in, height, width]`. In the backward pass, `watch` receives the
/// gradient of `weight`.
pub fn conv(
    input: Tensor<4>,
    weight: Tensor<4>,
    spec: ConvSpec,
    watch: Option<Watch>,
) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::conv_forward(
        input.into_dispatch(),
        weight.into_dispatch(),
        spec,
        watch,
    ))
}

/// The transposed convolution of `input` to pictures of `side` pixels (height, width). `weight` is
/// `[channels in, channels out, kernel, kernel]`: the weights of the convolution that it transposes. In the backward
/// pass, `watch` receives their gradient.
pub fn conv_transpose(
    input: Tensor<4>,
    weight: Tensor<4>,
    spec: ConvSpec,
    side: [usize; 2],
    watch: Option<Watch>,
) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::conv_input_gradient(
        input.into_dispatch(),
        weight.into_dispatch(),
        spec,
        side,
        watch,
    ))
}

impl ReadGradient for Flex {
    fn show(gradient: &FloatTensor<Self>, watch: &Watch) -> bool {
        watch.give(values(&gradient.to_contiguous()))
    }
}

impl ConvBackend for Flex {
    fn conv_forward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        spec: ConvSpec,
        _watch: Option<Watch>,
    ) -> FloatTensor<Self> {
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let [batch, _, height, width] = input.shape().dims();
        let geometry = geometry(batch, [height, width], weight.shape().dims(), spec);
        let [height, width] = geometry.output();
        filled([batch, geometry.out_channels, height, width], |output| {
            let (input, weight) = (values(&input), values(&weight));
            kernels::convolution::forward(
                spec.precision.instructions(),
                &geometry,
                input,
                weight.into(),
                output,
            )
        })
    }

    fn conv_input_gradient(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        spec: ConvSpec,
        side: [usize; 2],
        _watch: Option<Watch>,
    ) -> FloatTensor<Self> {
        let (gradient, weight) = (gradient.to_contiguous(), weight.to_contiguous());
        let [batch, ..] = gradient.shape().dims::<4>();
        let geometry = geometry(batch, side, weight.shape().dims(), spec);
        filled([batch, geometry.in_channels, side[0], side[1]], |input| {
            let (gradient, weight) = (values(&gradient), values(&weight));
            kernels::convolution::input_gradient(
                spec.precision.instructions(),
                &geometry,
                gradient,
                weight.into(),
                input,
            )
        })
    }

    fn conv_weight_gradient(
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        spec: ConvSpec,
    ) -> FloatTensor<Self> {
        let (input, gradient) = (input.to_contiguous(), gradient.to_contiguous());
        let [batch, from, height, width] = input.shape().dims();
        let [_, to, ..] = gradient.shape().dims::<4>();
        let shape = [to, from, spec.window.kernel, spec.window.kernel];
        let geometry = geometry(batch, [height, width], shape, spec);
        filled(shape, |weight| {
            let (input, gradient) = (values(&input), values(&gradient));
            kernels::convolution::weight_gradient(
                spec.precision.instructions(),
                &geometry,
                input,
                gradient,
                weight,
            )
        })
    }
}

fn geometry(batch: usize, input: [usize; 2], weight: [usize; 4], spec: ConvSpec) -> Geometry {
    let [out_channels, in_channels, ..] = weight;
    Geometry {
        batch,
        in_channels,
        out_channels,
        input,
        kernel: spec.window.kernel,
        stride: spec.window.stride,
        padding: spec.window.padding,
    }
}

/// A convolution in the graph of gradients, or a transposed one, whose input stands for the output gradient of a convolution.
#[derive(Debug)]
struct Convolved {
    is_transposed: bool,
}

impl<B: ConvBackend + ReadGradient> Backward<B, 2> for Convolved {
    type State = (NodeId, NodeId, ConvSpec, Option<Watch>);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [node_input, node_weight] = ops.parents;
        let (input, weight, spec, watch) = ops.state;
        let gradient = grads.consume::<B>(&ops.node);
        let input = checkpointer.retrieve_node_output::<FloatTensor<B>>(input);
        let weight = checkpointer.retrieve_node_output::<FloatTensor<B>>(weight);
        if let Some(node) = node_input {
            let gradient = gradient.clone();
            let value = match self.is_transposed {
                true => B::conv_forward(gradient, weight, spec, None),
                false => {
                    let [_, _, height, width] = input.shape().dims();
                    B::conv_input_gradient(gradient, weight, spec, [height, width], None)
                }
            };
            grads.register::<B>(node.id, value);
        }
        // last, because whoever watches may change the weights
        if let Some(node) = node_weight {
            let value = match self.is_transposed {
                true => B::conv_weight_gradient(gradient, input, spec),
                false => B::conv_weight_gradient(input, gradient, spec),
            };
            if !watch.is_some_and(|watch| B::show(&value, &watch)) {
                grads.register::<B>(node.id, value);
            }
        }
    }
}

impl Convolved {
    /// Runs `forward` on an input and weights.
    fn run<B: ConvBackend + ReadGradient, C: CheckpointStrategy>(
        self,
        [input, weight]: [FloatTensor<Autodiff<B, C>>; 2],
        (spec, watch): (ConvSpec, Option<Watch>),
        forward: impl FnOnce(FloatTensor<B>, FloatTensor<B>) -> FloatTensor<B>,
    ) -> FloatTensor<Autodiff<B, C>> {
        let nodes = [input.node(), weight.node()];
        let prepared = Backward::<B, 2>::prepare::<C>(self, nodes);
        match prepared.compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let [input_id, weight_id] = [prep.checkpoint(&input), prep.checkpoint(&weight)];
                let output = forward(input.into_primitive(), weight.into_primitive());
                prep.finish((input_id, weight_id, spec, watch), output)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(forward(input.into_primitive(), weight.into_primitive()))
            }
        }
    }
}

impl<B: ConvBackend + ReadGradient, C: CheckpointStrategy> ConvBackend for Autodiff<B, C> {
    fn conv_forward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        spec: ConvSpec,
        watch: Option<Watch>,
    ) -> FloatTensor<Self> {
        let convolved = Convolved {
            is_transposed: false,
        };
        convolved.run::<B, C>([input, weight], (spec, watch), |input, weight| {
            B::conv_forward(input, weight, spec, None)
        })
    }

    fn conv_input_gradient(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        spec: ConvSpec,
        side: [usize; 2],
        watch: Option<Watch>,
    ) -> FloatTensor<Self> {
        let convolved = Convolved {
            is_transposed: true,
        };
        convolved.run::<B, C>([gradient, weight], (spec, watch), |gradient, weight| {
            B::conv_input_gradient(gradient, weight, spec, side, None)
        })
    }

    /// A constant to autodiff: no loss needs the gradient of a weight gradient.
    fn conv_weight_gradient(
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        spec: ConvSpec,
    ) -> FloatTensor<Self> {
        Self::from_inner(B::conv_weight_gradient(
            input.into_primitive(),
            gradient.into_primitive(),
            spec,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::module::{conv_transpose2d, conv2d};
    use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
    use burn::tensor::{Device, TensorData};
    use pix2pix_runtime::network::Window;

    /// Pseudo-random values in [-1, 1].
    fn noise(shape: [usize; 4], seed: usize) -> Tensor<4> {
        let length = shape.iter().product();
        let value = |i: usize| (((i + seed) * 7919) as f32).sin();
        let values: Vec<f32> = (0..length).map(value).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
    }

    fn values(tensor: Tensor<4>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    /// Root mean square of the difference, divided by that of `theirs`.
    fn difference(ours: Tensor<4>, theirs: Tensor<4>) -> f64 {
        assert_eq!(ours.dims(), theirs.dims());
        let (ours, theirs) = (values(ours), values(theirs));
        let square = |x: f32| f64::from(x).powi(2);
        let gap: f64 = ours.iter().zip(&theirs).map(|(a, b)| square(a - b)).sum();
        (gap / theirs.iter().map(|&b| square(b)).sum::<f64>()).sqrt()
    }

    /// The output and both gradients of a layer, compared for the same input and weights.
    fn compare(
        shapes: [[usize; 4]; 2],
        ours: impl Fn(Tensor<4>, Tensor<4>) -> Tensor<4>,
        theirs: impl Fn(Tensor<4>, Tensor<4>) -> Tensor<4>,
    ) {
        let run = |layer: &dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<4>| {
            let x = noise(shapes[0], 1).require_grad();
            let weight = noise(shapes[1], 2).require_grad();
            let y = layer(x.clone(), weight.clone());
            let gradients = (y.clone() * noise(y.dims(), 3)).sum().backward();
            let (x, weight) = (x.grad(&gradients), weight.grad(&gradients));
            [y, x.unwrap(), weight.unwrap()]
        };
        for (ours, theirs) in run(&ours).into_iter().zip(run(&theirs)) {
            let difference = difference(ours, theirs);
            assert!(difference < 1e-4, "{difference} in {shapes:?}");
        }
    }

    #[test]
    fn gradients_are_burns_own() {
        // large enough for the fast algorithm, and too small for it
        for (channels, side) in [([32, 40], 24), ([3, 8], 12)] {
            for stride in [1, 2] {
                let window = Window {
                    kernel: 4,
                    stride,
                    padding: [1, 1],
                };
                let [from, to] = channels;
                compare(
                    [[2, from, side, side], [to, from, 4, 4]],
                    |x, weight| conv(x, weight, window.into(), None),
                    |x, weight| {
                        let options = ConvOptions::new([stride; 2], [1; 2], [1; 2], 1);
                        conv2d(x, weight, None, options)
                    },
                );
                let output = (side - 1) * stride + 2;
                compare(
                    [[2, to, side, side], [to, from, 4, 4]],
                    |x, weight| conv_transpose(x, weight, window.into(), [output; 2], None),
                    |x, weight| {
                        let options =
                            ConvTransposeOptions::new([stride; 2], [1; 2], [0; 2], [1; 2], 1);
                        conv_transpose2d(x, weight, None, options)
                    },
                );
            }
        }
    }
}
