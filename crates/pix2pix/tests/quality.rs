//! Agreement with scikit-image, SciPy, torchmetrics, lpips and torch-fidelity: `tools/make_quality_fixtures.py`
//! made the fixtures.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use pix2pix::quality::{Inception, Lpips, Planes, frechet_distance, pearson, scores};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/quality.json")).unwrap()
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
