//! Volumes and TIFF files of several pages: translated slice by slice, and written as one file of the same kind.

use std::io;
use std::path::{Path, PathBuf};

use pix2pix::data::picture::{
    self, Content, Format, Header, Metadata, Outside, Page, Stack, StackWriter, Template,
    TiffWindows,
};
use pix2pix::{Error, atomic_file};

use super::args::Inputs;
use super::deviation::{self, Spread, of_deviation};
use super::make::{Given, make, read};
use super::metadata::{of_result, with_tag};
use super::notes::{apart, check_channels, said_of_clipped, unlike};
use super::setup::Setup;
use super::shown::Shown;
use crate::output_folder::create_folder_of;
use crate::paths::Plain;
use crate::progress;
use crate::words;

/// Translates slices of a picture's files and writes the result to `target`, plus its ending; returns what to say of it.
///
/// # Errors
/// If the files cannot be read, the model does not take them, or the result cannot be written.
pub fn translate(
    setup: Setup,
    (files, pages): (&[PathBuf], &[Page]),
    target: &Path,
    mut shown: Option<Shown>,
) -> Result<String, Error> {
    let Setup {
        args, translator, ..
    } = setup;
    let slices = Slices::open(setup, files, pages)?;
    let (path, is_volume) = (slices.path, slices.is_volume());
    let domain = &translator.config.target;
    let template = match is_volume {
        true => Some(Template::of(path, slices.first())?),
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
    let rest = "{pos}/{len}  {eta} left";
    let bar = progress::bar(Some(pages.len() as u64), rest, args.quiet);
    let (clipped, pairs) = slices.look(pages)?;
    let mut spread = Spread::default();
    let (mut unusual, mut size) = (String::new(), slices.header.size);
    let mut unscored = Vec::new();
    let written = target.with_added_extension(ending);
    let beside = deviation::place(target).with_added_extension(ending);
    let mut all = |outputs: &mut StackWriter, mut deviations: Option<&mut StackWriter>| {
        for (number, page) in (1..).zip(pages) {
            let (given, metadata) = slices.given(*page)?;
            let numbered = |name: &Path| PathBuf::from(format!("{}-{number}", name.display()));
            let name = shown.as_ref().map(|shown| numbered(shown.name));
            let shown = shown.as_mut().zip(name.as_deref());
            let shown = shown.map(|(shown, name)| Shown {
                gallery: shown.gallery,
                name,
            });
            let is_pair = given.is_pair;
            let made = make(setup, given, shown)?;
            let metadata = of_result(translator, metadata, is_pair).of_stack();
            let failed = |file: &Path, e| Error::io(file, "write the file", e);
            outputs
                .write(&made.output, &metadata)
                .map_err(|e| failed(&written, e))?;
            if let (Some(sampled), Some(deviations)) = (&made.sampled, &mut deviations) {
                let metadata = of_deviation(metadata, sampled);
                deviations
                    .write(&sampled.deviation, &metadata)
                    .map_err(|e| failed(&beside, e))?;
                spread.add(sampled, pages.len());
            }
            size = made.output.size();
            if unusual.is_empty() {
                unusual = made.unusual;
            }
            unscored.extend(Some(made.unscored).filter(|note| !note.is_empty()));
            bar.inc(1);
        }
        Ok(())
    };
    create_folder_of(&written)?;
    if args.samples.is_some() {
        create_folder_of(&beside)?;
    }
    let done = match args.samples {
        None => filled(&written, &begin, |outputs| all(outputs, None)),
        // the means appear first, as those of pictures do: if the disk fills up between the two, no deviation is there without them
        Some(_) => filled(&beside, &begin, |deviations| {
            filled(&written, &begin, |outputs| all(outputs, Some(deviations)))
        }),
    };
    bar.finish_and_clear();
    done?;
    let [width, height] = slices.header.size;
    let said = format!(
        "{} ({width}x{height}, {}) -> {} ({}x{}){}\n",
        path.plain(),
        slices.said(pages.len(), pairs),
        written.plain(),
        size[0],
        size[1],
        said_of_clipped(translator, clipped)
    );
    let deviation = match args.samples {
        None => String::new(),
        Some(_) => spread.said(domain.depth, &beside),
    };
    Ok(said
        + &apart(&slices.contents, pages[0])
        + &slices.turned()
        + &deviation
        + &unusual
        + &first_of(&unscored))
}

/// The slices of a picture's files.
struct Slices<'a> {
    setup: Setup<'a>,
    /// The first file.
    path: &'a Path,
    contents: Vec<(&'a Path, Content)>,
    /// That of the first slice of the first file.
    header: Header,
    /// Number of slices in each file.
    count: usize,
}

impl<'a> Slices<'a> {
    /// Opens the files, of which `pages` are to be translated.
    fn open(setup: Setup<'a>, files: &'a [PathBuf], pages: &[Page]) -> Result<Self, Error> {
        let Setup {
            args, translator, ..
        } = setup;
        let path = files[0].as_path();
        let contents = opened(files)?;
        let first = &contents[0].1;
        let count = picture::pages(first);
        if let Some(page) = TiffWindows::open(path, pages[0])?.filter(TiffWindows::is_large) {
            let [width, height] = page.header().size;
            let reason = format!(
                "{width}x{height} pixels are too large for memory, and the model needs several pages at once"
            );
            let remedy = "cut it into smaller pictures, or train without --neighbors";
            return Err(Error::file(path, reason, remedy));
        }
        let header = Header::read(path, first, pages[0])?;
        if let [_] = files {
            // before hundreds of bands are decoded for nothing
            let around = pages[0].around(translator.config.neighbors, count);
            check_channels(path, header.channels * around.len(), translator)?;
        }
        let slices = Self {
            setup,
            path,
            contents,
            header,
            count,
        };
        if slices.is_volume() && args.pairs == Inputs::Yes {
            let remedy = "give the volume of the sources alone, and omit --pairs";
            return Err(Error::file(
                path,
                "a volume is no side-by-side pair",
                remedy,
            ));
        }
        Ok(slices)
    }

    /// Whether they are those of a volume, not pages.
    fn is_volume(&self) -> bool {
        self.header.format == Format::Nifti
    }

    /// The content of the first file.
    fn first(&self) -> &Content {
        &self.contents[0].1
    }

    /// Reads a slice, with its neighbors; and the metadata of its file.
    fn given(&self, page: Page) -> Result<(Given<'a>, Metadata), Error> {
        let Setup {
            args, translator, ..
        } = self.setup;
        let around = page.around(translator.config.neighbors, self.count);
        let (picture, format, gap) = read(&self.contents, &around, translator)?;
        let metadata = Metadata::read(self.first(), format, page, self.header.channels);
        let metadata = with_tag(metadata.in_domain(&translator.config.source), gap);
        let is_pair = !self.is_volume() && args.is_pair(&translator.config, picture.size());
        let given = Given {
            path: self.path,
            picture,
            format,
            tag: metadata.nodata(),
            is_pair,
            refuse_outside: false,
        };
        Ok((given, metadata))
    }

    /// Counts the values outside of the model's range, and the side-by-side pairs. An error if most values are: over all
    /// slices, as the first and last ones may be air alone; and before hours of work.
    fn look(&self, pages: &[Page]) -> Result<(Outside, usize), Error> {
        let translator = self.setup.translator;
        let (mut clipped, mut pairs) = (Outside::default(), 0);
        let mut depth = translator.config.source.depth;
        for page in pages {
            let (given, _) = self.given(*page)?;
            let Given {
                picture,
                tag,
                is_pair,
                ..
            } = given;
            pairs += usize::from(is_pair);
            let source = match is_pair {
                true => translator.config.direction.source(self.path, &picture)?,
                false => picture,
            };
            clipped.add(translator.outside_known(&source, tag));
            depth = source.depth();
        }
        let checked = translator.check_values(clipped, depth);
        checked.map_err(|reason| unlike(self.path, reason))?;
        Ok((clipped, pairs))
    }

    /// What to say of a volume whose axes point elsewhere than those of the training volumes.
    fn turned(&self) -> String {
        let orientation = Stack::of(self.first()).and_then(|stack| stack.orientation());
        let found = self.setup.translator.config.turned(orientation);
        found.map_or_else(String::new, |found| format!("  note: it has {found}\n"))
    }

    /// What to say of `count` of them, of which `pairs` are side-by-side pairs.
    fn said(&self, count: usize, pairs: usize) -> String {
        let noun = if self.is_volume() { "slice" } else { "page" };
        let what = words::count(count as u64, noun);
        let some = match pairs {
            0 => return what,
            _ if pairs == count => String::new(),
            _ => format!("{pairs} of them "),
        };
        format!(
            "{what}, {some}side-by-side pairs by their size; for single pictures, use --pairs no"
        )
    }
}

/// The first note on pages without scores in the gallery, and how many more there are: a stack may have thousands.
fn first_of(unscored: &[String]) -> String {
    match unscored {
        [] => String::new(),
        [one] => one.clone(),
        [first, others @ ..] => {
            let others = words::count(others.len() as u64, "other page");
            format!("{first}  note: nor does the gallery have scores of {others}\n")
        }
    }
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
