//! A command that refuses leaves everything as it was, and no command replaces what it was not asked to.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::process::Command;

use crate::common::{SMALL, Scratch, content, names};

/// The last line on standard error of a command that fails with this exit code.
fn refused(scratch: &Scratch, command: &str, code: i32) -> String {
    let output = scratch.run(command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{command}: {said}");
    let last = said.lines().last().unwrap_or_default().to_string();
    assert!(last.starts_with("error: "), "{command}: {said}");
    last
}

#[test]
fn a_refused_folder_stays_as_it_was() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    fs::create_dir_all(scratch.path("mine/samples")).unwrap();
    for name in [
        ".tmp123456",
        ".pix2pix-old.part",
        "thesis.txt",
        "samples/.tmpabcdef",
    ] {
        fs::write(scratch.path("mine").join(name), "years of work").unwrap();
    }
    fs::create_dir(scratch.path("settings")).unwrap();
    fs::write(scratch.path("settings/config.toml"), "colour = 'red'").unwrap();
    fs::write(scratch.path("run/.tmp123456"), "mine").unwrap();
    fs::write(scratch.path("garbage"), "no model").unwrap();
    fs::create_dir(scratch.path("broken")).unwrap();
    fs::write(scratch.path("broken/x.png"), "no picture").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap();
    let before = content(&scratch.path("."));
    for (command, code) in [
        (format!("train data --out mine {SMALL}"), 1),
        (format!("train data --out settings {SMALL}"), 1),
        (format!("train data --out run {SMALL}"), 1),
        (
            format!("train data --out new/deep --serve={port} {SMALL}"),
            1,
        ),
        (
            format!("train data --out new --perceptual 1 --perceptual-weights garbage {SMALL}"),
            1,
        ),
        ("demo --out mine --steps 1".to_string(), 1),
        ("demo --out run --steps 1".to_string(), 1),
        // it is done
        ("train --resume run --steps 2".to_string(), 0),
        ("train --resume run --steps 1".to_string(), 0),
        ("train --resume mine".to_string(), 1),
        ("translate run broken --out new".to_string(), 1),
        ("translate garbage data --out new".to_string(), 1),
        ("prepare gray broken --out new".to_string(), 1),
        ("evaluate garbage data --out new".to_string(), 1),
        ("evaluate run broken --out new".to_string(), 1),
        ("report mine --out new.html".to_string(), 1),
        ("export garbage --out new.pth".to_string(), 1),
        ("average run --out new".to_string(), 1),
        ("import garbage --out new".to_string(), 1),
        (
            "download facades --out new --mirror http://127.0.0.1:9".to_string(),
            1,
        ),
    ] {
        if code == 0 {
            scratch.ok(&command);
        } else {
            refused(&scratch, &command, code);
        }
        let after = content(&scratch.path("."));
        let names = |found: &std::collections::BTreeMap<_, _>| {
            found.keys().cloned().collect::<Vec<std::path::PathBuf>>()
        };
        assert_eq!(names(&after), names(&before), "{command}");
        assert!(after == before, "{command} changed a file");
    }
}

/// The demo replaces an earlier demo, but nothing that is not of it, and not before everything else is known to work.
#[test]
fn a_demo_removes_only_a_demo() {
    let scratch = Scratch::new();
    let demo = |name: &str| scratch.path("demo").join(name);
    for folder in [
        "checkpoints",
        "inputs",
        "samples",
        "tensorboard",
        ".pix2pix-killed.part",
    ] {
        fs::create_dir_all(demo(folder)).unwrap();
    }
    for file in [
        "config.toml",
        "metrics.jsonl",
        "contact-sheet.png",
        "checkpoints/step_0000540.safetensors",
        "checkpoints/state_0000540.safetensors",
        "inputs/N47.3E050.4.png",
        "inputs/mine.png",
        "samples/step_0000020.png",
        "tensorboard/events.out.tfevents.1.2",
        ".pix2pix-killed.part/file",
    ] {
        fs::write(demo(file), "data = \"the embedded earth data\"").unwrap();
    }
    let before = content(&scratch.path("demo"));
    let said = refused(&scratch, "demo --out demo --steps 1 --quiet", 1);
    assert!(said.contains("choose another --out"), "{said}");
    assert!(content(&scratch.path("demo")) == before);
    fs::remove_file(demo("inputs/mine.png")).unwrap();
    let before = content(&scratch.path("demo"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap();
    refused(&scratch, &format!("demo --out demo --serve={port}"), 1);
    assert!(content(&scratch.path("demo")) == before);
}

/// Commands that write a single result, with the name of its file.
const RESULTS: [(&str, &str); 7] = [
    ("export run --out", "g.pth"),
    ("export run --format onnx --out", "g.onnx"),
    (
        "export run --format model --weights f16 --out",
        "half.safetensors",
    ),
    ("import G.pth --out", "model.safetensors"),
    ("average run --out", "mean.safetensors"),
    ("report run --out", "page.html"),
    ("plot generator --filters 2 --out", "drawing.svg"),
];

fn with_results() -> Scratch {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "--save-every 1");
    let public = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../pix2pix/tests/fixtures/public/unet_256_net_G.pth"
    );
    fs::copy(public, scratch.path("G.pth")).unwrap();
    scratch
}

#[test]
fn a_result_replaces_nothing_unasked() {
    let scratch = with_results();
    for (command, name) in RESULTS {
        let file = scratch.path(name);
        fs::write(&file, "mine").unwrap();
        let said = refused(&scratch, &format!("{command} {name}"), 1);
        assert!(
            said.contains(name) && said.contains("--force"),
            "{command}: {said}"
        );
        assert_eq!(fs::read(&file).unwrap(), b"mine", "{command}");
        scratch.ok(&format!("{command} {name} --force"));
        let made = fs::read(&file).unwrap();
        assert!(made.len() > 100, "{command}");

        // through a link, the file behind it is written; a link to nothing yet makes it
        for (to, options) in [("behind", "--force"), ("behind-new", "")] {
            let link = scratch.path(&format!("link-{to}-{name}"));
            let behind = scratch.path(&format!("{to}-{name}"));
            if !options.is_empty() {
                fs::write(&behind, "mine").unwrap();
            }
            symlink(behind.file_name().unwrap(), &link).unwrap();
            scratch.ok(&format!("{command} {} {options}", link.display()));
            assert!(link.is_symlink(), "{command}");
            assert!(behind.is_file() && !behind.is_symlink(), "{command}");
            assert!(fs::metadata(&behind).unwrap().len() > 100, "{command}");
        }
        let said = refused(
            &scratch,
            &format!("{command} run/samples{}", ending(name)),
            1,
        );
        assert!(
            said.contains("cannot write the file") || said.contains("format"),
            "{said}"
        );
    }
    // the files that a run folder has for them are kept up to date
    for command in ["average run", "report run"] {
        scratch.ok(command);
        scratch.ok(command);
    }
    let twice = refused(&scratch, "report run --out same --csv same", 2);
    assert!(twice.contains("same"), "{twice}");
}

/// The path of a folder that has the ending of this name.
fn ending(name: &str) -> &'static str {
    if name.ends_with(".svg") {
        "/no/such.svg"
    } else {
        ""
    }
}

/// A pipe is written to, and stays a pipe; so does a device.
#[test]
fn a_pipe_or_a_device_is_written_to() {
    let scratch = with_results();
    for (command, name) in RESULTS {
        let pipe = scratch.path(&format!("pipe-{name}"));
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let output = scratch.bash(&format!(
            "cat 'pipe-{name}' >'got-{name}' & $pix2pix {command} 'pipe-{name}' && wait"
        ));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {said}");
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
        scratch.ok(&format!("{command} {name}"));
        let [got, file] = ["got-", ""].map(|kind| fs::read(scratch.path(&format!("{kind}{name}"))));
        let (got, file) = (got.unwrap(), file.unwrap());
        // a report tells the minute in which it was made
        assert!(
            got == file || name == "page.html" && got.len() == file.len(),
            "{command}"
        );
    }
    // standard output gets the result alone, in whatever file it ends
    let output = scratch.bash(
        "echo before >all; $pix2pix export run --out /dev/stdout >>all 2>notes && \
         $pix2pix export run --out /dev/fd/1 | cmp - g.pth && $pix2pix export run --out /dev/stdout | head -c 9",
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let expected = [
        b"before\n".to_vec(),
        fs::read(scratch.path("g.pth")).unwrap(),
    ]
    .concat();
    assert!(fs::read(scratch.path("all")).unwrap() == expected);
    assert!(
        fs::read_to_string(scratch.path("notes"))
            .unwrap()
            .contains("tensors")
    );
    // a device, where the test may make one
    let device = scratch.path("null");
    let made = Command::new("mknod")
        .arg(&device)
        .args(["c", "1", "3"])
        .status();
    if made.is_ok_and(|status| status.success()) {
        let output = scratch.run("export run --out null");
        let usable = fs::OpenOptions::new().write(true).open(&device).is_ok();
        assert_eq!(output.status.success(), usable);
        assert!(
            fs::symlink_metadata(&device)
                .unwrap()
                .file_type()
                .is_char_device()
        );
    }
}

/// A translation that was killed leaves nothing behind for long, and one that lives loses nothing.
#[test]
fn what_a_killed_translation_left_is_swept() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    scratch.trained("data", "");
    fs::create_dir_all(scratch.path("out/.pix2pix-killed.part")).unwrap();
    fs::write(scratch.path("out/.pix2pix-killed.part/file"), "half").unwrap();
    fs::create_dir(scratch.path("out/.pix2pix-living.part")).unwrap();
    fs::write(scratch.path("out/.tmp123456"), "of another program").unwrap();
    let living = fs::File::create(scratch.path("out/.pix2pix-living.part/lock")).unwrap();
    living.lock().unwrap();
    scratch.ok("translate run data --out out");
    assert_eq!(
        names(&scratch.path("out")),
        [".pix2pix-living.part", ".tmp123456", "pair0.png"]
    );
    drop(living);
    scratch.ok("translate run data --out out");
    assert_eq!(names(&scratch.path("out")), [".tmp123456", "pair0.png"]);
}

/// What is sent into a pipe waits in the folder for temporary files, and a process may be killed meanwhile.
#[test]
fn what_a_killed_process_did_not_send_is_swept() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    scratch.trained("data", "");
    for name in ["killed", "living"] {
        fs::create_dir_all(scratch.path(&format!("tmp/.pix2pix-{name}.part"))).unwrap();
    }
    fs::write(scratch.path("tmp/.pix2pix-killed.part/file"), "whole").unwrap();
    fs::write(scratch.path("tmp/notes"), "mine").unwrap();
    let living = fs::File::create(scratch.path("tmp/.pix2pix-living.part/lock")).unwrap();
    living.lock().unwrap();
    let output = scratch.bash("TMPDIR=$PWD/tmp $pix2pix export run --out /dev/stdout >g.pth");
    assert!(output.status.success());
    assert!(fs::metadata(scratch.path("g.pth")).unwrap().len() > 100);
    assert_eq!(
        names(&scratch.path("tmp")),
        [".pix2pix-living.part", "notes"]
    );
}

/// Such a name has no ending that says what the file is.
#[cfg(unix)]
#[test]
fn a_drawing_goes_to_the_next_program() {
    let scratch = Scratch::new();
    let plot = "$pix2pix plot generator --filters 2 --out";
    let script = format!("{plot} drawing.svg && {plot} /dev/stdout | cmp - drawing.svg");
    assert!(scratch.bash(&script).status.success());
}

/// Nor are they the files of a folder that is to be empty.
#[test]
fn a_site_goes_where_another_was_killed() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    scratch.trained("data", "");
    fs::create_dir(scratch.path("module")).unwrap();
    for file in pix2pix_server::site::MODULE {
        fs::write(scratch.path("module").join(file), "module").unwrap();
    }
    fs::create_dir_all(scratch.path("site/.pix2pix-killed.part")).unwrap();
    let export = "export run --format web --module module --out site";
    scratch.ok(export);
    assert!(scratch.path("site/index.html").is_file());
    assert!(!scratch.path("site/.pix2pix-killed.part").exists());
    let said = refused(&scratch, export, 1);
    assert!(said.contains("site: the folder has files"), "{said}");
}

/// They are pictures of other data, and the folder is put where everybody can see it.
#[test]
fn a_site_keeps_no_examples_of_the_former_model() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    fs::create_dir(scratch.path("module")).unwrap();
    for file in pix2pix_server::site::MODULE {
        fs::write(scratch.path("module").join(file), "module").unwrap();
    }
    let export = "export run --format web --module module --out site --force";
    let told = "note: the page has no examples: the pairs of the training are not found (";
    assert!(!scratch.ok(export).contains(told));
    let examples = scratch.path("site/examples");
    assert_eq!(names(&examples), ["0.png", "1.png"]);
    fs::write(examples.join("mine.png"), "mine").unwrap();
    fs::rename(scratch.path("data"), scratch.path("moved")).unwrap();
    let said = scratch.ok(export);
    assert!(said.contains(told), "{said}");
    assert_eq!(names(&examples), ["mine.png"]);
}

/// A file without a folder in its name lies in the working folder.
#[test]
fn the_working_folder_is_swept_too() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path(".pix2pix-killed.part")).unwrap();
    scratch.ok("plot generator --filters 2 --out drawing.svg");
    assert!(!scratch.path(".pix2pix-killed.part").exists());
}

/// A text of somebody who knows the files of this program.
const MINE: &str = "<title>pix2pix report</title> and <title>pix2pix gallery</title> have {\"state\":\"done\"} in them";

/// What a command writes under a name of its own replaces what it has written before, and nothing else.
#[test]
fn names_that_a_command_chooses_are_kept_too() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "--save-every 1 --keep 2");
    for (command, file) in [
        ("average run", "run/averaged.safetensors"),
        ("report run", "run/report.html"),
        ("inspect data", "inspect.png"),
    ] {
        fs::write(scratch.path(file), MINE).unwrap();
        let said = refused(&scratch, command, 1);
        assert!(said.contains(&format!("{file}: the file exists")), "{said}");
        assert_eq!(fs::read(scratch.path(file)).unwrap(), MINE.as_bytes());
        scratch.ok(&format!("{command} --force"));
        scratch.ok(command);
    }
    let photograph = crate::common::pair(96, 40, 0);
    photograph.save(scratch.path("inspect.png")).unwrap();
    refused(&scratch, "inspect data", 1);

    for (command, file) in [
        ("translate run data --out out --gallery", "out/gallery.html"),
        ("evaluate run data --out scores", "scores/gallery.html"),
        ("evaluate run data --out scores", "scores/scores.json"),
        ("evaluate run data --out scores", "scores/1-run/best.png"),
        ("train --resume run --steps 3 --report", "run/report.html"),
    ] {
        let path = scratch.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, MINE).unwrap();
        let before = content(&scratch.path("."));
        let said = refused(&scratch, command, 1);
        assert!(said.contains(&format!("{file}: the file exists")), "{said}");
        assert!(content(&scratch.path(".")) == before, "{command}");
        fs::remove_file(&path).unwrap();
        scratch.ok(command);
        if !command.starts_with("train") {
            scratch.ok(command);
        }
    }
}

/// A demo that its machine refuses does not remove the earlier one.
#[cfg(target_os = "linux")]
#[test]
fn a_refused_demo_keeps_the_earlier_one() {
    let scratch = Scratch::new();
    scratch.trained("earth", "");
    fs::rename(scratch.path("run"), scratch.path("demo")).unwrap();
    let before = content(&scratch.path("demo"));
    let output = scratch
        .bash("ulimit -v 700000; exec $pix2pix demo --out demo --preset paper --threads 1 --quiet");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("training needs about"), "{said}");
    assert!(content(&scratch.path("demo")) == before);
}

/// As a process leaves it that is killed while it writes a new run's configuration.
#[test]
fn a_run_begins_where_another_was_killed_at_once() {
    let scratch = Scratch::new();
    scratch.pairs("data", 1);
    let part = scratch.path("new/.pix2pix-a1B2c3.part");
    fs::create_dir_all(&part).unwrap();
    for name in ["lock", "file", "../run.lock"] {
        fs::write(part.join(name), "").unwrap();
    }
    scratch.ok(&format!("train data --out new --steps 1 {SMALL}"));
    assert!(!part.exists());
}

#[test]
fn two_results_are_two_files() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    symlink("there.pth", scratch.path("link")).unwrap();
    symlink("there.csv", scratch.path("page")).unwrap();
    symlink("run/report.html", scratch.path("table.csv")).unwrap();
    for command in [
        "export run --format pth --out link --discriminator there.pth",
        "export run --format pth --out there.pth --discriminator ./there.pth",
        "report run --out page --csv there.csv",
        "report run --csv table.csv --force",
    ] {
        let said = refused(&scratch, command, 2);
        assert!(
            said.contains("two results cannot have the same file"),
            "{said}"
        );
    }
    assert!(!scratch.path("there.pth").exists() && !scratch.path("there.html").exists());
}

/// Each picture of a demo is that of its newest step, also if the demo was resumed.
#[test]
fn a_resumed_demo_keeps_its_pictures_up_to_date() {
    let scratch = Scratch::new();
    scratch.ok(&format!(
        "train earth --out demo --steps 1 --sample-every 1 --quiet {SMALL}"
    ));
    // as a demo that was stopped leaves it
    fs::write(scratch.path("demo/contact-sheet.png"), "of step 1").unwrap();
    scratch.ok("train --resume demo --steps 2 --quiet");
    let read = |name: &str| fs::read(scratch.path("demo").join(name)).unwrap();
    assert!(read("contact-sheet.png") == read("samples/step_0000002.png"));
    assert_eq!(names(&scratch.path("demo/outputs")).len(), 8);
}

/// A folder may be mounted twice, as in a container, and a disk may take small and capital letters for the same.
#[cfg(target_os = "linux")]
#[test]
fn inputs_stay_whatever_path_leads_to_them() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    for folder in ["again", "others"] {
        fs::create_dir(scratch.path(folder)).unwrap();
    }
    let program = env!("CARGO_BIN_EXE_pix2pix");
    let before = content(&scratch.path("."));
    for (command, told) in [
        (
            "translate run data --out again",
            "data/pair0.png: an output would replace this input",
        ),
        (
            "inspect data --sheet again/pair0.png --force",
            "again/pair0.png lies in the data set",
        ),
        (
            "evaluate run data --out again/scores",
            "again/scores lies in the data set",
        ),
        (
            "prepare edges data --out again/edges",
            "again/edges: the folder of the pairs lies in that of their pictures",
        ),
        (
            "export run --format model --weights int8 --out others/step_0000002.safetensors --force",
            "the result would replace the file that it is made of",
        ),
    ] {
        let script = format!(
            "mount --bind data again && mount --bind run/checkpoints others || exit 99; exec '{program}' {command}"
        );
        let output = Command::new("unshare")
            .args(["-rm", "sh", "-c", &script])
            .current_dir(scratch.path("."))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(said.contains(told), "{command}: {said}");
        assert!(content(&scratch.path(".")) == before, "{command}");
    }
    // such a disk has one file of both names, as here
    fs::hard_link(
        scratch.path("data/pair0.png"),
        scratch.path("data/pair0.PNG"),
    )
    .unwrap();
    let before = content(&scratch.path("."));
    let said = refused(&scratch, "translate run data/pair0.PNG --out data", 2);
    assert!(
        said.contains("an output would replace this input"),
        "{said}"
    );
    assert!(content(&scratch.path(".")) == before);
}
