//! Video: frames through a pipe.

use image::{RgbImage, Rgba, RgbaImage};
use pix2pix::data::picture::{self, Format, Picture, Samples};

use crate::common::{SMALL, Scratch, pair};

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
        told.starts_with("3 frames in ") && told.ends_with(" frames per second\n"),
        "{told}"
    );
    // the blue of one half of each frame is 200, the green of the other 215
    scratch.trained("data", "--range-a 0,199");
    let output = scratch.piped("translate run --stdin-raw 64x64", &bytes(&frames));
    let told = String::from_utf8(output.stderr).unwrap();
    let clipped = "% of its values lie outside of the model's range and were clipped\n";
    assert!(told.ends_with(clipped), "{told}");
}

/// Of a picture with opacity, which the model does not see, only the colors are counted.
#[test]
fn opacity_is_not_clipped() {
    let (scratch, _) = model();
    scratch.trained("data", "--range-a 0,199");
    let note = |name: &str, brightest: u8| {
        let picture = RgbaImage::from_pixel(64, 64, Rgba([brightest, 50, 7, 255]));
        picture.save(scratch.path(name)).unwrap();
        scratch.ok(&format!("translate run {name} --out out"))
    };
    assert!(!note("in.png", 199).contains("clipped"));
    let said = note("out.png", 200);
    assert!(said.contains("33% of its values"), "{said}");
}

/// Before the first byte of a video, which would be one without frames.
#[test]
fn models_that_make_no_frames_of_yuv4mpeg_are_named() {
    let scratch = Scratch::new();
    let header = format!("YUV4MPEG2 W{SIDE} H{SIDE} F25:1 C444\n");
    let size = [SIDE; 2];
    let pixels = 0..SIDE * SIDE;
    let deep = pixels.clone().map(|at| (at * 15) as u16).collect();
    let bands = pixels.flat_map(|at| [at as u8; 5]).collect();
    let deep = Picture::new(size, 1, Samples::U16(deep));
    let bands = Picture::new(size, 5, Samples::U8(bands));
    for side in ["data/A", "data/B"] {
        std::fs::create_dir_all(scratch.path(side)).unwrap();
    }
    for index in 0..2 {
        let photo = pair(SIDE, SIDE, index);
        photo
            .save(scratch.path(&format!("data/A/{index}.png")))
            .unwrap();
    }
    for (other, options, told) in [
        (&deep, "", "run: its pictures have more than 8 bits"),
        (&bands, "", "run: its pictures have 5 channels"),
        (
            &bands,
            "--direction b-to-a",
            "run: its sources have 5 channels",
        ),
    ] {
        for index in 0..2 {
            let file = scratch.path(&format!("data/B/{index}.npy"));
            picture::write(&file, other, Format::Npy).unwrap();
        }
        scratch.trained("data", options);
        let output = scratch.piped("translate run --stdin-y4m", header.as_bytes());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(output.stdout.is_empty(), "{said}");
        assert!(
            said.contains(told) && said.contains("--stdin-raw"),
            "{said}"
        );
    }
}

/// Luma of a color in the video's range (BT.601).
fn luma([r, g, b]: [u8; 3]) -> f64 {
    let [r, g, b] = [r, g, b].map(f64::from);
    16.0 + (65.481 * r + 128.553 * g + 24.966 * b) / 255.0
}

#[test]
fn a_yuv4mpeg_video_keeps_its_header_and_its_colors() {
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

/// A scene of `count` frames through a camera: its noise is uniform from -3 to 3, a deviation of 2 of 255.
fn filmed(scene: &RgbImage, count: u32) -> Vec<RgbImage> {
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        i16::from((state >> 24) as u8 % 7) - 3
    };
    let mut frame = || {
        let mut frame = scene.clone();
        for sample in frame.iter_mut() {
            *sample = (i16::from(*sample) + noise()).clamp(0, 255) as u8;
        }
        frame
    };
    (0..count).map(|_| frame()).collect()
}

/// A scene without samples that noise would push over the border of their range.
fn scene(width: u32, index: u32) -> RgbImage {
    let mut scene = pair(width, SIDE, index);
    for sample in scene.iter_mut() {
        *sample = 20 + *sample / 5 * 4;
    }
    scene
}

/// Mean difference of neighboring frames of `length` bytes, from the frame with this number.
fn flicker(video: &[u8], length: usize, first: usize) -> f64 {
    let frames: Vec<&[u8]> = video.chunks_exact(length).skip(first).collect();
    let gaps = frames.windows(2).flat_map(|pair| {
        let gap = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b));
        pair[0].iter().zip(pair[1]).map(gap)
    });
    gaps.sum::<f64>() / ((frames.len() - 1) * length) as f64
}

/// The stream of a calm video.
const CALM: &str = "translate run --stdin-raw 64x64 --quiet --temporal";

#[test]
fn a_still_video_is_calmed_and_a_new_scene_begins_anew() {
    let (scratch, _) = model();
    let mut frames = filmed(&scene(SIDE, 1), 12);
    frames.extend(filmed(&scene(SIDE, 90), 6));
    let video = bytes(&frames);
    let plain = through(&scratch, &CALM.replace(" --temporal", ""), &video);
    let calm = through(&scratch, CALM, &video);
    assert_eq!(calm.len(), plain.len());
    // the first frame of a scene is what it would be alone, the next is not
    for first in [0, 12] {
        let frame = |video: &[u8], index: usize| video[index * FRAME..][..FRAME].to_vec();
        assert!(frame(&calm, first) == frame(&plain, first), "frame {first}");
        assert!(frame(&calm, first + 1) != frame(&plain, first + 1));
    }
    // from the eighth frame on a new one enters with a weight of 1/8: of white noise, an eleventh remains
    let (before, after) = (
        flicker(&plain[..12 * FRAME], FRAME, 6),
        flicker(&calm[..12 * FRAME], FRAME, 6),
    );
    assert!(before > 0.1, "{before}: the noise does not come through");
    assert!(after < before / 4.0, "{after} after {before}");
    // fewer frames calm less
    let three = through(&scratch, &format!("{CALM}=3"), &video);
    let three = flicker(&three[..12 * FRAME], FRAME, 6);
    assert!(
        after < three && three < before,
        "{after}, {three}, {before}"
    );
    assert!(through(&scratch, &format!("{CALM}=8"), &video) == calm);
}

#[test]
fn what_moves_in_a_calm_video_is_what_it_is_without() {
    let (scratch, _) = model();
    let ground = filmed(&scene(SIDE, 1), 4);
    // a square of 16 pixels a side that moves by as many from frame to frame
    let frame = |(index, mut frame): (usize, RgbImage)| {
        for (y, x) in (0..16).flat_map(|y| (0..16).map(move |x| (y, x))) {
            frame.put_pixel(16 * index as u32 + x, 24 + y, image::Rgb([250, 5, 120]));
        }
        frame
    };
    let frames: Vec<RgbImage> = ground.into_iter().enumerate().map(frame).collect();
    let calm = through(&scratch, CALM, &bytes(&frames));
    let plain = through(&scratch, &CALM.replace(" --temporal", ""), &bytes(&frames));
    let [mut moving, mut still] = [(0, 0); 2];
    for index in 1..4 {
        for (y, x) in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))) {
            // the square and where it was
            let changes =
                (24..40).contains(&y) && (16 * (index - 1)..16 * (index + 1)).contains(&x);
            let at = (index * SIDE * SIDE + y * SIDE + x) as usize * 3;
            let same = calm[at..at + 3] == plain[at..at + 3];
            let counts = if changes { &mut moving } else { &mut still };
            *counts = (counts.0 + u32::from(same), counts.1 + 1);
        }
    }
    assert_eq!(moving.0, moving.1, "pixels that move are not averaged");
    assert!(still.0 < still.1 / 2, "{still:?} still pixels as without");
}

/// The whole way: a video of luma is calmed as one of samples is.
#[test]
fn a_calm_yuv4mpeg_video() {
    let (scratch, _) = model();
    let header = format!("YUV4MPEG2 W{SIDE} H{SIDE} F25:1 Ip A1:1 C444\n");
    let mut video = header.clone().into_bytes();
    for frame in filmed(&scene(SIDE, 1), 10) {
        video.extend(b"FRAME\n");
        video.extend(frame.pixels().map(|pixel| pixel[0]));
        video.extend(std::iter::repeat_n(128, 2 * (SIDE * SIDE) as usize));
    }
    for options in ["", "--norm-stats frozen"] {
        let options = format!("translate run --stdin-y4m --quiet {options}");
        // without the markers between frames
        let samples = |options: &str| -> Vec<u8> {
            let output = through(&scratch, options, &video);
            let frames = output[header.len()..].chunks_exact(6 + FRAME);
            frames.flat_map(|frame| frame[6..].to_vec()).collect()
        };
        let (plain, calm) = (samples(&options), samples(&format!("{options} --temporal")));
        assert_eq!(plain.len(), 10 * FRAME);
        assert!(calm[..FRAME] == plain[..FRAME], "{options}");
        let (before, after) = (flicker(&plain, FRAME, 6), flicker(&calm, FRAME, 6));
        assert!(after < before / 3.0, "{options}: {after} after {before}");
    }
}

#[test]
fn a_calm_video_in_tiles() {
    let (scratch, _) = model();
    let video = bytes(&filmed(&scene(2 * SIDE, 1), 10));
    for statistics in ["tile", "image"] {
        let options = format!(
            "translate run --stdin-raw 128x64 --tile 64 --overlap 16 --norm-stats {statistics} --quiet"
        );
        let plain = through(&scratch, &options, &video);
        let calm = through(&scratch, &format!("{options} --temporal"), &video);
        assert!(calm[..2 * FRAME] == plain[..2 * FRAME], "{options}");
        let (before, after) = (flicker(&plain, 2 * FRAME, 6), flicker(&calm, 2 * FRAME, 6));
        assert!(after < before / 3.0, "{options}: {after} after {before}");
    }
}

#[test]
fn calm_videos_that_cannot_be_are_refused() {
    let (scratch, frames) = model();
    frames[0].save(scratch.path("frame.png")).unwrap();
    let refused = |arguments: &str, told: &str| {
        let output = scratch.piped(arguments, &bytes(&frames));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{arguments}"
        );
        assert!(error.contains(told), "{arguments}: {error}");
    };
    refused(
        "translate run frame.png --out out --temporal",
        "--temporal averages the frames of a video; give --stdin-y4m or --stdin-raw",
    );
    refused(
        &format!("{CALM} --frame-noise new"),
        "--temporal needs frames of the same noise",
    );
    for frames in ["1", "0", "many"] {
        refused(&format!("{CALM}={frames}"), "--temporal");
    }
    let labels = "train data --out labels --labels-b 2 --steps 2 --quiet";
    std::fs::create_dir_all(scratch.path("data/A")).unwrap();
    std::fs::create_dir_all(scratch.path("data/B")).unwrap();
    for (index, frame) in frames.iter().take(2).enumerate() {
        std::fs::remove_file(scratch.path(&format!("data/pair{index}.png"))).unwrap();
        let name = |side: &str| scratch.path(&format!("data/{side}/{index}.png"));
        frame.save(name("A")).unwrap();
        let classes = image::GrayImage::from_fn(SIDE, SIDE, |x, _| image::Luma([u8::from(x > 30)]));
        classes.save(name("B")).unwrap();
    }
    scratch.ok(&format!("{labels} {SMALL}"));
    refused(
        &CALM.replace("run", "labels"),
        "--temporal averages frames, and this model's outputs are label maps",
    );
}

#[test]
fn videos_that_cannot_be_are_named() {
    let (scratch, frames) = model();
    let input = bytes(&frames);
    let raw = "translate run --stdin-raw 64x64";
    let error = refusal(&scratch, raw, &input[..FRAME + 100]);
    assert!(error.contains("in the middle of frame 1"), "{error}");
    let y4m = "translate run --stdin-y4m";
    // the least sides are those of pictures
    let small = refusal(&scratch, y4m, b"YUV4MPEG2 W64 H15 F25:1 C444\n");
    assert!(small.contains("sides have 16 to 16384 pixels"), "{small}");
    let output = scratch.piped("translate run --stdin-raw 64x15", b"");
    let small = String::from_utf8_lossy(&output.stderr);
    assert!(small.contains("sides have 16 to 16384 pixels"), "{small}");
    let error = refusal(&scratch, y4m, b"RIFF....AVI ");
    assert!(error.contains("not a YUV4MPEG2 video"), "{error}");
    let mut video = b"YUV4MPEG2 W64 H64 F25:1 C444\nFRAME\n".to_vec();
    video.extend(&input[..100]);
    let error = refusal(&scratch, y4m, &video);
    assert!(error.contains("in the middle of frame 0"), "{error}");
    let error = refusal(&scratch, y4m, b"YUV4MPEG2 W64 H64 F25:1 C444p10\n");
    assert!(error.contains("-pix_fmt yuv444p"), "{error}");
    for pixels in ["C411", "Cmono16"] {
        let header = format!("YUV4MPEG2 W64 H64 F25:1 {pixels}\n");
        let error = refusal(&scratch, y4m, header.as_bytes());
        assert!(
            error.contains("a pixel format that is not read; add -pix_fmt yuv444p"),
            "{error}"
        );
    }
    let large = refusal(&scratch, y4m, b"YUV4MPEG2 W20000 H20000 F25:1 C444\n");
    assert!(
        large.contains("frames have more than") && large.contains("sides have 16 to 16384 pixels"),
        "{large}"
    );
    // the program before the pipe has failed
    let header = b"YUV4MPEG2 W64 H64 F25:1 C444\n".as_slice();
    let quiet = format!("{raw} --quiet");
    for (arguments, input) in [(raw, b"".as_slice()), (&quiet, b""), (y4m, header)] {
        let error = refusal(&scratch, arguments, input);
        assert!(
            error.contains("standard input: no frame came in"),
            "{error}"
        );
    }
    let output = scratch.piped(raw, &input[..FRAME]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.starts_with("1 frame in "), "{told}");
}
