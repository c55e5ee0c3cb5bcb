//! Agreement with scikit-image, SciPy, torchmetrics, lpips, torch-fidelity and DISTS_pytorch:
//! `tools/make_quality_fixtures.py` and `tools/make_realism_fixtures.py` made the fixtures.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use pix2pix::data::earth::earth;
use pix2pix::data::{Domain, Pairs};
use pix2pix::quality::{
    Dists, Inception, Lpips, Planes, Realism, RealismScores, frechet_distance, kernel_distance,
    pearson, scores, spearman,
};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/quality.json")).unwrap()
}

fn realism() -> Value {
    serde_json::from_str(include_str!("fixtures/realism.json")).unwrap()
}

fn weights(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The fixtures' picture of a kind.
fn picture(kind: usize, width: usize, height: usize) -> Planes {
    let value = |c: usize, y: usize, x: usize| {
        let smooth = (x * (3 + c) + y * 2) / 4 + 40 * ((x / 16 + y / 16) % 2);
        let value = match kind {
            0 => smooth,
            kind => smooth * 7 / 8 + 9 + (x * x * 3 + y * y * 5 + x * y * c) % (13 * kind),
        };
        (value % 256) as f32
    };
    let values =
        (0..3).flat_map(|c| (0..height).flat_map(move |y| (0..width).map(move |x| value(c, y, x))));
    Planes {
        values: values.collect(),
        channels: 3,
        size: [width, height],
    }
}

fn side(entry: &Value, name: &str) -> usize {
    entry[name].as_u64().unwrap() as usize
}

fn close(found: f64, expected: &Value, tolerance: f64, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!(
        (found - expected).abs() <= tolerance,
        "{what}: {found} instead of {expected}"
    );
}

#[test]
fn distances_and_similarities_agree() {
    let mut multi_scale = 0;
    for entry in fixture()["pictures"].as_array().unwrap() {
        let (width, height) = (side(entry, "width"), side(entry, "height"));
        let [a, b] = [0, 1].map(|kind| picture(kind, width, height));
        let correlation = pearson(&a, &b).unwrap();
        close(correlation, &entry["pearson"], 1e-6, "Pearson's of SciPy");
        let found = scores(&a, &b);
        close(found.l1, &entry["l1"], 1e-4, "L1");
        close(found.rmse, &entry["rmse"], 1e-4, "RMSE");
        close(found.psnr, &entry["psnr"], 1e-4, "PSNR of scikit-image");
        close(
            found.psnr,
            &entry["torch_psnr"],
            1e-4,
            "PSNR of torchmetrics",
        );
        close(
            found.ssim.unwrap(),
            &entry["ssim"],
            1e-4,
            "SSIM of scikit-image",
        );
        close(
            found.ssim.unwrap(),
            &entry["torch_ssim"],
            1e-4,
            "SSIM of torchmetrics",
        );
        assert_eq!(found.ms_ssim.is_some(), width.min(height) >= 176);
        if let Some(found) = found.ms_ssim {
            close(found, &entry["ms_ssim"], 1e-4, "MS-SSIM");
            multi_scale += 1;
        }
    }
    assert_eq!(multi_scale, 1);
}

#[test]
fn equal_pictures_have_the_best_scores() {
    let found = scores(&picture(1, 176, 180), &picture(1, 176, 180));
    assert_eq!(
        (found.l1, found.rmse, found.psnr),
        (0.0, 0.0, f64::INFINITY)
    );
    assert!((found.ssim.unwrap() - 1.0).abs() < 1e-12);
    assert!((found.ms_ssim.unwrap() - 1.0).abs() < 1e-12);
    assert_eq!(scores(&picture(0, 10, 30), &picture(1, 10, 30)).ssim, None);
}

#[test]
fn lpips_agrees() {
    let device = Device::flex();
    let lpips = Lpips::load(&weights("lpips.safetensors"), &device).unwrap();
    for entry in fixture()["lpips"].as_array().unwrap() {
        let (width, height) = (side(entry, "width"), side(entry, "height"));
        let [a, b] = [0, 2].map(|kind| {
            let planes = picture(kind, width, height);
            let values: Vec<f32> = planes.values.iter().map(|v| v / 127.5 - 1.0).collect();
            Tensor::<4>::from_data(TensorData::new(values, [1, 3, height, width]), &device)
        });
        let found: f32 = lpips.distance(a.clone(), b).into_scalar();
        close(f64::from(found), &entry["lpips"], 1e-5, "LPIPS");
        let same: f32 = lpips.distance(a.clone(), a).into_scalar();
        assert_eq!(same, 0.0);
    }
}

#[test]
fn inception_and_its_frechet_distance_agree() {
    let inception = Inception::load(&weights("inception.safetensors"), &Device::flex()).unwrap();
    let expected = &fixture()["inception"];
    let mut sets = Vec::new();
    for (kind, features) in expected["features"].as_array().unwrap().iter().enumerate() {
        let mut set = Vec::new();
        for (n, features) in features.as_array().unwrap().iter().enumerate() {
            let found = inception
                .features(&picture(kind, 40 + 7 * n, 64 - 5 * n))
                .unwrap();
            assert_eq!(found.len(), features.as_array().unwrap().len());
            for (found, expected) in found.iter().zip(features.as_array().unwrap()) {
                let tolerance = 1e-4 * expected.as_f64().unwrap().abs().max(1.0);
                close(f64::from(*found), expected, tolerance, "a feature");
            }
            set.push(found);
        }
        sets.push(set);
    }
    let found = frechet_distance(&sets[0], &sets[1]).unwrap();
    let fid = expected["fid"].as_f64().unwrap();
    assert!(fid > 0.1);
    assert!(
        (found - fid).abs() < 1e-4 * fid.max(1.0),
        "{found} instead of {fid}"
    );
}

/// The fixture's pairs of pictures.
fn measured() -> Realism {
    let mut realism = Realism::new(4);
    for n in 0..4 {
        let target = if n < 2 { 0 } else { 3 };
        realism.add(&picture(1 + n % 2, 64, 48), &picture(target, 64, 48));
    }
    realism
}

/// Ours has other random places and directions than the fixture's twenty measurements, and agrees within their spread.
#[test]
fn sliced_wasserstein_distances_agree() {
    let expected = &realism()["swd"];
    let found = measured().scores();
    assert_eq!(found.swd_levels.len(), 2);
    for (level, found) in found.swd_levels.iter().enumerate() {
        let deviation = expected["deviation"][level].as_f64().unwrap();
        close(*found, &expected["mean"][level], 3.0 * deviation, "SWD");
    }
    let mean = (found.swd_levels[0] + found.swd_levels[1]) / 2.0;
    assert!((found.swd.unwrap() - mean).abs() < 1e-9);
    assert_eq!(measured().scores(), found, "the same in every measurement");
}

#[test]
fn spectra_agree() {
    let expected = &realism()["spectra"];
    let measured = measured();
    let (found, curves) = (measured.scores(), measured.curves());
    for (key, values) in [
        ("octaves", &found.octaves),
        ("distances", &found.spectrum_octaves),
    ] {
        assert_eq!(values.len(), 3);
        for (octave, found) in values.iter().enumerate() {
            close(*found, &expected[key][octave], 1e-6, key);
        }
    }
    assert!(
        (found.spectrum.unwrap() - found.spectrum_octaves.iter().sum::<f64>() / 3.0).abs() < 1e-9
    );
    // up to half a cycle per pixel, which is 24 of 48
    assert_eq!(curves.len(), 24);
    for (index, point) in curves.iter().enumerate() {
        assert!((point.frequency - (index as f64 + 1.0) / 48.0).abs() < 1e-12);
        for side in 0..2 {
            let wanted = &expected["rings"][side][index];
            close(
                point.power[side],
                wanted,
                1e-6 * wanted.as_f64().unwrap(),
                "power",
            );
        }
    }
}

/// Equal sets are equal to all measures, flat and small pictures have no infinite ones.
#[test]
fn equal_sets_have_no_distance() {
    let mut equal = Realism::new(2);
    for kind in 0..2 {
        equal.add(&picture(kind, 40, 64), &picture(kind, 40, 64));
    }
    let found = equal.scores();
    assert_eq!(found.swd, Some(0.0));
    assert!(found.spectrum.unwrap() < 1e-9, "{found:?}");
    let flat = Planes {
        values: vec![7.0; 3 * 32 * 32],
        channels: 3,
        size: [32, 32],
    };
    let mut one_flat = Realism::new(1);
    one_flat.add(&picture(1, 32, 32), &flat);
    let RealismScores { swd, spectrum, .. } = one_flat.scores();
    assert!(swd.unwrap().is_finite() && swd.unwrap() > 0.0, "{swd:?}");
    assert!(
        spectrum.unwrap().is_finite() && spectrum.unwrap() > 10.0,
        "{spectrum:?}"
    );
    let mut small = Realism::new(1);
    small.add(&picture(0, 7, 40), &picture(1, 7, 40));
    assert_eq!((small.scores().swd, small.scores().spectrum), (None, None));
}

/// A channel that is flat in all targets has no deviation of its own: errors in it are measured by that of the others, so the
/// unit of the values does not matter.
#[test]
fn a_flat_channel_does_not_outweigh_the_others() {
    let swd = |scale: f32| {
        let planes = |noise: f32| {
            let texture = picture(0, 32, 32).values.into_iter().take(32 * 32);
            let flat = (0..32 * 32).map(|at| 7.0 + noise * ((at + at / 32) % 2) as f32);
            Planes {
                values: texture.chain(flat).map(|value| scale * value).collect(),
                channels: 2,
                size: [32, 32],
            }
        };
        let mut set = Realism::new(1);
        set.add(&planes(3.0), &planes(0.0));
        set.scores().swd.unwrap()
    };
    let [one, tenth] = [1.0, 0.1].map(swd);
    assert!(
        one > 0.0 && (one / tenth - 1.0).abs() < 1e-3,
        "{one}, {tenth}"
    );
}

#[test]
fn kernel_distances_agree() {
    let expected = &realism()["kid"];
    let sets: [Vec<Vec<f32>>; 2] = serde_json::from_value(expected["sets"].clone()).unwrap();
    let found = kernel_distance(&sets[0], &sets[1]).unwrap();
    close(found, &expected["kid"], 1e-9, "KID");
}

#[test]
fn rank_correlations_agree() {
    let expected = &realism()["spearman"];
    let [a, b] = ["a", "b"]
        .map(|name| -> Vec<f32> { serde_json::from_value(expected[name].clone()).unwrap() });
    close(
        spearman(&a, &b).unwrap(),
        &expected["spearman"],
        1e-12,
        "Spearman",
    );
    assert_eq!(spearman(&a, &vec![3.0; a.len()]), None);
}

#[test]
fn dists_agrees() {
    let device = Device::flex();
    let dists = Dists::load(&weights("dists.safetensors"), &device).unwrap();
    for entry in realism()["dists"].as_array().unwrap() {
        let (width, height) = (side(entry, "width"), side(entry, "height"));
        let [a, b] = [0, 2].map(|kind| picture(kind, width, height).to_tensor(&device));
        let found: f32 = dists.distance(a.clone(), b).into_scalar();
        close(f64::from(found), &entry["dists"], 1e-5, "DISTS");
        let same: f32 = dists.distance(a.clone(), a).into_scalar();
        assert!(same.abs() < 1e-6, "{same}");
    }
}

/// A picture of the earth data's targets, changed.
type Change = fn(usize, &RgbImage) -> RgbImage;

/// The same picture with every sample changed by its place: number, x, y and channel.
fn changed(picture: &RgbImage, change: impl Fn([usize; 3], f32) -> f32) -> RgbImage {
    let mut changed = picture.clone();
    for (x, y, pixel) in changed.enumerate_pixels_mut() {
        for (channel, sample) in pixel.0.iter_mut().enumerate() {
            let place = [x as usize, y as usize, channel];
            *sample = change(place, f32::from(*sample)).round().clamp(0.0, 255.0) as u8;
        }
    }
    changed
}

/// Repeatable noise of mean 0 and variance 1: the sum of twelve values, less their mean.
fn noise(number: usize, [x, y, channel]: [usize; 3]) -> f32 {
    let mut state = ((number * 256 + y) * 256 + x) * 3 + channel;
    let mut sum = 0.0;
    for _ in 0..12 {
        // SplitMix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state as u64;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        sum += ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1u64 << 24) as f32;
    }
    sum - 6.0
}

/// Targets with a fault that people see at once: what each measure says of them. docs/quality.md has the table.
#[test]
fn measures_see_different_faults() {
    const FAULTS: [(&str, Change); 4] = [
        ("blurred (Gaussian, 3.5 pixels)", |_, picture| {
            image::imageops::blur(picture, 3.5)
        }),
        ("noise (standard deviation 10)", |number, picture| {
            changed(picture, |place, value| value + 10.0 * noise(number, place))
        }),
        ("shifted by 2 pixels", |_, picture| {
            changed(picture, |[x, y, channel], _| {
                f32::from(picture.get_pixel((x as u32).max(2) - 2, y as u32)[channel])
            })
        }),
        ("checkerboard (± 8)", |_, picture| {
            changed(picture, |[x, y, _], value| {
                value + if (x + y) % 2 == 0 { 8.0 } else { -8.0 }
            })
        }),
    ];
    let pairs: Pairs = earth().val.unwrap();
    let mut rows = Vec::new();
    for (fault, change) in FAULTS {
        let mut realism = Realism::new(pairs.len());
        let mut means = [0.0; 3];
        for number in 0..pairs.len() {
            let target = pairs.read(number).unwrap().target;
            let rgb = target.to_rgb8(Domain::RGB8.range);
            let (target, output) = (Planes::of(&target, &Domain::RGB8), change(number, &rgb));
            let output = pix2pix::data::picture::Picture::from(output);
            let output = Planes::of(&output, &Domain::RGB8);
            let found = scores(&output, &target);
            let found = [found.l1, found.psnr, found.ssim.unwrap()];
            for (mean, value) in means.iter_mut().zip(found) {
                *mean += value / pairs.len() as f64;
            }
            realism.add(&output, &target);
        }
        let found = realism.scores();
        // no sign of zero
        let octaves = found.octaves.iter();
        let octaves = octaves.map(|gap| format!("{:.1}", (gap * 10.0).round() / 10.0 + 0.0));
        let levels = found.swd_levels.iter().map(|level| format!("{level:.0}"));
        let cells = [
            format!("{:.1}", means[0]),
            format!("{:.1}", means[1]),
            format!("{:.3}", means[2]),
            format!("{:.0}", found.swd.unwrap()),
            levels.collect::<Vec<_>>().join(" "),
            format!("{:.1}", found.spectrum.unwrap()),
            octaves.collect::<Vec<_>>().join(" "),
        ];
        rows.push(format!("| {fault} | {} |\n", cells.join(" | ")));
    }
    let document = include_str!("../../../docs/quality.md");
    for row in &rows {
        assert!(
            document.contains(row),
            "docs/quality.md lacks\n{}",
            rows.concat()
        );
    }
}

/// Weights of another network, or a file without weights, are refused with an error message.
#[test]
fn other_weights_are_refused() {
    let device = Device::flex();
    let error = Lpips::load(&weights("inception.safetensors"), &device)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("net.slice1.0.weight is missing"), "{error}");
    assert!(error.contains("pix2pix download lpips-alex"), "{error}");
    let error = Inception::load(&weights("lpips.safetensors"), &device)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("conv.weight is missing"), "{error}");
    assert!(error.contains("pix2pix download inception"), "{error}");
    let error = Lpips::load(&weights("nowhere"), &device)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("no such file"), "{error}");
}
