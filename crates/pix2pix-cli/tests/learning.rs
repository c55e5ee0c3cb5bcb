//! Tools to judge a run: scores, evaluation, report, table of runs, average of checkpoints.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::common::{self, SMALL, Scratch, is_flat, names};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../pix2pix/tests/fixtures");

fn lines(path: PathBuf) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Trains a run on a data set with a split.
fn trained(scratch: &Scratch, run: &str, options: &str) {
    if !scratch.path("data").exists() {
        scratch.pairs("data/train", 3);
        scratch.pairs("data/val", 7);
    }
    let every = "--log-every 2 --sample-every 3 --save-every 2 --keep 3";
    scratch.ok(&format!(
        "train data --out {run} --steps 8 {every} {SMALL} {options}"
    ));
}

#[test]
fn held_out_pairs_are_measured_as_evaluate_measures_them() {
    let scratch = Scratch::new();
    trained(&scratch, "run", "");
    let scores = lines(scratch.path("run/scores.jsonl"));
    let steps: Vec<u64> = scores
        .iter()
        .map(|line| line["step"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, [3, 6, 8]);
    let json: Value = serde_json::from_str(&scratch.ok("evaluate run data --json")).unwrap();
    let means = &json[0]["means"];
    for name in ["l1", "psnr", "ssim"] {
        let (found, expected) = (&means[name]["mean"], &scores[2][name]);
        let gap = found.as_f64().unwrap() - expected.as_f64().unwrap();
        assert!(gap.abs() < 1e-9, "{name}: {found} and {expected}");
    }
    for name in ["swd", "spectrum"] {
        let (found, expected) = (&json[0]["realism"][name], &scores[2][name]);
        let gap = found.as_f64().unwrap() - expected.as_f64().unwrap();
        assert!(gap.abs() < 1e-9, "{name}: {found} and {expected}");
    }
}

/// The best line of `scores.jsonl`, by hand, is the checkpoint that `--best` takes.
#[test]
fn the_best_checkpoint_is_kept_and_used() {
    let scratch = Scratch::new();
    let weights = format!("{FIXTURES}/lpips.safetensors");
    let earth = concat!(env!("CARGO_MANIFEST_DIR"), "/../pix2pix/data/earth");
    for (score, sign, options) in [
        ("psnr", -1.0, String::new()),
        ("swd", 1.0, String::new()),
        ("lpips", 1.0, format!("--perceptual-weights {weights}")),
    ] {
        // large steps, so that the score goes up and down
        let every = "--steps 6 --sample-every 1 --save-every 2 --lr 0.05 --report";
        scratch.ok(&format!(
            "train {earth} --out {score} --keep-best {score} {every} {SMALL} {options}"
        ));
        let scores = lines(scratch.path(&format!("{score}/scores.jsonl")));
        let value = |line: &Value| line[score].as_f64().unwrap();
        let order = |a: &&Value, b: &&Value| (sign * value(a)).total_cmp(&(sign * value(b)));
        let best = scores.iter().min_by(order).unwrap();
        let marked = scores.iter().rfind(|line| line["best"] == true);
        assert_eq!(marked, Some(best));
        assert_ne!(best["step"], 6, "choose other options: {scores:?}");
        let found = scratch.ok(&format!(
            "evaluate {score} {earth} --best --json --lpips {weights}"
        ));
        let found: Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found[0]["step"], best["step"]);
        let measured = match score {
            "swd" => &found[0]["realism"]["swd"],
            score => &found[0]["means"][score]["mean"],
        };
        let gap = measured.as_f64().unwrap() - value(best);
        assert!(gap.abs() < 1e-6, "{score}: {gap}");
        let page = fs::read_to_string(scratch.path(&format!("{score}/report.html"))).unwrap();
        let label = score.to_uppercase();
        let kept =
            format!("\"kept\":{{\"score\":\"{score}\",\"label\":\"{label}\",\"best\":{{\"value\":");
        assert!(page.contains(&kept), "the report has it");
    }
    // both commands take the best checkpoint, which is not the newest
    scratch.pairs("data/train", 1);
    scratch.pairs("data/val", 1);
    let picture = scratch.path("data/val/pair0.png");
    let translated = |options: &str, out: &str| {
        scratch.ok(&format!(
            "translate {options} {} --out {out}",
            picture.display()
        ));
        fs::read(scratch.path(&format!("{out}/pair0.png"))).unwrap()
    };
    let best = translated("psnr --best", "best");
    assert!(best == translated("psnr/checkpoints/best.safetensors", "file"));
    assert!(best != translated("psnr", "newest"));
    scratch.ok("export psnr --best --format model --weights f16 --out small.safetensors");
    let small = translated("small.safetensors", "small");
    let [a, b] = [&best, &small].map(|png| image::load_from_memory(png).unwrap().to_rgb8());
    let gap = a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(gap <= Some(3), "{gap:?}");
    for (command, told) in [
        (
            "translate small.safetensors data/val --best --out x",
            "not a run folder",
        ),
        (
            "train data --out x --steps 2 --patience 3",
            "choose the score with --keep-best",
        ),
        (
            "train data --out x --steps 2 --keep-best lpips",
            "give it with --perceptual-weights",
        ),
        (
            "train data/train --out x --steps 2 --keep-best l1",
            "--keep-best needs held-out pairs",
        ),
    ] {
        let output = scratch.run(command);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && error.contains(told),
            "{command}: {error}"
        );
        assert!(!scratch.path("x").exists(), "{command}");
    }
}

/// With a learning rate of 0, the first sampling is the best.
#[test]
fn a_run_ends_when_it_no_longer_improves() {
    let scratch = Scratch::new();
    let options = "--steps 100 --lr 0 --keep-best l1 --report";
    let every = "--log-every 2 --sample-every 3 --save-every 4";
    scratch.pairs("data/train", 3);
    scratch.pairs("data/val", 2);
    let train = |run: &str, patience: u64| {
        scratch.ok(&format!(
            "train data --out {run} --patience {patience} {options} {every} {SMALL}"
        ))
    };
    let said = train("run", 2);
    assert!(
        said.contains("done after 9 steps (L1 no longer improves)"),
        "{said}"
    );
    assert!(said.contains("at step 3\n"), "{said}");
    let checkpoints = names(&scratch.path("run/checkpoints"));
    assert!(checkpoints.contains(&"state_0000009.safetensors".to_string()));
    assert!(scratch.ok("runs run").contains("done"));
    let page = fs::read_to_string(scratch.path("run/report.html")).unwrap();
    assert!(page.contains("\"ended_after\":2"));
    let output = scratch.run("train --resume run");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("give a larger --patience"), "{error}");
    // a resumed run goes on to count, as one that was not interrupted
    scratch.ok("train --resume run --patience 4");
    train("whole", 4);
    let scores = |run: &str| fs::read_to_string(scratch.path(&format!("{run}/scores.jsonl")));
    assert_eq!(scores("run").unwrap(), scores("whole").unwrap());
    let steps: Vec<Value> = lines(scratch.path("run/scores.jsonl"));
    assert_eq!(steps.last().unwrap()["step"], 15);
}

/// The tensors of a file under `prefix`, without running statistics, which every forward pass changes.
fn weights(file: PathBuf, prefix: &str) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let named = tensors.tensors().into_iter();
    named
        .filter(|(name, _)| name.starts_with(prefix) && !name.contains("running"))
        .map(|(name, tensor)| (name, tensor.data().to_vec()))
        .collect()
}

/// With a learning rate of 0, the weights of a run are those that it began from.
#[test]
fn a_run_begins_from_a_model() {
    let scratch = Scratch::new();
    trained(&scratch, "first", "");
    let train = |run: &str, steps: u64, options: &str| {
        scratch.ok(&format!(
            "train data --out {run} --steps {steps} {options} --load-size 72 --crop-size 64"
        ))
    };
    let of = |run: &str, steps: u64, prefix: &str| {
        let file = scratch.path(&format!("{run}/checkpoints/step_000000{steps}.safetensors"));
        let found = weights(file, prefix);
        assert!(found.len() > 8, "{run} {prefix}");
        found
    };
    let (g, d) = ("generator", "discriminator");
    train("again", 2, "--from first --lr 0");
    assert!(of("again", 2, g) == of("first", 8, g));
    assert!(of("again", 2, d) == of("first", 8, d));
    // a preset has no networks for it
    let output =
        scratch.run("train data --out preset --from first --preset best --steps 1 --crop-size 64");
    let said = String::from_utf8_lossy(&output.stderr);
    let note = "of --preset best, --upsample and --input-skip do not count";
    assert!(output.status.success() && said.contains(note), "{said}");
    // where it began
    let config = fs::read_to_string(scratch.path("again/config.toml")).unwrap();
    let config: toml::Value = toml::from_str(&config).unwrap();
    let model = fs::read(scratch.path("first/checkpoints/step_0000008.safetensors")).unwrap();
    let digest: String = Sha256::digest(&model)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(config["from"]["sha256"].as_str(), Some(digest.as_str()));
    let path = config["from"]["model"].as_str().unwrap();
    assert!(path.ends_with("first/checkpoints/step_0000008.safetensors"));

    // the weights of another program: its generator alone
    scratch.ok("export first --out g.pth");
    let frozen = "--from g.pth --freeze-generator 3 --patch 16";
    train("port", 4, &format!("{frozen} --save-every 3"));
    assert!(of("port", 3, g) == of("first", 8, g));
    assert!(of("port", 4, g) != of("first", 8, g));
    let config = scratch.path("port/config.toml");
    let edited = fs::read_to_string(&config).unwrap();
    let edited = edited.replace("freeze_generator = 3", "freeze_generator = 6");
    fs::write(&config, edited).unwrap();
    let output = scratch.run("train --resume port --steps 6");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("--freeze-generator is 6, and the run has 6 steps"),
        "{error}"
    );

    // a frozen encoder, over the end of a process
    let frozen = "--from first --freeze encoder --ema 0.9";
    train("whole", 4, frozen);
    train("parts", 2, frozen);
    scratch.ok("train --resume parts --steps 4");
    let encoder = "generator.encoder";
    assert!(of("whole", 4, encoder) == of("first", 8, encoder));
    assert!(of("whole", 4, "generator.decoder") != of("first", 8, "generator.decoder"));
    assert!(of("whole", 4, g) == of("parts", 4, g));

    // other channels: the first layers of both networks are new
    let anew = "--from first --from-channels new --channels-a 1 --lr 0";
    train("gray", 2, anew);
    let told = scratch.run(&format!(
        "train data --out x --dry-run {anew} --load-size 72 --crop-size 64"
    ));
    let told = String::from_utf8([told.stdout, told.stderr].concat()).unwrap();
    let first = "; the generator's first layer and the discriminator's first layer begin anew\n";
    assert!(told.contains(first), "{told}");
    let (gray, first) = (of("gray", 2, ""), of("first", 8, ""));
    assert_eq!(
        gray.keys().collect::<Vec<_>>(),
        first.keys().collect::<Vec<_>>()
    );
    let other = gray.keys().filter(|name| gray[*name] != first[*name]);
    let other: Vec<&str> = other.map(String::as_str).collect();
    assert_eq!(
        other,
        [
            "discriminator.blocks.0.conv.bias",
            "discriminator.blocks.0.conv.weight",
            "generator.encoder.0.conv.weight"
        ]
    );
    fs::write(scratch.path("no.pth"), "no model").unwrap();
    for (options, told) in [
        (
            "--from first --channels-a 1",
            "anew with --from-channels new",
        ),
        ("--from first --filters 2", "omit it"),
        ("--from first --patch 16", "omit it"),
        ("--freeze encoder", "the model to begin from with --from"),
        (
            "--from first --from-channels new --channels-a 1 --freeze encoder",
            "its first layer begins anew, with random weights that --freeze would keep; omit --freeze",
        ),
        (
            "--from first --freeze-generator 2",
            "--freeze-generator is 2, and the run has 2 steps",
        ),
        (
            "--lr-schedule linear --decay-epochs 9",
            "the linear decay of --decay-epochs takes ",
        ),
        (
            "--perceptual-weights nowhere.safetensors",
            "--perceptual-weights are those of --perceptual and of --keep-best lpips; give one",
        ),
        ("--from no.pth", "no.pth: "),
        ("--from nowhere", "nowhere: "),
    ] {
        let output = scratch.run(&format!("train data --out x --steps 2 {options}"));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && error.contains(told),
            "{options}: {error}"
        );
        assert!(!scratch.path("x").exists(), "{options}");
    }
}

#[test]
fn models_are_evaluated_side_by_side() {
    let scratch = Scratch::new();
    trained(&scratch, "one", "");
    trained(&scratch, "two", "--seed 7 --norm instance");
    let lpips =
        format!("--lpips {FIXTURES}/lpips.safetensors --fid {FIXTURES}/inception.safetensors");
    let dists = format!("--dists {FIXTURES}/dists.safetensors --samples 3");
    let table = scratch.ok(&format!(
        "evaluate one two data --out scores {lpips} {dists}"
    ));
    for told in [
        "SWD (x1000)",
        "Spectrum (dB)",
        "DISTS",
        "KID",
        "Error over deviation",
        "L1 (of 255)",
        "RMSE",
        "PSNR (dB)",
        "SSIM",
        "LPIPS",
        "FID",
        "±",
        "7 of val",
        "measured at",
        "64x64",
        "Pearson correlation, higher is better",
        "one",
        "two",
    ] {
        assert!(table.contains(told), "{told} is not in {table}");
    }
    // 64 pixels are too few for it
    assert!(!table.contains("MS-SSIM, higher"), "{table}");
    assert!(table.contains("no MS-SSIM: it needs"), "{table}");
    assert_eq!(
        names(&scratch.path("scores")),
        ["1-one", "2-two", "gallery.html", "scores.json"]
    );
    assert_eq!(
        names(&scratch.path("scores/1-one")),
        ["best.png", "calibration.png", "spectrum.png", "worst.png"]
    );
    for chart in ["calibration", "spectrum"] {
        let chart = image::open(scratch.path(&format!("scores/1-one/{chart}.png"))).unwrap();
        assert!(!is_flat(&chart.into_rgb8(), 70, 44, 300));
    }
    for sheet in ["best", "worst"] {
        let sheet = image::open(scratch.path(&format!("scores/1-one/{sheet}.png")))
            .unwrap()
            .into_rgb8();
        // the title has two lines, and so has each name with its scores
        assert_eq!(sheet.dimensions(), (12 + 3 * 76, 76 + 5 * 114), "five rows");
        assert!(!is_flat(&sheet, 12, 76, 64));
    }
    let json: Value =
        serde_json::from_slice(&fs::read(scratch.path("scores/scores.json")).unwrap()).unwrap();
    for model in json.as_array().unwrap() {
        let pictures = model["pictures"].as_array().unwrap();
        assert_eq!(pictures.len(), 7);
        for key in ["l1", "rmse", "psnr", "ssim", "pearson", "lpips", "dists"] {
            let values: Vec<f64> = pictures.iter().map(|p| p[key].as_f64().unwrap()).collect();
            let mean = values.iter().sum::<f64>() / 7.0;
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            // Student's t for 6 degrees of freedom
            let margin = 2.446912 * (squares / 6.0 / 7.0).sqrt();
            assert!(
                (model["means"][key]["mean"].as_f64().unwrap() - mean).abs() < 1e-9,
                "{key}"
            );
            assert!(
                (model["means"][key]["margin"].as_f64().unwrap() - margin).abs() < 1e-5,
                "{key}"
            );
        }
        assert!(model["fid"].as_f64().unwrap() > 0.0);
        assert!(model["kid"].is_number());
        let confidence = &model["confidence"];
        assert_eq!(confidence["samples"], 3);
        let bins = confidence["bins"].as_array().unwrap();
        let sum = |name: &str| -> f64 {
            let values = bins.iter().map(|bin| bin[name].as_f64().unwrap());
            values.sum()
        };
        assert!((sum("share") - 1.0).abs() < 1e-9 && sum("deviation") > 0.0);
    }
    // all pairs of both models are on the page, in four pictures, with the scores of the file
    let galleries = data_of(&scratch.path("scores/gallery.html"));
    let galleries = galleries.as_array().unwrap();
    assert_eq!(galleries.len(), 2);
    for (gallery, model) in galleries.iter().zip(json.as_array().unwrap()) {
        let entries = gallery["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 7);
        let first = &gallery["measures"][0];
        assert_eq!([&first["label"], &first["unit"]], ["L1", "of 255"]);
        for (entry, picture) in entries.iter().zip(model["pictures"].as_array().unwrap()) {
            assert_eq!(entry["name"], picture["name"]);
            assert_eq!(entry["pictures"].as_array().unwrap().len(), 4);
            assert_eq!(entry["scores"]["l1"], picture["l1"]);
            assert!(entry["scores"].get("l1_own").is_none(), "they are 8-bit");
        }
    }
    // each seed gives different dropout; without dropout, the seed has no effect
    let l1 = |options: &str| {
        let json: Value =
            serde_json::from_str(&scratch.ok(&format!("evaluate one data --json {options}")))
                .unwrap();
        json[0]["means"]["l1"]["mean"].as_f64().unwrap()
    };
    assert_ne!(l1("--seed 1"), l1("--seed 2"));
    assert_eq!(l1("--dropout off --seed 1"), l1("--dropout off --seed 2"));
    assert_ne!(l1("--split train"), l1(""));
}

/// Fewer models and no samples than before: what is left is that of the last evaluation, and the user's.
#[test]
fn an_evaluation_leaves_no_drawings_of_an_earlier_one() {
    let scratch = Scratch::new();
    trained(&scratch, "one", "");
    scratch.ok("evaluate one one one data --out scores --samples 2");
    let charts = ["best.png", "calibration.png", "spectrum.png", "worst.png"];
    assert_eq!(names(&scratch.path("scores/3-one")), charts);
    fs::write(scratch.path("scores/3-one/notes.txt"), "mine").unwrap();
    fs::copy(
        scratch.path("data/val/pair0.png"),
        scratch.path("scores/3-one/worst.png"),
    )
    .unwrap();
    scratch.ok("evaluate one data --out scores");
    assert_eq!(
        names(&scratch.path("scores")),
        ["1-one", "3-one", "gallery.html", "scores.json"]
    );
    assert_eq!(
        names(&scratch.path("scores/1-one")),
        ["best.png", "spectrum.png", "worst.png"]
    );
    assert_eq!(
        names(&scratch.path("scores/3-one")),
        ["notes.txt", "worst.png"]
    );
}

/// The data of a page.
pub fn data_of(page: &Path) -> Value {
    let page = fs::read_to_string(page).unwrap();
    let start = "<script id=\"data\" type=\"application/json\">";
    let data = page.split(start).nth(1).unwrap();
    serde_json::from_str(data.split("</script>").next().unwrap()).unwrap()
}

/// L1 in counts is that of 255 in the model's range, and models of different sizes or directions are told apart.
#[test]
fn models_that_do_not_compare_are_told_apart() {
    let scratch = Scratch::new();
    let folder = scratch.path("counts");
    for side in ["A", "B"] {
        fs::create_dir_all(folder.join(side)).unwrap();
        for index in 0..3u16 {
            let counts = |x: u32, y: u32| image::Luma([(x * 40 + y * 20) as u16 + index * 90]);
            image::ImageBuffer::<image::Luma<u16>, Vec<u16>>::from_fn(64, 64, counts)
                .save(folder.join(format!("{side}/{index}.png")))
                .unwrap();
        }
    }
    let train = |out: &str, options: &str| {
        scratch.ok(&format!(
            "train counts --range 0,4095 --steps 1 --filters 2 --quiet --out {out} {options}"
        ));
    };
    train("large", "--load-size 136 --crop-size 128");
    train("small", "--load-size 72 --crop-size 64 --direction b-to-a");
    let output = scratch.run("evaluate large small counts --out scores");
    let (table, notes) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(
        table.contains("L1 (in the files' values), lower is better"),
        "{table}"
    );
    for told in [
        "different sizes (128x128, 64x64)",
        "different directions",
        "small was trained from B to A",
    ] {
        assert!(notes.contains(told), "{told} is not in {notes}");
    }
    let scores: Value =
        serde_json::from_slice(&fs::read(scratch.path("scores/scores.json")).unwrap()).unwrap();
    for picture in scores[0]["pictures"].as_array().unwrap() {
        for key in ["l1", "rmse"] {
            let ratio = picture["own"][key].as_f64().unwrap() / picture[key].as_f64().unwrap();
            assert!((ratio - 4095.0 / 255.0).abs() < 1e-4, "{key}: {ratio}");
        }
    }
    let alone = scratch.run("evaluate large counts");
    let notes = String::from_utf8(alone.stderr).unwrap();
    assert!(
        !notes.contains("different") && !notes.contains("from B to A"),
        "{notes}"
    );
    // given the other side
    let said = scratch.ok("translate small counts/A/0.png --out a");
    assert!(said.contains("counts/A is named for A"), "{said}");
    assert!(
        said.contains("taken as B, as the model was trained from B to A"),
        "{said}"
    );
    let said = scratch.ok("translate large counts/A/0.png --out b");
    assert!(
        !said.contains("trained from") && !said.contains("is named for"),
        "{said}"
    );
    let output = scratch.run("train counts --range 0,4095 --steps 1 --out from --from small");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("that model was trained b-to-a, and this run trains a-to-b"),
        "{said}"
    );
}

/// The page of `translate`: pairs have a target and scores, others do not.
/// Runs that hold pairs out by their seeds are measured on pairs of their own.
#[test]
fn scores_of_different_pairs_are_told() {
    let scratch = Scratch::new();
    scratch.pairs("flat", 8);
    for seed in [0, 1] {
        let options = format!("--steps 2 --val-fraction 0.25 --seed {seed} --quiet {SMALL}");
        scratch.ok(&format!("train flat --out runs/{seed} {options}"));
    }
    let wanted =
        "so their scores do not compare; split the data once, with `pix2pix prepare split`";
    for (command, is_told) in [
        ("evaluate runs/0 runs/1 flat", true),
        ("evaluate runs/1 runs/1 flat", false),
        ("runs runs", true),
        ("runs runs/0", false),
        ("report runs/0 runs/1 --no-gallery --out two.html", true),
        ("report runs/0 --no-gallery --out one.html", false),
    ] {
        let output = scratch.run(command);
        let notes = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{command}: {notes}");
        assert_eq!(notes.contains(wanted), is_told, "{command}: {notes}");
    }
    let told = data_of(&scratch.path("two.html"))["apart"].clone();
    assert!(told.as_str().unwrap().contains(wanted), "{told}");
    assert!(data_of(&scratch.path("one.html"))["apart"].is_null());
}

/// A model of gray pictures beside one of colors: its targets became gray, so its errors are others.
#[test]
fn scores_of_other_targets_are_told() {
    let scratch = Scratch::new();
    scratch.pairs("flat", 8);
    let gray = "--channels-a 1 --channels-b 1 --filters 2 --load-size 144 --crop-size 128";
    for (run, options) in [("color", SMALL), ("gray", gray)] {
        let options = format!("--steps 2 --val-fraction 0.25 --quiet {options}");
        scratch.ok(&format!("train flat --out runs/{run} {options}"));
    }
    let output = scratch.run("evaluate runs/color runs/gray flat");
    let notes = String::from_utf8(output.stderr).unwrap();
    for told in [
        "note: runs/gray: the source of pair",
        "note: runs/gray: the target of pair",
        "note: the models have other targets (3 channels, 8-bit; 1 channel, 8-bit), so their scores do not compare",
    ] {
        assert!(notes.contains(told), "{told} is not in {notes}");
    }
    let told = "some of these runs have pictures of different sizes, and some have other targets, so their scores do not compare";
    let output = scratch.run("runs runs");
    let notes = String::from_utf8(output.stderr).unwrap();
    assert_eq!(notes, format!("note: {told}\n"));
    scratch.ok("report runs/color runs/gray --no-gallery --out two.html");
    assert_eq!(data_of(&scratch.path("two.html"))["apart"], told);
    // another data set; a run without scores has none to compare
    scratch.pairs("others", 4);
    for (data, fraction) in [("flat", "0"), ("others", "0.5")] {
        let options = format!("--steps 2 --val-fraction {fraction} --quiet {SMALL}");
        scratch.ok(&format!("train {data} --out two/{data} {options}"));
    }
    let output = scratch.run("runs two");
    assert!(output.stderr.is_empty(), "{output:?}");
    scratch.ok(&format!(
        "train flat --out two/scored --steps 2 --val-fraction 0.25 --quiet {SMALL}"
    ));
    let output = scratch.run("runs two");
    let notes = String::from_utf8(output.stderr).unwrap();
    let told = "note: some of these runs have different data, so their scores do not compare\n";
    assert_eq!(notes, told);
}

/// What cannot be written is found out before the work, and where it is found out later, costs no scores.
#[test]
fn scores_are_not_lost_with_their_files() {
    let scratch = Scratch::new();
    trained(&scratch, "run", "");
    fs::write(scratch.path("file"), "mine").unwrap();
    let output = scratch.run("evaluate nowhere data --out file");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("error: file: cannot write into the folder"),
        "{said}"
    );
    assert!(said.contains("a file is in the way"), "{said}");
    // sheets are larger than this limit, and the file of the scores is not
    for json in ["", "--json"] {
        let output = scratch.bash(&format!(
            "ulimit -f 16; $pix2pix evaluate run run data --out scores {json}"
        ));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("scores/1-run/best.png: cannot write"),
            "{said}"
        );
        let found = String::from_utf8(output.stdout).unwrap();
        match json {
            "" => assert!(found.contains("7 of val"), "{found}"),
            _ => {
                let scores: Value = serde_json::from_str(&found).unwrap();
                assert_eq!(scores.as_array().unwrap().len(), 2);
            }
        }
        assert!(scratch.path("scores/scores.json").is_file());
    }
}

#[test]
fn translated_pictures_have_a_page() {
    let scratch = Scratch::new();
    trained(&scratch, "run", "");
    fs::create_dir(scratch.path("mixed")).unwrap();
    for index in 0..2 {
        let pair = common::pair(96, 40, index);
        pair.save(scratch.path(&format!("mixed/pair{index}.png")))
            .unwrap();
    }
    common::pair(48, 40, 5)
        .save(scratch.path("mixed/single.png"))
        .unwrap();
    // a name that would be markup to a browser, and one that a terminal would obey
    let named = |name: &str| scratch.path(&format!("mixed/{name}.png"));
    fs::copy(named("single"), named("<!--<script>")).unwrap();
    fs::copy(named("single"), named("\u{1b}]0;title\u{7}")).unwrap();
    let said = scratch.ok("translate run mixed --out out --gallery");
    assert!(said.ends_with("gallery: out/gallery.html\n"), "{said}");
    let escaped = "mixed/\\u{1b}]0;title\\u{7}.png";
    assert!(said.contains(escaped), "{said}");
    assert!(
        !said.replace('\n', "").contains(char::is_control),
        "{said:?}"
    );
    let page = fs::read_to_string(scratch.path("out/gallery.html")).unwrap();
    assert!(!page.contains("<!--<script>"));
    let gallery = data_of(&scratch.path("out/gallery.html"));
    let entries = gallery[0]["entries"].as_array().unwrap();
    let shown = entries.iter().map(|entry| {
        let name = entry["name"].as_str().unwrap();
        (
            name,
            entry["pictures"].as_array().unwrap().len(),
            entry["scores"].get("l1").is_some(),
        )
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            ("\u{1b}]0;title\u{7}", 2, false),
            ("<!--<script>", 2, false),
            ("pair0", 4, true),
            ("pair1", 4, true),
            ("single", 2, false)
        ]
    );
    let entries = &entries[2..];
    // the scores are those of the files
    let pixels = |path: &str| image::open(scratch.path(path)).unwrap().into_rgb8();
    let (output, pair) = (pixels("out/pair0.png"), pixels("mixed/pair0.png"));
    let target = image::imageops::crop_imm(&pair, 48, 0, 48, 40).to_image();
    let differences = output
        .iter()
        .zip(target.iter())
        .map(|(a, b)| f64::from(a.abs_diff(*b)));
    let l1 = differences.sum::<f64>() / f64::from(48 * 40 * 3);
    assert!((entries[0]["scores"]["l1"].as_f64().unwrap() - l1).abs() < 1e-4);
}

/// Whole pictures, with a frame around the crop that the networks see.
#[test]
fn sheets_of_crops_show_whole_pictures() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("data")).unwrap();
    for index in 0..2 {
        let pair = common::pair(2 * 160, 120, index);
        pair.save(scratch.path(&format!("data/{index}.png")))
            .unwrap();
    }
    scratch.ok("train data --out run --steps 1 --filters 2 --resize crop --crop-size 64 --quiet");
    let sheet = image::open(scratch.path("run/samples/step_0000001.png"))
        .unwrap()
        .into_rgb8();
    assert_eq!(sheet.dimensions(), (12 + 3 * 172, 56 + 2 * (120 + 34)));
    let source = common::pair(320, 120, 0);
    for (x, y) in [(0, 0), (159, 0), (3, 119), (80, 60)] {
        assert_eq!(
            sheet.get_pixel(12 + x, 56 + y),
            source.get_pixel(x, y),
            "{x}, {y}"
        );
    }
    for column in 0..3 {
        // the crop of 64 begins at (160 - 64) / 2 and (120 - 64) / 2
        for (x, y) in [(48, 28), (111, 28), (48, 91), (111, 91)] {
            let found = sheet.get_pixel(12 + 172 * column + x, 56 + y);
            assert_eq!(found, &image::Rgb([255, 214, 0]), "{column}: {x}, {y}");
        }
    }
}

/// Mean and deviation of samples are those of the library's translations, by hand, to the last bit of the file.
#[test]
fn samples_have_a_mean_and_a_deviation() {
    let scratch = Scratch::new();
    trained(&scratch, "run", "");
    let said =
        scratch.ok("translate run data/val/pair0.png --pairs yes --out out --samples 5 --seed 3");
    assert!(said.contains("standard deviation: mean"), "{said}");
    assert_eq!(
        names(&scratch.path("out")),
        ["pair0-deviation.png", "pair0.png"]
    );
    let [mean, deviation] = ["pair0", "pair0-deviation"].map(|name| {
        let png = image::open(scratch.path(&format!("out/{name}.png"))).unwrap();
        png.to_rgb8().into_raw()
    });
    let translator = pix2pix::Translator::load(scratch.path("run")).unwrap();
    let pair = image::open(scratch.path("data/val/pair0.png")).unwrap();
    let source = pair.crop_imm(0, 0, 48, 40).to_rgb8();
    let samples: Vec<Vec<f32>> = (0..5)
        .map(|index| {
            let options = pix2pix::model::TranslateOptions {
                seed: 3,
                index,
                ..Default::default()
            };
            let translated = translator.translate_with(source.clone().into(), &options);
            translated.unwrap().to_floats()
        })
        .collect();
    let mut largest = 0;
    for at in 0..mean.len() {
        let values = samples.iter().map(|sample| f64::from(sample[at]));
        let expected = values.clone().sum::<f64>() / 5.0;
        assert_eq!(mean[at], expected.round() as u8);
        let squares: f64 = values.map(|value| (value - expected).powi(2)).sum();
        let expected = (16.0 * (squares / 4.0).sqrt()).round() as u8;
        assert!(deviation[at].abs_diff(expected) <= 1);
        largest = largest.max(deviation[at]);
    }
    assert!(largest > 16, "{largest}");
    // without samples, the first of them
    scratch.ok("translate run data/val/pair0.png --pairs yes --out one --seed 3");
    let one = image::open(scratch.path("one/pair0.png"))
        .unwrap()
        .to_rgb8();
    let first: Vec<u8> = samples[0].iter().map(|value| *value as u8).collect();
    assert!(one.into_raw() == first);

    fs::copy(
        scratch.path("data/val/pair0.png"),
        scratch.path("data/val/pair1-deviation.png"),
    )
    .unwrap();
    trained(&scratch, "still", "--dropout 0");
    for (command, told) in [
        (
            "translate run data/val --out x --samples 2",
            "pair1-deviation.png: its output would have the same name as the deviation of",
        ),
        (
            "translate run data/val/pair0.png --out x --samples 2 --dropout off",
            "--samples differ in their dropout alone, and --dropout is off",
        ),
        (
            "translate still data/val/pair0.png --out x --samples 2",
            "this model has none; train one with --dropout",
        ),
        (
            "translate run data/val/pair0.png --out x --samples 1",
            "1 is not in 2..=10000",
        ),
    ] {
        let output = scratch.run(command);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && error.contains(told),
            "{command}: {error}"
        );
        assert!(!scratch.path("x").exists(), "{command}");
    }
}

/// The file of a mean has a name as long as that of its input, and that of a deviation is longer.
#[cfg(target_os = "linux")]
#[test]
fn names_of_deviations_are_tried_before_the_first() {
    let scratch = Scratch::new();
    trained(&scratch, "run", "");
    let long = format!("{}.png", "z".repeat(250));
    fs::create_dir(scratch.path("pictures")).unwrap();
    for name in ["a.png", &long] {
        fs::copy(
            scratch.path("data/val/pair0.png"),
            scratch.path("pictures").join(name),
        )
        .unwrap();
    }
    let output = scratch.run("translate run pictures --out x --samples 2");
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("z-deviation.png, is too long for the disk; give it a shorter name"),
        "{error}"
    );
    assert!(!scratch.path("x").exists());
    scratch.ok("translate run pictures --out x");
    assert!(scratch.path("x").join(long).is_file());
}

#[test]
fn what_cannot_be_evaluated() {
    let scratch = Scratch::new();
    trained(&scratch, "run", "");
    let fails = |arguments: &str, told: &[&str]| {
        let output = scratch.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{arguments}");
        assert_eq!(error.lines().count(), 1, "{error}");
        for told in told {
            assert!(error.contains(told), "{told} is not in {error}");
        }
    };
    fails("evaluate run nowhere", &["nowhere", "no such folder"]);
    fails(
        "evaluate nowhere data",
        &["nowhere", "cannot read the checkpoint"],
    );
    fails(
        "evaluate run data --split test",
        &["data", "no test pairs, only train, val", "--split train"],
    );
    fails(
        "evaluate run data --lpips nowhere",
        &["nowhere", "no such file", "pix2pix download lpips-alex"],
    );
    fails(
        "evaluate run data --lpips run/checkpoints/step_0000008.safetensors",
        &[
            "step_0000008",
            "net.slice1.0.weight is missing",
            "pix2pix download lpips-alex",
        ],
    );
    fails(
        "evaluate run data --samples 4 --dropout off",
        &["--samples differ in their dropout alone, and --dropout is off"],
    );
    fails("average data", &["data", "two checkpoints"]);
    fails("runs data", &["data", "contains no run folder"]);
    fails("report data", &["data", "not a run folder"]);
    scratch.pairs("small", 2);
    fails("evaluate run data --lpips", &["--lpips"]);
}

/// Single-color targets make flat outputs.
#[test]
fn a_run_with_flat_outputs_warns() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("flat")).unwrap();
    for index in 0..3 {
        let mut pair = common::pair(128, 64, index);
        for (x, _, pixel) in pair.enumerate_pixels_mut() {
            if x >= 64 {
                *pixel = image::Rgb([90, 120, 60]);
            }
        }
        pair.save(scratch.path(&format!("flat/{index}.png")))
            .unwrap();
    }
    let options = "--steps 240 --sample-every 40 --lr 0.01 --dropout 0 --gan lsgan --report";
    let output = scratch.run(&format!("train flat --out run {options} {SMALL}"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let warnings = lines(scratch.path("run/warnings.jsonl"));
    let flat = warnings.iter().find(|line| {
        line["warning"]
            .as_str()
            .unwrap()
            .contains("outputs are flat")
    });
    let step = flat.unwrap_or_else(|| panic!("{warnings:?}"))["step"]
        .as_u64()
        .unwrap();
    assert!(
        said.contains(&format!("warning at step {step}: the outputs are flat")),
        "{said}"
    );
    let page = fs::read_to_string(scratch.path("run/report.html")).unwrap();
    assert!(page.contains("the outputs are flat"));

    // two parts warn as the whole: after the first warning, they end at a step of a sampling, or soon after one, when the outputs
    // are not flat yet
    let first = warnings[0]["step"].as_u64().unwrap();
    let whole = fs::read(scratch.path("run/warnings.jsonl")).unwrap();
    for end in [first + 40, first + 7] {
        let _ = fs::remove_dir_all(scratch.path("parts"));
        let options = options.replace("--steps 240", &format!("--steps {end}"));
        scratch.ok(&format!("train flat --out parts {options} {SMALL}"));
        scratch.ok("train --resume parts --steps 240");
        let parts = fs::read(scratch.path("parts/warnings.jsonl")).unwrap();
        assert!(whole == parts, "{end}");
    }
}

#[test]
fn runs_are_listed_with_state_and_best_scores() {
    let scratch = Scratch::new();
    trained(&scratch, "runs/one", "");
    trained(&scratch, "runs/two", "--seed 3");
    // make it look unfinished
    let config = fs::read_to_string(scratch.path("runs/two/config.toml")).unwrap();
    fs::write(
        scratch.path("runs/two/config.toml"),
        config.replace("steps = 8", "steps = 80"),
    )
    .unwrap();
    let table = scratch.ok("runs runs");
    let row = |name: &str| -> Vec<String> {
        let row = table
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{table}"));
        row.split_whitespace().map(str::to_string).collect()
    };
    assert_eq!(row("runs/one")[1..4], ["done", "8", "8"]);
    assert_eq!(row("runs/two")[1..4], ["stopped", "8", "80"]);
    // a length of time as `train` shows it
    let timed = config.replace("steps = 8\n", "steps = 10000000000\ntime = 5400.0\n");
    assert_ne!(timed, config);
    fs::write(scratch.path("runs/two/config.toml"), timed).unwrap();
    let timed = scratch.ok("runs runs/two");
    assert!(timed.contains("  1 h 30 min  "), "{timed}");
    let scores = lines(scratch.path("runs/one/scores.jsonl"));
    let best = scores
        .iter()
        .map(|line| line["l1"].as_f64().unwrap())
        .fold(f64::INFINITY, f64::min);
    assert_eq!(row("runs/one")[4], format!("{best:.2}"));
    // those of settings and seeds are a level deeper
    fs::create_dir(scratch.path("runs/seeds")).unwrap();
    fs::rename(scratch.path("runs/two"), scratch.path("runs/seeds/s0")).unwrap();
    for (folder, listed) in [
        ("runs", &["runs/one", "runs/seeds/s0"][..]),
        ("runs/seeds", &["runs/seeds/s0"]),
        (".", &["./runs/one"]),
    ] {
        let table = scratch.ok(&format!("runs {folder}"));
        let names = table
            .lines()
            .skip(1)
            .map(|line| line.split(' ').next().unwrap());
        let names: Vec<&str> = names.filter(|name| name.contains("runs/")).collect();
        assert_eq!(names, listed, "{table}");
    }
}

#[test]
fn an_average_is_the_mean_of_checkpoints() {
    let scratch = Scratch::new();
    trained(&scratch, "run", "");
    let said = scratch.ok("average run --last 2");
    assert!(
        said.contains("averaged these 2 into run/averaged.safetensors") && !said.contains("note"),
        "{said}"
    );
    let said = scratch.ok("average run --last 5 --out all.safetensors");
    assert!(
        said.contains("averaged these 3 into all.safetensors")
            && said.contains("note: --last is 5, and the run has no others; `train --keep` decides how many stay\n"),
        "{said}"
    );
    let tensors = |name: &str| -> BTreeMap<String, Vec<f32>> {
        let bytes = fs::read(scratch.path("run").join(name)).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let tensors = file.tensors().into_iter();
        let values = |data: &[u8]| {
            data.as_chunks()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect()
        };
        tensors
            .map(|(name, view)| (name, values(view.data())))
            .collect()
    };
    let parts = [6, 8].map(|step| tensors(&format!("checkpoints/step_{step:07}.safetensors")));
    let mean = tensors("averaged.safetensors");
    assert!(mean.len() > 20);
    for (name, values) in &mean {
        for (index, value) in values.iter().enumerate() {
            let expected = (parts[0][name][index] + parts[1][name][index]) / 2.0;
            assert!(
                (value - expected).abs() <= 1e-6 * expected.abs().max(1e-3),
                "{name}"
            );
        }
    }
    scratch.ok("evaluate run run/averaged.safetensors data");
    // not over one of those that it is the mean of
    let input = "run/checkpoints/step_0000006.safetensors";
    let before = fs::read(scratch.path(input)).unwrap();
    let output = scratch.run(&format!("average run --last 2 --out {input} --force"));
    assert_eq!(output.status.code(), Some(2));
    assert!(fs::read(scratch.path(input)).unwrap() == before);
}

/// The page of a long run has as many points as a screen, with the best ones among them; the table has all.
#[test]
fn a_report_of_a_long_run_is_thinned() {
    let scratch = Scratch::new();
    trained(&scratch, "run", "");
    for (file, count) in [("metrics", 5000), ("scores", 4100)] {
        let path = scratch.path(&format!("run/{file}.jsonl"));
        let mut line = lines(path.clone()).remove(0);
        let mut long = String::new();
        for step in 1..=count {
            line["step"] = step.into();
            if file == "scores" {
                line["l1"] = if step == 5 { 1.0 } else { 9.0 }.into();
            }
            long += &format!("{line}\n");
        }
        fs::write(path, long).unwrap();
    }
    scratch.ok("report run --no-gallery --out long.html --csv long.csv");
    let data = data_of(&scratch.path("long.html"));
    let points = |key: &str| -> Vec<Value> {
        let charts = data["charts"].as_array().unwrap();
        let chart = charts.iter().find(|chart| chart["key"] == key).unwrap();
        chart["series"][0].as_array().unwrap().clone()
    };
    for key in ["g_l1", "lr", "l1"] {
        let count = points(key).len();
        assert!((1000..=2010).contains(&count), "{key}: {count}");
    }
    assert!(points("l1").contains(&serde_json::json!([5, 1.0])));
    assert_eq!(data["runs"][0]["best"]["L1"]["step"], 5);
    let table = fs::read_to_string(scratch.path("long.csv")).unwrap();
    assert_eq!(table.lines().count(), 5001);
}

/// The page is self-contained: it loads nothing from outside.
#[test]
fn a_report_is_one_file() {
    let scratch = Scratch::new();
    trained(&scratch, "one", "--report --tensorboard");
    trained(&scratch, "two", "--seed 3 --lr 0.001");
    assert!(
        scratch.path("one/report.html").is_file(),
        "made while training"
    );
    // the page of a run is not replaced by that of several
    let own = fs::read(scratch.path("one/report.html")).unwrap();
    let output = scratch.run("report one two");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("as in --out comparison.html"), "{told}");
    assert!(fs::read(scratch.path("one/report.html")).unwrap() == own);
    // who gives a part of a run is told its folder
    for part in [
        "one/checkpoints",
        "one/checkpoints/step_0000008.safetensors",
    ] {
        for command in ["report", "train --resume"] {
            let output = scratch.run(&format!("{command} {part}"));
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{told}");
            assert!(
                told.ends_with("not a run folder (no config.toml); give the run's folder, one\n"),
                "{told}"
            );
        }
    }
    let said = scratch.ok("report one two --out both.html --csv both.csv");
    assert_eq!(said, "both.html\nboth.csv\n");
    // the gallery has all held-out pairs, with the scores of the last sampling
    for page in ["one/report.html", "both.html"] {
        let data = data_of(&scratch.path(page));
        let entries = data["runs"][0]["gallery"]["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 7, "{page}");
        let sum: f64 = entries
            .iter()
            .map(|entry| entry["scores"]["l1"].as_f64().unwrap())
            .sum();
        let scores = lines(scratch.path("one/scores.jsonl"));
        assert!(
            (sum / 7.0 - scores[2]["l1"].as_f64().unwrap()).abs() < 1e-9,
            "{page}"
        );
    }
    scratch.ok("report one --out plain.html --no-gallery");
    assert!(data_of(&scratch.path("plain.html"))["runs"][0]["gallery"].is_null());
    // without its data, a run has no gallery, which is told
    fs::rename(scratch.path("data"), scratch.path("moved")).unwrap();
    let output = scratch.run("report one --out without.html");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && told.starts_with("note: no gallery: "),
        "{told}"
    );
    fs::rename(scratch.path("moved"), scratch.path("data")).unwrap();
    let page = fs::read_to_string(scratch.path("both.html")).unwrap();
    for outside in ["http://", "https://", "src=\"/", "href="] {
        let found = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!found.contains(outside), "{outside} is in the page");
    }
    let data = data_of(&scratch.path("both.html"));
    let runs = data["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    // the report of a training that has ended says so
    let own = fs::read_to_string(scratch.path("one/report.html")).unwrap();
    assert!(own.contains("\"state\":\"done\""));
    // a resumed run goes on with its report, but takes the place of no comparison
    let steps = |page: &str| {
        let data = data_of(&scratch.path(page));
        let runs = data["runs"].as_array().unwrap().clone();
        runs.iter()
            .map(|run| run["step"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    let before = steps("one/report.html")[0];
    fs::copy(scratch.path("both.html"), scratch.path("two/report.html")).unwrap();
    for run in ["one", "two"] {
        scratch.ok(&format!("train --resume {run} --steps {}", before + 1));
    }
    assert_eq!(steps("one/report.html"), [before + 1]);
    assert_eq!(steps("two/report.html"), [before, before]);
    // one unit of L1, and only losses are smoothed
    let charts = data["charts"].as_array().unwrap();
    let titles: Vec<&str> = charts
        .iter()
        .filter(|chart| chart["smoothed"] == true)
        .map(|chart| chart["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles.len(), 4);
    // a sentence on each curve, and on what both runs show
    for chart in charts {
        assert!(chart["healthy"].as_str().unwrap().len() > 10);
        assert_eq!(chart["findings"].as_array().unwrap().len(), 2);
    }
    let rate = charts.iter().find(|chart| chart["key"] == "lr").unwrap();
    assert_eq!(rate["findings"][1]["text"], "Constant at 1.0e-3.");
    assert!(titles.iter().all(|title| !title.contains("Held-out")));
    let first = &lines(scratch.path("one/metrics.jsonl"))[0];
    let shown = charts[0]["series"][0][0][1].as_f64().unwrap();
    assert_eq!(charts[0]["title"], "Training pairs: L1 (of 255)");
    assert!((shown - 127.5 * first["g_l1"].as_f64().unwrap()).abs() < 1e-3);
    // the page finds the unit of each best score
    let scores = data["scores"].as_array().unwrap();
    for name in runs[0]["best"].as_object().unwrap().keys() {
        assert!(scores.iter().any(|score| score["label"] == *name), "{name}");
    }
    for run in runs {
        assert_eq!(run["state"], "done");
        assert_eq!(run["step"], 8);
        assert_eq!(run["samples"].as_array().unwrap().len(), 3);
        let picture = run["samples"][2]["picture"].as_str().unwrap();
        assert!(picture.starts_with("data:image/jpeg;base64,") && picture.len() > 5000);
        assert!(run["machine"]["processor"].as_str().unwrap().len() > 2);
    }
    assert_eq!(runs[1]["config"]["optimizer.lr"], "0.001");
    let charts = data["charts"].as_array().unwrap();
    let steps = |chart: &str| -> Vec<u64> {
        let chart = charts
            .iter()
            .find(|c| c["title"].as_str().unwrap().contains(chart))
            .unwrap();
        let points = chart["series"][0].as_array().unwrap();
        points
            .iter()
            .map(|point| point[0].as_u64().unwrap())
            .collect()
    };
    assert_eq!(steps("Training pairs: L1"), [1, 2, 4, 6, 8]);
    assert_eq!(steps("Held-out pairs: PSNR"), [3, 6, 8]);

    let table = fs::read_to_string(scratch.path("both.csv")).unwrap();
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(
        rows[0],
        "run,step,epoch,seconds,d_real,d_fake,g_gan,g_l1,l1,psnr,ssim,swd,spectrum,lpips,accuracy,iou,lr,augment"
    );
    assert_eq!(
        rows.len(),
        1 + 2 * 6,
        "steps 1, 2, 3, 4, 6 and 8 of both: {table}"
    );
    assert!(
        rows[3].starts_with("one,3,,,,,,,"),
        "only measured: {}",
        rows[3]
    );
    // numbers have the digits of the run's own files
    let cells: Vec<&str> = rows[1].split(',').collect();
    let metrics = fs::read_to_string(scratch.path("one/metrics.jsonl")).unwrap();
    let first = metrics.lines().next().unwrap();
    assert_eq!(cells[16], "0.0002");
    for (column, cell) in [("g_l1", cells[7]), ("lr", cells[16])] {
        let written = format!("\"{column}\":{cell}");
        assert!(first.contains(&written), "{written} is not in {first}");
    }
    // a resumed run keeps them, each session in a file of its own
    let events = names(&scratch.path("one/tensorboard"));
    assert!(
        events.len() == 2 && events[0].contains(".tfevents."),
        "{events:?}"
    );
}

/// Serves fixture files under the given names.
fn serve(files: &[(&str, &str)]) -> String {
    let read = |(name, file): &(&str, &str)| {
        (
            name.to_string(),
            fs::read(Path::new(FIXTURES).join(file)).unwrap(),
        )
    };
    common::serve(files.iter().map(read).collect())
}

/// PyTorch files with the authors' tensor names are converted to the files that `evaluate` reads.
#[test]
fn weights_are_downloaded_and_converted() {
    let scratch = Scratch::new();
    let address = serve(&[
        ("alexnet-owt-7be5be79.pth", "alexnet.pth"),
        ("alex.pth", "alex.pth"),
        ("vgg16-397923af.pth", "vgg16.pth"),
        ("weights.pt", "dists.pt"),
        ("weights-inception-2015-12-05-6726825d.pth", "inception.pth"),
    ]);
    let list = scratch.ok("download");
    assert!(
        list.contains("lpips-alex") && list.contains("inception"),
        "{list}"
    );
    for name in ["lpips-alex", "dists", "inception"] {
        let said = scratch.ok(&format!("download {name} --mirror {address}"));
        assert!(
            said.contains(&format!("wrote weights/{name}.safetensors")),
            "{said}"
        );
        let again = scratch.run(&format!("download {name} --mirror {address}"));
        assert!(
            String::from_utf8(again.stderr)
                .unwrap()
                .contains("the weights already exist")
        );
    }
    assert_eq!(
        names(&scratch.path("weights")),
        [
            "dists.safetensors",
            "inception.safetensors",
            "lpips-alex.safetensors"
        ]
    );
    let content = |path: PathBuf| {
        let bytes = fs::read(path).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let tensors = file.tensors().into_iter().filter(|(name, view)| {
            view.dtype() == safetensors::Dtype::F32 && !name.starts_with("scaling_layer")
        });
        let mut tensors: Vec<_> = tensors
            .map(|(name, view)| (name, view.data().to_vec()))
            .collect();
        tensors.sort();
        tensors
    };
    for (ours, fixture) in [
        ("lpips-alex", "lpips"),
        ("dists", "dists"),
        ("inception", "inception"),
    ] {
        let ours = content(scratch.path(&format!("weights/{ours}.safetensors")));
        let fixture = content(Path::new(FIXTURES).join(format!("{fixture}.safetensors")));
        let names = |all: &[(String, Vec<u8>)]| {
            all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&ours), names(&fixture));
        assert!(ours == fixture);
    }
    // a file without weights, or a missing file
    let other = serve(&[("alexnet-owt-7be5be79.pth", "quality.json")]);
    let output = scratch.run(&format!("download lpips-alex --mirror {other} --out bad"));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("404"), "{error}");
    let other = serve(&[("weights-inception-2015-12-05-6726825d.pth", "quality.json")]);
    let output = scratch.run(&format!("download inception --mirror {other} --out bad"));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("not a PyTorch file of weights"), "{error}");
    assert!(!scratch.path("bad/inception.safetensors").exists());
}

/// A run may be meant to go on, so they are not refused.
#[test]
fn options_that_do_nothing_in_so_few_steps_are_told() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let said = scratch.trained("data", "--lr 0 --lr-schedule step --decay-epochs 9");
    for told in [
        "note: with --lr 0, no weight is trained\n",
        "note: the rate of --lr-schedule step first falls after 18 steps, and the run has 2; choose",
    ] {
        assert!(said.contains(told), "{said}");
    }
    let said = scratch.trained("data", "--lr-schedule step");
    assert!(!said.contains("first falls"), "{said}");
    let options = "--val-fraction 0.5 --keep-best l1";
    let said = scratch.trained(
        "data",
        &format!("{options} --lr-schedule plateau --patience 10"),
    );
    for told in [
        "note: the rate of --lr-schedule plateau can fall after 7 samplings at the earliest",
        "note: with --patience 10, the run can end after 11 samplings at the earliest",
    ] {
        assert!(said.contains(told), "{said}");
    }
    let output = scratch.run(&format!(
        "train data --out enough --steps 4 --sample-every 1 --patience 2 {options} {SMALL}"
    ));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && !said.contains("at the earliest"),
        "{said}"
    );
}
