//! The coarse-to-fine generator: two runs, and everything that takes its model.

use std::collections::BTreeMap;
use std::fs;

use safetensors::SafeTensors;

use crate::common::{self, SMALL, Scratch};

/// The tensors of a run's checkpoint after these steps whose names begin with `prefix`.
fn tensors(scratch: &Scratch, run: &str, steps: u64, prefix: &str) -> BTreeMap<String, Vec<u8>> {
    let file = format!("{run}/checkpoints/step_{steps:07}.safetensors");
    let bytes = fs::read(scratch.path(&file)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let named = tensors.into_iter().filter_map(|(name, tensor)| {
        let name = name.strip_prefix(prefix)?;
        let is_weight = !name.contains("running");
        is_weight.then(|| (name.to_string(), tensor.data().to_vec()))
    });
    named.collect()
}

/// Trains a run, and returns what it says.
fn train(scratch: &Scratch, run: &str, steps: u64, options: &str) -> String {
    let output = scratch.run(&format!(
        "train data --out {run} --steps {steps} --load-size 72 --crop-size 64 {options}"
    ));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{options}: {said}");
    said
}

/// A coarse run at half the size, of two steps.
fn coarse(scratch: &Scratch) {
    scratch.pairs("data", 3);
    let size = "--filters 2 --load-size 36 --crop-size 32 --patch 16";
    scratch.ok(&format!(
        "train data --out coarse --steps 2 --generator hd-coarse {size}"
    ));
}

#[test]
fn a_coarse_run_becomes_a_part_of_the_whole() {
    let scratch = Scratch::new();
    coarse(&scratch);
    let said = train(&scratch, "still", 2, "--generator hd --from coarse --lr 0");
    assert!(
        said.contains("coarse network and discriminator; the enhancer is new"),
        "{said}"
    );
    assert!(!said.contains("train it first"), "{said}");
    let mut trained = tensors(&scratch, "coarse", 2, "generator.");
    for part in ["output.weight", "output.bias"] {
        assert!(trained.remove(part).is_some());
    }
    assert!(trained.len() > 60, "{trained:?}");
    assert!(tensors(&scratch, "still", 2, "generator.coarse.") == trained);
    let judge = |run| tensors(&scratch, run, 2, "discriminator.");
    assert!(judge("still") == judge("coarse"));

    // a frozen coarse network stays, and the enhancer learns
    let whole = |run, prefix| tensors(&scratch, run, 2, prefix);
    train(&scratch, "frozen", 2, "--from still --freeze coarse");
    assert!(whole("frozen", "generator.coarse.") == trained);
    assert!(whole("frozen", "generator.blocks.") != whole("still", "generator.blocks."));
    assert!(whole("frozen", "generator.first.") != whole("still", "generator.first."));

    // a run that is stopped and resumed is the run that is not
    train(&scratch, "run", 4, "--generator hd --from coarse");
    train(&scratch, "parts", 2, "--generator hd --from coarse");
    scratch.ok("train --resume parts --steps 4");
    assert!(tensors(&scratch, "run", 4, "") == tensors(&scratch, "parts", 4, ""));
    let learned = tensors(&scratch, "run", 4, "generator.coarse.");
    assert!(
        learned
            .iter()
            .all(|(name, values)| trained[name] != *values)
    );
}

#[test]
fn pictures_of_every_size_are_translated() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let said = scratch.trained("data", "--generator hd");
    assert!(said.contains("to train it first"), "{said}");
    // a picture that is smaller than the network takes, and one that is cut into tiles
    common::pair(50, 20, 1)
        .save(scratch.path("small.png"))
        .unwrap();
    common::pair(130, 70, 1)
        .save(scratch.path("large.png"))
        .unwrap();
    scratch.ok("translate run small.png large.png --out whole --dropout off");
    let size = |path: &str| image::image_dimensions(scratch.path(path)).unwrap();
    assert_eq!(size("whole/small.png"), (50, 20));
    scratch.ok("translate run large.png --out tiles --dropout off --tile 64 --norm-stats image");
    assert_eq!(size("tiles/large.png"), (130, 70));
    let output = scratch.run("translate run large.png --out x --tile 32");
    let error = String::from_utf8_lossy(&output.stderr);
    let wanted = "--tile is 32; it must be a multiple of 32, at least 64, for this model";
    assert!(error.contains(wanted), "{error}");

    // the authors' layout
    scratch.ok("export run --out g.pth");
    scratch.ok("import g.pth --out imported.safetensors --size 64");
    scratch.ok("translate imported.safetensors large.png --out imported");
    let bytes = |path: &str| fs::read(scratch.path(path)).unwrap();
    assert_eq!(bytes("imported/large.png"), bytes("whole/large.png"));
}

#[test]
fn its_network_is_described_drawn_and_exported() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    scratch.trained("data", "--generator hd");
    let summary = scratch.ok("summary generator run");
    for part in [
        "halve (AvgPool2d)",
        "coarse.down.3.conv (Conv2d)",
        "down.relu, coarse.up.3.relu",
        "blocks.2.second.conv",
    ] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
    scratch.ok("plot generator run --out drawn.png");
    scratch.ok("plot generator run --layout u --out drawn-u.png");
    assert!(image::open(scratch.path("drawn-u.png")).is_ok());
    scratch.ok("export run --out g.onnx --dropout off");
    scratch.ok("export run --out g-int8.onnx --int8 data");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let scratch = Scratch::new();
    coarse(&scratch);
    train(&scratch, "unet", 2, "--filters 2");
    train(&scratch, "hd", 2, "--filters 2 --generator hd");
    for (options, told) in [
        (
            "--generator hd --from unet",
            "begin from a run of --generator hd-coarse",
        ),
        (
            "--generator hd-coarse --from coarse",
            "--generator: with --from",
        ),
        (
            "--generator hd --filters 4 --from coarse",
            "--filters: with --from",
        ),
        ("--from hd --freeze encoder", "is --freeze coarse"),
        ("--from coarse --freeze coarse", "is --freeze encoder"),
        (
            "--generator hd --filters 3",
            "--filters is 3; a coarse-to-fine generator",
        ),
        (
            "--generator hd --filters 2 --crop-size 80",
            "multiple of 32",
        ),
        (
            "--generator hd --filters 2 --crop-size 32 --patch 16",
            "it must be at least 64",
        ),
    ] {
        let size = match options.contains("crop-size") {
            true => "",
            false => SMALL.trim_start_matches("--filters 2"),
        };
        let output = scratch.run(&format!("train data --out x --steps 2 {size} {options}"));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && error.contains(told),
            "{options}: {error}"
        );
        assert_eq!(error.trim_end().lines().count(), 1, "{options}: {error}");
        assert!(!scratch.path("x").exists(), "{options}");
    }
}
