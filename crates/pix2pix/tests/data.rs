//! Pictures, pairs, jitter and the order of an epoch.

use std::io::{Cursor, Write};
use std::path::Path;

use burn::tensor::Device;
use image::{Rgb, RgbImage};
use pix2pix::data::pair::{self, Direction, Pair};
use pix2pix::data::picture::{Content, Depth, Format, Header, Metadata, Page, Picture, Samples};
use pix2pix::data::survey::{self, OnError, Survey};
use pix2pix::data::{
    Colors, Dataset, Domain, JitterConfig, Options, ResizePolicy, Size, earth, picture, resize,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;

/// A picture whose pixels encode their coordinates.
fn coordinates(width: u32, height: u32) -> Picture {
    RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, (x ^ y) as u8])).into()
}

/// The samples of a pixel.
fn pixel(picture: &Picture, x: u32, y: u32) -> Vec<f32> {
    let at = picture.crop([x, y], [1, 1]);
    match at.samples() {
        Samples::U8(v) => v.iter().copied().map(f32::from).collect(),
        Samples::U16(v) => v.iter().copied().map(f32::from).collect(),
        Samples::F32(v) => v.clone(),
    }
}

#[test]
fn a_pair_is_split_in_both_directions() {
    let both = coordinates(80, 30);
    let path = Path::new("some/N64.4E016.3.jpg");
    let [a, b] = pair::split(path, &both).unwrap();
    assert_eq!(pair::stem(path), "N64.4E016.3");
    assert_eq!(a.size(), [40, 30]);
    assert_eq!(pixel(&a, 5, 7), pixel(&both, 5, 7));
    assert_eq!(pixel(&b, 5, 7), pixel(&both, 45, 7));
    assert_eq!(Direction::AToB.order([1, 2]), [1, 2]);
    assert_eq!(Direction::BToA.order([1, 2]), [2, 1]);
}

#[test]
fn pictures_survive_the_way_into_a_tensor_and_back() {
    let coordinates = coordinates(20, 16);
    let domain = Domain::RGB8;
    let tensor = picture::to_tensor(&coordinates, domain.range, &Device::flex());
    assert_eq!(tensor.dims(), [1, 3, 16, 20]);
    let data = tensor.clone().into_data();
    let values = data.as_slice::<f32>().unwrap();
    assert_eq!(values[0], -1.0); // 0 of 255
    assert_eq!(values[16 * 20 + 20], 1.0 / 127.5 - 1.0); // the green plane, second row: 1 of 255
    assert_eq!(picture::from_tensor(tensor, &domain), coordinates);
}

/// No bit of 16 is lost, and floats keep their values except for rounding.
#[test]
fn depth_survives_the_way_into_planes_and_back() {
    let deep: Vec<u16> = (0..=65535).collect();
    let deep = Picture::new([256, 128], 2, Samples::U16(deep));
    let domain = Domain {
        channels: 2,
        depth: Depth::U16,
        range: [0.0, 65535.0].into(),
        ..Domain::RGB8
    };
    let planes = deep.to_planes(domain.range);
    assert_eq!((planes[0], planes[256 * 128 * 2 - 1]), (-1.0, 1.0));
    assert_eq!(Picture::from_planes(&planes, [256, 128], &domain), deep);

    let signed: Vec<f32> = (0..64).map(|i| i as f32 * 100.0 - 1000.0).collect();
    let signed = Picture::new([8, 8], 1, Samples::F32(signed));
    let domain = Domain {
        channels: 1,
        depth: Depth::F32,
        range: [-1000.0, 5300.0].into(),
        ..Domain::RGB8
    };
    let back = Picture::from_planes(&signed.to_planes(domain.range), [8, 8], &domain);
    let (Samples::F32(before), Samples::F32(after)) = (signed.samples(), back.samples()) else {
        panic!("the depth stays")
    };
    for (before, after) in before.iter().zip(after) {
        assert!((before - after).abs() < 1e-3, "{before} became {after}");
    }
}

#[test]
fn channels_become_others_as_pillow_has_them() {
    let gray = Picture::new([1, 1], 1, Samples::U8(vec![7]));
    let rgba = Picture::new([1, 1], 4, Samples::U8(vec![10, 20, 30, 99]));
    let of = |picture: &Picture, channels| {
        pixel(&picture.clone().with_channels(channels).unwrap(), 0, 0)
    };
    assert_eq!(of(&gray, 3), [7.0, 7.0, 7.0]);
    assert_eq!(of(&gray, 4), [7.0, 7.0, 7.0, 255.0]);
    assert_eq!(of(&rgba, 3), [10.0, 20.0, 30.0]);
    assert_eq!(of(&rgba, 1), [18.0]); // 2.99 + 11.74 + 3.42
    let bands = Picture::new([1, 1], 5, Samples::U8(vec![0; 5]));
    assert!(bands.with_channels(3).is_err());
}

/// The fixture was made with Pillow's bicubic filter, which the public ports use; our rounding may differ.
#[test]
fn resizing_agrees_with_pillow() {
    let fixture = SafeTensors::deserialize(include_bytes!("fixtures/resize.safetensors")).unwrap();
    let load = |name: &str, size: [u32; 2]| {
        let view = fixture.tensor(name).unwrap();
        Picture::new(size, 3, Samples::U8(view.data().to_vec()))
    };
    let original = load("picture", [40, 24]);
    let bytes = |picture: &Picture| match picture.samples() {
        Samples::U8(values) => values.clone(),
        _ => panic!("the depth stays"),
    };
    for (name, size) in [("57x31", [57, 31]), ("17x24", [17, 24])] {
        let theirs = bytes(&load(name, size));
        let ours = bytes(&resize(&original, size));
        let pairs = ours.iter().zip(&theirs);
        let largest = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(largest <= 1, "{name}: {largest} of 255");
    }
}

/// Other depths, and more channels than the resizer supports, are resized like 8-bit RGB.
#[test]
fn resizing_is_the_same_for_all_depths_and_channels() {
    let picture = coordinates(40, 24);
    let Samples::U8(values) = picture.samples() else {
        panic!("8 bits")
    };
    let expected = resize(&picture, [57, 31]);
    let deep = values.iter().map(|&v| u16::from(v) * 257).collect();
    let deep = resize(&Picture::new([40, 24], 3, Samples::U16(deep)), [57, 31]);
    let many = values
        .as_chunks::<3>()
        .0
        .iter()
        .flat_map(|&[r, g, b]| [r, g, b, r, g, b]);
    let many = many.map(f32::from).collect();
    let many = resize(&Picture::new([40, 24], 6, Samples::F32(many)), [57, 31]);
    for (x, y) in [(0, 0), (30, 12), (56, 30)] {
        for channel in 0..3 {
            let eight = pixel(&expected, x, y)[channel];
            let sixteen = pixel(&deep, x, y)[channel] / 257.0;
            assert!((eight - sixteen).abs() <= 1.0, "{eight} and {sixteen}");
            // floating point is not clipped to 0 and 255
            let float = pixel(&many, x, y)[3 + channel].clamp(0.0, 255.0);
            assert!((eight - float).abs() <= 1.0, "{eight} and {float}");
        }
    }
}

fn alike(picture: Picture) -> Pair {
    Pair {
        name: "both alike".to_string(),
        source: picture.clone(),
        target: picture,
        labels: [false; 2],
        mask: None,
    }
}

#[test]
fn jitter_is_the_same_for_both_pictures_and_follows_the_sample() {
    let config = JitterConfig {
        load_size: Size::square(36),
        crop_size: Size::square(32),
        ..JitterConfig::default()
    };
    let pair = config.load(alike(coordinates(32, 32)));
    let loaded = &pair.source;
    assert_eq!(*loaded, resize(&coordinates(32, 32), [36, 36]));
    let mirrored = loaded.flip_horizontal();
    let (mut mirrors, mut corners) = (0, std::collections::BTreeSet::new());
    for sample in 0..200 {
        let [source, target] = config.vary(&pair, 1, sample);
        assert_eq!(source, target);
        assert_eq!(source, config.vary(&pair, 1, sample)[0]);
        // it is a crop of the loaded picture or of its mirror image
        let found = [loaded, &mirrored].map(|whole| {
            (0..=4)
                .flat_map(|y| (0..=4).map(move |x| [x, y]))
                .find(|&corner| whole.crop(corner, [32, 32]) == source)
        });
        mirrors += usize::from(found[1].is_some());
        corners.extend(found.into_iter().flatten());
    }
    assert!(
        (60..140).contains(&mirrors),
        "{mirrors} of 200 are mirrored"
    );
    assert!(
        corners.len() > 20,
        "{} of 25 corners in 200 samples",
        corners.len()
    );
    assert_ne!(config.vary(&pair, 1, 0)[0], config.vary(&pair, 2, 0)[0]);
    let still = JitterConfig {
        mirror: false,
        crop_size: Size::square(36),
        ..config
    };
    assert_eq!(still.vary(&pair, 1, 3)[0], *loaded);
}

/// Where few pixels have data, a crop has some of them all the same, of pictures and mask alike.
#[test]
fn a_crop_has_pixels_with_data() {
    let (width, height) = (96, 80);
    let pixels = (width * height) as usize;
    let known = [3 + 5 * width, 95 + 79 * width].map(|place| place as usize);
    for (places, resize) in [
        (&known[..], ResizePolicy::Crop),
        (&known[1..], ResizePolicy::Crop),
        (&[], ResizePolicy::Crop),
        (&[], ResizePolicy::RandomResizedCrop),
    ] {
        let mut mask = vec![0; pixels];
        places.iter().for_each(|place| mask[*place] = 255);
        let pair = Pair {
            mask: Some(Picture::new([width, height], 1, Samples::U8(mask))),
            ..alike(coordinates(width, height))
        };
        let config = JitterConfig {
            resize,
            load_size: Size::square(32),
            crop_size: Size::square(16),
            ..JitterConfig::default()
        };
        let mut seen = [0; 2];
        for sample in 0..100 {
            let [source, _] = config.vary(&pair, 1, sample);
            let mask = config.vary_mask(&pair, 1, sample).unwrap();
            assert_eq!(source.size(), mask.size());
            let found = mask.bytes().iter().position(|&byte| byte > 0);
            assert_eq!(found.is_some(), !places.is_empty());
            if let Some(found) = found {
                let at = pixel(&source, found as u32 % 16, found as u32 / 16);
                let place = known.iter().position(|place| {
                    let (x, y) = (*place as u32 % width, *place as u32 / width);
                    at == pixel(&pair.source, x, y)
                });
                seen[place.unwrap()] += 1;
            }
        }
        assert_eq!(
            seen.map(|count| count > 20),
            [0, 1].map(|index| places.contains(&known[index]))
        );
    }
}

/// A straight line stays straight when it is resized, so the pixels of a crop tell which part it shows:
/// pixel i of `crop` lies at corner + (i + 0.5) part / crop - 0.5.
#[test]
fn a_random_resized_crop_shows_parts_from_the_crops_share_to_the_whole() {
    let config = JitterConfig {
        resize: ResizePolicy::RandomResizedCrop,
        load_size: Size([96, 72]),
        crop_size: Size([64, 32]),
        mirror: false,
        ..JitterConfig::default()
    };
    let plane = |width: u32, height: u32| {
        let places = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as f32, y as f32]));
        Picture::new([width, height], 2, Samples::F32(places.collect()))
    };
    // larger than the load size, which it is brought to; and smaller, which keeps its size
    for (given, loaded) in [([192, 144], [96, 72]), ([48, 36], [48, 36])] {
        let stripes =
            RgbImage::from_fn(given[0], given[1], |x, _| Rgb([(x % 4 / 2 * 200) as u8; 3]));
        let pair = config.load(Pair {
            source: plane(given[0], given[1]),
            target: stripes.into(),
            labels: [false, true],
            mask: Some(Picture::new(
                given,
                1,
                Samples::U8(vec![255; (given[0] * given[1]) as usize]),
            )),
            ..alike(coordinates(1, 1))
        });
        assert_eq!(pair.source.size(), loaded);
        let (mut least, mut most) = (f32::MAX, 0.0f32);
        for sample in 0..300 {
            let [source, target] = config.vary(&pair, 1, sample);
            assert_eq!([source.size(), target.size()], [[64, 32]; 2]);
            // labels are never mixed, and nothing known becomes unknown
            assert!(
                target
                    .bytes()
                    .iter()
                    .all(|&value| value == 0 || value == 200)
            );
            let mask = config.vary_mask(&pair, 1, sample).unwrap();
            assert!(mask.bytes().iter().all(|&value| value == 255));
            let shares = [0, 1].map(|axis| {
                let at = |place: [u32; 2]| pixel(&source, place[0], place[1])[axis];
                let crop = [64, 32][axis] as f32;
                // two pixels inside, away from what the borders change
                let [near, far] = [[16, 8], [48, 24]];
                let scale = given[axis] as f32 / loaded[axis] as f32;
                let step = (at(far) - at(near)) / (far[axis] - near[axis]) as f32 / scale;
                let part = step * crop;
                // (a line is straight to a few hundredths of a pixel where it shrinks: Pillow's filter is not exact there)
                assert!((part - part.round()).abs() < 0.1, "{part}");
                let first = (at(near) + 0.5) / scale - (near[axis] as f32 + 0.5) * step;
                assert!((first - first.round()).abs() < 0.1, "{first}");
                assert!(first > -0.1 && first + part < loaded[axis] as f32 + 0.1);
                part / loaded[axis] as f32
            });
            // the whole is 1; the least part is 64 of 96, and 32 of 72
            let place = [
                (shares[0] - 64.0 / 96.0) / (1.0 - 64.0 / 96.0),
                (shares[1] - 32.0 / 72.0) / (1.0 - 32.0 / 72.0),
            ];
            assert!(
                (place[0] - place[1]).abs() < 0.06,
                "{place:?}: one share of both axes"
            );
            (least, most) = (least.min(place[0]), most.max(place[0]));
        }
        assert!(
            least.abs() < 0.05 && (most - 1.0).abs() < 0.05,
            "{least} to {most}"
        );
    }
    // the whole picture at its own size is left as it is
    let still = JitterConfig {
        load_size: Size::square(64),
        crop_size: Size::square(64),
        ..config
    };
    let pair = still.load(alike(coordinates(64, 64)));
    assert_eq!(still.vary(&pair, 1, 3)[0], coordinates(64, 64));
}

/// A square has all eight orientations; other pictures have only half turns.
#[test]
fn mirrors_and_turns_reach_every_position() {
    let config = JitterConfig {
        resize: ResizePolicy::None,
        vertical_mirror: true,
        turn: true,
        ..JitterConfig::default()
    };
    for (size, positions) in [([16, 16], 8), ([16, 20], 4)] {
        let pair = alike(coordinates(size[0], size[1]));
        let mut seen: Vec<Picture> = Vec::new();
        for sample in 0..200 {
            let [source, target] = config.vary(&pair, 3, sample);
            assert_eq!(source, target);
            assert_eq!(source.size(), size);
            if !seen.contains(&source) {
                seen.push(source);
            }
        }
        assert_eq!(seen.len(), positions);
    }
    let picture = coordinates(16, 20);
    assert_eq!(pixel(&picture.turn(1), 19, 0), pixel(&picture, 0, 0)); // clockwise
    assert_eq!(picture.turn(1).turn(3), picture);
}

#[test]
fn color_jitter_changes_values_within_its_bounds_and_follows_the_sample() {
    let config = JitterConfig {
        color: 0.3,
        ..JitterConfig::default()
    };
    let planes = coordinates(16, 16).to_planes([0.0, 255.0]);
    let vary = |config: &JitterConfig, sample| {
        let mut planes = planes.clone();
        config.vary_color(&mut planes, RGB, None, 5, sample);
        planes
    };
    assert_eq!(vary(&config, 1), vary(&config, 1));
    assert_ne!(vary(&config, 1), vary(&config, 2));
    assert_ne!(vary(&config, 1), planes);
    assert!(
        vary(&config, 1)
            .iter()
            .all(|value| (-1.0..=1.0).contains(value))
    );
    assert_eq!(vary(&JitterConfig::default(), 1), planes);
}

/// A picture of one file in red, green and blue.
const RGB: Colors = Colors {
    channels: 3,
    joined: false,
};

/// Planes as the color jitter of a sample leaves them. It is so weak that no value here is clamped.
fn varied(planes: &[f32], colors: Colors, known: Option<&[bool]>, sample: u64) -> Vec<f32> {
    let config = JitterConfig {
        color: 0.1,
        ..JitterConfig::default()
    };
    let mut planes = planes.to_vec();
    config.vary_color(&mut planes, colors, known, 5, sample);
    planes
}

/// Whatever pixels without data are, the others become the same, and they stay.
#[test]
fn color_jitter_leaves_pixels_without_data() {
    let known: Vec<bool> = (0..64).map(|pixel| pixel % 3 > 0).collect();
    let varied = |gap: f32| {
        let values = (0..64 * 3).map(|at| (at % 50) as f32 / 100.0 - 0.25);
        let values = values.zip(known.iter().cycle());
        let planes: Vec<f32> = values
            .map(|(value, known)| if *known { value } else { gap })
            .collect();
        varied(&planes, RGB, Some(&known), 1)
    };
    let (one, other) = (varied(0.0), varied(0.75));
    for (at, (a, b)) in one.iter().zip(&other).enumerate() {
        match known[at % 64] {
            true => assert_eq!(a, b),
            false => assert_eq!([*a, *b], [0.0, 0.75]),
        }
    }
}

#[test]
fn only_red_green_and_blue_have_saturation() {
    let planes: Vec<f32> = (0..64 * 5)
        .map(|at| (at * 7 % 90) as f32 / 100.0 - 0.45)
        .collect();
    // without it, all values move along one line
    let is_line = |channels: usize, joined: bool, sample: u64| {
        let before = &planes[..64 * channels];
        let after = varied(before, Colors { channels, joined }, None, sample);
        let slope = (after[1] - after[0]) / (before[1] - before[0]);
        let mut values = before.iter().zip(&after);
        values.all(|(x, y)| (y - after[0] - slope * (x - before[0])).abs() < 1e-4)
    };
    assert!((1..9).any(|sample| !is_line(3, false, sample)));
    for (channels, joined) in [(1, false), (5, false), (2, true), (3, true), (4, true)] {
        assert!(
            (1..9).all(|sample| is_line(channels, joined, sample)),
            "{channels} {joined}"
        );
    }
}

/// Gray and RGB with opacity become what they become without it.
#[test]
fn color_jitter_leaves_opacity() {
    let planes: Vec<f32> = (0..64 * 3)
        .map(|at| (at % 50) as f32 / 100.0 - 0.25)
        .collect();
    for channels in [1, 3] {
        let of = |channels: usize| Colors {
            channels,
            joined: false,
        };
        let color = &planes[..64 * channels];
        let both = [color, &[0.5; 64][..]].concat();
        let found = varied(&both, of(channels + 1), None, 1);
        let expected = varied(color, of(channels), None, 1);
        assert_eq!(found, [expected, vec![0.5; 64]].concat());
    }
}

#[test]
fn policies_say_what_the_networks_see() {
    let config = |resize| JitterConfig {
        resize,
        multiple: 64,
        ..JitterConfig::default()
    };
    let seen = |resize, size| config(resize).seen(size);
    assert_eq!(seen(ResizePolicy::ScaleAndCrop, [1000, 30]), Ok([256, 256]));
    assert_eq!(
        seen(ResizePolicy::RandomResizedCrop, [1000, 30]),
        Ok([256, 256])
    );
    assert_eq!(seen(ResizePolicy::Crop, [300, 256]), Ok([256, 256]));
    assert!(
        seen(ResizePolicy::Crop, [300, 200])
            .unwrap_err()
            .contains("smaller than `crop_size` 256")
    );
    // 512 wide and 300 high: resized to 256 and 150; the nearest multiple to 150 is 128
    assert_eq!(seen(ResizePolicy::ScaleWidth, [512, 300]), Ok([256, 128]));
    assert_eq!(seen(ResizePolicy::None, [128, 64]), Ok([128, 64]));
    assert!(
        seen(ResizePolicy::None, [130, 64])
            .unwrap_err()
            .contains("128x64")
    );
    let pair = config(ResizePolicy::ScaleWidth).load(alike(coordinates(512, 300)));
    assert_eq!(pair.source.size(), [256, 128]);
}

#[test]
fn an_epoch_takes_every_pair_once_in_an_order_of_its_own() {
    let pairs = earth::earth().train;
    assert_eq!(pairs.len(), 54);
    let first = pairs.order(7, 0);
    let mut sorted = first.clone();
    sorted.sort();
    assert_eq!(sorted, (0..54).collect::<Vec<_>>());
    assert_eq!(first, pairs.order(7, 0));
    assert_ne!(first, pairs.order(7, 1));
    assert_ne!(first, pairs.order(8, 0));
}

/// Near infrared beside RGB, and two pictures of a side: a file of such bands must not say that the last one is an opacity.
#[test]
fn bands_of_aligned_pairs_are_no_opacity() {
    let scratch = tempfile::tempdir().unwrap();
    for (name, channels, format) in [
        ("A1/x.png", 1, Format::Png),
        ("A2/x.png", 1, Format::Png),
        ("B/x.tif", 4, Format::Tiff),
    ] {
        let path = scratch.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let samples = (0..32 * 32 * channels).map(|at| (at % 251) as u8);
        let picture = Picture::new([32, 32], channels, Samples::U8(samples.collect()));
        let bands = Metadata::default().of_amounts();
        picture::write_with(&path, &picture, format, &bands).unwrap();
    }
    let data = Dataset::open(scratch.path(), &Options::default()).unwrap();
    let aligned = data.train.read_aligned(0).unwrap();
    let [(a, of_a, _), (b, of_b, metadata)] = &aligned.sides;
    assert_eq!((a.channels(), *of_a), (2, Format::Tiff));
    let path = scratch.path().join("b.tif");
    picture::write_with(&path, b, *of_b, metadata).unwrap();
    let content = Content::from(path.as_path());
    let header = Header::read(&path, &content, Page::Only).unwrap();
    assert_eq!((header.channels, header.alpha), (4, false));
}

/// A program's own training loop sees the samples of a run with seed 0.
#[test]
fn a_batch_is_that_of_a_run() {
    let (pairs, jitter) = (earth::earth().train, JitterConfig::default());
    let device = Device::flex();
    let [source, target] = pairs.batch(13, 4, &device).unwrap();
    assert_eq!(source.dims(), [2, 3, 256, 256]); // 54 = 13 · 4 + 2
    let order = pairs.order(0, 0);
    for (row, sample) in [52, 53].into_iter().enumerate() {
        let loaded = jitter.load(pairs.read(order[sample]).unwrap());
        let varied = jitter.vary(&loaded, 0, sample as u64);
        for (batch, picture) in [&source, &target].into_iter().zip(varied) {
            let row = batch.clone().narrow(0, row, 1).into_data();
            let expected = picture.to_planes([0.0, 255.0]);
            assert_eq!(row.as_slice::<f32>().unwrap(), expected);
        }
    }
    let [next, _] = pairs.batch(14, 4, &device).unwrap();
    assert_eq!(next.dims(), [4, 3, 256, 256]);
}

#[test]
fn the_embedded_pairs_are_whole() {
    let earth = earth::earth();
    let val = earth.val.unwrap();
    assert_eq!(val.len(), 8);
    for pairs in [&earth.train, &val] {
        let survey = Survey::of(pairs);
        assert!(survey.broken.is_empty());
        assert_eq!(
            survey.domains(&Default::default()).unwrap(),
            [Domain::RGB8; 2]
        );
    }
    assert_eq!(val.read(0).unwrap().source.size(), [256, 256]);
}

/// Archives and manifests with some changed bytes give a data set or an error, never a panic.
#[test]
fn mutated_archives_and_manifests_are_data_sets_or_errors() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures");
    let mut tar = tar::Builder::new(Vec::new());
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for side in ["A", "B"] {
        for name in ["gray8.png", "rgb.jpg", "float.tif"] {
            let path = format!("{side}/{name}");
            tar.append_path_with_name(folder.join(name), &path).unwrap();
            zip.start_file(path, zip::write::SimpleFileOptions::default())
                .unwrap();
            zip.write_all(&std::fs::read(folder.join(name)).unwrap())
                .unwrap();
        }
    }
    let tar = tar.into_inner().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&tar).unwrap();
    let table = "a,b,split\nA/gray8.png,B/gray8.png,train\n\"A/rgb.jpg\",B/rgb.jpg,val\n";
    let lines = "{\"a\": \"A/gray8.png\", \"b\": \"B/gray8.png\", \"split\": \"train\"}\n";
    let options = Options::default();
    let rng = &mut ChaCha8Rng::seed_from_u64(11);
    let mut read = 0;
    for (name, whole, rounds) in [
        ("x.tar", tar, 2000),
        ("x.tar.gz", packed.finish().unwrap(), 500),
        ("x.zip", zip.finish().unwrap().into_inner(), 2000),
        ("x.csv", table.as_bytes().to_vec(), 2000),
        ("x.jsonl", lines.as_bytes().to_vec(), 2000),
    ] {
        for _ in 0..rounds {
            let mut bytes = whole.clone();
            for _ in 0..rng.random_range(1..6) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
            // a quarter of them are also truncated
            bytes.truncate(rng.random_range(0..4 * whole.len()));
            let path = scratch.path().join(name);
            std::fs::write(&path, &bytes).unwrap();
            let data = Dataset::open(&path, &options);
            let checked = data.and_then(|data| survey::checked(data, OnError::Skip));
            if let Ok((data, survey, _)) = checked {
                let _ = survey.domains(&Default::default());
                read += usize::from(data.train.read(0).is_ok());
            }
        }
    }
    assert!(
        read > 500,
        "only {read} mutations were read: the test tests little"
    );
}

/// A picture that is replaced during a run by one of another size ends it with a line, not with a wrong batch.
#[test]
fn a_replaced_picture_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, width: u32, height: u32| {
        let path = folder.path().join(name);
        RgbImage::new(width, height).save(path).unwrap();
    };
    save("a.png", 64, 32);
    save("b.png", 64, 32);
    let data = Dataset::open(folder.path(), &Options::default()).unwrap();
    let pairs = &data.splits[0].1;
    let jitter = |resize| JitterConfig {
        resize,
        crop_size: Size::square(32),
        multiple: 32,
        ..JitterConfig::default()
    };
    let batch = |resize| pairs.batch_with(&jitter(resize), 0, 2, &Device::flex());
    assert!(batch(ResizePolicy::None).is_ok());
    assert!(batch(ResizePolicy::Crop).is_ok());
    // neither a multiple, nor as large as the crop, nor of the batch's size
    for (width, height, resize) in [
        (80, 40, ResizePolicy::None),
        (32, 16, ResizePolicy::Crop),
        (128, 64, ResizePolicy::None),
    ] {
        save("b.png", width, height);
        let said = batch(resize).unwrap_err().to_string();
        assert!(said.contains("replaced since the run began"), "{said}");
    }
}
