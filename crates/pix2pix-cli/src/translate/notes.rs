//! What is said of pictures, in words.

use std::path::Path;

use pix2pix::data::pair::Direction;
use pix2pix::data::picture::{self, Content, Dimensions, Outside, Page};
use pix2pix::model::Scale;
use pix2pix::{Error, Translator};

use super::args::{Args, Inputs};
use super::setup::Setup;
use crate::paths::Plain;
use crate::words;

/// The error for a picture that the model does not take.
pub fn unlike(path: &Path, reason: Error) -> Error {
    match reason {
        // it says what helps
        Error::Data(reason) => Error::Data(format!("{}: {reason}", path.plain())),
        reason => Error::file(path, reason, "give pictures like the training pictures"),
    }
}

/// Checks, before a picture is translated, that the model takes its number of channels.
///
/// # Errors
/// If it does not. A picture of too few channels may be one of several that are a source together.
pub fn check_channels(path: &Path, channels: usize, translator: &Translator) -> Result<(), Error> {
    let config = &translator.config;
    let may_be_part = channels < config.source.channels && config.neighbors == 0;
    let taken = translator.check_channels(channels);
    taken.map_err(|reason| match may_be_part {
        true => {
            let remedy = "if the model was trained on several files a source, give those of each with --stack; otherwise \
                          give pictures like the training pictures";
            Error::file(path, reason, remedy)
        }
        false => unlike(path, reason),
    })
}

/// Checks that pages or files whose channels are joined have those of the model: they are no colors and opacity, which could be
/// converted.
///
/// # Errors
/// If they have not.
pub fn check_joined(path: &Path, channels: usize, translator: &Translator) -> Result<(), Error> {
    check_channels(path, channels, translator)?;
    let checked = translator.config.source.check_joined(channels);
    checked.map_err(|reason| {
        let remedy = "give as many pages or files as the model was trained on";
        Error::file(path, reason, remedy)
    })
}

/// What to say of files whose channels are joined, and which do not show the same place, by what they say themselves.
pub fn apart(files: &[(&Path, Content)], page: Page) -> String {
    if files.len() < 2 {
        return String::new();
    }
    let files = files.iter();
    let files = files.map(|(path, content)| (path.to_path_buf(), content.clone()));
    let found = picture::apart(files, page);
    let note = |found: picture::Apart| {
        let said = found.said;
        format!(
            "  note: {said}: they are joined as they are, and the result has the place of the first\n"
        )
    };
    found.map(note).unwrap_or_default()
}

/// What to say of a picture of this size that is translated at another scale than the training's.
pub fn other_scale(args: &Args, translator: &Translator, size: [u32; 2]) -> Option<String> {
    let known = translator
        .config
        .scale
        .filter(|_| args.scale == Scale::Native);
    let found = known?.unlike(size)?;
    Some(format!(
        "{found}; add --scale train to translate at that scale"
    ))
}

/// What to say of a picture that is unlike those that the model was trained on: of its channels and depth, and of its size. Of
/// several at another scale than the training's, the first tells it.
pub fn unusual(setup: Setup, dimensions: Dimensions) -> String {
    let Setup {
        args,
        translator,
        scale_told,
    } = setup;
    let Dimensions {
        size,
        channels,
        depth,
    } = dimensions;
    let config = &translator.config;
    let conversion = config.source.conversion(channels, depth);
    let conversion = conversion.map(|found| format!("it has {found}"));
    let of_size = match other_scale(args, translator, size) {
        Some(note) => (!scale_told.replace(true)).then_some(note),
        None => config.smallness(size, args.scale),
    };
    let notes = [conversion, of_size].into_iter().flatten();
    notes.map(|note| format!("  note: {note}\n")).collect()
}

/// A picture that has been translated.
pub struct Done<'a> {
    /// Its file.
    pub path: &'a Path,
    /// Its size.
    pub size: [u32; 2],
    /// Whether only the source half has been translated.
    pub is_pair: bool,
    /// The file of the result.
    pub target: &'a Path,
    /// The size of the result.
    pub target_size: [u32; 2],
    /// Its values outside of the model's range.
    pub clipped: Outside,
}

impl Done<'_> {
    /// What to say of it.
    pub fn said(&self, setup: Setup) -> String {
        let Setup {
            args, translator, ..
        } = setup;
        let kind = match (self.is_pair, args.pairs) {
            (true, Inputs::Auto) => {
                "a side-by-side pair by its size; for one picture, use --pairs no"
            }
            (true, _) => "a side-by-side pair",
            (false, _) => "one picture",
        };
        let half = match (translator.config.direction, self.is_pair) {
            (Direction::BToA, true) => ", its right half, as the model was trained from B to A",
            (Direction::BToA, false) => ", taken as B, as the model was trained from B to A",
            (Direction::AToB, _) => "",
        };
        let [width, height] = self.size;
        format!(
            "{} ({width}x{height}, {kind}{half}) -> {} ({}x{}){}\n",
            self.path.plain(),
            self.target.plain(),
            self.target_size[0],
            self.target_size[1],
            said_of_clipped(translator, self.clipped),
        )
    }
}

/// What to say of values outside of the model's range.
pub fn said_of_clipped(translator: &Translator, clipped: Outside) -> String {
    let [what, fate] = words::clipped(&translator.config.source);
    match clipped.clipped {
        0 => String::new(),
        _ => format!("; {} of its {what} {fate}", clipped.share()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_one_remedy() {
        let path = Path::new("a.png");
        for (reason, told) in [
            (
                Error::Picture("it has 2 channels".to_string()),
                "a.png: it has 2 channels; give pictures like the training pictures",
            ),
            (
                Error::Data("it is too large; use tiles".to_string()),
                "a.png: it is too large; use tiles",
            ),
        ] {
            assert_eq!(unlike(path, reason).to_string(), told);
        }
    }
}
