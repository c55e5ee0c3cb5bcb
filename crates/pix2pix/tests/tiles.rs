//! Translation in tiles, compared with translation in one pass; which pictures are cut, and what is checked before.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use burn::tensor::Device;
use image::{Rgb, RgbImage};
use pix2pix::Translator;
use pix2pix::data::Domain;
use pix2pix::data::picture::{self, LargeWriter, Metadata, Picture, Samples};
use pix2pix::model::{
    Checkpoint, Fit, NormStatistics, Scale, TilePlan, Tiles, Tiling, TrainingScale,
    TranslateOptions,
};
use pix2pix::network::{
    Generator, Init, Noise, Norm, PatchGanConfig, ResnetConfig, UnetConfig, Upsample, WeightInit,
    weights,
};
use pix2pix_kernels::Arithmetic;
use pix2pix_runtime::checkpoint::ModelConfig;
use pix2pix_runtime::engine::{Cpu, Engine};
use pix2pix_runtime::picture::labels::{Class, Labels, Stored, color_of};
use pix2pix_runtime::picture::{Depth, Nodata, Outside, Size};
use pix2pix_runtime::plan;

fn generator() -> Generator {
    let config = UnetConfig {
        filters: 8,
        depth: 6,
        ..UnetConfig::default()
    };
    let network = config.init_with(&mut WeightInit::generator(3), &Device::flex());
    network.unwrap().into()
}

/// Stripes at the left, and the values of `right` at the right.
fn picture(width: u32, right: fn(u32, u32) -> u8) -> Picture {
    let at = |x: u32, y: u32| {
        if x < 64 {
            (x * 9 + y * 5) as u8
        } else {
            right(x, y)
        }
    };
    RgbImage::from_fn(width, 64, |x, y| Rgb([at(x, y), at(y, x.min(63)), 90])).into()
}

fn translate(picture: &Picture, overlap: u32, statistics: NormStatistics) -> Picture {
    let mut bands = Vec::new();
    in_panels(
        picture,
        (overlap, u32::MAX),
        statistics,
        &mut |corner, band| {
            assert_eq!(corner[0], 0, "one panel");
            bands.push(band);
        },
    );
    Picture::stacked(bands)
}

fn in_panels(
    picture: &Picture,
    (overlap, panel): (u32, u32),
    statistics: NormStatistics,
    part: &mut dyn FnMut([u32; 2], Picture),
) {
    let network = generator();
    let engine = Cpu::new(
        &network.config(),
        weights::collect(&network),
        Arithmetic::F32,
    );
    let rgb = Domain::RGB8;
    let plan = TilePlan {
        engine: &engine.unwrap(),
        domains: [&rgb; 2],
        tiles: Tiles {
            side: 64,
            overlap,
            statistics,
        },
        padded: [picture.size()[0].next_multiple_of(64), 64],
        unit: 64,
        known: None,
        noise: Some(plan::Noise { seed: 5, stream: 0 }),
        panel,
    };
    let translated = plan.translate(picture, &mut |corner, band| {
        part(corner, band);
        Ok(())
    });
    translated.unwrap();
}

/// A picture in several panels, each finished before the next, is the picture in one.
#[test]
fn panels_are_seamless() {
    let picture = picture(300, |x, y| (x * y) as u8);
    for statistics in [NormStatistics::Tile, NormStatistics::Image] {
        let whole = translate(&picture, 16, statistics);
        let mut covered = 0;
        in_panels(&picture, (16, 128), statistics, &mut |corner, part| {
            let same = whole.crop(corner, part.size());
            assert_eq!(part, same, "at {corner:?}");
            covered += part.size()[0] * part.size()[1];
        });
        assert_eq!(covered, 300 * 64);
    }
}

fn bytes(picture: &Picture) -> &[u8] {
    match picture.samples() {
        Samples::U8(values) => values,
        _ => panic!("8 bits"),
    }
}

fn largest_difference(one: &Picture, other: &Picture) -> u8 {
    assert_eq!(one.size(), other.size());
    let pairs = bytes(one).iter().zip(bytes(other));
    pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn one_tile_is_the_whole_picture() {
    let picture = picture(64, |_, _| 0);
    let device = Device::flex();
    let source = picture::to_tensor(&picture, [0.0, 255.0], &device);
    let output = generator().forward(source, &mut Noise::seeded(5, 0));
    let whole = picture::from_tensor(output, &Domain::RGB8);
    assert_eq!(translate(&picture, 16, NormStatistics::Tile), whole);
    // measured on the host in f64, applied in f32
    assert!(largest_difference(&translate(&picture, 16, NormStatistics::Image), &whole) <= 1);
}

#[test]
fn pictures_of_any_size_come_out_at_theirs() {
    for width in [64, 65, 100, 200] {
        let output = translate(
            &picture(width, |x, y| (x ^ y) as u8),
            16,
            NormStatistics::Tile,
        );
        assert_eq!(output.size(), [width, 64]);
    }
}

/// Without overlap, the left tile depends on the right one only through the statistics.
#[test]
fn statistics_are_the_tiles_or_the_pictures() {
    let (dark, light) = (picture(128, |_, _| 10), picture(128, |x, y| (x * y) as u8));
    let left =
        |picture: &Picture, statistics| translate(picture, 0, statistics).crop([0, 0], [64, 64]);
    let tile = NormStatistics::Tile;
    assert_eq!(left(&dark, tile), left(&light, tile));
    let image = NormStatistics::Image;
    assert!(largest_difference(&left(&dark, image), &left(&light, image)) > 8);
}

/// The statistics are those of the picture in one piece: what lies where tiles overlap counts once, and features that see the
/// border of a tile do not count.
#[test]
fn statistics_of_tiles_are_those_of_the_whole() {
    // sees 13 pixels far
    let config = ResnetConfig {
        in_channels: 3,
        out_channels: 3,
        filters: 8,
        halvings: 1,
        blocks: 1,
        dropout: 0.0,
        norm: Norm::Instance,
        bias_before_norm: false,
        upsample: Upsample::Transposed,
    };
    let network = config.init_with(&mut WeightInit::generator(3), &Device::flex());
    let network: Generator = network.unwrap().into();
    let tensors = weights::collect(&network);
    let engine = Cpu::new(&network.config(), tensors, Arithmetic::F32).unwrap();
    let rgb = Domain::RGB8;
    // tiles begin at 0, 64, 128 and 192, or at 0, 62, 126 and 190: the strip is in two of them. The second picture is padded by
    // a column, which no tile may begin at
    for width in [320, 317] {
        let picture: Picture = RgbImage::from_fn(width, 128, |x, y| {
            let level = if (64..128).contains(&x) { 200 } else { 0 };
            let texture = (x * 7 + y * 13) % 41;
            Rgb([level + texture as u8, 20, level])
        })
        .into();
        let translated = |side, statistics| {
            let plan = TilePlan {
                engine: &engine,
                domains: [&rgb; 2],
                tiles: Tiles {
                    side,
                    overlap: 64,
                    statistics,
                },
                padded: [width.next_multiple_of(2), 128],
                unit: 2,
                known: None,
                noise: None,
                panel: u32::MAX,
            };
            let mut bands = Vec::new();
            let translated = plan.translate(&picture, &mut |_, band| {
                bands.push(band);
                Ok(())
            });
            translated.unwrap();
            Picture::stacked(bands)
        };
        let whole = translated(320, NormStatistics::Tile);
        let tiled = translated(128, NormStatistics::Image);
        // far from the borders of all tiles
        for left in [0, 82, 146, 210, 275] {
            let [whole, tiled] = [&whole, &tiled].map(|picture| picture.crop([left, 0], [24, 128]));
            let off = largest_difference(&whole, &tiled);
            assert!(off <= 1, "{off} of 255 at {left} of {width}");
        }
    }
}

/// A picture that is read and written part by part is the picture in memory, and its file is a TIFF like any other.
#[test]
fn a_picture_beyond_memory_is_the_one_in_memory() {
    let scratch = tempfile::tempdir().unwrap();
    let discriminator = PatchGanConfig {
        filters: 2,
        ..PatchGanConfig::default()
    };
    let discriminator = discriminator.init(&Device::flex()).unwrap();
    let model = scratch.path().join("model.safetensors");
    Checkpoint::of_networks(&generator(), &discriminator, 0)
        .save(&model)
        .unwrap();
    let translator = Translator::load(&model).unwrap();
    let options = TranslateOptions {
        tiling: Tiling::Cut {
            side: 64,
            overlap: 16,
        },
        ..TranslateOptions::default()
    };
    // neither side is a multiple of the file's tiles of 256 pixels
    let picture: Picture =
        RgbImage::from_fn(300, 530, |x, y| Rgb([x as u8, y as u8, (x * y) as u8])).into();
    let whole = translator
        .translate_with(picture.clone(), &options)
        .unwrap();

    let path = scratch.path().join("parts.tif");
    let target = translator.config.target.clone();
    let mut file = LargeWriter::create(&path, [300, 530], &target, &Metadata::default()).unwrap();
    let translated = translator.translate_windows(&picture, &options, &mut |corner, part| {
        file.write(corner, part).unwrap();
        Ok(())
    });
    translated.unwrap();
    file.finish().unwrap();
    assert_eq!(picture::read(&path).unwrap().0, whole);
    let mut other = tiff::decoder::Decoder::new(std::fs::File::open(&path).unwrap()).unwrap();
    let tiff::decoder::DecodingResult::U8(values) = other.read_image().unwrap() else {
        panic!("8 bits");
    };
    assert_eq!(values, bytes(&whole));
}

/// The generator, ready to translate.
fn translator() -> Translator {
    let scratch = tempfile::tempdir().unwrap();
    let model = scratch.path().join("model.safetensors");
    let discriminator = PatchGanConfig {
        filters: 2,
        ..PatchGanConfig::default()
    };
    let discriminator = discriminator.init_with(&mut WeightInit::discriminator(3), &Device::flex());
    Checkpoint::of_networks(&generator(), &discriminator.unwrap(), 0)
        .save(&model)
        .unwrap();
    Translator::load(&model).unwrap()
}

/// What fits into one tile is not padded to it, which takes longer and changes the statistics.
#[test]
fn a_picture_smaller_than_a_tile_is_translated_whole() {
    let translator = translator();
    let picture = picture(100, |x, y| (x * y) as u8);
    let translated = |tiling| {
        let options = TranslateOptions {
            tiling,
            ..TranslateOptions::default()
        };
        translator
            .translate_with(picture.clone(), &options)
            .unwrap()
    };
    let cut = |side| Tiling::Cut { side, overlap: 16 };
    let whole = translated(Tiling::Never);
    // 100 pixels are padded to 128
    for side in [128, 512] {
        assert_eq!(translated(cut(side)), whole);
    }
    assert_ne!(translated(cut(64)), whole);
}

/// Whoever waits for a large picture may want to stop: also while its statistics are measured.
#[test]
fn a_translation_ends_between_two_tiles() {
    let translator = translator();
    let picture = picture(256, |x, y| (x * y) as u8);
    for statistics in [NormStatistics::Tile, NormStatistics::Image] {
        let options = TranslateOptions {
            tiling: Tiling::Cut {
                side: 64,
                overlap: 0,
            },
            statistics,
            ..TranslateOptions::default()
        };
        let asked = Cell::new(0);
        let go_on = |times: u32| {
            asked.set(asked.get() + 1);
            match asked.get() <= times {
                true => Ok(()),
                false => Err(pix2pix::Error::Failed("enough".to_string())),
            }
        };
        let whole = translator.translate_while(picture.clone(), &options, &|| go_on(u32::MAX));
        assert!(asked.get() >= 4, "there are four tiles");
        let plain = translator.translate_with(picture.clone(), &options);
        assert_eq!(whole.unwrap(), plain.unwrap());
        asked.set(0);
        let ended = translator.translate_while(picture.clone(), &options, &|| go_on(2));
        assert_eq!(ended.unwrap_err().to_string(), "enough");
        assert_eq!(asked.get(), 3);
    }
}

/// A network pads a picture one pixel high to 64 pixels: what is then large is cut into tiles.
#[test]
fn a_narrow_picture_is_large_by_what_the_network_computes() {
    let translator = translator();
    let line: Picture = RgbImage::from_fn(40_000, 1, |x, _| Rgb([x as u8, 9, 200])).into();
    let translated = |tiling| {
        let options = TranslateOptions {
            tiling,
            ..TranslateOptions::default()
        };
        translator.translate_with(line.clone(), &options).unwrap()
    };
    let cut = translated(Tiling::Cut {
        side: 1024,
        overlap: 256,
    });
    assert_eq!(translated(Tiling::Auto), cut);
    assert_ne!(translated(Tiling::Never), cut);
}

/// Computes nothing, and keeps the height and width of every pass.
#[derive(Clone, Default)]
struct Passes {
    sizes: Arc<Mutex<Vec<[usize; 2]>>>,
    most_values: Option<u64>,
}

impl Passes {
    /// Those since the last call.
    fn taken(&self) -> Vec<[usize; 2]> {
        std::mem::take(&mut self.sizes.lock().unwrap())
    }

    /// A model of six levels, whose sides are multiples of 64, with sources of this domain.
    fn model(&self, source: Domain) -> pix2pix_runtime::Translator {
        let generator = UnetConfig {
            filters: 8,
            depth: 6,
            ..UnetConfig::default()
        };
        let domains = [source, Domain::RGB8];
        let config = ModelConfig::new(domains, 0, generator.into(), Size::square(64));
        pix2pix_runtime::Translator::new(Box::new(self.clone()), config, 0)
    }
}

impl Engine for Passes {
    fn run(
        &self,
        inputs: &[plan::Input],
        size: [usize; 2],
        _: Option<&plan::Statistics>,
    ) -> Vec<Vec<f32>> {
        self.sizes.lock().unwrap().push(size);
        let [height, width] = size;
        vec![vec![0.0; 3 * height * width]; inputs.len()]
    }

    fn measure(
        &self,
        _: plan::Input,
        _: [usize; 2],
        _: &plan::Statistics,
        _: &plan::Core,
    ) -> (Vec<f32>, f64) {
        unreachable!("there is no normalization")
    }

    fn running_statistics(&self) -> Option<Vec<Vec<f32>>> {
        None
    }

    fn norms(&self) -> usize {
        0
    }

    fn most_values(&self) -> Option<u64> {
        self.most_values
    }
}

fn gray([width, height]: [u32; 2]) -> Picture {
    RgbImage::from_pixel(width, height, Rgb([90; 3])).into()
}

/// 2^21 pixels are 2097152.
#[test]
fn a_picture_is_large_by_its_own_pixels() {
    let passes = Passes::default();
    let translator = passes.model(Domain::RGB8);
    let translated = |size, fit| {
        let options = TranslateOptions {
            fit,
            ..TranslateOptions::default()
        };
        let output = translator.translate_with(gray(size), &options).unwrap();
        assert_eq!(output.size(), size);
        passes.taken()
    };
    // fewer pixels, and more when it is padded
    let smaller = [1409, 1473];
    assert_eq!(translated(smaller, Fit::Pad), [[1536, 1472]]);
    assert_eq!(translated(smaller, Fit::Resize), [[1472, 1408]]);
    for fit in [Fit::Pad, Fit::Resize] {
        assert_eq!(translated([1449, 1449], fit), [[1024, 1024]; 4]);
    }
}

/// A tile that is longer than the picture would be filled with its mirror.
#[test]
fn tiles_are_no_longer_than_the_picture() {
    let passes = Passes::default();
    let translator = passes.model(Domain::RGB8);
    for (width, side, expected) in [
        (1000, 512, vec![[64, 512]; 3]),
        (33_000, 32_768, vec![[64, 32_768]; 2]),
        (1000, u32::MAX - 63, vec![[64, 1024]]),
    ] {
        let options = TranslateOptions {
            tiling: Tiling::Cut {
                side,
                overlap: side / 4,
            },
            ..TranslateOptions::default()
        };
        let picture = gray([width, 40]);
        let mut parts = Vec::new();
        let translated = translator.translate_windows(&picture, &options, &mut |corner, part| {
            assert!(corner[0].is_multiple_of(256));
            parts.push(part.size());
            Ok(())
        });
        translated.unwrap();
        assert_eq!(parts, [[width, 40]]);
        assert_eq!(passes.taken(), expected);
        // in memory, what fits into one tile is translated whole, in the same size
        translator.translate_with(picture, &options).unwrap();
        assert_eq!(passes.taken(), expected);
    }
}

/// The largest layer of the model has 16 channels of a fourth of the pixels.
#[test]
fn no_layer_is_larger_than_the_engine_can_number() {
    let passes = Passes {
        most_values: Some(4 * 512 * 512),
        ..Passes::default()
    };
    let translator = passes.model(Domain::RGB8);
    let both = |size, tiling| {
        let options = TranslateOptions {
            tiling,
            ..TranslateOptions::default()
        };
        let picture = gray(size);
        let windows = translator.translate_windows(&picture, &options, &mut |_, _| Ok(()));
        let whole = translator.translate_with(picture, &options);
        [windows, whole.map(drop)].map(|done| done.map_err(|error| error.to_string()))
    };
    let cut = |side| Tiling::Cut { side, overlap: 0 };
    assert_eq!(both([500, 512], cut(512)), [Ok(()), Ok(())]);
    assert_eq!(both([576, 512], cut(512)), [Ok(()), Ok(())]);
    assert_eq!(passes.taken(), [[512, 512]; 6]);
    let told = "for 576x512 pixels at once, a layer of the network has 1179648 values, and the device can number 1048576; cut \
                the picture into tiles of a smaller `side`";
    let refused = || Err(told.to_string());
    assert_eq!(both([570, 512], cut(576)), [refused(), refused()]);
    assert!(passes.taken().is_empty());
    // without tiles, only what is read window by window is cut
    let whole = TranslateOptions {
        tiling: Tiling::Never,
        ..TranslateOptions::default()
    };
    for fit in [Fit::Pad, Fit::Resize] {
        let options = TranslateOptions { fit, ..whole };
        let done = translator.translate_with(gray([570, 512]), &options);
        assert_eq!(done.map(drop).map_err(|error| error.to_string()), refused());
    }
    assert!(passes.taken().is_empty());
}

/// At the scale of the training, the network sees a picture resized by its factors, whole or in tiles.
#[test]
fn pictures_are_translated_at_the_scale_of_the_training() {
    let passes = Passes::default();
    let mut translator = passes.model(Domain::RGB8);
    let options = |tiling, fit| TranslateOptions {
        scale: Scale::Train,
        tiling,
        fit,
        ..TranslateOptions::default()
    };
    let whole = options(Tiling::Never, Fit::Pad);
    let unknown = translator.check(&whole).unwrap_err().to_string();
    assert!(
        unknown.starts_with("`scale` is train, but the model does not know the size"),
        "{unknown}"
    );
    let refused = translator.translate_with(gray([256, 128]), &whole);
    assert_eq!(refused.unwrap_err().to_string(), unknown);
    translator.model.scale = Some(TrainingScale {
        from: Size([256, 128]),
        to: Size::square(64),
    });
    for (size, fit, seen) in [
        ([256, 128], Fit::Pad, [64, 64]),
        ([512, 128], Fit::Pad, [64, 128]),
        ([300, 128], Fit::Pad, [64, 128]),
        ([300, 128], Fit::Resize, [64, 64]),
        ([16, 16], Fit::Pad, [64, 64]),
    ] {
        let output = translator.translate_with(gray(size), &options(Tiling::Never, fit));
        assert_eq!(output.unwrap().size(), size);
        assert_eq!(passes.taken(), [seen], "{size:?}");
    }
    let cut = options(
        Tiling::Cut {
            side: 64,
            overlap: 16,
        },
        Fit::Pad,
    );
    // one tile, and several
    for (size, is_one) in [([256, 128], true), ([1024, 512], false)] {
        let output = translator.translate_with(gray(size), &cut);
        assert_eq!(output.unwrap().size(), size);
        let seen = passes.taken();
        assert!(seen.iter().all(|size| *size == [64, 64]), "{seen:?}");
        assert_eq!(seen.len() == 1, is_one, "{seen:?}");
    }
    let long = translator.translate_with(gray([16, 16400]), &whole);
    assert_eq!(long.unwrap().size(), [16, 16400]);
    passes.taken();
    translator.model.scale = Some(TrainingScale {
        from: Size::square(16),
        to: Size::square(256),
    });
    let long = translator.translate_with(gray([16, 1100]), &whole);
    assert_eq!(
        long.unwrap_err().to_string(),
        "at the scale of the training it has 256x17600 pixels, and a side may have up to 16384"
    );
    let windows = translator.translate_windows(&gray([64, 64]), &whole, &mut |_, _| Ok(()));
    let said = windows.unwrap_err().to_string();
    assert!(said.contains("resizes pictures in memory"), "{said}");
    assert!(passes.taken().is_empty());
}

/// A gap is not resized: it stays where the picture has it.
#[test]
fn gaps_have_the_scale_of_the_picture() {
    // what the engine gives is 128 in 8 bits
    let mut translator = Passes::default().model(Domain {
        nodata: Some(Nodata::Value(7.0)),
        ..Domain::RGB8
    });
    translator.model.scale = Some(TrainingScale {
        from: Size([200, 200]),
        to: Size::square(64),
    });
    let picture = |other: u8| -> Picture {
        let at = |x| Rgb([if x == 70 { 7 } else { other }; 3]);
        RgbImage::from_fn(200, 200, |x, _| at(x)).into()
    };
    let options = TranslateOptions {
        scale: Scale::Train,
        ..TranslateOptions::default()
    };
    let output = translator.translate_with(picture(90), &options);
    assert_eq!(output.unwrap(), picture(128));
}

/// What the network draws in the value of pixels without data is not taken for such, whichever way a picture goes.
#[test]
fn data_have_not_the_value_of_gaps() {
    // what the engine gives is 128 in 8 bits
    let translator = Passes::default().model(Domain {
        nodata: Some(Nodata::Value(128.0)),
        ..Domain::RGB8
    });
    let hole = RgbImage::from_fn(100, 64, |x, _| Rgb([if x == 70 { 128 } else { 90 }; 3]));
    let expected: Picture =
        RgbImage::from_fn(100, 64, |x, _| Rgb([if x == 70 { 128 } else { 129 }; 3])).into();
    let without: Picture = RgbImage::from_pixel(100, 64, Rgb([129; 3])).into();
    let cut = Tiling::Cut {
        side: 64,
        overlap: 16,
    };
    for (picture, expected) in [(hole.into(), expected), (gray([100, 64]), without)] {
        for tiling in [Tiling::Never, cut] {
            let options = TranslateOptions {
                tiling,
                ..TranslateOptions::default()
            };
            let found = translator.translate_with(picture.clone(), &options);
            assert_eq!(found.unwrap(), expected, "{tiling:?}");
            let mut parts = Vec::new();
            let translated = translator.translate_windows(&picture, &options, &mut |_, part| {
                parts.push(part);
                Ok(())
            });
            translated.unwrap();
            assert_eq!(Picture::stacked(parts), expected, "{tiling:?}");
        }
    }
}

/// 300x600 pixels of one channel.
fn amounts(value: impl Fn(usize, usize) -> f32) -> Picture {
    let pixels = (0..600).flat_map(|y| (0..300).map(move |x| (x, y)));
    let values = pixels.map(|(x, y)| value(x, y)).collect();
    Picture::new([300, 600], 1, Samples::F32(values))
}

#[test]
fn every_value_of_a_picture_beyond_memory_is_checked() {
    let translator = Passes::default().model(Domain {
        channels: 1,
        depth: Depth::F32,
        range: [0.0, 1.0].into(),
        labels: None,
        nodata: Some(Nodata::Tag),
    });
    let refused = |picture: &Picture| {
        let checked = translator.check_windows(picture, None);
        checked.unwrap_err().to_string()
    };
    let hole = amounts(|x, y| match (x, y) {
        (290, 590) => f32::NAN,
        _ => 0.5,
    });
    let said = refused(&hole);
    assert!(
        said.starts_with("1 of its values are infinite or"),
        "{said}"
    );
    // unless the file says that it has no data
    let known = translator.check_windows(&hole, Some(f32::NAN)).unwrap();
    assert_eq!((known.clipped, known.unknown), (0, 0));
    // each counts once, wherever it lies
    let band = |rows: usize| amounts(move |_, y| if y < rows { 2.0 } else { 0.5 });
    let expected = Outside {
        samples: 300 * 600,
        clipped: 300 * 250,
        unknown: 0,
    };
    assert_eq!(
        translator.check_windows(&band(250), None).unwrap(),
        expected
    );
    let said = refused(&band(450));
    assert!(said.starts_with("75% of its values lie outside"), "{said}");
}

#[test]
fn the_place_of_a_value_of_no_class_is_that_in_the_picture() {
    let class = |class| Class {
        name: String::new(),
        color: color_of(class),
    };
    let translator = Passes::default().model(Domain::of_labels(Labels {
        stored: Stored::Ids,
        classes: (0..4).map(class).collect(),
    }));
    let map = |last: u8| {
        let mut ids = vec![3; 9000 * 300];
        ids[290 * 9000 + 8500] = last;
        Picture::new([9000, 300], 1, Samples::U8(ids))
    };
    assert!(translator.check_windows(&map(2), None).is_ok());
    let error = translator.check_windows(&map(77), None).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("the class id 77 at x=8500, y=290"), "{said}");
}
