//! Video: frames through a pipe.

mod common;

use common::{SMALL, Scratch, pair};
use image::RgbImage;

const SIDE: u32 = 64;
const FRAME: usize = (SIDE * SIDE * 3) as usize;

/// A folder with a model, and three different frames.
fn model() -> (Scratch, Vec<RgbImage>) {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.ok(&format!("train data --out run {SMALL} --steps 2 --quiet"));
    let frames = (0..3).map(|index| pair(SIDE, SIDE, 7 * index)).collect();
    (scratch, frames)
}

fn through(scratch: &Scratch, arguments: &str, input: &[u8]) -> Vec<u8> {
    let output = scratch.piped(arguments, input);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments}: {error}");
    output.stdout
}

/// Checks that the input is refused with exit code 1, and returns the single line of standard error.
fn refusal(scratch: &Scratch, arguments: &str, input: &[u8]) -> String {
    let output = scratch.piped(arguments, input);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments}: {error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

fn bytes(frames: &[RgbImage]) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|frame| frame.as_raw().clone())
        .collect()
}

#[test]
fn frames_become_what_pictures_become() {
    let (scratch, frames) = model();
    let input = bytes(&frames);
    std::fs::create_dir(scratch.path("frames")).unwrap();
    for (index, frame) in frames.iter().enumerate() {
        frame
            .save(scratch.path(&format!("frames/{index}.png")))
            .unwrap();
    }
    let translated = |folder: &str| -> Vec<u8> {
        let picture = |index| image::open(scratch.path(&format!("{folder}/{index}.png"))).unwrap();
        (0..3)
            .flat_map(|index| picture(index).into_rgb8().into_raw())
            .collect()
    };
    // the same noise for all frames: that of pictures, alone or together
    scratch.ok("translate run frames --out together --quiet");
    let raw = "translate run --stdin-raw 64x64 --quiet";
    for index in 0..3 {
        scratch.ok(&format!(
            "translate run frames/{index}.png --out alone --quiet"
        ));
    }
    let same = through(&scratch, raw, &input);
    assert!(same == translated("alone"));
    assert!(same == translated("together"));
    let new = through(&scratch, &format!("{raw} --frame-noise new"), &input);
    assert!(same != new);
    // a repeated frame gives the same picture, or with new noise a different one
    let twice = bytes(&[frames[0].clone(), frames[0].clone()]);
    let halves_differ = |arguments: &str| {
        let output = through(&scratch, arguments, &twice);
        output[..FRAME] != output[FRAME..]
    };
    assert!(!halves_differ(raw));
    assert!(halves_differ(&format!("{raw} --frame-noise new")));
    assert!(!halves_differ(&format!(
        "{raw} --frame-noise new --dropout off"
    )));
}

#[test]
fn the_rate_is_told() {
    let (scratch, frames) = model();
    let output = scratch.piped("translate run --stdin-raw 64x64", &bytes(&frames));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.starts_with("3 frames in ") && told.contains(" frames per second"),
        "{told}"
    );
}

/// Luma of a colour in the video's range (BT.601).
fn luma([r, g, b]: [u8; 3]) -> f64 {
    let [r, g, b] = [r, g, b].map(f64::from);
    16.0 + (65.481 * r + 128.553 * g + 24.966 * b) / 255.0
}

#[test]
fn a_yuv4mpeg_video_keeps_its_header_and_its_colours() {
    let (scratch, _) = model();
    let grays: Vec<u8> = (0..SIDE * SIDE).map(|at| 16 + (at % 220) as u8).collect();
    for (chroma, planes, told) in [
        ("C444", 2 * SIDE * SIDE, "C444"),
        ("C420jpeg", SIDE * SIDE / 2, "C420jpeg"),
        ("C422", SIDE * SIDE, "C422"),
        ("Cmono", 0, "C444"),
    ] {
        let mut video = format!("YUV4MPEG2 W{SIDE} H{SIDE} F25:1 Ip A1:1 {chroma}\n").into_bytes();
        for _ in 0..2 {
            video.extend(b"FRAME\n");
            video.extend(&grays);
            video.extend(std::iter::repeat_n(128, planes as usize));
        }
        let output = through(&scratch, "translate run --stdin-y4m --quiet", &video);
        let header = format!("YUV4MPEG2 W{SIDE} H{SIDE} F25:1 Ip A1:1 {told}\nFRAME\n");
        assert!(output.starts_with(header.as_bytes()), "{chroma}");
        let planes = match told {
            "C444" => 3 * SIDE * SIDE,
            "C422" => 2 * SIDE * SIDE,
            _ => 3 * SIDE * SIDE / 2,
        } as usize;
        assert_eq!(output.len(), header.len() + 6 + 2 * planes, "{chroma}");

        // gray = 255/219 of (luma - black level)
        let gray = |luma: &u8| ((f64::from(*luma) - 16.0) * 255.0 / 219.0).round() as u8;
        let rgb: Vec<u8> = grays.iter().flat_map(|luma| [gray(luma); 3]).collect();
        let raw = through(&scratch, "translate run --stdin-raw 64x64 --quiet", &rgb);
        let expected = raw.as_chunks().0.iter().map(|rgb| luma(*rgb));
        let found = &output[header.len()..][..(SIDE * SIDE) as usize];
        let gaps = found
            .iter()
            .zip(expected)
            .map(|(found, luma)| (f64::from(*found) - luma).abs());
        let mean = gaps.sum::<f64>() / f64::from(SIDE * SIDE);
        assert!(mean < 1.5, "{chroma}: luma differs by {mean}");
        let spread = found.iter().max().unwrap() - found.iter().min().unwrap();
        assert!(spread > 20, "{chroma}: the picture is flat");
    }
}

#[test]
fn videos_that_cannot_be_are_named() {
    let (scratch, frames) = model();
    let input = bytes(&frames);
    let raw = "translate run --stdin-raw 64x64";
    let error = refusal(&scratch, raw, &input[..FRAME + 100]);
    assert!(error.contains("in the middle of frame 1"), "{error}");
    let y4m = "translate run --stdin-y4m";
    let error = refusal(&scratch, y4m, b"RIFF....AVI ");
    assert!(error.contains("not a YUV4MPEG2 video"), "{error}");
    let mut video = b"YUV4MPEG2 W64 H64 F25:1 C444\nFRAME\n".to_vec();
    video.extend(&input[..100]);
    let error = refusal(&scratch, y4m, &video);
    assert!(error.contains("in the middle of frame 0"), "{error}");
    let error = refusal(&scratch, y4m, b"YUV4MPEG2 W64 H64 F25:1 C444p10\n");
    assert!(error.contains("-pix_fmt yuv444p"), "{error}");
    // empty input gives a video without frames
    assert!(through(&scratch, &format!("{raw} --quiet"), b"").is_empty());
}
