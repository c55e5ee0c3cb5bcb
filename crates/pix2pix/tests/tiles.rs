//! Translation in tiles, compared with translation in one pass.

use burn::tensor::Device;
use image::{Rgb, RgbImage};
use pix2pix::data::Domain;
use pix2pix::data::picture::{self, Picture, Samples};
use pix2pix::model::{NormStatistics, Tiles, translate_in_tiles};
use pix2pix::network::{Generator, Noise, UnetConfig, WeightInit};

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
    let tiles = Tiles {
        side: 64,
        overlap,
        statistics,
    };
    let noise = || Noise::seeded(5, 0);
    translate_in_tiles(
        &generator(),
        picture,
        [Domain::RGB8; 2],
        &tiles,
        None,
        &noise,
        &Device::flex(),
    )
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
