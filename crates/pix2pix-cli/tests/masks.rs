//! Pixels without data, by mask files, a value, NaN or GDAL's tag: the binary in a scratch folder.

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma, Rgb, RgbImage, imageops};
use pix2pix::data::picture::{self, Content, Format, Metadata, Page, Picture, Samples};
use serde_json::Value;

use crate::common::{self, SMALL, Scratch, pair};
use crate::learning::data_of;

/// Whether a pixel of the test's pairs has data.
fn is_known(x: u32, y: u32) -> bool {
    !(10..30).contains(&x) || y < 15
}

/// Pairs in `data/A`, `data/B` and, with `masks`, `data/mask`. Where there is no data, B has `filler`.
fn pairs(scratch: &Scratch, masks: bool, filler: [u8; 3]) {
    let _ = fs::remove_dir_all(scratch.path("data"));
    for folder in ["data/A", "data/B", "data/mask"] {
        fs::create_dir_all(scratch.path(folder)).unwrap();
    }
    for index in 0..4 {
        let both = pair(128, 64, index);
        let half = |left| imageops::crop_imm(&both, left, 0, 64, 64).to_image();
        let target = half(64);
        let target = RgbImage::from_fn(64, 64, |x, y| match is_known(x, y) {
            true => *target.get_pixel(x, y),
            false => Rgb(filler),
        });
        let mask = GrayImage::from_fn(64, 64, |x, y| Luma([255 * u8::from(is_known(x, y))]));
        let file = |folder: &str| scratch.path(&format!("data/{folder}/{index}.png"));
        half(0).save(file("A")).unwrap();
        target.save(file("B")).unwrap();
        if masks {
            mask.save(file("mask")).unwrap();
        }
    }
}

/// Trains for two steps and returns the losses and the scores.
fn numbers(scratch: &Scratch, options: &str) -> String {
    scratch.trained(
        "data",
        &format!("--val-fraction 0.5 --log-every 1 {options}"),
    );
    ["metrics", "scores"]
        .map(|name| fs::read_to_string(scratch.path(&format!("run/{name}.jsonl"))).unwrap())
        .concat()
}

#[test]
fn masked_pixels_enter_no_loss_and_no_score() {
    let scratch = Scratch::new();
    pairs(&scratch, true, [9, 200, 30]);
    let found = numbers(&scratch, "");
    pairs(&scratch, true, [250, 0, 100]);
    assert_eq!(numbers(&scratch, ""), found);
    // it does go through resizing, a cache and resuming
    assert_eq!(numbers(&scratch, "--cache disk"), found);
    pairs(&scratch, false, [250, 0, 100]);
    let other = numbers(&scratch, "");
    assert_ne!(other, found);
    // the pixels of this color have no data: the same pixels as those of the masks
    assert_ne!(numbers(&scratch, "--nodata-b 100"), other);
}

/// What would lose masks says so.
#[test]
fn tasks_that_copy_no_masks_refuse_them() {
    let scratch = Scratch::new();
    pairs(&scratch, true, [9, 200, 30]);
    for task in ["combine", "align"] {
        let output = scratch.run(&format!("prepare {task} data --out {task}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("data/mask/") && said.contains("mask"),
            "{said}"
        );
        assert!(!scratch.path(task).join("train").exists());
    }
}

#[test]
fn masks_are_split_with_their_pairs() {
    let scratch = Scratch::new();
    pairs(&scratch, true, [9, 200, 30]);
    scratch.ok("prepare split data --out split --val-fraction 0.25");
    for (split, count) in [("train", 3), ("val", 1)] {
        let folder = scratch.path(&format!("split/{split}"));
        let names = common::names(&folder.join("A"));
        assert_eq!(names.len(), count);
        for name in names {
            for side in ["A", "B", "mask"] {
                let from = scratch.path(&format!("data/{side}/{name}"));
                let bytes = fs::read(folder.join(side).join(&name)).unwrap();
                assert_eq!(bytes, fs::read(from).unwrap(), "{split}/{side}/{name}");
            }
        }
    }
    // as beside side-by-side pairs
    fs::create_dir_all(scratch.path("both/mask")).unwrap();
    for index in 0..2 {
        pair(128, 64, index)
            .save(scratch.path(&format!("both/{index}.png")))
            .unwrap();
        let mask = scratch.path(&format!("data/mask/{index}.png"));
        fs::copy(mask, scratch.path(&format!("both/mask/{index}.png"))).unwrap();
    }
    scratch.ok("prepare split both --out halves --val-fraction 0.5");
    let said = scratch.trained("halves", "");
    assert!(said.contains("side-by-side"), "{said}");
    for split in ["train", "val"] {
        let folder = scratch.path(&format!("halves/{split}"));
        assert_eq!(common::names(&folder.join("mask")).len(), 1);
    }
}

/// A pair without any data has no score, which training and `evaluate` tell.
#[test]
fn held_out_pairs_without_data_are_told() {
    let scratch = Scratch::new();
    pairs(&scratch, true, [9, 200, 30]);
    scratch.ok("prepare split data --out split --val-fraction 0.75");
    let names = common::names(&scratch.path("split/val/A"));
    assert_eq!(names.len(), 3);
    let cover = |name: &String| {
        let mask = scratch.path("split/val/mask").join(name);
        GrayImage::new(64, 64).save(mask).unwrap();
    };
    let noted = || {
        let output = scratch.run("evaluate run split");
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let said = scratch.trained("split", "");
    assert!(!said.contains("skipped"), "{said}");
    assert!(!noted().contains("no pixel with data"));
    cover(&names[0]);
    let said = scratch.trained("split", "");
    assert_eq!(said.matches("skipped").count(), 1, "{said}");
    let told = format!(
        "split/val/A/{}: no pixel with data is left of it; ",
        names[0]
    );
    assert!(said.contains(&told), "{said}");
    let first = names[0].strip_suffix(".png").unwrap();
    let said = noted();
    let note = format!("note: run: 1 pair has no pixel with data and is not scored: {first}\n");
    assert!(said.contains(&note), "{said}");
    cover(&names[1]);
    let said = noted();
    let note = "note: run: 2 pairs have no pixel with data and are not scored, the first of them ";
    assert!(said.contains(&format!("{note}{first}\n")), "{said}");
}

#[test]
fn scores_are_means_over_the_known_pixels() {
    let scratch = Scratch::new();
    pairs(&scratch, true, [9, 200, 30]);
    scratch.ok("train data --out run --steps 2 --filters 2 --resize none");
    scratch.ok("translate run data/A --out translated");
    let evaluated = scratch.ok("evaluate run data --json --split train");
    let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
    let scores = &evaluated[0]["pictures"][0];
    let name = scores["name"].as_str().unwrap();
    let open = |folder: &str| {
        let path = scratch.path(&format!("{folder}/{name}.png"));
        image::open(path).unwrap().into_rgb8()
    };
    let [output, target] = ["translated", "data/B"].map(open);
    let (mut sum, mut count) = (0.0, 0.0);
    for (x, y, pixel) in output
        .enumerate_pixels()
        .filter(|(x, y, _)| is_known(*x, *y))
    {
        for (a, b) in pixel.0.into_iter().zip(target.get_pixel(x, y).0) {
            sum += f64::from(a.abs_diff(b));
            count += 1.0;
        }
    }
    let found = scores["l1"].as_f64().unwrap();
    assert!(
        (found - sum / count).abs() < 1e-3,
        "{found}, {}",
        sum / count
    );
    assert!(scores["ssim"].as_f64().is_some() && scores["ms_ssim"].is_null());
}

/// The measures of textures see pairs without gaps, and say of how many they are; samples are compared where there is data.
#[test]
fn textures_are_those_of_pairs_without_gaps() {
    let scratch = Scratch::new();
    pairs(&scratch, true, [9, 200, 30]);
    let gone = |index: u32| {
        fs::remove_file(scratch.path(&format!("data/mask/{index}.png"))).unwrap();
    };
    let evaluated = |options: &str| -> Value {
        let evaluated = scratch.ok(&format!("evaluate run data --json {options}"));
        serde_json::from_str(&evaluated).unwrap()
    };
    gone(0);
    scratch.trained("data", "--resize none --val-fraction 0.5");
    let line = fs::read_to_string(scratch.path("run/scores.jsonl")).unwrap();
    let line: Value = serde_json::from_str(line.lines().last().unwrap()).unwrap();
    // at least one of the two held-out pairs has a mask
    let whole = &evaluated("")[0]["realism"]["pairs"];
    assert!(whole.as_u64().unwrap() < 2, "{whole}");
    assert_eq!(line["whole"], serde_json::json!([whole, 2]));

    gone(1);
    scratch.trained("data", "--resize none");
    let found = evaluated("--samples 2");
    assert_eq!(found[0]["realism"]["pairs"], 2);
    assert!(found[0]["confidence"]["bins"].is_array(), "{found}");
    let table = scratch.ok("evaluate run data");
    for part in [
        " (of 2 of 4 pairs)",
        "power in waves below 4, of 4-8, ... pixels",
        "SWD and spectrum are of the pairs in which all pixels have data",
    ] {
        assert!(table.contains(part), "{table}");
    }
    pairs(&scratch, true, [9, 200, 30]);
    let table = scratch.ok("evaluate run data");
    assert!(table.contains("none of 4 pairs"), "{table}");
    pairs(&scratch, false, [9, 200, 30]);
    let output = scratch.run("evaluate run data");
    let [table, notes] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(!table.contains("4 pairs"), "{table}");
    // no file has another size: the masks have gone
    let told = "these names; their files, masks included, are not all those of then";
    assert!(notes.contains(told), "{notes}");
}

/// The last line of the run's scores.
fn last_scores(scratch: &Scratch) -> Value {
    let lines = fs::read_to_string(scratch.path("run/scores.jsonl")).unwrap();
    serde_json::from_str(lines.lines().last().unwrap()).unwrap()
}

/// With stripes of gaps as those of Landsat 7, a pair has no window of SSIM: the score is that of the others.
#[test]
fn ssim_is_of_the_pairs_with_a_window() {
    let scratch = Scratch::new();
    pairs(&scratch, true, [9, 200, 30]);
    scratch.ok("prepare split data --out split --val-fraction 0.75");
    let names = common::names(&scratch.path("split/val/mask"));
    let stripe = |name: &String| {
        let mask = GrayImage::from_fn(64, 64, |x, _| Luma([255 * u8::from(x % 8 > 0)]));
        mask.save(scratch.path("split/val/mask").join(name))
            .unwrap();
    };
    stripe(&names[0]);
    scratch.trained("split", "--resize none --keep-best ssim");
    let last = last_scores(&scratch);
    assert_eq!(last["ssim_of"], serde_json::json!([2, 3]), "{last}");
    assert!(scratch.path("run/checkpoints/best.safetensors").exists());
    let found: Value = serde_json::from_str(&scratch.ok("evaluate run split --json")).unwrap();
    let mean = found[0]["means"]["ssim"]["mean"].as_f64().unwrap();
    assert!(
        (mean - last["ssim"].as_f64().unwrap()).abs() < 1e-9,
        "{mean} and {last}"
    );
    let table = scratch.ok("evaluate run split");
    let row = table.lines().find(|line| line.starts_with("SSIM")).unwrap();
    assert!(row.contains(" (of 2 of 3 pairs)"), "{table}");

    names.iter().for_each(stripe);
    let refused = "train split --out new --steps 2 --filters 2 --resize none --keep-best ssim";
    let output = scratch.run(refused);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let told = "--keep-best ssim sees 11x11 pixels at a time, and no held-out pair has so many beside each other that all have \
                data; choose another score";
    assert!(said.contains(told), "{said}");
    assert!(!scratch.path("new").exists());
    scratch.trained("split", "--resize none");
    let last = last_scores(&scratch);
    assert!(
        last["ssim"].is_null() && last["ssim_of"].is_null(),
        "{last}"
    );
    assert!(last["psnr"].is_f64(), "{last}");
}

/// A mask that knows every pixel is none, and nor is a gap outside of what is scored.
#[test]
fn pairs_without_gaps_are_whole_whatever_tells_so() {
    let scratch = Scratch::new();
    pairs(&scratch, true, [9, 200, 30]);
    // the corner of each pair has no data
    let cover = |side: u32| {
        for index in 0..4 {
            let known = |x: u32, y: u32| Luma([255 * u8::from(x >= side || y >= side)]);
            GrayImage::from_fn(64, 64, known)
                .save(scratch.path(&format!("data/mask/{index}.png")))
                .unwrap();
        }
    };
    let crops = "--resize crop --crop-size 32 --depth 5 --patch 16";
    for (side, options, whole) in [
        (0, "--resize none", 2),
        (4, "--resize none", 0),
        (4, crops, 2),
    ] {
        cover(side);
        let _ = fs::remove_dir_all(scratch.path("run"));
        let train = "train data --out run --steps 2 --filters 2 --val-fraction 0.5";
        scratch.ok(&format!("{train} {options}"));
        let last = last_scores(&scratch);
        let is_whole = whole == 2;
        assert_eq!(
            last["whole"].is_null(),
            is_whole,
            "{side} {options}: {last}"
        );
        assert_eq!(last["swd"].is_f64(), is_whole, "{side} {options}: {last}");
        let found: Value = serde_json::from_str(&scratch.ok("evaluate run data --json")).unwrap();
        assert_eq!(found[0]["realism"]["pairs"], whole, "{side} {options}");
    }
}

/// The scores of a gallery are those of `evaluate`: pixels without data on either side do not count.
#[test]
fn galleries_count_the_known_pixels() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("data")).unwrap();
    for index in 0..2 {
        let mut both = pair(128, 64, index);
        for (x, y, pixel) in both.enumerate_pixels_mut() {
            match is_known(x % 64, y) {
                true => pixel.0.iter_mut().for_each(|value| *value |= 1),
                // in the source at the top, in the target at the bottom
                false if (x < 64) == (y < 40) => *pixel = Rgb([0, 250, 0]),
                false => {}
            }
        }
        both.save(scratch.path(&format!("data/{index}.png")))
            .unwrap();
    }
    scratch.ok("train data --out run --steps 2 --filters 2 --nodata 0 --resize none");
    scratch.ok("translate run data --out out --gallery");
    let evaluated = scratch.ok("evaluate run data --json --split train");
    let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
    let gallery = data_of(&scratch.path("out/gallery.html"));
    let entries = gallery[0]["entries"].as_array().unwrap();
    let pictures = evaluated[0]["pictures"].as_array().unwrap();
    for entry in entries {
        let is_same = |picture: &&Value| picture["name"] == entry["name"];
        let picture = pictures.iter().find(is_same).unwrap();
        for measure in ["l1", "rmse", "ssim"] {
            let [found, expected] =
                [&entry["scores"][measure], &picture[measure]].map(|value| value.as_f64().unwrap());
            assert!(
                (found - expected).abs() < 1e-3,
                "{measure}: {found}, not {expected}"
            );
        }
    }
    assert_eq!(entries.len(), 2);
}

/// A picture of heights, and -9999 where there is no data.
fn heights(gap: f32) -> Picture {
    let value = |at: u32| match is_known(at % 64, at / 64) {
        true => (at % 64 * 3 + at / 64) as f32,
        false => gap,
    };
    Picture::new([64, 64], 1, Samples::F32((0..64 * 64).map(value).collect()))
}

#[test]
fn pixels_without_data_come_out_without_data() {
    let scratch = Scratch::new();
    pairs(&scratch, false, [9, 200, 30]);
    fs::create_dir(scratch.path("tiles")).unwrap();
    let write = |name: &str, gap: f32| {
        let metadata = Metadata::default().with_nodata(Some(gap));
        let path = scratch.path(name);
        picture::write_with(&path, &heights(gap), Format::Tiff, &metadata).unwrap();
    };
    for index in 0..4 {
        fs::remove_file(scratch.path(&format!("data/A/{index}.png"))).unwrap();
        write(&format!("data/A/{index}.tif"), -9999.0);
    }
    // without the option, the values are told
    let output = scratch.run(&format!("train data --out run --steps 1 {SMALL}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("from -9999 to"),
        "{said}"
    );
    // what the files name themselves is no height
    let remedy = "-9999 is what the files name for pixels without data; give --nodata-a tag and, for the other pixels, the \
                  values of black and white: --range-a 0,252";
    assert!(said.contains(remedy), "{said}");
    let said = scratch.ok("inspect data --range-a=-9999,252");
    let note = "24% of the values of A are -9999, which the files name for pixels without data; to leave these out, give \
                --nodata-a tag";
    assert!(said.contains(note), "{said}");
    let said = scratch.ok("inspect data --nodata-a tag --range-a=-9999,252 --force");
    assert!(!said.contains(note), "{said}");
    assert!(!said.contains("no picture of"), "{said}");
    let both = scratch.ok("inspect data --nodata tag --range-a=-9999,252 --force");
    let note = "note: no picture of B that was looked at names a value for pixels without data, so that by tag all have data: \
                give --nodata-b the value, or mask files; masks inside TIFF files are not read";
    assert!(both.contains(note), "{both}");
    assert!(!both.contains("no picture of A"), "{both}");
    assert!(
        said.contains("from 0 to 252 of -9999 to 252: pictures are nearly flat"),
        "{said}"
    );
    // a file of both sides would not say it, and they would be mixed with others
    for folder in ["heights/A", "heights/B"] {
        fs::create_dir_all(scratch.path(folder)).unwrap();
        write(&format!("{folder}/0.tif"), -9999.0);
    }
    for command in [
        "prepare gray data/A --out gray",
        "prepare lowres data/A --range 0,252 --out small",
        "prepare combine heights --out both",
        "prepare combine heights --size 32 --out both",
    ] {
        let output = scratch.run(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        assert!(
            said.contains("some pixels have no data: -9999, as the files say; fill them"),
            "{command}: {said}"
        );
    }
    let range = "--range-a 0,300 --direction b-to-a";
    let mut outputs = Vec::new();
    for option in ["--nodata-a -9999", "--nodata-a tag"] {
        let said = scratch.trained("data", &format!("{range} {option}"));
        assert!(said.contains("float from 0 to 300, gaps "), "{said}");
        outputs.push(fs::read_to_string(scratch.path("run/metrics.jsonl")).unwrap());
    }
    assert_eq!(outputs[0], outputs[1]);
    // as source: the gaps of the input, in the value of the file, with the tag
    scratch.trained("data", "--range-a 0,300 --nodata-a tag");
    write("tiles/other.tif", -1.0);
    scratch.ok("translate run tiles data/A/0.tif --out translated");
    for (name, gap) in [("0.tif", 0.0), ("other.tif", 0.0)] {
        let path = scratch.path(&format!("translated/{name}"));
        let (found, format) = picture::read(&path).unwrap();
        let metadata = Metadata::read(&Content::from(path.as_path()), format, Page::Only, 3);
        assert_eq!(metadata.nodata(), Some(gap));
        for (at, pixel) in (0..).zip(found.to_floats().chunks_exact(3)) {
            let is_gap = pixel == [gap; 3];
            assert_eq!(is_gap, !is_known(at % 64, at / 64), "{name}: {at}");
        }
    }
    // NaN: refused, unless it is said to be "no data"
    for index in 0..4 {
        write(&format!("data/A/{index}.tif"), f32::NAN);
    }
    let output = scratch.run(&format!(
        "train data --out nan --steps 1 {SMALL} --range-a 0,300"
    ));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("give --nodata nan"),
        "{said}"
    );
    let said = scratch.trained("data", &format!("{range} --nodata-a nan"));
    assert!(said.contains("gaps of NaN"), "{said}");
    assert_eq!(
        fs::read_to_string(scratch.path("run/metrics.jsonl")).unwrap(),
        outputs[0]
    );
    scratch.ok("translate run data/B --out back");
}

/// The value of gaps that the targets' type cannot hold becomes 0, which is a value of the targets.
#[test]
fn black_pixels_with_data_do_not_become_gaps() {
    let scratch = Scratch::new();
    pairs(&scratch, false, [1; 3]);
    for index in 0..4 {
        // a range of two values, of which the network draws both
        let target = RgbImage::from_fn(64, 64, |x, y| Rgb([((x + y) % 2) as u8; 3]));
        let file = scratch.path(&format!("data/B/{index}.png"));
        target.save(file).unwrap();
        fs::remove_file(scratch.path(&format!("data/A/{index}.png"))).unwrap();
        let metadata = Metadata::default().with_nodata(Some(-9999.0));
        let path = scratch.path(&format!("data/A/{index}.tif"));
        picture::write_with(&path, &heights(-9999.0), Format::Tiff, &metadata).unwrap();
    }
    scratch.trained("data", "--range-a 0,300 --range-b 0,1 --nodata-a tag");
    for (out, options) in [("one", ""), ("mean", "--samples 2")] {
        scratch.ok(&format!("translate run data/A/0.tif --out {out} {options}"));
        let path = scratch.path(&format!("{out}/0.tif"));
        let (found, format) = picture::read(&path).unwrap();
        let metadata = Metadata::read(&Content::from(path.as_path()), format, Page::Only, 3);
        assert_eq!(metadata.nodata(), Some(0.0));
        for (at, pixel) in (0..).zip(found.to_floats().chunks_exact(3)) {
            let is_gap = pixel.contains(&0.0);
            assert_eq!(is_gap, !is_known(at % 64, at / 64), "{out}: {at}");
        }
    }
}

/// Gaps are the middle of the range, as in training, whatever value names them; of a data set the sources alone are taken.
#[test]
fn eight_bits_are_calibrated_without_gaps() {
    let scratch = Scratch::new();
    pairs(&scratch, false, [9, 200, 30]);
    let write = |folder: &str, value: f32, gap: Option<f32>| {
        let metadata = Metadata::default().with_nodata(gap);
        fs::create_dir_all(scratch.path(folder)).unwrap();
        for index in 0..4 {
            let path = scratch.path(&format!("{folder}/{index}.tif"));
            picture::write_with(&path, &heights(value), Format::Tiff, &metadata).unwrap();
        }
    };
    for index in 0..4 {
        fs::remove_file(scratch.path(&format!("data/A/{index}.png"))).unwrap();
    }
    write("data/A", f32::NAN, Some(f32::NAN));
    write("named", -9999.0, Some(-9999.0));
    write("filled", 150.0, None);
    write("holes", f32::NAN, None);
    scratch.trained("data", "--range-a 0,300 --nodata-a tag");
    let exported = ["filled", "data/A", "data", "named"].map(|folder| {
        let said = scratch.ok(&format!("export run --out g.onnx --int8 {folder} --force"));
        assert!(said.contains("on 4 pictures"), "{folder}: {said}");
        fs::read(scratch.path("g.onnx")).unwrap()
    });
    assert!(exported[1..].iter().all(|file| *file == exported[0]));
    // the file knows no gaps: of the picture's values or of the network's, the middle is none
    for (options, value) in [("", "0"), ("--with-image-io", "150")] {
        let said = scratch.ok(&format!("export run --out plain.onnx --force {options}"));
        let told = format!(
            "note: the file does not know the pixels without data that the model was trained with: fill them with {value} \
             before, and set them again after, as `pix2pix translate` does\n"
        );
        assert!(said.ends_with(&told), "{said}");
    }
    let output = scratch.run("export run --out holes.onnx --int8 holes");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("not a number (NaN)"), "{said}");
    assert!(said.starts_with("error: holes/0.tif: "), "{said}");
    assert!(!scratch.path("holes.onnx").exists());
}

#[test]
fn void_pixels_of_label_maps_are_left_out() {
    let scratch = Scratch::new();
    pairs(&scratch, false, [0, 0, 0]);
    for index in 0..4 {
        let void = GrayImage::from_fn(64, 64, |x, y| match is_known(x, y) {
            true => Luma([u8::from(x + index > 30)]),
            false => Luma([255]),
        });
        void.save(scratch.path(&format!("data/B/{index}.png")))
            .unwrap();
    }
    let output = scratch.run(&format!(
        "train data --out run --steps 1 {SMALL} --labels-b 2"
    ));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("the class id 255 at x=10, y=15") && said.contains("--nodata-b"),
        "{said}"
    );
    let said = scratch.trained("data", "--labels-b 2 --nodata-b 255 --val-fraction 0.5");
    assert!(
        said.contains("label maps of 2 classes by id, gaps of 255"),
        "{said}"
    );
    let said = scratch.run("train --resume run --steps 3");
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
}

#[test]
fn masks_are_named_in_tables_and_checked() {
    let scratch = Scratch::new();
    pairs(&scratch, true, [9, 200, 30]);
    let found = numbers(&scratch, "");
    let lines = (0..4).map(|index| format!("mask/{index}.png,A/{index}.png,B/{index}.png\n"));
    let table = format!("mask,a,b\n{}", lines.collect::<String>());
    fs::write(scratch.path("data/pairs.csv"), table).unwrap();
    assert_eq!(numbers(&scratch, ""), found);
    GrayImage::new(32, 32)
        .save(scratch.path("data/mask/2.png"))
        .unwrap();
    let output = scratch.run(&format!("train data --out small --steps 1 {SMALL}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("data/mask/2.png: 32x32 pixels"),
        "{said}"
    );
}

/// The tag of a palette names an index, whose color other indices have too; 0 is also in other colors.
#[test]
fn gaps_of_palettes_are_those_of_their_indices() {
    let scratch = Scratch::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pix2pix/tests/fixtures/gaps");
    for folder in ["data/A", "data/B", "whole"] {
        fs::create_dir_all(scratch.path(folder)).unwrap();
    }
    for index in 0..4 {
        let target = RgbImage::from_pixel(16, 16, Rgb([90, 40 * index, 200]));
        let target_path = scratch.path(&format!("data/B/{index}.png"));
        target.save(target_path).unwrap();
        let source = scratch.path(&format!("data/A/{index}.tif"));
        fs::copy(fixtures.join("palette.tif"), source).unwrap();
    }
    fs::copy(
        fixtures.join("palette_whole.tif"),
        scratch.path("whole/9.tif"),
    )
    .unwrap();
    scratch.trained("data", "--nodata-a tag");
    scratch.ok("translate run data/A/0.tif whole/9.tif --out out");
    for (name, first_column) in [("0.tif", true), ("9.tif", false)] {
        let path = scratch.path(&format!("out/{name}"));
        let (found, format) = picture::read(&path).unwrap();
        let metadata = Metadata::read(&Content::from(path.as_path()), format, Page::Only, 3);
        // 0 and 1 are values of other colors
        assert_eq!(metadata.nodata(), Some(2.0));
        for (at, pixel) in found.to_floats().chunks_exact(3).enumerate() {
            let is_gap = first_column && at % 16 == 0;
            assert_eq!(pixel == [2.0; 3], is_gap, "{name}: {at}");
        }
    }
    scratch.ok("prepare gray whole --out gray");
    let output = scratch.run("prepare gray data/A --out other");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("some pixels have no data: 0, as the files say"),
        "{said}"
    );
}
