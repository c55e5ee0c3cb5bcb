//! Translates a picture: `cargo run --release --example translate -- MODEL PICTURE OUTPUT`.

use pix2pix::Translator;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [model, picture, output] = words.as_slice() else {
        return Err("usage: translate MODEL PICTURE OUTPUT".into());
    };
    let translator = Translator::load(model)?;
    let picture = pix2pix::image::open(picture)?;
    translator.translate(&picture)?.save(output)?;
    Ok(())
}
