//! What every picture is translated with.

use pix2pix::Translator;

use super::args::Args;

/// The options and the model.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// The options.
    pub args: &'a Args,
    /// The model.
    pub translator: &'a Translator,
}
