//! The tutorial: its program learns, its model can be used, and its text shows this program.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::Command;

use pix2pix::Translator;
use pix2pix::data::earth::earth;
use pix2pix::model::TranslateOptions;

/// The program as `cargo test` has built it.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().unwrap().parent().unwrap();
    let program = built.join(format!("examples/tutorial{EXE_SUFFIX}"));
    let hint = "a single test does not build it: run cargo build --release --example tutorial";
    assert!(program.exists(), "{} is missing; {hint}", program.display());
    program
}

#[test]
fn the_program_learns_and_its_model_translates() {
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new(program())
        .arg("60")
        .arg(folder.path())
        .output();
    let run = run.unwrap();
    let printed = String::from_utf8(run.stdout).unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");

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
