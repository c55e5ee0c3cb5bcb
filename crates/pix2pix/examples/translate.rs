//! Translates a picture: `cargo run --release --example translate -- MODEL PICTURE OUTPUT`.

use pix2pix::Generator;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [model, picture, output] = words.as_slice() else {
        return Err("usage: translate MODEL PICTURE OUTPUT".into());
    };
    let generator = Generator::load(model)?;
    let picture = image::open(picture)?;
    generator.translate(&picture)?.save(output)?;
    Ok(())
}
