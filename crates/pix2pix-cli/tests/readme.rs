//! README.md's commands work as they are written, in their order. Trainings are made short: small networks, few steps.

use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use crate::common::{SMALL, Scratch, address, names, pair};

const README: &str = include_str!("../../../README.md");

/// The lines of its blocks of commands, without comments.
fn commands() -> Vec<&'static str> {
    let blocks = README.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap().lines());
    let lines = lines.map(|line| line.split("  #").next().unwrap().trim());
    lines.filter(|line| !line.is_empty()).collect()
}

/// What README's commands find in the folder.
fn prepare(scratch: &Scratch) {
    for (folder, count) in [
        ("facades/train", 3),
        ("facades/val", 1),
        ("facades/test", 2),
        ("photos", 10),
    ] {
        scratch.pairs(folder, count);
    }
    pair(100, 80, 1).save(scratch.path("photo.jpg")).unwrap();
    pair(200, 160, 3).save(scratch.path("large.jpg")).unwrap();
    // in place of what tools/build_web compiles, with a compiler that tests may lack; tools/check_web exports with the real one
    fs::create_dir(scratch.path("module")).unwrap();
    for file in pix2pix_server::site::MODULE {
        fs::write(scratch.path("module").join(file), "module").unwrap();
    }
    fs::create_dir(scratch.path("more-photos")).unwrap();
    let another = scratch.path("more-photos/another.png");
    pair(64, 64, 2).save(another).unwrap();
    let public = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../pix2pix/tests/fixtures/public"
    );
    for network in ["unet_256_net_G", "basic_net_D"] {
        let name = format!("latest{}.pth", &network[network.len() - 6..]);
        fs::copy(format!("{public}/{network}.pth"), scratch.path(&name)).unwrap();
    }
}

/// Serves a model, and sends the request of README's `curl` line.
fn served(scratch: &Scratch, serve: &str, curl: &str) {
    let words: Vec<&str> = curl.split_whitespace().collect();
    let [_, "--data-binary", file, url, "--output", output] = words.as_slice() else {
        panic!("another request: {curl}");
    };
    let body = fs::read(scratch.path(file.trim_start_matches('@'))).unwrap();
    let url = url.trim_matches('\'');
    let target = url.strip_prefix("http://127.0.0.1:8080").unwrap();

    let mut child = scratch
        .command(&format!("{serve} --listen 127.0.0.1:0"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = address(&mut BufReader::new(child.stdout.as_mut().unwrap()));
    let mut stream = TcpStream::connect(address.expect("a running server")).unwrap();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    assert!(answer.starts_with(b"HTTP/1.1 200"));
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let picture = &answer[end.unwrap() + 4..];
    assert_eq!(image::load_from_memory(picture).unwrap().width(), 100);
    fs::write(scratch.path(output), picture).unwrap();
}

/// Sends frames of 256x256 pixels through the middle of README's pipe.
fn through(scratch: &Scratch, command: &str) {
    let mut video = b"YUV4MPEG2 W256 H256 F25:1 Ip A1:1 C420jpeg\n".to_vec();
    for shade in [50, 200] {
        video.extend(b"FRAME\n");
        video.extend([shade; 256 * 256 * 3 / 2]);
    }
    let output = scratch.piped(command, &video);
    assert!(output.status.success());
    let frames = output.stdout.windows(6).filter(|six| six == b"FRAME\n");
    assert_eq!(frames.count(), 2);
}

#[test]
fn the_commands_work() {
    let scratch = Scratch::new();
    prepare(&scratch);
    let commands = commands();
    let mut ran = 0;
    for (index, line) in commands.iter().enumerate() {
        let line = line.replace("cargo run --release -- ", "pix2pix ");
        if let Some((_, rest)) = line.split_once("| pix2pix ") {
            through(&scratch, rest.split(" | ").next().unwrap());
            continue;
        }
        let Some(command) = line.strip_prefix("pix2pix ") else {
            // the other line of a server, a build that takes another compiler, or the tests themselves
            let other = ["cargo test --release", "tools/build_web"];
            assert!(
                line.starts_with("curl ") || other.contains(&line.as_str()),
                "{line}"
            );
            continue;
        };
        let short = match command.split_whitespace().next().unwrap() {
            "serve" => {
                served(&scratch, command, commands[index + 1]);
                continue;
            }
            "demo" => "--steps 1".to_string(),
            "train" if command.contains("--resume") => "--steps 2".to_string(),
            "train" if command.contains("--time") => SMALL.to_string(),
            "train" => format!("{SMALL} --steps 1 --sample-every 1 --log-every 1"),
            "bench" => "--size 64 --steps 1 --warmup 0".to_string(),
            "export" if command.contains("--format web") => "--module module".to_string(),
            _ => String::new(),
        };
        let command = command.replace("--serve", "--serve=127.0.0.1:0");
        let command = command.replace("--time 1h", "--time 1s");
        scratch.ok(&format!("{command} {short}"));
        ran += 1;

        let words: Vec<&str> = command.split_whitespace().collect();
        let writes = !words.contains(&"--dry-run");
        for option in words.windows(2).filter(|two| writes && two[0] == "--out") {
            let made = scratch.path(option[1]);
            assert!(made.exists(), "{command} makes no {}", made.display());
            assert!(made.is_file() || !names(&made).is_empty(), "{command}");
        }
    }
    assert!(ran > 12, "README shows {ran} commands");
    // what its text promises of them
    for promised in [
        "pix2pix-demo/contact-sheet.png",
        "runs/seen/report.html",
        "runs/facades/samples",
        "translated/photo.png",
    ] {
        assert!(scratch.path(promised).exists(), "{promised} is missing");
    }
}
