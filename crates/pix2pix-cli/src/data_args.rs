//! Options for the location and format of the pairs, shared by all commands that read data sets.

use std::path::{Path, PathBuf};

use pix2pix::data::pair::Direction;
use pix2pix::data::survey::{self, Forced, LeftOut, OnError, Survey};
use pix2pix::data::{Dataset, Domain, Options};

use crate::choice::choice;
use crate::failure::Failure;

/// The path of a data set.
#[derive(clap::Args)]
pub struct DataPath {
    /// Pairs, in one of these forms: side-by-side pictures (A left, B right) in a folder or in train/, val/
    /// and test/; two folders A/ and B/ (or trainA/, trainB/, ...) with matching file names; a .csv or .jsonl
    /// manifest with two columns of paths; or a .tar, .tar.gz or .zip of any of these
    #[arg(value_name = "DATA")]
    pub path: PathBuf,
}

/// Options for reading a data set.
#[derive(clap::Args)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// Direction of translation: which picture is the source and which the target
    #[arg(long, value_parser = choice::<Direction>(), default_value_t = Direction::AToB)]
    pub direction: Direction,
    /// Share of the pairs to hold out, for data without val/ or test/
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub val_fraction: f64,
    /// Channels of A; pictures are converted to them [default: the pictures' own]
    #[arg(long, value_name = "N")]
    channels_a: Option<usize>,
    /// Channels of B; pictures are converted to them [default: the pictures' own]
    #[arg(long, value_name = "N")]
    channels_b: Option<usize>,
    /// Pixel values to treat as black and white, for 16-bit and floating-point pictures
    /// [default: 0,65535 and 0,1]
    #[arg(long, value_name = "LOW,HIGH", value_parser = range, allow_hyphen_values = true)]
    range: Option<[f32; 2]>,
    /// Action on broken and unmatched files
    #[arg(long, value_parser = choice::<OnError>(), default_value_t = OnError::Stop)]
    pub on_error: OnError,
}

fn range(text: &str) -> Result<[f32; 2], String> {
    let number = |text: &str| {
        text.trim()
            .parse::<f32>()
            .ok()
            .filter(|number| number.is_finite())
    };
    let numbers = text
        .split_once(',')
        .map(|(low, high)| [number(low), number(high)]);
    match numbers {
        Some([Some(low), Some(high)]) if low < high => Ok([low, high]),
        _ => Err("use LOW,HIGH with LOW below HIGH".to_string()),
    }
}

impl DataArgs {
    /// Finds the pairs, without reading any picture. `seed` selects the held-out pairs.
    pub fn find(&self, path: &Path, seed: u64) -> Result<Dataset, Failure> {
        if !(0.0..1.0).contains(&self.val_fraction) {
            return Err(Failure::Usage(format!(
                "--val-fraction is {}; it must be at least 0 and below 1",
                self.val_fraction
            )));
        }
        let options = Options {
            direction: self.direction,
            val_fraction: self.val_fraction,
            seed,
        };
        Ok(Dataset::open(path, &options)?)
    }

    /// Finds the pairs and reads every header; skips broken files or returns an error, as `--on-error` says.
    pub fn open(&self, path: &Path, seed: u64) -> Result<(Dataset, Survey, LeftOut), Failure> {
        Ok(survey::checked(self.find(path, seed)?, self.on_error)?)
    }

    /// The domains (channels, depth and value range) of A and B.
    pub fn domains(&self, survey: &Survey) -> Result<[Domain; 2], Failure> {
        let forced = Forced {
            channels: [self.channels_a, self.channels_b],
            range: self.range,
        };
        Ok(survey.domains(&forced)?)
    }
}
