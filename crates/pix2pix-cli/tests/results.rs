//! Results: the numbers of a seeded run stay what they were, and an arithmetic belongs to a model, not to the process.

use std::fs;
use std::path::Path;

use pix2pix::Translator;
use pix2pix::data::picture;
use pix2pix::device::{DeviceName, Precision};
use pix2pix::model::TranslateOptions;
use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use crate::common::{SMALL, Scratch, names};

/// SHA-256 of the names and the bytes of all tensors of a file; its metadata has paths of this machine.
fn digest(file: &Path) -> String {
    let bytes = fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut named = tensors.tensors();
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut hash = Sha256::new();
    for (name, tensor) in named {
        hash.update(name);
        hash.update(tensor.data());
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// With the portable instructions, which give the same results on every machine: a change of these digests is a change of
/// the arithmetic, of a random draw or of the order of either, and needs a reason.
#[test]
fn a_seeded_run_gives_the_same_weights() {
    let scratch = Scratch::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pix2pix/data/earth");
    let options = "--steps 6 --seed 7 --threads 2 --log-every 1 --ema 0.9 --batch-size 2 --quiet";
    let mut train = scratch.command(&format!("train --out run {options} {SMALL}"));
    let trained = train
        .arg(&data)
        .env("PIX2PIX_INSTRUCTIONS", "portable")
        .output();
    let trained = trained.unwrap();
    assert!(
        trained.status.success(),
        "{}",
        String::from_utf8_lossy(&trained.stderr)
    );
    let checkpoints = scratch.path("run/checkpoints");
    assert_eq!(
        ["step", "state"]
            .map(|kind| digest(&checkpoints.join(format!("{kind}_0000006.safetensors")))),
        [
            "1cc066187d1f20961ecbd7ec20a7c2a58892f97c53a57e4b19406d81efb5ebdf",
            "bfe8a86c63b70f8050c59ca1646f6e8b6dcedc7dbd8d620eed4f70790fddb8e5",
        ]
    );
    // losses are sums, whose order, and with it their last bits, is that of the processor's vectors
    let metrics = fs::read_to_string(scratch.path("run/metrics.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(metrics.lines().last().unwrap()).unwrap();
    for (name, expected) in [
        ("d_real", 0.713592),
        ("d_fake", 0.688522),
        ("g_gan", 0.709416),
        ("g_l1", 0.668821),
    ] {
        let found = last[name].as_f64().unwrap();
        assert!(
            (found - expected).abs() < 1e-5,
            "{name} is {found}, not {expected}"
        );
    }
}

/// Two translators of different arithmetic in one process, in turns, give what each gives in a process of its own.
#[test]
fn an_arithmetic_belongs_to_a_translator() {
    let scratch = Scratch::new();
    // large enough for the products that bfloat16 rounds, and trained for some steps, or its outputs are gray
    let earth = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pix2pix/data/earth");
    let options = "--filters 16 --load-size 72 --crop-size 64 --steps 60 --lr 0.002 --quiet";
    let mut train = scratch.command(&format!("train --out run {options}"));
    assert!(train.arg(&earth).status().unwrap().success());
    let pair = earth.join("val").join(&names(&earth.join("val"))[0]);
    let source = image::open(pair).unwrap().crop_imm(0, 0, 256, 256);
    source.save(scratch.path("picture.png")).unwrap();
    let precisions = [Precision::F32, Precision::Bf16];
    let alone = precisions.map(|precision| {
        let options = format!("--precision {precision} --seed 5 --pairs no");
        scratch.ok(&format!(
            "translate run picture.png --out {precision} {options}"
        ));
        image::open(scratch.path(&format!("{precision}/picture.png"))).unwrap()
    });
    assert!(alone[0] != alone[1], "bfloat16 changes a pixel");
    let translators = precisions.map(|precision| {
        let device = DeviceName::Cpu.open(precision).unwrap();
        Translator::load_on(&scratch.path("run"), device, precision).unwrap()
    });
    let (source, _) = picture::read(&scratch.path("picture.png")).unwrap();
    let options = TranslateOptions {
        seed: 5,
        ..TranslateOptions::default()
    };
    for _ in 0..2 {
        for (translator, alone) in translators.iter().zip(&alone) {
            let translated = translator.translate_with(source.clone(), &options).unwrap();
            let translated = image::DynamicImage::try_from(translated).unwrap();
            assert!(translated.to_rgb8() == alone.to_rgb8());
        }
    }
}
