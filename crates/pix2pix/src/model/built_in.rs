//! The model inside this program: it draws satellite pictures of relief maps. `tools/make_built_in_model` trains it.

use std::path::Path;

use crate::data::earth;

/// Name of the model in a configuration, and in place of its path.
pub const NAME: &str = "the built-in model";

/// The word for this model that users type instead of a path: that of the data set that it was trained on.
pub const WORD: &str = earth::WORD;

/// A generator of 24 filters with 8-bit weights.
static BYTES: &[u8] = include_bytes!("../../data/earth.safetensors");

/// Whether a path names this model. A file or a folder of the word's name comes before it.
pub fn is_named(model: &Path) -> bool {
    model == Path::new(NAME) || earth::is_typed(model)
}

/// The model's checkpoint file (safetensors), if the path [names](is_named) it.
pub fn bytes(model: &Path) -> Option<&'static [u8]> {
    is_named(model).then_some(BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Checkpoint, TranslateOptions, Translator};

    /// It is no larger than what everybody may download, and has the L1 that `tools/make_built_in_model` prints.
    #[test]
    fn it_translates_held_out_pictures() {
        assert!(BYTES.len() < 7_000_000);
        let path = Path::new(NAME);
        let config = Checkpoint::load(path).unwrap().config;
        assert!(earth::is_named(&config.data));
        let translator = Translator::load(path).unwrap();
        let pairs = earth::earth().val.unwrap();
        let l1 = |index| {
            let pair = pairs.read(index).unwrap();
            let made = translator.translate_with(pair.source, &TranslateOptions::default());
            let (made, target) = (made.unwrap().to_floats(), pair.target.to_floats());
            let differences = made.iter().zip(&target).map(|(a, b)| (a - b).abs());
            f64::from(differences.sum::<f32>()) / target.len() as f64
        };
        let mean = (0..pairs.len()).map(l1).sum::<f64>() / pairs.len() as f64;
        assert!((mean - 28.8).abs() < 0.3, "{mean}");
    }
}
