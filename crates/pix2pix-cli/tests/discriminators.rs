//! Discriminators beyond the paper's: at several scales, with feature matching, with decisions on pixels, and with adaptive
//! augmentation.

use std::fs;

use safetensors::SafeTensors;

use crate::common::{self, SMALL, Scratch};

/// The lines of a run's metrics.
fn metrics(scratch: &Scratch, run: &str) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(scratch.path(&format!("{run}/metrics.jsonl"))).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The names of the tensors of a run's newest checkpoint.
fn tensors(scratch: &Scratch, run: &str) -> Vec<String> {
    let folder = scratch.path(&format!("{run}/checkpoints"));
    let newest = common::names(&folder)
        .into_iter()
        .rfind(|name| name.starts_with("step_"));
    let bytes = fs::read(folder.join(newest.unwrap())).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut names: Vec<_> = file.names().into_iter().map(str::to_string).collect();
    names.sort();
    names
}

#[test]
fn discriminators_at_scales() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let options = "--discriminators 2 --feature-matching 10 --log-every 1";
    scratch.trained("data", options);
    fs::rename(scratch.path("run"), scratch.path("two")).unwrap();
    scratch.trained("data", "--log-every 1");
    // the first step's losses are means over both discriminators, not sums; what a discriminator that knows nothing says of
    // both sizes is nearly the same
    let [one, two] = ["run", "two"].map(|run| metrics(&scratch, run)[0].clone());
    for loss in ["d_real", "d_fake", "g_gan"] {
        let [one, two] = [&one, &two].map(|line| line[loss].as_f64().unwrap());
        assert!((one - two).abs() < 0.1 * one, "{loss}: {one} and {two}");
        assert_ne!(one, two, "{loss}");
    }
    assert_eq!(one["g_l1"], two["g_l1"]);
    let config = fs::read_to_string(scratch.path("two/config.toml")).unwrap();
    assert!(
        config.contains("scales = 2") && config.contains("feature_matching = 10.0"),
        "{config}"
    );
    let names = tensors(&scratch, "two");
    let coarser: Vec<_> = names
        .iter()
        .filter(|name| name.starts_with("discriminator.coarser.0."))
        .collect();
    let finer = names
        .iter()
        .filter(|name| name.starts_with("discriminator."));
    assert_eq!(finer.count(), 2 * coarser.len());

    // it translates, and a run begins from both discriminators
    scratch.ok("translate two data/pair0.png --out translated");
    scratch.ok("train data --out begun --from two --steps 1 --load-size 72 --crop-size 64");
    assert_eq!(tensors(&scratch, "begun"), names);
    let output = scratch.run("train data --out new --from two --discriminators 1");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("--discriminators: with --from, the networks are those of the model"),
        "{error}"
    );

    // the port has no such discriminator, but the generator
    scratch.ok("export two --out g.pth");
    let output = scratch.run("export two --out g2.pth --discriminator d.pth");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains(
            "the public port has no discriminators at several scales; omit --discriminator: the generator can be exported \
             without it"
        ),
        "{error}"
    );
    assert!(!scratch.path("d.pth").exists() && !scratch.path("g2.pth").exists());
}

#[test]
fn a_discriminator_with_decisions_on_pixels() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    for options in [
        "",
        "--spectral-norm --gan hinge",
        "--norm none --feature-matching 10",
    ] {
        scratch.trained("data", &format!("--discriminator unet {options}"));
        let names = tensors(&scratch, "run");
        let decoder = |name: &&String| name.starts_with("discriminator.decoder.");
        assert!(names.iter().filter(decoder).count() >= 4, "{names:?}");
    }
    // a run goes on
    scratch.ok("train --resume run --steps 4");
    let config = fs::read_to_string(scratch.path("run/config.toml")).unwrap();
    assert!(config.contains("unet = true"), "{config}");
}

/// Numbers of parameters by hand: those of one discriminator are 2,768,705 and 2,763,841 of them weights of convolutions.
#[test]
fn summaries_know_every_discriminator() {
    let scratch = Scratch::new();
    let one = scratch.ok("summary discriminator");
    assert!(one.contains("Trainable params: 2,768,705"), "{one}");
    let three = scratch.ok("summary discriminator --discriminators 3");
    // 3 * 2,768,705
    assert!(three.contains("Trainable params: 8,306,115"), "{three}");
    assert!(
        three.contains("coarser.1.halve (AvgPool2d)") && three.contains("(None, 6, 64, 64)"),
        "{three}"
    );
    let unet = scratch.ok("summary discriminator --discriminator unet");
    // 2,768,705 + 9 * (256 * 128 + 256 * 64 + 128 * 1) + 2 * (128 + 64) + 1
    assert!(unet.contains("Trainable params: 3,212,610"), "{unet}");
    assert!(
        unet.contains("decoder.output (Conv2d)") && unet.contains("(None, 1, 256, 256)"),
        "{unet}"
    );
    scratch.ok("plot discriminator --discriminators 2 --out two.svg");
    scratch.ok("plot discriminator --discriminator unet --out unet.png");
    scratch.ok("plot composite --discriminator unet --out composite.dot");
}

#[test]
fn augmentation_adapts_to_the_discriminator() {
    let scratch = Scratch::new();
    scratch.pairs("data", 4);
    let options = "--diff-augment color,translation,cutout --augment-target 0.1 --augment-pairs 16 --log-every 1 --gan hinge --seed 9";
    let train = |out: &str, steps: u32| {
        scratch.ok(&format!(
            "train data --out {out} --steps {steps} --batch-size 2 {SMALL} {options}"
        ))
    };
    train("whole", 24);
    let found: Vec<f64> = metrics(&scratch, "whole")
        .iter()
        .map(|line| line["augment"].as_f64().unwrap())
        .collect();
    // it begins without augmentation, and changes every four steps by 8 pairs of 16
    assert_eq!(found[..4], [0.0; 4]);
    for (at, change) in found
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .enumerate()
    {
        let is_due = (at + 1) % 4 == 0;
        assert!(change == 0.0 || is_due && change == 0.5, "{found:?}");
    }
    assert!(found.contains(&0.5), "{found:?}");
    // step 10 is between two changes
    train("part", 10);
    scratch.ok("train --resume part --steps 24");
    assert_eq!(metrics(&scratch, "part"), metrics(&scratch, "whole"));
    scratch.ok("report whole --out report.html --csv table.csv --no-gallery");
    let page = fs::read_to_string(scratch.path("report.html")).unwrap();
    assert!(page.contains("Probability of each augmentation"));
    let table = fs::read_to_string(scratch.path("table.csv")).unwrap();
    assert!(
        table.lines().next().unwrap().ends_with(",augment"),
        "{table}"
    );
    // others have no such curve
    scratch.trained("data", "--diff-augment color");
    scratch.ok("report run --out other.html --no-gallery");
    let page = fs::read_to_string(scratch.path("other.html")).unwrap();
    assert!(!page.contains("Probability of each augmentation"));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    for (options, told) in [
        (
            "--discriminators 4",
            "--discriminators is 4; it must be from 1 to 3",
        ),
        (
            "--discriminators 3",
            "too small for the 70 patch at 3 scales: both sides must be at least 93; choose a smaller --patch, fewer \
             --discriminators or a larger --crop-size",
        ),
        (
            "--feature-matching=-1",
            "--feature-matching is -1; it must be from 0 to",
        ),
        (
            "--discriminator unet --discriminators 2",
            "a U-Net discriminator (--discriminator) is a single one; omit --discriminators",
        ),
        (
            "--discriminator unet --patch pixel",
            "a U-Net discriminator (--discriminator) needs a --patch of 16, 70 or 286",
        ),
        (
            "--discriminator unet --r1 1",
            "has no gradient penalty; omit --r1, and choose another --gan",
        ),
        (
            "--discriminator unet --gan wgan-gp",
            "has no gradient penalty; omit --r1, and choose another --gan",
        ),
        (
            "--gan wgan-gp --r1 1",
            "--r1 is another penalty than that of --gan wgan-gp, which takes its place; omit it",
        ),
        (
            "--direction b-to-a --color-jitter 0.1",
            "--color-jitter changes the colors of A, which are the targets here",
        ),
        (
            "--augment-target 0.6",
            "--augment-target needs augmentations; choose them with --diff-augment",
        ),
        (
            "--augment-target 0.6 --diff-augment color --gan wgan-gp",
            "--gan wgan-gp decides nothing; choose another --gan",
        ),
        (
            "--augment-target 1 --diff-augment color",
            "--augment-target is 1; it must be from 0 to 0.99",
        ),
        (
            "--diff-augment color --augment-target 0.6 --augment-pairs 0",
            "--augment-pairs is 0; it must be from 1 to",
        ),
    ] {
        let output = scratch.run(&format!("train data --out new {SMALL} {options}"));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.code() != Some(0) && error.contains(told),
            "{options}: {error}"
        );
        assert!(!scratch.path("new").exists(), "{options}");
    }
    let output = scratch.run("train data --out new --generator resnet-6 --discriminator unet --crop-size 68 --load-size 72");
    let error = String::from_utf8(output.stderr).unwrap();
    let told = "images of 68x68 pixels do not fit the U-Net discriminator: both sides must be multiples of 8";
    assert!(error.contains(told), "{error}");
}

/// What the authors of WGAN-GP advise against is told: only where pairs are judged together.
#[test]
fn a_penalty_at_each_pair_and_batch_norm_are_told() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    for (options, is_told) in [
        ("--gan wgan-gp --batch-size 2", true),
        ("--gan wgan-gp", false),
        ("--gan wgan-gp --batch-size 2 --norm instance", false),
        ("--batch-size 2", false),
    ] {
        let said = scratch.trained("data", options);
        let found = said.contains("note: --gan wgan-gp penalizes the slope at each pair");
        assert_eq!(found, is_told, "{options}: {said}");
    }
}
