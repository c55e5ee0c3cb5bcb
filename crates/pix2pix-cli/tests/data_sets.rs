//! Data sets in every layout: the binary in a scratch folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use image::{DynamicImage, GrayImage, ImageBuffer, Luma, imageops};
use pix2pix::data::picture::{self, Content, Format, Header, Metadata, Page, Picture, Samples};

use crate::common::{self, SMALL, Scratch, names, pair};

/// Writes two folders of pictures that are paired by file name, in different formats.
fn two_folders(scratch: &Scratch, a: &str, b: &str, count: u32) {
    for (folder, left, ending) in [(a, 0, "jpg"), (b, 48, "png")] {
        fs::create_dir_all(scratch.path(folder)).unwrap();
        for index in 0..count {
            let half = imageops::crop_imm(&pair(96, 40, index), left, 0, 48, 40).to_image();
            half.save(scratch.path(folder).join(format!("photo{index}.{ending}")))
                .unwrap();
        }
    }
}

#[test]
fn two_folders_are_matched_by_name_in_every_form() {
    for (a, b) in [
        ("data/A", "data/B"),
        ("data/trainA", "data/trainB"),
        ("data/train/A", "data/train/B"),
        ("data/A/train", "data/B/train"),
    ] {
        let scratch = Scratch::new();
        two_folders(&scratch, a, b, 3);
        let said = scratch.trained("data", "");
        assert!(
            said.contains("two folders, A and B, matched by name"),
            "{said}"
        );
        assert!(said.contains("3 pairs to train on"), "{said}");
    }
    let scratch = Scratch::new();
    two_folders(&scratch, "data/trainA", "data/trainB", 3);
    two_folders(&scratch, "data/valA", "data/valB", 2);
    assert!(
        scratch
            .trained("data", "")
            .contains("3 pairs to train on, 2 held out")
    );
}

#[test]
fn every_picture_without_a_partner_is_named() {
    let scratch = Scratch::new();
    two_folders(&scratch, "data/A", "data/B", 3);
    fs::rename(
        scratch.path("data/A/photo1.jpg"),
        scratch.path("data/A/other.jpg"),
    )
    .unwrap();
    let output = scratch.run(&format!("train data --out run --steps 1 {SMALL}"));
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(line.lines().count(), 1, "{line}");
    for word in [
        "2 pictures without a partner",
        "data/A/other.jpg",
        "data/B/photo1.png",
        "--on-error skip",
    ] {
        assert!(line.contains(word), "{word} is not in {line}");
    }
    let said = scratch.trained("data", "--on-error skip");
    assert!(
        said.contains("skipped: data/A/other.jpg: no partner"),
        "{said}"
    );
    assert!(said.contains("0 broken and 2 unmatched"), "{said}");
    assert!(said.contains("2 pairs to train on"), "{said}");
}

/// Where no name says what is a pair, `--match` would do nothing.
#[test]
fn patterns_of_names_are_for_two_folders() {
    let scratch = Scratch::new();
    two_folders(&scratch, "data/A", "data/B", 2);
    fs::create_dir(scratch.path("pairs")).unwrap();
    pair(128, 64, 0).save(scratch.path("pairs/0.png")).unwrap();
    let line = "A/photo0.jpg,B/photo0.png\n";
    fs::write(scratch.path("data/list.csv"), line).unwrap();
    for data in ["pairs", "data/list.csv", "earth"] {
        let output = scratch.run(&format!("inspect {data} --match *_x *_y"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("--match is for pictures in folders A/ and B/"),
            "{said}"
        );
    }
    scratch.ok("inspect data --match photo* photo*");
}

#[test]
fn sizes_of_a_pair_must_agree() {
    let scratch = Scratch::new();
    two_folders(&scratch, "data/A", "data/B", 2);
    pair(80, 40, 0)
        .save(scratch.path("data/B/photo1.png"))
        .unwrap();
    let output = scratch.run(&format!("train data --out run --steps 1 {SMALL}"));
    let line = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        line.contains(
            "data/B/photo1.png: 80x40 pixels, but its partner data/A/photo1.jpg has 48x40"
        ),
        "{line}"
    );
}

#[test]
fn manifests_name_pairs_and_splits() {
    let scratch = Scratch::new();
    two_folders(&scratch, "data/photos", "data/labels", 4);
    let line = |index: u32, split: &str| {
        format!("photos/photo{index}.jpg,labels/photo{index}.png,{split}\n")
    };
    let csv = format!(
        "input,target,split\n{}{}{}",
        line(0, "train"),
        line(1, "train"),
        line(2, "val")
    );
    fs::write(scratch.path("data/pairs.csv"), csv).unwrap();
    // given by its path, or found in the folder
    for data in ["data/pairs.csv", "data"] {
        let said = scratch.trained(data, "");
        assert!(said.contains("the pairs of data/pairs.csv"), "{said}");
        assert!(said.contains("2 pairs to train on, 1 held out"), "{said}");
    }
    let json: String = (0..4)
        .map(|i| format!("{{\"a\": \"photos/photo{i}.jpg\", \"b\": \"labels/photo{i}.png\"}}\n"))
        .collect();
    fs::write(scratch.path("data/list.jsonl"), json).unwrap();
    assert!(
        scratch
            .trained("data/list.jsonl", "")
            .contains("4 pairs to train on, none held out")
    );

    // the keys are the names of a table's columns; what they lead to is checked
    for (line, wrong) in [
        (
            r#"{"Image": "photos/photo0.jpg", "label": ["labels/photo0.png"], "set": "train"}"#,
            None,
        ),
        (
            r#"{"source": "photos/photo0.jpg", "mask": "labels/photo0.png", "split": null}"#,
            None,
        ),
        (
            r#"{"a": "photos/photo0.jpg"}"#,
            Some("line 1: it has no picture of B"),
        ),
        (
            r#"{"a": "photos/photo0.jpg", "b": 7}"#,
            Some("\"b\" is 7, not a path or a list of paths"),
        ),
    ] {
        fs::write(scratch.path("data/keys.jsonl"), line).unwrap();
        match wrong {
            None => {
                let said = scratch.trained("data/keys.jsonl", "");
                assert!(said.contains("1 pair to train on"), "{said}");
            }
            Some(wrong) => {
                let output = scratch.run(&format!(
                    "train data/keys.jsonl --out again --steps 1 {SMALL}"
                ));
                let said = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(1), "{said}");
                assert!(
                    said.contains(wrong) && said.contains(r#"{"a": "1.png""#),
                    "{said}"
                );
            }
        }
    }

    // without a header line, and with a line that is not a pair
    fs::write(
        scratch.path("data/bare.csv"),
        format!("{}photos/photo1.jpg\n", line(0, "")),
    )
    .unwrap();
    let output = scratch.run(&format!(
        "train data/bare.csv --out again --steps 1 {SMALL}"
    ));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("data/bare.csv: line 2: column 2 is empty; complete or remove the line, or"),
        "{said}"
    );
    let told = "data/bare.csv: line 2: column 2 is empty\n";
    let said = scratch.ok("inspect data/bare.csv --on-error skip");
    assert!(said.contains(&format!("unmatched: {told}")), "{said}");
    let said = scratch.trained("data/bare.csv", "--on-error skip");
    assert!(said.contains(&format!("skipped: {told}")), "{said}");
    assert!(said.contains("skipped: 0 broken and 1 unmatched"), "{said}");
    assert!(said.contains("1 pair to train on"), "{said}");
    fs::write(scratch.path("data/bad.csv"), line(0, "holdout")).unwrap();
    let output = scratch.run(&format!("train data/bad.csv --out again --steps 1 {SMALL}"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("line 1: \"holdout\" is not a split"));
    // the error names a missing file
    fs::write(
        scratch.path("data/gone.csv"),
        "photos/none.jpg,labels/photo0.png\n",
    )
    .unwrap();
    let output = scratch.run(&format!(
        "train data/gone.csv --out again --steps 1 {SMALL}"
    ));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("photos/none.jpg: cannot read the picture"),
        "{said}"
    );
}

fn tar_of(folder: &Path, target: impl std::io::Write) {
    let mut tar = tar::Builder::new(target);
    tar.append_dir_all("set", folder).unwrap();
    tar.into_inner().unwrap().flush().unwrap();
}

#[test]
fn archives_are_read_in_place() {
    let scratch = Scratch::new();
    scratch.pairs("data/train", 3);
    scratch.pairs("data/val", 1);
    let folder = scratch.path("data");
    tar_of(&folder, File::create(scratch.path("set.tar")).unwrap());
    let gz = GzEncoder::new(
        File::create(scratch.path("set.tar.gz")).unwrap(),
        Compression::fast(),
    );
    tar_of(&folder, gz);
    let mut zip = zip::ZipWriter::new(File::create(scratch.path("set.zip")).unwrap());
    for split in ["train", "val"] {
        for name in names(&folder.join(split)) {
            let options = zip::write::SimpleFileOptions::default();
            zip.start_file(format!("set/{split}/{name}"), options)
                .unwrap();
            std::io::Write::write_all(&mut zip, &fs::read(folder.join(split).join(name)).unwrap())
                .unwrap();
        }
    }
    zip.finish().unwrap();
    scratch.trained("data", "--seed 3");
    let metrics = |scratch: &Scratch| {
        let text = fs::read_to_string(scratch.path("run/metrics.jsonl")).unwrap();
        let losses = text
            .lines()
            .map(|line| line.split("\"d_real\"").nth(1).unwrap().to_string());
        losses.collect::<Vec<_>>()
    };
    let expected = metrics(&scratch);
    for archive in ["set.tar", "set.tar.gz", "set.zip"] {
        let said = scratch.trained(archive, "--seed 3");
        assert!(said.contains("3 pairs to train on, 1 held out"), "{said}");
        assert_eq!(metrics(&scratch), expected, "{archive}");
        // damaged archives are errors
        let whole = fs::read(scratch.path(archive)).unwrap();
        fs::write(scratch.path(archive), &whole[..whole.len() / 2]).unwrap();
        let output = scratch.run(&format!("train {archive} --out again --steps 1 {SMALL}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{archive}: {said}");
        assert!(
            said.contains(archive) && said.lines().count() == 1,
            "{said}"
        );
    }
}

/// The pictures that calibrate 8 bits may lie in an archive, as those of training; what has none is told in words that fit.
#[test]
fn eight_bits_are_calibrated_on_an_archive_too() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    scratch.trained("data", "");
    let archive = File::create(scratch.path("set.tar")).unwrap();
    tar_of(&scratch.path("data"), archive);
    let said = scratch.ok("export run --out g.onnx --int8 set.tar");
    assert!(said.contains("on 3 pictures"), "{said}");
    fs::create_dir(scratch.path("empty")).unwrap();
    for (given, reason) in [
        ("empty", "contains no picture"),
        ("nowhere", "no such folder"),
        ("g.onnx", "a file, not a folder"),
    ] {
        let output = scratch.run(&format!("export run --out other.onnx --int8 {given}"));
        let said = String::from_utf8_lossy(&output.stderr);
        let wanted = format!("error: {given}: {reason}; --int8 takes a folder or an archive of");
        assert!(said.starts_with(&wanted), "{said}");
        assert!(!scratch.path("other.onnx").exists());
    }
}

#[test]
fn a_share_is_held_out_by_the_seed() {
    let scratch = Scratch::new();
    scratch.pairs("data", 10);
    assert!(
        scratch
            .trained("data", "--val-fraction 0.3")
            .contains("7 pairs to train on, 3 held out")
    );
    let config = fs::read_to_string(scratch.path("run/config.toml")).unwrap();
    assert!(config.contains("val_fraction = 0.3"), "{config}");
    let output = scratch.run(&format!("train data --out again --val-fraction 1 {SMALL}"));
    assert_eq!(output.status.code(), Some(2));
    scratch.pairs("split/train", 2);
    scratch.pairs("split/val", 1);
    let output = scratch.run(&format!(
        "train split --out again --val-fraction 0.5 {SMALL}"
    ));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("the data set already has held-out pairs"),
        "{said}"
    );
}

/// A picture of 48x40 pixels with these values of its pixels, one for each channel.
fn banded(channels: usize, value: impl Fn(usize) -> Vec<u8>) -> Picture {
    let values: Vec<u8> = (0..48 * 40).flat_map(value).collect();
    Picture::new([48, 40], channels, Samples::U8(values))
}

/// Two bands of radar are no gray and opacity: one stray file of one band must not cost all others theirs.
#[test]
fn a_band_is_dropped_for_alpha_alone() {
    let scratch = Scratch::new();
    two_folders(&scratch, "other/A", "data/B", 3);
    fs::create_dir(scratch.path("data/A")).unwrap();
    let gray = banded(1, |at| vec![at as u8]);
    let two = banded(2, |at| vec![at as u8, (at / 7) as u8]);
    let write = |index: usize, picture: &Picture, format: Format| {
        let path = scratch.path(&format!("data/A/photo{index}.{}", format.extension()));
        picture::write(&path, picture, format).unwrap();
        path
    };
    write(0, &gray, Format::Tiff);
    let bands = [1, 2].map(|index| write(index, &two, Format::Tiff));
    let output = scratch.run("inspect data --sheet sheet.png");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let wanted = "the pictures of A have from 1 to 2 channels, which are not gray, color and alpha; remove some or give \
                  --channels-a";
    assert!(said.contains(wanted), "{said}");
    let reads = |options: &str| {
        let said = scratch.ok(&format!("inspect data --sheet sheet.png --force {options}"));
        let line = said.lines().find(|line| line.starts_with("training reads"));
        line.unwrap().to_string()
    };
    let of_gray = "training reads A as 1 channel, 8-bit and B as 3 channels, 8-bit";
    assert_eq!(reads("--channels-a 1"), of_gray);
    // gray and opacity
    for (index, path) in [1, 2].into_iter().zip(bands) {
        fs::remove_file(path).unwrap();
        write(index, &two, Format::Png);
    }
    assert_eq!(reads(""), of_gray);
}

/// Opaque is 255, whatever the pictures are.
#[test]
fn ranges_are_found_without_alpha_that_is_dropped() {
    let scratch = Scratch::new();
    two_folders(&scratch, "other/A", "data/B", 4);
    fs::create_dir(scratch.path("data/A")).unwrap();
    let shade = |at: usize| (at % 80 + 1) as u8;
    let reads = |few: &Picture, one: &Picture| {
        for index in 0..4 {
            let picture = if index == 2 { one } else { few };
            let path = scratch.path(&format!("data/A/photo{index}.png"));
            picture::write(&path, picture, Format::Png).unwrap();
        }
        scratch.ok("inspect data --range-a auto --sheet sheet.png --force")
    };
    let said = reads(
        &banded(1, |at| vec![shade(at)]),
        &banded(2, |at| vec![shade(at), 255]),
    );
    assert!(
        said.contains("reads A as 1 channel, 8-bit from 1 to 80 "),
        "{said}"
    );
    let said = reads(
        &banded(3, |at| vec![shade(at); 3]),
        &banded(4, |at| [vec![shade(at); 3], vec![255]].concat()),
    );
    assert!(
        said.contains("reads A as 3 channels, 8-bit from 1 to 80 "),
        "{said}"
    );
    assert!(!said.contains("A, channel 4"), "{said}");
    for line in [
        "A: 3 channels, 8-bit, PNG (pictures: 3)",
        "A: 4 channels, 8-bit, PNG with alpha (pictures: 1)",
    ] {
        assert!(said.contains(line), "{said}");
    }
}

/// As an opacity, the last of four deviations, which are near 0, would hide the picture.
#[test]
fn a_deviation_of_four_channels_can_be_seen() {
    let scratch = Scratch::new();
    two_folders(&scratch, "data/A", "data/B", 2);
    for index in 0..2 {
        fs::remove_file(scratch.path(&format!("data/B/photo{index}.png"))).unwrap();
        let values = (0..4 * 48 * 40).map(|at| (at % 251) as u8).collect();
        let picture = Picture::new([48, 40], 4, Samples::U8(values));
        let file = scratch.path(&format!("data/B/photo{index}.npy"));
        picture::write(&file, &picture, Format::Npy).unwrap();
    }
    scratch.trained("data", "");
    scratch.ok("translate run data/A/photo0.jpg --out out --samples 2");
    let deviation = scratch.path("out/photo0-deviation.tif");
    assert_eq!(picture::read(&deviation).unwrap().0.channels(), 4);
    let content = Content::from(deviation.as_path());
    let header = Header::read(&deviation, &content, Page::Only).unwrap();
    assert!(!header.alpha);
}

/// Gray 16-bit pictures train a one-channel network, and outputs are gray 16-bit pictures that use more than 8 bits.
#[test]
fn depth_and_channels_are_kept_from_the_files_to_the_result() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("data")).unwrap();
    let deep = |seed: u32| {
        DynamicImage::ImageLuma16(ImageBuffer::from_fn(96, 48, |x, y| {
            Luma([(x * 601 + y * 331 + seed * 1009) as u16])
        }))
    };
    for seed in 0..2 {
        deep(seed)
            .save(scratch.path(&format!("data/{seed}.png")))
            .unwrap();
    }
    let said = scratch.trained("data", "--range 0,60000");
    assert!(
        said.contains("A: 1 channel, 16-bit from 0 to 60000; B: 1 channel, 16-bit"),
        "{said}"
    );
    scratch.ok("translate run data/0.png --out out");
    let result = image::open(scratch.path("out/0.png")).unwrap();
    let DynamicImage::ImageLuma16(result) = result else {
        panic!("{:?}", result.color())
    };
    assert_eq!(result.dimensions(), (48, 48));
    assert!(
        result.iter().any(|value| value % 257 != 0),
        "only 8 of 16 bits are used"
    );
    assert!(result.iter().all(|&value| value <= 60_000));
    // the deviation of samples has the same depth, and its own unit
    scratch.ok("translate run data/0.png --out out --samples 3");
    let deviation = image::open(scratch.path("out/0-deviation.png")).unwrap();
    let DynamicImage::ImageLuma16(deviation) = deviation else {
        panic!("{:?}", deviation.color())
    };
    let largest = deviation.iter().max();
    assert!(
        largest > Some(&255) && largest < Some(&60_000),
        "{largest:?}"
    );

    // converted to RGB
    let run = "train data --out refused --channels-a 3 --channels-b 17";
    let refused = String::from_utf8(scratch.run(run).stderr).unwrap();
    assert_eq!(
        refused,
        "error: --channels-b is 17; it must be from 1 to 16\n"
    );
    let said = scratch.trained("data", "--channels-a 3 --channels-b 3");
    assert!(
        said.contains("A: 3 channels, 16-bit; B: 3 channels, 16-bit"),
        "{said}"
    );
}

/// For floating-point values outside 0 to 1, the error proposes a --range; TIFF outputs stay TIFF.
#[test]
fn floats_need_their_range_and_stay_floats() {
    let scratch = Scratch::new();
    for (side, scale) in [("A", 100.0), ("B", 1.0)] {
        fs::create_dir_all(scratch.path("data").join(side)).unwrap();
        for index in 0..2 {
            let path = scratch.path("data").join(side).join(format!("{index}.tif"));
            let mut encoder = tiff::encoder::TiffEncoder::new(File::create(path).unwrap()).unwrap();
            let values: Vec<f32> = (0..48 * 48)
                .map(|i| (i % (90 + index)) as f32 / 90.0 * scale)
                .collect();
            encoder
                .write_image::<tiff::encoder::colortype::Gray32Float>(48, 48, &values)
                .unwrap();
        }
    }
    let output = scratch.run(&format!("train data --out run --steps 1 {SMALL}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("pictures of A have values from 0 to 100, not from 0 to 1"),
        "{said}"
    );
    assert!(said.contains("--range-a 0,100"), "{said}");
    scratch.trained("data", "--range 0,100");
    scratch.ok("translate run data/A/0.tif --out out");
    let mut result =
        tiff::decoder::Decoder::new(File::open(scratch.path("out/0.tif")).unwrap()).unwrap();
    assert_eq!(result.dimensions().unwrap(), (48, 48));
    let tiff::decoder::DecodingResult::F32(values) = result.read_image().unwrap() else {
        panic!("not floating point")
    };
    assert!(values.iter().any(|value| value.fract() != 0.0));
}

/// The same heights as floats and, of some files, as 16 bits train the same network, and are measured and translated alike.
#[test]
fn a_range_holds_for_files_of_every_depth() {
    let scratch = Scratch::new();
    for (data, deep) in [("floats", 0..0), ("mixed", 0..2)] {
        for side in ["A", "B"] {
            let folder = scratch.path(data).join(side);
            fs::create_dir_all(&folder).unwrap();
            for index in 0..3 {
                let heights = (0..48 * 48u32).map(|at| 500 + (at * (7 + index)) % 3001);
                let samples = match side == "B" && deep.contains(&index) {
                    true => Samples::U16(heights.map(|height| height as u16).collect()),
                    false => Samples::F32(heights.map(|height| height as f32).collect()),
                };
                let picture = Picture::new([48, 48], 1, samples);
                let file = folder.join(format!("{index}.tif"));
                picture::write(&file, &picture, Format::Tiff).unwrap();
            }
        }
    }
    let said = scratch.ok("inspect mixed --range 0,4000");
    let wanted = "note: the pictures of B have several depths: 16-bit (pictures: 2, read from 0 to 4000), float \
                  (pictures: 1, read from 0 to 4000)";
    assert!(said.contains(wanted), "{said}");
    for range in ["0,4000", "auto"] {
        let runs = ["floats", "mixed"].map(|data| {
            scratch.ok(&format!(
                "train {data} --out {data}-{range} --range {range} --steps 1 {SMALL}"
            ));
            let text = fs::read_to_string(scratch.path(&format!("{data}-{range}/metrics.jsonl")));
            let line: serde_json::Value =
                serde_json::from_str(text.unwrap().lines().next().unwrap()).unwrap();
            line["g_l1"].as_f64().unwrap()
        });
        // pictures of whole numbers are resized to whole numbers
        assert!((runs[0] - runs[1]).abs() < 2e-3, "{range}: {runs:?}");
    }
    let translated = ["floats", "mixed"].map(|data| {
        let said = scratch.ok(&format!(
            "translate floats-0,4000 {data}/B/0.tif --out {data}-out"
        ));
        let is_told = said.contains("16-bit, read from 0 to 4000, and was converted");
        assert_eq!(is_told, data == "mixed", "{said}");
        let file = scratch.path(&format!("{data}-out/0.tif"));
        picture::read(&file).unwrap().0
    });
    assert!(translated[0] == translated[1]);
}

/// Neither the cache nor the number of workers changes the training.
#[test]
fn caches_and_workers_give_the_same_run() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let run = |options: &str| {
        let _ = fs::remove_dir_all(scratch.path("run"));
        let vary = "--vertical-mirror --turn --color-jitter 0.2 --batch-size 2";
        scratch.ok(&format!(
            "train data --out run --steps 5 {SMALL} {vary} {options}"
        ));
        let text = fs::read_to_string(scratch.path("run/metrics.jsonl")).unwrap();
        text.lines()
            .map(|line| line.split("\"d_real\"").nth(1).unwrap().to_string())
            .collect::<Vec<_>>()
    };
    let plain = run("");
    for options in [
        "--cache ram",
        "--cache disk",
        "--workers 3",
        "--workers 2 --cache disk",
    ] {
        assert_eq!(run(options), plain, "{options}");
    }
    assert_ne!(run("--seed 1"), plain);
}

#[test]
fn pictures_need_not_be_square() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("wide")).unwrap();
    for index in 0..2 {
        pair(256, 64, index)
            .save(scratch.path(&format!("wide/{index}.png")))
            .unwrap();
    }
    let run = |options: &str| {
        let _ = fs::remove_dir_all(scratch.path("run"));
        scratch.run(&format!(
            "train wide --out run --steps 2 --filters 2 {options}"
        ))
    };
    for options in [
        "--resize none",
        "--load-size 144x72 --crop-size 128x64",
        "--resize crop --crop-size 64",
        "--resize scale-width --crop-size 256",
    ] {
        let output = run(options);
        assert!(
            output.status.success(),
            "{options}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    pair(260, 70, 0).save(scratch.path("wide/odd.png")).unwrap();
    let output = run("--resize none --depth 6");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("130x70 pixels are not multiples of 64") && said.contains("128x64"),
        "{said}"
    );
    let output = run("--resize scale-width --crop-size 128 --batch-size 2");
    assert!(output.status.success(), "both become 128x64");
}

#[test]
fn a_broken_pair_is_skipped_on_demand() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let whole = fs::read(scratch.path("data/pair1.png")).unwrap();
    fs::write(scratch.path("data/pair1.png"), &whole[..whole.len() / 2]).unwrap();
    let said = scratch.trained("data", "--on-error skip");
    assert!(
        said.contains("skipped: data/pair1.png: damaged PNG picture"),
        "{said}"
    );
    assert!(said.contains("1 broken and 0 unmatched"), "{said}");
    // its scores are those of the pairs that it has
    let scores = scratch.ok("evaluate run data --split train --json");
    assert!(
        scores.contains("pair2") && !scores.contains("pair1"),
        "{scores}"
    );
}

#[test]
fn inspect_counts_the_sizes_that_it_does_not_list() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("data")).unwrap();
    for index in 0..5 {
        let file = scratch.path(&format!("data/{index}.png"));
        pair(96 + 4 * index, 40, index).save(file).unwrap();
        let said = (index > 2).then(|| scratch.ok("inspect data"));
        let told = match index {
            3 => ", 1 other size\n",
            _ => ", 2 other sizes\n",
        };
        assert!(said.is_none_or(|said| said.contains(told)), "{told}");
    }
}

#[test]
fn inspect_says_what_is_there_and_fails_where_training_would() {
    let scratch = Scratch::new();
    scratch.pairs("data/train", 3);
    scratch.pairs("data/val", 1); // the same as the first of train
    let said = scratch.ok("inspect data");
    for line in [
        "data: side-by-side pairs",
        "train      3       0  3 of 48x40",
        "A: 3 channels, 8-bit, PNG (pictures: 4)",
        "duplicate: data/val/pair0.png is the same as data/train/pair0.png",
        "training can begin",
    ] {
        assert!(said.contains(line), "\"{line}\" is not in {said}");
    }
    let sheet = image::open(scratch.path("inspect.png"))
        .unwrap()
        .into_rgb8();
    assert!(!common::is_flat(&sheet, 12, 56, 40));
    let told = scratch.trained("data", "--dry-run");
    let note = "note: 1 held-out pair is a training pair too, so scores tell less of new pictures: \
                data/val/pair0.png is the same as data/train/pair0.png; remove the duplicates\n";
    assert!(told.contains(note), "{told}");

    fs::write(scratch.path("data/train/broken.png"), "no picture").unwrap();
    let output = scratch.run("inspect data");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("broken: data/train/broken.png: not a JPEG"),
        "{said}"
    );
    assert!(scratch.run("inspect data --on-error skip").status.success());
}

#[test]
fn prepare_makes_pairs_and_goes_on_where_it_was() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("photos/train")).unwrap();
    for index in 0..3 {
        pair(120, 80, index)
            .save(scratch.path(&format!("photos/train/{index}.jpg")))
            .unwrap();
    }
    for task in [
        "edges", "sketch", "gray", "lowres", "noise", "blur", "mask", "halftone",
    ] {
        let said = scratch.ok(&format!("prepare {task} photos --out {task} --size 64"));
        assert!(said.contains(&format!("3 files in {task}")), "{said}");
        let both = image::open(scratch.path(task).join("train/1.png"))
            .unwrap()
            .into_rgb8();
        assert_eq!(both.dimensions(), (128, 64), "{task}");
        let [a, b] = [0, 64].map(|x| imageops::crop_imm(&both, x, 0, 64, 64).to_image());
        assert_ne!(a, b, "{task}");
    }
    fs::remove_file(scratch.path("noise/train/1.png")).unwrap();
    let before = fs::read(scratch.path("noise/train/0.png")).unwrap();
    let said = scratch.ok("prepare noise photos --out noise --size 64");
    assert!(
        said.contains("1 file in noise, 2 already existed"),
        "{said}"
    );
    assert_eq!(fs::read(scratch.path("noise/train/0.png")).unwrap(), before);
    scratch.trained("edges", "");
    let output = scratch.run("prepare edges photos --out x --low 9 --high 3");
    assert_eq!(output.status.code(), Some(2));
    // pictures that nothing would read
    let output = scratch.run("prepare edges photos --out x --size 64x15");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("64x15 pixels") && said.contains("a larger --size"),
        "{said}"
    );
}

/// A folder may have 8-bit photographs beside those that need a range, which is not theirs.
#[test]
fn a_range_of_prepare_is_not_that_of_8_bit_photographs() {
    let scratch = Scratch::new();
    scratch.pairs("photos", 1);
    for (out, range) in [("without", ""), ("with", "--range 0,4095")] {
        scratch.ok(&format!("prepare noise photos --out {out} {range}"));
    }
    let [without, with] =
        ["without", "with"].map(|out| fs::read(scratch.path(out).join("pair0.png")).unwrap());
    assert_eq!(without, with);
}

/// Pictures that a table names may lie in the folder of the results; they are no results of an earlier use.
#[test]
fn no_picture_of_a_table_counts_as_made() {
    let scratch = Scratch::new();
    two_folders(&scratch, "A", "B", 2);
    fs::create_dir(scratch.path("flat")).unwrap();
    let mut table = "a,b\n".to_string();
    for index in 0..2 {
        for (side, ending) in [("A", "jpg"), ("B", "png")] {
            let from = scratch.path(&format!("{side}/photo{index}.{ending}"));
            fs::copy(from, scratch.path(&format!("flat/{side}{index}.{ending}"))).unwrap();
        }
        table += &format!("flat/B{index}.png,flat/A{index}.jpg\n");
    }
    fs::write(scratch.path("pairs.csv"), table).unwrap();
    let output = scratch.run("prepare combine pairs.csv --out flat");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("flat/B0.png: a result would have the place"),
        "{said}"
    );
    assert_eq!(names(&scratch.path("flat")).len(), 4);
    // of aligned pairs, A has a place of its own
    for side in ["A", "other"] {
        fs::create_dir(scratch.path(&format!("flat/{side}"))).unwrap();
        for index in 0..2 {
            let to = scratch.path(&format!("flat/{side}/p{index}.png"));
            fs::copy(scratch.path(&format!("B/photo{index}.png")), to).unwrap();
        }
    }
    let apart = "a,b\nflat/A/p0.png,flat/other/p0.png\nflat/A/p1.png,flat/other/p1.png\n";
    fs::write(scratch.path("apart.csv"), apart).unwrap();
    let output = scratch.run("prepare align apart.csv --out flat");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("a result would have the place"), "{said}");
    let said = scratch.ok("prepare combine pairs.csv --out together");
    assert!(said.contains("2 files in together"), "{said}");
    let said = scratch.ok("prepare combine pairs.csv --out together");
    assert!(said.contains("2 already existed"), "{said}");
}

/// In a folder for each patient, all files are called the same.
#[test]
fn pairs_of_a_table_are_known_by_their_folders() {
    let scratch = Scratch::new();
    two_folders(&scratch, "A", "B", 3);
    let mut table = "subject,t1,t2,mask\n".to_string();
    for index in 0..3 {
        let folder = format!("bids/sub-{index}");
        fs::create_dir_all(scratch.path(&folder)).unwrap();
        for (from, to) in [("A", "t1.jpg"), ("B", "t2.png")] {
            let ending = &to[2..];
            let from = scratch.path(&format!("{from}/photo{index}{ending}"));
            fs::rename(from, scratch.path(&format!("{folder}/{to}"))).unwrap();
        }
        table += &format!("{index},sub-{index}/t1.jpg,sub-{index}/t2.png,\n");
    }
    fs::write(scratch.path("bids/pairs.csv"), table).unwrap();
    let patients = |folder: &str, ending: &str| {
        let files = (0..3).map(|index| format!("{folder}/sub-{index}_t1.{ending}"));
        files.filter(|file| scratch.path(file).exists()).count()
    };
    scratch.ok("prepare combine bids --out together");
    assert_eq!(patients("together", "png"), 3);
    scratch.ok("prepare align bids --out aligned");
    let sides = ["A", "B"].map(|side| patients(&format!("aligned/{side}"), "png"));
    assert_eq!(sides, [3, 3]);
    scratch.ok("prepare split bids --out split --val-fraction 0.34");
    for (side, ending) in [("A", "jpg"), ("B", "png")] {
        let splits =
            ["train", "val"].map(|split| patients(&format!("split/{split}/{side}"), ending));
        assert_eq!(splits, [2, 1], "{side}");
    }
    // two pairs of one B
    let shared = "sub-0/t1.jpg,sub-0/t2.png\nsub-1/t1.jpg,sub-0/t2.png\n";
    fs::write(scratch.path("bids/shared.csv"), shared).unwrap();
    let output = scratch.run("prepare split bids/shared.csv --out none");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let wanted = "error: bids/shared.csv: 2 pairs, of which those that share a file stay together, cannot be split";
    assert!(said.starts_with(wanted), "{said}");
    let more = format!("{shared}sub-2/t1.jpg,sub-2/t2.png\n");
    fs::write(scratch.path("bids/shared.csv"), more).unwrap();
    scratch.ok("prepare split bids/shared.csv --out groups --val-fraction 0.34");
    let is_in_val = |index: u32| {
        scratch
            .path(&format!("groups/val/A/sub-{index}_t1.jpg"))
            .exists()
    };
    assert_eq!(is_in_val(0), is_in_val(1));
    // and two of one A, which names them
    let same = "sub-0/t1.jpg,sub-0/t2.png\nsub-0/t1.jpg,sub-1/t2.png\nsub-2/t1.jpg,sub-2/t2.png\n";
    fs::write(scratch.path("bids/same.csv"), same).unwrap();
    for task in ["combine", "align", "split"] {
        let output = scratch.run(&format!("prepare {task} bids/same.csv --out none"));
        let said = String::from_utf8(output.stderr).unwrap();
        let wanted =
            "error: bids/sub-0/t1.jpg: it is in two pairs, which would have the same name;";
        assert!(said.starts_with(wanted), "{task}: {said}");
    }
    let said = scratch.trained("bids", "--val-fraction 0.34");
    let wanted = "the pairs of bids/pairs.csv (A: t1, B: t2, mask: mask)";
    assert!(said.contains(wanted), "{said}");
    let scores = scratch.ok("evaluate run bids --split train --json");
    assert_eq!(scores.matches("/t1\"").count(), 2, "{scores}");
}

/// What a table has besides the columns that are read may be what the user means.
#[test]
fn columns_that_are_not_used_are_told() {
    let scratch = Scratch::new();
    two_folders(&scratch, "data/A", "data/B", 2);
    let line =
        |index: u32| format!("A/photo{index}.jpg,B/photo{index}.png,7,B/photo{index}.png,train\n");
    let table = format!("source,target,age,brain,part\n{}{}", line(0), line(1));
    fs::write(scratch.path("data/list.csv"), table).unwrap();
    let notes = [
        "note: the pictures of brain are not used;",
        "note: the splits of part are not used;",
    ];
    let inspected = scratch.ok("inspect data/list.csv");
    let trained = scratch.trained("data/list.csv", "");
    let prepared = scratch.ok("prepare combine data/list.csv --out together");
    for said in [inspected, trained, prepared] {
        assert!(notes.iter().all(|note| said.contains(note)), "{said}");
    }
}

/// Files that were made with other options are not what the command would make.
#[test]
fn pairs_of_other_options_are_not_taken_for_the_same() {
    let scratch = Scratch::new();
    scratch.pairs("photos", 3);
    scratch.pairs("more/train", 1);
    let same = "prepare edges photos --out e --low 20 --high 60";
    scratch.ok(same);
    for (options, earlier) in [
        (
            "edges photos --low 60 --high 120",
            "edges --low 20 --high 60",
        ),
        (
            "edges photos --low 20 --high 60 --size 128",
            "edges --low 20 --high 60",
        ),
        ("sketch photos", "edges --low 20 --high 60"),
        ("combine photos", "edges --low 20 --high 60"),
    ] {
        let output = scratch.run(&format!("prepare {options} --out e"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{options}: {said}");
        let wanted =
            format!("error: e: has pairs of another command: prepare {earlier}; choose another");
        assert!(said.starts_with(&wanted), "{options}: {said}");
    }
    // what the pairs do not depend on; other photographs; and the same again
    fs::remove_file(scratch.path("e/pair1.png")).unwrap();
    let said = scratch.ok(&format!("{same} --seed 7 --threads 1"));
    assert!(said.contains("1 file in e, 2 already existed"), "{said}");
    let said = scratch.ok("inspect e");
    assert!(!said.contains("passed over"), "{said}");
    scratch.ok("prepare edges more --out e --low 20 --high 60");
    // pairs of other pictures keep the mark
    let output = scratch.run("prepare sketch more --out e");
    assert_eq!(output.status.code(), Some(1));
    // a folder that has been emptied, as a person sees it
    fs::remove_dir_all(scratch.path("e/train")).unwrap();
    for file in ["e/pair0.png", "e/pair1.png", "e/pair2.png"] {
        fs::remove_file(scratch.path(file)).unwrap();
    }
    scratch.ok("prepare sketch photos --out e");
    scratch.ok("prepare sketch photos --out e");
    // pairs of an earlier version, which saw other light
    let mark = scratch.path(&format!("e/{}", pix2pix::data::PREPARED));
    let now = fs::read(&mark).unwrap();
    fs::write(&mark, "sketch --sigma 5\n").unwrap();
    let output = scratch.run("prepare sketch photos --out e");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let wanted =
        "error: e: has pairs of an earlier version, which made them in another way; choose";
    assert!(said.starts_with(wanted), "{said}");
    fs::write(&mark, now).unwrap();
    // one of an earlier version
    fs::remove_file(&mark).unwrap();
    let said = scratch.ok("prepare noise photos --out e");
    assert!(said.contains("0 files in e, 3 already existed"), "{said}");
    // which has the mark once the command has made files of it
    scratch.ok("prepare sketch photos --out e");
    fs::remove_file(scratch.path("e/pair1.png")).unwrap();
    scratch.ok("prepare noise photos --out e");
    let output = scratch.run("prepare sketch photos --out e");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("another command: prepare noise"), "{said}");
}

/// Each of several commands would see none of the others' files, and a pair would be trained on and held out.
#[cfg(unix)]
#[test]
fn two_commands_do_not_mix_their_files() {
    use pix2pix::folder_lock::{self, Taken};
    let scratch = Scratch::new();
    scratch.pairs("pairs", 10);
    let out = scratch.path("two");
    let Taken::Ours(other) = folder_lock::take(&out, pix2pix::data::PREPARED).unwrap() else {
        panic!("nobody has it");
    };
    for command in ["split pairs --val-fraction 0.3", "gray pairs"] {
        let output = scratch.run(&format!("prepare {command} --out two"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let told = "error: two: another `pix2pix prepare` is making files here; wait until";
        assert!(said.starts_with(told), "{said}");
    }
    drop(other);
    assert!(!out.exists());
    let at_once = "for seed in 1 2 3; do $pix2pix prepare split pairs --out two --seed $seed --val-fraction 0.3 & done; wait";
    scratch.bash(at_once);
    let [train, val] = ["two/train", "two/val"].map(|folder| names(&scratch.path(folder)));
    assert_eq!([train.len(), val.len()], [7, 3]);
    assert!(val.iter().all(|name| !train.contains(name)), "{val:?}");
}

/// A killed command leaves no pair without the mark of its options.
#[cfg(unix)]
#[test]
fn the_mark_of_the_options_comes_first() {
    let scratch = Scratch::new();
    scratch.pairs("photos", 2);
    fs::create_dir(scratch.path("e")).unwrap();
    let mark = pix2pix::data::PREPARED;
    assert!(scratch.bash(&format!("mkfifo e/{mark}")).status.success());
    let output = scratch.run("prepare gray photos --out e");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(mark), "{said}");
    assert_eq!(names(&scratch.path("e")), [mark]);
}

/// A data set has no pairs in other folders than those of its splits.
#[test]
fn pairs_of_photographs_in_any_folder_are_found() {
    let scratch = Scratch::new();
    scratch.pairs("photos", 4);
    scratch.pairs("photos/sub/deep", 2);
    let said = scratch.ok("prepare gray photos --out gray");
    assert!(said.contains("6 files in gray"), "{said}");
    assert!(!said.contains("note:"), "{said}");
    assert!(scratch.path("gray/sub_deep_pair1.png").is_file());
    let said = scratch.ok("inspect gray");
    assert!(!said.contains("passed over"), "{said}");
    // two of one name
    scratch.pairs("photos/sub_deep", 1);
    let output = scratch.run("prepare gray photos --out again");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for told in [
        "photos/sub/deep/pair0.png",
        "photos/sub_deep/pair0.png",
        "the same name",
    ] {
        assert!(said.contains(told), "{told} is not in {said}");
    }
    assert!(!scratch.path("again").exists());
}

#[test]
fn pairs_that_training_does_not_find_are_told() {
    let scratch = Scratch::new();
    scratch.pairs("photos", 3);
    scratch.pairs("photos/train", 2);
    let said = scratch.ok("prepare gray photos --out gray");
    let wanted = "note: as a data set, gray has 2 pairs; this command's are 5\n3 files passed over: 3 in folders outside";
    assert!(said.contains(wanted), "{said}");
    scratch.pairs("held-out/val", 2);
    let said = scratch.ok("prepare gray held-out --out only");
    assert!(
        said.contains("note: only: there are no training pairs"),
        "{said}"
    );
    scratch.pairs("flat", 4);
    let said = scratch.ok("prepare split flat --out parts --val-fraction 0.25");
    assert!(!said.contains("note:"), "{said}");
}

#[test]
fn two_folders_are_combined_and_data_sets_split() {
    let scratch = Scratch::new();
    two_folders(&scratch, "apart/A", "apart/B", 10);
    scratch.ok("prepare combine apart --out together");
    let both = image::open(scratch.path("together/photo3.png"))
        .unwrap()
        .into_rgb8();
    assert_eq!(both.dimensions(), (96, 40));
    let [left, right] = ["A/photo3.jpg", "B/photo3.png"].map(|name| {
        image::open(scratch.path("apart").join(name))
            .unwrap()
            .into_rgb8()
    });
    assert_eq!(imageops::crop_imm(&both, 48, 0, 48, 40).to_image(), right);
    // two decoders of JPEG round differently
    let decoded = imageops::crop_imm(&both, 0, 0, 48, 40).to_image();
    assert!(
        decoded
            .iter()
            .zip(left.iter())
            .all(|(a, b)| a.abs_diff(*b) <= 3)
    );

    scratch.ok("prepare split together --out parts --val-fraction 0.2 --test-fraction 0.1");
    let count = |folder: &str| names(&scratch.path(folder)).len();
    assert_eq!(
        ["parts/train", "parts/val", "parts/test"].map(count),
        [7, 2, 1]
    );
    // the same again changes nothing; another split would have pairs on both sides
    scratch.ok("prepare split together --out parts --val-fraction 0.2 --test-fraction 0.1");
    let output = scratch.run("prepare split together --out parts --val-fraction 0.5");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("parts/") && said.contains("another split"),
        "{said}"
    );
    assert_eq!(
        ["parts/train", "parts/val", "parts/test"].map(count),
        [7, 2, 1]
    );
    scratch.ok("prepare split apart --out halves --val-fraction 0.5");
    assert_eq!(["halves/train/A", "halves/val/B"].map(count), [5, 5]);
    assert!(
        scratch
            .trained("halves", "")
            .contains("5 pairs to train on, 5 held out")
    );
}

#[test]
fn data_is_measured() {
    let scratch = Scratch::new();
    let line = scratch.ok("bench --mode data --size 64 --workers 1 --json");
    let measured: serde_json::Value = serde_json::from_str(&line).unwrap();
    for key in ["images_per_s", "pairs_per_s", "pair_s"] {
        assert!(measured[key].as_f64().unwrap() > 0.0, "{line}");
    }
    let table = scratch.ok("bench --mode data --size 64");
    assert!(table.contains("one pair, one thread"), "{table}");
}

/// The name of one copy can be the beginning of that of another one.
#[test]
fn a_split_goes_on_where_it_was() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("data")).unwrap();
    let save = |name: &str, index: u32| pair(96, 40, index).save(scratch.path(name)).unwrap();
    save("data/p.bmp", 1);
    save("data/p.bmp.png", 2);
    let split = "prepare split data --out parts --val-fraction 0";
    scratch.ok(split);
    fs::remove_file(scratch.path("parts/train/p.bmp")).unwrap();
    let said = scratch.ok(split);
    assert!(
        said.contains("1 file in parts, 1 already existed"),
        "{said}"
    );
    for name in ["p.bmp", "p.bmp.png"] {
        let [before, after] = ["data", "parts/train"]
            .map(|folder| fs::read(scratch.path(&format!("{folder}/{name}"))).unwrap());
        assert!(before == after, "{name}");
    }
}

#[test]
fn no_part_of_a_split_is_empty() {
    let scratch = Scratch::new();
    scratch.pairs("three", 3);
    let said = scratch.ok("prepare split three --out parts --val-fraction 0.1 --test-fraction 0.1");
    assert!(
        said.contains("3 files in parts\npairs: 1 in train/, 1 in val/, 1 in test/\n"),
        "{said}"
    );
    // what to type next comes last
    let last = said.lines().next_back();
    assert!(last.unwrap().starts_with("Now type: "), "{said}");
    for part in ["train", "val", "test"] {
        assert_eq!(names(&scratch.path(&format!("parts/{part}"))).len(), 1);
    }
    scratch.pairs("two", 2);
    for (fractions, wanted) in [
        (
            "--val-fraction 0.1 --test-fraction 0.1",
            "2 pairs cannot be split into 3 parts",
        ),
        (
            "--val-fraction 0.9",
            "pairs: 1 in train/, 1 in val/, 0 in test/",
        ),
    ] {
        let output = scratch.run(&format!("prepare split two --out of-two {fractions}"));
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains(wanted), "{said}");
    }
}

/// Refused before anything is made: what could not be read again, and what no network can learn.
#[test]
fn photographs_that_make_no_pairs_are_refused() {
    let scratch = Scratch::new();
    for folder in ["wide/A", "wide/B", "gaps"] {
        fs::create_dir_all(scratch.path(folder)).unwrap();
    }
    for name in ["wide/A/x.png", "wide/B/x.png"] {
        pair(8208, 16, 1).save(scratch.path(name)).unwrap();
    }
    let mut heights = vec![0.5; 32 * 32];
    heights[77] = f32::NAN;
    let heights = Picture::new([32, 32], 1, Samples::F32(heights));
    picture::write(&scratch.path("gaps/x.tif"), &heights, Format::Tiff).unwrap();
    for (task, wanted) in [
        (
            "combine wide",
            "wide/A/x.png: two pictures of 8208x16 pixels are too large side by side",
        ),
        (
            "gray wide/A",
            "x.png: two pictures of 8208x16 pixels are too large side by side",
        ),
        ("edges gaps", "gaps/x.tif: some of its values are NaN"),
        (
            "edges gaps --range 0,1",
            "gaps/x.tif: some of its values are NaN",
        ),
    ] {
        let output = scratch.run(&format!("prepare {task} --out out"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(wanted), "{said}");
        assert!(!scratch.path("out").exists());
    }
    scratch.ok("prepare combine wide --out out --size 32x16");
}

/// What becomes of channels of which the other half of a file has another number.
#[test]
fn halves_of_other_channels_are_told_or_refused() {
    let scratch = Scratch::new();
    for folder in ["data/A", "data/B"] {
        fs::create_dir_all(scratch.path(folder)).unwrap();
    }
    let color = |at: usize| vec![at as u8, 9, 200];
    let rgb = banded(3, color);
    picture::write(&scratch.path("data/B/x.png"), &rgb, Format::Png).unwrap();
    let combine = |picture: &Picture, format: Format, amounts: bool| {
        for ending in ["png", "tif", "npy"] {
            let _ = fs::remove_file(scratch.path(&format!("data/A/x.{ending}")));
        }
        let _ = fs::remove_dir_all(scratch.path("out"));
        let path = scratch.path(&format!("data/A/x.{}", format.extension()));
        let metadata = match amounts {
            true => Metadata::default().of_amounts(),
            false => Metadata::default(),
        };
        picture::write_with(&path, picture, format, &metadata).unwrap();
        scratch.run("prepare combine data --out out")
    };
    let two = banded(2, |at| vec![at as u8, (at / 7) as u8]);
    for format in [Format::Tiff, Format::Npy] {
        let output = combine(&two, format, false);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let wanted =
            ": 2 channels of which none is an opacity cannot become 3; convert one of the two";
        assert!(said.contains(wanted), "{said}");
        assert!(!scratch.path("out").exists());
    }
    let four = banded(4, |at| [color(at), vec![(at / 7) as u8]].concat());
    let own = "note: pictures of B with 3 channels have 4 in the files, as the other side has; to train on their own, give \
               --channels-b 3\n";
    for (picture, format, amounts, written, note) in [
        (
            &banded(1, |at| vec![at as u8]),
            Format::Png,
            false,
            ("x.png", 3, false),
            "note: pictures of A with 1 channel have 3 in the files, as the other side has; to train on their own, give \
             --channels-a 1\n",
        ),
        (
            &two,
            Format::Png,
            false,
            ("x.png", 3, false),
            "note: pictures of A with 2 channels have lost their opacity, as the other side has none\n",
        ),
        (&four, Format::Png, false, ("x.png", 4, true), own),
        (&four, Format::Tiff, false, ("x.png", 4, true), own),
        // a fourth band, which PNG would take for the opacity
        (&four, Format::Tiff, true, ("x.tif", 4, false), own),
        (&four, Format::Npy, false, ("x.tif", 4, false), own),
    ] {
        let output = combine(picture, format, amounts);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains(note), "{said}");
        let path = scratch.path("out").join(written.0);
        let content = Content::from(path.as_path());
        let header = Header::read(&path, &content, Page::Only).unwrap();
        assert_eq!((header.channels, header.alpha), (written.1, written.2));
    }
    // nothing changes
    let output = combine(&rgb, Format::Png, false);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && !said.contains("note:"), "{said}");
}

/// Class ids are no amounts: between class 1 and class 3 there is no class 2.
#[test]
fn sizes_of_label_maps_mix_no_classes() {
    let scratch = Scratch::new();
    for folder in ["data/A", "data/B"] {
        fs::create_dir_all(scratch.path(folder)).unwrap();
    }
    let ids = GrayImage::from_fn(24, 24, |x, y| {
        Luma([[0, 3, 7][((x / 5 + y / 4) % 3) as usize]])
    });
    let photo = imageops::crop_imm(&pair(48, 24, 1), 0, 0, 24, 24).to_image();
    photo.save(scratch.path("data/A/x.png")).unwrap();
    ids.save(scratch.path("data/B/x.png")).unwrap();
    let values = |out: &str| {
        let both = image::open(scratch.path(out).join("x.png"))
            .unwrap()
            .into_rgb8();
        let right = imageops::crop_imm(&both, 32, 0, 32, 32).to_image();
        right
            .pixels()
            .map(|color| color[0])
            .collect::<BTreeSet<u8>>()
    };
    let said = scratch.ok("prepare combine data --out sure --size 32");
    assert!(said.contains("note: B looks like label maps"), "{said}");
    assert!(!said.contains("note: A looks"), "{said}");
    let classes = BTreeSet::from([0, 3, 7]);
    assert_eq!(values("sure"), classes);
    let said = scratch.ok("prepare combine data --out given --size 32 --nearest b");
    assert!(!said.contains("looks like"), "{said}");
    assert_eq!(values("given"), classes);
    scratch.ok("prepare combine data --out mixed --size 32 --nearest none");
    assert!(values("mixed").len() > 3);
    let output = scratch.run("prepare combine data --out x --nearest b");
    assert_eq!(output.status.code(), Some(2));
}

/// Label maps with a palette keep it where they stay files of their own, and their classes where they do not.
#[test]
fn palettes_of_label_maps_are_kept() {
    let scratch = Scratch::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../pix2pix/tests/fixtures/pictures/palette.png");
    for folder in ["data/A", "data/B"] {
        fs::create_dir_all(scratch.path(folder)).unwrap();
    }
    let photo = pair(24, 16, 1);
    photo.save(scratch.path("data/A/x.png")).unwrap();
    fs::copy(&fixture, scratch.path("data/B/x.png")).unwrap();
    scratch.ok("prepare align data --out aligned");
    let indices = |path: &Path| {
        let found = picture::indices(path, &path.into(), Page::Only).unwrap();
        found.expect("it has a palette")
    };
    let written = scratch.path("aligned/B/x.png");
    assert_eq!(indices(&written), indices(&fixture));
    let [before, after] = [&fixture, &written].map(|path| image::open(path).unwrap().into_rgb8());
    assert_eq!(before, after);
    let said = scratch.ok("prepare combine data --out both --size 40x30");
    assert!(
        said.contains("note: indices of palettes are now their colors"),
        "{said}"
    );
    let both = image::open(scratch.path("both/x.png")).unwrap().into_rgb8();
    let map = imageops::crop_imm(&both, 40, 0, 40, 30).to_image();
    assert!(
        map.pixels()
            .all(|color| before.pixels().any(|known| known == color))
    );
}
