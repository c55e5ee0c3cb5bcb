//! Runs whose files were damaged, edited or renamed: what can be used is used, what cannot is named with a remedy that
//! works, and nothing that was not understood is lost.

#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Output;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};

use crate::common::{SMALL, Scratch, content, names};

/// The error line of a command that fails with exit code 1.
fn error(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap_or_default().to_string();
    assert!(
        last.starts_with("error: ") && !said.contains("panic"),
        "{said}"
    );
    last
}

/// Replaces a value in a run's config.toml; `path` is its table and its name.
fn edit(scratch: &Scratch, path: &str, value: &str) {
    let file = scratch.path("run/config.toml");
    let mut config: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
    let value: toml::Table = format!("value = {value}").parse().unwrap();
    let mut table = &mut config;
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            table.insert(part.to_string(), value["value"].clone());
            break;
        }
        table = table[part].as_table_mut().unwrap();
    }
    fs::write(&file, toml::to_string(&config).unwrap()).unwrap();
}

#[test]
fn an_edited_configuration_is_checked_before_the_first_step() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "--save-every 1");
    let original = fs::read(scratch.path("run/config.toml")).unwrap();
    for (path, value, told) in [
        // what a run cannot have
        ("threads", "100000", "threads is 100000"),
        ("workers", "1000000", "workers is 1000000"),
        ("batch_size", "0", "batch_size is 0"),
        ("batch_size", "1000000000", "batch_size is"),
        ("steps", "9223372036854775807", "steps is"),
        ("keep", "0", "keep is 0"),
        ("log_every", "0", "log_every is 0"),
        ("sample_every", "-1", "sample_every: "),
        ("save_every", "\"often\"", "save_every: "),
        ("check_every", "0", "check_every is 0"),
        ("ranks", "0", "ranks is 0"),
        ("val_fraction", "nan", "val_fraction: not finite"),
        ("seed", "-1", "seed: "),
        ("device", "\"tpu\"", "device: "),
        ("source.range", "[5, 5]", "source.range is 5 to 5"),
        ("target.range", "[0, inf]", "target.range"),
        ("source.channels", "0", "source.channels is 0"),
        ("target.channels", "1", "target.channels is 1"),
        ("jitter.crop_size", "\"0\"", "each from 1 to 16384"),
        ("jitter.load_size", "\"wide\"", "jitter.load_size: "),
        ("jitter.color", "nan", "jitter.color: not finite"),
        ("jitter.multiple", "0", "jitter.multiple is 0"),
        ("optimizer.lr", "nan", "optimizer.lr: not finite"),
        ("optimizer.lr", "-0.1", "lr is -0.1"),
        ("optimizer.beta1", "2", "beta1 is 2"),
        ("optimizer.beta2", "1", "beta2 is 1"),
        ("optimizer.ema", "1", "ema is 1"),
        ("optimizer.lambda", "nan", "optimizer.lambda: not a number"),
        (
            "optimizer.lambda",
            "\"much\"",
            "optimizer.lambda: not a number",
        ),
        (
            "optimizer.accumulate",
            "9223372036854775807",
            "accumulate is",
        ),
        ("objective.r1", "nan", "objective.r1: not finite"),
        ("objective.l1_pyramid", "9", "objective.l1_pyramid is 9"),
        (
            "objective.feature_matching",
            "-1",
            "objective.feature_matching is -1",
        ),
        (
            "objective.augment_target",
            "2",
            "objective.augment_target is 2",
        ),
        ("discriminator.scales", "0", "discriminator.scales is 0"),
        ("objective.perceptual", "-1", "objective.perceptual is -1"),
        (
            "objective.perceptual",
            "1",
            "needs the file of LPIPS's weights",
        ),
        ("objective.pool", "100000", "objective.pool is 100000"),
        ("objective.gan", "\"best\"", "objective.gan: "),
        (
            "generator.epsilon",
            "-1e-5",
            "generator.epsilon is -0.00001",
        ),
        ("generator.dropout", "1", "generator.dropout is 1"),
        (
            "generator.dropout_blocks",
            "[3, 1]",
            "generator.dropout_blocks[0] is 3",
        ),
        ("generator.depth", "40", "generator.depth is 40"),
        ("generator.filters", "0", "generator.filters is 0"),
        (
            "discriminator.filters",
            "100000",
            "discriminator.filters is 100000",
        ),
        ("discriminator.source_channels", "2", "source.channels is 3"),
        // what this run does not have
        (
            "generator.filters",
            "4",
            "generator.filters is 4, but the run has been trained with 2",
        ),
        ("discriminator.filters", "4", "discriminator.filters is 4"),
        (
            "generator.norm",
            "\"instance\"",
            "generator.norm is \"instance\"",
        ),
        ("generator.dropout", "0.25", "generator.dropout is 0.25"),
        (
            "discriminator.spectral_norm",
            "true",
            "discriminator.spectral_norm is true",
        ),
        ("discriminator.scales", "2", "discriminator.scales is 2"),
        ("direction", "\"b-to-a\"", "direction is \"b-to-a\""),
        ("source.range", "[0, 100]", "source.range is"),
        (
            "optimizer.ema",
            "0.9",
            "optimizer.ema is more than 0, but the run has been trained with 0",
        ),
        ("objective.pool", "5", "objective.pool is 5"),
        // what no run has
        ("sample_evry", "3", "sample_evry is no setting of a run"),
        (
            "lambda",
            "10",
            "lambda is no setting of a run; there is one in the table [optimizer]",
        ),
        (
            "discriminator.keep_best",
            "\"ssim\"",
            "discriminator.keep_best is no setting of a run; it belongs above all tables",
        ),
    ] {
        fs::write(scratch.path("run/config.toml"), &original).unwrap();
        edit(&scratch, path, value);
        let before = content(&scratch.path("run"));
        let said = error(&scratch.run("train --resume run --steps 3"));
        assert!(
            said.contains("run/config.toml: ") && said.contains(told),
            "{path} = {value}: {said}"
        );
        assert!(content(&scratch.path("run")) == before, "{path} = {value}");
    }
    fs::write(scratch.path("run/config.toml"), &original).unwrap();
    scratch.ok("train --resume run --steps 3");
}

#[test]
fn what_cannot_be_read_of_a_log_is_told_and_kept() {
    let scratch = Scratch::new();
    scratch.pairs("data", 5);
    let options = "--val-fraction 0.4 --log-every 1 --sample-every 2";
    scratch.trained(
        "data",
        &format!("--steps 6 {options}").replace("--steps 6", ""),
    );
    scratch.ok("train --resume run --steps 6");
    scratch.ok(&format!("train data --out other --steps 2 {SMALL}"));
    // a bit has flipped in the third line, and in the second score
    for (name, line) in [
        ("metrics.jsonl", 2),
        ("scores.jsonl", 1),
        ("timings.jsonl", 0),
    ] {
        let path = scratch.path("run").join(name);
        let text = fs::read(&path).unwrap();
        let mut lines: Vec<Vec<u8>> = text
            .split_inclusive(|b| *b == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        lines[line][3] = 0xff;
        fs::write(&path, lines.concat()).unwrap();
    }
    fs::write(scratch.path("run/machine.json"), "{").unwrap();
    fs::write(scratch.path("run/samples/step_0000002.png"), "no picture").unwrap();
    let metrics = fs::read(scratch.path("run/metrics.jsonl")).unwrap();
    let scores = fs::read(scratch.path("run/scores.jsonl")).unwrap();

    let listed = scratch.run("runs .");
    assert!(listed.status.success());
    let (said, told) = (
        String::from_utf8_lossy(&listed.stdout),
        String::from_utf8_lossy(&listed.stderr),
    );
    assert!(said.contains("run ") && said.contains("other "), "{said}");
    assert!(
        told.contains("run/metrics.jsonl: line 3 cannot be read"),
        "{told}"
    );
    let reported = scratch.run("report run --out page.html --csv table.csv");
    let told = String::from_utf8_lossy(&reported.stderr);
    assert!(reported.status.success(), "{told}");
    for name in [
        "metrics.jsonl: line 3",
        "scores.jsonl: line 2",
        "machine.json",
        "step_0000002.png",
    ] {
        assert!(told.contains(name), "{name}: {told}");
    }
    let table = fs::read_to_string(scratch.path("table.csv")).unwrap();
    assert!(table.contains("\nrun,6,"), "{table}");

    let output = scratch.run("train --resume run --steps 8 --report --tensorboard");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("run/metrics.jsonl: line 3 cannot be read"),
        "{told}"
    );
    for (name, before) in [("metrics.jsonl", metrics), ("scores.jsonl", scores)] {
        let after = fs::read(scratch.path("run").join(name)).unwrap();
        assert!(
            after.starts_with(&before) && after.len() > before.len(),
            "{name}"
        );
    }
    // one run that cannot be listed does not hide the others
    fs::write(scratch.path("run/config.toml"), b"steps = \"\xff\"").unwrap();
    let listed = scratch.run("runs .");
    let (said, told) = (
        String::from_utf8_lossy(&listed.stdout),
        String::from_utf8_lossy(&listed.stderr),
    );
    assert!(listed.status.success() && said.contains("other "), "{told}");
    assert!(
        said.contains("unreadable") && told.contains("run/config.toml"),
        "{said}{told}"
    );
    error(&scratch.run("runs run"));
}

/// Killed between saving a step and the rest of its work.
#[test]
fn a_resumed_run_does_what_the_saved_step_still_owes() {
    let scratch = Scratch::new();
    scratch.pairs("data", 5);
    let options =
        format!("--val-fraction 0.4 --sample-every 4 --save-every 4 --log-every 3 {SMALL}");
    scratch.ok(&format!("train data --out whole --steps 8 {options}"));
    scratch.ok(&format!("train data --out run --steps 4 {options}"));
    fs::remove_file(scratch.path("run/samples/step_0000004.png")).unwrap();
    fs::write(scratch.path("run/scores.jsonl"), "").unwrap();
    scratch.ok("train --resume run --steps 8");
    for name in [
        "scores.jsonl",
        "warnings.jsonl",
        "metrics.jsonl",
        "samples/step_0000004.png",
        "samples/step_0000008.png",
    ] {
        let [whole, run] =
            ["whole", "run"].map(|run| fs::read(scratch.path(run).join(name)).unwrap());
        assert!(whole == run, "{name}");
    }
    // what is there is not made again
    scratch.ok("train --resume run --steps 9");
    let scores = fs::read_to_string(scratch.path("run/scores.jsonl")).unwrap();
    assert_eq!(scores.lines().count(), 3, "{scores}");
}

#[test]
fn remedies_work() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "--save-every 1");
    for (name, told) in [
        ("state_0000002", "damaged safetensors training state"),
        ("step_0000002", "damaged safetensors checkpoint"),
    ] {
        let file = scratch.path(&format!("run/checkpoints/{name}.safetensors"));
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        let said = error(&scratch.run("train --resume run --steps 3"));
        assert!(said.contains(name) && said.contains(told), "{said}");
        assert!(
            said.contains(
                "put a copy of the file back, or start a new run; no state of an earlier one is kept"
            ),
            "{said}"
        );
        scratch.ok("translate run/checkpoints/step_0000001.safetensors data --out out");
        scratch.ok(&format!("train data --out new-{name} --steps 1 {SMALL}"));
        fs::write(&file, &whole).unwrap();
    }
    let state = scratch.path("run/checkpoints/state_0000002.safetensors");
    fs::rename(&state, scratch.path("elsewhere")).unwrap();
    let said = error(&scratch.run("train --resume run --steps 3"));
    assert!(
        said.contains("state_0000002.safetensors is missing") && said.contains("put it back"),
        "{said}"
    );
    fs::rename(scratch.path("elsewhere"), &state).unwrap();
    // the state of another step
    scratch.ok(&format!("train data --out other --steps 1 {SMALL}"));
    let whole = fs::read(&state).unwrap();
    fs::copy(
        scratch.path("other/checkpoints/state_0000001.safetensors"),
        &state,
    )
    .unwrap();
    let said = error(&scratch.run("train --resume run --steps 3"));
    assert!(
        said.contains("the training state of step 1, not 2"),
        "{said}"
    );
    fs::write(&state, whole).unwrap();
    scratch.ok("train --resume run --steps 3");
    // too few checkpoints for an average
    let said = error(&scratch.run("average other"));
    assert!(
        said.contains("--keep") && said.contains("--save-every"),
        "{said}"
    );
    scratch.ok(&format!(
        "train data --out third --steps 4 --save-every 2 --keep 2 {SMALL}"
    ));
    scratch.ok("average third --last 2");
}

/// The commands in a text: in backticks, or in lines of their own.
fn commands(text: &str) -> Vec<String> {
    let marked = text.split('`').skip(1).step_by(2);
    let lines = text.lines().filter(|line| line.starts_with("  "));
    let found = marked.chain(lines).map(|line| line.trim().to_string());
    found.filter(|line| line.starts_with("pix2pix ")).collect()
}

#[test]
fn printed_commands_can_be_pasted() {
    let scratch = Scratch::new();
    // a path that is not UTF-8, and one with everything that a shell reads
    for name in [&b"d\xff 'a\"$HOME"[..], b"-my  data's \\ \"x\"*"] {
        let (data, run, moved) = (
            OsStr::from_bytes(name).to_os_string(),
            OsStr::from_bytes(&[name, b" run"].concat()).to_os_string(),
            OsStr::from_bytes(&[name, b" moved"].concat()).to_os_string(),
        );
        let here = |name: &OsStr| scratch.path(".").join(name);
        let at = |name: &OsStr| PathBuf::from(".").join(name);
        scratch.pairs("plain", 2);
        fs::rename(scratch.path("plain"), here(&data)).unwrap();
        let out = format!("--steps 2 {SMALL}");
        let train = |out: &str| {
            let mut command = scratch.command(&format!("train {out}"));
            command.arg("--out").arg(at(&run)).arg(at(&data));
            command.output().unwrap()
        };
        let output = train(&out);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let paste = |command: &str, more: &str| {
            let typed = command.replacen("pix2pix", "$pix2pix", 1);
            let output = scratch.bash(&format!("{typed} {more}"));
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{typed} {more}: {said}");
        };
        // it was started by its path, and prints that
        let typed = |said: &str| {
            let path = env!("CARGO_BIN_EXE_pix2pix");
            assert!(said.contains(path), "{said}");
            commands(&said.replace(path, "pix2pix"))
        };
        let [translate] = typed(&said).try_into().expect("one command");
        scratch.pairs("pictures", 1);
        paste(&translate.replace("PICTURE...", "pictures"), "");
        // a second run in the folder is refused, and told how to go on; the data is found again
        let [resume] = typed(&error(&train(&out))).try_into().expect("one command");
        paste(&resume, "--steps 3");
        fs::rename(here(&data), here(&moved)).unwrap();
        let mut again = scratch.command("train --steps 4 --resume");
        let said = error(&again.arg(at(&run)).output().unwrap());
        let [resume] = typed(&said).try_into().expect("one command");
        fs::rename(here(&moved), scratch.path("DATA")).unwrap();
        paste(&resume, "--steps 4");
        fs::rename(
            scratch.path("DATA"),
            scratch.path(&format!("{}", name.len())),
        )
        .unwrap();
        // `man` takes a word without a slash for a topic
        let mut man = scratch.command("man --out");
        let output = man.arg(at(&data)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let (_, command) = said.split_once("read them with ").expect("a command");
        let output = scratch.bash(&format!(
            "set -- {command}\n[ $# = 2 ] && [ $1 = man ] && [ -f \"$2\" ] && [ \"${{2#*/}}\" != \"$2\" ]"
        ));
        assert!(output.status.success(), "{command}");
    }
}

/// A copy of an old checkpoint under a high number is not the newest.
#[test]
fn a_checkpoint_is_what_it_says_and_not_what_it_is_called() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "--save-every 1 --keep 9");
    scratch.ok("train --resume run --steps 3");
    let step = |step: u64| scratch.path(&format!("run/checkpoints/step_{step:07}.safetensors"));
    fs::copy(step(1), step(9)).unwrap();
    let listed = scratch.ok("runs run");
    let row: Vec<&str> = listed.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[1..4], ["done", "3", "3"], "{listed}");
    for (model, name) in [("run".into(), "a"), (step(3), "b")] {
        scratch.ok(&format!("export {} --out {name}.pth", model.display()));
    }
    assert!(fs::read(scratch.path("a.pth")).unwrap() == fs::read(scratch.path("b.pth")).unwrap());
    scratch.ok("train --resume run --steps 4");
    scratch.ok(&format!(
        "train data --out whole --steps 4 --save-every 1 --keep 9 {SMALL}"
    ));
    let whole = fs::read(scratch.path("whole/checkpoints/step_0000004.safetensors")).unwrap();
    assert!(fs::read(step(4)).unwrap() == whole);
}

#[test]
fn a_folder_that_cannot_be_read_is_not_called_empty() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    let checkpoints = scratch.path("run/checkpoints");
    fs::remove_dir_all(&checkpoints).unwrap();
    // root may read everything: a link to itself is what nobody can read
    std::os::unix::fs::symlink("checkpoints", &checkpoints).unwrap();
    for command in [
        "translate run data --out out",
        "export run --out x.pth",
        "train --resume run --steps 3",
        "average run",
        "runs run",
        "serve run",
    ] {
        let said = error(&scratch.run(command));
        assert!(
            said.contains("run/checkpoints: cannot read the checkpoints"),
            "{command}: {said}"
        );
    }
    let config = scratch.path("run/config.toml");
    fs::remove_file(&config).unwrap();
    std::os::unix::fs::symlink("config.toml", &config).unwrap();
    let said = error(&scratch.run("train --resume run --steps 3"));
    assert!(said.contains("cannot read the configuration"), "{said}");
}

/// On Linux: other systems do not limit the address space.
#[cfg(target_os = "linux")]
#[test]
fn too_little_memory_is_one_line() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let limited = |kilobytes: u64, command: &str| {
        scratch.bash(&format!("ulimit -v {kilobytes}; exec $pix2pix {command}"))
    };
    let size = "--threads 2 --load-size 286 --crop-size 256 --quiet";
    let said = error(&limited(
        750_000,
        &format!("train data --out run --steps 1 {size}"),
    ));
    assert!(
        said.contains("training needs about") && said.contains("train with --recompute"),
        "{said}"
    );
    assert!(!scratch.path("run").exists());
    let output = limited(
        700_000,
        "bench --size 512 --batch 8 --threads 2 --steps 1 --warmup 0",
    );
    let said = error(&output);
    assert!(said.contains("out of memory"), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
    let output = scratch.run(&format!("train data --out run --threads 100000 {SMALL}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--threads is 100000"), "{said}");
}

/// A checkpoint of a later step, without its state, would be taken for the newest of the run.
#[test]
fn a_newer_checkpoint_without_its_state_is_refused() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.ok(&format!("train data --out other --steps 4 {SMALL}"));
    scratch.trained("data", "--keep 1");
    let name = "checkpoints/step_0000004.safetensors";
    let foreign = scratch.path("run").join(name);
    fs::copy(scratch.path("other").join(name), &foreign).unwrap();
    let before = content(&scratch.path("run"));
    let said = error(&scratch.run("train --resume run --steps 3"));
    assert!(
        said.contains(&format!(
            "run/{name}: its state_0000004.safetensors is missing"
        )) && said.contains("move this checkpoint away, to go on from step 2"),
        "{said}"
    );
    assert!(content(&scratch.path("run")) == before);
    fs::remove_file(&foreign).unwrap();
    scratch.ok("train --resume run --steps 3");
    scratch.ok("train --resume run --steps 4");
}

/// An empty mount point, or checkpoints that were moved away to save space: all curves of the run would be lost.
#[test]
fn a_run_whose_checkpoints_are_gone_does_not_begin_again() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let checkpoints = scratch.path("run/checkpoints");
    let refused = || {
        let before = content(&scratch.path("run"));
        let said = error(&scratch.run("train --resume run --steps 3"));
        assert!(
            said.contains(
                "run/checkpoints: no checkpoint is there, and the run has come to step 2"
            ) && said.contains("put its checkpoints back"),
            "{said}"
        );
        assert!(content(&scratch.path("run")) == before);
    };
    // further than to its first checkpoint, or to its end
    for options in ["--save-every 1", ""] {
        scratch.trained("data", options);
        let moved = scratch.path("moved");
        fs::rename(&checkpoints, &moved).unwrap();
        refused();
        fs::create_dir(&checkpoints).unwrap();
        refused();
        fs::remove_dir(&checkpoints).unwrap();
        fs::rename(&moved, &checkpoints).unwrap();
        scratch.ok("train --resume run --steps 3");
    }
}

/// A checkpoint whose tensors are not those of its networks.
#[test]
fn no_command_writes_a_damaged_network() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "--save-every 1 --keep 2");
    let file = scratch.path("run/checkpoints/step_0000002.safetensors");
    let whole = fs::read(&file).unwrap();
    let (_, header) = SafeTensors::read_metadata(&whole).unwrap();
    let tensors = SafeTensors::deserialize(&whole).unwrap();
    let damaged = "generator.encoder.1.conv.weight";
    let cut = TensorView::new(Dtype::F32, vec![2], &[0; 8]).unwrap();
    for damage in [None, Some(cut)] {
        let kept = tensors
            .iter()
            .filter_map(|(name, tensor)| match name == damaged {
                true => Some((name, damage.clone()?)),
                false => Some((name, tensor)),
            });
        let kept: Vec<(&str, TensorView)> = kept.collect();
        fs::write(&file, serialize(kept, header.metadata().clone()).unwrap()).unwrap();
        for command in [
            "export run --out g.pth",
            "export run --out g.pth --discriminator d.pth",
            "export run --out g.safetensors",
            "export run --out g.onnx",
            "export run --format model --weights f16 --out half.safetensors",
            "export run --format model --weights int8 --out quarter.safetensors",
            "average run --out mean.safetensors",
            "translate run data --out out",
        ] {
            let said = error(&scratch.run(command));
            assert!(
                said.contains("step_0000002.safetensors") && said.contains("encoder.1.conv.weight"),
                "{command}: {said}"
            );
        }
    }
    assert_eq!(names(&scratch.path(".")), ["data", "run"]);
}
