//! Picture files of every kind, written by Pillow, tifffile and NumPy (`tools/make_picture_fixtures.py`): decoding,
//! encoding, and damaged files.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use pix2pix::data::Domain;
use pix2pix::data::picture::{
    self, Content, Depth, Format, Header, Metadata, Page, Picture, Samples, StackWriter,
    TiffWindows,
};
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
    let header = Header::read(Path::new(name), &bytes(name).into(), Page::Only).unwrap();
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

/// Files of many pages are kept open, until they change.
#[test]
fn a_stack_that_was_replaced_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stack.tif");
    for (version, count) in [(0u8, 20u8), (100, 20), (50, 18)] {
        let mut file = StackWriter::tiff(&path).unwrap();
        let page = |index: u8| Picture::new([16, 16], 1, Samples::U8(vec![version + index; 256]));
        for index in 0..count {
            file.write(&page(index), &Metadata::default()).unwrap();
        }
        file.finish().unwrap();
        // as long as the file before; clocks of file systems are coarse
        let written = std::fs::File::options().append(true).open(&path).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(version.into());
        written.set_modified(time).unwrap();
        let content = Content::from(path.as_path());
        assert_eq!(picture::pages(&content), usize::from(count));
        for index in [3, 17, 3] {
            let read = picture::decode_page(&path, &content, Page::At(index.into()));
            assert_eq!(read.unwrap().0, page(index));
        }
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
fn jpegs_of_two_color_models_and_of_a_turned_camera() {
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
    let content = bytes("turned.jpg").into();
    let header = Header::read(Path::new("turned.jpg"), &content, Page::Only).unwrap();
    assert_eq!(header.size, [16, 24]);
    for (index, value) in numbers(&turned).into_iter().enumerate() {
        let exact = slope(index / 3 / 16, index % 3);
        assert!((value - exact).abs() <= 8.0, "{value} instead of {exact}");
    }
}

/// As in Pillow 12: EXIF turns a picture if it stands before the first scan, also behind the frame's header.
#[test]
fn exif_stands_before_the_scans() {
    let file = bytes("turned.jpg");
    let length = |at: usize| 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
    let find = |kind: u8| {
        let mut at = 2;
        while file[at + 1] != kind {
            at += length(at);
        }
        at
    };
    let (exif, scan) = (find(0xe1), find(0xda));
    let (exif, behind) = (exif..exif + length(exif), exif + length(exif));
    let end = file.len() - 2;
    for (place, size) in [(scan, [16, 24]), (end, [24, 16])] {
        let moved = [
            &file[..exif.start],
            &file[behind..place],
            &file[exif.clone()],
            &file[place..],
        ];
        let (path, moved) = (Path::new("moved.jpg"), moved.concat());
        let picture = picture::decode(path, &moved).unwrap();
        let header = Header::read(path, &moved.into(), Page::Only).unwrap();
        assert_eq!([header.size, picture.size()], [size, size]);
    }
}

#[test]
fn tiffs_of_every_kind() {
    check("big.tif", 3, Depth::U16, 257.0, 0.0);
    check("big_endian.tif", 3, Depth::F32, 1.0 / 255.0, 0.0);
    check("planar_tiles.tif", 3, Depth::U8, 1.0, 0.0);
    check("zstd.tif", 3, Depth::U8, 1.0, 0.0);
    check("near_infrared.tif", 4, Depth::U8, 1.0, 0.0);
    check("bands6.tif", 6, Depth::U16, 257.0, 0.0);
    check("white_is_zero.tif", 1, Depth::U8, 1.0, 0.0);
    check("orientation6.tif", 3, Depth::U8, 1.0, 0.0);
    check("palette.tif", 3, Depth::U8, 1.0, 0.0);
    check("palette_low.tif", 3, Depth::U8, 1.0, 0.0);
    check("pyramid.tif", 3, Depth::U8, 1.0, 0.0);
    check("map.tif", 3, Depth::U8, 1.0, 0.0);
    assert_eq!(
        decode("lzw_constant.tif").samples(),
        &Samples::U8(vec![7; 24 * 16])
    );
    // 12 bits keep their values
    let twelve = decode("bits12.tif");
    assert_eq!(twelve.depth(), Depth::U16);
    for (index, value) in numbers(&twelve).into_iter().enumerate() {
        let exact = (u32::from(expected(index % 24, index / 24, 0)) * 257) >> 4;
        assert_eq!(value, exact as f32, "at {index}");
    }
    // 16-bit floats have 11 significant bits
    for name in ["half.tif", "half.npy"] {
        let half = decode(name);
        assert_eq!((half.channels(), half.depth()), (3, Depth::F32), "{name}");
        for (index, value) in numbers(&half).into_iter().enumerate() {
            let (pixel, channel) = (index / 3, index % 3);
            let exact = f32::from(expected(pixel % 24, pixel / 24, channel)) / 255.0;
            assert!(
                (value - exact).abs() < 3e-4,
                "{name}: {value} instead of {exact}"
            );
        }
    }
}

#[test]
fn arrays_in_fortran_order() {
    check("fortran.npy", 3, Depth::U8, 1.0, 0.0);
}

/// A window of a file is that part of the picture, whatever its strips, tiles and orientation.
#[test]
fn windows_are_parts_of_the_picture() {
    for name in [
        "planar_tiles.tif",
        "orientation6.tif",
        "big.tif",
        "ycbcr.tif",
    ] {
        let whole = decode(name);
        let file = TiffWindows::open(&folder().join(name), Page::Only)
            .unwrap()
            .unwrap();
        assert_eq!(file.header().size, [24, 16]);
        for ([x, y], size) in [([0, 0], [24, 16]), ([5, 3], [11, 12]), ([23, 15], [1, 1])] {
            let window = file.window([x, y], size).unwrap();
            assert_eq!(window, whole.crop([x, y], size), "{name}");
        }
    }
}

/// Several pages are refused, or read as asked.
#[test]
fn pages_are_read_as_asked() {
    for name in ["pages.tif", "imagej.tif", "microscope.ome.tif"] {
        let refused = picture::decode(Path::new(name), &bytes(name))
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("it has 3 pages; choose with `pages`"),
            "{refused}"
        );
        let content = bytes(name).into();
        assert_eq!(picture::pages(&content), 3);
        let read = |page| {
            picture::decode_page(Path::new(name), &content, page)
                .unwrap()
                .0
        };
        for page in 0..3 {
            let one = read(Page::At(page));
            assert_eq!(one.channels(), 1);
            for (index, value) in numbers(&one).into_iter().enumerate() {
                assert_eq!(
                    value,
                    f32::from(expected(index % 24, index / 24, page)),
                    "{name}"
                );
            }
        }
        assert_eq!(read(Page::Channels), decode("rgb8.tif"));
    }
    assert_eq!(picture::pages(&bytes("pyramid.tif").into()), 1);
    assert_eq!(picture::pages(&bytes("rgb8.png").into()), 1);
}

/// Pages of one file can hold different samples: 16-bit integers beside 16-bit floats.
#[test]
fn each_page_has_its_own_samples() {
    let name = "mixed_pages.tif";
    let content = bytes(name).into();
    let read = |page| picture::decode_page(Path::new(name), &content, page);
    for (page, depth, unit, allowed) in [
        (0, Depth::U16, 257.0, 0.0),
        (1, Depth::F32, 1.0 / 255.0, 3e-4),
    ] {
        let (picture, _) = read(Page::At(page)).unwrap();
        assert_eq!((picture.channels(), picture.depth()), (1, depth));
        for (index, value) in numbers(&picture).into_iter().enumerate() {
            let exact = f32::from(expected(index % 24, index / 24, page)) * unit;
            assert!(
                (value - exact).abs() <= allowed,
                "{value} instead of {exact}"
            );
        }
    }
    let error = read(Page::Channels).unwrap_err().to_string();
    assert!(
        error.contains("pages of different sizes or samples"),
        "{error}"
    );
}

/// JPEG by the letter of its standard: scans of single components in any order, and more chroma than luma.
#[test]
fn jpegs_with_unusual_scans_and_sampling() {
    for name in ["scans.jpg", "low_luma.jpg", "ycbcr.tif"] {
        for (index, value) in numbers(&decode(name)).into_iter().enumerate() {
            let exact = (10 * (index / 3 % 24) + 4 * (index % 3)) as f32;
            assert!(
                (value - exact).abs() <= 12.0,
                "{name}: {value} instead of {exact}"
            );
        }
    }
}

/// What follows the end of a picture, stray bytes and a wrong length field do not make it broken.
#[test]
fn whole_pictures_with_something_odd_are_read() {
    let jpeg = bytes("rgb.jpg");
    let behind = |bytes: &[u8], count| [bytes, &vec![0; count]].concat();
    let video = [&jpeg[..], b"\0\0\0\x18ftypmp42", &[0x5a; 300_000]].concat();
    let quantization = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xdb])
        .unwrap();
    let stray = [&jpeg[..quantization], &[0, 0x12], &jpeg[quantization..]].concat();
    let filled = [&jpeg[..quantization], &[0xff; 3], &jpeg[quantization..]].concat();
    for (name, odd) in [
        ("zeros.jpg", behind(&jpeg, 200_000)),
        ("motion.jpg", video),
        ("stray.jpg", stray),
        ("filled.jpg", filled),
    ] {
        let read = picture::decode(Path::new(name), &odd).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(read, decode("rgb.jpg"), "{name}");
    }
    for name in ["rgb8.png", "rgb8.webp", "rgb8.bmp"] {
        let read = picture::decode(Path::new(name), &behind(&bytes(name), 100_000)).unwrap();
        assert_eq!(read, decode(name), "{name}");
    }
    for said in [0, 2, 1_000_000] {
        let mut odd = bytes("rgb8.bmp");
        odd[2..6].copy_from_slice(&u32::to_le_bytes(said));
        assert_eq!(
            picture::decode(Path::new("x.bmp"), &odd).unwrap(),
            decode("rgb8.bmp")
        );
    }
}

/// What is not read is refused by its name, with a remedy.
#[test]
fn other_kinds_are_refused_by_name() {
    let start = |bytes: &[u8]| [bytes, &[0; 200]].concat();
    for (name, file, words) in [
        (
            "arithmetic.jpg",
            bytes("arithmetic.jpg"),
            ["arithmetic coding", "jpegtran"],
        ),
        (
            "complex.tif",
            bytes("complex.tif"),
            ["complex numbers", "magnitude"],
        ),
        (
            "fax.tif",
            bytes("fax.tif"),
            ["CCITT fax compression", "LZW"],
        ),
        (
            "channels_first.npy",
            bytes("channels_first.npy"),
            ["(3, 16, 24), channels first", "moveaxis"],
        ),
        (
            "x.jpg",
            start(b"\0\0\0\x18ftypheic"),
            ["HEIC", "convert it to PNG"],
        ),
        ("x.jpg", start(b"\0\0\0\x20ftypavif"), ["AVIF", "convert"]),
        ("x.jpg", start(b"\xff\x0a"), ["JPEG XL", "convert"]),
        (
            "x.png",
            start(b"\0\0\0\x0cJXL \r\n\x87\n"),
            ["JPEG XL", "convert"],
        ),
        ("x.png", start(b"GIF89a"), ["GIF", "convert"]),
        (
            "x.png",
            [vec![0; 128], b"DICM".to_vec()].concat(),
            ["DICOM", "dcm2niix"],
        ),
        ("x.tif", start(b"8BPS\0\x01"), ["Photoshop", "convert"]),
        ("x.png", vec![], ["empty", "replace"]),
    ] {
        let error = picture::decode(Path::new(name), &file)
            .unwrap_err()
            .to_string();
        for word in words {
            assert!(error.contains(word), "{word} is not in {error}");
        }
    }
}

/// The place on the map, the resolution and the profile go from one file to another.
#[test]
fn metadata_is_taken_over() {
    let scratch = tempfile::tempdir().unwrap();
    let taken = |from: &str, to: &str, format: Format| {
        let content = bytes(from).into();
        let (picture, read) = picture::decode_page(Path::new(from), &content, Page::Only).unwrap();
        let metadata = Metadata::read(&content, read, Page::Only, picture.channels());
        let path = scratch.path().join(to);
        picture::write_with(&path, &picture, format, &metadata).unwrap();
        path
    };
    let mut map =
        tiff::decoder::Decoder::new(File::open(taken("map.tif", "map.tif", Format::Tiff)).unwrap())
            .unwrap();
    let mut numbers = |tag| map.get_tag_f64_vec(tiff::tags::Tag::Unknown(tag)).unwrap();
    assert_eq!(numbers(33550), [0.5, 0.5, 0.0]);
    assert_eq!(numbers(33922), [0.0, 0.0, 0.0, 10.0, 50.0, 0.0]);
    let keys = map
        .get_tag_u16_vec(tiff::tags::Tag::Unknown(34735))
        .unwrap();
    assert_eq!(keys[12..], [2048, 0, 1, 4326]);
    let nodata = map
        .get_tag_ascii_string(tiff::tags::Tag::Unknown(42113))
        .unwrap();
    assert_eq!(nodata.trim_end_matches('\0'), "-9999");
    let resolution = map.get_tag(tiff::tags::Tag::XResolution).unwrap();
    assert_eq!(resolution, tiff::decoder::ifd::Value::Rational(300, 1));

    for from in ["profile.png", "profile.jpg"] {
        let path = taken(from, "profile.png", Format::Png);
        let reader = png::Decoder::new(BufReader::new(File::open(path).unwrap()))
            .read_info()
            .unwrap();
        // 300 dots per inch
        assert_eq!(reader.info().pixel_dims.unwrap().xppu, 11811, "{from}");
        let profile = reader.info().icc_profile.as_ref().unwrap();
        assert_eq!(&profile[36..40], b"acsp", "{from}");
        let path = taken(from, "profile.tif", Format::Tiff);
        let mut file = tiff::decoder::Decoder::new(File::open(path).unwrap()).unwrap();
        let resolution = file.get_tag(tiff::tags::Tag::XResolution).unwrap();
        assert_eq!(
            resolution,
            tiff::decoder::ifd::Value::Rational(30000, 100),
            "{from}"
        );
        assert_eq!(
            file.get_tag_u8_vec(tiff::tags::Tag::IccProfile).unwrap()[36..40],
            *b"acsp"
        );
    }
    // a profile of colors does not describe gray
    let content = bytes("profile.png").into();
    let metadata = Metadata::read(&content, Format::Png, Page::Only, 3);
    let path = scratch.path().join("gray.png");
    picture::write_with(&path, &decode("gray8.png"), Format::Png, &metadata).unwrap();
    let reader = png::Decoder::new(BufReader::new(File::open(path).unwrap()))
        .read_info()
        .unwrap();
    assert!(reader.info().icc_profile.is_none());

    // a microscope's pixel size stays, its number of pages does not
    for (name, words, gone) in [
        ("imagej.tif", vec!["unit=um"], "channels="),
        (
            "microscope.ome.tif",
            vec!["PhysicalSizeX=\"0.25\"", "SizeC=\"1\""],
            "SizeC=\"3\"",
        ),
    ] {
        let content = bytes(name).into();
        let metadata = Metadata::read(&content, Format::Tiff, Page::Channels, 3);
        let path = scratch.path().join("one.tif");
        picture::write_with(&path, &decode("gray8.png"), Format::Tiff, &metadata).unwrap();
        let mut file = tiff::decoder::Decoder::new(File::open(path).unwrap()).unwrap();
        let text = file
            .get_tag_ascii_string(tiff::tags::Tag::ImageDescription)
            .unwrap();
        for word in words {
            assert!(text.contains(word), "{word} is not in {text}");
        }
        assert!(!text.contains(gone), "{text}");
    }
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
    // in PNG, the last one of two or four channels is the opacity
    for (format, channels, expected) in [
        (Format::Jpeg, 1, Format::Png),
        (Format::Png, 2, Format::Tiff),
        (Format::Png, 3, Format::Png),
        (Format::WebP, 4, Format::Tiff),
        (Format::Npy, 4, Format::Npy),
    ] {
        assert_eq!(format.for_bands(channels, Depth::U8), expected);
    }
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
            let is_read = survives(&name, cut);
            // only its smaller page is cut
            let is_whole = || {
                name == "pyramid.tif"
                    && picture::decode(Path::new(&name), cut).unwrap() == decode(&name)
            };
            assert!(
                !is_read || is_whole(),
                "{name} cut at {fiftieths}/50 was read"
            );
        }
    }
}

/// In two halves, which run side by side.
#[test]
fn mutated_files_give_pictures_or_errors_and_never_a_panic() {
    mutate(7);
}

#[test]
fn other_mutated_files_give_pictures_or_errors_and_never_a_panic() {
    mutate(8);
}

/// Seeded, so that a failure is reproducible. The number of mutations makes this take seconds here, and up to a minute
/// on a slow machine.
fn mutate(seed: u64) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let fixtures = fixtures();
    let mut read = 0;
    for round in 0..400_000 {
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
        read > 25_000,
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
    let text = "{'descr': '|u1', 'fortran_order': False, 'shape': (16, 16385), }";
    npy.extend_from_slice(format!("{text:<117}\n").as_bytes());
    npy.resize(npy.len() + 16 * 16385, 0);
    let error = picture::decode(Path::new("long.npy"), &npy).unwrap_err();
    let told = "long.npy: 16385x16 pixels with 1 channel are too large";
    assert!(error.to_string().contains(told), "{error}");

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

/// Of an animation, one frame would be read without a word.
#[test]
fn animations_are_refused() {
    let png = bytes("rgb8.png");
    let with_frames = |count: u32| {
        let mut chunk = b"acTL".to_vec();
        chunk.extend(count.to_be_bytes());
        chunk.extend([0; 4]);
        let checksum = crc32(&chunk).to_be_bytes();
        // behind the signature and the header
        let (start, rest) = png.split_at(33);
        [start, &8u32.to_be_bytes(), &chunk, &checksum, rest].concat()
    };
    let parts = |kind: &[u8; 4], count: usize| {
        let part = [&kind[..], &4u32.to_le_bytes(), &[0; 4]].concat();
        let all = [&b"WEBP"[..], &part.repeat(count)].concat();
        [&b"RIFF"[..], &(all.len() as u32).to_le_bytes(), &all].concat()
    };
    for (name, file) in [("x.png", with_frames(3)), ("x.webp", parts(b"ANMF", 3))] {
        let error = picture::decode(Path::new(name), &file).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("with 3 frames (an animation)"), "{error}");
    }
    let still = picture::decode(Path::new("x.png"), &with_frames(1));
    assert_eq!(still.unwrap(), decode("rgb8.png"));
}

/// Each part of a file takes time and memory, however few bytes it has.
#[test]
fn files_of_too_many_parts_are_refused() {
    let png = bytes("rgb8.png");
    let chunks = |kind: &[u8; 4], content: &[u8], count: usize| {
        let checked = [&kind[..], content].concat();
        let length = (content.len() as u32).to_be_bytes();
        let chunk = [&length[..], &checked, &crc32(&checked).to_be_bytes()].concat();
        // behind the signature and the header
        let (start, rest) = png.split_at(33);
        [start, &chunk.repeat(count), rest].concat()
    };
    let jpeg = bytes("rgb.jpg");
    let comments = |count: usize| {
        let (start, rest) = jpeg.split_at(2);
        [start, &b"\xff\xfe\0\x02".repeat(count), rest].concat()
    };
    let webp = bytes("rgb8.webp");
    let parts = |count: usize| {
        let canvas = b"VP8X\x0a\0\0\0\0\0\0\0\x17\0\0\x0f\0\0"; // of 24x16 pixels
        let part = b"abcd\0\0\0\0";
        let body = [&b"WEBP"[..], canvas, &part.repeat(count), &webp[12..]].concat();
        [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
    };
    let pixels = 24 * 16;
    for (name, right, wrong, what) in [
        (
            "rgb8.png",
            chunks(b"tEXt", b"x\0y", 9_980),
            chunks(b"tEXt", b"x\0y", 10_001),
            "chunks",
        ),
        (
            "rgb8.png",
            chunks(b"abCd", b"", 9_980),
            chunks(b"abCd", b"", 10_001),
            "chunks",
        ),
        // and one more with samples, which the picture has
        (
            "rgb8.png",
            chunks(b"IDAT", b"", 10_000 + pixels - 1),
            chunks(b"IDAT", b"", 10_000 + pixels),
            "chunks",
        ),
        ("rgb8.webp", parts(9_980), parts(10_001), "chunks"),
        ("rgb.jpg", comments(9_980), comments(10_001), "segments"),
    ] {
        let read = picture::decode(Path::new(name), &right);
        assert_eq!(read.unwrap_or_else(|e| panic!("{e}")), decode(name));
        let error = picture::decode(Path::new(name), &wrong).unwrap_err();
        let told = format!("with more than 10000 {what} is not read");
        assert!(error.to_string().contains(&told), "{error}");
    }
}

#[test]
fn a_file_of_too_many_pages_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stack.tif");
    let mut file = StackWriter::tiff(&path).unwrap();
    let page = Picture::new([16, 16], 1, Samples::U8(vec![7; 256]));
    for _ in 0..10_001 {
        file.write(&page, &Metadata::default()).unwrap();
    }
    file.finish().unwrap();
    let error = picture::decode_page(&path, &path.as_path().into(), Page::At(0)).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("more than 10000 pages"), "{error}");
    assert!(
        error.contains("split it into files of fewer pages"),
        "{error}"
    );
}

/// The indices of a palette, and the palette, are written as they were.
#[test]
fn palettes_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (name, path) = (Path::new("palette.png"), folder.path().join("x.png"));
    let content: Content = bytes("palette.png").into();
    let indices = picture::indices(name, &content, Page::Only)
        .unwrap()
        .unwrap();
    let metadata = Metadata::default().with_palette(&content);
    picture::write_with(&path, &indices, Format::Png, &metadata).unwrap();
    let written = Content::from(path.as_path());
    let found = picture::indices(&path, &written, Page::Only).unwrap();
    assert_eq!(found, Some(indices));
    assert_eq!(picture::read(&path).unwrap().0, decode("palette.png"));
    let plain: Content = bytes("rgb8.png").into();
    assert_eq!(picture::indices(name, &plain, Page::Only).unwrap(), None);
}

/// A fourth band is the opacity only where a TIFF file says so.
#[test]
fn bands_are_no_opacity() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("rgba.tif");
    picture::write(&path, &decode("rgba8.png"), Format::Tiff).unwrap();
    for (content, expected) in [
        (bytes("near_infrared.tif").into(), false),
        (Content::from(path.as_path()), true),
        (bytes("rgba8.png").into(), true),
    ] {
        let header = Header::read(Path::new("x"), &content, Page::Only).unwrap();
        assert_eq!((header.channels, header.alpha), (4, expected));
    }
}
