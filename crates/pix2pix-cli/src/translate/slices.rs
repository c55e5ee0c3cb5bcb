//! Volumes and TIFF files of several pages: translated slice by slice, and written as one file of the same kind.

use std::io::{self, IsTerminal, stderr};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use pix2pix::data::picture::{
    self, Content, Format, Header, Metadata, Outside, Page, Stack, StackWriter, Template,
    TiffWindows,
};
use pix2pix::report::Gallery;
use pix2pix::{Error, Translator, atomic_file};

use super::{
    Args, Given, Inputs, deviation_of, make, of_result, read, said_of_clipped, said_of_deviation,
    unlike, with_tag,
};
use crate::output_folder::create_folder_of;
use crate::paths::Plain;

/// Translates slices of a picture's files and writes the result to `target`, plus its ending; returns what to say of it.
pub fn translate(
    (args, translator): (&Args, &Translator),
    (files, pages): (&[PathBuf], &[Page]),
    target: &Path,
    mut shown: Option<(&mut Gallery, &Path)>,
) -> Result<String, Error> {
    let path = files[0].as_path();
    let contents = opened(files)?;
    let first = &contents[0].1;
    let count = picture::pages(first);
    let neighbours = translator.config.neighbours;
    if let Some(page) = TiffWindows::open(path, pages[0])?.filter(TiffWindows::is_large) {
        let [width, height] = page.header().size;
        let reason = format!(
            "{width}x{height} pixels are too large for memory, and the model needs several pages at once"
        );
        let remedy = "cut it into smaller pictures, or train without --neighbours";
        return Err(Error::file(path, reason, remedy));
    }
    let header = Header::read(path, first, pages[0])?;
    let is_volume = header.format == Format::Nifti;
    if let [_] = files {
        // before hundreds of bands are decoded for nothing
        let channels = header.channels * pages[0].around(neighbours, count).len();
        let taken = translator.check_channels(channels);
        taken.map_err(|reason| unlike(path, reason))?;
    }
    if is_volume && args.pairs == Inputs::Yes {
        let remedy = "give the volume of the sources alone, and omit --pairs";
        return Err(Error::file(
            path,
            "a volume is no side-by-side pair",
            remedy,
        ));
    }
    let domain = &translator.config.target;
    let template = match is_volume {
        true => Some(Template::of(path, first)?),
        false => None,
    };
    let packed = is_volume && Content::from(path).is_packed().unwrap_or(false);
    let ending = match is_volume {
        true => picture::VOLUME_EXTENSIONS[usize::from(packed)],
        false => Format::Tiff.extension(),
    };
    let begin = |file: &Path| match &template {
        Some(template) => template.begin(file, pages.len(), domain, packed),
        None => StackWriter::tiff(file),
    };
    let bar = match stderr().is_terminal() && !args.quiet {
        true => ProgressBar::new(pages.len() as u64),
        false => ProgressBar::hidden(),
    };
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len}  {eta} left");
    bar.set_style(style.expect("a valid template"));
    let given = |page: Page| {
        let around = page.around(neighbours, count);
        let (picture, format, gap) = read(&contents, &around, translator)?;
        let metadata = Metadata::read(first, format, page, header.channels);
        let metadata = with_tag(metadata, gap);
        let is_pair = !is_volume && args.is_pair(picture.size());
        let given = Given {
            path,
            picture,
            format,
            tag: metadata.nodata(),
            is_pair,
            refuse_outside: false,
        };
        Ok::<_, Error>((given, metadata))
    };
    // over all slices, as the first and last ones may be air alone; and before hours of work
    let (mut clipped, mut halves) = (Outside::default(), 0);
    for page in pages {
        let (given, _) = given(*page)?;
        let Given {
            picture,
            tag,
            is_pair,
            ..
        } = given;
        halves += usize::from(is_pair);
        let source = match is_pair {
            true => translator.config.direction.source(path, &picture)?,
            false => picture,
        };
        clipped.add(translator.outside_known(&source, tag));
    }
    let checked = translator.check_values(clipped);
    checked.map_err(|reason| unlike(path, reason))?;
    let written = target.with_added_extension(ending);
    let spread = deviation_of(target).with_added_extension(ending);
    let (mut average, mut largest, mut beyond) = (0.0, 0.0f32, 0.0);
    let (mut unusual, mut size) = (String::new(), header.size);
    let mut all = |outputs: &mut StackWriter, mut deviations: Option<&mut StackWriter>| {
        for (number, page) in (1..).zip(pages) {
            let (given, metadata) = given(*page)?;
            let name = |name: &Path| PathBuf::from(format!("{}-{number}", name.display()));
            let shown = shown
                .as_mut()
                .map(|(gallery, of)| (&mut **gallery, name(of)));
            let shown = match shown {
                Some((gallery, ref name)) => Some((gallery, name.as_path())),
                None => None,
            };
            let is_pair = given.is_pair;
            let made = make((args, translator), given, shown)?;
            let metadata = of_result(translator, metadata, is_pair).of_stack();
            let failed = |file: &Path, e| Error::io(file, "write the file", e);
            outputs
                .write(&made.output, &metadata)
                .map_err(|e| failed(&written, e))?;
            if let (Some(sampled), Some(deviations)) = (&made.sampled, &mut deviations) {
                let metadata = metadata.with_nodata(sampled.gap);
                deviations
                    .write(&sampled.deviation, &metadata)
                    .map_err(|e| failed(&spread, e))?;
                average += sampled.average / pages.len() as f64;
                beyond += sampled.clipped / pages.len() as f64;
                largest = largest.max(sampled.largest);
            }
            (unusual, size) = (made.unusual, made.output.size());
            bar.inc(1);
        }
        Ok(())
    };
    create_folder_of(&written)?;
    if args.samples.is_some() {
        create_folder_of(&spread)?;
    }
    let done = match args.samples {
        None => filled(&written, &begin, |outputs| all(outputs, None)),
        // the means appear first, as those of pictures do: if the disk fills up between the two, no deviation is there without them
        Some(_) => filled(&spread, &begin, |deviations| {
            filled(&written, &begin, |outputs| all(outputs, Some(deviations)))
        }),
    };
    bar.finish_and_clear();
    done?;
    let [width, height] = header.size;
    let what = match (is_volume, pages.len()) {
        (true, 1) => "1 slice".to_string(),
        (true, count) => format!("{count} slices"),
        (false, count) => format!("{count} pages"),
    };
    let half = match halves {
        0 => String::new(),
        _ => {
            let some = match halves == pages.len() {
                true => String::new(),
                false => format!("{halves} of them "),
            };
            format!(", {some}side-by-side pairs by their size; for single pictures, use --pairs no")
        }
    };
    let said = format!(
        "{} ({width}x{height}, {what}{half}) -> {} ({}x{}){}\n",
        path.plain(),
        written.plain(),
        size[0],
        size[1],
        said_of_clipped(translator, clipped)
    );
    let deviation = match args.samples {
        None => String::new(),
        Some(_) => said_of_deviation(domain.depth, (average, largest, beyond), &spread),
    };
    Ok(said + &deviation + &unusual)
}

/// The files' contents, which must have as many slices each.
fn opened(files: &[PathBuf]) -> Result<Vec<(&Path, Content)>, Error> {
    let mut contents: Vec<(&Path, Content)> = Vec::new();
    let mut first = None;
    for path in files {
        let content = picture::unpacked(path)?;
        let stack = Stack::of(&content);
        match &first {
            None => first = Some(stack),
            Some(first) => {
                Stack::check_partners((path, stack.as_ref()), (files[0].as_path(), first.as_ref()))?
            }
        }
        contents.push((path, content));
    }
    Ok(contents)
}

/// Writes a file that appears when all of it is there.
fn filled(
    target: &Path,
    begin: &dyn Fn(&Path) -> io::Result<StackWriter>,
    fill: impl FnOnce(&mut StackWriter) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut failed = None;
    let written = atomic_file::write_at(target, |file| {
        let mut writer = begin(file)?;
        if let Err(error) = fill(&mut writer) {
            failed = Some(error);
            return Err(io::Error::other("not translated"));
        }
        writer.finish()
    });
    match failed {
        Some(error) => Err(error),
        None => written,
    }
}
