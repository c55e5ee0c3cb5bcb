//! Trained models: checkpoint files, and the [`Translator`] that loads one.

pub(crate) mod average;
pub(crate) mod checkpoint;
pub(crate) mod tiles;
pub(crate) mod translate;

pub use average::average;
pub use checkpoint::{Checkpoint, find, in_folder};
pub use tiles::{NormStatistics, Tiles, translate as translate_in_tiles};
pub use translate::{Fit, Tiling, TranslateOptions, Translator};
