//! What every picture is translated with, and what has been said of one for all.

use std::cell::Cell;

use pix2pix::Translator;

use super::args::Args;

/// The options, the model and what is said once.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// The options.
    pub args: &'a Args,
    /// The model.
    pub translator: &'a Translator,
    /// Whether it has been said that the model was trained at another scale.
    pub scale_told: &'a Cell<bool>,
}
