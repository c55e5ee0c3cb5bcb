//! Runs that are stopped or killed and then resumed: no saved step is lost, and the result is that of an uninterrupted
//! run.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::common::{SMALL, Scratch, longer_by_a_byte, names, wait_for_lines, wait_until};

const EVERY: &str = "--log-every 3 --sample-every 4 --save-every 5 --threads 2";

/// Sends a signal to a process.
fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

fn start(scratch: &Scratch, arguments: &str) -> Child {
    let mut command = scratch.heeding_signals(arguments);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// All files of a run that its seed determines, by name.
fn content(run: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![
        "config.toml".to_string(),
        "metrics.jsonl".to_string(),
        "scores.jsonl".to_string(),
        "warnings.jsonl".to_string(),
    ];
    let newest = names(&run.join("checkpoints")).pop().unwrap();
    files.push(format!("checkpoints/{newest}"));
    files.push(format!("checkpoints/{}", newest.replace("step", "state")));
    let sheet = names(&run.join("samples")).pop().unwrap();
    files.push(format!("samples/{sheet}"));
    let read = |name: String| (name.clone(), fs::read(run.join(name)).unwrap());
    files.into_iter().map(read).collect()
}

fn assert_same(run: &Path, other: &Path) {
    for ((name, bytes), (other_name, other_bytes)) in content(run).into_iter().zip(content(other)) {
        assert_eq!(name, other_name);
        assert!(bytes == other_bytes, "{name} differs");
    }
}

#[test]
fn two_parts_are_one_run() {
    let scratch = Scratch::new();
    scratch.pairs("data/train", 3);
    scratch.pairs("data/val", 2);
    let options = format!("--seed 4 --batch-size 2 --workers 2 --norm batch {SMALL} {EVERY}");
    scratch.ok(&format!("train data --out whole --steps 13 {options}"));
    // step 7 is not a step of logging, sampling or saving, and is in the middle of an epoch
    scratch.ok(&format!("train data --out parts --steps 7 {options}"));
    let said = scratch.ok("train --resume parts --steps 13");
    assert!(said.contains("done after 13 steps"), "{said}");
    let whole = scratch.path("whole");
    assert_same(&whole, &scratch.path("parts"));
    let newest = content(&whole);
    assert_eq!(newest[4].0, "checkpoints/step_0000013.safetensors");
    assert_eq!(newest[5].0, "checkpoints/state_0000013.safetensors");

    // without the newest checkpoint, the older one has no training state, and the error says so
    fs::remove_file(scratch.path("parts/checkpoints/step_0000013.safetensors")).unwrap();
    let output = scratch.run("train --resume parts");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("step_0000010.safetensors: its state_"),
        "{error}"
    );

    let timings = fs::read_to_string(scratch.path("whole/timings.jsonl")).unwrap();
    let seconds: Vec<f64> = timings
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["seconds"]
                .as_f64()
                .unwrap()
        })
        .collect();
    assert_eq!(seconds.len(), 6);
    assert!(seconds.is_sorted() && seconds[0] > 0.0, "{timings}");
}

/// Of the lines that are there, only one at the step where the run ended before is not one of the longer run.
#[test]
fn other_intervals_leave_the_lines_that_are_there() {
    let scratch = Scratch::new();
    scratch.pairs("data/train", 3);
    scratch.pairs("data/val", 2);
    scratch.ok(&format!(
        "train data --out run --steps 8 --log-every 2 --sample-every 2 {SMALL}"
    ));
    let path = scratch.path("run/config.toml");
    let config = fs::read_to_string(&path).unwrap();
    let edited = config
        .replace("log_every = 2\n", "log_every = 5\n")
        .replace("sample_every = 2\n", "sample_every = 3\n");
    fs::write(&path, edited).unwrap();
    let steps = |name: &str| -> Vec<u64> {
        let text = fs::read_to_string(scratch.path("run").join(name)).unwrap();
        let lines = text.lines();
        let read = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        read.map(|line| line["step"].as_u64().unwrap()).collect()
    };
    scratch.ok("train --resume run --steps 11");
    for name in ["metrics.jsonl", "timings.jsonl"] {
        assert_eq!(steps(name), [1, 2, 4, 6, 8, 10, 11], "{name}");
    }
    assert_eq!(steps("scores.jsonl"), [2, 4, 6, 8, 9, 11]);
    scratch.ok("train --resume run --steps 13");
    for name in ["metrics.jsonl", "timings.jsonl"] {
        assert_eq!(steps(name), [1, 2, 4, 6, 8, 10, 13], "{name}");
    }
    assert_eq!(steps("scores.jsonl"), [2, 4, 6, 8, 9, 12, 13]);
}

/// The score no longer improves, so the rate falls after the seventh sampling, here at the step of the interruption.
#[test]
fn a_plateau_is_the_same_in_two_parts() {
    let scratch = Scratch::new();
    scratch.pairs("data/train", 3);
    scratch.pairs("data/val", 2);
    let options = format!(
        "--lr-schedule plateau --lr 2e-7 --sample-every 1 --log-every 1 --threads 2 {SMALL}"
    );
    let train = |out: &str, steps: u64| {
        let output = scratch.run(&format!("train data --out {out} --steps {steps} {options}"));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = train("whole", 10);
    let told = "note: step 7: L1 has not improved by 1% for 6 samplings; the learning rate falls to 4.000e-8";
    assert!(said.contains(told), "{said}");
    for steps in [5, 7] {
        let parts = format!("parts-{steps}");
        train(&parts, steps);
        scratch.ok(&format!("train --resume {parts} --steps 10"));
        assert_same(&scratch.path("whole"), &scratch.path(&parts));
    }
    let metrics = fs::read_to_string(scratch.path("whole/metrics.jsonl")).unwrap();
    let rates = metrics.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["lr"].as_f64().unwrap()
    });
    assert_eq!(
        rates.collect::<Vec<_>>(),
        [[2e-7; 7].as_slice(), &[4e-8; 3]].concat()
    );
    let output = scratch.run(&format!("train data/train --out none --steps 2 {options}"));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("--lr-schedule plateau needs held-out pairs"),
        "{error}"
    );
}

/// A schedule that follows the number of steps begins again if that changes.
#[test]
fn a_schedule_that_begins_again_is_told() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    scratch.ok(&format!(
        "train data --out run --steps 8 --lr-schedule linear --log-every 1 {SMALL}"
    ));
    let output = scratch.run("train --resume run --steps 16 --report");
    let told = String::from_utf8(output.stderr).unwrap();
    let note = "note: the linear schedule of the learning rate now spans 16 steps instead of 8 steps: after step 8, the rate \
                is 2.000e-4 instead of 0.000e0";
    assert!(told.contains(note), "{told}");
    let page = fs::read_to_string(scratch.path("run/report.html")).unwrap();
    assert!(page.contains("at step 9: the run was resumed with another number of steps or time"));
}

/// A process that was killed after the last checkpoint may have kept a best one of later steps. A run of another length does
/// not come to those steps.
#[test]
fn the_best_checkpoint_of_another_course_is_told() {
    let scratch = Scratch::new();
    scratch.pairs("data/train", 2);
    scratch.pairs("data/val", 2);
    let options = format!("--keep-best l1 {SMALL}");
    scratch.ok(&format!("train data --out long --steps 4 {options}"));
    scratch.ok(&format!("train data --out run --steps 2 {options}"));
    fs::copy(
        scratch.path("long/checkpoints/step_0000004.safetensors"),
        scratch.path("run/checkpoints/best.safetensors"),
    )
    .unwrap();
    let output = scratch.run("train --resume run --steps 3");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    let note = "best.safetensors is of step 4 of the course that the run leaves at step 2";
    assert!(told.contains(note), "{told}");
}

/// The pictures of a finished run's report are not lost when someone resumes it once more. A report that a killed process
/// could not write any more is told.
#[test]
fn a_resume_of_what_is_done_leaves_the_report() {
    let scratch = Scratch::new();
    scratch.pairs("data/train", 2);
    scratch.pairs("data/val", 2);
    scratch.ok(&format!("train data --out run --steps 2 --report {SMALL}"));
    let page = scratch.path("run/report.html");
    let resumed = || {
        let before = fs::read(&page).unwrap();
        let output = scratch.run("train --resume run");
        assert_eq!(output.status.code(), Some(0));
        assert!(before == fs::read(&page).unwrap(), "the report has changed");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = resumed();
    assert!(!said.contains("report"), "{said}");
    let earlier = fs::metadata(&page).unwrap().modified().unwrap() - Duration::from_secs(60);
    let file = fs::File::options().write(true).open(&page).unwrap();
    file.set_modified(earlier).unwrap();
    let said = resumed();
    // as it was typed
    let again = format!(
        "`{} report run` draws it again",
        env!("CARGO_BIN_EXE_pix2pix")
    );
    assert!(said.contains(&again), "{said}");
    scratch.ok("report run");
    assert!(!resumed().contains("draws it again"));
}

/// As a process leaves it that is killed after the last step, in its report.
#[test]
fn a_resume_of_what_is_done_removes_what_is_unfinished() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.trained("data", "");
    let parts = ["run", "run/samples", "run/checkpoints"]
        .map(|folder| scratch.path(folder).join(".pix2pix-killed.part"));
    for part in &parts {
        fs::create_dir(part).unwrap();
        fs::write(part.join("file"), "half").unwrap();
    }
    let notes = scratch.path("run/.pix2pix-notes");
    fs::write(&notes, "of a person").unwrap();
    scratch.ok("train --resume run");
    assert!(parts.iter().all(|part| !part.exists()));
    assert!(notes.exists());
}

/// Its time is over when the last step is saved, and not before: a full disk must not take the rest of the time.
#[test]
fn a_run_of_a_length_of_time_keeps_the_time_of_steps_that_are_lost() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let mut child = start(
        &scratch,
        &format!(
            "train data --out run --time 4s --sample-every 100000 --save-every 100000 {SMALL}"
        ),
    );
    wait_for_lines(&mut child, &scratch.path("run"), 1);
    let checkpoints = scratch.path("run/checkpoints");
    fs::remove_dir(&checkpoints).unwrap();
    fs::write(&checkpoints, "").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    fs::remove_file(&checkpoints).unwrap();
    let config = || fs::read_to_string(scratch.path("run/config.toml")).unwrap();
    assert!(config().contains("\nsteps = 10000000000\n"), "{}", config());
    let trained = || {
        let text = fs::read_to_string(scratch.path("run/timings.jsonl")).unwrap();
        let last: serde_json::Value =
            serde_json::from_str(text.lines().next_back().unwrap()).unwrap();
        last["seconds"].as_f64().unwrap()
    };
    scratch.ok("train --resume run");
    assert!(trained() >= 4.0, "{}", trained());
    let rates = fs::read_to_string(scratch.path("run/rates.jsonl")).unwrap();
    let done = format!("\nsteps = {}\n", rates.lines().count());
    assert!(config().contains(&done), "{done} is not in {}", config());
}

/// A run of a length of time: its rates follow its clock, over all sessions, to 0.
#[test]
fn a_run_of_a_length_of_time_ends_when_it_is_over() {
    let scratch = Scratch::new();
    scratch.pairs("data/train", 3);
    scratch.pairs("data/val", 2);
    let rates = || -> Vec<(u64, f64)> {
        let text = fs::read_to_string(scratch.path("run/rates.jsonl")).unwrap();
        let lines = text.lines();
        let read = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        read.map(|line| (line["step"].as_u64().unwrap(), line["lr"].as_f64().unwrap()))
            .collect()
    };
    let config = || fs::read_to_string(scratch.path("run/config.toml")).unwrap();
    let options = format!("--sample-every 40 --save-every 50 {SMALL}");
    scratch.ok(&format!(
        "train data --out run --time 1s --batch-size 2 {options}"
    ));
    let done = rates();
    assert!(done.iter().map(|(step, _)| *step).eq(1..=done.len() as u64));
    assert_eq!(done[0].1, 2e-4);
    assert!(done.is_sorted_by(|(_, a), (_, b)| a >= b));
    assert!(done[done.len() - 1].1 < 2e-4, "{done:?}");
    for line in [
        &format!("steps = {}\n", done.len()),
        "time = 1.0\n",
        "schedule = \"linear\"",
        "ema = 0.998",
    ] {
        assert!(config().contains(line), "{line} is not in {}", config());
    }
    let scores = fs::read_to_string(scratch.path("run/scores.jsonl")).unwrap();
    let last = format!("{{\"step\":{},", done.len());
    assert!(scores.lines().next_back().unwrap().starts_with(&last));
    assert!(scratch.ok("runs run").contains(" done "));
    for again in ["", "--time 1s"] {
        let output = scratch.run(&format!("train --resume run {again}"));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            error.contains("it has trained for ") && error.contains(" of 1.0 seconds"),
            "{error}"
        );
        assert!(error.contains("give a larger --time"), "{error}");
    }

    // it goes on from its second second, and is interrupted before the third
    let mut child = start(&scratch, "train --resume run --time 60s");
    wait_for_lines(&mut child, &scratch.path("run"), done.len() / 10 + 12);
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("now spans 60 s instead of 1 s"), "{told}");
    let stopped = rates();
    assert_eq!(stopped[..done.len()], done);
    let next = stopped[done.len()].1;
    assert_eq!(next, 2e-4, "the first half of 60 seconds");
    assert!(scratch.ok("runs run").contains("1 min"));
    // two seconds more than it has trained
    let timings = fs::read_to_string(scratch.path("run/timings.jsonl")).unwrap();
    let last: serde_json::Value =
        serde_json::from_str(timings.lines().next_back().unwrap()).unwrap();
    let time = last["seconds"].as_f64().unwrap() + 2.0;
    scratch.ok(&format!("train --resume run --time {:.0}ms", 1000.0 * time));
    let whole = rates();
    assert_eq!(whole[..stopped.len()], stopped);
    assert!(
        whole
            .iter()
            .map(|(step, _)| *step)
            .eq(1..=whole.len() as u64)
    );
    assert!(whole[whole.len() - 1].1 < 2e-4, "{whole:?}");
    for (options, told) in [
        (
            "--time soon",
            "not a length of time such as 90s, 20m or 1h30m",
        ),
        ("--time 100ms", "--time is 0.1; it must be from 1"),
        ("--time 1m --steps 3", "cannot be used with"),
        ("--time 1m --decay-epochs 3", "cannot be used with"),
    ] {
        let output = scratch.run(&format!("train data --out x {options}"));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && error.contains(told),
            "{options}: {error}"
        );
    }
}

/// The clock goes on while the process does not.
#[test]
fn a_suspension_of_a_run_of_a_length_of_time_is_told() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let mut child = start(
        &scratch,
        &format!("train data --out run --time 60s {SMALL}"),
    );
    let run = scratch.path("run");
    wait_for_lines(&mut child, &run, 1);
    signal(&child, "-STOP");
    signal(&child, "-CONT");
    let lines = || {
        fs::read_to_string(run.join("metrics.jsonl"))
            .unwrap()
            .lines()
            .count()
    };
    let before = lines();
    wait_until("more steps", || lines() > before + 2);
    // the note comes soon, unless a stop does
    sleep(Duration::from_secs(1));
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    let note = "note: the training was suspended and goes on; --time has counted";
    assert!(told.contains(note), "{told}");
}

/// `timeout` and systemd let a process go on that they stop, in case it is suspended.
#[test]
fn a_stop_is_no_suspension() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let mut child = start(
        &scratch,
        &format!("train data --out run --time 60s {SMALL}"),
    );
    wait_for_lines(&mut child, &scratch.path("run"), 1);
    signal(&child, "-TERM");
    signal(&child, "-CONT");
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("stopping after this step"), "{told}");
    assert!(!told.contains("suspended"), "{told}");
}

#[test]
fn signals_finish_the_step_and_say_how_to_go_on() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    scratch.ok(&format!(
        "train data --out whole --steps 400 {SMALL} {EVERY}"
    ));
    let mut child = start(
        &scratch,
        &format!("train data --out parts --steps 400 {SMALL} {EVERY}"),
    );
    for (name, lines) in [("-INT", 2), ("-TERM", 60)] {
        wait_for_lines(&mut child, &scratch.path("parts"), lines);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("pix2pix train --resume parts"), "{said}");
        assert!(said.contains("stopped after"), "{said}");
        child = start(&scratch, "train --resume parts");
    }
    assert!(child.wait().unwrap().success());
    assert_same(&scratch.path("whole"), &scratch.path("parts"));
}

/// A closing terminal may send a signal twice. With --quiet, no signal is answered.
#[test]
fn a_signal_that_comes_twice_is_one_wish() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let mut child = start(
        &scratch,
        &format!("train data --out run --steps 4000000 --log-every 1 --quiet {SMALL}"),
    );
    wait_for_lines(&mut child, &scratch.path("run"), 2);
    signal(&child, "-HUP");
    signal(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let checkpoints = names(&scratch.path("run/checkpoints"));
    assert_eq!(checkpoints.len(), 2, "{checkpoints:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_second_signal_stops_at_once() {
    let scratch = Scratch::new();
    scratch.pairs("data", 24);
    // each step takes seconds
    let slow = "--batch-size 12 --load-size 286 --crop-size 256 --steps 50 --log-every 1";
    let mut child = start(
        &scratch,
        &format!("train data --out run {slow} --filters 64 --val-fraction 0.3"),
    );
    // the first step has begun, or is about to
    let metrics = scratch.path("run/metrics.jsonl");
    wait_until("the run's files", || metrics.is_file());
    let (told, lines) = mpsc::channel();
    let errors = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || errors.lines().try_for_each(|line| told.send(line.unwrap())));
    signal(&child, "-INT");
    loop {
        let line = lines.recv_timeout(Duration::from_secs(60));
        let line = line.expect("the first signal is answered");
        if line.contains("again to stop at once") {
            break;
        }
    }
    // a second wish, and not the first one again
    std::thread::sleep(Duration::from_millis(600));
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert_eq!(
        names(&scratch.path("run/checkpoints")),
        Vec::<String>::new()
    );
}

/// Sends SIGTERM to a training that nobody reads, and waits for its end.
#[cfg(target_os = "linux")]
fn stop_unread(child: &mut Child, run: &Path) {
    signal(child, "-TERM");
    let mut ended = None;
    wait_until("the end of a training that nobody reads", || {
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(130));
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let state = format!("state_{:07}.safetensors", metrics.lines().count());
    let checkpoints = names(&run.join("checkpoints"));
    assert!(checkpoints.contains(&state), "{checkpoints:?}");
}

/// Makes the pipe of a stream hold a page only, which a few lines fill.
#[cfg(target_os = "linux")]
fn with_little_room(stream: &impl std::os::fd::AsRawFd) {
    // SAFETY: the descriptor is open, and this call has no pointers.
    let room = unsafe { libc::fcntl(stream.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
    assert!(room >= 4096, "{}", std::io::Error::last_os_error());
}

/// A pipe whose reader sleeps, as of `less` or a connection that hangs, stops neither the steps nor the signals.
#[cfg(target_os = "linux")]
#[test]
fn a_training_that_nobody_reads_goes_on_and_stops() {
    for page in ["", "--serve=127.0.0.1:0"] {
        let scratch = Scratch::new();
        scratch.pairs("data", 3);
        let endless = format!("train data --out run --steps 4000000 --log-every 1 {SMALL} {page}");
        let mut child = start(&scratch, &endless);
        with_little_room(child.stderr.as_ref().unwrap());
        let run = scratch.path("run");
        // a page holds less than a hundred lines
        wait_for_unread_lines(&mut child, &run, 250);
        stop_unread(&mut child, &run);
    }
}

/// As [`wait_for_lines`], which reads what a program has said when it fails.
#[cfg(target_os = "linux")]
fn wait_for_unread_lines(child: &mut Child, run: &Path, count: usize) {
    let lines = || {
        let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
        metrics.lines().count()
    };
    let begun = Instant::now();
    while lines() < count {
        if begun.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("it stands at step {}", lines());
        }
        sleep(Duration::from_millis(10));
    }
}

/// As after Ctrl-S, with its bar and a line for each checkpoint above it.
#[cfg(target_os = "linux")]
#[test]
fn a_training_on_a_terminal_that_is_not_read_goes_on_and_stops() {
    use std::os::fd::{FromRawFd, OwnedFd};

    let (mut master, mut slave) = (-1, -1);
    // SAFETY: both places are written to; a name, settings and a size are not asked for.
    let opened = unsafe {
        libc::openpty(
            &mut master,
            &mut slave,
            std::ptr::null_mut(),
            std::ptr::null(),
            std::ptr::null(),
        )
    };
    assert_eq!(opened, 0);
    // SAFETY: openpty has opened both for this test alone.
    let [_master, slave] = unsafe { [master, slave].map(|end| OwnedFd::from_raw_fd(end)) };
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let noisy = "--steps 4000000 --log-every 1 --save-every 1 --keep 1";
    let mut command = scratch.heeding_signals(&format!("train data --out run {noisy} {SMALL}"));
    let copy = || Stdio::from(slave.try_clone().unwrap());
    command.stdin(copy()).stdout(copy()).stderr(copy());
    let mut child = command.env("TERM", "xterm").spawn().unwrap();
    let run = scratch.path("run");
    wait_for_unread_lines(&mut child, &run, 200);
    stop_unread(&mut child, &run);
}

/// A person may read page by page: at the end, the program waits for that.
#[cfg(target_os = "linux")]
#[test]
fn what_nobody_has_read_yet_is_not_lost() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let mut child = start(
        &scratch,
        &format!("train data --out run --steps 150 --log-every 1 {SMALL}"),
    );
    with_little_room(child.stderr.as_ref().unwrap());
    let last = scratch.path("run/samples/step_0000150.png");
    wait_until("the last sheet", || last.is_file());
    // longer than a command waits that is to stop
    sleep(Duration::from_secs(2));
    assert!(child.try_wait().unwrap().is_none());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stderr).unwrap();
    let steps = told.lines().filter(|line| line.starts_with("step "));
    assert_eq!(steps.count(), 150, "{told}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("done after 150 steps"), "{said}");
}

/// Killed 200 times at random moments: while it starts, reads, trains, saves and removes old files.
#[test]
fn kill_9_never_loses_a_checkpoint() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let options =
        format!("--steps 100000 --save-every 1 --sample-every 3 --log-every 2 --keep 2 {SMALL}");
    let checkpoints = scratch.path("run/checkpoints");
    let newest = || {
        let names = if checkpoints.is_dir() {
            names(&checkpoints)
        } else {
            Vec::new()
        };
        let steps = names
            .iter()
            .filter_map(|name| name.strip_prefix("step_")?.strip_suffix(".safetensors"));
        steps
            .map(|step| step.parse::<u64>().unwrap())
            .max()
            .unwrap_or(0)
    };
    // how long a start takes until its first checkpoint, on this machine and now
    let begun = Instant::now();
    let mut first = start(&scratch, &format!("train data --out run {options}"));
    wait_until("a checkpoint", || newest() > 0);
    let mut pace = begun.elapsed();
    first.kill().unwrap();
    first.wait().unwrap();
    fs::remove_dir_all(scratch.path("run")).unwrap();

    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (mut before, mut killed, mut progressed) = (0, 0, 0);
    while killed < 200 {
        let begun = scratch.path("run/config.toml").is_file();
        let mut child = if begun {
            start(&scratch, "train --resume run --quiet")
        } else {
            let _ = fs::remove_dir_all(scratch.path("run"));
            start(&scratch, &format!("train data --out run {options}"))
        };
        sleep(pace.mul_f64(rng.random_range(0.0..2.0)));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.code().is_none(),
            "it ended by itself: {error}"
        );
        killed += 1;
        let after = newest();
        assert!(after >= before, "step {before} was lost");
        progressed += u32::from(after > before);
        // other work on the machine comes and goes: half of the sittings are to get on
        pace = pace.mul_f64(if after > before { 1.0 / 1.1 } else { 1.1 });
        before = after;
        for name in if checkpoints.is_dir() {
            names(&checkpoints)
        } else {
            Vec::new()
        } {
            if name.starts_with('s') {
                let bytes = fs::read(checkpoints.join(&name)).unwrap();
                safetensors::SafeTensors::deserialize(&bytes)
                    .unwrap_or_else(|e| panic!("{name}: {e}"));
            }
        }
    }
    assert!(progressed > 50, "it got on in {progressed} of 200 sittings");

    // the result is that of an uninterrupted run
    let last = before + 3;
    scratch.ok(&format!("train --resume run --steps {last} --quiet"));
    let options = options.replace("100000", &last.to_string());
    scratch.ok(&format!("train data --out whole {options}"));
    assert_same(&scratch.path("whole"), &scratch.path("run"));
    // no partial file is left, and no training state without its checkpoint
    let states = names(&checkpoints)
        .into_iter()
        .filter(|name| name.starts_with("state_"));
    assert_eq!(states.count(), 1);
    let left = |folder: &str| {
        names(&scratch.path(folder))
            .into_iter()
            .filter(|name| name.starts_with('.'))
    };
    assert_eq!(
        left("run")
            .chain(left("run/checkpoints"))
            .chain(left("run/samples"))
            .count(),
        0
    );
}

/// The last checkpoint is there, and the program ends before its contact sheet, score and best checkpoint: by a kill, or
/// on a full disk.
#[test]
fn the_last_step_gets_what_it_owes() {
    let scratch = Scratch::new();
    scratch.pairs("data/train", 3);
    scratch.pairs("data/val", 2);
    let run = scratch.path("run");
    for length in ["--steps 6 --keep-best l1 --report", "--time 1s"] {
        let _ = fs::remove_dir_all(&run);
        scratch.ok(&format!(
            "train data --out run {length} --save-every 4 --sample-every 1000000 {SMALL}"
        ));
        let whole = content(&run);
        let step = names(&run.join("samples")).pop().unwrap();
        fs::remove_file(run.join("samples").join(&step)).unwrap();
        let scores = fs::read_to_string(run.join("scores.jsonl")).unwrap();
        assert_eq!(scores.lines().count(), 1);
        fs::write(run.join("scores.jsonl"), "").unwrap();
        let best = run.join("checkpoints/best.safetensors");
        let had_best = fs::remove_file(&best).is_ok();
        assert_eq!(had_best, length.contains("best"));
        let newest = names(&run.join("checkpoints")).pop().unwrap();
        let state = newest.replace("step", "state");
        let old = run.join("checkpoints/state_0000001.safetensors");
        fs::copy(run.join("checkpoints").join(state), &old).unwrap();
        if length.contains("time") {
            // nor has its configuration got the number of its steps
            let path = run.join("config.toml");
            let config = fs::read_to_string(&path).unwrap();
            let lines = config
                .lines()
                .map(|line| match line.starts_with("steps = ") {
                    true => "steps = 10000000000\n".to_string(),
                    false => format!("{line}\n"),
                });
            fs::write(&path, lines.collect::<String>()).unwrap();
        }
        scratch.ok("train --resume run --quiet");
        assert!(content(&run) == whole, "{length}");
        assert_eq!(best.exists(), had_best);
        assert!(!old.exists());
        // now it owes nothing
        let output = scratch.run("train --resume run");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("the run is done"), "{said}");
    }
}

#[test]
fn a_removed_data_folder() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let mut child = start(
        &scratch,
        &format!("train data --out run --steps 100000 --save-every 50 {SMALL}"),
    );
    wait_for_lines(&mut child, &scratch.path("run"), 3);
    fs::rename(scratch.path("data"), scratch.path("moved")).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    let line = error.lines().last().unwrap();
    assert!(
        line.starts_with("error: ") && line.contains(" data/pair"),
        "{line}"
    );
    assert!(line.contains("check the path"), "{line}");

    let again = String::from_utf8(scratch.run("train --resume run").stderr).unwrap();
    assert!(again.contains("data set is not there any more"), "{again}");
    assert!(again.contains("pix2pix train DATA --resume run"), "{again}");
    let again = String::from_utf8(scratch.run("train movd --resume run").stderr).unwrap();
    assert!(
        again.starts_with("error: movd: no such file or folder")
            && !again.contains("not there any more"),
        "{again}"
    );
    let newest = names(&scratch.path("run/checkpoints")).pop().unwrap();
    let step: u64 = newest["step_".len()..][..7].parse().unwrap();
    scratch.ok(&format!("train moved --resume run --steps {}", step + 2));
    // the new path is stored as a new run's would be
    let config = fs::read_to_string(scratch.path("run/config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    let stored = Path::new(config["data"].as_str().unwrap());
    assert!(stored.is_absolute() && stored.ends_with("moved"));

    // other files of the same names are told, and other pairs refused
    let said = || {
        let longer = format!("train moved --resume run --dry-run --steps {}", step + 4);
        let output = scratch.run(&longer);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    assert!(!said().contains("not all those of then"), "{}", said());
    longer_by_a_byte(&scratch.path("moved/pair1.png"));
    assert!(
        said().contains("its files, masks included, are not all those of then"),
        "{}",
        said()
    );
    scratch.pairs("moved", 4);
    let changed = String::from_utf8(
        scratch
            .run("train moved --resume run --steps 9999999")
            .stderr,
    )
    .unwrap();
    assert!(
        changed.contains("the data set has changed since the run began"),
        "{changed}"
    );
}

#[test]
fn one_training_in_a_folder() {
    let scratch = Scratch::new();
    scratch.pairs("data", 3);
    let mut child = start(
        &scratch,
        &format!("train data --out run --steps 1000000 {SMALL}"),
    );
    wait_for_lines(&mut child, &scratch.path("run"), 2);
    for command in [
        "train --resume run".to_string(),
        format!("train data --out run {SMALL}"),
    ] {
        let output = scratch.run(&command);
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        let told = format!(
            "run: another process ({}) is training here; wait for it, or stop it; for a new run, choose another --out",
            child.id()
        );
        assert!(error.contains(&told), "{error}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // a killed process leaves no lock, but its run is not overwritten
    let error =
        String::from_utf8(scratch.run(&format!("train data --out run {SMALL}")).stderr).unwrap();
    assert!(
        error.contains("pix2pix train --resume run`, or choose another"),
        "{error}"
    );
}

/// As a run whose folder was copied from a machine with a card.
#[test]
fn a_run_goes_on_on_another_machine() {
    let scratch = Scratch::new();
    scratch.pairs("data/train", 2);
    scratch.pairs("data/val", 2);
    let said = scratch.run(&format!("train data --out run --steps 2 {SMALL}"));
    assert!(said.status.success());
    let path = scratch.path("run/config.toml");
    let config = || fs::read_to_string(&path).unwrap();
    let edited = config()
        .replace("\nprecision = \"f32\"\n", "\nprecision = \"tf32\"\n")
        .replace("\nthreads = 0\n", "\nthreads = 3\n");
    assert!(
        edited.contains("threads = 3") && edited.contains("tf32"),
        "{edited}"
    );
    fs::write(&path, edited).unwrap();
    let error = String::from_utf8(scratch.run("train --resume run --steps 3").stderr).unwrap();
    assert!(error.contains("--precision"), "{error}");
    let output = scratch.run(
        "train --resume run/ --steps 4 --device cpu --precision f32 --threads 2 --workers 2 --cache ram --recompute \
         --moments bf16 --log-every 1 --sample-every 2 --save-every 1 --keep 5",
    );
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{error}");
    let note = "note: with another --precision, --threads, --moments, the result is no longer the same bit for bit\n";
    assert!(error.contains(note), "{error}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("Look at run/samples/."), "{said}");
    let written = config();
    for line in [
        "device = \"cpu\"",
        "precision = \"f32\"",
        "threads = 2",
        "workers = 2",
        "cache = \"ram\"",
        "recompute = true",
        "moments = \"bf16\"",
        "log_every = 1",
        "sample_every = 2",
        "save_every = 1",
        "keep = 5",
    ] {
        assert!(
            written.contains(&format!("\n{line}\n")),
            "{line}: {written}"
        );
    }
    let files = names(&scratch.path("run/checkpoints"));
    assert_eq!(files.len(), 4, "{files:?}");
    // from now on, it is the same again
    let output = scratch.run("train --resume run --steps 5");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && !error.contains("bit for bit"),
        "{error}"
    );
    assert!(config().contains("\nthreads = 2\n"));
}

/// The interval of the checkpoints that it did not come to was a longer one.
#[test]
fn a_run_before_its_first_checkpoint_may_save_more_often() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.ok(&format!(
        "train data --out run --steps 3 --log-every 1 {SMALL}"
    ));
    let checkpoints = scratch.path("run/checkpoints");
    for name in names(&checkpoints) {
        fs::remove_file(checkpoints.join(name)).unwrap();
    }
    let path = scratch.path("run/config.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, config.replace("\nsteps = 3\n", "\nsteps = 4\n")).unwrap();
    let output = scratch.run("train --resume run --save-every 2");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("the run begins again at step 1"), "{said}");
}

/// It is not what the training is for.
#[test]
fn a_report_that_cannot_be_written_does_not_end_the_run() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let options = "--steps 200 --sample-every 10 --log-every 5 --report";
    let mut child = start(&scratch, &format!("train data --out run {options} {SMALL}"));
    wait_for_lines(&mut child, &scratch.path("run"), 2);
    let page = scratch.path("run/report.html");
    // unless it is just drawn again
    while fs::create_dir(&page).is_err() {
        let _ = fs::remove_file(&page);
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let told = "; the training goes on, and tries again at each sampling\n";
    assert_eq!(said.matches(told).count(), 1, "{said}");
    assert!(said.contains("note: run/report.html: "), "{said}");
    let last = scratch.path("run/checkpoints/step_0000200.safetensors");
    assert!(last.is_file(), "{said}");
    // what was asked for is not there
    assert_eq!(output.status.code(), Some(1), "{said}");
}

#[test]
fn what_cannot_be_resumed() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.ok(&format!("train data --out run --steps 2 {SMALL}"));
    let fails = |arguments: &str, code: i32, told: &[&str]| {
        let output = scratch.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{error}");
        for told in told {
            assert!(error.contains(told), "{told} is not in {error}");
        }
    };
    // a script that always resumes has what it wants
    fails(
        "train --resume run",
        0,
        &[
            "note: ",
            "the run is done: 2 of 2 steps; to train longer, give a larger --steps, or more epochs",
        ],
    );
    fails("train --resume run --steps 2", 0, &["the run is done"]);
    let output = scratch.run("train --resume run --quiet");
    assert!(output.status.success() && output.stderr.is_empty());
    // a command that has nothing to do changes nothing
    let config = fs::read_to_string(scratch.path("run/config.toml")).unwrap();
    let sheet = scratch.path("run/samples/step_0000002.png");
    fs::rename(&sheet, scratch.path("sheet.png")).unwrap();
    fails("train --resume run --steps 1", 0, &["2 of 1 step;"]);
    fs::rename(scratch.path("sheet.png"), sheet).unwrap();
    fails("train --resume run --steps 1", 0, &["the run is done"]);
    assert_eq!(
        fs::read_to_string(scratch.path("run/config.toml")).unwrap(),
        config
    );
    fails(
        "train --resume run --lr 0.1",
        2,
        &[
            "--lr: a resumed run keeps its options; for others, begin a new run from it: `",
            " train DATA --out NEW --from run`\n",
        ],
    );
    fails(
        "train --resume run --patience 3",
        2,
        &[
            "--patience: the run has no --keep-best, whose score it counts; begin a new run from it: `",
            " train DATA --out NEW --from run`\n",
        ],
    );
    fails(
        "train --resume run --out new",
        2,
        &["--out", "a resumed run keeps its options"],
    );
    fails(
        "train --resume data",
        1,
        &["data", "not a run folder", "pix2pix train --out"],
    );
    fails("train data", 2, &["--out"]);
    let state = scratch.path("run/checkpoints/state_0000002.safetensors");
    let whole = fs::read(&state).unwrap();
    fs::write(&state, &whole[..whole.len() / 2]).unwrap();
    fails(
        "train --resume run --steps 3",
        1,
        &[
            "state_0000002",
            "damaged safetensors training state",
            "earlier one",
        ],
    );
    fs::copy(
        scratch.path("run/checkpoints/step_0000002.safetensors"),
        &state,
    )
    .unwrap();
    fails(
        "train --resume run --steps 3",
        1,
        &["state_0000002", "its format is"],
    );
    fs::write(scratch.path("run/config.toml"), "seed = 'x'").unwrap();
    fails(
        "train --resume run",
        1,
        &["config.toml", "invalid configuration of a run"],
    );
}

/// A run of an earlier version: its configuration lacks the options added since.
#[test]
fn runs_of_earlier_versions_go_on() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.ok(&format!("train data --out run --steps 2 {SMALL}"));
    let config = fs::read_to_string(scratch.path("run/config.toml")).unwrap();
    let newer = [
        "dropout_blocks",
        "upsample",
        "spectral_norm",
        "ema",
        "accumulate",
        "schedule",
        "pool",
        "scales",
        "unet",
        "feature_matching",
        "augment_target",
        "augment_pairs",
    ];
    let lines = config.lines();
    let older: Vec<&str> = lines
        .filter(|line| {
            !newer
                .iter()
                .any(|key| line.starts_with(&format!("{key} =")))
        })
        .collect();
    assert_eq!(
        older.len() + newer.len(),
        config.lines().count(),
        "{config}"
    );
    fs::write(scratch.path("run/config.toml"), older.join("\n")).unwrap();
    scratch.ok("train --resume run --steps 3");
    scratch.ok(&format!("train data --out whole --steps 3 {SMALL}"));
    assert_same(&scratch.path("whole"), &scratch.path("run"));
}

/// A learning rate and a loss weight that make training diverge.
#[test]
fn numbers_that_are_not_finite_stop_the_run() {
    let scratch = Scratch::new();
    scratch.pairs("data", 4);
    let options = "--lr 1 --gan lsgan --norm none --r1 1000000 --steps 300 --save-every 1 --keep 1 \
                   --filters 16 --load-size 72 --crop-size 64";
    let output = scratch.run(&format!("train data --out run {options}"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    let line = error.lines().last().unwrap();
    assert!(line.contains(" is no longer finite"), "{line}");
    assert!(
        line.contains("the gradient of ") || line.contains("the loss "),
        "{line}"
    );
    let newest = names(&scratch.path("run/checkpoints")).pop().unwrap();
    let step: u64 = newest["step_".len()..][..7].parse().unwrap();
    assert!(
        line.starts_with(&format!("error: run: step {}: ", step + 1)),
        "{line}"
    );
    assert!(
        line.contains(&format!(
            "the last good checkpoint is run/checkpoints/{newest}"
        )),
        "{line}"
    );
}

/// With all options that have a state: averaged weights, a pool, a schedule, accumulated batches, spectral normalization,
/// discriminators at several scales and adaptive augmentation.
#[test]
fn two_parts_are_one_run_with_every_option() {
    let scratch = Scratch::new();
    scratch.pairs("data", 5);
    let options = "--preset best --pool 3 --accumulate 2 --spectral-norm --norm group --r1 1 \
                   --diff-augment color,translation,cutout --augment-target 0.1 --augment-pairs 40 \
                   --discriminators 2 --feature-matching 10 --generator resnet-6 --upsample resize \
                   --moments bf16";
    let options = format!("{options} --seed 4 {SMALL} {EVERY}");
    scratch.ok(&format!("train data --out whole --steps 9 {options}"));
    // the learning rate depends on the total number of steps, so the first part is interrupted, not finished
    let mut child = start(
        &scratch,
        &format!("train data --out parts --steps 9 {options}"),
    );
    wait_for_lines(&mut child, &scratch.path("parts"), 1);
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    scratch.ok("train --resume parts");
    assert_same(&scratch.path("whole"), &scratch.path("parts"));
}
