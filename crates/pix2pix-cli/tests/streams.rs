//! Standard output and standard error that are full, closed or without a reader: a result must arrive, and a note that
//! nobody can read stops nothing.

#![cfg(unix)]

use std::fs;
use std::process::Stdio;

use crate::common::{SMALL, Scratch, names, wait_for_lines, wait_until};

#[test]
fn a_training_needs_no_streams() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let train = format!("train data --steps 30 --log-every 1 --sample-every 10 {SMALL}");
    for (index, streams) in [
        "2>/dev/full",
        ">/dev/full",
        ">/dev/full 2>&1",
        "2>&-",
        ">&-",
        ">&- 2>&-",
        "2>&1 | head -2 >lines; exit ${PIPESTATUS[0]}",
        "| true; exit ${PIPESTATUS[0]}",
    ]
    .iter()
    .enumerate()
    {
        let output = scratch.bash(&format!("$pix2pix {train} --out run{index} {streams}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{streams}: {said}");
        let last = format!("run{index}/checkpoints/step_0000030.safetensors");
        assert!(scratch.path(&last).exists(), "{streams}: {said}");
        assert!(!said.contains("panic"), "{streams}: {said}");
    }
}

/// What a command was started for must arrive.
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    let mut video = b"YUV4MPEG2 W64 H64 F25:1 Ip A1:1 C444\n".to_vec();
    for _ in 0..3 {
        video.extend(b"FRAME\n");
        video.extend([90; 64 * 64 * 3]);
    }
    fs::write(scratch.path("video.y4m"), &video).unwrap();
    fs::write(scratch.path("video.raw"), vec![90; 3 * 64 * 64 * 3]).unwrap();
    for command in [
        "summary generator --filters 2",
        "receptive-field",
        "devices",
        "runs .",
        "inspect data",
        "evaluate run data --split train",
        "download",
        "bench --size 64 --steps 1 --warmup 0 --json",
        "translate run --stdin-y4m <video.y4m",
        "translate run --stdin-raw 64x64 <video.raw",
        "report run --out /dev/full",
        "export run --out /dev/full",
        "export run --out /dev/stdout",
        "--help",
        "train --help",
        "--version",
    ] {
        let output = scratch.bash(&format!("$pix2pix {command} >/dev/full"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with("error: "), "{command}: {said}");
        assert!(!said.contains("panic"), "{command}: {said}");
        // a reader that has enough is no error
        if !command.contains("/dev/full") {
            let script = format!("$pix2pix {command} | true; exit ${{PIPESTATUS[0]}}");
            let output = scratch.bash(&script);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{command}: {said}");
            assert!(!said.contains("error"), "{command}: {said}");
        }
        // and neither is a standard error that is full
        let output = scratch.bash(&format!("$pix2pix {command} 2>/dev/full"));
        let code = i32::from(command.contains("/dev/full"));
        assert_eq!(output.status.code(), Some(code), "{command}");
    }
}

/// These commands write files: what they say of them may be lost.
#[test]
fn files_are_written_without_a_reader_of_the_notes() {
    let scratch = Scratch::new();
    scratch.pairs("data", 4);
    scratch.trained("data", "--save-every 1");
    let public = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../pix2pix/tests/fixtures/public/unet_256_net_G.pth"
    );
    fs::copy(public, scratch.path("G.pth")).unwrap();
    for (command, made) in [
        (
            "translate run data --out OUT",
            &["pair0.png", "pair3.png"][..],
        ),
        ("prepare gray data --out OUT", &["pair0.png", "pair3.png"]),
        (
            "export run --out OUT/g.pth --discriminator OUT/d.pth",
            &["d.pth", "g.pth"],
        ),
        (
            "report run --out OUT/r.html --csv OUT/r.csv",
            &["r.csv", "r.html"],
        ),
        ("average run --out OUT/mean", &["mean"]),
        ("import G.pth --out OUT/model", &["model"]),
        ("plot generator --filters 2 --out OUT/g.svg", &["g.svg"]),
        ("inspect data --sheet OUT/sheet.png", &["sheet.png"]),
    ] {
        for (index, streams) in ["| true; exit ${PIPESTATUS[0]}", ">/dev/full", ">&- 2>&-"]
            .iter()
            .enumerate()
        {
            if command.starts_with("inspect") && index == 1 {
                continue; // what it says is its result
            }
            let out = format!("{}-{index}", command.split(' ').next().unwrap());
            fs::create_dir(scratch.path(&out)).unwrap();
            let command = command.replace("OUT", &out);
            let output = scratch.bash(&format!("$pix2pix {command} {streams}"));
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{command} {streams}: {said}");
            let found = names(&scratch.path(&out));
            for made in made {
                assert!(
                    found.iter().any(|name| name == made),
                    "{command}: {found:?}"
                );
            }
        }
    }
}

/// A run that was started to survive its terminal does.
#[test]
fn signals_that_are_ignored_stay_ignored() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let train = format!("train data --out run --steps 1000000 --log-every 1 --quiet {SMALL}");
    let script = format!("trap '' HUP INT; exec \"$pix2pix\" {train}");
    let mut child = std::process::Command::new("bash")
        .args(["-c", &script])
        .env("pix2pix", env!("CARGO_BIN_EXE_pix2pix"))
        .current_dir(scratch.path("."))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for_lines(&mut child, &scratch.path("run"), 2);
    let kill = |name: &str| {
        let id = child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &id])
            .status();
        assert!(sent.unwrap().success());
    };
    let lines = || {
        let metrics = fs::read_to_string(scratch.path("run/metrics.jsonl"));
        metrics.unwrap_or_default().lines().count()
    };
    for name in ["-HUP", "-INT", "-HUP"] {
        kill(name);
        let before = lines();
        wait_until("further steps", || lines() > before + 5);
    }
    kill("-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
