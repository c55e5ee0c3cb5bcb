//! Several processes, started by Open MPI's `mpirun`: `cargo test --release --features pix2pix-cli/mpi --test mpi`.

#![cfg(feature = "mpi")]

#[allow(dead_code)] // the other tests use the rest
mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use common::{SMALL, Scratch, names, wait_for_lines};
use serde_json::Value;

const OPTIONS: &str = "--log-every 1 --sample-every 100 --save-every 5 --check-every 1 --threads 1";

/// `mpirun` with this program, started in the scratch folder.
fn mpirun(scratch: &Scratch, processes: usize, arguments: &str) -> Command {
    let mut command = Command::new("mpirun");
    command
        .args(["--oversubscribe", "--allow-run-as-root", "-n"])
        .arg(processes.to_string())
        .arg(env!("CARGO_BIN_EXE_pix2pix"))
        .args(arguments.split_whitespace())
        .current_dir(scratch.path("."))
        // PMIx 4.2, which starts the processes, can hang in its shared memory: github.com/openpmix/openpmix/issues/2967
        .env("PMIX_MCA_gds", "hash")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn text(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr];
    streams.map(|s| String::from_utf8_lossy(s)).concat()
}

fn ok(mut command: Command) -> String {
    let output = command.output().expect("mpirun is installed");
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

fn losses(run: &Path) -> Vec<[f64; 4]> {
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        ["d_real", "d_fake", "g_gan", "g_l1"].map(|name| value[name].as_f64().unwrap())
    };
    metrics.lines().map(line).collect()
}

/// The logged steps of a run, each with its epoch.
fn walked(run: &Path) -> Vec<[u64; 2]> {
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        ["step", "epoch"].map(|name| value[name].as_u64().unwrap())
    };
    metrics.lines().map(line).collect()
}

#[test]
fn processes_train_as_one_with_the_whole_batch() {
    let scratch = Scratch::new();
    scratch.pairs("pairs", 8);
    for norm in ["--norm instance", "--sync-norm"] {
        let options = format!("{SMALL} {OPTIONS} {norm} --steps 5");
        scratch.ok(&format!("train pairs --out one --batch-size 4 {options}"));
        let whole = losses(&scratch.path("one"));
        for processes in [2, 4] {
            let run = format!("run{processes}");
            let batch = 4 / processes;
            let arguments = format!("train pairs --out {run} --batch-size {batch} {options}");
            let said = ok(mpirun(&scratch, processes, &arguments));
            // only rank 0 prints
            assert_eq!(said.matches("done after 5 steps").count(), 1, "{said}");
            let shares = losses(&scratch.path(&run));
            assert_eq!(shares.len(), 5);
            for (a, b) in shares.iter().flatten().zip(whole.iter().flatten()) {
                assert!((a - b).abs() < 0.01 * b.abs(), "{a} instead of {b}");
            }
            fs::remove_dir_all(scratch.path(&run)).unwrap();
        }
        fs::remove_dir_all(scratch.path("one")).unwrap();
    }
}

#[test]
fn gradients_in_16_bits_train_too() {
    let scratch = Scratch::new();
    scratch.pairs("pairs", 8);
    for (run, wire) in [("f32", "f32"), ("bf16", "bf16")] {
        let options = format!("{SMALL} {OPTIONS} --steps 5 --allreduce {wire}");
        let arguments = format!("train pairs --out {run} {options}");
        ok(mpirun(&scratch, 2, &arguments));
    }
    let [exact, rounded] = ["f32", "bf16"].map(|run| losses(&scratch.path(run)));
    assert_ne!(exact, rounded);
    for (a, b) in exact.iter().flatten().zip(rounded.iter().flatten()) {
        assert!((a - b).abs() < 0.1 * b.abs(), "{a} and {b}");
    }
}

#[test]
fn what_cannot_be_is_said_once() {
    let scratch = Scratch::new();
    scratch.pairs("pairs", 3);
    let refused = |mut command: Command, reason: &str| {
        let output = command.output().unwrap();
        let said = text(&output);
        assert!(!output.status.success(), "{said}");
        assert_eq!(said.matches("error: ").count(), 1, "{said}");
        assert!(said.contains(reason), "{said}");
        assert!(!scratch.path("run").exists());
    };
    let train = format!("train pairs --out run {SMALL}");
    // a second process with different options
    let mut other = mpirun(&scratch, 1, &train);
    other
        .args([":", "-n", "1", env!("CARGO_BIN_EXE_pix2pix")])
        .args(train.split_whitespace())
        .args(["--lambda", "50"]);
    let reason = "rank 0 and rank 1 differ in optimizer.lambda: 100.0 and 50.0";
    refused(other, reason);
    // a second process with different data
    scratch.pairs("others", 2);
    let mut other = mpirun(&scratch, 1, &train);
    other
        .args([":", "-n", "1", env!("CARGO_BIN_EXE_pix2pix")])
        .args(train.replace("pairs", "others").split_whitespace());
    refused(other, "rank 0 and rank 1 differ in data_digest");
    let missing = train.replace("pairs", "nowhere");
    refused(mpirun(&scratch, 2, &missing), "nowhere: no such folder");
    refused(
        mpirun(&scratch, 4, &train),
        "too few pairs to train on, 3, for 4 processes with 1 pair per step",
    );
    let pool = format!("{train} --pool 50");
    refused(mpirun(&scratch, 2, &pool), "--pool");
}

/// Ranks and ids of the processes that `mpirun` has started, sorted by rank.
fn processes(mpirun: &Child) -> Vec<(usize, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let status = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = status.rsplit(") ").next().unwrap().split(' ').nth(1);
        if parent != Some(&mpirun.id().to_string()) {
            continue;
        }
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let rank = environment
            .split('\0')
            .find_map(|line| line.strip_prefix("OMPI_COMM_WORLD_RANK="));
        if let Some(rank) = rank {
            found.push((rank.parse().unwrap(), id));
        }
    }
    found.sort_unstable();
    found
}

fn signal(id: u32, name: &str) {
    let sent = Command::new("kill").args([name, &id.to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn a_killed_process_ends_all_and_others_go_on() {
    let scratch = Scratch::new();
    scratch.pairs("pairs", 8);
    let run = scratch.path("run");
    let options = format!("{SMALL} {OPTIONS} --norm instance");
    let endless = format!("train pairs --out run {options} --steps 100000");
    let mut child = mpirun(&scratch, 2, &endless).spawn().unwrap();
    wait_for_lines(&mut child, &run, 12);
    let [_, (1, victim)] = processes(&child)[..] else {
        panic!("two processes");
    };
    signal(victim, "-KILL");
    let output = child.wait_with_output().unwrap();
    let said = text(&output);
    assert!(!output.status.success());
    assert!(said.contains("exited on signal 9"), "{said}");
    assert!(
        said.contains("resume from the newest checkpoint with --resume"),
        "{said}"
    );
    // the saved checkpoints are whole, and a different number of processes can resume from them
    let saved = names(&run.join("checkpoints"));
    assert!(
        saved.iter().any(|name| name.starts_with("step_")),
        "{saved:?}"
    );
    let last = walked(&run).last().unwrap()[0];
    let steps = last + 3;
    let said = ok(mpirun(
        &scratch,
        4,
        &format!("train --resume run --steps {steps}"),
    ));
    assert!(
        said.contains(&format!("done after {steps} steps")),
        "{said}"
    );
    scratch.ok(&format!("train --resume run --steps {}", steps + 3));
    let walked = walked(&run);
    let steps: Vec<u64> = walked.iter().map(|[step, _]| *step).collect();
    assert_eq!(steps, (1..=last + 6).collect::<Vec<_>>());
    // an epoch of 8 pairs has 4 steps on 2 processes, and epochs never decrease
    assert_eq!(
        walked[..5]
            .iter()
            .map(|[_, epoch]| *epoch)
            .collect::<Vec<_>>(),
        [1, 1, 1, 1, 2]
    );
    assert!(walked.is_sorted_by_key(|[_, epoch]| *epoch), "{walked:?}");
}

#[test]
fn a_stop_saves() {
    let scratch = Scratch::new();
    scratch.pairs("pairs", 8);
    let run = scratch.path("run");
    let rarely = "--log-every 50 --sample-every 1000000 --save-every 1000000 --threads 1";
    let endless = format!("train pairs --out run {SMALL} {rarely} --steps 100000");
    // gives the processes 3 seconds to finish a step and save, before mpirun kills them
    let mut child = mpirun(&scratch, 2, &endless)
        .env("OMPI_MCA_odls_base_sigkill_timeout", "3")
        .spawn()
        .unwrap();
    wait_for_lines(&mut child, &run, 3);
    assert_eq!(names(&run.join("checkpoints")).len(), 0);
    signal(child.id(), "-INT");
    let said = text(&child.wait_with_output().unwrap());
    assert!(said.contains("mpirun asks for a stop"), "{said}");
    assert_eq!(names(&run.join("checkpoints")).len(), 2, "{said}");
    let newest = names(&run.join("checkpoints")).pop().unwrap();
    let last: u64 = newest["step_".len()..][..7].parse().unwrap();
    let more = format!("train --resume run --steps {}", last + 2);
    ok(mpirun(&scratch, 2, &more));
}
