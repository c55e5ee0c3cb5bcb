//! Several translations of one picture: a different one for each seed of the dropout, and one without dropout.
//! `cargo run --release --example variations -- MODEL PICTURE FOLDER`.

use std::path::Path;

use pix2pix::Translator;
use pix2pix::data::picture::{self, Format};
use pix2pix::model::TranslateOptions;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [model, input, folder] = words.as_slice() else {
        return Err("usage: variations MODEL PICTURE FOLDER".into());
    };
    let translator = Translator::load(model)?;
    let (source, _) = picture::read(Path::new(input))?;
    std::fs::create_dir_all(folder)?;
    let save = |name: &str, options: TranslateOptions| -> Result<(), Box<dyn std::error::Error>> {
        let translated = translator.translate_with(source.clone(), &options)?;
        picture::write(&Path::new(folder).join(name), &translated, Format::Png)?;
        Ok(())
    };
    for seed in 0..4 {
        let options = TranslateOptions {
            seed,
            ..TranslateOptions::default()
        };
        save(&format!("seed-{seed}.png"), options)?;
    }
    let calm = TranslateOptions {
        dropout: false,
        ..TranslateOptions::default()
    };
    save("without-dropout.png", calm)
}
