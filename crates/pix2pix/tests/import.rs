//! Weights of the public PyTorch port and of Keras. `tools/make_import_fixtures.py` and `tools/make_keras_fixtures.py`
//! made the files, and the translations by PyTorch and Keras.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use pix2pix::RunConfig;
use pix2pix::data::Size;
use pix2pix::exchange::export::{self, PublicFormat, PublicTensors};
use pix2pix::exchange::import::{self, Options};
use pix2pix::model::Checkpoint;
use pix2pix::network::{
    Generator, GeneratorConfig, HdConfig, Init, Noise, Norm, Norms, Patch, PatchGanConfig,
    ResnetConfig, UnetConfig, Upsample, WeightInit, weights,
};

use crate::tensors;

fn file(name: &str) -> PathBuf {
    fixture("public", name)
}

fn fixture(folder: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(folder)
        .join(name)
}

/// The fixtures' picture.
fn wave(channels: usize, side: usize) -> Tensor<4> {
    wide_wave([1, channels, side, side])
}

fn wide_wave(shape: [usize; 4]) -> Tensor<4> {
    let count: usize = shape.iter().product();
    let values = (0..count).map(|i| (i as f64 * 0.37).sin() as f32);
    let data = TensorData::new(values.collect::<Vec<_>>(), shape);
    Tensor::from_data(data, &Device::flex())
}

fn close(found: &Tensor<4>, name: &str, every: usize) {
    close_in("public", found, name, every);
}

fn close_in(folder: &str, found: &Tensor<4>, name: &str, every: usize) {
    let outputs = fixture(folder, "outputs.safetensors");
    let expected = &tensors::read(&outputs)[name];
    let [_, channels, height, width] = found.dims();
    let values: Vec<f32> = found.to_data().try_into_vec().unwrap();
    let mut seen: Vec<f32> = Vec::new();
    for channel in 0..channels {
        for y in (0..height).step_by(every) {
            let row = &values[(channel * height + y) * width..][..width];
            seen.extend(row.iter().step_by(every));
        }
    }
    let expected = &expected.values;
    assert_eq!(seen.len(), expected.len(), "{name}");
    for (found, expected) in seen.into_iter().zip(expected) {
        let gap = (found - expected).abs() / expected.abs().max(1.0);
        assert!(gap < 1e-4, "{name}: {found} instead of {expected}");
    }
}

#[test]
fn generators_translate_as_pytorch_does() {
    for (name, ending, side, norm, levels) in [
        ("unet_256", "pth", 256, Norm::Batch, 8),
        ("unet_256", "safetensors", 256, Norm::Batch, 8),
        ("unet_128-legacy-module", "pth", 128, Norm::Batch, 7),
        ("unet_128-instance", "pth", 128, Norm::Instance, 7),
        ("unet_64-half", "pth", 64, Norm::Batch, 6),
        ("resnet_6blocks-instance", "pth", 64, Norm::Instance, 6),
        ("resnet_9blocks-dropout", "pth", 64, Norm::Batch, 9),
    ] {
        let path = file(&format!("{name}_net_G.{ending}"));
        let checkpoint =
            import::public(&path, None, &Options::default()).unwrap_or_else(|e| panic!("{e}"));
        match &checkpoint.config.generator {
            GeneratorConfig::Unet(config) => {
                assert_eq!(
                    (config.norm, config.depth, config.filters),
                    (norm, levels, 2)
                );
            }
            GeneratorConfig::Resnet(config) => {
                assert_eq!(
                    (config.norm, config.blocks, config.filters),
                    (norm, levels, 4)
                );
                assert_eq!(config.dropout > 0.0, name.contains("dropout"));
            }
            GeneratorConfig::Hd(_) => panic!("{name} has no enhancer"),
        }
        let network = checkpoint.generator(&path, &Device::flex()).unwrap();
        close(&network.forward(wave(3, side), &mut Noise::off()), name, 4);
    }
}

#[test]
fn discriminators_judge_as_pytorch_does() {
    let generator = file("unet_256_net_G.pth");
    for (name, patch, every) in [
        ("basic", Patch::P70, 1),
        ("n_layers_1", Patch::P16, 1),
        ("n_layers_5", Patch::P286, 1),
        ("pixel", Patch::Pixel, 4),
        ("pixel-instance", Patch::Pixel, 4),
    ] {
        let path = file(&format!("{name}_net_D.pth"));
        let checkpoint = import::public(&generator, Some(&path), &Options::default())
            .unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(checkpoint.config.discriminator.patch, patch);
        let (_, network) = checkpoint.networks(&path, &Device::flex()).unwrap();
        let pair = wave(6, 128);
        let [source, image] = [0, 3].map(|first| pair.clone().narrow(1, first, 3));
        close(&network.forward(source, image), name, every);
    }
}

/// An imported model is like any other: it is the same after writing and reading.
#[test]
fn an_imported_model_can_be_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let [g, d] = ["unet_256_net_G.pth", "basic_net_D.pth"].map(file);
    import::public(&g, Some(&d), &Options::default())
        .unwrap()
        .save(&path)
        .unwrap();
    let network = Checkpoint::load(&path)
        .unwrap()
        .generator(&path, &Device::flex())
        .unwrap();
    close(
        &network.forward(wave(3, 256), &mut Noise::off()),
        "unet_256",
        4,
    );
    // the port has dropout in the three blocks after the innermost
    let Generator::Unet(network) = &network else {
        panic!("a U-Net");
    };
    let dropouts: Vec<f64> = network.decoder.iter().map(|up| up.dropout).collect();
    assert_eq!(dropouts, [0.0, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0]);
}

/// Exported files have the names, the shapes and the values of the imported ones, in both containers.
#[test]
fn an_export_is_what_was_imported() {
    let folder = tempfile::tempdir().unwrap();
    let names = |path: &Path| -> Vec<(String, Vec<usize>)> {
        let reader = pytorch_reader::PytorchReader::new(path).unwrap();
        let tensors = reader.into_tensors().into_iter();
        let mut names: Vec<_> = tensors
            .map(|(name, t)| (name, t.shape().to_vec()))
            .collect();
        names.sort();
        names
    };
    for (name, judge) in [
        ("unet_256", "basic"),
        ("unet_128-instance", "pixel"),
        ("resnet_6blocks-instance", "pixel-instance"),
        ("resnet_9blocks-dropout", "n_layers_1"),
    ] {
        let original = file(&format!("{name}_net_G.pth"));
        let d = file(&format!("{judge}_net_D.pth"));
        let checkpoint = import::public(&original, Some(&d), &Options::default()).unwrap();
        let generator = export::generator_tensors(&checkpoint, &original).unwrap();
        let discriminator = export::discriminator_tensors(&checkpoint, &original).unwrap();
        let out = folder.path().join(format!("{name}.pth"));
        export::write(&generator, &out, PublicFormat::Pth).unwrap();
        assert_eq!(names(&out), names(&original), "{name}");
        let judge = folder.path().join("d.pth");
        export::write(&discriminator.unwrap(), &judge, PublicFormat::Pth).unwrap();
        assert_eq!(names(&judge), names(&d));
        let plain = folder.path().join(format!("{name}.safetensors"));
        export::write(&generator, &plain, PublicFormat::Safetensors).unwrap();
        for again in [out, plain] {
            let again = import::public(&again, Some(&judge), &Options::default()).unwrap();
            assert!(
                again.generator_tensors() == checkpoint.generator_tensors(),
                "{name}"
            );
            assert!(again.discriminator_tensors() == checkpoint.discriminator_tensors());
        }
    }
}

fn untrained(generator: GeneratorConfig, discriminator: PatchGanConfig) -> Checkpoint {
    let init = &mut WeightInit::generator(3);
    let g = generator.init_with(init, &Device::flex()).unwrap();
    let d = discriminator.init_with(init, &Device::flex()).unwrap();
    let run = RunConfig {
        generator,
        discriminator,
        ..RunConfig::default()
    };
    Checkpoint::of_tensors(run, weights::collect(&g), weights::collect(&d))
}

/// What a file of the other programs cannot tell would be lost: they would compute something else.
#[test]
fn networks_that_the_other_programs_lack_are_not_exported() {
    let path = Path::new("test");
    let unet = |norm, epsilon| {
        GeneratorConfig::Unet(UnetConfig {
            filters: 2,
            depth: 6,
            norm,
            epsilon,
            ..UnetConfig::default()
        })
    };
    let resnet = |halvings| ResnetConfig {
        in_channels: 3,
        out_channels: 3,
        filters: 2,
        halvings,
        blocks: 1,
        dropout: 0.0,
        norm: Norm::None,
        bias_before_norm: false,
        upsample: Upsample::Transposed,
    };
    let shallow = |depth| {
        GeneratorConfig::Unet(UnetConfig {
            filters: 2,
            depth,
            ..UnetConfig::default()
        })
    };
    let five = untrained(shallow(5), PatchGanConfig::default());
    assert!(export::generator_tensors(&five, path).is_ok());
    let bias = "no convolution with a bias and no norm behind it";
    for (generator, told) in [
        (GeneratorConfig::Resnet(resnet(2)), bias),
        (GeneratorConfig::Resnet(resnet(3)), bias),
        (HdConfig::around(resnet(3)).into(), bias),
        (shallow(4), "the public port has no U-Net of 4 levels"),
        (
            unet(Norm::Batch, 1e-3),
            "no epsilon of 0.001 in its norms, only 0.00001",
        ),
    ] {
        let checkpoint = untrained(generator, PatchGanConfig::default());
        let refused = export::generator_tensors(&checkpoint, path).err().unwrap();
        let refused = refused.to_string();
        assert!(refused.contains(told), "{refused}");
    }
    for (norm, patch, told) in [
        (Norm::None, Patch::P70, bias),
        (Norm::None, Patch::Pixel, bias),
        (
            Norm::Instance,
            Patch::Tutorial,
            "no padding by one pixel more",
        ),
    ] {
        let discriminator = PatchGanConfig {
            filters: 2,
            patch,
            norm,
            ..PatchGanConfig::default()
        };
        let checkpoint = untrained(unet(Norm::Batch, 1e-5), discriminator);
        let refused = export::discriminator_tensors(&checkpoint, path);
        let refused = refused.err().unwrap().to_string();
        assert!(refused.contains(told), "{refused}");
    }
}

/// The last bias of a PixelGAN, which the port has only with instance norm.
#[test]
fn a_bias_that_the_port_lacks_is_read_but_not_exported() {
    let [g, d] = ["unet_64-half_net_G.pth", "pixel_net_D.pth"].map(file);
    let imported = import::public(&g, Some(&d), &Options::default()).unwrap();
    assert_eq!(
        imported.discriminator_tensors()["output.bias"].values,
        [0.0]
    );
    let exported = |checkpoint: &Checkpoint| export::discriminator_tensors(checkpoint, &g);
    let mut tensors = exported(&imported).unwrap().unwrap();
    assert!(!tensors.contains_key("net.5.bias"));
    // as earlier versions wrote it
    let with = file("pixel-instance_net_D.pth");
    let with = import::public(&g, Some(&with), &Options::default()).unwrap();
    let bias = exported(&with).unwrap().unwrap()["net.5.bias"].clone();
    tensors.insert("net.5.bias".to_string(), bias);
    let folder = tempfile::tempdir().unwrap();
    let earlier = folder.path().join("d.pth");
    export::write(&tensors, &earlier, PublicFormat::Pth).unwrap();
    let again = import::public(&g, Some(&earlier), &Options::default()).unwrap();
    let bias = |checkpoint: &Checkpoint| checkpoint.discriminator_tensors()["output.bias"].clone();
    assert!(bias(&again) == bias(&with) && bias(&with).values != [0.0]);
    let refused = exported(&again).err().unwrap().to_string();
    let told = "no bias of the last convolution in a pixel discriminator with batch norm; omit `discriminator`: the";
    assert!(refused.contains(told), "{refused}");
}

/// The port has them, but their convolutions have no biases there: no network here is theirs.
#[test]
fn networks_without_norms_and_biases_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("part.pth");
    let without_norms = |tensors: PublicTensors| {
        // only weights of convolutions have several dimensions
        let kept = tensors
            .into_iter()
            .filter(|(_, tensor)| tensor.shape.len() > 1);
        export::write(&kept.collect(), &path, PublicFormat::Pth).unwrap();
    };
    let [g, d] = ["resnet_9blocks-dropout_net_G.pth", "basic_net_D.pth"].map(file);
    let whole = import::public(&g, Some(&d), &Options::default()).unwrap();
    let wanted = "part.pth: its convolutions have neither norms nor biases";
    without_norms(export::generator_tensors(&whole, &g).unwrap());
    let error = import::public(&path, None, &Options::default());
    let error = error.err().unwrap().to_string();
    assert!(error.contains(wanted), "{error}");
    without_norms(export::discriminator_tensors(&whole, &g).unwrap().unwrap());
    let error = import::public(&g, Some(&path), &Options::default());
    let error = error.err().unwrap().to_string();
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn dropout_that_cannot_be_is_refused() {
    let error = |name: &str, rate| {
        let options = Options {
            dropout: Some(rate),
            ..Options::default()
        };
        let found = import::of_files(&[file(name)], &options);
        found.err().map(|error| error.to_string())
    };
    assert_eq!(
        error("unet_64-half_net_G.pth", 2.0).unwrap(),
        "`dropout` is 2; it must be from 0 to 0.99999"
    );
    let [still, random] = [
        "resnet_6blocks-instance_net_G.pth",
        "resnet_9blocks-dropout_net_G.pth",
    ];
    for (name, rate, told) in [
        (
            still,
            0.3,
            "a ResNet without dropout, and `dropout` is 0.3; omit it",
        ),
        (
            random,
            0.0,
            "a ResNet with dropout, and `dropout` is 0; omit it",
        ),
    ] {
        let error = error(name, rate).unwrap();
        assert!(error.contains(&format!("{name}: {told}")), "{error}");
    }
    for (name, rate) in [(still, 0.0), (random, 0.3), ("unet_64-half_net_G.pth", 0.3)] {
        assert_eq!(error(name, rate), None);
    }
}

/// No file has a rate: import is told it, and an export whose rate is lost can be told.
#[test]
fn a_dropout_rate_is_given_to_a_resnet() {
    let name = file("resnet_9blocks-dropout_net_G.pth");
    let with = |dropout| {
        let options = Options {
            dropout,
            ..Options::default()
        };
        let found = import::public(&name, None, &options).unwrap();
        export::other_dropout(&found.config.generator)
    };
    assert_eq!(with(None), None);
    assert_eq!(with(Some(0.3)), Some([0.3, 0.5]));
    let still = UnetConfig {
        dropout: 0.0,
        ..UnetConfig::default()
    };
    assert_eq!(export::other_dropout(&GeneratorConfig::Unet(still)), None);
}

/// No file has them: an import has the port's.
#[test]
fn other_blocks_with_dropout_are_told() {
    let of = |depth, dropout, dropout_blocks| {
        export::other_blocks(&GeneratorConfig::Unet(UnetConfig {
            depth,
            dropout,
            dropout_blocks,
            ..UnetConfig::default()
        }))
    };
    assert_eq!(of(8, 0.5, [0, 3]), Some([0..3, 1..4]));
    assert_eq!(of(5, 0.5, [0, 3]), Some([0..3, 1..1]));
    assert_eq!(of(8, 0.5, [1, 4]), None);
    assert_eq!(of(8, 0.0, [0, 3]), None);
    // no more than there are
    assert_eq!(of(8, 0.5, [1, 9]), Some([1..7, 1..4]));
}

/// The port's U-Net without norms has no biases either.
#[test]
fn a_u_net_without_norms_comes_back_as_it_was() {
    let generator = GeneratorConfig::Unet(UnetConfig {
        filters: 2,
        depth: 6,
        norm: Norm::None,
        ..UnetConfig::default()
    });
    let checkpoint = untrained(generator, PatchGanConfig::default());
    let tensors = export::generator_tensors(&checkpoint, Path::new("test")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.pth");
    export::write(&tensors, &path, PublicFormat::Pth).unwrap();
    let again = import::public(&path, None, &Options::default()).unwrap();
    assert_eq!(again.config.generator.norm(), Norm::None);
    assert!(again.generator_tensors() == checkpoint.generator_tensors());
}

/// Keras' batch normalization has another epsilon, its kernels another order, and every convolution a bias.
#[test]
fn a_keras_generator_translates_as_keras_does() {
    for (name, depth) in [
        ("keras-2.h5", 8),
        ("keras-2.keras", 6),
        ("keras-3.h5", 6),
        ("keras-3.keras", 6),
    ] {
        let path = fixture("keras", name);
        let found = import::of_files(std::slice::from_ref(&path), &Options::default())
            .unwrap_or_else(|e| panic!("{e}"));
        assert!(!found.frozen && !found.still, "{name}");
        let checkpoint = found.checkpoint;
        let GeneratorConfig::Unet(config) = &checkpoint.config.generator else {
            panic!("a U-Net");
        };
        let found = (config.depth, config.norm, config.dropout, config.epsilon);
        assert_eq!(found, (depth, Norm::Batch, 0.5, 1e-3), "{name}");
        assert_eq!(config.dropout_blocks, [0, 3], "{name}");
        let network = checkpoint.generator(&path, &Device::flex()).unwrap();
        let output = network.forward(wave(3, 1 << depth), &mut Noise::off());
        close_in("keras", &output, name, 4);
    }
}

/// Without training=True, a Keras model predicts otherwise than it trained: with its averages, and without dropout.
#[test]
fn a_keras_generator_that_predicts_otherwise_is_told() {
    for name in ["keras-3-predicting.h5", "keras-3-predicting.keras"] {
        let path = fixture("keras", name);
        let found = import::keras(&path, &Options::default()).unwrap_or_else(|e| panic!("{e}"));
        assert!(found.frozen && found.still, "{name}");
        // its size is that of the file
        assert_eq!(found.checkpoint.config.jitter.crop_size, Size([32, 16]));
        let network = found.checkpoint.generator(&path, &Device::flex()).unwrap();
        let known = network.running_statistics().unwrap();
        let norms = &mut Norms::Given(known.iter());
        let output = network.forward_with(wide_wave([1, 3, 16, 32]), &mut Noise::off(), norms);
        close_in("keras", &output.unwrap(), name, 1);
        let without = Options {
            dropout: Some(0.0),
            size: Some(Size::square(64)),
            ..Options::default()
        };
        let found = import::keras(&path, &without).unwrap();
        assert!(found.frozen && !found.still, "{name}");
        assert_eq!(found.checkpoint.config.jitter.crop_size, Size::square(64));
    }
}

/// Weights of 16 bits; the layers of relu are of the class ReLU.
#[test]
fn a_keras_generator_of_16_bits_translates_as_keras_does() {
    let path = fixture("keras", "keras-3-half.keras");
    let found = import::keras(&path, &Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let network = found.checkpoint.generator(&path, &Device::flex()).unwrap();
    let output = network.forward(wide_wave([1, 3, 16, 32]), &mut Noise::off());
    close_in("keras", &output, "keras-3-half.keras", 1);
}

#[test]
fn endings_of_files_are_read_in_any_case() {
    let folder = tempfile::tempdir().unwrap();
    for (source, name) in [
        (fixture("keras", "keras-3.h5"), "K.H5"),
        (fixture("keras", "keras-3.keras"), "K.Keras"),
        (file("unet_256_net_G.safetensors"), "G.SAFETENSORS"),
    ] {
        let path = folder.path().join(name);
        fs::copy(source, &path).unwrap();
        let found = import::of_files(&[path], &Options::default());
        assert!(found.is_ok(), "{}", found.err().unwrap());
    }
}

#[test]
fn other_keras_files_are_refused_in_words() {
    for (name, told) in [
        (
            "weights-only.weights.h5",
            "it has weights but no model: save it with Keras' save instead of save_weights",
        ),
        ("another.keras", "is a Dense, expected a Conv2D"),
        ("nowhere.h5", "no such file"),
    ] {
        let error = import::keras(&fixture("keras", name), &import::Options::default())
            .err()
            .unwrap();
        assert!(error.to_string().contains(told), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let key = Options {
        key: Some("netG_A".to_string()),
        ..Options::default()
    };
    let error = import::keras(&fixture("keras", "keras-3.keras"), &key);
    let error = error.err().unwrap().to_string();
    let told = "keras-3.keras: a Keras model, and `key` chooses one of several networks; omit it";
    assert!(error.contains(told), "{error}");
    let two = ["keras-3.keras", "keras-3.h5"].map(|name| fixture("keras", name));
    let error = import::of_files(&two, &Options::default())
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("give one file"), "{error}");
}

#[test]
fn other_files_are_refused_in_words() {
    let named = |path: &Path, told: &str| {
        let error = import::public(path, None, &Options::default())
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(told), "{error}");
    };
    named(
        &file("basic_net_D.pth"),
        "basic_net_D.pth: a discriminator alone; give the generator's file, latest_net_G.pth, before it",
    );
    named(&file("nowhere.pth"), "no such file");
    let scratch = tempfile::tempdir().unwrap();
    let onnx = scratch.path().join("e.onnx");
    // the version of ONNX's format, and who wrote the file
    fs::write(&onnx, b"\x08\x08\x12\x07pytorch").unwrap();
    named(
        &onnx,
        "e.onnx: a file of ONNX, and not a file of PyTorch; give ",
    );
    fs::write(&onnx, "neither of the two").unwrap();
    named(&onnx, "e.onnx: not a PyTorch file of weights (");
    let [g, d] = ["unet_256_net_G.pth", "unet_64-half_net_G.pth"].map(file);
    let error = import::public(&g, Some(&d), &Options::default())
        .err()
        .unwrap()
        .to_string();
    let told = "unknown discriminator with 0 convolutions; give latest_net_D.pth";
    assert!(error.contains(told), "{error}");
    assert!(error.contains("1, 3 or 5 layers"), "{error}");
}

/// torch.save names the folder in the archive after the file. With 21 letters the crate `zip` read another directory.
#[test]
fn a_name_of_any_length_is_read() {
    let bytes = fs::read(file("pix2pix_gen_epoch_199.pth")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("as_is.pth");
    fs::write(&path, &bytes).unwrap();
    let expected = import::public(&path, None, &Options::default()).unwrap();
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(plain_end(bytes))).unwrap();
    for length in 1..=100 {
        let renamed = renamed(&mut zip, &"n".repeat(length));
        fs::write(&path, renamed).unwrap();
        let found = import::public(&path, None, &Options::default());
        let found = found.unwrap_or_else(|e| panic!("{length}: {e}"));
        assert!(
            found.generator_tensors() == expected.generator_tensors(),
            "{length}"
        );
    }
}

/// The archive without the numbers in its last record, so that every reader takes the ZIP64 records.
fn plain_end(mut bytes: Vec<u8>) -> Vec<u8> {
    let last = bytes.len() - 22;
    bytes[last + 8..last + 20].fill(0xff);
    bytes
}

/// The archive with another folder, written as PyTorch does: ZIP64 records, and the real numbers in the last record.
fn renamed(zip: &mut zip::ZipArchive<std::io::Cursor<Vec<u8>>>, folder: &str) -> Vec<u8> {
    use std::io::Read;
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    let count = zip.len() as u64;
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        let name = format!("{folder}/{}", name.split_once('/').unwrap().1);
        let (crc, mut content) = (entry.crc32(), Vec::new());
        entry.read_to_end(&mut content).unwrap();
        let start = file.len() as u32;
        let mut common = Vec::new();
        common.extend([0u8; 8]); // version, flags, no compression, time
        common.extend([0, 0]);
        common.extend(crc.to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.bytes());
        file.extend(content);
        directory.extend(b"PK\x01\x02\0\0");
        directory.extend(&common);
        directory.extend([0; 10]); // comment, disk, attributes
        directory.extend(start.to_le_bytes());
        directory.extend(name.bytes());
    }
    let (start, size) = (file.len() as u64, directory.len() as u64);
    file.extend(directory);
    let records = file.len() as u64;
    file.extend(b"PK\x06\x06");
    file.extend(44u64.to_le_bytes());
    file.extend([0; 12]); // versions, disks
    for number in [count, count, size, start] {
        file.extend(number.to_le_bytes());
    }
    file.extend(b"PK\x06\x07\0\0\0\0");
    file.extend(records.to_le_bytes());
    file.extend(1u32.to_le_bytes());
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([count as u16; 2].iter().flat_map(|n| n.to_le_bytes()));
    file.extend((size as u32).to_le_bytes());
    file.extend((start as u32).to_le_bytes());
    file.extend([0, 0]);
    file
}

/// Writes a file of networks, each with its key before the names of its tensors.
fn join(path: &Path, parts: &[(&str, &PublicTensors)]) {
    let all = parts.iter().flat_map(|(key, tensors)| {
        let named = tensors.iter();
        named.map(move |(name, tensor)| (format!("{key}{name}"), tensor.clone()))
    });
    export::write(&all.collect(), path, PublicFormat::Pth).unwrap();
}

/// Nobody has asked for it.
#[test]
fn a_discriminator_that_does_not_fit_is_left_out() {
    let [g, d] = ["unet_256_net_G.pth", "basic_net_D.pth"].map(file);
    let whole = import::public(&g, Some(&d), &Options::default()).unwrap();
    let generator = export::generator_tensors(&whole, &g).unwrap();
    let judge = export::discriminator_tensors(&whole, &g).unwrap().unwrap();
    // as with n_layers_D 2
    let mut shorter = judge.clone();
    shorter.retain(|name, _| !name.starts_with("model.9.") && !name.starts_with("model.11."));
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("all.pth");
    let [of_a, of_b] = ["netG_A.", "netG_B."].map(|key| (key, &generator));
    let key = Some("netG_B".to_string());
    let of_key = Options {
        key,
        ..Options::default()
    };
    for (parts, options, told) in [
        (
            vec![("netG.", &generator), ("netD.", &shorter)],
            Options::default(),
            Some("unknown discriminator with 4 convolutions"),
        ),
        (
            vec![of_a, of_b, ("netD_A.", &shorter)],
            of_key.clone(),
            Some("unknown discriminator with 4 convolutions"),
        ),
        (
            vec![of_a, of_b, ("netD_A.", &judge), ("netD_B.", &judge)],
            of_key.clone(),
            Some("it holds 2 discriminators: netD_A, netD_B"),
        ),
        (vec![of_a, of_b], of_key.clone(), None),
    ] {
        join(&path, &parts);
        let found = import::of_files(std::slice::from_ref(&path), &options);
        let found = found.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(found.left_out.as_deref(), told);
        let checkpoint = found.checkpoint;
        assert!(checkpoint.generator_tensors() == whole.generator_tensors());
        assert!(checkpoint.discriminator_tensors().is_empty());
        // of a file that is given as the discriminator's, it is an error
        if let Some(told) = told {
            let error = import::of_files(&[g.clone(), path.clone()], &Options::default());
            let error = error.err().unwrap().to_string();
            assert!(
                error.contains(&format!("all.pth: {told}; give ")),
                "{error}"
            );
        }
    }
}

#[test]
fn the_dropout_of_a_u_net_is_assumed() {
    let [unet, random, still] = [
        "unet_64-half_net_G.pth",
        "resnet_9blocks-dropout_net_G.pth",
        "resnet_6blocks-instance_net_G.pth",
    ];
    for (name, dropout, assumed) in [
        (unet, None, true),
        (unet, Some(0.5), false),
        (unet, Some(0.0), false),
        (random, None, false),
        (still, None, false),
    ] {
        let options = Options {
            dropout,
            ..Options::default()
        };
        let found = import::of_files(&[file(name)], &options).unwrap();
        assert_eq!(found.assumed, assumed, "{name} {dropout:?}");
    }
}

/// Training scripts save more than the weights, and more than one network.
#[test]
fn networks_inside_dictionaries_are_found() {
    let [g, d] = ["unet_256_net_G.pth", "basic_net_D.pth"].map(file);
    let expected = import::public(&g, Some(&d), &Options::default()).unwrap();
    let generator = export::generator_tensors(&expected, &g).unwrap();
    let judge = export::discriminator_tensors(&expected, &g)
        .unwrap()
        .unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("all.pth");
    let joined = |parts: [(&str, &PublicTensors); 2]| join(&path, &parts);
    let options = Options::default();
    for keys in [
        ["state_dict.", "D."],
        ["netG.module.", "netD.module."],
        ["model.", "judge.model."],
        ["", "netD."],
    ] {
        joined([(keys[0], &generator), (keys[1], &judge)]);
        let found = import::public(&path, None, &options);
        if keys[0].is_empty() {
            // tensors beside a network's that are not its own are not passed over
            assert!(found.is_err());
            continue;
        }
        let found = found.unwrap_or_else(|e| panic!("{keys:?}: {e}"));
        assert!(
            found.generator_tensors() == expected.generator_tensors(),
            "{keys:?}"
        );
        assert!(
            found.discriminator_tensors() == expected.discriminator_tensors(),
            "{keys:?}"
        );
    }
    joined([("netG_A.", &generator), ("netG_B.", &generator)]);
    let error = import::public(&path, None, &options)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("2 networks: netG_A, netG_B; choose one with `key`"),
        "{error}"
    );
    // --key names a generator
    joined([("netD_A.", &judge), ("netD_B.", &judge)]);
    let error = import::public(&g, Some(&path), &options)
        .err()
        .unwrap()
        .to_string();
    let wanted = "it holds 2 discriminators: netD_A, netD_B; give latest_net_D.pth of ";
    assert!(error.contains(wanted), "{error}");
    assert!(error.ends_with("or the generator's file alone"), "{error}");
    joined([("netG_A.", &generator), ("netG_B.", &generator)]);
    let with_key = |key: &str| Options {
        key: Some(key.to_string()),
        ..Options::default()
    };
    let found = import::public(&path, None, &with_key("netG_B")).unwrap();
    assert!(found.generator_tensors() == expected.generator_tensors());
    let error = import::public(&path, None, &with_key("netG"))
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("no network is inside `key` netG; it holds netG_A, netG_B"),
        "{error}"
    );
    export::write(&generator, &path, PublicFormat::Pth).unwrap();
    let error = import::public(&path, None, &with_key("netG"))
        .err()
        .unwrap()
        .to_string();
    let wanted =
        "no network is inside `key` netG; omit `key`: the file has no dictionary of networks";
    assert!(error.ends_with(wanted), "{error}");
}
