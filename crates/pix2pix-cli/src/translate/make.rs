//! Reads and translates one picture, whatever file it is of.

use std::iter;
use std::path::Path;

use pix2pix::data::picture::{self, Content, Format, Metadata, Outside, Page, Picture};
use pix2pix::data::{Nodata, nodata, pair};
use pix2pix::model::{Sampled, TranslateOptions};
use pix2pix::{Error, Translator};

use super::notes::{check_channels, check_joined, unlike, unusual};
use super::setup::Setup;
use super::shown::{Shown, Wanted};

/// Reads pages of files, whose channels are joined: all pages of the first file, then those of the next. Returns the picture
/// with the format of the first, and with the value of pixels without data that the files name, if they are asked for it and are
/// several.
///
/// # Errors
/// If a file cannot be read, its size is another than the first one's, or the model does not take their channels.
pub fn read(
    files: &[(&Path, Content)],
    pages: &[Page],
    translator: &Translator,
) -> Result<(Picture, Format, Option<f32>), Error> {
    let domain = &translator.config.source;
    let has_tags = domain.nodata == Some(Nodata::Tag) && files.len() * pages.len() > 1;
    let mut parts: Vec<Picture> = Vec::new();
    let mut gaps = Vec::new();
    let mut first = None;
    for (path, content) in files {
        let (part, format) = picture::decode_pages(path, content, pages, Some(domain))?;
        let (_, size) = *first.get_or_insert((format, part.size()));
        pair::same_size((files[0].0, size), (path, part.size()))?;
        let channels = part.channels() / pages.len();
        for page in pages.iter().filter(|_| has_tags) {
            let metadata = Metadata::read(content, format, *page, channels);
            let gap = metadata.in_domain(domain).nodata();
            gaps.extend(iter::repeat_n(gap, channels));
        }
        parts.push(part);
    }
    let (format, _) = first.expect("there is a file");
    let picture = match parts.len() {
        1 => parts.remove(0),
        _ => Picture::with_all_channels(&parts),
    };
    check_taken(files, pages, picture.channels(), translator)?;
    if !has_tags {
        return Ok((picture, format, None));
    }
    // each file may name another value, and the model knows one
    let (picture, gap) = nodata::unified(&picture, &gaps).ok_or_else(|| {
        let reason = "its value for pixels without data is one of data in another file that is joined with it";
        let remedy = "give all files a value that no pixel with data has";
        Error::file(files[0].0, reason, remedy)
    })?;
    Ok((picture, format, gap))
}

/// Checks that the model takes the `channels` of these pages of files, which are joined if they are several.
///
/// # Errors
/// If it does not.
pub fn check_taken(
    files: &[(&Path, Content)],
    pages: &[Page],
    channels: usize,
    translator: &Translator,
) -> Result<(), Error> {
    let (path, content) = &files[0];
    let is_stack = pages == [Page::Channels] && picture::pages(content) > 1;
    match is_stack || files.len() * pages.len() > 1 {
        true => check_joined(path, channels, translator),
        false => check_channels(path, channels, translator),
    }
}

/// A picture that is to be translated, and its file.
pub struct Given<'a> {
    /// The file.
    pub path: &'a Path,
    /// The picture.
    pub picture: Picture,
    /// The format of the file.
    pub format: Format,
    /// The value that the file names for pixels without data.
    pub tag: Option<f32>,
    /// Whether only the source half is translated.
    pub is_pair: bool,
    /// Whether it is refused if most of its values lie outside of the model's range.
    pub refuse_outside: bool,
}

/// A translated picture.
pub struct Made {
    /// The result.
    pub output: Picture,
    /// The mean and the deviation, with `--samples`.
    pub sampled: Option<Sampled>,
    /// Values of the source outside of the model's range.
    pub clipped: Outside,
    /// What to say of a picture that is unlike those of the training.
    pub unusual: String,
    /// What to say of a target without scores in the gallery.
    pub unscored: String,
}

/// Translates a picture, and adds it to the gallery.
///
/// # Errors
/// If the model does not take it.
pub fn make(setup: Setup, given: Given, shown: Option<Shown>) -> Result<Made, Error> {
    let Setup {
        args, translator, ..
    } = setup;
    let Given {
        path,
        picture,
        format,
        tag,
        is_pair,
        refuse_outside,
    } = given;
    let (source, wanted) = match is_pair {
        true => {
            let [source, wanted] = translator
                .config
                .direction
                .order(pair::split(path, &picture)?);
            (source, Some(wanted))
        }
        false => (picture, None),
    };
    let kept = shown.is_some().then(|| source.clone());
    if format.is_exact() {
        translator
            .check_classes(&source, tag)
            .map_err(|reason| unlike(path, reason))?;
    }
    let clipped = translator.outside_known(&source, tag);
    let unusual = unusual(setup, source.dimensions());
    let options = TranslateOptions {
        nodata: tag,
        refuse_outside,
        ..args.options()
    };
    let sampled = match args.samples {
        None => translator
            .translate_with(source, &options)
            .map(|output| (output, None)),
        Some(count) => translator
            .translate_samples(&source, &options, count)
            .map(|sampled| (sampled.mean.clone(), Some(sampled))),
    };
    let (output, sampled) = sampled.map_err(|reason| unlike(path, reason))?;
    let wanted = wanted.map(|picture| Wanted {
        picture,
        tag,
        is_exact: format.is_exact(),
    });
    let unscored = match (shown, kept) {
        (Some(shown), Some(source)) => shown.add(translator, [&source, &output], wanted),
        _ => String::new(),
    };
    Ok(Made {
        output,
        sampled,
        clipped,
        unusual,
        unscored,
    })
}
