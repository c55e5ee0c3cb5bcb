//! Files of strangers and slips of the hand: each is one line that names the file, never a panic, a hang or a wrong picture.

#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::common::{self, SMALL, Scratch, pair};

/// The line of a failed command.
fn line(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    let errors = said.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 1, "{said}");
    said
}

/// Changes a value of a checkpoint's configuration.
fn edited(from: &Path, to: &Path, place: &str, value: Value) {
    let bytes = fs::read(from).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let ours = &mut header["__metadata__"]["pix2pix"];
    let mut described: Value = serde_json::from_str(ours.as_str().unwrap()).unwrap();
    *described.pointer_mut(place).unwrap() = value;
    *ours = described.to_string().into();
    let header = header.to_string().into_bytes();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(&bytes[8 + length..]);
    fs::write(to, file).unwrap();
}

#[test]
fn a_checkpoint_that_contradicts_itself_makes_no_picture() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    let whole = scratch.path("run/checkpoints/step_0000002.safetensors");
    for (place, value, named) in [
        ("/config/target/channels", Value::from(4), "target.channels"),
        ("/config/target/channels", 1.into(), "target.channels"),
        (
            "/config/target/channels",
            i64::MAX.into(),
            "target.channels",
        ),
        ("/config/source/channels", 1.into(), "source.channels"),
        ("/config/jitter/crop_size", "4294967264".into(), "16384"),
    ] {
        edited(&whole, &scratch.path("edited.safetensors"), place, value);
        for command in [
            "translate edited.safetensors data --out out",
            "summary generator edited.safetensors",
        ] {
            let said = line(&scratch.run(command), 1);
            assert!(
                said.contains("edited.safetensors") && said.contains(named),
                "{said}"
            );
        }
    }
    // no size was typed
    let file = scratch.path("edited.safetensors");
    for (place, value, named) in [
        (
            "/config/jitter/crop_size",
            Value::from("1x1"),
            "edited.safetensors: an image side of 1 pixel does not fit 6 halvings",
        ),
        (
            "/config/generator/depth",
            7.into(),
            "edited.safetensors: an image side of 64 pixels does not fit 7 halvings",
        ),
    ] {
        edited(&whole, &file, place, value);
        for command in [
            "summary generator edited.safetensors",
            "plot generator edited.safetensors --out drawing.svg",
            "export edited.safetensors --format onnx --out edited.onnx",
            "evaluate edited.safetensors data --split train",
        ] {
            let said = line(&scratch.run(command), 1);
            assert!(said.contains(named), "{command}: {said}");
        }
    }
    for (scales, named) in [
        (255, "edited.safetensors: scales is 255"),
        (
            3,
            "edited.safetensors: images of 64x64 pixels are too small for the 70 patch at 3 scales",
        ),
    ] {
        let place = "/config/discriminator/scales";
        edited(&whole, &file, place, scales.into());
        for command in [
            "summary discriminator edited.safetensors",
            "receptive-field edited.safetensors",
        ] {
            let said = line(&scratch.run(command), 1);
            assert!(said.contains(named), "{command}: {said}");
        }
    }
}

#[test]
fn pictures_smaller_than_the_crop_are_named() {
    let scratch = Scratch::new();
    for (folder, width, height) in [("data", 128, 64), ("small", 64, 32)] {
        fs::create_dir(scratch.path(folder)).unwrap();
        let path = scratch.path(folder).join("one.png");
        pair(width, height, 0).save(path).unwrap();
    }
    let crop = "--filters 2 --resize crop --crop-size 64";
    scratch.ok(&format!("train data --out run --steps 1 --quiet {crop}"));
    let said = line(&scratch.run("evaluate run small"), 1);
    assert!(
        said.contains("one.png: 32x32 pixels are smaller than"),
        "{said}"
    );
    // the scores of the models before it are not lost
    let resized = "--filters 2 --load-size 72 --crop-size 64";
    scratch.ok(&format!(
        "train data --out fits --steps 1 --quiet {resized}"
    ));
    let output = scratch.run("evaluate fits run small --out both");
    assert!(line(&output, 1).contains("one.png: 32x32 pixels"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("fits"));
    let scores = fs::read_to_string(scratch.path("both/scores.json")).unwrap();
    assert!(scores.contains("\"model\": \"fits\""), "{scores}");
    // and a wrong path is told before the first of them
    let said = line(&scratch.run("evaluate fits nowhere small --out none"), 1);
    assert!(said.contains("nowhere"), "{said}");
    assert!(!scratch.path("none").exists());
}

#[test]
fn a_large_seed_resumes() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let seed = i64::MAX.to_string();
    scratch.trained("data", &format!("--seed {seed}"));
    scratch.ok("train --resume run --steps 3 --quiet");
    let config = fs::read_to_string(scratch.path("run/config.toml")).unwrap();
    assert!(config.contains(&seed), "{config}");
    // TOML has no larger numbers
    let said = line(
        &scratch.run("train data --out other --seed 9223372036854775808"),
        2,
    );
    assert!(said.contains("is not in 0..="), "{said}");
}

#[test]
fn pipes_and_devices_are_no_files_of_a_run() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    scratch.bash("mkfifo pipe; ln -s /dev/zero zero.safetensors; ln -s pipe pipe.safetensors");
    for command in [
        "translate pipe.safetensors data --out out",
        "translate zero.safetensors data --out out",
        "export pipe.safetensors --out g.pth",
        "import pipe.safetensors --out g.safetensors",
        "import zero.safetensors --out g.safetensors",
        "train data --out other --from zero.safetensors --steps 1",
        "evaluate run data --lpips pipe",
    ] {
        let said = line(&scratch.run(command), 1);
        assert!(said.contains("no regular file"), "{command}: {said}");
    }
    fs::write(
        scratch.path("pairs.csv"),
        "a,b\n/dev/zero,/dev/zero\npipe,pipe\n",
    )
    .unwrap();
    for command in [
        "inspect pairs.csv",
        "prepare split pairs.csv --out x --val-fraction 0.5",
    ] {
        let said = line(&scratch.run(command), 1);
        assert!(said.contains("no regular file"), "{command}: {said}");
    }
    for file in [
        "config.toml",
        "metrics.jsonl",
        "scores.jsonl",
        "timings.jsonl",
    ] {
        let place = scratch.path("run").join(file);
        let kept = fs::read(&place).unwrap();
        fs::remove_file(&place).unwrap();
        scratch.bash(&format!("mkfifo run/{file}"));
        let said = line(&scratch.run("report run"), 1);
        assert!(said.contains("no regular file"), "{file}: {said}");
        fs::remove_file(&place).unwrap();
        fs::write(&place, kept).unwrap();
    }
}

/// Nobody writes into a pipe of such a name, or reads from it: whoever opened it would wait for ever, and a device may never
/// end.
#[cfg(target_os = "linux")]
#[test]
fn pipes_and_devices_are_no_files_of_the_programs_names() {
    let scratch = Scratch::new();
    scratch.pairs("data/train", 2);
    scratch.pairs("data/val", 1);
    scratch.trained("data", "--report");
    fs::create_dir(scratch.path("module")).unwrap();
    for file in pix2pix_server::site::MODULE {
        fs::write(scratch.path("module").join(file), "module").unwrap();
    }
    let in_time =
        |command: &str| scratch.bash(&format!("exec timeout --signal=KILL 60 $pix2pix {command}"));
    let made = |make: &str, file: &str| {
        let script = format!("mkdir -p $(dirname {file}) && rm -f {file} && {make} {file}");
        assert!(scratch.bash(&script).status.success(), "{make} {file}");
    };
    let site = "export run --format web --module module --out site --force";
    for (command, file) in [
        ("report run", "run/report.html"),
        ("train --resume run --steps 3 --report", "run/report.html"),
        ("average run", "run/averaged.safetensors"),
        ("inspect data", "inspect.png"),
        (
            "translate run data/val --out out --gallery",
            "out/gallery.html",
        ),
        ("evaluate run data --out scores", "scores/scores.json"),
        ("evaluate run data --out scores", "scores/gallery.html"),
        ("evaluate run data --out scores", "scores/1-run/best.png"),
        ("man --out pages", "pages/pix2pix.1"),
        ("demo --out demo --steps 1", "demo/config.toml"),
        (site, "site/index.html"),
        (site, "site/model.safetensors"),
        (site, "module/index.js"),
    ] {
        for make in ["mkfifo", "ln -s /dev/zero"] {
            made(make, file);
            let said = line(&in_time(command), 1);
            let named = match command.starts_with("demo") {
                true => "demo: the folder is not empty",
                false => file,
            };
            assert!(said.contains(named), "{command}, {make}: {said}");
            fs::remove_file(scratch.path(file)).unwrap();
        }
    }
    // results have the names of their inputs
    scratch.bash("mkdir -p apart/A apart/B && cp data/val/* apart/A && cp data/val/* apart/B");
    for (command, file) in [
        ("translate run data/val --out out", "out/pair0.png"),
        (
            "translate run data/val --samples 2 --out out",
            "out/pair0-deviation.png",
        ),
        ("prepare combine apart --out joined", "joined/pair0.png"),
    ] {
        made("mkfifo", file);
        let said = line(&in_time(command), 1);
        assert!(said.contains(file), "{command}: {said}");
        fs::remove_file(scratch.path(file)).unwrap();
    }
    // of a run, what is no sheet is left out, also by a training that goes on
    for make in ["mkfifo", "ln -s /dev/zero"] {
        made(make, "run/samples/step_0000001.png");
        let output = in_time("report run");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{make}: {said}");
        assert!(
            said.contains("run/samples/step_0000001.png: it is no regular file; it is left out"),
            "{make}: {said}"
        );
    }
    let output = in_time("train --resume run --steps 3 --report");
    assert!(output.status.success());
    let file = "run/samples/step_0000004.png";
    made("mkfifo", file);
    let said = line(&in_time("train --resume run --steps 4"), 1);
    assert!(said.contains(file), "{said}");
}

/// Whatever a mask takes from new files, the program can finish its own. Root may write everywhere but without this right.
#[cfg(target_os = "linux")]
#[test]
fn a_mask_of_permissions_refuses_no_result() {
    let scratch = Scratch::new();
    let output = scratch.bash(
        "umask 0277; test $(id -u) != 0 || less=\"setpriv --bounding-set=-dac_override,-dac_read_search\"
         $less $pix2pix plot generator --filters 2 --out drawing.svg && stat -c %a drawing.svg",
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.ends_with("\n400\n"), "{told}");
    assert_eq!(common::names(&scratch.path(".")), ["drawing.svg"]);
}

#[test]
fn numbers_out_of_range_are_refused() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    for command in [
        "prepare gray data --out x --size 0",
        "prepare edges data --out x --size 16385",
        "prepare combine data --out x --size 4294967295",
        "train data --out x --crop-size 99999999",
        "bench --steps 18446744073709551615",
        "bench --warmup 18446744073709551615",
        "bench --batch 18446744073709551615",
        "bench --size 4294967296",
        "bench --mode data --size 0",
    ] {
        line(&scratch.run(command), 2);
    }
}

#[test]
fn links_in_a_circle_lead_nowhere() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    scratch.bash("mkdir pictures pictures/deep; cp data/* pictures; ln -s ../pictures pictures/again; ln -s .. pictures/deep/up");
    let said = scratch.ok("translate run pictures --out out");
    assert!(said.contains("2 files passed over: 2 links"), "{said}");
    assert_eq!(
        common::names(&scratch.path("out")),
        ["pair0.png", "pair1.png"]
    );
}

/// An archive that cannot be unpacked on this machine is not a damaged one.
#[cfg(target_os = "linux")]
#[test]
fn an_archive_is_not_blamed_for_the_disk() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.bash("head -c 100000 /dev/zero >data/more.png; tar czf data.tar.gz data");
    let inspect = "$pix2pix inspect data.tar.gz";
    for (command, told) in [
        (
            format!("ulimit -f 8; {inspect}"),
            "cannot unpack an archive to a temporary file: File too large",
        ),
        (
            format!("TMPDIR=/nonexistent {inspect}"),
            "/nonexistent: cannot create a temporary file",
        ),
        (
            // reading this fails
            "ln -s /proc/self/mem data.tar; $pix2pix inspect data.tar".to_string(),
            "data.tar: cannot read the archive: Input/output error",
        ),
    ] {
        let said = line(&scratch.bash(&command), 1);
        assert!(said.contains(told), "{command}: {said}");
        assert!(!said.contains("download it again"), "{command}: {said}");
    }
}

/// A limit on the size of files is an error like a full disk.
#[test]
fn a_limit_on_files_is_one_line() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let output = scratch.bash(&format!(
        "ulimit -f 40; $pix2pix train data --out run --steps 1 --quiet {SMALL}"
    ));
    let said = line(&output, 1);
    assert!(said.contains("File too large"), "{said}");
    // which is no fault of a picture
    scratch.trained("data", "");
    let output = scratch.bash("ulimit -f 1; $pix2pix translate run data --out out --on-error skip");
    let said = line(&output, 1);
    assert!(
        said.contains("File too large") && !said.contains("skipped"),
        "{said}"
    );
}

#[test]
fn a_sheet_is_not_replaced() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    pair(8, 8, 0).save(scratch.path("mine.png")).unwrap();
    let said = line(&scratch.run("inspect data --sheet mine.png"), 1);
    assert!(said.contains("--force"), "{said}");
    scratch.ok("inspect data --sheet mine.png --force");
    // its format is that of its name
    for name in ["mine.jpg", "mine.tiff"] {
        let said = line(&scratch.run(&format!("inspect data --sheet {name}")), 2);
        assert!(said.contains("end --sheet in .png"), "{said}");
        assert!(!scratch.path(name).exists());
    }
    scratch.ok("inspect data --sheet again.PNG");
    let said = line(&scratch.run("evaluate run data --out data/scores"), 2);
    assert!(said.contains("lies in the data set"), "{said}");
}

/// A result never has the name of another format, which other programs would believe.
#[test]
fn results_have_endings_of_their_formats() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "--save-every 1");
    scratch.ok("export run --out g.pth");
    for (command, remedy) in [
        ("average run --out mean.pth", "end --out in .safetensors"),
        ("import g.pth --out model.onnx", "end --out in .safetensors"),
        ("report run --out page.pdf", "end --out in .html"),
        ("report run --csv table.xlsx", "end --csv in .csv"),
    ] {
        let said = line(&scratch.run(command), 2);
        assert!(said.contains(remedy), "{said}");
        let name = command.rsplit(' ').next().unwrap();
        assert!(!scratch.path(name).exists());
    }
    scratch.ok("report run --out page.HTM --no-gallery");
    scratch.ok("average run --out mean");
}

/// Names of files, of runs and of classes, which whoever made them chose.
#[test]
fn no_name_reaches_the_terminal_as_a_command() {
    let scratch = Scratch::new();
    let is_plain = |said: &[u8]| {
        let said = String::from_utf8(said.to_vec()).unwrap();
        assert!(said.contains("\\u{1b}[31m"), "{said:?}");
        assert!(
            !said.replace('\n', "").contains(pix2pix::is_obeyed),
            "{said:?}"
        );
        // nor does it end the line
        assert!(!said.lines().any(|line| line.starts_with("bad")), "{said}");
    };
    let bad = "a\u{1b}[31m\u{7}\u{202e}\u{2028}\nbad";
    let data = format!("data{bad}");
    scratch.pairs(&data, 2);
    fs::write(scratch.path(&data).join(format!("{bad}.txt")), "notes").unwrap();
    let run = |words: &[&str]| scratch.command("").args(words).output().unwrap();
    is_plain(&run(&["inspect", &data]).stdout);
    let words = format!("train --out run --steps 2 {SMALL}");
    let words: Vec<&str> = words.split(' ').chain([&data[..]]).collect();
    let output = run(&words);
    assert!(output.status.success(), "{output:?}");
    is_plain(&output.stderr);
    // the log of a run is told of too
    let renamed = format!("run{bad}");
    fs::rename(scratch.path("run"), scratch.path(&renamed)).unwrap();
    fs::write(scratch.path(&renamed).join("metrics.jsonl"), "{}\n").unwrap();
    let output = run(&["report", &renamed, "--no-gallery"]);
    assert!(output.status.success(), "{output:?}");
    is_plain(&output.stderr);
    is_plain(&output.stdout);
    // and a checkpoint's classes
    let palette = r#"[{"name": "sky", "color": [0, 0, 0]}, {"name": "wall", "color": [9, 9, 9]}]"#;
    fs::write(scratch.path("palette.json"), palette).unwrap();
    for side in ["maps/A", "maps/B"] {
        fs::create_dir_all(scratch.path(side)).unwrap();
        for index in 0..2 {
            let file = scratch.path(&format!("{side}/{index}.png"));
            image::RgbImage::new(64, 64).save(file).unwrap();
        }
    }
    scratch.ok(&format!(
        "train maps --out labels --steps 2 --labels-b palette.json {SMALL}"
    ));
    edited(
        &scratch.path("labels/checkpoints/step_0000002.safetensors"),
        &scratch.path("edited.safetensors"),
        "/config/target/labels/classes/0/name",
        bad.into(),
    );
    let output = run(&["evaluate", "edited.safetensors", "maps"]);
    assert!(output.status.success(), "{output:?}");
    is_plain(&output.stdout);
}
