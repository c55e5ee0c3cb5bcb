//! Pictures: each is translated, and written as one.

use std::path::{Path, PathBuf};

use pix2pix::Error;
use pix2pix::data::picture::{self, Content, Gaps, Metadata, Page, TiffWindows};

use super::make::{Given, check_taken, make, read};
use super::metadata::{of_result, with_tag};
use super::notes::{Done, apart};
use super::setup::Setup;
use super::shown::Shown;
use super::{deviation, large};
use crate::output_folder::create_folder_of;

/// Translates a page of a picture's files and writes the result to `target`, plus its ending; returns what to say of it.
///
/// # Errors
/// If the files cannot be read, the model does not take them, or the result cannot be written.
pub fn translate(
    setup: Setup,
    (files, page): (&[PathBuf], Page),
    target: &Path,
    shown: Option<Shown>,
) -> Result<String, Error> {
    let Setup {
        args, translator, ..
    } = setup;
    let path = files[0].as_path();
    let contents: Vec<(&Path, Content)> = files
        .iter()
        .map(|path| (path.as_path(), Content::from(path.as_path())))
        .collect();
    let windows = match files {
        [_] => TiffWindows::open(path, page)?,
        _ => None,
    };
    let windows = windows.map(|windows| windows.in_domain(&translator.config.source));
    if let Some(windows) = &windows {
        // before hundreds of bands are decoded for nothing
        check_taken(&contents, &[page], windows.header().channels, translator)?;
    }
    if let Some(large) = windows.filter(TiffWindows::is_large) {
        let large = large.marked(Gaps::known_by(translator.config.source.nodata));
        let said = large::translate(setup, (path, page), &large, target)?;
        return Ok(match shown {
            Some(_) => said + "  note: it is too large for the gallery\n",
            None => said,
        });
    }
    let (picture, format, gap) = read(&contents, &[page], translator)?;
    let (size, channels) = (picture.size(), picture.channels());
    let metadata = Metadata::read(&contents[0].1, format, page, channels);
    let metadata = with_tag(metadata.in_domain(&translator.config.source), gap);
    let is_pair = args.is_pair(&translator.config, size);
    let given = Given {
        path,
        picture,
        format,
        tag: metadata.nodata(),
        is_pair,
        refuse_outside: true,
    };
    let made = make(setup, given, shown)?;
    let output = &made.output;
    let metadata = of_result(translator, metadata, is_pair);
    let format = format.for_result(output.channels(), output.depth());
    let written = target.with_added_extension(format.extension());
    create_folder_of(&written)?;
    picture::write_with(&written, output, format, &metadata)?;
    let deviation = match made.sampled {
        None => String::new(),
        Some(sampled) => deviation::write(&deviation::place(target), &sampled, format, &metadata)?,
    };
    let done = Done {
        path,
        size,
        is_pair,
        target: &written,
        target_size: output.size(),
        clipped: made.clipped,
    };
    Ok(done.said(setup) + &apart(&contents, page) + &deviation + &made.unusual + &made.unscored)
}
