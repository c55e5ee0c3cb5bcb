//! Ten thousand pairs: memory use does not grow with them, and files that were checked once are not opened again.

#![cfg(target_os = "linux")]

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use crate::common::{SMALL, Scratch, pair};

/// Number of different pictures; the others are hard links to them.
const DIFFERENT: usize = 50;

/// Makes a folder of `count` pairs, dated an hour ago.
fn pairs(folder: &Path, count: usize) {
    fs::create_dir_all(folder).unwrap();
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    for index in 0..count {
        let path = folder.join(format!("pair_{index:06}.png"));
        match index.checked_sub(DIFFERENT) {
            None => {
                pair(128, 64, index as u32).save(&path).unwrap();
                let times = FileTimes::new().set_modified(hour_ago);
                File::options()
                    .write(true)
                    .open(&path)
                    .unwrap()
                    .set_times(times)
                    .unwrap();
            }
            Some(_) => {
                let first = folder.join(format!("pair_{:06}.png", index % DIFFERENT));
                fs::hard_link(first, path).unwrap();
            }
        }
    }
}

/// Peak memory of a training, in bytes.
fn peak(scratch: &Scratch, data: &str, run: &str) -> u64 {
    let mut command = scratch.command(&format!(
        "train {data} --out {run} {SMALL} --steps 30 --quiet"
    ));
    let mut child = command
        .env("XDG_CACHE_HOME", scratch.path("cache"))
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0) * 1024);
        sleep(Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    peak
}

#[test]
fn memory_does_not_grow_with_the_data_set() {
    let scratch = Scratch::new();
    pairs(&scratch.path("few"), 100);
    pairs(&scratch.path("many"), 10_000);
    let few = peak(&scratch, "few", "run1");
    // first with a survey of the files, then with its cached result
    for run in ["run2", "run3"] {
        let many = peak(&scratch, "many", run);
        let more = many.saturating_sub(few) >> 20;
        // the growth is paths and headers; the pictures themselves would be 230 MB
        assert!(more < 20, "{more} MB more than for 100 pairs");
    }
}

#[test]
fn what_was_looked_at_is_not_opened_again() {
    let scratch = Scratch::new();
    pairs(&scratch.path("data"), 1200);
    let inspected = || {
        let mut command = scratch.command("inspect data");
        command.env("XDG_CACHE_HOME", scratch.path("cache"));
        let output = command.output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (whole, first) = inspected();
    assert!(whole, "{first}");
    // damage a file, but keep its size and date: not noticed
    let path = scratch.path("data/pair_000007.png");
    let before = fs::metadata(&path).unwrap();
    fs::write(&path, vec![0; before.len() as usize]).unwrap();
    let times = FileTimes::new().set_modified(before.modified().unwrap());
    let file = File::options().write(true).open(&path).unwrap();
    file.set_times(times).unwrap();
    let (whole, second) = inspected();
    assert!(whole, "{second}");
    // with a new date, the damage is noticed
    let touched = FileTimes::new().set_modified(SystemTime::now());
    file.set_times(touched).unwrap();
    let (whole, third) = inspected();
    assert!(!whole && third.contains("pair_000007.png"), "{third}");
}

#[test]
fn small_data_sets_leave_nothing_behind() {
    let scratch = Scratch::new();
    pairs(&scratch.path("data"), 60);
    let mut command = scratch.command("inspect data");
    command.env("XDG_CACHE_HOME", scratch.path("cache"));
    assert!(command.output().unwrap().status.success());
    assert!(!scratch.path("cache").exists());
}
