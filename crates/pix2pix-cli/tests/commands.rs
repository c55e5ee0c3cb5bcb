//! Successful commands: the binary, with small networks and real files.

use std::fs;
use std::path::Path;

use image::RgbImage;
use pix2pix::data::picture::{self, Format, Picture, Samples};
use pix2pix::data::resize;

use crate::common::{self, SMALL, Scratch, is_flat, names, pair, wait_until};

fn open(path: std::path::PathBuf) -> RgbImage {
    image::open(path).unwrap().into_rgb8()
}

#[test]
fn a_run_folder_holds_what_it_promises() {
    let scratch = Scratch::new();
    scratch.pairs("data/train", 3);
    scratch.pairs("data/val", 2);
    let every = "--log-every 2 --sample-every 3 --save-every 2 --keep 2";
    scratch.ok(&format!(
        "train data --out run --steps 7 --seed 4 {SMALL} {every}"
    ));

    let run = scratch.path("run");
    assert_eq!(
        names(&run),
        [
            "checkpoints",
            "config.toml",
            "machine.json",
            "metrics.jsonl",
            "run.lock",
            "samples",
            "scores.jsonl",
            "timings.jsonl",
            "warnings.jsonl"
        ]
    );
    assert_eq!(
        names(&run.join("checkpoints")),
        [
            "state_0000007.safetensors",
            "step_0000006.safetensors",
            "step_0000007.safetensors"
        ]
    );
    assert_eq!(
        names(&run.join("samples")),
        ["step_0000003.png", "step_0000006.png", "step_0000007.png"]
    );
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    for line in [
        &format!("data = {:?}", scratch.path("data")),
        "seed = 4",
        "steps = 7",
        "depth = 6",
        "crop_size = \"64\"",
        "patch = \"70\"",
    ] {
        assert!(config.contains(line), "{line} is not in {config}");
    }

    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = metrics
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |key: &str| -> Vec<u64> { lines.iter().map(|l| l[key].as_u64().unwrap()).collect() };
    assert_eq!(of("step"), [1, 2, 4, 6, 7]);
    assert_eq!(of("epoch"), [1, 1, 2, 2, 3]);
    for line in &lines {
        for key in ["d_real", "d_fake", "g_gan", "g_l1"] {
            assert!(line[key].as_f64().unwrap() > 0.0, "{key} in {line}");
        }
    }

    // two rows of three pictures, at the columns' positions
    let sheet = open(run.join("samples/step_0000007.png"));
    for column in 0..3 {
        for row in 0..2 {
            let (x, y) = (12 + column * 76, 56 + row * 98);
            assert!(!is_flat(&sheet, x, y, 64), "column {column}, row {row}");
        }
    }
}

/// Bit-identical, with the same number of threads.
#[test]
fn the_same_seed_gives_the_same_run() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let train = |out: &str, seed: u64| {
        let batch = "--batch-size 2 --threads 2 --steps 4";
        scratch.ok(&format!(
            "train data --out {out} --seed {seed} {batch} {SMALL}"
        ));
        fs::read(
            scratch
                .path(out)
                .join("checkpoints/step_0000004.safetensors"),
        )
        .unwrap()
    };
    let (first, again, other) = (train("one", 1), train("two", 1), train("three", 2));
    assert!(first == again);
    let tensors = |bytes: &[u8]| {
        let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
        let tensors = file.tensors().into_iter();
        let mut tensors: Vec<_> = tensors
            .map(|(name, view)| (name, view.data().to_vec()))
            .collect();
        tensors.sort();
        tensors
    };
    assert!(tensors(&first) != tensors(&other));
}

#[test]
fn translations_have_their_inputs_size() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.ok(&format!("train data --out run --epochs 1 {SMALL}"));
    fs::create_dir(scratch.path("in")).unwrap();
    pair(70, 101, 0).save(scratch.path("in/plain.png")).unwrap();
    pair(96, 40, 1).save(scratch.path("in/both.jpg")).unwrap();
    fs::write(scratch.path("in/notes.txt"), "not a picture").unwrap();

    let said = scratch.ok("translate run in --out out");
    assert_eq!(names(&scratch.path("out")), ["both.png", "plain.png"]);
    assert_eq!(open(scratch.path("out/plain.png")).dimensions(), (70, 101));
    assert_eq!(open(scratch.path("out/both.png")).dimensions(), (48, 40));
    assert!(
        said.contains("both.jpg (96x40, a side-by-side pair by its size"),
        "{said}"
    );
    assert!(said.contains("plain.png (70x101, one picture)"), "{said}");

    // a single checkpoint file, moved elsewhere, is enough
    let checkpoint = scratch.path("run/checkpoints/step_0000002.safetensors");
    fs::rename(checkpoint, scratch.path("model.safetensors")).unwrap();
    fs::remove_dir_all(scratch.path("run")).unwrap();
    scratch.ok("translate model.safetensors in/both.jpg --out plain --pairs no --fit resize");
    assert_eq!(open(scratch.path("plain/both.png")).dimensions(), (96, 40));

    // with dropout, each seed gives a different picture; without, the seed has no effect
    let translate = |options: &str| {
        scratch.ok(&format!(
            "translate model.safetensors in/plain.png --out again {options}"
        ));
        open(scratch.path("again/plain.png"))
    };
    assert_eq!(translate("--seed 1"), translate("--seed 1"));
    assert_ne!(translate("--seed 1"), translate("--seed 2"));
    assert_eq!(
        translate("--dropout off --seed 1"),
        translate("--dropout off --seed 2")
    );
}

/// Half of a picture must not be lost because its shape is that of two squares, and a pair of wide pictures is a pair.
#[test]
fn what_a_pair_is_follows_from_the_training_data() {
    let scratch = Scratch::new();
    for side in ["A", "B"] {
        let folder = scratch.path(&format!("wide/{side}"));
        fs::create_dir_all(&folder).unwrap();
        pair(128, 64, 1).save(folder.join("0.png")).unwrap();
    }
    let size = |path: &str| open(scratch.path(path)).dimensions();
    for shape in [
        "--load-size 144x72 --crop-size 128x64",
        "--load-size 72 --crop-size 64",
    ] {
        scratch.ok(&format!(
            "train wide --out wide-run --steps 1 --filters 2 {shape}"
        ));
        let said = scratch.ok("translate wide-run wide/A --out from-wide");
        assert!(said.contains("(128x64, one picture)"), "{said}");
        assert_eq!(size("from-wide/0.png"), (128, 64));
        fs::remove_dir_all(scratch.path("wide-run")).unwrap();
    }

    scratch.pairs("data", 2);
    scratch.trained("data", "");
    let said = scratch.ok("translate run data wide/A --out out");
    assert!(said.contains("(96x40, a side-by-side pair"), "{said}");
    assert!(said.contains("(128x64, one picture)"), "{said}");
    assert_eq!(size("out/pair0.png"), (48, 40));
    assert_eq!(size("out/0.png"), (128, 64));
    // a copy of the weights knows it too
    scratch.ok("export run --format model --weights f16 --out half.safetensors");
    scratch.ok("translate half.safetensors data --out copied");
    assert_eq!(size("copied/pair0.png"), (48, 40));
}

/// The same pictures except for rounding: bf16 keeps 8 of 24 significant bits.
#[test]
fn bf16_translates_as_f32_does() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    // 32 filters and 128 pixels: the outer layers are wide and large enough for bf16
    let network = "--filters 32 --crop-size 128 --load-size 143";
    scratch.ok(&format!(
        "train data --out run --steps 3 --precision bf16 {network}"
    ));
    let config = fs::read_to_string(scratch.path("run/config.toml")).unwrap();
    assert!(config.contains("precision = \"bf16\""), "{config}");
    let metrics = fs::read_to_string(scratch.path("run/metrics.jsonl")).unwrap();
    assert!(!metrics.contains("null"), "{metrics}");
    pair(128, 128, 0).save(scratch.path("in.png")).unwrap();
    let translate = |precision: &str| {
        scratch.ok(&format!(
            "translate run in.png --out out --dropout off --precision {precision}"
        ));
        open(scratch.path("out/in.png")).into_raw()
    };
    let (single, half) = (translate("f32"), translate("bf16"));
    let difference = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b));
    let mean = single.iter().zip(&half).map(difference).sum::<f64>() / single.len() as f64;
    assert!(mean > 0.0, "bf16 has done nothing");
    assert!(mean < 4.0, "a mean difference of {mean} in 255");
}

#[test]
fn direction_chooses_the_source() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    scratch.ok(&format!(
        "train data --out run --steps 1 --direction b-to-a {SMALL}"
    ));
    let sheet = open(scratch.path("run/samples/step_0000001.png"));
    // the right half has more green than the left half: 215 against 40
    assert_eq!(sheet.get_pixel(12 + 30, 56 + 30)[1], 215);
    assert_eq!(sheet.get_pixel(12 + 2 * 76 + 30, 56 + 30)[1], 40);
}

#[test]
fn the_demo_leaves_a_contact_sheet_and_can_be_repeated() {
    let scratch = Scratch::new();
    for _ in 0..2 {
        let said = scratch.ok("demo --out demo --steps 2");
        assert!(
            said.contains("pix2pix translate demo demo/inputs --out demo/translated"),
            "{said}"
        );
    }
    assert_eq!(
        open(scratch.path("demo/preview.png")).dimensions(),
        (816, 2376)
    );
    let sheet = open(scratch.path("demo/contact-sheet.png"));
    assert_eq!(sheet.dimensions(), (12 + 3 * 268, 56 + 8 * 290));
    for column in 0..3 {
        assert!(!is_flat(&sheet, 12 + column * 268, 56, 256));
    }
    assert_eq!(names(&scratch.path("demo/outputs")).len(), 8);
    // the printed next command works
    scratch.ok("translate demo demo/inputs --out demo/translated");
    assert_eq!(names(&scratch.path("demo/translated")).len(), 8);
}

#[cfg(unix)]
#[test]
fn an_interrupt_finishes_the_step_and_saves() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let train = format!("train data --out run --steps 1000000 {SMALL}");
    let mut command = scratch.heeding_signals(&train);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let metrics = scratch.path("run/metrics.jsonl");
    wait_until("a line of metrics", || {
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        !fs::read_to_string(&metrics).unwrap_or_default().is_empty()
    });
    let pid = child.id().to_string();
    std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("newest checkpoint: run/checkpoints/step_"),
        "{said}"
    );
    let checkpoint = names(&scratch.path("run/checkpoints")).pop().unwrap();
    scratch.ok(&format!(
        "translate run/checkpoints/{checkpoint} data --out out"
    ));
}

#[test]
fn summaries_show_the_published_counts() {
    let scratch = Scratch::new();
    let tutorial = scratch.ok("summary discriminator --patch tutorial");
    assert!(
        tutorial.contains("Total params: 6,968,257 (26.58 MB)"),
        "{tutorial}"
    );
    assert!(
        tutorial.contains("Trainable params: 6,965,441"),
        "{tutorial}"
    );
    assert!(tutorial.contains("(None, 1, 16, 16)"), "{tutorial}");
    let unet = scratch.ok("summary generator --bias-before-norm");
    assert!(
        unet.contains("Total params: 54,429,315 (207.63 MB)"),
        "{unet}"
    );
    assert!(unet.contains("Non-trainable params: 9,856"), "{unet}");
    // without a norm, every layer has offsets: the biases are all that the tutorial's has, and the norms' parameters go
    let bare = scratch.ok("summary generator --norm none");
    assert_eq!(
        bare,
        scratch.ok("summary generator --norm none --bias-before-norm")
    );
    assert!(bare.contains("Total params: 54,409,603"), "{bare}");
    let composite = scratch.ok("summary composite --patch tutorial --bias-before-norm");
    assert!(
        composite.contains("Total params: 61,397,572"),
        "{composite}"
    );
    assert!(
        composite.contains("Trainable params: 54,419,459"),
        "{composite}"
    );
    let bands =
        scratch.ok("summary generator --in-channels 16 --out-channels 1 --size 1024 --filters 4");
    assert!(bands.contains("(None, 16, 1024, 1024)") && bands.contains("(None, 1, 1024, 1024)"));
}

#[test]
fn plots_are_drawn_in_every_format() {
    let scratch = Scratch::new();
    for network in ["generator", "discriminator", "composite"] {
        for ending in ["svg", "png", "dot"] {
            scratch.ok(&format!(
                "plot {network} --filters 2 --out {network}.{ending}"
            ));
        }
        let dot = fs::read_to_string(scratch.path(&format!("{network}.dot"))).unwrap();
        let svg = fs::read_to_string(scratch.path(&format!("{network}.svg"))).unwrap();
        // both drawings have a box per layer and an arrow per connection
        let boxes = dot.matches("[label=").count();
        let arrows = dot.matches(" -> ").count();
        assert_eq!(svg.matches("marker-end").count(), arrows, "{network}");
        assert_eq!(svg.matches("(None, ").count(), boxes, "{network}");
        let png = open(scratch.path(&format!("{network}.png")));
        assert!(png.pixels().any(|pixel| pixel.0 != [255; 3]));
    }
    let dot = fs::read_to_string(scratch.path("generator.dot")).unwrap();
    assert_eq!(dot.matches("Concatenate").count(), 7);
}

#[test]
fn receptive_field_prints_the_chain() {
    let scratch = Scratch::new();
    let table = scratch.ok("receptive-field");
    assert!(
        table.contains("each cell of the 30x30 map sees 70x70 pixels"),
        "{table}"
    );
    let fields: Vec<&str> = table
        .lines()
        .filter(|line| line.contains("4x4"))
        .map(|line| line.split_whitespace().nth(5).unwrap())
        .collect();
    assert_eq!(fields, ["70", "34", "16", "7", "4"]);
}

#[test]
fn a_bench_reports_what_it_measured() {
    let scratch = Scratch::new();
    let line = scratch.ok("bench --size 64 --warmup 0 --steps 1 --threads 1 --json");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["mode"], &line["threads"]),
        (&"train".into(), &1.into())
    );
    let parts = line["parts_s"].as_object().unwrap();
    assert_eq!(parts.len(), 7);
    let sum: f64 = parts.values().map(|part| part.as_f64().unwrap()).sum();
    let whole = line["median_s"].as_f64().unwrap();
    assert!(sum > 0.0 && sum <= whole, "{sum} of {whole}");
    let table = scratch.ok("bench --mode infer --size 64 --warmup 0 --steps 1");
    assert!(table.contains("GFLOP/s"), "{table}");
}

/// A number that an option would change is none of that option's where it is not read.
#[test]
fn a_bench_refuses_what_its_mode_does_not_read() {
    let scratch = Scratch::new();
    for (option, reads, others) in [
        ("data earth", "data", &["train", "infer"][..]),
        ("workers 3", "data", &["train", "infer"]),
        ("recompute", "train", &["infer", "data"]),
        ("moments f32", "train", &["infer", "data"]),
        ("instructions portable", "train and --mode infer", &["data"]),
        ("device cpu", "train and --mode infer", &["data"]),
        ("precision bf16", "train and --mode infer", &["data"]),
    ] {
        for mode in others {
            let said = refused(&scratch, &format!("bench --mode {mode} --{option}"), 2);
            let name = option.split(' ').next().unwrap();
            let told =
                format!("error: --{name} is for --mode {reads}; omit it with --mode {mode}\n");
            assert_eq!(said, told);
        }
    }
    let said = refused(&scratch, "bench --workers 3", 2);
    assert!(said.contains("omit it with --mode train"), "{said}");
    scratch.ok("bench --size 64 --warmup 0 --steps 1 --recompute --moments bf16 --precision bf16");
    scratch.ok("bench --mode data --data earth --size 64 --workers 1 --threads 1");
}

/// Rounded weights of the generator alone give nearly the same pictures.
#[test]
fn a_model_in_16_or_8_bits_translates_as_in_32() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.ok(&format!("train data --out run --steps 20 {SMALL}"));
    pair(64, 64, 1).save(scratch.path("in.png")).unwrap();
    let translate = |model: &str| {
        scratch.ok(&format!("translate {model} in.png --out out --dropout off"));
        open(scratch.path("out/in.png"))
    };
    let whole = translate("run");
    let size = |path: &str| fs::metadata(scratch.path(path)).unwrap().len();
    for (kind, percent, smaller) in [("f16", 0.05, 2), ("bf16", 0.4, 2), ("int8", 0.4, 3)] {
        let said = scratch.ok(&format!(
            "export run --format model --weights {kind} --out {kind}.safetensors"
        ));
        let error = said
            .split("largest rounding error of a weight is ")
            .nth(1)
            .unwrap();
        let error: f64 = error.split('%').next().unwrap().parse().unwrap();
        // half a unit in the last place of 11 and of 8 bits; half of a 127th
        assert!(error > 0.0 && error <= percent, "{said}");
        let checkpoint = size("run/checkpoints/step_0000020.safetensors");
        assert!(size(&format!("{kind}.safetensors")) * smaller < checkpoint + 8192);
        let rounded = translate(&format!("{kind}.safetensors"));
        let differences = whole
            .iter()
            .zip(rounded.iter())
            .map(|(a, b)| f64::from(a.abs_diff(*b)));
        let mean = differences.sum::<f64>() / whole.len() as f64;
        assert!(mean < 2.0, "{kind}: {mean}");
    }
    let alone = refused(
        &scratch,
        "export f16.safetensors --out g.pth --discriminator d.pth",
        2,
    );
    assert!(
        alone.contains("f16.safetensors has no discriminator: it holds the generator alone"),
        "{alone}"
    );
    let error = scratch.run("export run --format model --out x");
    assert_eq!(error.status.code(), Some(2));
    let error = scratch.run("export run --weights f16 --out x");
    assert_eq!(error.status.code(), Some(2));
}

/// The model inside the program, in every command that takes a model.
#[test]
fn the_built_in_model_is_called_earth() {
    let scratch = Scratch::new();
    pair(64, 64, 1).save(scratch.path("in.png")).unwrap();
    scratch.ok("translate earth in.png --out out");
    assert_eq!(open(scratch.path("out/in.png")).dimensions(), (64, 64));
    let scores = scratch.ok("evaluate earth earth --json");
    assert!(scores.contains("\"step\": 3000"), "{scores}");
    let network = scratch.ok("summary generator earth");
    assert!(network.contains("Total params: 5,"), "{network}");
    scratch.ok("export earth --out earth.onnx");
    // a run that begins from it, and goes on with it
    scratch.ok("train earth --from earth --out run --steps 1 --quiet");
    let config = fs::read_to_string(scratch.path("run/config.toml")).unwrap();
    assert!(
        config.contains("model = \"the built-in model\""),
        "{config}"
    );
    scratch.ok("train --resume run --steps 2 --quiet");
    // what is really called so comes first
    fs::create_dir(scratch.path("earth")).unwrap();
    let error = scratch.run("translate earth in.png --out other");
    assert_eq!(error.status.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_error() {
    let scratch = Scratch::new();
    let program = env!("CARGO_BIN_EXE_pix2pix");
    let script = format!(
        "'{program}' summary generator --filters 2 2>errors | true; echo ${{PIPESTATUS[0]}}"
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(scratch.path("."))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "0");
    assert_eq!(fs::read_to_string(scratch.path("errors")).unwrap(), "");
}

/// Every kind is listed with its devices, or with the reason why there is none and the remedy.
#[test]
fn devices_are_listed_and_chosen() {
    let scratch = Scratch::new();
    let listed = scratch.ok("devices");
    let line = |start: &str| {
        let line = listed.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("no {start} in {listed}"))
    };
    assert!(
        line("cpu ").contains(" MB ") || line("cpu ").contains(" GB "),
        "{listed}"
    );
    if !cfg!(any(feature = "cuda", feature = "wgpu")) {
        for kind in ["cuda", "wgpu"] {
            assert!(
                line(kind).contains(&format!("--features pix2pix-cli/{kind}")),
                "{listed}"
            );
        }
        // auto chooses the fastest available device
        scratch.pairs("data", 2);
        scratch.ok(&format!(
            "train data --out run {SMALL} --steps 1 --quiet --device auto"
        ));
        let config = std::fs::read_to_string(scratch.path("run/config.toml")).unwrap();
        assert!(config.contains("device = \"cpu\""), "{config}");
    }
}

/// What a refused command says.
fn refused(scratch: &Scratch, arguments: &str, code: i32) -> String {
    let output = scratch.run(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn the_ending_chooses_the_format_of_an_export() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    for (file, start) in [
        ("g.pth", &b"PK"[..]),
        ("g.PT", b"PK"),
        ("g", b"PK"),
        // the version of ONNX' intermediate representation
        ("g.onnx", b"\x08"),
    ] {
        scratch.ok(&format!("export run --out {file}"));
        let bytes = fs::read(scratch.path(file)).unwrap();
        assert!(bytes.starts_with(start), "{file}");
    }
    scratch.ok("export run --out g.safetensors");
    for (arguments, remedy) in [
        ("export run --format pth --out x.onnx", "end it in .pth, or"),
        (
            "export run --out x.pth --discriminator x.safetensors",
            "end it in .pth, or",
        ),
        (
            "export run --format model --weights f16 --out x.pth",
            "end it in .safetensors, or",
        ),
        (
            "export run --out x.h5",
            "end it in .pth, .safetensors or .onnx",
        ),
    ] {
        let said = refused(&scratch, arguments, 2);
        assert!(said.contains(remedy), "{said}");
        assert_eq!(said.lines().count(), 1);
    }
    pair(64, 64, 1).save(scratch.path("in.png")).unwrap();
    for (file, told) in [
        ("g.safetensors", "not a pix2pix checkpoint"),
        (
            "g.pth",
            "a file of PyTorch or Keras, and not a pix2pix checkpoint",
        ),
        ("g.onnx", "a file of ONNX, and not a pix2pix checkpoint"),
    ] {
        let said = refused(&scratch, &format!("translate {file} in.png --out out"), 1);
        assert!(said.contains(told), "{said}");
        assert!(said.contains("with `pix2pix import` first"), "{said}");
    }
    // and the other way round
    for (file, told) in [
        (
            "run",
            "a run folder of this program, of which nothing is to be imported",
        ),
        (
            "own.safetensors",
            "a file of this program, of which nothing is to be imported",
        ),
        (".", "a folder, not a file of weights"),
    ] {
        let model = scratch.path("run/checkpoints/step_0000002.safetensors");
        fs::copy(model, scratch.path("own.safetensors")).unwrap();
        let said = refused(&scratch, &format!("import {file} --out new.safetensors"), 1);
        assert!(
            said.starts_with(&format!("error: {file}: {told}; ")),
            "{said}"
        );
        assert!(!scratch.path("new.safetensors").exists());
    }
}

/// They are given to others.
#[test]
fn an_exported_model_does_not_tell_where_its_data_was() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    fs::create_dir(scratch.path("module")).unwrap();
    for file in pix2pix_server::site::MODULE {
        fs::write(scratch.path("module").join(file), "module").unwrap();
    }
    scratch.ok("export run --format web --module module --out site");
    scratch.ok("export run --format model --weights f16 --out small.safetensors");
    scratch.ok("export run --format model --weights int8 --out smaller.safetensors");
    scratch.ok("export run --out g.onnx");
    let data = scratch.path("data");
    let folder = data.parent().and_then(Path::file_name).unwrap();
    let folder = folder.to_str().unwrap();
    let tells = |file: &str| {
        let bytes = fs::read(scratch.path(file)).unwrap();
        String::from_utf8_lossy(&bytes).contains(folder)
    };
    // the run's own checkpoints do
    assert!(tells("run/checkpoints/step_0000002.safetensors"));
    for file in [
        "site/model.safetensors",
        "site/models.json",
        "small.safetensors",
        "smaller.safetensors",
        "g.onnx",
    ] {
        assert!(!tells(file), "{file}");
    }
}

/// Whoever replaces a file that exists does not mean the only one that the result is made of.
#[test]
fn no_result_replaces_the_file_that_it_is_made_of() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    let model = "run/checkpoints/step_0000002.safetensors";
    scratch.ok("export run --out g.pth");
    fs::copy(scratch.path(model), scratch.path("m.safetensors")).unwrap();
    let files = ["g.pth", "m.safetensors", model];
    let before = files.map(|file| fs::read(scratch.path(file)).unwrap());
    for arguments in [
        "import g.pth --out g.pth".to_string(),
        "import g.pth --out ./data/../g.pth".to_string(),
        "export m.safetensors --out m.safetensors".to_string(),
        "export m.safetensors --format model --weights f16 --out m.safetensors".to_string(),
        "export m.safetensors --out x.safetensors --discriminator m.safetensors".to_string(),
        format!("export run --out {model}"),
    ] {
        let said = refused(&scratch, &format!("{arguments} --force"), 2);
        assert!(
            said.contains("it is made of; choose another name"),
            "{said}"
        );
    }
    assert!(files.map(|file| fs::read(scratch.path(file)).unwrap()) == before);
    scratch.ok("import g.pth --out m.safetensors --force");
}

/// The filter of bilinear upsampling is a layer of its own, which ONNX has, and the public port has not.
#[test]
fn bilinear_upsampling_is_exported_where_the_format_has_it() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "--upsample bilinear");
    let table = scratch.ok("summary generator run");
    assert!(table.contains("decoder.0.conv.smooth"), "{table}");
    scratch.ok("export run --out g.onnx");
    let said = refused(&scratch, "export run --out g.pth", 1);
    assert!(
        said.contains(
            "the public port has no --upsample bilinear; write it with `pix2pix export --out g.onnx`, which has all generators"
        ),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1);
    assert!(!scratch.path("g.pth").exists());
}

/// Weights do not tell it, and who loads them should know.
#[test]
fn a_dropout_rate_that_an_export_loses_is_told() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "--dropout 0.3");
    let said = scratch.ok("export run --out g.pth");
    let told = "note: the dropout rate of 0.3 is not in the file: networks of the other program have 0.5\n";
    assert!(said.ends_with(told), "{said}");
    let told = "note: the port's U-Nets of 6 levels have dropout in block 2 of the decoder, and this one in blocks 1 to 3 of the \
                decoder: its pictures vary otherwise there; with dropout off they are the same\n";
    assert!(said.contains(told), "{said}");
    // an import has it where the port has it
    let said = scratch.ok("import g.pth --out g.safetensors");
    let told = "note: the file does not tell whether there is dropout; it has the usual 0.5 here. If it was trained with \
                --no_dropout, as CycleGAN is, import it with --dropout 0\n";
    assert!(said.contains(told), "{said}");
    let said = scratch.ok("export g.safetensors --out again.pth");
    assert!(!said.contains("note"), "{said}");
    let said = scratch.ok("import g.pth --out still.safetensors --dropout 0");
    assert!(!said.contains("note"), "{said}");
}

#[test]
fn an_imported_model_has_the_size_of_its_depth() {
    let scratch = Scratch::new();
    let fixture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../pix2pix/tests/fixtures/public/unet_128-instance_net_G.pth"
    );
    let said = scratch.ok(&format!("import {fixture} --out small.safetensors"));
    assert!(said.contains("for 128x128 pixels"), "{said}");
    let said = scratch.ok(&format!(
        "import {fixture} --out wide.safetensors --size 256x128"
    ));
    assert!(said.contains("for 256x128 pixels"), "{said}");
    let said = refused(
        &scratch,
        &format!("import {fixture} --out x.safetensors --size 100"),
        2,
    );
    assert!(said.contains("100"), "{said}");
    assert!(!scratch.path("x.safetensors").exists());
    // the largest side can be read again
    scratch.ok(&format!(
        "import {fixture} --out large.safetensors --size 16384x128"
    ));
    scratch.ok("export large.safetensors --out large.pth");
    // the printed command can be typed: by its name only where the shell finds it
    let program = env!("CARGO_BIN_EXE_pix2pix");
    let typed = format!("{program} translate wide.safetensors");
    let said = scratch.ok(&format!("import {fixture} --out wide.safetensors --force"));
    assert!(said.contains(&typed), "{said}");
    if cfg!(unix) {
        let said = scratch.bash(&format!(
            "PATH=$(dirname \"$pix2pix\"):$PATH; pix2pix import {fixture} --out wide.safetensors --force"
        ));
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(
            said.contains("\n  pix2pix translate wide.safetensors"),
            "{said}"
        );
    }
}

/// A Keras model says its size, and may do something else when it predicts: the printed command does the same.
#[test]
fn a_keras_model_is_translated_as_keras_predicts() {
    let scratch = Scratch::new();
    let fixture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../pix2pix/tests/fixtures/keras/keras-3-predicting.keras"
    );
    let import = format!("import {fixture} --out k.safetensors --force");
    let does = "note: when this model predicts, Keras normalizes with the averages of training";
    for (option, size, does, options) in [
        (
            "",
            "32x16",
            format!("{does} and leaves dropout out"),
            " --norm-stats frozen --dropout off",
        ),
        (
            " --dropout 0 --size 64",
            "64x64",
            does.to_string(),
            " --norm-stats frozen",
        ),
    ] {
        let said = scratch.ok(&format!("{import}{option}"));
        assert!(said.contains(&format!("for {size} pixels\n")), "{said}");
        let note = format!("{does}; for these pictures, translate with{options}\n");
        assert!(said.contains(&note), "{said}");
        let typed = format!("translate k.safetensors PICTURE... --out translated{options}\n");
        assert!(said.ends_with(&typed), "{said}");
    }
    let said = scratch.ok(&import.replace("-predicting", ""));
    assert!(
        !said.contains("note:") && said.ends_with("--out translated\n"),
        "{said}"
    );
    let said = refused(&scratch, &format!("{import} --key netG_A"), 1);
    let told =
        "a Keras model, and --key chooses one of several networks; omit it: the file has one";
    assert!(said.contains(told), "{said}");
}

/// The run is that of the same options on the command line, which overrides the file.
#[test]
fn options_come_from_a_file() {
    let scratch = Scratch::new();
    for side in ["a", "b"] {
        let folder = scratch.path(&format!("data/{}", side.to_uppercase()));
        fs::create_dir_all(&folder).unwrap();
        for index in 0..3 {
            let file = folder.join(format!("{index}_{side}.png"));
            pair(48, 40, index).save(file).unwrap();
        }
    }
    let file = "data = \"data\"\nout = \"run\"\nepochs = 30\nbatch_size = 2\nseed = 4\nlr = 1e-3\n\
                load-size = 72\ncrop_size = \"64x64\"\nfilters = 2\nno_mirror = true\nturn = false\n\
                range_a = [0, 200]\nmatch = [\"*_a\", \"*_b\"]\n";
    fs::write(scratch.path("run.toml"), file).unwrap();
    scratch.ok("train --config run.toml --steps 2 --seed 5");
    scratch.ok(
        "train data --out flags --steps 2 --seed 5 --batch-size 2 --lr 0.001 --load-size 72 --crop-size 64 \
         --filters 2 --no-mirror --range-a 0,200 --match *_a *_b",
    );
    let config = |run: &str| fs::read_to_string(scratch.path(run).join("config.toml")).unwrap();
    assert_eq!(config("run"), config("flags"));
    assert!(config("run").contains("seed = 5\n") && config("run").contains("batch_size = 2\n"));
    // a switch of the file is turned off
    assert!(config("run").contains("\nmirror = false\n"));
    scratch.ok("train --config run.toml --out mirrored --steps 1 --no-mirror=false");
    assert!(config("mirrored").contains("\nmirror = true\n"));
    let said = refused(&scratch, "train data --out x --no-mirror=off", 2);
    assert!(said.contains("--no-mirror"), "{said}");
    for (file, options, told) in [
        ("colour = 3", "", "x.toml: colour is not an option"),
        ("resume = \"run\"", "", "resume is not an option"),
        ("[optimizer]", "", "optimizer is not an option"),
        ("lr = { a = 1 }", "", "lr cannot have this value"),
        ("dropout = false", "", "dropout cannot have this value"),
        ("steps", "", "not a TOML file"),
        (
            "batch_size = \"many\"",
            "",
            "x.toml: invalid value 'many' for '--batch-size <N>'",
        ),
        (
            "batch_size = 0",
            "data --out x",
            "x.toml: --batch-size is 0",
        ),
        (
            "data = \"data\"",
            "",
            "were not provided: --out <RUN>; see `pix2pix train --help`",
        ),
        // what is typed is not the file's
        (
            "seed = 3",
            "data --out x --batch-size 0",
            "error: --batch-size is 0",
        ),
        (
            "seed = 3",
            "--resume run --steps 9",
            "a resumed run keeps its options",
        ),
    ] {
        fs::write(scratch.path("x.toml"), file).unwrap();
        let output = scratch.run(&format!("train --config x.toml {options}"));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && error.contains(told),
            "{file}: {error}"
        );
    }
}

#[test]
fn a_run_is_repeated_from_its_configuration() {
    let scratch = Scratch::new();
    scratch.pairs("data", 4);
    scratch.trained(
        "data",
        "--lr 0.001 --patch 16 --gan lsgan --val-fraction 0.5 --keep-best ssim --range-a 0,200 --save-every 7",
    );
    scratch.ok("train --config run/config.toml --out again --quiet");
    let text = |file: &str| fs::read_to_string(scratch.path(file)).unwrap();
    for file in ["config.toml", "metrics.jsonl", "scores.jsonl"] {
        assert_eq!(text(&format!("again/{file}")), text(&format!("run/{file}")));
    }
    // with another seed, on the same pairs, and for another machine
    let said =
        scratch.run("train --config run/config.toml --out seeded --seed 5 --threads 1 --keep 1");
    assert!(said.status.success());
    let written = text("seeded/config.toml");
    for line in [
        "seed = 5\n",
        "split_seed = 0\n",
        "threads = 1\n",
        "keep = 1\n",
    ] {
        assert!(written.contains(line), "{line} is not in {written}");
    }
    assert_eq!(text("seeded/held_out.json"), text("run/held_out.json"));
    assert_ne!(text("seeded/metrics.jsonl"), text("run/metrics.jsonl"));
    scratch.ok("train --resume seeded --steps 3 --quiet");
    assert!(scratch.ok("evaluate seeded data").contains("2 of val"));
    let said = refused(
        &scratch,
        "train data --out large --seed 9223372036854775808",
        2,
    );
    assert!(said.contains("9223372036854775807"), "{said}");
    // for longer, and on other pairs, wherever the file is
    fs::rename(scratch.path("run/config.toml"), scratch.path("kept.toml")).unwrap();
    fs::rename(scratch.path("data"), scratch.path("moved")).unwrap();
    let said = refused(&scratch, "train --config kept.toml --out longer", 1);
    assert!(said.contains("give its new path as DATA"), "{said}");
    scratch.ok("train moved --config kept.toml --out longer --steps 3 --quiet");
    let config: toml::Table = text("longer/config.toml").parse().unwrap();
    assert_eq!(config["steps"].as_integer(), Some(3));
    assert!(config["data"].as_str().unwrap().ends_with("moved"));
    // on pairs of other names, as many are held out
    scratch.pairs("others", 5);
    let output = scratch.run("train others --config kept.toml --out of-others");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the data set is another"), "{said}");
    assert!(!text("of-others/scores.jsonl").is_empty());
    let said = refused(
        &scratch,
        "train moved --config kept.toml --out other --lr 0.1",
        2,
    );
    assert!(
        said.contains(
            "--lr: kept.toml is the configuration of a run, which is repeated as it was; change it in a copy of the file\n"
        ),
        "{said}"
    );
    assert!(!scratch.path("other").exists());
}

#[test]
fn a_preset_is_a_set_of_defaults() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let config = |options: &str| {
        let small = "--filters 2 --crop-size 64 --quiet";
        scratch.ok(&format!("train data --out run {small} {options}"));
        let config = fs::read_to_string(scratch.path("run/config.toml")).unwrap();
        fs::remove_dir_all(scratch.path("run")).unwrap();
        let parts = ["resize", "load_size", "ema", "upsample", "input_skip"].map(|name| {
            let line = config.lines().find(|line| line.starts_with(name));
            line.unwrap_or_else(|| panic!("{name}")).to_string()
        });
        parts.join(", ")
    };
    let best = config("--preset best --steps 1");
    let expected = "resize = \"random-resized-crop\", load_size = \"96\", ema = 0.997, upsample = \"bilinear\", input_skip = true";
    assert_eq!(best, expected);
    assert_eq!(config("--preset best --time 1s"), expected);
    let others = "--resize scale-and-crop --load-size 72 --ema 0 --upsample transposed --input-skip off --moments bf16";
    let expected = "resize = \"scale-and-crop\", load_size = \"72\", ema = 0.0, upsample = \"transposed\", input_skip = false";
    assert_eq!(
        config(&format!("--preset best --steps 1 {others}")),
        expected
    );
    assert_eq!(config("--steps 1 --load-size 72"), expected);
    // as the paper's 286 follows its 256
    assert_eq!(config("--steps 1"), expected);
    let joined = format!("train data --out run {SMALL} --generator resnet-6 --input-skip on");
    let said = String::from_utf8(scratch.run(&joined).stderr).unwrap();
    assert!(said.contains("--input-skip on is for the U-Net"), "{said}");
    let said = refused(
        &scratch,
        &format!("train data --out run {SMALL} --generator resnet-6 --depth 3"),
        2,
    );
    assert!(said.contains("--depth is for the U-Net"), "{said}");
}

/// The built-in data in place of a path.
#[test]
fn earth_is_a_data_set_of_its_own() {
    let scratch = Scratch::new();
    scratch.trained("earth", "--direction b-to-a");
    let config = fs::read_to_string(scratch.path("run/config.toml")).unwrap();
    assert!(config.contains("data = \"earth\"\n"), "{config}");
    scratch.ok("train --resume run --steps 3");
    assert!(scratch.ok("evaluate run earth").contains("8 of val"));
    assert!(scratch.ok("inspect earth --sheet sheet.png").contains("54"));
    // a demo replaces only a demo
    let said = refused(&scratch, "demo --out run --steps 1", 1);
    assert!(said.contains("choose another --out"), "{said}");
    // a folder of this name goes before
    fs::create_dir(scratch.path("earth")).unwrap();
    for arguments in ["train earth --out new", "evaluate run earth"] {
        let said = refused(&scratch, arguments, 1);
        assert!(said.contains("no pictures"), "{said}");
    }
    scratch.ok("train --resume run --steps 4");
}

#[test]
fn memory_of_devices_is_in_gigabytes() {
    let said = Scratch::new().ok("devices");
    let cpu = said.lines().find(|line| line.starts_with("cpu")).unwrap();
    assert!(cpu.contains(" GB "), "{cpu}");
}

#[test]
fn networks_of_a_run_are_described() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "--patch 16");
    let summary = |what: &str| scratch.ok(&format!("summary {what}"));
    let options = "--filters 2 --size 64 --patch 16";
    for network in ["generator", "discriminator", "composite"] {
        let of_run = summary(&format!("{network} run"));
        assert_eq!(of_run, summary(&format!("{network} {options}")));
    }
    scratch.ok("plot generator run --out run.svg");
    scratch.ok(&format!("plot generator {options} --out options.svg"));
    let drawing = |name: &str| fs::read(scratch.path(name)).unwrap();
    assert!(drawing("run.svg") == drawing("options.svg"));
    assert_eq!(
        scratch.ok("receptive-field run"),
        scratch.ok("receptive-field --patch 16 --size 64")
    );
    // each discriminator; of the coarser, 16 means of 3x3 pixels, two apart, span 33
    scratch.trained("data", "--patch 16 --discriminators 2");
    let fields = scratch.ok("receptive-field run");
    for seen in [
        "sees 16x16 pixels of a 64x64 picture\n",
        "sees 33x33 pixels of a 64x64 picture, which are 16x16 pixels of the picture at 1/2",
    ] {
        assert!(fields.contains(seen), "{fields}");
    }
    let said = refused(&scratch, "summary run", 2);
    assert!(
        said.contains("name the network first") && said.contains("summary generator run"),
        "{said}"
    );
    refused(&scratch, "summary generator run --filters 2", 2);
    refused(&scratch, "summary generator run --preset best", 2);
    // the defaults of a preset are described without a run
    scratch.trained("data", "--patch 16 --preset best");
    let of_run = summary("generator run");
    assert_eq!(
        of_run,
        summary(&format!("generator {options} --preset best"))
    );
    assert_ne!(of_run, summary(&format!("generator {options}")));
    // a size must fit the network that is described, and no other
    for (of, too_small) in [("", 8), ("run", 3)] {
        let said = refused(&scratch, &format!("summary generator {of} --size 100"), 2);
        assert!(said.contains("100"), "{said}");
        refused(&scratch, &format!("summary composite {of} --size 100"), 2);
        refused(
            &scratch,
            &format!("summary discriminator {of} --size {too_small}"),
            2,
        );
    }
    let table = scratch.ok("summary discriminator --size 100");
    assert!(table.contains("(None, 1, 10, 10)"), "{table}");
    scratch.ok("summary discriminator run --size 100");
    scratch.ok("plot discriminator --size 100 --out d.svg");
    scratch.ok("summary generator --discriminators 3 --size 64");
    let said = refused(&scratch, "summary generator run --size 100", 2);
    assert!(
        said.contains("the nearest size that works is 128; give another --size"),
        "{said}"
    );
    let said = refused(&scratch, "receptive-field --size 2", 2);
    assert!(said.contains("or a larger --size\n"), "{said}");
}

/// The size of crops, 64, is none that seven levels accept.
#[test]
fn a_model_of_whole_pictures_is_described_and_exported_without_a_size() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("data")).unwrap();
    for index in 0..2 {
        let name = format!("data/pair{index}.png");
        pair(1024, 512, index).save(scratch.path(&name)).unwrap();
    }
    scratch.trained("data", "--resize none");
    let table = scratch.ok("summary generator run");
    assert_eq!(table, scratch.ok("summary generator run --size 512"));
    scratch.ok("summary composite run");
    scratch.ok("plot generator run --out network.svg");
    scratch.ok("receptive-field run");
    let output = scratch.run("export run --format onnx --out run.onnx");
    let [said, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(
        format!("{said}{error}").contains("for pictures of 512 pixels"),
        "{said}{error}"
    );
    let refused = scratch.run("export run --format onnx --size 64 --out small.onnx");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("give another --size"), "{said}");
}

/// A model that was trained on resized pictures says so once, and translates at their scale if it is asked to.
#[test]
fn pictures_are_translated_at_the_scale_of_the_training() {
    let scratch = Scratch::new();
    for folder in ["data", "in", "small"] {
        fs::create_dir(scratch.path(folder)).unwrap();
    }
    let resized = |picture: &RgbImage, side: u32| {
        let resized = resize(&Picture::from(picture.clone()), [side; 2]);
        RgbImage::from_raw(side, side, resized.bytes().to_vec()).unwrap()
    };
    for index in 0..2 {
        let path = |folder: &str| scratch.path(&format!("{folder}/{index}.png"));
        pair(320, 160, index).save(path("data")).unwrap();
        let source = pair(160, 160, index);
        source.save(path("in")).unwrap();
        resized(&source, 64).save(path("small")).unwrap();
    }
    for (options, made, known) in [
        (
            "--preset best",
            ", of which parts are resized to 64x64 for training",
            "64",
        ),
        ("--resize crop", "", "160"),
        ("", ", resized to 72x72 for training", "64"),
    ] {
        let _ = fs::remove_dir_all(scratch.path("run"));
        let options = format!("--steps 2 --filters 2 --crop-size 64 {options}");
        let output = scratch.run(&format!("train data --out run {options}"));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.contains(&format!("; all 160x160 pixels{made}\n")),
            "{told}"
        );
        let config = fs::read_to_string(scratch.path("run/config.toml")).unwrap();
        let scale = format!("\n[scale]\nfrom = \"160\"\nto = \"{known}\"\n");
        assert!(config.contains(&scale), "{config}");
    }
    let note = "note: the model was trained on pictures shrunk from about 160x160 to about 64x64 pixels; add --scale train to \
                translate at that scale\n";
    let said = scratch.ok("translate run in --out native");
    assert_eq!(said.matches(note).count(), 1, "{said}");
    for command in [
        "translate run in --out back --scale train",
        "translate run small --out smaller",
    ] {
        let said = scratch.ok(command);
        assert!(!said.contains("note"), "{said}");
    }
    for index in 0..2 {
        let made = |folder: &str| open(scratch.path(&format!("{folder}/{index}.png")));
        let back = made("back");
        assert_eq!(back, resized(&made("smaller"), 160));
        assert_ne!(back, made("native"));
    }
    let frame = pair(160, 160, 0).into_raw();
    let output = scratch.piped("translate run --stdin-raw 160x160", &frame);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.ends_with(note) && told.lines().count() == 2, "{told}");
    let output = scratch.piped("translate run --stdin-raw 160x160 --scale train", &frame);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
    assert_eq!(output.stdout, open(scratch.path("back/0.png")).into_raw());
    // one that is read window by window, and a model that does not know its training
    let file = fs::File::create(scratch.path("long.tif")).unwrap();
    let mut file = tiff::encoder::TiffEncoder::new(file).unwrap();
    let gray = vec![90; 32 * 16400];
    file.write_image::<tiff::encoder::colortype::Gray8>(32, 16400, &gray)
        .unwrap();
    for (command, code, reason) in [
        (
            "translate run long.tif",
            1,
            "too large to be resized in memory",
        ),
        (
            "translate earth in/0.png",
            2,
            "--scale is train, but the model does not know the size of its training pictures",
        ),
    ] {
        let said = refused(
            &scratch,
            &format!("{command} --out none --scale train"),
            code,
        );
        assert!(said.contains(reason), "{said}");
        assert!(!scratch.path("none").exists());
    }
}

/// Pictures unlike those of the training are translated, and told.
#[test]
fn unusual_pictures_are_told() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("data")).unwrap();
    for index in 0..2 {
        let path = scratch.path(&format!("data/pair{index}.png"));
        pair(128, 64, index).save(path).unwrap();
    }
    scratch.trained("data", "--direction b-to-a");
    let gray = image::ImageBuffer::from_pixel(64, 64, image::Luma([3000u16]));
    gray.save(scratch.path("gray.png")).unwrap();
    pair(24, 24, 1).save(scratch.path("small.png")).unwrap();
    pair(64, 64, 1).save(scratch.path("usual.png")).unwrap();
    let said = |input: &str| scratch.ok(&format!("translate run {input} --out out"));
    let gray = said("gray.png");
    assert!(gray.contains("1 channel, 16"), "{gray}");
    assert!(
        gray.contains("trained on pictures of 3 channels, 8"),
        "{gray}"
    );
    let small = said("small.png");
    assert!(
        small.contains("much smaller than the 64x64 pixels"),
        "{small}"
    );
    assert!(!said("usual.png").contains("note"));
    // one that is read window by window
    let file = fs::File::create(scratch.path("long.tif")).unwrap();
    let mut file = tiff::encoder::TiffEncoder::new(file).unwrap();
    let counts: Vec<u16> = (0..32 * 16400u32)
        .map(|index| (index % 3000) as u16)
        .collect();
    file.write_image::<tiff::encoder::colortype::Gray16>(32, 16400, &counts)
        .unwrap();
    let long = said("long.tif --gallery");
    for told in ["1 channel, 16", "too large for the gallery"] {
        assert!(long.contains(told), "{told} is not in {long}");
    }
    assert!(!scratch.path("out/gallery.html").exists());
    let pair = said("data/pair0.png --pairs yes");
    assert!(pair.contains("its right half"), "{pair}");
    // pairs are measured, and told
    for side in ["gray/A", "gray/B"] {
        fs::create_dir_all(scratch.path(side)).unwrap();
        fs::copy(
            scratch.path("gray.png"),
            scratch.path(&format!("{side}/0.png")),
        )
        .unwrap();
    }
    let told = |data: &str| {
        let output = scratch.run(&format!("evaluate run {data}"));
        String::from_utf8(output.stderr).unwrap()
    };
    let gray = told("gray");
    assert!(
        gray.contains(
            "note: run: the source of 0 has 1 channel, 16-bit, read from 0 to 65535, and was converted"
        ),
        "{gray}"
    );
    assert!(!told("data").contains("converted"));
}

/// What is read window by window is checked as a whole before any of it is translated.
#[test]
fn large_pictures_are_refused_as_small_ones_are() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    let [width, height] = [16_400, 32];
    let mut heights = vec![0.5f32; width * height];
    let write = |name: &str, heights: &[f32]| {
        let samples = Samples::F32(heights.to_vec());
        let picture = Picture::new([width, height].map(|side| side as u32), 1, samples);
        picture::write(&scratch.path(name), &picture, Format::Tiff).unwrap();
    };
    write("whole.tif", &heights);
    heights[20 * width + 9000] = f32::NAN;
    write("hole.tif", &heights);
    for (arguments, told) in [
        (
            "hole.tif --tile 128",
            "hole.tif: 3 of its values are infinite or not a number (NaN)",
        ),
        (
            "hole.tif --norm-stats image",
            "hole.tif: 3 of its values are infinite or not a number (NaN)",
        ),
        (
            "whole.tif --tile 0",
            "whole.tif: too large to be translated without tiles; omit --tile 0",
        ),
    ] {
        let said = refused(&scratch, &format!("translate run {arguments} --out out"), 1);
        assert!(said.contains(told), "{said}");
        assert!(!scratch.path("out").exists(), "{arguments}");
    }
    scratch.ok("translate run whole.tif --out out --tile 128");
}

/// A flat folder has no splits: all of it is measured.
#[test]
fn a_flat_folder_is_measured() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    scratch.pairs("other", 2);
    scratch.trained("data", "");
    let output = scratch.run("evaluate run data");
    let said = String::from_utf8(output.stderr).unwrap();
    let told = "note: run trained on pairs with these names; if they are the same pictures";
    assert!(said.contains(told), "{said}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("all 3"));
    // a model of another program knows no data set
    scratch.ok("export run --out g.pth");
    scratch.ok("import g.pth --out g.safetensors --dropout 0.5");
    let output = scratch.run("evaluate g.safetensors data");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("all 3"), "{table}");
    assert!(scratch.ok("evaluate run other").contains("all 2"));
    common::longer_by_a_byte(&scratch.path("data/pair2.png"));
    let said = String::from_utf8(scratch.run("evaluate run data").stderr).unwrap();
    let told = "these names; their files, masks included, are not all those of then";
    assert!(said.contains(told), "{said}");
}

/// More pictures are taken, or some are lost: those that were held out stay known.
#[test]
fn a_data_set_that_has_grown_is_measured_on_the_same_pairs() {
    let scratch = Scratch::new();
    scratch.pairs("data", 6);
    scratch.pairs("other", 2);
    scratch.trained("data", "--val-fraction 0.5");
    let measured = |data: &str| {
        let output = scratch.run(&format!("evaluate run {data}"));
        let [table, said] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "{said}");
        (table, said)
    };
    let (before, said) = measured("data");
    assert!(
        before.contains("3 of val") && !said.contains("held out then"),
        "{before}{said}"
    );
    common::pair(96, 40, 6)
        .save(scratch.path("data/pair6.png"))
        .unwrap();
    let (after, said) = measured("data");
    assert_eq!(after, before);
    let told = "note: run: the data set has other pairs than when the run began; the scores are those of the 3 pairs that it held \
                out then, found by their names\n";
    assert!(said.contains(told), "{said}");
    let said = refused(&scratch, "train --resume run --steps 3", 1);
    assert!(
        said.contains("restore it, or begin a new run from this one: `")
            && said.contains(" train DATA --out NEW --from run`"),
        "{said}"
    );
    scratch.ok("report run --out page.html");
    let page = fs::read_to_string(scratch.path("page.html")).unwrap();
    let about = "All 3 held-out pairs at step 2, measured at 64x64. The data set has other pairs than when the run began";
    assert!(page.contains(about), "{said}");
    // another data set has a name or two of them
    let (table, said) = measured("other");
    assert!(
        table.contains("all 2") && !said.contains("the data set has other pairs"),
        "{said}"
    );
    let names = fs::read_to_string(scratch.path("run/held_out.json")).unwrap();
    let names: Vec<String> = serde_json::from_str(&names).unwrap();
    assert_eq!(names.len(), 3);
    fs::remove_file(scratch.path(&format!("data/{}.png", names[0]))).unwrap();
    let (table, said) = measured("data");
    assert!(
        table.contains("2 of val") && said.contains("those of 2 of the 3 pairs that"),
        "{table}{said}"
    );
    // of an earlier version
    fs::remove_file(scratch.path("run/held_out.json")).unwrap();
    let (table, said) = measured("data");
    assert!(table.contains("all 6"), "{table}");
    let told = "which of them it trained on is not known: all are measured";
    assert!(said.contains(told), "{said}");
}

/// A test set may come by itself.
#[test]
fn held_out_pairs_alone_are_measured() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    scratch.pairs("alone/test", 3);
    for options in ["", "--split test"] {
        let table = scratch.ok(&format!("evaluate run alone {options}"));
        assert!(table.contains("3 of test"), "{table}");
    }
    let said = refused(&scratch, "evaluate run alone --split train", 1);
    assert!(said.contains("no train pairs, only test"), "{said}");
    fs::create_dir_all(scratch.path("empty/A/val")).unwrap();
    fs::create_dir_all(scratch.path("empty/B/val")).unwrap();
    fs::copy(
        scratch.path("data/pair0.png"),
        scratch.path("empty/A/val/pair0.png"),
    )
    .unwrap();
    for command in ["train alone --out new", "evaluate run empty"] {
        let said = refused(&scratch, command, 1);
        assert!(said.contains("there are no training pairs"), "{said}");
    }
}

/// A U-shaped drawing is wider than high, and has every layer and every skip connection.
#[test]
fn a_plot_fits_a_screen() {
    let scratch = Scratch::new();
    scratch.ok("plot generator --filters 2 --layout u --out u.svg");
    let svg = fs::read_to_string(scratch.path("u.svg")).unwrap();
    assert_eq!(svg.matches("stroke-dasharray").count(), 7);
    let rows = scratch.ok("summary generator --filters 2");
    let layers = rows.lines().filter(|line| line.contains("Conv")).count();
    assert_eq!(svg.matches(">Conv").count(), layers);
    scratch.ok("plot generator --filters 2 --layout u --out u.png");
    let picture = open(scratch.path("u.png"));
    assert!(picture.width() > picture.height() && picture.height() < 1500);
    // residual blocks stand in one column: the borders of their convolutions are no sizes of their own
    scratch.ok("plot generator --filters 2 --generator resnet-9 --layout u --out resnet.png");
    let picture = open(scratch.path("resnet.png"));
    assert!(picture.width() < 2500 && picture.height() < 2500);
    // no white between the boxes' corners
    scratch.ok("plot discriminator --filters 2 --out down.svg");
    let svg = fs::read_to_string(scratch.path("down.svg")).unwrap();
    assert!(!svg.contains("rx=\"4\""), "{svg}");
}

#[test]
fn a_dry_run_tells_what_a_run_needs_and_writes_nothing() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let options = format!("--batch-size 2 --steps 50 {SMALL}");
    let said = scratch.ok(&format!("train data --out new --dry-run {options}"));
    let memory = |said: &str| -> Option<String> {
        let line = said.lines().find(|line| line.starts_with("memory: "));
        line.map(str::to_string)
    };
    let plain = said.clone();
    assert!(said.contains("steps: 50 on cpu"), "{said}");
    let table = scratch.ok("summary generator --filters 2 --size 64");
    let count = table
        .lines()
        .find_map(|line| line.strip_prefix("Trainable params: "));
    let count = count.unwrap().split(' ').next().unwrap();
    assert!(
        said.contains(&format!("parameters: {count} of the generator")),
        "{said}"
    );
    assert!(
        said.contains("memory: about ") && said.contains(" s a step"),
        "{said}"
    );
    // what is measured comes last
    let lines: Vec<&str> = said
        .lines()
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(lines[1..5], ["steps", "parameters", "memory", "time"]);
    let first = format!(
        "{}: 3 pairs to train on, none held out (samples/ shows training pairs); an epoch takes 2 steps\n",
        scratch.path("data").display()
    );
    assert!(said.starts_with(&first), "{said}");
    assert!(!scratch.path("new").exists());
    scratch.trained("data", "");
    let before = common::content(&scratch.path("run"));
    let said = scratch.ok("train --resume run --steps 9 --dry-run");
    assert!(
        said.contains("steps: 7 of 9 steps remain, on cpu"),
        "{said}"
    );
    assert!(said.contains("each of 1 pair of"), "{said}");
    let done = scratch.run("train --resume run --dry-run");
    assert_eq!(done.status.code(), Some(0));
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(error.contains("2 of 2 steps"), "{error}");
    // only who trains locks the folder
    let lock = scratch.path("run/run.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    scratch.ok("train --resume run --steps 9 --dry-run");
    fs::remove_dir(&lock).unwrap();
    fs::write(&lock, before[&lock].as_ref().unwrap()).unwrap();
    let output = scratch.run("train --resume run --time 1000s --dry-run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(" s that remain of 1000 s, on cpu"), "{said}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let note = "note: --time changes only the length of a known run, which keeps --lr-schedule constant and --ema 0\n";
    assert!(told.contains(note), "{told}");
    // the time is over within a few steps, but no step is none
    let long = "--time 1s --filters 4 --load-size 286 --crop-size 256 --batch-size 8";
    let output = scratch.run(&format!("train data --out new --dry-run {long}"));
    let [said, notes] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let of_steps = said
        .lines()
        .find_map(|line| line.strip_prefix("steps: about "));
    let steps = of_steps.unwrap_or_else(|| panic!("{said}"));
    let steps: u64 = steps.split(' ').next().unwrap().parse().unwrap();
    assert!(steps > 0, "{said}");
    assert_eq!(
        notes.contains("too few for a schedule of the learning rate"),
        steps < 10,
        "{notes}"
    );
    let cached = scratch.ok(&format!(
        "train data --out new --dry-run --cache ram {options}"
    ));
    assert_ne!(memory(&cached), memory(&plain));
    let alone = scratch.run(&format!(
        "train data --out new --dry-run --sync-norm {options}"
    ));
    let said = String::from_utf8_lossy(&alone.stderr).into_owned();
    assert!(
        said.contains("note: --sync-norm is for several processes"),
        "{said}"
    );
    let output = scratch.run(&format!("train data --out run --dry-run {options}"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not empty"));
    assert!(common::content(&scratch.path("run")) == before);
}

#[test]
fn shells_complete_and_man_explains_every_option() {
    let scratch = Scratch::new();
    let completed = scratch.bash(
        "source <($pix2pix completions bash)
         COMP_WORDS=(pix2pix tra) COMP_CWORD=1; _pix2pix pix2pix tra pix2pix; printf '%s\\n' ${COMPREPLY[@]} | sort
         COMP_WORDS=(pix2pix train --keep) COMP_CWORD=2; _pix2pix pix2pix --keep train; printf '%s\\n' ${COMPREPLY[@]} | sort",
    );
    let completed = String::from_utf8(completed.stdout).unwrap();
    assert_eq!(completed, "train\ntranslate\n--keep\n--keep-best\n");
    // what bash offers behind an option, in each command that has it
    let script = scratch.ok("completions bash");
    let offered = |option: &str| -> Vec<String> {
        let label = format!("--{option})\n");
        let parts = script.split(&label).skip(1);
        let parts = parts.map(|part| part.split(";;").next().unwrap().to_string());
        parts.collect()
    };
    for (options, wanted) in [
        (
            &["gan", "patch", "precision", "device"][..],
            Some("compgen -W "),
        ),
        (
            &["steps", "lr", "crop-size", "title", "diff-augment"][..],
            None,
        ),
        (
            &["out", "resume", "perceptual-weights", "labels-a"][..],
            Some("compgen -f "),
        ),
    ] {
        for option in options {
            let offered = offered(option);
            assert!(!offered.is_empty(), "{option}");
            for part in offered {
                match wanted {
                    Some(wanted) => assert!(part.contains(wanted), "{option}: {part}"),
                    None => assert!(!part.contains("compgen"), "{option}: {part}"),
                }
            }
        }
    }
    assert!(
        offered("device")[0].contains("\"auto cpu cuda wgpu\""),
        "{}",
        offered("device")[0]
    );
    for shell in ["zsh", "fish"] {
        assert!(
            scratch
                .ok(&format!("completions {shell}"))
                .contains("keep-best")
        );
    }
    let said = scratch.ok("man --out pages");
    let pages = names(&scratch.path("pages"));
    assert!(
        said.starts_with(&format!("wrote {} pages", pages.len())),
        "{said}"
    );
    for page in ["pix2pix.1", "pix2pix-train.1", "pix2pix-prepare-edges.1"] {
        assert!(pages.contains(&page.to_string()), "{pages:?}");
    }
    let page = fs::read_to_string(scratch.path("pages/pix2pix-train.1")).unwrap();
    assert!(page.contains("\\-\\-keep\\-best"));
    for page in pages {
        let text = fs::read_to_string(scratch.path("pages").join(&page)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        // an option or a command, and what it does
        for part in lines.windows(3).filter(|part| part[0] == ".TP") {
            assert!(!part[2].is_empty(), "{page}: {}", part[1]);
        }
    }
}

/// Such as Emacs's shell: a bar that is not drawn would take the lines above it along.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_that_has_no_bar_shows_lines() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let output = scratch.bash(&format!(
        "TERM=dumb script -qec '$pix2pix train data --out run --steps 2 --log-every 1 {SMALL}' /dev/null </dev/null"
    ));
    let said = String::from_utf8_lossy(&output.stdout);
    for told in ["2 pairs to train on", "step 2/2", "checkpoint: run/"] {
        assert!(said.contains(told), "{told}: {said}");
    }
}

/// An option that would do nothing is refused.
#[test]
fn translate_refuses_options_without_effect() {
    let scratch = Scratch::new();
    for options in [
        "earth x.png --out y --overlap 8",
        "earth x.png --out y --overlap 8 --tile 0",
        "earth x.png --out y --frame-noise new",
        "earth --stdin-raw 64x64 --pairs yes",
        "earth --stdin-raw 64x64 --stack",
        "earth --stdin-y4m --on-error skip",
        "earth --stdin-y4m --pages each",
        "earth --stdin-y4m --gallery",
    ] {
        refused(&scratch, &format!("translate {options}"), 2);
    }
}

/// Earlier results in a folder of inputs are no inputs; the inputs in a folder of results are.
#[test]
fn a_folder_may_lie_in_that_of_the_results() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    scratch.trained("data", "");
    scratch.pairs("photos/new", 1);
    for _ in 0..2 {
        scratch.ok("translate run photos/new --out photos");
        assert_eq!(names(&scratch.path("photos")), ["new", "pair0.png"]);
    }
    for _ in 0..2 {
        let said = scratch.ok("translate run photos/new --out photos/new/results");
        assert_eq!(said.matches(" -> ").count(), 1, "{said}");
    }
}
