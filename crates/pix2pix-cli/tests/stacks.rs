//! Several pictures a side, joined as channels: the binary in a scratch folder.

use std::fs;
use std::path::Path;

use image::{ImageBuffer, Luma, imageops};
use pix2pix::data::picture::{self, Content, Format, Metadata, Page};

use crate::common::{SMALL, Scratch, names, pair};

/// Photographs in `data/A1`, their 16-bit depths in `data/A2`, and targets in `data/B`.
fn data(scratch: &Scratch, count: u32) {
    for folder in ["A1", "A2", "B"] {
        fs::create_dir_all(scratch.path(&format!("data/{folder}"))).unwrap();
    }
    for index in 0..count {
        let both = pair(96, 40, index);
        let file = |folder: &str| scratch.path(&format!("data/{folder}/{index}.png"));
        let half = |left| imageops::crop_imm(&both, left, 0, 48, 40).to_image();
        half(0).save(file("A1")).unwrap();
        half(48).save(file("B")).unwrap();
        depths(index).save(file("A2")).unwrap();
    }
}

fn depths(index: u32) -> ImageBuffer<Luma<u16>, Vec<u16>> {
    ImageBuffer::from_fn(48, 40, |x, y| {
        Luma([(1000 * (index + 1) + 20 * x + y) as u16])
    })
}

/// What a GeoTIFF says, whose pixels are half a degree wide, and whose corner is 10 degrees to the east and 50 to the north.
fn place() -> Metadata {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pix2pix/tests/fixtures/pictures");
    let map = Content::from(fixtures.join("map.tif").as_path());
    Metadata::read(&map, Format::Tiff, Page::Only, 1)
}

/// Moves a file of this place 10 degrees to the east.
fn moved(path: &Path) {
    let place = |east: f64| [east, 50.0].map(f64::to_le_bytes).concat();
    let mut bytes = fs::read(path).unwrap();
    let old = place(10.0);
    let at = bytes.windows(old.len()).position(|part| part == old);
    let at = at.expect("the place is there");
    bytes[at..at + old.len()].copy_from_slice(&place(20.0));
    fs::write(path, bytes).unwrap();
}

const RANGE: &str = "--range-a 0:255,0:255,0:255,0:4095";

/// Every file goes to the folder of its place in its side.
#[test]
fn all_pictures_of_a_side_are_split() {
    let scratch = Scratch::new();
    data(&scratch, 4);
    scratch.ok("prepare split data --out parts --val-fraction 0.25");
    assert_eq!(names(&scratch.path("parts/val")), ["A1", "A2", "B"]);
    for name in names(&scratch.path("parts/train/A2")) {
        let [before, after] = ["data", "parts/train"]
            .map(|folder| fs::read(scratch.path(&format!("{folder}/A2/{name}"))).unwrap());
        assert!(before == after);
    }
    let said = scratch.trained("parts", RANGE);
    assert!(said.contains("3 pairs to train on, 1 held out"), "{said}");
}

#[test]
fn folders_and_tables_are_joined_as_channels() {
    let scratch = Scratch::new();
    data(&scratch, 3);
    let output = scratch.run("inspect data");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = "A: 4 channels, 16-bit at most, 2 files each, the first PNG (pictures: 3)\n";
    assert!(said.contains(line), "{said}");
    let said = scratch.trained("data", RANGE);
    assert!(
        said.contains("folders A1, A2, B, matched by name"),
        "{said}"
    );
    assert!(
        said.contains("A: 4 channels, 16-bit from 0 to 255, 0 to 255, 0 to 255, 0 to 4095"),
        "{said}"
    );
    let metrics = || fs::read_to_string(scratch.path("run/metrics.jsonl")).unwrap();
    let found = metrics();
    // the same channels in one file
    fs::create_dir_all(scratch.path("joined/A")).unwrap();
    fs::create_dir_all(scratch.path("joined/B")).unwrap();
    for index in 0..3 {
        let read = |folder: &str| {
            let path = scratch.path(&format!("data/{folder}/{index}.png"));
            picture::read(&path).unwrap().0
        };
        let joined = picture::Picture::with_all_channels(&[read("A1"), read("A2")]);
        assert_eq!(
            (joined.channels(), joined.depth()),
            (4, picture::Depth::U16)
        );
        let path = scratch.path(&format!("joined/A/{index}.tif"));
        picture::write(&path, &joined, picture::Format::Tiff).unwrap();
        let target = format!("B/{index}.png");
        fs::copy(
            scratch.path(&format!("data/{target}")),
            scratch.path(&format!("joined/{target}")),
        )
        .unwrap();
    }
    scratch.trained("joined", RANGE);
    assert_eq!(metrics(), found);
    let lines = (0..3).map(|index| format!("B/{index}.png,A2/{index}.png,A1/{index}.png\n"));
    let table = format!("b,a2,a1\n{}", lines.collect::<String>());
    fs::write(scratch.path("data/pairs.csv"), table).unwrap();
    scratch.trained("data", RANGE);
    assert_eq!(metrics(), found);
    let json = (0..3).map(|index| {
        format!("{{\"a\": [\"A1/{index}.png\", \"A2/{index}.png\"], \"b\": \"B/{index}.png\"}}\n")
    });
    fs::write(scratch.path("data/list.jsonl"), json.collect::<String>()).unwrap();
    scratch.trained("data/list.jsonl", RANGE);
    assert_eq!(metrics(), found);

    // the files of one picture are translated together
    scratch.ok("translate run data/A1 data/A2 --stack --out stacked");
    scratch.ok("translate run joined/A --out translated");
    let read = |name: &str| picture::read(&scratch.path(name)).unwrap().0;
    for index in 0..3 {
        let [one, other] = ["stacked", "translated"].map(|folder| {
            let found = ["png", "tif"].map(|ending| format!("{folder}/{index}.{ending}"));
            let name = found
                .iter()
                .find(|name| scratch.path(name).exists())
                .unwrap();
            read(name)
        });
        assert_eq!(one, other);
    }
    // the second shows another place on the map
    for (name, from) in [
        ("photo.tif", "data/A1/0.png"),
        ("depth.tif", "data/A2/0.png"),
    ] {
        let path = scratch.path(name);
        picture::write_with(&path, &read(from), Format::Tiff, &place()).unwrap();
    }
    let translated = |out: &str| {
        scratch.ok(&format!(
            "translate run photo.tif depth.tif --stack --out {out}"
        ))
    };
    let said = translated("here");
    assert!(!said.contains("pixels off"), "{said}");
    moved(&scratch.path("depth.tif"));
    let said = translated("there");
    let note = "  note: depth.tif is up to 20.0 pixels off photo.tif: they are joined as they are, and the result has the \
                place of the first\n";
    assert!(said.contains(note), "{said}");
    for (command, told) in [
        ("translate run data/A1 --stack --out alone", "--stack"),
        // a browser's pictures have as many, but the fourth is opacity
        (
            "export run --format web --out site",
            "its sources have 4 channels, and a drawing in a browser has 1 or 3",
        ),
    ] {
        let output = scratch.run(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(told), "{said}");
    }
    scratch.ok("evaluate run data --split train");
}

/// Browsers draw pictures of four channels, and so does whoever gives only one of a source's files.
#[test]
fn six_channels_are_files_that_are_given_together() {
    let scratch = Scratch::new();
    data(&scratch, 2);
    for index in 0..2 {
        let file = |folder: &str| scratch.path(&format!("data/{folder}/{index}.png"));
        fs::copy(file("B"), file("A2")).unwrap();
    }
    scratch.trained("data", "");
    for (command, told) in [
        (
            "export run --format web --out site",
            ["its sources have 6 channels", "pix2pix serve"],
        ),
        (
            "translate run data/A1 --out translated",
            ["3 channels cannot become 6", "with --stack"],
        ),
    ] {
        let output = scratch.run(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.lines().count() == 1,
            "{said}"
        );
        assert!(told.iter().all(|part| said.contains(part)), "{said}");
    }
    assert!(!scratch.path("site").exists());
}

#[test]
fn what_does_not_fit_is_refused() {
    let scratch = Scratch::new();
    data(&scratch, 3);
    let refused = |options: &str| {
        let output = scratch.run(&format!("train data --out run --steps 1 {SMALL} {options}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.lines().count() == 1,
            "{said}"
        );
        said
    };
    assert!(refused("").contains("--range-a must be given for each channel"));
    assert!(refused("--labels-a 5").contains("--labels-a is for one picture a side"));
    fs::remove_file(scratch.path("data/A2/1.png")).unwrap();
    let said = refused(RANGE);
    assert!(
        said.contains("without a partner") && said.contains("data/A1/1.png"),
        "{said}"
    );
    let small = ImageBuffer::<Luma<u16>, Vec<u16>>::new(20, 40);
    small.save(scratch.path("data/A2/1.png")).unwrap();
    let said = refused(RANGE);
    assert!(said.contains("data/A2/1.png: 20x40 pixels"), "{said}");
}

/// Two stains: what is right on the whole may be wrong in one of them.
#[test]
fn each_channel_of_the_targets_is_scored() {
    let scratch = Scratch::new();
    for folder in ["A", "B1", "B2"] {
        fs::create_dir_all(scratch.path(&format!("data/{folder}"))).unwrap();
    }
    for index in 0..3 {
        let file = |folder: &str| scratch.path(&format!("data/{folder}/{index}.png"));
        pair(48, 40, index).save(file("A")).unwrap();
        depths(index).save(file("B1")).unwrap();
        depths(2 - index).save(file("B2")).unwrap();
    }
    scratch.trained("data", "--range-b 0,4095");
    let json = scratch.ok("evaluate run data --split train --json");
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    let found = &found[0];
    let channels = found["channels"].as_array().unwrap();
    assert_eq!(channels.len(), 2);
    let l1: Vec<f64> = channels
        .iter()
        .map(|of| of["l1"].as_f64().unwrap())
        .collect();
    // both have as many samples
    let both = found["means"]["l1"]["mean"].as_f64().unwrap();
    assert!(
        ((l1[0] + l1[1]) / 2.0 - both).abs() < 1e-4,
        "{l1:?}, {both}"
    );
    let table = scratch.ok("evaluate run data --split train");
    assert!(table.contains("channel 2: Pearson correlation"), "{table}");
    assert!(
        table.contains("no MS-SSIM: it needs pictures of at least 176x176 pixels"),
        "{table}"
    );
}
