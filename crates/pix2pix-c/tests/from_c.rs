//! The C interface as a C program sees it.

use std::path::{Path, PathBuf};
use std::process::Command;

use pix2pix::data::picture::{Picture, Samples};
use pix2pix::exchange::import;
use pix2pix::model::{Tiling, TranslateOptions};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A C program compiles without warnings, and translates like the library.
#[test]
fn a_c_program_translates() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // the libraries are in the folder of this test program
    let libraries = std::env::current_exe().unwrap();
    let libraries = libraries.parent().unwrap();
    let built = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror"])
        .arg(here("tests/translate.c"))
        .arg("-I")
        .arg(here("include"))
        .arg("-L")
        .arg(libraries)
        .arg(format!("-Wl,-rpath,{}", libraries.display()))
        .args(["-lpix2pix_c", "-o"])
        .arg(at("translate"))
        .status()
        .unwrap();
    assert!(built.success());

    let public = here("../pix2pix/tests/fixtures/public/unet_64-half_net_G.pth");
    import::public(&public, None, &Default::default())
        .unwrap()
        .save(&at("model.safetensors"))
        .unwrap();
    let [width, height] = [170u32, 64];
    let pixels: Vec<u8> = (0..width * height * 3)
        .map(|at| (at * 7 % 251) as u8)
        .collect();
    std::fs::write(at("input"), &pixels).unwrap();
    let done = Command::new(at("translate"))
        .arg(at("model.safetensors"))
        .args([width.to_string(), height.to_string()])
        .args([at("input"), at("output")])
        // cargo's would find the library of an earlier `cargo build`
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");

    let generator = pix2pix::Translator::load(at("model.safetensors")).unwrap();
    let picture = Picture::new([width, height], 3, Samples::U8(pixels));
    let options = TranslateOptions {
        seed: 7,
        tiling: Tiling::Cut {
            side: 64,
            overlap: 16,
        },
        ..TranslateOptions::default()
    };
    let expected = generator.translate_with(picture, &options).unwrap();
    assert!(std::fs::read(at("output")).unwrap() == expected.bytes());
}

/// The header is what cbindgen generates from the library.
#[test]
fn the_header_is_up_to_date() {
    let config = cbindgen::Config::from_file(here("cbindgen.toml")).unwrap();
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pix2pix.h");
    cbindgen::Builder::new()
        .with_config(config)
        .with_src(here("src/lib.rs"))
        .generate()
        .unwrap()
        .write_to_file(&made);
    let header = std::fs::read_to_string(here("include/pix2pix.h")).unwrap_or_default();
    assert!(
        std::fs::read_to_string(&made).unwrap() == header,
        "copy {} to crates/pix2pix-c/include",
        made.display()
    );
}
