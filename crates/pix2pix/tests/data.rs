//! Pictures, pairs, jitter and the order of an epoch.

use std::path::Path;

use burn::tensor::Device;
use image::{Rgb, RgbImage};
use pix2pix::jitter::{JitterConfig, resize};
use pix2pix::pair::{self, Direction, Pair};
use pix2pix::{earth, picture};
use safetensors::SafeTensors;

/// A picture whose pixels tell where they are.
fn coordinates(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, (x ^ y) as u8]))
}

#[test]
fn a_pair_is_split_in_both_directions() {
    let both = coordinates(80, 30);
    let path = Path::new("some/N64.4E016.3.jpg");
    let forward = pair::split(path, &both, Direction::AToB).unwrap();
    let back = pair::split(path, &both, Direction::BToA).unwrap();
    assert_eq!(forward.name, "N64.4E016.3");
    assert_eq!(forward.source.dimensions(), (40, 30));
    assert_eq!(forward.source.get_pixel(5, 7), both.get_pixel(5, 7));
    assert_eq!(forward.target.get_pixel(5, 7), both.get_pixel(45, 7));
    assert_eq!(
        (&back.source, &back.target),
        (&forward.target, &forward.source)
    );
}

#[test]
fn pictures_survive_the_way_into_a_tensor_and_back() {
    let pictures = [coordinates(20, 16), coordinates(20, 16)];
    let tensor = picture::to_tensor(&[&pictures[0], &pictures[1]], &Device::flex());
    assert_eq!(tensor.dims(), [2, 3, 16, 20]);
    let data = tensor.clone().into_data();
    let values = data.as_slice::<f32>().unwrap();
    assert_eq!(values[0], -1.0); // 0 of 255
    assert_eq!(values[16 * 20 + 20], 1.0 / 127.5 - 1.0); // the green plane, second row: 1 of 255
    assert_eq!(picture::from_tensor(tensor), pictures);
}

/// Pillow's bicubic filter, which the public ports use, made the fixture; ours may round otherwise.
#[test]
fn resizing_agrees_with_pillow() {
    let fixture = SafeTensors::deserialize(include_bytes!("fixtures/resize.safetensors")).unwrap();
    let load = |name: &str, width, height| {
        let view = fixture.tensor(name).unwrap();
        RgbImage::from_raw(width, height, view.data().to_vec()).unwrap()
    };
    let original = load("picture", 40, 24);
    for (name, width, height) in [("57x31", 57, 31), ("17x24", 17, 24)] {
        let theirs = load(name, width, height);
        let ours = resize(&original, width, height);
        let pairs = ours.as_raw().iter().zip(theirs.as_raw());
        let largest = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(largest <= 1, "{name}: {largest} of 255");
    }
}

#[test]
fn jitter_is_the_same_for_both_pictures_and_follows_the_sample() {
    let picture = coordinates(64, 64);
    let pair = Pair {
        name: "both alike".to_string(),
        source: picture.clone(),
        target: picture,
    };
    let config = JitterConfig {
        load_size: 72,
        crop_size: 64,
        mirror: true,
    };
    let loaded = resize(&pair.source, 72, 72);
    let mirrored = image::imageops::flip_horizontal(&loaded);
    let (mut mirrors, mut corners) = (0, std::collections::BTreeSet::new());
    for sample in 0..200 {
        let (source, target) = config.apply(&pair, 1, sample);
        assert_eq!(source, target);
        assert_eq!(source, config.apply(&pair, 1, sample).0);
        // it is a crop of the loaded picture or of its mirror image
        let found = [&loaded, &mirrored].map(|whole| {
            (0..=8)
                .flat_map(|y| (0..=8).map(move |x| (x, y)))
                .find(|&(x, y)| {
                    source
                        .enumerate_pixels()
                        .all(|(i, j, p)| whole.get_pixel(x + i, y + j) == p)
                })
        });
        mirrors += usize::from(found[1].is_some());
        corners.extend(found.into_iter().flatten());
    }
    assert!(
        (60..140).contains(&mirrors),
        "{mirrors} of 200 are mirrored"
    );
    assert!(
        corners.len() > 60,
        "{} of 81 corners in 200 samples",
        corners.len()
    );
    assert_ne!(config.apply(&pair, 1, 0).0, config.apply(&pair, 2, 0).0);
    let still = JitterConfig {
        mirror: false,
        crop_size: 72,
        ..config
    };
    assert_eq!(still.apply(&pair, 1, 3).0, loaded);
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

#[test]
fn the_embedded_pairs_are_whole() {
    let earth = earth::earth();
    let val = earth.val.unwrap();
    assert_eq!(val.len(), 8);
    earth.train.check().unwrap();
    val.check().unwrap();
    assert_eq!(val.read(0).unwrap().source.dimensions(), (256, 256));
}
