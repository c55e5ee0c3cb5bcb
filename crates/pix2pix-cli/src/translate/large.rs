//! Pictures that are too large for memory: translated window by window.

use std::io;
use std::path::Path;

use pix2pix::data::picture::{Format, LargeWriter, Metadata, Page, TiffWindows};
use pix2pix::model::{Tiling, TranslateOptions};
use pix2pix::{Error, atomic_file};

use super::metadata::of_result;
use super::notes::{Done, unlike, unusual};
use super::setup::Setup;
use crate::output_folder::create_folder_of;
use crate::progress;

/// Translates a picture that is too large for memory, window by window, and writes the result to `target`, plus its ending;
/// returns what to say of it.
///
/// # Errors
/// If there are to be several samples, no tiles or another scale, it is a side-by-side pair, the model does not take it, or it
/// cannot be read or written.
pub fn translate(
    setup: Setup,
    (path, page): (&Path, Page),
    large: &TiffWindows,
    target: &Path,
) -> Result<String, Error> {
    let Setup {
        args, translator, ..
    } = setup;
    let target = target.with_added_extension(Format::Tiff.extension());
    let size = large.header().size;
    if args.samples.is_some() {
        let remedy = "cut it into smaller files, or omit --samples";
        let reason = "too large for the memory that several samples need";
        return Err(Error::file(path, reason, remedy));
    }
    if args.options().tiling == Tiling::Never {
        let remedy = "omit --tile 0, or cut it into smaller files";
        let reason = "too large to be translated without tiles";
        return Err(Error::file(path, reason, remedy));
    }
    if translator.at_scale(size, args.scale)? != size {
        let remedy = "resize it first by the factors of the training, which the run's config.toml has, e.g. with \
                      gdal_translate -outsize, and omit --scale train";
        return Err(Error::file(
            path,
            "too large to be resized in memory",
            remedy,
        ));
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
    let metadata = Metadata::read(&path.into(), Format::Tiff, page, large.header().channels);
    let metadata = metadata.in_domain(&translator.config.source);
    let options = TranslateOptions {
        nodata: metadata.nodata(),
        ..args.options()
    };
    let metadata = of_result(translator, metadata, false);
    let checked = translator.check_windows(large, options.nodata);
    let clipped = checked.map_err(|error| match error {
        Error::Picture(_) => unlike(path, error),
        error => error,
    })?;
    create_folder_of(&target)?;
    let pixels = u64::from(size[0]) * u64::from(size[1]);
    let bar = progress::bar(Some(pixels), "{percent}%  {eta} left", args.quiet);
    let mut failed = None;
    let written = atomic_file::write_at(&target, |file| {
        let mut writer = LargeWriter::create(file, size, &translator.config.target, &metadata)?;
        let translated = translator.translate_windows(large, &options, &mut |corner, part| {
            bar.inc(u64::from(part.size()[0]) * u64::from(part.size()[1]));
            writer
                .write(corner, part)
                .map_err(|e| Error::io(&target, "write the file", e))
        });
        if let Err(error) = translated {
            failed = Some(match error {
                Error::Data(_) => unlike(path, error),
                error => error,
            });
            return Err(io::Error::other("not translated"));
        }
        writer.finish()
    });
    bar.finish_and_clear();
    if let Some(error) = failed {
        return Err(error);
    }
    written?;
    let done = Done {
        path,
        size,
        is_pair: false,
        target: &target,
        target_size: size,
        clipped,
    };
    Ok(done.said(setup) + &unusual(setup, large.header().dimensions()))
}
