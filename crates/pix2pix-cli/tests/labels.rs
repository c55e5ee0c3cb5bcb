//! Label maps as sources and as targets: the binary in a scratch folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use image::{GrayImage, Luma, Rgb, RgbImage, imageops};
use pix2pix::data::picture::{self, Format, Picture, Samples};
use serde_json::Value;

use crate::common::{SMALL, Scratch, pair};
use crate::learning::data_of;

/// The colors of sky, wall and window.
const COLORS: [[u8; 3]; 3] = [[0, 0, 170], [0, 85, 255], [255, 170, 0]];
const PALETTE: &str = r#"[{"name": "sky", "color": [0, 0, 170]}, {"name": "wall", "color": [0, 85, 255]},
    {"name": "window", "color": [255, 170, 0]}]"#;

/// The class of a pixel of pair `index`: a wall under the sky, with a window.
fn class(index: u32, x: u32, y: u32) -> usize {
    match (x, y) {
        (20..30, 20..30) => 2,
        _ if y > 12 + index => 1,
        _ => 0,
    }
}

fn in_color(index: u32) -> RgbImage {
    RgbImage::from_fn(48, 40, |x, y| Rgb(COLORS[class(index, x, y)]))
}

fn in_ids(index: u32) -> GrayImage {
    GrayImage::from_fn(48, 40, |x, y| Luma([class(index, x, y) as u8]))
}

/// Photographs in `data/A`, and an empty `data/B`.
fn photographs(scratch: &Scratch, count: u32) {
    for folder in ["data/A", "data/B"] {
        fs::create_dir_all(scratch.path(folder)).unwrap();
    }
    for index in 0..count {
        let photo = imageops::crop_imm(&pair(96, 40, index), 0, 0, 48, 40).to_image();
        photo
            .save(scratch.path(&format!("data/A/{index}.png")))
            .unwrap();
    }
    fs::write(scratch.path("palette.json"), PALETTE).unwrap();
}

/// Label maps in color in `data/B`.
fn maps(scratch: &Scratch, count: u32, extension: &str) {
    for index in 0..count {
        in_color(index)
            .save(scratch.path(&format!("data/B/{index}.{extension}")))
            .unwrap();
    }
}

fn colors_of(picture: &RgbImage) -> BTreeSet<[u8; 3]> {
    picture.pixels().map(|pixel| pixel.0).collect()
}

/// The last line of `scores.jsonl`.
fn scores(scratch: &Scratch) -> Value {
    let text = fs::read_to_string(scratch.path("run/scores.jsonl")).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn targets_are_learned_scored_and_drawn_as_classes() {
    let scratch = Scratch::new();
    photographs(&scratch, 4);
    maps(&scratch, 4, "png");
    let options = "--labels-b palette.json --val-fraction 0.5 --keep-best iou --report";
    let said = scratch.trained("data", options);
    assert!(
        said.contains("B: label maps of 3 classes by color"),
        "{said}"
    );
    assert!(
        said.contains("pixel accuracy 0.")
            && said.contains("mean IoU 0.")
            && said.contains("G L1 ")
            && !said.contains("PSNR")
            && !said.contains("of 255"),
        "{said}"
    );
    let found = scores(&scratch);
    assert!(
        found["psnr"].is_null() && found["ssim"].is_null(),
        "{found}"
    );
    let [accuracy, iou] = ["accuracy", "iou"].map(|name| found[name].as_f64().unwrap());
    assert!(accuracy <= 1.0 && iou <= accuracy, "{found}");

    // the palette goes with the checkpoint; the run's own files are not needed
    fs::remove_file(scratch.path("palette.json")).unwrap();
    let said = scratch.run("train --resume run --steps 4");
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    scratch.ok("translate run data/A --out translated");
    for index in 0..4 {
        let picture = image::open(scratch.path(&format!("translated/{index}.png"))).unwrap();
        assert_eq!(picture.color(), image::ColorType::Rgb8);
        let known = BTreeSet::from(COLORS);
        let found = colors_of(&picture.into_rgb8());
        assert!(found.is_subset(&known), "{found:?}");
    }
    // tiles blend the classes' values, not their colors
    fs::create_dir(scratch.path("large")).unwrap();
    let large = imageops::resize(&pair(96, 40, 1), 300, 200, imageops::FilterType::Triangle);
    large.save(scratch.path("large/photo.png")).unwrap();
    scratch.ok("translate run large --out tiled --tile 64 --fit resize");
    let tiled = image::open(scratch.path("tiled/photo.png"))
        .unwrap()
        .into_rgb8();
    assert!(colors_of(&tiled).is_subset(&BTreeSet::from(COLORS)));

    let evaluated = scratch.ok("evaluate run data --json");
    let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
    let classes = evaluated[0]["classes"].as_array().unwrap();
    let names: Vec<&str> = classes
        .iter()
        .map(|class| class["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["sky", "wall", "window"]);
    assert!(evaluated[0]["means"]["psnr"].is_null(), "{evaluated}");
    // the same pairs, the same numbers as in training
    let close = |found: &Value, wanted: f64| (found.as_f64().unwrap() - wanted).abs() < 1e-9;
    let last = scores(&scratch);
    assert!(close(
        &evaluated[0]["mean_iou"],
        last["iou"].as_f64().unwrap()
    ));
    assert!(close(
        &evaluated[0]["accuracy"],
        last["accuracy"].as_f64().unwrap()
    ));
    let table = scratch.ok("evaluate run data");
    assert!(
        table.contains("IoU of window") && !table.contains("PSNR"),
        "{table}"
    );
    let report = fs::read_to_string(scratch.path("run/report.html")).unwrap();
    for (part, is_there) in [
        ("Held-out pairs: mean IoU", true),
        ("Generator loss: L1 of the classes", true),
        (r#""target.labels.classes":"3 classes ("#, true),
        (r#""classes":true"#, true),
        ("Training pairs: L1", false),
        ("Held-out pairs: L1", false),
        ("Held-out pairs: PSNR", false),
    ] {
        assert_eq!(report.contains(part), is_there, "{part}");
    }
    let table = scratch.ok("runs run");
    let best = last["iou"].as_f64().unwrap();
    assert!(
        table.contains("  accuracy     IoU  at step") && !table.contains("L1"),
        "{table}"
    );
    let shown: f64 = table
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .rev()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    assert!(shown >= best - 1e-4, "{table}");
    // beside a run of pictures, each has its own
    scratch.pairs("pairs", 2);
    scratch.ok(&format!(
        "train pairs --out other --steps 1 {SMALL} --val-fraction 0.5"
    ));
    let table = scratch.ok("runs");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .take(3)
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0][4..],
        [
            "L1", "(of", "255)", "PSNR", "(dB)", "SSIM", "SWD", "(x1000)", "accuracy", "IoU", "at",
            "step"
        ]
    );
    assert!(
        rows[1][0].ends_with("other") && rows[1][8..10] == ["-", "-"],
        "{table}"
    );
    assert!(
        rows[2][0].ends_with("run") && rows[2][4..8] == ["-"; 4],
        "{table}"
    );
    scratch.ok("export run --out run.onnx --with-image-io");
}

#[test]
fn sources_are_read_as_ids_or_by_their_colors() {
    let scratch = Scratch::new();
    photographs(&scratch, 2);
    for index in 0..2 {
        in_ids(index)
            .save(scratch.path(&format!("data/B/{index}.png")))
            .unwrap();
    }
    let said = scratch.trained("data", "--labels-b palette.json --direction b-to-a");
    assert!(said.contains("B: label maps of 3 classes by id"), "{said}");
    // a drawing in the classes' colors means the same as the ids
    in_color(1).save(scratch.path("drawn.png")).unwrap();
    scratch.ok("translate run drawn.png data/B/1.png --out translated");
    let [drawn, ids] = ["drawn", "1"].map(|name| {
        let path = scratch.path(&format!("translated/{name}.png"));
        image::open(path).unwrap().into_rgb8()
    });
    assert_eq!(drawn, ids);
    let mut wrong = in_ids(0);
    wrong.put_pixel(7, 5, Luma([9]));
    wrong.save(scratch.path("wrong.png")).unwrap();
    let output = scratch.run("translate run wrong.png --out translated");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains(
            "wrong.png: the class id 9 at x=7, y=5, which no class has: ids are from 0 to 2"
        ),
        "{said}"
    );
    // one that is read window by window
    let mut ids = vec![1; 16_400 * 32];
    ids[20 * 16_400 + 9000] = 77;
    let long = Picture::new([16_400, 32], 1, Samples::U8(ids));
    picture::write(&scratch.path("long.tif"), &long, Format::Tiff).unwrap();
    let output = scratch.run("translate run long.tif --out large");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let told = "long.tif: the class id 77 at x=9000, y=20, which no class has";
    assert!(said.contains(told), "{said}");
    assert!(!scratch.path("large").exists());
}

/// A PNG of 48x40 pixels that are indices of this palette (W3C, PNG specification).
fn indexed(path: &Path, palette: [[u8; 3]; 3], index: impl Fn(u32, u32) -> usize) {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], content: &[u8]| {
        let checked = [&kind[..], content].concat();
        let mut checksum = flate2::Crc::new();
        checksum.update(&checked);
        file.extend((content.len() as u32).to_be_bytes());
        file.extend(checked);
        file.extend(checksum.sum().to_be_bytes());
    };
    chunk(b"IHDR", &[0, 0, 0, 48, 0, 0, 0, 40, 8, 3, 0, 0, 0]);
    chunk(b"PLTE", &palette.concat());
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    for y in 0..40 {
        let row = (0..48).map(|x| index(x, y) as u8);
        // no filter
        let row: Vec<u8> = std::iter::once(0).chain(row).collect();
        std::io::Write::write_all(&mut packed, &row).unwrap();
    }
    chunk(b"IDAT", &packed.finish().unwrap());
    chunk(b"IEND", &[]);
    fs::write(path, file).unwrap();
}

/// Programs order the colors of a palette by how often they occur: the same index is then another class.
#[test]
fn palettes_of_another_order_are_told() {
    let scratch = Scratch::new();
    photographs(&scratch, 2);
    let place = |index: u32| scratch.path(&format!("data/B/{index}.png"));
    indexed(&place(0), COLORS, |x, y| class(0, x, y));
    let [sky, wall, window] = COLORS;
    let told = "note: the palettes of B differ: index 0 is 0,0,170 in data/B/0.png, but 255,170,0 in data/B/1.png; if \
                classes are colors, give --labels-b a palette file";
    for (palette, is_told) in [([sky, wall, window], false), ([window, wall, sky], true)] {
        indexed(&place(1), palette, |x, y| {
            let color = COLORS[class(1, x, y)];
            palette.iter().position(|known| *known == color).unwrap()
        });
        let said = scratch.ok("inspect data --labels-b 3 --sheet sheet.png --force");
        assert_eq!(said.contains(told), is_told, "{said}");
        let said = scratch.trained("data", "--labels-b 3");
        assert_eq!(said.contains(told), is_told, "{said}");
        let said = scratch.trained("data", "--labels-b palette.json");
        assert!(
            said.contains("3 classes by color") && !said.contains("palettes"),
            "{said}"
        );
    }
}

#[test]
fn maps_in_color_are_evaluated_as_their_ids_are() {
    for direction in ["a-to-b", "b-to-a"] {
        let scratch = Scratch::new();
        photographs(&scratch, 2);
        for folder in ["colors/A", "colors/B"] {
            fs::create_dir_all(scratch.path(folder)).unwrap();
        }
        for index in 0..2 {
            let [photo, map, same, color] = ["data/A", "data/B", "colors/A", "colors/B"]
                .map(|folder| scratch.path(&format!("{folder}/{index}.png")));
            fs::copy(photo, same).unwrap();
            in_ids(index).save(map).unwrap();
            in_color(index).save(color).unwrap();
        }
        let options = format!("--labels-b palette.json --direction {direction}");
        let said = scratch.trained("data", &options);
        assert!(said.contains("B: label maps of 3 classes by id"), "{said}");
        let [ids, colors] = ["data", "colors"].map(|data| {
            let said = scratch.ok(&format!("evaluate run {data} --json"));
            let all: Value = serde_json::from_str(&said).unwrap();
            all[0]["pictures"].clone()
        });
        assert_eq!(ids.as_array().unwrap().len(), 2);
        assert_eq!(ids, colors, "{direction}");
    }
}

#[test]
fn exact_files_with_other_values_are_refused_and_jpegs_told() {
    let scratch = Scratch::new();
    photographs(&scratch, 2);
    let mut wrong = in_color(0);
    wrong.put_pixel(3, 4, Rgb([0, 85, 250]));
    wrong.save(scratch.path("data/B/0.png")).unwrap();
    in_color(1).save(scratch.path("data/B/1.png")).unwrap();
    let train = format!("train data --out run --steps 1 {SMALL} --labels-b palette.json");
    let output = scratch.run(&train);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    for words in [
        "data/B/0.png: the color 0,85,250 at x=3, y=4",
        "the nearest of the palette's 3 is wall",
        "--labels-b",
    ] {
        assert!(said.contains(words), "{said}");
    }
    for index in 0..2 {
        fs::remove_file(scratch.path(&format!("data/B/{index}.png"))).unwrap();
    }
    maps(&scratch, 2, "jpg");
    let said = scratch.trained("data", "--labels-b palette.json");
    assert!(
        said.contains("% of the pixels of B have a color that is not near"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_is_refused_before_training() {
    let scratch = Scratch::new();
    photographs(&scratch, 2);
    maps(&scratch, 2, "png");
    for (options, reason) in [
        ("--labels-b 3", "the pictures of B are in color"),
        (
            "--labels-b 1",
            "--labels-b is 1 classes; label maps have 2 to 256",
        ),
        ("--labels-b none.json", "none.json: cannot read the palette"),
        (
            "--labels-b palette.json --range-b 0,9",
            "--range-b has no meaning for label maps",
        ),
        (
            "--labels-b palette.json --val-fraction 0.5 --keep-best psnr",
            "--keep-best is accuracy or iou",
        ),
        (
            "--labels-b palette.json --diff-augment color,cutout",
            "--diff-augment color changes the colors of the targets",
        ),
        (
            "--val-fraction 0.5 --keep-best iou",
            "accuracy and iou are of label maps",
        ),
        (
            "--labels-b palette.json --direction b-to-a --labels-a 300",
            "--labels-a is 300 classes",
        ),
    ] {
        let output = scratch.run(&format!("train data --out run --steps 1 {SMALL} {options}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{options}: {said}");
        assert!(
            said.contains(reason) && said.lines().count() == 1,
            "{options}: {said}"
        );
    }
}

/// What it has found is of interest, whether its files can be written at the places that it has chosen or not.
#[test]
fn inspect_goes_on_without_its_files() {
    let scratch = Scratch::new();
    photographs(&scratch, 2);
    maps(&scratch, 2, "png");
    for folder in ["inspect.png", "inspect.b.json"] {
        fs::create_dir(scratch.path(folder)).unwrap();
    }
    let said = scratch.ok("inspect data");
    for file in ["inspect.png", "inspect.b.json"] {
        assert!(
            said.contains(&format!("note: {file}: cannot write the file: ")),
            "{said}"
        );
    }
    assert_eq!(said.matches("; --sheet names another place\n").count(), 2);
    assert!(!said.contains("contact sheet: "), "{said}");
    assert!(said.ends_with("training can begin\n"), "{said}");
    // whoever asks for a file must have it
    let output = scratch.run("inspect data --sheet inspect.png");
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        error.contains("inspect.png: cannot write the file: "),
        "{error}"
    );
}

#[test]
fn inspect_recognizes_label_maps() {
    let scratch = Scratch::new();
    photographs(&scratch, 2);
    maps(&scratch, 2, "png");
    let said = scratch.ok("inspect data");
    assert!(said.contains("B has 3 colors, like label maps"), "{said}");
    assert!(!said.contains("A has"), "{said}");
    assert!(
        said.contains("train with --labels-b inspect.b.json"),
        "{said}"
    );
    // what is told to be typed is words of the shell
    let said = scratch.bash("$pix2pix inspect data --sheet \"it's a sheet.png\"");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let (_, options) = said.split_once("train with ").expect("a palette");
    let options = options.lines().next().unwrap();
    let output = scratch.bash(&format!("$pix2pix inspect data {options}"));
    assert!(output.status.success(), "{options}");
    // a palette to which its user gave names stays
    let named = fs::read_to_string(scratch.path("inspect.b.json")).unwrap();
    let named = named.replacen(r#""name":"""#, r#""name":"sky""#, 1);
    fs::write(scratch.path("inspect.b.json"), &named).unwrap();
    let said = scratch.ok("inspect data");
    assert!(
        said.contains("inspect.b.json is there, and stays"),
        "{said}"
    );
    // so it does where --force is for the sheet
    let said = scratch.ok("inspect data --sheet inspect.png --force");
    assert!(
        said.contains("palette: inspect.b.json is there, and stays; for classes, "),
        "{said}"
    );
    let kept = fs::read_to_string(scratch.path("inspect.b.json")).unwrap();
    assert!(kept == named && kept.contains("sky"), "{kept}");
    // one of other colors is another data set's, or none
    let other = named.replace("85,", "86,");
    assert_ne!(other, named);
    for text in [other.as_str(), "no palette"] {
        fs::write(scratch.path("inspect.b.json"), text).unwrap();
        let said = scratch.ok("inspect data");
        let wanted = "inspect.b.json is there, and stays, but it is not of these 3 colors; replace it with --force";
        assert!(
            said.contains(wanted) && !said.contains("train with"),
            "{said}"
        );
    }
    let said = scratch.ok("inspect data --force");
    let told = "palette: inspect.b.json; for classes, train with --labels-b inspect.b.json\n";
    assert!(said.contains(told), "{said}");
    fs::write(scratch.path("inspect.b.json"), &named).unwrap();
    let said = scratch.ok("inspect data --labels-b inspect.b.json");
    assert!(
        said.contains("B, class 2: ") && said.contains("% of the pixels"),
        "{said}"
    );
    for index in 0..2 {
        fs::remove_file(scratch.path(&format!("data/B/{index}.png"))).unwrap();
        in_ids(index)
            .save(scratch.path(&format!("data/B/{index}.png")))
            .unwrap();
    }
    let said = scratch.ok("inspect data");
    assert!(said.contains("for classes, give --labels-b 3"), "{said}");
    // a JPEG of the colors, as in the facades
    for index in 0..2 {
        fs::remove_file(scratch.path(&format!("data/B/{index}.png"))).unwrap();
    }
    maps(&scratch, 2, "jpg");
    let said = scratch.ok("inspect data");
    assert!(
        said.contains("colors, like label maps") && !said.contains("A has"),
        "{said}"
    );
}

/// Held-out maps in which no pixel has data have no scores.
#[test]
fn maps_without_data_are_not_scored() {
    let scratch = Scratch::new();
    for split in ["train", "val"] {
        for (side, value) in [("A", 1), ("B", 2)] {
            let folder = scratch.path(&format!("data/{split}/{side}"));
            fs::create_dir_all(&folder).unwrap();
            let value = if (split, side) == ("val", "B") {
                255
            } else {
                value
            };
            for name in ["1.png", "2.png"] {
                let map = GrayImage::from_fn(64, 64, |x, _| Luma([value.max((x / 32) as u8)]));
                map.save(folder.join(name)).unwrap();
            }
        }
    }
    let train = format!("--labels-b 3 --nodata-b 255 {SMALL} --steps 1");
    let output = scratch.run(&format!("train data --out run {train}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("none of the held-out pairs has a pixel with data"),
        "{said}"
    );
    assert!(!scratch.path("run").exists());
    scratch.ok(&format!("train data/train --out run {train}"));
    let output = scratch.run("evaluate run data");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("data: none of its pairs has a pixel with data"),
        "{said}"
    );
}

/// Pixel accuracy is over all pixels of the pairs, as IoU is and as it is in training: a map with little data counts little.
#[test]
fn accuracy_is_over_all_pixels() {
    let scratch = Scratch::new();
    for folder in ["data/A", "data/B"] {
        fs::create_dir_all(scratch.path(folder)).unwrap();
    }
    let known = [64 * 64, 64 * 4];
    for (index, known) in (0..).zip(known) {
        let photo = imageops::crop_imm(&pair(128, 64, index), 0, 0, 64, 64).to_image();
        let map = GrayImage::from_fn(64, 64, |x, y| match 64 * y + x < known {
            true => Luma([u8::from(x < 32)]),
            false => Luma([255]),
        });
        let file = |side: &str| scratch.path(&format!("data/{side}/{index}.png"));
        photo.save(file("A")).unwrap();
        map.save(file("B")).unwrap();
    }
    scratch.trained("data", "--labels-b 2 --nodata-b 255 --resize none");
    let evaluated = scratch.ok("evaluate run data --split train --json");
    let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
    let pictures = evaluated[0]["pictures"].as_array().unwrap();
    let right = pictures.iter().zip(known).map(|(picture, known)| {
        let share = picture["accuracy"].as_f64().unwrap();
        share * f64::from(known)
    });
    let wanted = right.sum::<f64>() / f64::from(known[0] + known[1]);
    let found = evaluated[0]["accuracy"].as_f64().unwrap();
    assert!((found - wanted).abs() < 1e-9, "{found}, not {wanted}");
    let table = scratch.ok("evaluate run data --split train");
    for label in [
        "pixel accuracy, higher is better",
        "pixel accuracy of a pair, mean of the pairs",
    ] {
        assert!(table.contains(label), "{table}");
    }
    let row = |line: &&str| line.contains("pixel accuracy, higher is better");
    let row = table.lines().find(row).unwrap();
    assert!(row.ends_with(&format!("{found:.4}")), "{table}");
}

/// As in `evaluate`: the nearest class of another color would be scored as if it were the pixel's.
#[test]
fn a_gallery_scores_maps_of_the_models_classes_alone() {
    let scratch = Scratch::new();
    photographs(&scratch, 2);
    for index in 0..2 {
        let file = scratch.path(&format!("data/B/{index}.png"));
        in_ids(index).save(file).unwrap();
    }
    scratch.trained("data", "--labels-b palette.json");
    fs::create_dir(scratch.path("pairs")).unwrap();
    let mut both = RgbImage::new(96, 40);
    let photo = image::open(scratch.path("data/A/0.png"))
        .unwrap()
        .into_rgb8();
    imageops::replace(&mut both, &photo, 0, 0);
    // the colors of classes are classes
    imageops::replace(&mut both, &in_color(0), 48, 0);
    both.save(scratch.path("pairs/good.png")).unwrap();
    both.put_pixel(48 + 3, 4, Rgb([0, 85, 250]));
    both.save(scratch.path("pairs/other.png")).unwrap();
    let said = scratch.ok("translate run pairs --out out --pairs yes --gallery");
    let note = "  note: other has no scores in the gallery, because of its target: the color 0,85,250 at x=3, y=4, which \
                no class has";
    assert!(said.contains(note), "{said}");
    assert!(!said.contains("note: good"), "{said}");
    let gallery = data_of(&scratch.path("out/gallery.html"));
    let entries = gallery[0]["entries"].as_array().unwrap();
    let of = |name: &str| entries.iter().find(|entry| entry["name"] == name).unwrap();
    let [good, other] = ["good", "other"].map(of);
    let output = image::open(scratch.path("out/good.png"))
        .unwrap()
        .into_luma8();
    let right = output
        .enumerate_pixels()
        .filter(|(x, y, pixel)| usize::from(pixel[0]) == class(0, *x, *y));
    let wanted = right.count() as f64 / (48.0 * 40.0);
    let found = good["scores"]["accuracy"].as_f64().unwrap();
    assert!((found - wanted).abs() < 1e-9, "{found}, not {wanted}");
    assert_eq!(good["pictures"].as_array().unwrap().len(), 4);
    assert_eq!(other["pictures"].as_array().unwrap().len(), 2);
    assert!(other["scores"].as_object().unwrap().is_empty(), "{other}");
}

/// Masks of 0 and 255, as programs write them, and as files of one bit are read.
#[test]
fn masks_are_two_classes() {
    let scratch = Scratch::new();
    photographs(&scratch, 2);
    let masks = |value: u8| {
        for index in 0..2 {
            let mask = GrayImage::from_fn(48, 40, |x, y| match class(index, x, y) {
                2 => Luma([value]),
                _ => Luma([0]),
            });
            mask.save(scratch.path(&format!("data/B/{index}.png")))
                .unwrap();
        }
    };
    masks(255);
    let said = scratch.trained("data", "--labels-b 2");
    assert!(
        said.contains("B: label maps of 2 classes by gray level"),
        "{said}"
    );
    assert!(!said.contains("no pixel of"), "{said}");
    scratch.ok("translate run data/A --out out");
    let output = image::open(scratch.path("out/0.png")).unwrap().into_luma8();
    assert!(output.pixels().all(|pixel| [0, 255].contains(&pixel[0])));
    // without their foreground, nothing is left to learn
    let said = scratch.trained("data", "--labels-b 2 --nodata-b 255");
    let told = "note: no pixel of B is of class 1: a network learns nothing of what it never sees";
    assert!(said.contains(told), "{said}");
    let said = scratch.trained("data", "--labels-b 2 --nodata-b 9");
    let told = "note: no pixel of B that was looked at is 9, which --nodata-b names for pixels without data: all have data";
    assert!(said.contains(told), "{said}");
    // another gray level is no id
    masks(100);
    let output = scratch.run(&format!(
        "train data --out gray --steps 1 {SMALL} --labels-b 2"
    ));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let told = "data/B/0.png: the class id 100 at x=20, y=20, which no class has: ids are from 0 to 1; if the classes are gray \
                levels or colors, give --labels-b their palette, which `pix2pix inspect` without it writes; ";
    assert!(!output.status.success() && said.contains(told), "{said}");
}

/// What `prepare combine` makes of class ids beside a photograph.
#[test]
fn ids_in_three_channels_are_read_as_ids() {
    let scratch = Scratch::new();
    photographs(&scratch, 2);
    let thrice = |index: u32, x: u32, y: u32| Rgb([class(index, x, y) as u8; 3]);
    for index in 0..2 {
        let map = RgbImage::from_fn(48, 40, |x, y| thrice(index, x, y));
        map.save(scratch.path(&format!("data/B/{index}.png")))
            .unwrap();
    }
    let train = format!("train data --out refused --steps 1 {SMALL} --labels-b 3");
    let output = scratch.run(&train);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let told = "where all three channels are the same id, --channels-b 1";
    assert!(!output.status.success() && said.contains(told), "{said}");
    let said = scratch.trained("data", "--labels-b 3 --channels-b 1");
    assert!(said.contains("B: label maps of 3 classes by id"), "{said}");
    // as one channel is
    fs::create_dir_all(scratch.path("ids/B")).unwrap();
    fs::create_dir_all(scratch.path("ids/A")).unwrap();
    for index in 0..2 {
        let name = format!("{index}.png");
        let photo = scratch.path("data/A").join(&name);
        fs::copy(photo, scratch.path("ids/A").join(&name)).unwrap();
        let map = scratch.path("ids/B").join(&name);
        in_ids(index).save(map).unwrap();
    }
    let [colors, ids] = ["data", "ids"].map(|data| {
        let said = scratch.ok(&format!("evaluate run {data} --json"));
        let all: Value = serde_json::from_str(&said).unwrap();
        all[0]["pictures"].clone()
    });
    assert_eq!(colors, ids);
    let mut map = RgbImage::from_fn(48, 40, |x, y| thrice(0, x, y));
    map.put_pixel(3, 4, Rgb([1, 2, 1]));
    map.save(scratch.path("data/B/0.png")).unwrap();
    let output = scratch.run(&format!("{train} --channels-b 1"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let told = "which no class has: ids are one channel, or three that are equal, from 0 to 2";
    assert!(!output.status.success() && said.contains(told), "{said}");
}

/// Four outputs are RGB and opacity, or four classes.
#[test]
fn a_model_of_classes_begins_runs_of_classes() {
    let scratch = Scratch::new();
    photographs(&scratch, 2);
    for index in 0..2 {
        let map = scratch.path(&format!("data/B/{index}.png"));
        in_ids(index).save(map).unwrap();
    }
    scratch.trained("data", "--labels-b 3");
    let train = "train data --out next --steps 1 --load-size 72 --crop-size 64 --from run";
    for (options, kind) in [
        ("", "amounts in 1 channel"),
        ("--channels-b 3", "amounts in 3 channels"),
        ("--labels-b 4", "label maps of 4 classes by id"),
    ] {
        let output = scratch.run(&format!("{train} {options}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = format!(
            "the targets of the model are label maps of 3 classes by id, and those of the data {kind}; give --labels-b 3, or begin \
             the first and last layers anew with --from-channels new"
        );
        assert_eq!(output.status.code(), Some(2), "{options}: {said}");
        assert!(said.contains(&told), "{options}: {said}");
    }
    scratch.ok(&format!("{train} --labels-b 3"));
}
