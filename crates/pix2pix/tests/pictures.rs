//! Picture files of every kind, written by Pillow, tifffile and NumPy (`tools/make_picture_fixtures.py`): decoding,
//! encoding, and damaged files.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use pix2pix::data::Domain;
use pix2pix::data::picture::{self, Depth, Format, Header, Picture, Samples};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

fn decode(name: &str) -> Picture {
    picture::decode(Path::new(name), &bytes(name)).unwrap()
}

/// The value of the fixtures' sample at a position, in 8 bits.
fn expected(x: usize, y: usize, channel: usize) -> u8 {
    ((7 * x + 13 * y + 29 * channel) % 256) as u8
}

/// Samples of any depth as floats.
fn numbers(picture: &Picture) -> Vec<f32> {
    match picture.samples() {
        Samples::U8(v) => v.iter().copied().map(f32::from).collect(),
        Samples::U16(v) => v.iter().copied().map(f32::from).collect(),
        Samples::F32(v) => v.clone(),
    }
}

/// Checks every sample against the formula, scaled by the file's `unit` from its `zero`.
fn check(name: &str, channels: usize, depth: Depth, unit: f32, zero: f32) {
    let picture = decode(name);
    assert_eq!(
        (picture.size(), picture.channels(), picture.depth()),
        ([24, 16], channels, depth),
        "{name}"
    );
    let header = Header::read(Path::new(name), &mut Cursor::new(bytes(name))).unwrap();
    assert_eq!(
        (header.size, header.channels, header.depth),
        ([24, 16], channels, depth),
        "the header of {name}"
    );
    for (index, value) in numbers(&picture).into_iter().enumerate() {
        let (pixel, channel) = (index / channels, index % channels);
        let exact = f32::from(expected(pixel % 24, pixel / 24, channel)) * unit + zero;
        assert!(
            (value - exact).abs() <= 1e-6,
            "{name}: {value} instead of {exact}"
        );
    }
}

#[test]
fn lossless_pictures_of_every_depth_and_number_of_channels() {
    check("gray8.png", 1, Depth::U8, 1.0, 0.0);
    check("la8.png", 2, Depth::U8, 1.0, 0.0);
    check("rgb8.png", 3, Depth::U8, 1.0, 0.0);
    check("rgba8.png", 4, Depth::U8, 1.0, 0.0);
    check("gray16.png", 1, Depth::U16, 257.0, 0.0);
    check("palette.png", 3, Depth::U8, 1.0, 0.0);
    check("rgb8.bmp", 3, Depth::U8, 1.0, 0.0);
    check("rgb8.webp", 3, Depth::U8, 1.0, 0.0);
    check("rgb8.tif", 3, Depth::U8, 1.0, 0.0);
    check("gray16.tif", 1, Depth::U16, 257.0, 0.0);
    check("float.tif", 1, Depth::F32, 1.0 / 255.0, 0.0);
    check("bands5.tif", 5, Depth::U16, 257.0, 0.0);
    check("planar5.tif", 5, Depth::F32, 1.0 / 255.0, 0.0);
    check("signed16.tif", 1, Depth::F32, 257.0, -32768.0);
    check("gray8.npy", 1, Depth::U8, 1.0, 0.0);
    check("rgb16.npy", 3, Depth::U16, 257.0, 0.0);
    check("float6.npy", 6, Depth::F32, 1.0 / 255.0, 0.0);
    check("double.npy", 1, Depth::F32, 1.0 / 255.0, 0.0);
}

/// Within JPEG's error for a slope of 10 a pixel; the conversion to CMYK and back adds no error.
#[test]
fn jpegs_of_two_colour_models_and_of_a_turned_camera() {
    let slope = |x: usize, channel: usize| (10 * x + 4 * channel) as f32;
    for name in ["rgb.jpg", "cmyk.jpg"] {
        let picture = decode(name);
        assert_eq!(
            (picture.size(), picture.channels()),
            ([24, 16], 3),
            "{name}"
        );
        for (index, value) in numbers(&picture).into_iter().enumerate() {
            let exact = slope(index / 3 % 24, index % 3);
            assert!(
                (value - exact).abs() <= 8.0,
                "{name}: {value} instead of {exact}"
            );
        }
    }
    // EXIF says to turn clockwise by a quarter, so columns become rows
    let turned = decode("turned.jpg");
    assert_eq!(turned.size(), [16, 24]);
    let header = Header::read(
        Path::new("turned.jpg"),
        &mut Cursor::new(bytes("turned.jpg")),
    )
    .unwrap();
    assert_eq!(header.size, [16, 24]);
    for (index, value) in numbers(&turned).into_iter().enumerate() {
        let exact = slope(index / 3 / 16, index % 3);
        assert!((value - exact).abs() <= 8.0, "{value} instead of {exact}");
    }
}

#[test]
fn an_array_in_fortran_order_is_refused_with_a_remedy() {
    let error = picture::decode(Path::new("fortran.npy"), &bytes("fortran.npy")).unwrap_err();
    assert!(error.to_string().contains("ascontiguousarray"), "{error}");
}

/// Pictures are unchanged after writing and reading, in 16 bits and floating point too.
#[test]
fn what_is_written_is_what_is_read() {
    let scratch = tempfile::tempdir().unwrap();
    for (from, formats) in [
        ("gray8.png", vec![Format::Png, Format::Tiff, Format::Npy]),
        ("la8.png", vec![Format::Png, Format::Tiff, Format::Npy]),
        ("rgba8.png", vec![Format::Png, Format::Tiff, Format::Npy]),
        ("gray16.png", vec![Format::Png, Format::Tiff, Format::Npy]),
        ("rgb16.npy", vec![Format::Png, Format::Tiff, Format::Npy]),
        ("float.tif", vec![Format::Tiff, Format::Npy]),
        ("bands5.tif", vec![Format::Tiff, Format::Npy]),
        ("float6.npy", vec![Format::Tiff, Format::Npy]),
    ] {
        let before = decode(from);
        for format in formats {
            assert_eq!(format.for_result(before.channels(), before.depth()), format);
            let path = scratch.path().join(format!("x.{}", format.extension()));
            picture::write(&path, &before, format).unwrap();
            let (after, read) = picture::read(&path).unwrap();
            assert_eq!(read, format);
            assert_eq!(after, before, "{from} as {format}");
        }
    }
    assert_eq!(Format::Jpeg.for_result(3, Depth::U8), Format::Png);
    assert_eq!(Format::Png.for_result(5, Depth::U8), Format::Tiff);
    assert_eq!(Format::WebP.for_result(1, Depth::F32), Format::Tiff);
}

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|name| (name.clone(), bytes(&name)))
        .collect()
}

/// Any bytes give a picture within the bounds or an error that names the file.
fn survives(name: &str, bytes: &[u8]) -> bool {
    match picture::decode(Path::new(name), bytes) {
        Ok(picture) => {
            let [width, height] = picture.size();
            assert!(u64::from(width) * u64::from(height) <= picture::MAX_PIXELS);
            // the steps after decoding must accept the picture too
            let planes = picture.to_planes(Domain::default().range_of(picture.depth()));
            assert_eq!(
                planes.len(),
                width as usize * height as usize * picture.channels()
            );
            true
        }
        Err(error) => {
            assert!(error.to_string().starts_with(name), "{error}");
            false
        }
    }
}

#[test]
fn a_file_cut_short_anywhere_is_an_error() {
    for (name, whole) in fixtures() {
        for fiftieths in 0..50 {
            let cut = &whole[..whole.len() * fiftieths / 50];
            assert!(
                !survives(&name, cut),
                "{name} cut at {fiftieths}/50 was read"
            );
        }
    }
}

/// Seeded, so that a failure is reproducible. The number of mutations makes this take seconds here, and up to a minute
/// on a slow machine.
#[test]
fn mutated_files_give_pictures_or_errors_and_never_a_panic() {
    let rng = &mut ChaCha8Rng::seed_from_u64(7);
    let fixtures = fixtures();
    let mut read = 0;
    for round in 0..800_000 {
        let (name, whole) = &fixtures[round % fixtures.len()];
        let mut bytes = whole.clone();
        for _ in 0..rng.random_range(1..8) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[at] = rng.random(),
                1 => bytes[at] ^= 1 << rng.random_range(0..8),
                2 => bytes[at] = [0, 0xff, 0x7f, 0x80][rng.random_range(0..4)],
                // copy a run of bytes from another place
                _ => {
                    let length = rng.random_range(1..9).min(bytes.len() - at);
                    let from = rng.random_range(0..=bytes.len() - length);
                    bytes.copy_within(from..from + length, at);
                }
            }
        }
        read += usize::from(survives(name, &bytes));
    }
    assert!(
        read > 50_000,
        "only {read} mutations were read: the test tests little"
    );
}

/// A header with more pixels than fit in memory is refused before any memory is allocated.
#[test]
fn a_decompression_bomb_is_refused_by_its_header() {
    let mut png = bytes("rgb8.png");
    for side in [16, 20] {
        png[side..side + 4].copy_from_slice(&60_000u32.to_be_bytes());
    }
    let checksum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    let error = picture::decode(Path::new("bomb.png"), &png)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("bomb.png: 60000x60000 pixels with 3 channels are too large"),
        "{error}"
    );

    let mut npy = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    let text =
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776, 1099511627776, 3), }";
    npy.extend_from_slice(format!("{text:<117}\n").as_bytes());
    let error = picture::decode(Path::new("bomb.npy"), &npy)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("bomb.npy: "), "{error}");
}

/// The CRC-32 of PNG (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
