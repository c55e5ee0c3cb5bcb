//! The examples run. The tutorial's program learns, its model can be used, and its text shows this program.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::Command;

use pix2pix::Translator;
use pix2pix::data::earth::earth;
use pix2pix::data::picture::{self, Format};
use pix2pix::model::TranslateOptions;

const EARTH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/earth");

/// An example as `cargo test` has built it.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().unwrap().parent().unwrap();
    let program = built.join(format!("examples/{name}{EXE_SUFFIX}"));
    let hint =
        format!("a single test does not build it: run cargo build --release --example {name}");
    assert!(program.exists(), "{} is missing; {hint}", program.display());
    program
}

/// Runs an example in a folder, and returns what it prints.
fn run(folder: &Path, name: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program(name));
    let run = command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{name}: {said}");
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn a_trained_model_makes_variations() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let printed = run(folder.path(), "train", &[EARTH, "run", "1"]);
    assert!(printed.contains("step 1: L1 "), "{printed}");
    assert!(printed.contains("step_0000001.safetensors"), "{printed}");

    let source = earth().val.unwrap().read(0).unwrap().source;
    picture::write(&file("a.png"), &source, Format::Png).unwrap();
    run(folder.path(), "translate", &["run", "a.png", "b.png"]);
    run(folder.path(), "variations", &["run", "a.png", "many"]);
    let pixels = |name: &str| image::open(file(name)).unwrap().into_rgb8();
    let translated = pixels("b.png");
    assert_eq!(translated.dimensions(), (256, 256));
    // the same seed, another one, none
    assert_eq!(translated, pixels("many/seed-0.png"));
    assert_ne!(translated, pixels("many/seed-1.png"));
    assert_ne!(translated, pixels("many/without-dropout.png"));
}

#[test]
fn the_program_learns_and_its_model_translates() {
    let folder = tempfile::tempdir().unwrap();
    let printed = run(folder.path(), "tutorial", &["60", "."]);
    let l1 = |line: &str| line.rsplit_once("g_l1 ")?.1.parse::<f64>().ok();
    let l1: Vec<f64> = printed.lines().filter_map(l1).collect();
    assert_eq!(l1.len(), 60);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (first, last) = (mean(&l1[..10]), mean(&l1[50..]));
    assert!(last < 0.85 * first, "L1 from {first} to {last}");

    let file = |name: &str| folder.path().join(format!("tutorial{name}"));
    for network in ["discriminator", "generator", "composite"] {
        let drawing = std::fs::read_to_string(file(&format!("-{network}.svg"))).unwrap();
        assert!(drawing.contains("(None, 3, 256, 256)"));
    }
    assert_eq!(image::open(file("-translated.jpg")).unwrap().width(), 816);
    let translator = Translator::load(file(".safetensors")).unwrap();
    assert_eq!(translator.step, 60);
    translator.config.validate().unwrap();
    let source = earth().val.unwrap().read(0).unwrap().source;
    let odd = source.crop([0, 0], [200, 100]);
    let output = translator.translate_with(odd, &TranslateOptions::default());
    assert_eq!(output.unwrap().size(), [200, 100]);
}

#[test]
fn the_text_shows_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = std::fs::read_to_string(root.join("examples/tutorial.rs")).unwrap();
    let text = std::fs::read_to_string(root.join("../../docs/tutorial.md")).unwrap();
    assert!(program.lines().count() <= 80, "the text promises 80 lines");
    let functions: Vec<_> = program.split("\n\nfn ").skip(1).collect();
    assert_eq!(functions.len(), 7);
    for function in functions {
        let function = format!("fn {}", function.trim_end());
        assert!(text.contains(&function), "the text lacks:\n{function}");
    }
}
