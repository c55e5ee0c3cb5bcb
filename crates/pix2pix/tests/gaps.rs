//! Pixels without data: by the tags of files, and by masks.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use image::{GrayImage, Luma};
use pix2pix::data::picture::{
    self, Content, Format, Gaps, Metadata, Page, Picture, Samples, StackWriter, TiffWindows,
};
use pix2pix::data::survey::{self, Forced, OnError};
use pix2pix::data::{
    Classes, Dataset, Domain, JitterConfig, Nodata, Options, Pages, Pairs, ResizePolicy, Values,
    nodata,
};

/// Side of the pictures in pixels.
const SIDE: usize = 16;

/// A picture of one channel with this value of each pixel, by its number.
fn floats(size: [u32; 2], value: impl Fn(usize) -> f32) -> Picture {
    let pixels = size[0] as usize * size[1] as usize;
    Picture::new(size, 1, Samples::F32((0..pixels).map(value).collect()))
}

fn tagged(path: &Path, picture: &Picture, gap: f32) {
    let metadata = Metadata::default().with_nodata(Some(gap));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture::write_with(path, picture, Format::Tiff, &metadata).unwrap();
}

/// The training pairs of a folder in their domains, whose gaps are those of tags, and the values that were found.
fn by_tag(folder: &Path) -> (Pairs, Values) {
    let nodata = [Some(Nodata::Tag); 2];
    let options = Options {
        nodata,
        ..Options::default()
    };
    let data = Dataset::open(folder, &options).unwrap();
    let (data, survey, _) = survey::checked(data, OnError::Stop).unwrap();
    let values = Values::of(&data.train, 9, None);
    let range = [Some([-20.0, 20.0].into()); 2];
    let forced = Forced {
        range,
        nodata,
        ..Forced::default()
    };
    let domains = survey.domains(&forced).unwrap();
    (data.train.in_domains(domains), values)
}

/// The pixels of the first pair without data.
fn gaps(pairs: &Pairs) -> Vec<usize> {
    let pair = pairs.read(0).unwrap();
    let known = pair.known().map_or(Vec::new(), <[u8]>::to_vec);
    let gaps = known.iter().enumerate().filter(|(_, known)| **known == 0);
    gaps.map(|(pixel, _)| pixel).collect()
}

/// The value that one file names for "no data" is data in another.
#[test]
fn each_file_of_a_side_has_a_value_of_its_own() {
    let scratch = tempfile::tempdir().unwrap();
    let size = [SIDE as u32; 2];
    // both have both values
    let picture = floats(size, |pixel| match pixel {
        0..3 => -9.0,
        3..5 => 0.0,
        _ => 1.0,
    });
    for (folder, gap) in [("A1", -9.0), ("A2", 0.0), ("B", -7.0)] {
        tagged(&scratch.path().join(folder).join("x.tif"), &picture, gap);
    }
    let (pairs, values) = by_tag(scratch.path());
    assert_eq!(gaps(&pairs), [0, 1, 2, 3, 4]);
    let bands: Vec<_> = values.0[0]
        .bands()
        .iter()
        .map(|band| band.extremes)
        .collect();
    assert_eq!(bands, [[0.0, 1.0], [-9.0, 1.0]]);
    // a value in all channels that is data in neither
    let aligned = pairs.read_aligned(0).unwrap();
    let [(joined, _, metadata), _] = aligned.sides;
    assert!(metadata.nodata().is_some_and(f32::is_nan));
    let samples = joined.to_floats();
    let places = (0..samples.len()).filter(|place| samples[*place].is_nan());
    assert_eq!(places.collect::<Vec<_>>(), [0, 2, 4, 7, 9]);
}

#[test]
fn the_tag_of_a_side_by_side_file_counts_for_both_halves() {
    let scratch = tempfile::tempdir().unwrap();
    // the second pixel of A, and the third of B
    let both = floats([2 * SIDE as u32, SIDE as u32], |pixel| match pixel {
        1 | 18 => -9.0,
        _ => 0.5,
    });
    tagged(&scratch.path().join("x.tif"), &both, -9.0);
    let (pairs, _) = by_tag(scratch.path());
    assert_eq!(gaps(&pairs), [1, 2]);
}

/// A mask of this name for a pair of two pages, which is then opened.
fn with_mask(scratch: &Path, name: &str, write: impl Fn(&Path)) -> Result<Pairs, String> {
    for folder in ["A", "B"] {
        let path = scratch.join(folder).join("x.tif");
        std::fs::create_dir_all(scratch.join(folder)).unwrap();
        stack(&path, &[0.25, 0.5]);
    }
    let _ = std::fs::remove_dir_all(scratch.join("mask"));
    std::fs::create_dir(scratch.join("mask")).unwrap();
    write(&scratch.join("mask").join(name));
    let options = Options {
        pages: Some(Pages::Each),
        ..Options::default()
    };
    let data = Dataset::open(scratch, &options).map_err(|error| error.to_string())?;
    let checked = survey::checked(data, OnError::Stop);
    checked
        .map(|(data, _, _)| data.train)
        .map_err(|error| error.to_string())
}

/// A TIFF with a page for each of these values, its first pixel 0.
fn stack(path: &Path, values: &[f32]) {
    let mut pages = StackWriter::tiff(path).unwrap();
    for value in values {
        let page = floats([SIDE as u32; 2], |pixel| match pixel {
            0 => 0.0,
            _ => *value,
        });
        pages.write(&page, &Metadata::default()).unwrap();
    }
    pages.finish().unwrap();
}

#[test]
fn a_mask_of_one_page_belongs_to_all() {
    let scratch = tempfile::tempdir().unwrap();
    for values in [&[1.0][..], &[1.0, 1.0]] {
        let pairs = with_mask(scratch.path(), "x.tif", |path| stack(path, values)).unwrap();
        for page in 0..2 {
            let pair = pairs.read(page).unwrap();
            let known = pair.known().unwrap();
            assert_eq!((known[0], known[1]), (0, 255));
        }
    }
    let said = with_mask(scratch.path(), "x.tif", |path| stack(path, &[1.0; 3])).err();
    let said = said.unwrap();
    assert!(said.contains("3 pages, but its partner"), "{said}");
}

/// Beside an edge, black is not 0 in a JPEG.
#[test]
fn a_mask_in_a_jpeg_is_black_and_white() {
    let scratch = tempfile::tempdir().unwrap();
    let is_known = |x: u32, y: u32| x < 5 || y < 3;
    let mask = GrayImage::from_fn(SIDE as u32, SIDE as u32, |x, y| {
        Luma([255 * u8::from(is_known(x, y))])
    });
    let pairs = with_mask(scratch.path(), "x.jpg", |path| mask.save(path).unwrap()).unwrap();
    let pair = pairs.read(0).unwrap();
    let known = pair.known().unwrap().iter();
    let expected = mask.enumerate_pixels().map(|(x, y, _)| is_known(x, y));
    assert!(known.map(|known| *known > 0).eq(expected));
}

/// Programs that draw write alpha, which is opaque everywhere.
#[test]
fn alpha_of_a_mask_is_no_data() {
    let scratch = tempfile::tempdir().unwrap();
    for channels in [2, 4] {
        let mut samples = [0, 0, 0, 255][4 - channels..].to_vec();
        samples.extend(vec![255; channels * (SIDE * SIDE - 1)]);
        let mask = Picture::new([SIDE as u32; 2], channels, Samples::U8(samples));
        let write = |path: &Path| {
            let path: PathBuf = path.into();
            picture::write_with(&path, &mask, Format::Png, &Metadata::default()).unwrap();
        };
        let pairs = with_mask(scratch.path(), "x.png", write).unwrap();
        let pair = pairs.read(1).unwrap();
        assert_eq!(
            pair.known()
                .unwrap()
                .iter()
                .filter(|known| **known == 0)
                .count(),
            1
        );
    }
}

/// GDAL's usual value of 64-bit floats, which 32 bits do not hold.
#[test]
fn voids_of_64_bits_are_left_out_by_their_tag() {
    let scratch = tempfile::tempdir().unwrap();
    let samples: Vec<f64> = (0..SIDE * SIDE)
        .map(|pixel| match pixel {
            0 => f64::MIN,
            _ => 0.5,
        })
        .collect();
    let write = |tag: Option<&str>| {
        for folder in ["A", "B"] {
            std::fs::create_dir_all(scratch.path().join(folder)).unwrap();
            let file = std::fs::File::create(scratch.path().join(folder).join("x.tif")).unwrap();
            let mut file = tiff::encoder::TiffEncoder::new(file).unwrap();
            let mut image = file
                .new_image::<tiff::encoder::colortype::Gray64Float>(SIDE as u32, SIDE as u32)
                .unwrap();
            if let Some(tag) = tag {
                let code = tiff::tags::Tag::GdalNodata;
                image.encoder().write_tag(code, tag).unwrap();
            }
            image.write_data(&samples).unwrap();
        }
    };
    let refused = || {
        let data = Dataset::open(scratch.path(), &Options::default()).unwrap();
        let refused = survey::checked(data, OnError::Stop).err().unwrap();
        refused.to_string()
    };
    write(None);
    let said = refused();
    let reason = "some of its values are infinite, or too large for 32-bit floats; ";
    let remedy = "if they say that a pixel has no data, give `nodata` -inf; otherwise";
    assert!(said.contains(reason) && said.contains(remedy), "{said}");
    write(Some("-1.7976931348623157e+308"));
    let said = refused();
    assert!(said.contains(reason), "{said}");
    assert!(said.ends_with("give `nodata` tag"), "{said}");
    let (pairs, _) = by_tag(scratch.path());
    assert_eq!(gaps(&pairs), [0]);
}

/// The second band of a TIFF is no alpha unless the file says so.
#[test]
fn bands_of_a_mask_count() {
    let scratch = tempfile::tempdir().unwrap();
    let mut samples = vec![0, 255, 0, 0];
    samples.resize(2 * SIDE * SIDE, 255);
    let mask = Picture::new([SIDE as u32; 2], 2, Samples::U8(samples));
    let write = |path: &Path| picture::write(path, &mask, Format::Tiff).unwrap();
    let pairs = with_mask(scratch.path(), "x.tif", write).unwrap();
    let pair = pairs.read(0).unwrap();
    assert_eq!(pair.known().unwrap()[..3], [255, 0, 255]);
}

/// A pair of these pictures, and a mask that covers their first two pixels.
fn covered(scratch: &Path, a: &Picture, b: &Picture) -> Dataset {
    let mask = Picture::new([SIDE as u32; 2], 1, {
        let known = (0..SIDE * SIDE).map(|pixel| 255 * u8::from(pixel >= 2));
        Samples::U8(known.collect())
    });
    for (folder, picture) in [("A", a), ("B", b), ("mask", &mask)] {
        let path = scratch.join(folder).join("x.tif");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture::write_with(&path, picture, Format::Tiff, &Metadata::default()).unwrap();
    }
    Dataset::open(scratch, &Options::default()).unwrap()
}

/// What a mask covers is no value of the pictures: neither for the ranges that are found, nor for the survey. The source
/// is seen by the network all the same, and has no NaN.
#[test]
fn values_under_a_mask_are_not_surveyed() {
    let scratch = tempfile::tempdir().unwrap();
    let size = [SIDE as u32; 2];
    let [plain, a, b] = [[0.5, 0.5], [-9999.0, 7.0], [f32::NAN, 9.0]].map(|first| {
        floats(size, |pixel| match pixel {
            0 | 1 => first[pixel],
            _ => pixel as f32 / 256.0,
        })
    });
    let data = covered(scratch.path(), &a, &b);
    let (data, survey, _) = survey::checked(data, OnError::Stop).unwrap();
    assert!(survey.domains(&Forced::default()).is_ok());
    let values = Values::of(&data.train, 9, None);
    for side in &values.0 {
        assert_eq!(side.bands()[0].extremes, [2.0 / 256.0, 255.0 / 256.0]);
    }
    let refused = survey::checked(covered(scratch.path(), &b, &plain), OnError::Stop);
    assert!(refused.err().unwrap().to_string().contains("(NaN)"));
}

#[test]
fn a_target_under_a_mask_may_be_of_no_class() {
    let scratch = tempfile::tempdir().unwrap();
    let ids = |first: u8| {
        let ids = (0..SIDE * SIDE).map(|pixel| match pixel {
            0 => first,
            pixel => (pixel % 2) as u8,
        });
        Picture::new([SIDE as u32; 2], 1, Samples::U8(ids.collect()))
    };
    for (a, b, is_read) in [(0, 200, true), (200, 0, false)] {
        let data = covered(scratch.path(), &ids(a), &ids(b));
        let (data, survey, _) = survey::checked(data, OnError::Stop).unwrap();
        let forced = Forced {
            labels: [Some(Classes::Numbered(2)), Some(Classes::Numbered(2))],
            ..Forced::default()
        };
        let pairs = data.train.in_domains(survey.domains(&forced).unwrap());
        assert_eq!(pairs.read(0).is_ok(), is_read, "{a} in A, {b} in B");
    }
}

/// A pair without any data teaches nothing: the next one takes its place.
#[test]
fn pairs_without_data_are_passed_over() {
    let scratch = tempfile::tempdir().unwrap();
    let write = |name: &str, value: f32, known: u8| {
        let picture = floats([SIDE as u32; 2], |_| value);
        let mask = Samples::U8(vec![known; SIDE * SIDE]);
        let mask = Picture::new([SIDE as u32; 2], 1, mask);
        for (folder, picture) in [("A", &picture), ("B", &picture), ("mask", &mask)] {
            let path = scratch.path().join(folder).join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            picture::write_with(&path, picture, Format::Tiff, &Metadata::default()).unwrap();
        }
    };
    write("empty.tif", 0.25, 0);
    write("full.tif", 1.0, 255);
    let jitter = JitterConfig {
        resize: ResizePolicy::None,
        multiple: 16,
        ..JitterConfig::default()
    };
    let batch = || {
        let data = Dataset::open(scratch.path(), &Options::default()).unwrap();
        data.train.batch_with(&jitter, 0, 2, &Device::flex())
    };
    let [_, target] = batch().unwrap();
    let (least, most) = (target.clone().min(), target.max());
    assert_eq!(least.into_scalar::<f32>(), most.into_scalar::<f32>());
    write("full.tif", 1.0, 0);
    let refused = batch().unwrap_err().to_string();
    assert!(
        refused.contains("no pixel with data is left of it"),
        "{refused}"
    );
}

/// A raster of 16x16 pixels that rasterio wrote (`tools/make_gap_fixtures.py`): the first column has no data.
fn raster(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/gaps")
        .join(name)
}

/// These rasters; the number in each one's tag, the value of the same pixels as they are read, and whether they are floats then.
const RASTERS: [(&str, f32, f32, bool); 6] = [
    // 0 and 1 are values of other colors
    ("palette.tif", 0.0, 2.0, false),
    ("palette_tiled.tif", 0.0, 2.0, false),
    ("bits4.tif", 15.0, 255.0, false),
    ("white_is_zero.tif", 0.0, 255.0, false),
    ("long.tif", u32::MAX as f32, u32::MAX as f32, true),
    ("nan.tif", -9999.0, -9999.0, true),
];

/// A data set whose only pair is this raster twice.
fn twice(scratch: &Path, name: &str, nodata: [Option<Nodata>; 2]) -> Dataset {
    for folder in ["A", "B"] {
        std::fs::create_dir_all(scratch.join(folder)).unwrap();
        std::fs::copy(raster(name), scratch.join(folder).join("x.tif")).unwrap();
    }
    let options = Options {
        nodata,
        ..Options::default()
    };
    Dataset::open(scratch, &options).unwrap()
}

/// The first column, and in one raster the last pixel of the first row, which is NaN.
fn expected_gaps(name: &str) -> Vec<usize> {
    let is_gap =
        |pixel: &usize| pixel.is_multiple_of(SIDE) || name == "nan.tif" && *pixel == SIDE - 1;
    (0..SIDE * SIDE).filter(is_gap).collect()
}

/// Reading converts samples: indices become colors, few bits are stretched, and 0 for white is inverted.
#[test]
fn a_tag_is_one_of_stored_samples() {
    for (name, _, _, are_floats) in RASTERS {
        let scratch = tempfile::tempdir().unwrap();
        let nodata = [Some(Nodata::Tag); 2];
        let data = twice(scratch.path(), name, nodata);
        let (data, survey, _) = survey::checked(data, OnError::Stop).unwrap();
        let forced = Forced {
            range: [are_floats.then(|| [0.0, 9.0].into()); 2],
            nodata,
            ..Forced::default()
        };
        let pairs = data.train.in_domains(survey.domains(&forced).unwrap());
        assert_eq!(gaps(&pairs), expected_gaps(name), "{name}");
    }
}

/// As translation, the server and the calibration of 8 bits read it.
#[test]
fn a_tag_is_found_in_pictures_and_in_windows() {
    for (name, tag, value, _) in RASTERS {
        let path = raster(name);
        let content = Content::from(path.as_path());
        let (plain, _) = picture::decode_page(&path, &content, Page::Only).unwrap();
        let channels = plain.channels();
        let metadata = Metadata::read(&content, Format::Tiff, Page::Only, channels);
        assert_eq!(metadata.nodata(), Some(value), "{name}");
        assert_eq!(metadata.nodata_tag(), Some(tag), "{name}");
        let domain = Domain {
            channels,
            nodata: Some(Nodata::Tag),
            ..Domain::RGB8
        };
        let marked = picture::decode_pages(&path, &content, &[Page::Only], Some(&domain));
        let (marked, _) = marked.unwrap();
        let mask = domain.mask(&marked, value).unwrap();
        let found = (0..SIDE * SIDE).filter(|pixel| mask.bytes()[*pixel] == 0);
        assert_eq!(found.collect::<Vec<_>>(), expected_gaps(name));
        // what has data is as it was
        let [plain, marked] =
            [plain, marked].map(|picture| nodata::filled(&picture, &mask, &[0.0; 3]));
        assert_eq!(plain, marked, "{name}");
        let windows = TiffWindows::open(&path, Page::Only).unwrap().unwrap();
        let windows = windows.marked(Gaps::All);
        let window = windows.window([0, 3], [7, 5]).unwrap();
        assert_eq!(
            nodata::mask(&window, &[Some(value); 3]),
            Some(mask.crop([0, 3], [7, 5]))
        );
    }
}

/// Class ids of 4 bits are not stretched to 8, and neither is what says that they have no data.
#[test]
fn a_tag_is_one_of_class_ids() {
    let (scratch, name) = (tempfile::tempdir().unwrap(), "bits4.tif");
    let nodata = [None, Some(Nodata::Tag)];
    let data = twice(scratch.path(), name, nodata);
    let (data, survey, _) = survey::checked(data, OnError::Stop).unwrap();
    let forced = Forced {
        labels: [None, Some(Classes::Numbered(4))],
        nodata,
        ..Forced::default()
    };
    let domains = survey.domains(&forced).unwrap();
    let ids = domains[1].clone();
    assert_eq!(gaps(&data.train.in_domains(domains)), expected_gaps(name));
    // as translation knows them
    let path = raster(name);
    let content = Content::from(path.as_path());
    let metadata = Metadata::read(&content, Format::Tiff, Page::Only, 1).in_domain(&ids);
    assert_eq!(metadata.nodata(), Some(15.0));
    let at = (&content, Format::Tiff, Page::Only);
    let gap_in = |domain| Metadata::gap_of(Some(Nodata::Tag), at, 1, domain);
    assert_eq!(gap_in(Some(&ids)), Some(15.0));
    assert_eq!(gap_in(None), Some(255.0));
}

/// Where nobody has said how pixels without data are known, the number of the tag is told.
#[test]
fn what_files_name_is_told_as_they_name_it() {
    for (name, said) in [
        ("palette.tif", "6.2% of the values of A are 0, which"),
        ("bits4.tif", "6.2% of the values of A are 15, which"),
        ("white_is_zero.tif", "6.2% of the values of A are 0, which"),
        ("long.tif", "6.2% of the values of A are 4294967295, which"),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let data = twice(scratch.path(), name, [None; 2]);
        let values = Values::of(&data.train, 9, None);
        let advice = values.0[0].gaps_advice("A", "nodata[0]").unwrap();
        assert!(advice.starts_with(said), "{name}: {advice}");
        let sides = data.train.read_sides_and_gaps(0).unwrap();
        assert!(sides.iter().all(|(_, gap)| gap.is_some()), "{name}");
    }
    let scratch = tempfile::tempdir().unwrap();
    let data = twice(scratch.path(), "palette_whole.tif", [None; 2]);
    let sides = data.train.read_sides_and_gaps(0).unwrap();
    assert!(sides.iter().all(|(_, gap)| gap.is_none()));
}

/// By tags, NaN is no data beside the number that a file names; otherwise it is refused.
#[test]
fn not_a_number_counts_beside_a_tag() {
    let scratch = tempfile::tempdir().unwrap();
    let refused = survey::checked(twice(scratch.path(), "nan.tif", [None; 2]), OnError::Stop);
    let said = refused.err().unwrap().to_string();
    let remedy = "if NaN says that a pixel has no data, as -9999 does, which the file names, give `nodata` tag";
    assert!(said.ends_with(remedy), "{said}");
    let value = [Some(Nodata::Value(-9999.0)); 2];
    let refused = survey::checked(twice(scratch.path(), "nan.tif", value), OnError::Stop);
    let said = refused.err().unwrap().to_string();
    assert!(said.contains("give `nodata` nan"), "{said}");
}
