//! Generators on the runtime, compared with the same networks as tensor operations.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use pix2pix::network::{
    Generator, GeneratorConfig, HdConfig, Init, Noise, Norm, Norms, ResnetConfig, UnetConfig,
    Upsample, WeightInit, weights,
};
use pix2pix_kernels::Arithmetic;
use pix2pix_runtime::engine::{Cpu, Engine};
use pix2pix_runtime::plan::{self, Fusion, Input, Parameters, Pass, Plan};

/// Height and width.
const SIZE: [usize; 2] = [64, 128];
const DROPOUT: plan::Noise = plan::Noise { seed: 3, stream: 1 };

/// One of each kind: norms, upsampling, biases, dropout, channels.
fn networks() -> Vec<GeneratorConfig> {
    let unet = |norm, upsample| UnetConfig {
        filters: 6,
        depth: 5,
        norm,
        upsample,
        ..UnetConfig::default()
    };
    let resnet = |norm, upsample| ResnetConfig {
        in_channels: 3,
        out_channels: 3,
        filters: 5,
        halvings: 2,
        blocks: 2,
        dropout: 0.5,
        norm,
        bias_before_norm: false,
        upsample,
    };
    let mut networks: Vec<GeneratorConfig> = Vec::new();
    for norm in Norm::ALL {
        networks.push(unet(norm, Upsample::Transposed).into());
        networks.push(unet(norm, Upsample::Resize).into());
        networks.push(
            UnetConfig {
                input_skip: true,
                ..unet(norm, Upsample::Resize)
            }
            .into(),
        );
        networks.push(unet(norm, Upsample::Bilinear).into());
        networks.push(resnet(norm, Upsample::Transposed).into());
    }
    networks.push(resnet(Norm::Batch, Upsample::Resize).into());
    networks.push(resnet(Norm::Batch, Upsample::Bilinear).into());
    let hd = |norm, upsample| {
        HdConfig::around(ResnetConfig {
            filters: 6,
            halvings: 3,
            ..resnet(norm, upsample)
        })
    };
    networks.push(hd(Norm::Batch, Upsample::Transposed).into());
    networks.push(hd(Norm::Instance, Upsample::Resize).into());
    let hd_coarse = ResnetConfig {
        in_channels: 2,
        filters: 2,
        halvings: 4,
        bias_before_norm: true,
        ..resnet(Norm::Group, Upsample::Transposed)
    };
    networks.push(hd_coarse.into());
    let with_bias = UnetConfig {
        in_channels: 1,
        out_channels: 5,
        filters: 33,
        bias_before_norm: true,
        epsilon: 1e-3,
        dropout_blocks: [1, 3],
        dropout: 0.3,
        ..unet(Norm::Batch, Upsample::Transposed)
    };
    networks.push(with_bias.into());
    networks
}

/// A network whose every tensor counts: biases, shifts and running statistics differ from 0 and 1.
fn network(config: &GeneratorConfig) -> Generator {
    let init = &mut WeightInit::generator(3);
    let network = config.init_with(init, &Device::flex()).unwrap();
    let mut tensors = weights::collect(&network);
    for (name, array) in &mut tensors {
        let is_kernel = array.shape.len() == 4;
        for (at, value) in array.values.iter_mut().enumerate() {
            let wave = (at as f32 * 0.7).sin();
            match name.rsplit('.').next() {
                Some("running_var") => *value = 0.5 + 0.3 * wave,
                _ if is_kernel => *value *= 3.0,
                _ => *value += 0.2 * wave,
            }
        }
    }
    weights::restore(network, tensors).unwrap()
}

fn source(config: &GeneratorConfig) -> Vec<f32> {
    let count = config.channels()[0] * SIZE[0] * SIZE[1];
    let value = |i: usize| (i as f32 * 0.37).sin() * ((i / 999) as f32 * 0.1).cos();
    (0..count).map(value).collect()
}

fn tensor(config: &GeneratorConfig) -> Tensor<4> {
    let shape = [1, config.channels()[0], SIZE[0], SIZE[1]];
    Tensor::from_data(TensorData::new(source(config), shape), &Device::flex())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn cpu(network: &Generator) -> Cpu {
    let tensors = weights::collect(network);
    Cpu::new(&network.config(), tensors, Arithmetic::F32).unwrap()
}

/// Checks that outputs are alike, and not constant.
fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len());
    let gaps = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let gap = gaps.fold(0.0, f32::max);
    assert!(gap < 1e-5, "{what}: {gap}");
    let mean = expected.iter().sum::<f32>() / expected.len() as f32;
    let variance = expected.iter().map(|v| (v - mean).powi(2)).sum::<f32>();
    assert!(variance / expected.len() as f32 > 1e-4, "{what}");
}

#[test]
fn a_planned_network_gives_the_networks_picture() {
    for config in networks() {
        let network = network(&config);
        let engine = cpu(&network);
        for dropout in [None, Some(DROPOUT)] {
            let mut noise = match dropout {
                None => Noise::off(),
                Some(plan::Noise { seed, stream }) => Noise::seeded(seed, stream),
            };
            let expected = values(network.forward(tensor(&config), &mut noise));
            let source = source(&config);
            let inputs = [Input {
                source: &source,
                noise: dropout,
            }];
            let found = engine.run(&inputs, SIZE, None);
            assert_close(&found[0], &expected, &format!("{config:?} {dropout:?}"));
            // in memory that is not fresh
            let again = engine.run(&inputs, SIZE, None);
            assert_eq!(found, again, "{config:?}");
        }
    }
}

/// The plan that shows every value is the same network, and its values are those of the layers.
#[test]
fn a_plan_without_fusion_gives_the_same_picture() {
    for config in networks() {
        let network = network(&config);
        let [channels, _] = config.channels();
        let graph = config.layers([channels, SIZE[0], SIZE[1]]);
        let tensors = weights::collect(&network);
        let parameters = Parameters::new(&graph, tensors, Fusion::None, Arithmetic::F32).unwrap();
        let source = source(&config);
        let pass = Pass {
            inputs: &[Input {
                source: &source,
                noise: Some(DROPOUT),
            }],
            arithmetic: Arithmetic::F32,
            statistics: &[],
        };
        let mut seen = Vec::new();
        let found = Plan::new(&graph, Fusion::None, 1).run_watched(
            &parameters,
            &pass,
            &mut Vec::new(),
            &mut |layer, values| {
                assert_eq!(
                    values.len(),
                    graph.layers[layer].output.iter().product::<usize>()
                );
                seen.push(layer);
            },
        );
        assert_eq!(seen, (0..graph.layers.len()).collect::<Vec<_>>());
        let noise = &mut Noise::seeded(DROPOUT.seed, DROPOUT.stream);
        let expected = values(network.forward(tensor(&config), noise));
        assert_close(&found[0], &expected, &format!("{config:?}"));
    }
}

/// A picture's bits do not depend on the pictures beside it: neither its statistics and noise nor the order of sums.
#[test]
fn pictures_of_a_batch_are_what_they_are_alone() {
    for config in networks() {
        let tensors = || weights::collect(&network(&config));
        let sources: Vec<Vec<f32>> = (0..5)
            .map(|n| {
                let turn = |(i, value): (usize, &f32)| value * (1.0 + (i * n) as f32 * 0.7).cos();
                source(&config).iter().enumerate().map(turn).collect()
            })
            .collect();
        let inputs: Vec<Input> = (0..)
            .zip(&sources)
            .map(|(stream, source)| Input {
                source,
                noise: Some(plan::Noise { stream, ..DROPOUT }),
            })
            .collect();
        for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
            let engine = Cpu::new(&config, tensors(), arithmetic).unwrap();
            let together = engine.run(&inputs, SIZE, None);
            for (input, found) in inputs.iter().zip(&together) {
                let alone = engine.run(&[*input], SIZE, None);
                assert_eq!(&alone[0], found, "{config:?} {arithmetic:?}");
            }
            assert_ne!(together[0], together[1]);
        }
    }
}

#[test]
fn statistics_are_measured_and_used_as_the_network_does() {
    for config in networks() {
        let network = network(&config);
        let engine = cpu(&network);
        let source = source(&config);
        let input = Input {
            source: &source,
            noise: None,
        };
        let mut known: Vec<Vec<f32>> = Vec::new();
        assert_eq!(engine.norms(), network.norms().len());
        while known.len() < engine.norms() {
            // of every second norm a part, whose border crosses features
            let core = match known.len() % 2 {
                0 => plan::Core::WHOLE,
                _ => plan::Core {
                    rows: 0.3..1.0,
                    columns: 0.11..0.77,
                },
            };
            let (found, count) = engine.measure(input, SIZE, &known, &core);
            let given: Vec<Tensor<2>> = known.iter().map(|values| rows(values)).collect();
            let mut expected = None;
            let mut norms = Norms::Measure(given.iter(), &core, &mut expected);
            network.forward_with(tensor(&config), &mut Noise::off(), &mut norms);
            let (expected, expected_count) = expected.unwrap();
            assert!((count - expected_count).abs() < 1e-9 * count);
            for (a, b) in found.iter().zip(values(expected)) {
                assert!(
                    (a - b).abs() < 1e-4 * b.abs().max(1.0),
                    "{config:?}: {a} {b}"
                );
            }
            // other statistics than its own
            known.push(found.iter().map(|value| 1.1 * value + 0.01).collect());
        }
        let given: Vec<Tensor<2>> = known.iter().map(|values| rows(values)).collect();
        let expected = network.forward_with(
            tensor(&config),
            &mut Noise::off(),
            &mut Norms::Given(given.iter()),
        );
        let found = engine.run(&[input], SIZE, Some(&known));
        assert_close(
            &found[0],
            &values(expected.unwrap()),
            &format!("{config:?}"),
        );
        let running = network.running_statistics();
        let running = running.map(|all| all.into_iter().map(values).collect::<Vec<_>>());
        assert_eq!(engine.running_statistics(), running);
    }
}

/// Means and variances as rows of a tensor.
fn rows(statistics: &[f32]) -> Tensor<2> {
    let shape = [2, statistics.len() / 2];
    Tensor::from_data(TensorData::new(statistics.to_vec(), shape), &Device::flex())
}

#[test]
fn the_description_of_a_network_is_the_network() {
    for config in networks() {
        let described = config.layers([config.channels()[0], 64, 64]).tensors();
        let described: BTreeMap<_, _> = described.into_iter().collect();
        let tensors = weights::collect(&network(&config)).into_iter();
        let tensors: BTreeMap<_, _> = tensors.map(|(name, array)| (name, array.shape)).collect();
        assert_eq!(described, tensors, "{config:?}");
    }
}

#[test]
fn tensors_of_another_network_are_refused() {
    let config = &networks()[0];
    let network = network(config);
    let tensors = weights::collect(&network);
    let name = "encoder.1.conv.weight";
    let refused = |change: &dyn Fn(&mut weights::Weights)| {
        let mut changed = tensors.clone();
        change(&mut changed);
        let error = Cpu::new(config, changed, Arithmetic::F32).err().unwrap();
        error.to_string()
    };
    let missing = refused(&|tensors| drop(tensors.remove(name)));
    assert_eq!(missing, format!("the tensor {name} is missing"));
    let left_over = refused(&|tensors| drop(tensors.insert("x".into(), tensors[name].clone())));
    assert_eq!(left_over, "the tensor x does not belong to this network");
    let shaped = refused(&|tensors| tensors.get_mut(name).unwrap().shape = vec![12, 6, 16]);
    let expected = "has the shape [12, 6, 16] instead of [12, 6, 4, 4]";
    assert_eq!(shaped, format!("the tensor {name} {expected}"));
}
