//! The convolutions of a card.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn::cubecl::client::Client;
use burn::cubecl::ir::features::MmaConfig;
use burn::cubecl::ir::{ElemType, FloatKind};
use burn::cubecl::prelude::*;
use half::bf16;
use pix2pix_runtime::network::Window;

use super::implicit_gemm::{Sides, SidesLaunch, add_slices, multiply};
use super::pictures::{
    CardTensor, Order, buffer, elementwise_by, ordered, picture, sized, vectors, widest,
};
use super::tiling::{Cut, Extent, PIECE, PLANE, Product, Units};
use crate::backend::conv::{ConvBackend, ReadGradient};
use crate::backend::precision::Precision;
use crate::backend::window::ConvSpec;
use crate::watch::Watch;

/// Groups in the first coordinate of a launch: WebGPU allows 65,535.
const MOST_GROUPS: usize = 32_768;
/// The processors of a card that does not say how many it has.
const SOME_PROCESSORS: u32 = 32;

impl Sides {
    /// The sides of a convolution of an input `[batch, channels, height, width]` with weights of this shape.
    fn of(input: [usize; 4], weight: [usize; 4], window: Window) -> Self {
        let [batch, in_channels, in_height, in_width] = input.map(|side| side as u32);
        let [out_height, out_width] =
            [input[2], input[3]].map(|side| window.output_side(side) as u32);
        Self {
            batch,
            in_height,
            in_width,
            in_channels,
            out_height,
            out_width,
            out_channels: weight[0] as u32,
            kernel: window.kernel as u32,
            stride: window.stride as u32,
            padding: window.padding[0] as u32,
        }
    }

    /// The shape of the output.
    fn output(&self) -> [usize; 4] {
        [
            self.batch,
            self.out_channels,
            self.out_height,
            self.out_width,
        ]
        .map(|side| side as usize)
    }

    /// The sides of a product.
    fn extent(&self, product: Product) -> Extent {
        let [batch, to, out_height, out_width] = self.output();
        let in_patch = (self.kernel * self.kernel * self.in_channels) as usize;
        let pixels = batch * out_height * out_width;
        let stride = self.stride as usize;
        let [rows, columns] =
            [self.in_height, self.in_width].map(|side| side.div_ceil(self.stride) as usize);
        let (m, n, k, classes) = match product {
            Product::Forward => (pixels, to, in_patch, 1),
            Product::WeightGradient => (to, in_patch, pixels, 1),
            Product::InputGradient => {
                let taps = (self.kernel as usize).div_ceil(stride);
                (
                    batch * rows * columns,
                    self.in_channels as usize,
                    taps * taps * to,
                    stride * stride,
                )
            }
        };
        Extent { m, n, k, classes }
    }

    fn launch(&self) -> SidesLaunch {
        SidesLaunch::new(
            self.batch,
            self.in_height,
            self.in_width,
            self.in_channels,
            self.out_height,
            self.out_width,
            self.out_channels,
            self.kernel,
            self.stride,
            self.padding,
        )
    }
}

/// Whether a card's matrix units, with planes of 32 threads, multiply factors of this form in pieces of this depth.
fn matrix_units(client: &Client, form: FloatKind, depth: usize) -> Option<Units> {
    let properties = client.properties();
    let hardware = &properties.hardware;
    let form = ElemType::Float(form);
    let config = MmaConfig {
        a_type: form,
        b_type: form,
        cd_type: ElemType::Float(FloatKind::F32),
        m: PIECE as u32,
        n: PIECE as u32,
        k: depth as u32,
    };
    let plane = PLANE as u32;
    let planes = hardware.plane_size_min == plane && hardware.plane_size_max == plane;
    let has = planes && properties.features.matmul.cmma.contains(&config);
    has.then_some(Units::Matrix { depth })
}

/// A product of dense factors with channels last, in memory like `output`.
fn run(
    product: Product,
    precision: Precision,
    [left, right]: [&CardTensor; 2],
    output: CardTensor,
    sides: Sides,
) -> CardTensor {
    let client = &output.client;
    let (form, units) = match precision {
        Precision::F32 => (FloatKind::F32, Units::Threads),
        Precision::Tf32 => match matrix_units(client, FloatKind::TF32, 8) {
            Some(units) => (FloatKind::TF32, units),
            None => (FloatKind::F32, Units::Threads),
        },
        Precision::Bf16 => {
            let units = matrix_units(client, FloatKind::BF16, 16);
            (FloatKind::BF16, units.unwrap_or(Units::Threads))
        }
    };
    let extent = sides.extent(product);
    // the kernel divides numbers of patches' values by multiplying
    let channels = u64::from(sides.in_channels.max(sides.out_channels));
    assert!(
        u64::from(sides.kernel * sides.kernel) * channels * channels < 1 << 32,
        "a card's convolution of {channels} channels"
    );
    let processors = client.properties().hardware.num_streaming_multiprocessors;
    let cut = Cut::of(
        extent,
        units,
        processors.unwrap_or(SOME_PROCESSORS) as usize,
    );
    let length = output.shape().num_elements();
    let target = match cut.slices {
        1 => output.clone(),
        slices => sized(&output, [slices, length]),
    };

    let [left_width, right_width] = match product {
        Product::Forward => [sides.in_channels; 2],
        _ => [sides.out_channels, sides.in_channels],
    }
    .map(|channels| widest(channels as usize));
    let groups = extent.m.div_ceil(cut.tile.m) * extent.n.div_ceil(cut.tile.n);
    let first = groups.min(MOST_GROUPS);
    let layers = extent.classes * cut.slices;
    let count = CubeCount::Static(first as u32, groups.div_ceil(first) as u32, layers as u32);
    let dim = CubeDim::new_1d(cut.tile.threads() as u32);
    let launch = match form {
        FloatKind::TF32 => multiply::launch_unchecked::<tf32>,
        FloatKind::BF16 => multiply::launch_unchecked::<bf16>,
        _ => multiply::launch_unchecked::<f32>,
    };
    // SAFETY: factors are read, and sums written, only within their sides.
    unsafe {
        launch(
            client,
            count,
            dim,
            left_width,
            right_width,
            vectors(left, left_width),
            vectors(right, right_width),
            buffer(&target),
            sides.launch(),
            cut.slices as u32,
            length as u32,
            product,
            cut.tile,
        );
    }
    match cut.slices {
        1 => target,
        _ => added(&target, output),
    }
}

/// The sum of equal parts of `slices`, one after the other, each of the length of `output`.
pub fn added(slices: &CardTensor, output: CardTensor) -> CardTensor {
    let width = widest(output.shape().num_elements());
    let (count, dim) = elementwise_by(&output, width);
    // SAFETY: each thread stays within the lengths.
    unsafe {
        add_slices::launch_unchecked(
            &output.client,
            count,
            dim,
            width,
            vectors(slices, width),
            vectors(&output, width),
        );
    }
    output
}

impl ConvBackend for Cube {
    fn conv_forward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        spec: ConvSpec,
        _watch: Option<Watch>,
    ) -> FloatTensor<Self> {
        let [input, weight] = [input, weight].map(|x| ordered(x, Order::ChannelsLast));
        let sides = Sides::of(input.shape().dims(), weight.shape().dims(), spec.window);
        let output = picture(&input, sides.output());
        run(
            Product::Forward,
            spec.precision,
            [&input, &weight],
            output,
            sides,
        )
    }

    fn conv_input_gradient(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        spec: ConvSpec,
        side: [usize; 2],
        _watch: Option<Watch>,
    ) -> FloatTensor<Self> {
        let [gradient, weight] = [gradient, weight].map(|x| ordered(x, Order::ChannelsLast));
        let [batch, ..] = gradient.shape().dims::<4>();
        let [_, channels, ..] = weight.shape().dims::<4>();
        let shape = [batch, channels, side[0], side[1]];
        let sides = Sides::of(shape, weight.shape().dims(), spec.window);
        let input = picture(&gradient, shape);
        run(
            Product::InputGradient,
            spec.precision,
            [&gradient, &weight],
            input,
            sides,
        )
    }

    fn conv_weight_gradient(
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        spec: ConvSpec,
    ) -> FloatTensor<Self> {
        let [input, gradient] = [input, gradient].map(|x| ordered(x, Order::ChannelsLast));
        let [_, from, ..] = input.shape().dims::<4>();
        let [_, to, ..] = gradient.shape().dims::<4>();
        let shape = [to, from, spec.window.kernel, spec.window.kernel];
        let sides = Sides::of(input.shape().dims(), shape, spec.window);
        let weight = picture(&input, shape);
        run(
            Product::WeightGradient,
            spec.precision,
            [&gradient, &input],
            weight,
            sides,
        )
    }
}

impl ReadGradient for Cube {
    fn show(gradient: &FloatTensor<Self>, watch: &Watch) -> bool {
        let data = burn::tensor::read_sync(Self::float_into_data(gradient.clone()));
        let data = data.expect("the device answers").convert::<f32>();
        watch.give(data.as_slice().expect("converted"))
    }
}
