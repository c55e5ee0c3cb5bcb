//! The generators of pix2pixHD, compared with PyTorch (`tools/make_hd_fixtures.py` made the files).

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use pix2pix::data::{JitterConfig, Size, earth::earth};
use pix2pix::device::for_training;
use pix2pix::exchange::export::{self, PublicFormat};
use pix2pix::exchange::import::{self, Options};
use pix2pix::model::Checkpoint;
use pix2pix::network::weights::{self, Array, Weights};
use pix2pix::network::{
    Generator, GeneratorConfig, HdConfig, Init, Noise, Norm, PatchGanConfig, ResnetConfig,
    Upsample, WeightInit,
};
use pix2pix::train::{Freeze, OptimizerConfig, Trainer, TrainerConfig};

use crate::tensors;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/hd")
        .join(name)
}

/// The published network of four halvings and nine blocks.
fn published(filters: usize, norm: Norm) -> ResnetConfig {
    ResnetConfig {
        in_channels: 3,
        out_channels: 3,
        filters,
        halvings: 4,
        blocks: 9,
        dropout: 0.0,
        norm,
        bias_before_norm: true,
        upsample: Upsample::Transposed,
    }
}

/// Checks that a tensor is the expected one within a fraction `share` of its largest value.
fn close(found: Tensor<4>, expected: &Array, share: f32, what: &str) {
    let found: Vec<f32> = found.into_data().try_into_vec().unwrap();
    assert_eq!(found.len(), expected.values.len(), "{what}");
    let largest = expected
        .values
        .iter()
        .fold(0.0f32, |most, x| most.max(x.abs()));
    assert!(largest > 1e-3, "{what}: the reference is zero");
    for (found, expected) in found.iter().zip(&expected.values) {
        let gap = (found - expected).abs();
        assert!(
            gap <= share * largest,
            "{what}: {found} instead of {expected}, of up to {largest}"
        );
    }
}

/// Outputs and gradients of networks that are imported from the authors' layout.
#[test]
fn generators_agree_with_pytorch() {
    let values = tensors::read(&file("values.safetensors"));
    let device = Device::flex().autodiff();
    for name in ["global", "local"] {
        let path = file(&format!("{name}_net_G.pth"));
        let checkpoint = import::public(&path, None, &Options::default());
        let checkpoint = checkpoint.unwrap_or_else(|error| panic!("{error}"));
        let network = checkpoint.generator(&path, &device).unwrap();
        let source = Tensor::from_data(weights::data(values["source"].clone()), &device);
        let output = network.forward(source, &mut Noise::off());
        let gradients = output.clone().square().sum().backward();
        close(
            output.inner(),
            &values[&format!("{name}.output")],
            1e-4,
            name,
        );
        let watched = match &network {
            Generator::Resnet(coarse) => {
                assert_eq!(
                    (coarse.down.len(), coarse.blocks.len(), coarse.config().norm),
                    (4, 2, Norm::Batch)
                );
                vec![
                    ("model.1.weight", &coarse.first.conv.weight),
                    ("model.13.weight", &coarse.down[3].conv.weight),
                ]
            }
            Generator::Hd(whole) => {
                assert_eq!(
                    (
                        whole.coarse.down.len(),
                        whole.coarse.blocks.len(),
                        whole.blocks.len()
                    ),
                    (3, 2, 3)
                );
                assert_eq!(whole.coarse.config().norm, Norm::Instance);
                vec![
                    ("model.1.weight", &whole.coarse.first.conv.weight),
                    (
                        "model.14.conv_block.1.weight",
                        &whole.coarse.blocks[1].first.conv.weight,
                    ),
                    ("model1_1.1.weight", &whole.first.conv.weight),
                    ("model1_1.4.weight", &whole.down.conv.weight),
                    ("model1_2.7.weight", &whole.output.weight),
                ]
            }
            Generator::Unet(_) => panic!("{name} is no U-Net"),
        };
        for (weight, parameter) in watched {
            let gradient = parameter.val().grad(&gradients).unwrap();
            let expected = &values[&format!("{name}.gradient.{weight}")];
            close(gradient, expected, 1e-3, &format!("{name} {weight}"));
        }
    }
}

/// An export has the names, the shapes and the values of the import, and is imported again.
#[test]
fn an_export_is_what_was_imported() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["global", "local"] {
        let original = file(&format!("{name}_net_G.pth"));
        let checkpoint = import::public(&original, None, &Options::default()).unwrap();
        let exported = export::generator_tensors(&checkpoint, &original).unwrap();
        let out = folder.path().join(format!("{name}.pth"));
        export::write(&exported, &out, PublicFormat::Pth).unwrap();
        let names = |path: &Path| {
            let reader = pytorch_reader::PytorchReader::new(path).unwrap();
            let tensors = reader.into_tensors().into_iter();
            let mut names: Vec<_> = tensors
                .map(|(name, tensor)| (name, tensor.shape().to_vec()))
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(&out), names(&original), "{name}");
        let again = import::public(&out, None, &Options::default()).unwrap();
        assert!(
            again.generator_tensors() == checkpoint.generator_tensors(),
            "{name}"
        );
    }
}

/// Of the biases that the authors' convolutions always have, an export of a network without them has zeros.
#[test]
fn an_export_has_the_authors_biases() {
    let checkpoint = |bias_before_norm| {
        let path = file("local_net_G.pth");
        let mut checkpoint = import::public(&path, None, &Options::default()).unwrap();
        let GeneratorConfig::Hd(hd) = &mut checkpoint.config.generator else {
            panic!("a coarse-to-fine generator")
        };
        hd.coarse.norm = Norm::Batch;
        hd.coarse.bias_before_norm = bias_before_norm;
        let init = &mut WeightInit::generator(1);
        let network = hd.init_with(init, &Device::flex()).unwrap();
        let tensors = weights::collect(&network);
        Checkpoint::of_tensors(checkpoint.config, tensors, Weights::new())
    };
    let names = |bias| {
        let exported = export::generator_tensors(&checkpoint(bias), Path::new("hd")).unwrap();
        exported.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(false), names(true));
    assert!(names(false).contains(&"model1_2.3.bias".to_string()));
}

/// Numbers of parameters that PyTorch counts: the authors' convolutions have biases.
#[test]
fn parameter_counts_are_those_of_the_published_networks() {
    for (norm, coarse, whole) in [
        (Norm::Instance, 182_443_267, 182_701_827),
        (Norm::Batch, 182_486_019, 182_745_603),
    ] {
        let config = published(64, norm);
        let shape = [3, 512, 1024];
        assert_eq!(config.layers(shape).trainable(), coarse, "{norm}");
        let graph = HdConfig::around(config).layers(shape);
        assert_eq!(graph.trainable(), whole, "{norm}");
        assert_eq!(graph.output(), shape);
    }
}

/// A frozen coarse network stays as it is, and the enhancer learns.
#[test]
fn a_frozen_coarse_network_stays() {
    let device = for_training(&Device::flex(), false);
    let config = HdConfig::around(ResnetConfig {
        halvings: 2,
        blocks: 1,
        ..published(4, Norm::Batch)
    });
    let judge = PatchGanConfig {
        filters: 4,
        ..PatchGanConfig::default()
    };
    let with = |freeze| TrainerConfig {
        optimizer: OptimizerConfig {
            freeze,
            ..OptimizerConfig::default()
        },
        ..TrainerConfig::default()
    };
    let generator = GeneratorConfig::from(config);
    let before = weights::collect(&generator.init(&device).unwrap());
    let mut trainer = Trainer::new(&generator, &judge, with(Freeze::Coarse), &device).unwrap();
    let jitter = JitterConfig {
        load_size: Size::square(72),
        crop_size: Size::square(64),
        ..JitterConfig::default()
    };
    let batch = earth().train.batch_with(&jitter, 0, 1, &device).unwrap();
    trainer.step(&[batch]).unwrap();
    let after = weights::collect(trainer.generator());
    for (name, array) in &after {
        let is_running = name.contains("running");
        let is_same = array == &before[name];
        let is_coarse = name.starts_with("coarse.");
        assert!(is_running || is_same == is_coarse, "{name}");
    }
    let refused = |generator: &GeneratorConfig, freeze| {
        let trainer = Trainer::new(generator, &judge, with(freeze), &device);
        trainer.err().unwrap().to_string()
    };
    let error = refused(&generator, Freeze::Encoder);
    assert!(
        error.ends_with("that of a coarse-to-fine one is `freeze` coarse"),
        "{error}"
    );
    let error = refused(&published(4, Norm::Batch).into(), Freeze::Coarse);
    assert!(
        error.ends_with("that of others is `freeze` encoder"),
        "{error}"
    );
}

/// ResNets of earlier versions had two halvings, and their files do not say so.
#[test]
fn files_of_earlier_versions_have_two_halvings() {
    let config = GeneratorConfig::from(ResnetConfig {
        halvings: 2,
        ..published(64, Norm::Batch)
    });
    let mut text = serde_json::to_value(&config).unwrap();
    assert!(text.as_object_mut().unwrap().remove("halvings").is_some());
    let read: GeneratorConfig = serde_json::from_value(text).unwrap();
    assert_eq!(read, config);
}

#[test]
fn configurations_that_cannot_be_are_named() {
    let config = |filters| HdConfig::around(published(filters, Norm::Batch));
    let error = config(3).validate().unwrap_err().to_string();
    let wanted = "`filters` is 3; a coarse-to-fine generator needs an even number, half of which are the enhancer's";
    assert_eq!(error, wanted);
    let generator = GeneratorConfig::from(config(4));
    assert!(generator.check_size(64, 96).is_ok());
    let error = generator.check_size(64, 80).unwrap_err().to_string();
    assert!(error.contains("must be a multiple of 32"), "{error}");
    // one pixel cannot be reflected
    let error = generator.check_size(32, 64).unwrap_err().to_string();
    assert!(error.ends_with("it must be at least 64"), "{error}");
}
