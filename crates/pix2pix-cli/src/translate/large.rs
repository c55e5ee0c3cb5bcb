//! Pictures that are too large for memory: translated window by window.

use std::cell::RefCell;
use std::io;
use std::path::Path;

use pix2pix::data::picture::{Format, LargeWriter, Metadata, Outside, Page, Picture, TiffWindows};
use pix2pix::model::{TranslateOptions, Windows};
use pix2pix::{Error, Translator, atomic_file};

use super::bar::bar;
use super::metadata::of_result;
use super::notes::{Done, unlike, unusual};
use super::setup::Setup;
use crate::output_folder::create_folder_of;

/// Translates a picture that is too large for memory, window by window, and writes the result to `target`, plus its ending;
/// returns what to say of it.
///
/// # Errors
/// If there are to be several samples, it is a side-by-side pair, the model does not take it, or it cannot be read or
/// written.
pub fn translate(
    setup: Setup,
    (path, page): (&Path, Page),
    large: &TiffWindows,
    target: &Path,
) -> Result<String, Error> {
    let Setup { args, translator } = setup;
    let target = target.with_added_extension(Format::Tiff.extension());
    let size = large.header().size;
    if args.samples.is_some() {
        let remedy = "cut it into smaller files, or omit --samples";
        let reason = "too large for the memory that several samples need";
        return Err(Error::file(path, reason, remedy));
    }
    if args.is_pair(&translator.config, size) {
        let remedy =
            "give --pairs no to translate it as one picture, or cut its source half out first";
        return Err(Error::file(
            path,
            "a side-by-side pair that is too large for memory",
            remedy,
        ));
    }
    let pixels = u64::from(size[0]) * u64::from(size[1]);
    let bar = bar(pixels, "{percent}%", args.quiet);
    let metadata = Metadata::read(&path.into(), Format::Tiff, page, large.header().channels);
    let options = TranslateOptions {
        nodata: metadata.nodata(),
        ..args.options()
    };
    let metadata = of_result(translator, metadata, false);
    let counted = Counted {
        picture: large,
        translator,
        tag: options.nodata,
        count: RefCell::default(),
    };
    create_folder_of(&target)?;
    let mut failed = None;
    let written = atomic_file::write_at(&target, |file| {
        let mut writer = LargeWriter::create(file, size, &translator.config.target, &metadata)?;
        let translated = translator.translate_windows(&counted, &options, &mut |corner, part| {
            bar.inc(u64::from(part.size()[0]) * u64::from(part.size()[1]));
            writer
                .write(corner, part)
                .map_err(|e| Error::io(&target, "write the file", e))
        });
        if let Err(error) = translated {
            failed = Some(error);
            return Err(io::Error::other("not translated"));
        }
        writer.finish()
    });
    bar.finish_and_clear();
    if let Some(error) = failed {
        return Err(match error {
            Error::Picture(_) => unlike(path, error),
            error => error,
        });
    }
    written?;
    let done = Done {
        path,
        size,
        is_pair: false,
        target: &target,
        target_size: size,
        clipped: counted.count.into_inner(),
    };
    Ok(done.said(setup) + &unusual(translator, large.header().dimensions()))
}

/// A picture that counts the samples outside of the model's range in the windows that are read. Windows overlap, so the
/// count is a share, not a number.
struct Counted<'a> {
    picture: &'a TiffWindows,
    translator: &'a Translator,
    /// The value that the file names for pixels without data.
    tag: Option<f32>,
    count: RefCell<Outside>,
}

impl Windows for Counted<'_> {
    fn size(&self) -> [u32; 2] {
        self.picture.header().size
    }

    fn window(&self, corner: [u32; 2], size: [u32; 2]) -> Result<Picture, Error> {
        let window = self.picture.window(corner, size)?;
        let outside = self.translator.outside_known(&window, self.tag);
        self.count.borrow_mut().add(outside);
        Ok(window)
    }
}
