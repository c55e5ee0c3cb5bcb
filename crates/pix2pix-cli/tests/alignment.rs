//! Pairs that are not aligned to the pixel: `inspect --align`, `prepare align` and `train --l1-pyramid`.

use std::fs;
use std::path::Path;

use image::{RgbImage, imageops};
use pix2pix::data::picture::{self, Content, Format, Metadata, Page, Picture, Samples};

use crate::common::{SMALL, Scratch, content, names};

/// A training pair of the earth data.
fn earth(index: usize) -> [RgbImage; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pix2pix/data/earth/train");
    let name = &names(&folder)[index];
    let both = image::open(folder.join(name)).unwrap().into_rgb8();
    [0, 256].map(|x| imageops::crop_imm(&both, x, 0, 256, 256).to_image())
}

/// The inner 240x240 pixels, with what they show moved by `[right, down]`, at most 8 pixels.
fn moved(picture: &RgbImage, [right, down]: [i64; 2]) -> RgbImage {
    let [x, y] = [right, down].map(|pixels| (8 - pixels) as u32);
    imageops::crop_imm(picture, x, y, 240, 240).to_image()
}

/// Side-by-side pairs in `folder`: B of the first is 6 pixels to the right and 3 up, that of the second in place, and that of
/// the third of another place.
fn side_by_side(scratch: &Scratch, folder: &str) {
    fs::create_dir_all(scratch.path(folder)).unwrap();
    let other = earth(30);
    let pairs = [
        ("shifted", earth(1), [6, -3]),
        ("still", earth(2), [0, 0]),
        ("unlike", [earth(5)[0].clone(), other[1].clone()], [0, 0]),
    ];
    for (name, [a, b], by) in pairs {
        let mut both = RgbImage::new(480, 240);
        imageops::replace(&mut both, &moved(&a, [0, 0]), 0, 0);
        imageops::replace(&mut both, &moved(&b, by), 240, 0);
        both.save(scratch.path(folder).join(format!("{name}.png")))
            .unwrap();
    }
}

#[test]
fn shifts_are_reported() {
    let scratch = Scratch::new();
    side_by_side(&scratch, "data");
    let said = scratch.ok("inspect data --align");
    let row = said.lines().rfind(|line| line.starts_with("train "));
    let cells: Vec<&str> = row.expect(&said).split_whitespace().collect();
    // the second table is that of the shifts
    assert_eq!([cells[1], cells[2], cells[5]], ["3", "1", "1"], "{said}");
    let [median, largest] = [3, 4].map(|cell| cells[cell].parse::<f64>().unwrap());
    assert!(
        median > 3.0 && median < 4.5 && (largest - 6.7).abs() < 1.0,
        "{said}"
    );
    let shifted = said
        .lines()
        .find(|line| line.starts_with("shifted: train: "));
    // these tiles are not aligned to the pixel themselves
    let words: Vec<&str> = shifted.expect(&said).split_whitespace().collect();
    let [right, up] = [words[3], words[6]].map(|number| number.parse::<f64>().unwrap());
    assert!(
        (right - 6.0).abs() <= 0.9 && (up - 3.0).abs() <= 0.9,
        "{said}"
    );
    assert_eq!([words[5], words[7]], ["right,", "up"], "{said}");
    assert!(
        said.contains("no reliable shift: train: unlike\n"),
        "{said}"
    );
    assert!(said.contains("prepare align data --out aligned"), "{said}");
    assert!(!scratch.ok("inspect data").contains("shift"));
    // with the options that were typed, or not at all
    let said = scratch.ok("inspect data --align --nodata -1 --pages first");
    assert!(
        said.contains("prepare align data --pages first --nodata -1 --out aligned"),
        "{said}"
    );
    let said = scratch.ok("inspect data --align --nodata-b 255");
    assert!(
        said.contains("takes one --nodata") && !said.contains("--out aligned"),
        "{said}"
    );
}

#[test]
fn pairs_are_aligned_without_invented_pixels() {
    let scratch = Scratch::new();
    side_by_side(&scratch, "data");
    let said = scratch.ok("prepare align data --out aligned");
    assert!(
        said.contains("moved: 1 of these pairs; no reliable shift, left as they are: unlike"),
        "{said}"
    );
    let open = |name: &str| image::open(scratch.path(name)).unwrap().into_rgb8();
    for name in ["still", "unlike"] {
        let file = format!("{name}.png");
        assert!(open(&format!("data/{file}")) == open(&format!("aligned/{file}")));
    }
    let [before, after] = ["data", "aligned"].map(|folder| open(&format!("{folder}/shifted.png")));
    let [width, height] = [after.width() / 2, after.height()];
    let [right, up] = [240 - width, 240 - height];
    assert!((5..=7).contains(&right) && (2..=4).contains(&up));
    let part =
        |picture: &RgbImage, x, y| imageops::crop_imm(picture, x, y, width, height).to_image();
    assert!(part(&after, 0, 0) == part(&before, 0, up));
    assert!(part(&after, width, 0) == part(&before, 240 + right, 0));
    let said = scratch.ok("prepare align earth --out tiles");
    assert!(said.contains("62 files in tiles"), "{said}");
    // an interrupted command goes on
    fs::remove_file(scratch.path("aligned/still.png")).unwrap();
    let said = scratch.ok("prepare align data --out aligned");
    assert!(
        said.contains("1 file in aligned, 2 already existed"),
        "{said}"
    );
    for option in ["--size 64", "--range 0,9"] {
        let output = scratch.run(&format!("prepare align data --out new {option}"));
        assert_eq!(output.status.code(), Some(2), "{option}");
        assert!(!scratch.path("new").exists());
    }
}

/// 16-bit TIFF and floating-point arrays in two folders: they stay so, with the value of pixels without data.
#[test]
fn files_keep_their_depth_format_and_folders() {
    let scratch = Scratch::new();
    let [a, b] = earth(1);
    let deep = |picture: &RgbImage, by: [i64; 2]| -> Vec<u16> {
        let gray = imageops::grayscale(&moved(picture, by));
        gray.iter().map(|value| u16::from(*value) * 16).collect()
    };
    let a = Picture::new([240; 2], 1, Samples::U16(deep(&a, [0, 0])));
    let heights: Vec<f32> = deep(&b, [-4, 5]).into_iter().map(f32::from).collect();
    let b = Picture::new([240; 2], 1, Samples::F32(heights));
    for folder in ["data/train/A", "data/train/B", "data/val/A", "data/val/B"] {
        fs::create_dir_all(scratch.path(folder)).unwrap();
    }
    let tag = Metadata::default().with_nodata(Some(65535.0));
    for split in ["train", "val"] {
        let file =
            |side: &str, ending: &str| scratch.path(&format!("data/{split}/{side}/x.{ending}"));
        picture::write_with(&file("A", "tif"), &a, Format::Tiff, &tag).unwrap();
        picture::write(&file("B", "npy"), &b, Format::Npy).unwrap();
    }
    scratch.ok("prepare align data --out aligned --nodata tag");
    let read = |name: &str| picture::read(&scratch.path(name)).unwrap().0;
    let [first, second] = ["A/x.tif", "B/x.npy"].map(|name| read(&format!("aligned/val/{name}")));
    let size = first.size();
    let [left, down] = size.map(|side| 240 - side);
    assert!(
        (3..=5).contains(&left) && (4..=6).contains(&down),
        "{size:?}"
    );
    assert!(first == a.crop([left, 0], size));
    assert!(second == b.crop([0, down], size));
    let content = Content::from(scratch.path("aligned/val/A/x.tif").as_path());
    let metadata = Metadata::read(&content, Format::Tiff, Page::Only, 1);
    assert_eq!(metadata.nodata(), Some(65535.0));
    let mark = pix2pix::data::PREPARED;
    assert_eq!(names(&scratch.path("aligned")), [mark, "train", "val"]);
}

/// It is not known whether a mask belongs to A or to B.
#[test]
fn pairs_with_masks_are_not_moved() {
    let scratch = Scratch::new();
    for folder in ["A", "B", "mask"] {
        fs::create_dir_all(scratch.path("data").join(folder)).unwrap();
        let [a, _] = earth(0);
        a.save(scratch.path(&format!("data/{folder}/x.png")))
            .unwrap();
    }
    let output = scratch.run("prepare align data --out aligned");
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        error.contains("x.png: a mask") && error.contains("--nodata"),
        "{error}"
    );
    assert!(!scratch.path("aligned").exists());
}

/// The option is stored with the run, resumes bit for bit, and changes the weights but not what is told as L1.
#[test]
fn a_pyramid_trains_and_resumes() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let train = |out: &str, steps: u32, options: &str| {
        scratch.ok(&format!(
            "train data --out {out} --steps {steps} --batch-size 2 --log-every 1 {SMALL} {options}"
        ));
    };
    train("plain", 4, "");
    train("none", 4, "--l1-pyramid 0");
    train("whole", 4, "--l1-pyramid 3");
    train("part", 2, "--l1-pyramid 3");
    scratch.ok("train --resume part --steps 4");
    let weights = |run: &str| {
        let files = content(&scratch.path(&format!("{run}/checkpoints")));
        let mut newest = files
            .into_iter()
            .filter(|(path, _)| path.to_string_lossy().contains("step_"));
        newest.next_back().unwrap().1.unwrap()
    };
    let losses =
        |run: &str| fs::read_to_string(scratch.path(&format!("{run}/metrics.jsonl"))).unwrap();
    assert!(weights("none") == weights("plain"));
    assert_eq!(losses("part"), losses("whole"));
    assert_ne!(losses("plain"), losses("whole"));
    // before the first update
    let first = |run: &str| {
        let line: serde_json::Value =
            serde_json::from_str(losses(run).lines().next().unwrap()).unwrap();
        line["g_l1"].clone()
    };
    assert_eq!(first("plain"), first("whole"));
    let config = fs::read_to_string(scratch.path("whole/config.toml")).unwrap();
    assert!(config.contains("l1_pyramid = 3"), "{config}");
    scratch.ok("translate whole data/pair0.png --out translated");
    for (options, told) in [
        (
            "--l1-pyramid 7",
            "--l1-pyramid is 7; pictures of 64x64 pixels can be halved 6 times",
        ),
        (
            "--l1-pyramid 9",
            "--l1-pyramid is 9; it must be from 0 to 8",
        ),
        (
            "--l1-pyramid 2 --lambda 0",
            "--l1-pyramid needs a weight of L1: --lambda is 0",
        ),
    ] {
        let output = scratch.run(&format!("train data --out new {SMALL} {options}"));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && error.contains(told),
            "{options}: {error}"
        );
        assert!(!scratch.path("new").exists());
    }
}

/// What a target has where there is no data enters no scale, and label maps and recomputed activations have pyramids too.
#[test]
fn a_pyramid_goes_with_masks_labels_and_recomputing() {
    let scratch = Scratch::new();
    let losses = |filler: u8| {
        let _ = fs::remove_dir_all(scratch.path("data"));
        for folder in ["A", "B", "mask"] {
            fs::create_dir_all(scratch.path("data").join(folder)).unwrap();
        }
        for index in 0..2 {
            let [a, b] = earth(index);
            let known = |x: u32| x < 100;
            let mut target = b.clone();
            let mut mask = RgbImage::new(256, 256);
            for (x, y, pixel) in b.enumerate_pixels() {
                mask.get_pixel_mut(x, y).0 = [255 * u8::from(known(x)); 3];
                target.get_pixel_mut(x, y).0 = if known(x) { pixel.0 } else { [filler; 3] };
            }
            for (folder, picture) in [("A", &a), ("B", &target), ("mask", &mask)] {
                picture
                    .save(scratch.path(&format!("data/{folder}/{index}.png")))
                    .unwrap();
            }
        }
        scratch.trained(
            "data",
            "--l1-pyramid 4 --batch-size 2 --log-every 1 --recompute",
        );
        fs::read_to_string(scratch.path("run/metrics.jsonl")).unwrap()
    };
    assert_eq!(losses(3), losses(200));
    fs::remove_dir_all(scratch.path("data")).unwrap();
    for folder in ["A", "B"] {
        fs::create_dir_all(scratch.path("data").join(folder)).unwrap();
        let classes =
            image::GrayImage::from_fn(90, 80, |x, y| image::Luma([((x / 9 + y / 7) % 3) as u8]));
        classes
            .save(scratch.path(&format!("data/{folder}/x.png")))
            .unwrap();
    }
    scratch.trained("data", "--labels-b 3 --range-a 0,2 --l1-pyramid 2");
}
