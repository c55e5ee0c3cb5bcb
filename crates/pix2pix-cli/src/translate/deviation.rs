//! The deviation of several samples, a picture beside their mean.

use std::path::{Path, PathBuf};

use pix2pix::Error;
use pix2pix::data::Depth;
use pix2pix::data::picture::{self, Format, Metadata};
use pix2pix::model::{DEVIATION_SCALE, Sampled};
use pix2pix::quality::digits_that_count;

use super::inputs::Named;
use crate::output_folder::create_folder_of;
use crate::paths::Plain;
use crate::words::percent;

/// The place of the picture of the deviation, beside that of the mean, `name`.
pub fn place(name: &Path) -> PathBuf {
    let mut name = name.as_os_str().to_owned();
    name.push("-deviation");
    PathBuf::from(name)
}

/// Checks that no mean has the name of a deviation.
///
/// # Errors
/// Names the first file whose mean has.
pub fn check_names(inputs: &Named) -> Result<(), Error> {
    for (name, files) in inputs {
        if let Some(other) = inputs.get(&place(name)) {
            return Err(Error::file(
                &other[0],
                format!(
                    "its output would have the same name as the deviation of {}",
                    files[0].plain()
                ),
                "rename one of them, or translate them into two folders",
            ));
        }
    }
    Ok(())
}

/// The metadata of the deviation of samples; `metadata` is that of their mean.
pub fn of_deviation(metadata: Metadata, sampled: &Sampled) -> Metadata {
    // what is a gap in the mean, or an opacity, is an amount here
    metadata.with_nodata(sampled.gap).of_amounts()
}

/// Writes the deviation of samples to `target`, plus its ending; returns what to say of it.
///
/// # Errors
/// If the file cannot be written.
pub fn write(
    target: &Path,
    sampled: &Sampled,
    format: Format,
    metadata: &Metadata,
) -> Result<String, Error> {
    let deviation = &sampled.deviation;
    // a PNG shows the second or fourth channel as opacity, and would be invisible
    let format = match (format, deviation.channels()) {
        (Format::Png, 2 | 4) => Format::Tiff,
        _ => format,
    };
    let target = target.with_added_extension(format.extension());
    let metadata = of_deviation(metadata.clone(), sampled);
    create_folder_of(&target)?;
    picture::write_with(&target, deviation, format, &metadata)?;
    let mut spread = Spread::default();
    spread.add(sampled, 1);
    Ok(spread.said(deviation.depth(), &target))
}

/// The deviations of a file: of one picture, or over its slices.
#[derive(Default)]
pub struct Spread {
    average: f64,
    largest: f32,
    /// The share that the picture cannot hold.
    clipped: f64,
}

impl Spread {
    /// Adds the deviation of one of `count` slices.
    pub fn add(&mut self, sampled: &Sampled, count: usize) {
        self.average += sampled.average / count as f64;
        self.largest = self.largest.max(sampled.largest);
        self.clipped += sampled.clipped / count as f64;
    }

    /// What to say of it.
    pub fn said(&self, depth: Depth, target: &Path) -> String {
        let scale = match depth {
            Depth::U8 => format!(" ({DEVIATION_SCALE} times as large in the picture)"),
            _ => String::new(),
        };
        let clipped = match self.clipped > 0.0 {
            true => format!(
                "; {} of it is larger than the picture can show",
                percent(self.clipped)
            ),
            false => String::new(),
        };
        // the values of floating-point pictures have any size
        let shown = |value: f64| format!("{value:.*}", digits_that_count(value));
        format!(
            "  standard deviation: mean {}, largest {}{scale} -> {}{clipped}\n",
            shown(self.average),
            shown(self.largest.into()),
            target.plain()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_is_not_told_as_nothing() {
        let said = |average, largest, clipped, depth| {
            let spread = Spread {
                average,
                largest,
                clipped,
            };
            spread.said(depth, Path::new("d"))
        };
        assert_eq!(
            said(1.2344e-7, 2.5e-6, 0.0, Depth::F32),
            "  standard deviation: mean 0.0000001234, largest 0.000002500 -> d\n"
        );
        assert_eq!(
            said(0.0, 0.0, 0.0, Depth::U16),
            "  standard deviation: mean 0, largest 0 -> d\n"
        );
        assert_eq!(
            said(1.5, 20.25, 2e-6, Depth::U8),
            "  standard deviation: mean 1.500, largest 20.25 (16 times as large in the picture) -> d; less than 0.001% of it \
             is larger than the picture can show\n"
        );
    }
}
