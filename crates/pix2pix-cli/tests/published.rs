//! `tools/reproduce_published` with a local server, and with made-up data and weights.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use image::ImageFormat;

use crate::common::{Scratch, pair, serve};

const TOOL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tools/reproduce_published"
);
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../pix2pix/tests/fixtures");

/// A data set's archive, with pairs in this split.
fn archive(name: &str, split: &str) -> (String, Vec<u8>) {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (split, index) in [("train", 0), (split, 1), (split, 2), (split, 3)] {
        let mut png = Cursor::new(Vec::new());
        pair(512, 256, index)
            .write_to(&mut png, ImageFormat::Png)
            .unwrap();
        let png = png.into_inner();
        let mut header = tar::Header::new_gnu();
        header.set_size(png.len() as u64);
        header.set_mode(0o644);
        let path = format!("{name}/{split}/{index}.png");
        tar.append_data(&mut header, path, png.as_slice()).unwrap();
    }
    let packed = tar.into_inner().unwrap().finish().unwrap();
    (format!("{name}.tar.gz"), packed)
}

fn run(scratch: &Scratch, mirror: &str, options: &str) -> Output {
    Command::new("python3")
        .args([TOOL, "--program", env!("CARGO_BIN_EXE_pix2pix"), "--out"])
        .arg(scratch.path("out"))
        .args(["--mirror", mirror])
        .args(options.split_whitespace())
        .output()
        .unwrap()
}

#[test]
fn published_weights_are_measured_beside_their_published_numbers() {
    let scratch = Scratch::new();
    let fixture = |name: &str, file: &str| {
        (
            name.to_string(),
            fs::read(Path::new(FIXTURES).join(file)).unwrap(),
        )
    };
    let network = "public/unet_256_net_G.pth";
    let mirror = serve(vec![
        archive("facades", "test"),
        archive("maps", "val"),
        fixture("facades_label2photo.pth", network),
        fixture("map2sat.pth", network),
        fixture("sat2map.pth", network),
        fixture("weights-inception-2015-12-05-6726825d.pth", "inception.pth"),
    ]);
    let tasks = "facades aerial2maps maps2aerial";
    let output = run(&scratch, &mirror, &format!("--only {tasks}"));
    let [table, said] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{said}");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .skip(2)
        .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let known: Vec<[&str; 4]> = rows
        .iter()
        .map(|row| [row[0], row[1], row[3], row[4]])
        .collect();
    assert_eq!(
        known,
        [
            ["facades", "3 of test", "119.14", "124.98"],
            ["aerial2maps", "3 of val", "149.73", "122.59"],
            ["maps2aerial", "3 of val", "102.07", "88.46"],
        ]
    );
    let number = |row: usize, column: usize| rows[row][column].parse::<f64>().unwrap();
    assert!((0..3).all(|row| number(row, 2) > 0.0 && number(row, 5).is_finite()));
    // the same weights and pairs, in the two directions
    assert_ne!(rows[1][2], rows[2][2]);
    // once more, without a download
    let again = run(&scratch, "http://127.0.0.1:9/", &format!("--only {tasks}"));
    assert_eq!(String::from_utf8_lossy(&again.stdout), table);

    // edges2shoes is not there
    let output = run(&scratch, &mirror, "--only edges2shoes");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("404"), "{error}");
    assert!(
        error
            .lines()
            .next_back()
            .unwrap()
            .starts_with("error: edges2shoes: "),
        "{error}"
    );
}
