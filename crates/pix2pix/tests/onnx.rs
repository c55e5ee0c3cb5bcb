//! Exported networks in another runtime (rten), compared with our own passes.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use pix2pix::data::Size;
use pix2pix::data::picture::{Picture, Samples};
use pix2pix::exchange::onnx::{self, Loss, OnnxNorm, OnnxOptions};
use pix2pix::model::{Checkpoint, TranslateOptions};
use pix2pix::network::{
    Generator, GeneratorConfig, HdConfig, Init, Noise, Norm, Norms, PatchGanConfig, ResnetConfig,
    UnetConfig, Upsample, WeightInit, weights,
};
use pix2pix::{RunConfig, Translator};
use prost::Message;
use rten::{Model, Value};
use rten_tensor::prelude::*;

const SIDE: usize = 64;

fn unet(norm: Norm, upsample: Upsample) -> GeneratorConfig {
    GeneratorConfig::Unet(UnetConfig {
        filters: 8,
        depth: 6,
        norm,
        upsample,
        ..UnetConfig::default()
    })
}

fn resnet(norm: Norm, upsample: Upsample) -> GeneratorConfig {
    GeneratorConfig::Resnet(ResnetConfig {
        in_channels: 3,
        out_channels: 3,
        filters: 4,
        halvings: 2,
        blocks: 2,
        dropout: 0.5,
        norm,
        bias_before_norm: true,
        upsample,
    })
}

/// Around a ResNet of three halvings.
fn hd(norm: Norm) -> GeneratorConfig {
    match resnet(norm, Upsample::Transposed) {
        GeneratorConfig::Resnet(resnet) => HdConfig::around(ResnetConfig {
            halvings: 3,
            ..resnet
        })
        .into(),
        other => other,
    }
}

/// With the source joined to its last layer.
fn joined(mut network: GeneratorConfig) -> GeneratorConfig {
    if let GeneratorConfig::Unet(config) = &mut network {
        config.input_skip = true;
    }
    network
}

fn networks() -> Vec<GeneratorConfig> {
    vec![
        unet(Norm::Batch, Upsample::Transposed),
        unet(Norm::Instance, Upsample::Resize),
        joined(unet(Norm::Batch, Upsample::Resize)),
        unet(Norm::Group, Upsample::Transposed),
        unet(Norm::None, Upsample::Transposed),
        unet(Norm::Batch, Upsample::Bilinear),
        resnet(Norm::Batch, Upsample::Transposed),
        resnet(Norm::Instance, Upsample::Resize),
        hd(Norm::Batch),
    ]
}

/// Random weights three times as large as initial weights, so that no layer's output fades, and running statistics
/// that differ from the initial ones.
fn checkpoint(config: &GeneratorConfig) -> Checkpoint {
    let (device, init) = (Device::flex(), &mut WeightInit::generator(7));
    let network = config.init_with(init, &device).unwrap();
    let mut tensors = weights::collect(&network);
    for (name, data) in &mut tensors {
        for (index, value) in data.values.iter_mut().enumerate() {
            match name.rsplit('.').next().unwrap() {
                "weight" => *value *= 3.0,
                "beta" | "bias" | "running_mean" => *value = (index as f32).sin() * 0.1,
                "running_var" => *value = 1.5 + (index as f32).cos(),
                _ => {}
            }
        }
    }
    let d = PatchGanConfig::default().init_with(init, &device).unwrap();
    let run = RunConfig {
        generator: config.clone(),
        ..RunConfig::default()
    };
    Checkpoint::of_tensors(run, tensors, weights::collect(&d))
}

fn network(config: &GeneratorConfig) -> Generator {
    let network = checkpoint(config).generator(Path::new("test"), &Device::flex());
    network.unwrap()
}

const OPTIONS: OnnxOptions = OnnxOptions {
    dropout: false,
    norm: OnnxNorm::Batch,
    opset: 17,
    size: Size([SIDE as u32; 2]),
    dynamic: false,
    half: false,
    image_io: false,
};

fn loaded(
    config: &GeneratorConfig,
    options: &OnnxOptions,
    pictures: Option<&[Picture]>,
) -> (Model, Option<Loss>) {
    let exported = onnx::export(checkpoint(config), Path::new("test"), options, pictures).unwrap();
    let model = Model::load(exported.model.encode_to_vec()).unwrap_or_else(|e| panic!("{e}"));
    (model, exported.loss)
}

/// Pictures in [-1, 1].
fn source(batch: usize, side: usize) -> (Vec<usize>, Vec<f32>) {
    let shape = vec![batch, 3, side, side];
    let count = shape.iter().product();
    let values =
        (0..count).map(|i: usize| (i as f32 * 0.37).sin() * ((i / 999) as f32 * 0.1).cos());
    (shape, values.collect())
}

fn tensor((shape, values): (Vec<usize>, Vec<f32>)) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn run(model: &Model, (shape, values): (Vec<usize>, Vec<f32>)) -> Vec<f32> {
    let input = rten_tensor::Tensor::from_data(&shape, values);
    let output = model.run_one(Value::from(input).into(), None).unwrap();
    let output: rten_tensor::Tensor<f32> = output.try_into().unwrap();
    assert_eq!(output.shape(), shape);
    output.to_vec()
}

fn values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn distance(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    let gaps = one.iter().zip(other).map(|(a, b)| (a - b).abs());
    gaps.fold(0.0, f32::max)
}

/// Checks that outputs are not constant, so that comparing them means something.
fn assert_lively(values: &[f32]) {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32;
    assert!(variance > 1e-4, "{variance}");
}

#[test]
fn an_exported_network_gives_the_same_pictures() {
    for config in networks() {
        let network = network(&config);
        let (model, _) = loaded(&config, &OPTIONS, None);
        let expected = values(network.forward(tensor(source(1, SIDE)), &mut Noise::off()));
        assert_lively(&expected);
        let gap = distance(&run(&model, source(1, SIDE)), &expected);
        assert!(gap < 1e-4, "{config:?}: {gap}");
    }
}

/// With open sizes, one file accepts larger pictures and batches, in which each picture is normalized by itself.
#[test]
fn open_sizes_take_any_picture() {
    for config in networks() {
        let network = network(&config);
        let options = OnnxOptions {
            dynamic: true,
            opset: 20,
            ..OPTIONS
        };
        let (model, _) = loaded(&config, &options, None);
        let pictures = tensor(source(2, 2 * SIDE));
        let found = run(&model, source(2, 2 * SIDE));
        for (index, found) in found.chunks(found.len() / 2).enumerate() {
            let one = pictures.clone().narrow(0, index, 1);
            let expected = values(network.forward(one, &mut Noise::off()));
            let gap = distance(found, &expected);
            assert!(gap < 1e-4, "{config:?}: {gap}");
        }
    }
}

#[test]
fn frozen_statistics_are_those_of_training() {
    let options = OnnxOptions {
        norm: OnnxNorm::Frozen,
        ..OPTIONS
    };
    for config in networks() {
        let network = network(&config);
        let Some(known) = network.running_statistics() else {
            let refused = onnx::export(checkpoint(&config), Path::new("test"), &options, None);
            let without_norms =
                matches!(&config, GeneratorConfig::Unet(unet) if unet.norm == Norm::None);
            assert_eq!(refused.is_ok(), without_norms);
            continue;
        };
        let (model, _) = loaded(&config, &options, None);
        let norms = &mut Norms::Given(known.iter());
        let expected = network.forward_with(tensor(source(1, SIDE)), &mut Noise::off(), norms);
        let expected = values(expected.unwrap());
        let found = run(&model, source(1, SIDE));
        let gap = distance(&found, &expected);
        assert!(gap < 1e-4, "{config:?}: {gap}");
        let by_itself = values(network.forward(tensor(source(1, SIDE)), &mut Noise::off()));
        assert!(distance(&found, &by_itself) > 0.01, "{config:?}");
    }
}

/// Dropout zeroes half of the values, doubles the others, and differs in each run.
#[test]
fn dropout_acts_in_the_file() {
    let config = unet(Norm::Batch, Upsample::Transposed);
    let options = OnnxOptions {
        dropout: true,
        ..OPTIONS
    };
    let (model, _) = loaded(&config, &options, None);
    let names = ["decoder.2.norm:0", "decoder.2.dropout:0"];
    let nodes = names.map(|name| model.node_id(name).unwrap());
    let drawn = || {
        let (shape, values) = source(1, SIDE);
        let input = Value::from(rten_tensor::Tensor::from_data(&shape, values));
        let found = model.run_n([(model.input_ids()[0], input.into())].to_vec(), nodes, None);
        found.unwrap().map(|value| {
            let tensor: rten_tensor::Tensor<f32> = value.try_into().unwrap();
            tensor.to_vec()
        })
    };
    let [before, after] = drawn();
    let mut zeros = 0;
    for (before, after) in before.iter().zip(&after) {
        if *after == 0.0 {
            zeros += 1;
        } else {
            assert_eq!(*after, 2.0 * before);
        }
    }
    let share = zeros as f64 / after.len() as f64;
    // within five standard deviations of a fair coin
    let allowed = 5.0 * 0.5 / (after.len() as f64).sqrt();
    assert!((share - 0.5).abs() < allowed, "{share}");
    let [_, again] = drawn();
    assert!(distance(&after, &again) > 0.1);
}

fn picture(side: u32) -> Picture {
    let value = |i: u32| (127.0 + 100.0 * (f64::from(i) * 0.37).sin()) as u8;
    Picture::new(
        [side; 2],
        3,
        Samples::U8((0..3 * side * side).map(value).collect()),
    )
}

/// The image model takes and returns pictures, the same as `pix2pix translate`.
#[test]
fn image_io_takes_and_gives_pictures() {
    let config = unet(Norm::Batch, Upsample::Transposed);
    let options = OnnxOptions {
        image_io: true,
        ..OPTIONS
    };
    let (model, _) = loaded(&config, &options, None);
    let bytes = |picture: Picture| match picture.into_samples() {
        Samples::U8(bytes) => bytes,
        _ => panic!("8 bits"),
    };
    let input = rten_tensor::Tensor::from_data(&[1, SIDE, SIDE, 3], bytes(picture(SIDE as u32)));
    let found = model.run_one(Value::from(input).into(), None).unwrap();
    let found: rten_tensor::Tensor<u8> = found.try_into().unwrap();
    assert_eq!(found.shape(), [1, SIDE, SIDE, 3]);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    checkpoint(&config).save(&path).unwrap();
    let options = TranslateOptions {
        dropout: false,
        ..TranslateOptions::default()
    };
    let generator = Translator::load(&path).unwrap();
    let expected = bytes(
        generator
            .translate_with(picture(SIDE as u32), &options)
            .unwrap(),
    );
    let mut others = 0;
    for (found, expected) in found.to_vec().into_iter().zip(expected) {
        assert!(
            found.abs_diff(expected) <= 1,
            "{found} instead of {expected}"
        );
        others += usize::from(found != expected);
    }
    assert!(others < SIDE, "{others} values are rounded the other way");
}

/// An 8-bit network differs from the 32-bit one by as much as the export reported, with the statistics that it exports: ranges
/// of other statistics would cut its values off.
#[test]
fn eight_bits_cost_what_is_said() {
    for (config, norm) in [
        (unet(Norm::Batch, Upsample::Transposed), OnnxNorm::Batch),
        (unet(Norm::Batch, Upsample::Bilinear), OnnxNorm::Batch),
        (resnet(Norm::Instance, Upsample::Resize), OnnxNorm::Batch),
        (hd(Norm::Batch), OnnxNorm::Batch),
        (unet(Norm::Batch, Upsample::Transposed), OnnxNorm::Frozen),
        (resnet(Norm::Batch, Upsample::Resize), OnnxNorm::Frozen),
    ] {
        let pictures = [picture(SIDE as u32)];
        let options = OnnxOptions { norm, ..OPTIONS };
        let (model, loss) = loaded(&config, &options, Some(&pictures));
        let source = pictures[0].to_planes([0.0, 255.0]);
        let source = (vec![1, 3, SIDE, SIDE], source);
        let network = network(&config);
        let known = network.running_statistics().unwrap_or_default();
        let norms = &mut match norm {
            OnnxNorm::Batch => Norms::Batch,
            OnnxNorm::Frozen => Norms::Given(known.iter()),
        };
        let exact = network.forward_with(tensor(source.clone()), &mut Noise::off(), norms);
        let exact = values(exact.unwrap());
        let found = run(&model, source);
        let gaps = found.iter().zip(&exact).map(|(a, b)| (a - b).abs());
        let mean = gaps.sum::<f32>() / exact.len() as f32;
        let Some(Loss::Values(loss)) = loss else {
            panic!("{loss:?}");
        };
        // with frozen statistics that nothing was trained with, the values are small
        assert!(loss > 0.0001 && loss < 0.1, "{loss}");
        assert!((mean / loss - 1.0).abs() < 0.1, "{mean} instead of {loss}");
    }
}

#[test]
fn eight_and_sixteen_bits_make_a_file_smaller() {
    let config = unet(Norm::Batch, Upsample::Transposed);
    let size = |half: bool, pictures: Option<&[Picture]>| {
        let options = OnnxOptions { half, ..OPTIONS };
        let exported = onnx::export(checkpoint(&config), Path::new("test"), &options, pictures);
        exported.unwrap().model.encoded_len() as f64
    };
    let whole = size(false, None);
    assert!(size(true, None) < 0.55 * whole);
    assert!(size(false, Some(&[picture(SIDE as u32)])) < 0.3 * whole);
}

/// Such a file would give no picture. Statistics that are not exported do not matter.
#[test]
fn weights_beyond_16_bits_are_refused() {
    let config = unet(Norm::Batch, Upsample::Transposed);
    let untouched = checkpoint(&config);
    let mut tensors = untouched.generator_tensors().clone();
    tensors
        .get_mut("encoder.1.norm.running_var")
        .unwrap()
        .values[1] = 1e5;
    let large = Checkpoint::of_tensors(untouched.config.clone(), tensors, Default::default());
    let exported = |norm, half| {
        let options = OnnxOptions {
            norm,
            half,
            ..OPTIONS
        };
        onnx::export(large.clone(), Path::new("test"), &options, None)
    };
    assert!(exported(OnnxNorm::Batch, true).is_ok());
    assert!(exported(OnnxNorm::Frozen, false).is_ok());
    let error = exported(OnnxNorm::Frozen, true).err().unwrap().to_string();
    let wanted = "`half` cannot hold the tensor encoder.1.norm.running_var: its largest value";
    assert!(error.starts_with(wanted), "{error}");
}

/// What no range can be measured on makes no file.
#[test]
fn eight_bits_of_values_that_are_not_finite_are_refused() {
    let samples = Samples::F32(vec![f32::NAN; 3 * SIDE * SIDE]);
    let holes = [Picture::new([SIDE as u32; 2], 3, samples)];
    let checkpoint = checkpoint(&unet(Norm::Batch, Upsample::Transposed));
    let exported = onnx::export(checkpoint, Path::new("test"), &OPTIONS, Some(&holes));
    let error = exported.err().unwrap().to_string();
    assert!(error.contains("not a number (NaN)"), "{error}");
}

#[test]
fn other_versions_of_the_operators_are_refused() {
    let options = OnnxOptions {
        opset: 9,
        ..OPTIONS
    };
    let config = unet(Norm::Batch, Upsample::Transposed);
    let refused = onnx::export(checkpoint(&config), Path::new("test"), &options, None);
    let message = refused.err().unwrap().to_string();
    assert_eq!(message, "`opset` is 9; it must be from 16 to 21");
}
