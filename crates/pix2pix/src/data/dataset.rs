//! Data sets: pairs in any supported layout, and their splits.

pub mod aligned;
pub mod classes;
pub mod layout;
pub mod leakage;
pub mod manifest;
pub mod passed_over;
pub mod pattern;
mod remembered;
pub mod store;
pub mod survey;
mod tally;
pub mod values;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;

use pix2pix_runtime::picture::{Domain, Nodata, nodata};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use crate::data::pair::{self, Direction, Pair};
use crate::data::picture::{
    self, Content, Depth, Format, Header, Metadata, Page, Pages, Picture, Samples, Stack,
};
use crate::data::sha256;
use crate::error::{Error, Result};
use layout::{Entry, Files, Layout, Split};
use passed_over::PassedOver;
use pattern::Pattern;
use remembered::{Asked, ReadAs};
use store::Store;

/// Pairs of one split, read on demand.
#[derive(Clone)]
pub struct Pairs {
    store: Arc<Store>,
    entries: Arc<Vec<Entry>>,
    direction: Direction,
    /// Domains of A and B to which the files are converted; `None` keeps their channels.
    domains: Option<Arc<[Domain; 2]>>,
    /// Whether square files are side-by-side pairs too.
    squares: bool,
    /// How pixels of A and of B without data are known.
    nodata: [Option<Nodata>; 2],
    /// Pages or slices on either side that are channels of the source too.
    neighbours: usize,
}

/// Smallest value in a JPEG's mask that says that there is data: JPEG keeps no value exactly, and black beside white is not 0.
const BRIGHT: f32 = 128.0;

/// A picture of a pair as its file has it.
#[derive(Clone)]
pub(crate) struct Decoded {
    /// The picture.
    pub picture: Picture,
    /// The format of its file.
    pub format: Format,
    /// The value of samples without data in each channel: each file may name its own.
    pub gaps: Vec<Option<f32>>,
    /// Number of files whose channels are joined.
    pub files: usize,
}

impl Decoded {
    /// Size, channels and depth.
    fn kind(&self) -> ([u32; 2], usize, Depth) {
        let picture = &self.picture;
        (picture.size(), picture.channels(), picture.depth())
    }

    /// The pictures, of so many files, as one with all their channels.
    fn joined(mut parts: Vec<Self>, files: usize) -> Self {
        if parts.len() == 1 {
            return parts.remove(0);
        }
        let format = parts[0].format;
        let parts = parts.into_iter().map(|part| (part.picture, part.gaps));
        let (pictures, gaps): (Vec<Picture>, Vec<_>) = parts.unzip();
        Self {
            picture: Picture::with_all_channels(&pictures),
            format,
            gaps: gaps.concat(),
            files,
        }
    }
}

impl Pairs {
    /// Which of A and B is the source.
    pub(crate) fn direction(&self) -> Direction {
        self.direction
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Name of pair `index`.
    pub fn name(&self, index: usize) -> &str {
        &self.entries[index].name
    }

    /// Whether pair `index` is one of several pages or slices of its files.
    pub fn is_slice(&self, index: usize) -> bool {
        self.entries[index].pages > 1
    }

    /// The page of pair `index`'s files.
    pub(crate) fn page(&self, index: usize) -> Page {
        self.entries[index].page
    }

    /// The side, 0 for A and 1 for B, of which neighbours are channels too, and how many on either side; `None` without.
    pub(crate) fn neighbours(&self) -> Option<(usize, usize)> {
        let [source, _] = self.direction.order([0, 1]);
        (self.neighbours > 0).then_some((source, self.neighbours))
    }

    /// The pages that are read of each file of a side of a pair.
    fn pages_of(&self, entry: &Entry, side: usize) -> Vec<Page> {
        match self.neighbours() {
            Some((of, neighbours)) if of == side => entry.page.around(neighbours, entry.pages),
            _ => vec![entry.page],
        }
    }

    /// Paths of pair `index`'s files, for messages: one for a side-by-side pair, else those of A and of B.
    pub fn shown(&self, index: usize) -> Vec<PathBuf> {
        match &self.entries[index].files {
            Files::Together(path) => vec![self.store.shown(path)],
            Files::Apart(a, b) => a
                .iter()
                .chain(b)
                .map(|path| self.store.shown(path))
                .collect(),
        }
    }

    /// Pair `index`, as results of earlier surveys know it.
    fn asked(&self, index: usize) -> Asked {
        let entry = &self.entries[index];
        let shown = |paths: &[PathBuf]| paths.iter().map(|path| self.store.shown(path)).collect();
        let mut files: Vec<Vec<PathBuf>> = match &entry.files {
            Files::Together(path) => vec![shown(slice::from_ref(path))],
            Files::Apart(a, b) => vec![shown(a), shown(b)],
        };
        files.push(shown(entry.mask.as_slice()));
        Asked {
            files,
            page: entry.page,
        }
    }

    /// How the files are read.
    fn read_as(&self) -> ReadAs {
        ReadAs {
            squares: self.squares,
            nodata: self.nodata,
            neighbours: self.neighbours(),
        }
    }

    /// Whether pair `index` is one file, A and B side by side.
    pub fn is_together(&self, index: usize) -> bool {
        matches!(self.entries[index].files, Files::Together(_))
    }

    /// The folders for pair `index`'s files, in the order of [`shown`](Self::shown): `A` and `B`, or `A1`, `A2`, ... where a side
    /// has several. None for a side-by-side pair.
    pub fn folders(&self, index: usize) -> Vec<String> {
        let of_side = |name: &str, files: &[PathBuf]| -> Vec<String> {
            match files.len() {
                1 => vec![name.to_string()],
                count => (1..=count).map(|place| format!("{name}{place}")).collect(),
            }
        };
        match &self.entries[index].files {
            Files::Together(_) => Vec::new(),
            Files::Apart(a, b) => [of_side("A", a), of_side("B", b)].concat(),
        }
    }

    /// Path of the first file of A or B (`side` 0 or 1) of pair `index`, for messages.
    pub(crate) fn shown_side(&self, index: usize, side: usize) -> PathBuf {
        match &self.entries[index].files {
            Files::Together(path) => self.store.shown(path),
            Files::Apart(a, b) => self.store.shown(&[a, b][side][0]),
        }
    }

    /// The data set's folder; `None` for archives and embedded data.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.store.is_folder().then(|| self.store.root())
    }

    /// The bytes of pair `index`'s files.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn bytes(&self, index: usize) -> Result<Vec<Vec<u8>>> {
        match &self.entries[index].files {
            Files::Together(path) => Ok(vec![self.store.read(path)?]),
            Files::Apart(a, b) => a
                .iter()
                .chain(b)
                .map(|path| self.store.read(path))
                .collect(),
        }
    }

    /// Headers of A and B of pair `index`, without decoding a picture.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged, or the two do not form a pair.
    pub fn headers(&self, index: usize) -> Result<[Header; 2]> {
        let entry = &self.entries[index];
        let header = |path: &Path| {
            let content = self.store.content(path)?;
            Header::read(&self.store.shown(path), &content, entry.page)
        };
        let mut headers = match &entry.files {
            Files::Together(path) => {
                let (both, shown) = (header(path)?, self.store.shown(path));
                if !self.squares {
                    pair::not_square(&shown, both.size)?;
                }
                let size = pair::half(&shown, both.size)?;
                [Header { size, ..both }; 2]
            }
            Files::Apart(a, b) => {
                let first = header(&a[0])?;
                let joined = |paths: &[PathBuf]| {
                    let mut joined: Option<Header> = None;
                    for path in paths {
                        let (found, shown) = (header(path)?, self.store.shown(path));
                        pair::same_size(
                            (&self.store.shown(&a[0]), first.size),
                            (&shown, found.size),
                        )?;
                        joined = Some(joined.map_or(found, |before| before.and(&found)));
                    }
                    let joined = joined.expect("a side has a file");
                    joined.check(&self.store.shown(&paths[0]))?;
                    Ok::<_, Error>(joined)
                };
                [joined(a)?, joined(b)?]
            }
        };
        if let Some((side, _)) = self.neighbours() {
            let joined = self.check_neighbours(entry, side)?;
            headers[side].channels *= joined;
            headers[side].check(&self.shown_side(index, side))?;
        }
        if let Some(mask) = &entry.mask {
            let (shown, content) = (self.store.shown(mask), self.store.content(mask)?);
            let found = Header::read(&shown, &content, mask_page(entry, &content))?;
            let pair = self.shown(index);
            pair::same_size((&pair[0], headers[0].size), (&shown, found.size))?;
        }
        Ok(headers)
    }

    /// Checks that the pages of each file of a side are alike, so that their channels can be joined. Returns their number.
    fn check_neighbours(&self, entry: &Entry, side: usize) -> Result<usize> {
        let pages = self.pages_of(entry, side);
        let files = match &entry.files {
            Files::Together(path) => slice::from_ref(path),
            Files::Apart(a, b) => [a, b][side],
        };
        for path in files {
            let (shown, content) = (self.store.shown(path), self.store.content(path)?);
            let header = |page: &Page| Header::read(&shown, &content, *page);
            let headers: Vec<Header> = pages.iter().map(header).collect::<Result<_>>()?;
            let found = headers
                .iter()
                .map(|header| (header.size, header.channels, header.depth));
            picture::alike(&shown, &pages, found)?;
        }
        Ok(pages.len())
    }

    /// Reads A and B of pair `index`, with the channels of the files.
    ///
    /// # Errors
    /// When they cannot be read or do not form a pair.
    pub fn read_sides(&self, index: usize) -> Result<[Picture; 2]> {
        Ok(self.decode_sides(index)?.map(|side| side.picture))
    }

    /// As [`read_sides`](Self::read_sides), with what the files say of them.
    pub(crate) fn decode_sides(&self, index: usize) -> Result<[Decoded; 2]> {
        let entry = &self.entries[index];
        let read = |path: &Path, side: usize| {
            let (shown, content) = (self.store.shown(path), self.store.content(path)?);
            let domain = self.domains.as_ref().map(|domains| &domains[side]);
            let page = |page: Page| {
                let (picture, format) = picture::decode_as(&shown, &content, page, domain)?;
                let gap = self.gap(side, (&content, format, page), picture.channels());
                Ok(Decoded {
                    gaps: vec![gap; picture.channels()],
                    picture,
                    format,
                    files: 1,
                })
            };
            let pages = self.pages_of(entry, side);
            let parts: Vec<Decoded> = pages.iter().copied().map(page).collect::<Result<_>>()?;
            picture::alike(&shown, &pages, parts.iter().map(Decoded::kind))?;
            Ok(Decoded::joined(parts, 1))
        };
        match &entry.files {
            Files::Together(path) => {
                let (shown, content) = (self.store.shown(path), self.store.content(path)?);
                let halves = |page: Page| {
                    let (both, format) = picture::decode_page(&shown, &content, page)?;
                    let channels = both.channels();
                    let gap = |side| self.gap(side, (&content, format, page), channels);
                    let mut gaps = [0, 1].map(gap).into_iter();
                    Ok::<_, Error>(pair::split(&shown, &both)?.map(|picture| Decoded {
                        picture,
                        format,
                        gaps: vec![gaps.next().flatten(); channels],
                        files: 1,
                    }))
                };
                let mut sides = halves(entry.page)?;
                if let Some((side, _)) = self.neighbours() {
                    let half = |page: Page| match page == entry.page {
                        true => Ok(sides[side].clone()),
                        false => Ok(halves(page)?.into_iter().nth(side).expect("A and B")),
                    };
                    let pages = self.pages_of(entry, side);
                    let parts: Vec<Decoded> =
                        pages.iter().copied().map(half).collect::<Result<_>>()?;
                    picture::alike(&shown, &pages, parts.iter().map(Decoded::kind))?;
                    sides[side] = Decoded::joined(parts, 1);
                }
                Ok(sides)
            }
            Files::Apart(a, b) => {
                let mut first = None;
                let mut joined = |paths: &[PathBuf], side: usize| {
                    let mut parts = Vec::new();
                    for path in paths {
                        let (part, shown) = (read(path, side)?, self.store.shown(path));
                        let size = part.picture.size();
                        let (path, wanted) = first.get_or_insert_with(|| (shown.clone(), size));
                        pair::same_size((path, *wanted), (&shown, size))?;
                        parts.push(part);
                    }
                    Ok::<_, Error>(Decoded::joined(parts, paths.len()))
                };
                Ok([joined(a, 0)?, joined(b, 1)?])
            }
        }
    }

    /// The value of samples without data in a page of a file of A or B (`side` 0 or 1); `None` if all have data.
    fn gap(
        &self,
        side: usize,
        (content, format, page): (&Content, Format, Page),
        channels: usize,
    ) -> Option<f32> {
        match self.nodata[side]? {
            Nodata::Tag => Metadata::read(content, format, page, channels).nodata(),
            Nodata::Value(value) => Some(value),
        }
    }

    /// Reads pair `index`, converted to the channels of the data set (see [`in_domains`](Self::in_domains)).
    ///
    /// # Errors
    /// When its files cannot be read, do not form a pair, or have channels that cannot be converted; when a label map has a
    /// value that no class has, unless its format keeps no exact colours.
    pub fn read(&self, index: usize) -> Result<Pair> {
        let [a, b] = self.decode_sides(index)?;
        let (a, known_a) = self.converted(0, a, &self.shown_side(index, 0))?;
        let (b, known_b) = self.converted(1, b, &self.shown_side(index, 1))?;
        let mask = nodata::both(nodata::both(known_a, known_b), self.mask(index, a.size())?);
        let [source, mut target] = self.direction.order([a, b]);
        if let (Some(mask), Some(domains)) = (&mask, &self.domains) {
            // what is not known must not reach its neighbours when the picture is resized
            let [_, domain] = self.direction.order([&domains[0], &domains[1]]);
            target = domain.filled(&target, mask);
        }
        let is_labels = |side: usize| {
            let domains = self.domains.as_ref();
            domains.is_some_and(|domains| domains[side].labels.is_some())
        };
        Ok(Pair {
            name: self.entries[index].name.clone(),
            source,
            target,
            labels: self.direction.order([is_labels(0), is_labels(1)]),
            mask,
        })
    }

    /// Converts a picture of A or B (`side` 0 or 1) to the channels of its domain; also returns the mask of pixels that have
    /// data, if some have none.
    fn converted(
        &self,
        side: usize,
        decoded: Decoded,
        path: &Path,
    ) -> Result<(Picture, Option<Picture>)> {
        let Decoded {
            picture,
            format,
            gaps,
            ..
        } = decoded;
        let Some(domains) = &self.domains else {
            return Ok((picture, None));
        };
        let domain = &domains[side];
        // before the conversion, which mixes channels
        let (picture, mask) = domain.without_gaps_of(picture, &gaps);
        let picture = picture.with_channels(domain.channels).map_err(|reason| {
            Error::file(path, reason, "choose other `channels[0]` or `channels[1]`")
        })?;
        if let Some(labels) = domain.labels.as_ref().filter(|_| format.is_exact()) {
            labels.check(&picture).map_err(|reason| {
                let remedy = format!(
                    "give it a class in `labels[{side}]`, leave it out with `nodata[{side}]`, or correct the file"
                );
                Error::file(path, reason, remedy)
            })?;
        }
        Ok((picture, mask))
    }

    /// The mask file of pair `index`, whose pictures have this size: 0 where every channel is 0, or
    /// dark in a JPEG, otherwise known. Alpha does not count. `None` if it has none.
    fn mask(&self, index: usize, size: [u32; 2]) -> Result<Option<Picture>> {
        let entry = &self.entries[index];
        let Some(path) = &entry.mask else {
            return Ok(None);
        };
        let (shown, content) = (self.store.shown(path), self.store.content(path)?);
        let page = mask_page(entry, &content);
        let (picture, format) = picture::decode_page(&shown, &content, page)?;
        let pair = self.shown(index);
        pair::same_size((&pair[0], size), (&shown, picture.size()))?;
        let channels = match (picture.channels(), page) {
            // of joined pages, the last one is no alpha
            (channels @ (2 | 4), Page::Only | Page::At(_)) => channels - 1,
            (channels, _) => channels,
        };
        let samples = picture.to_floats();
        let pixels = samples.chunks_exact(picture.channels());
        let known = pixels.map(|pixel| {
            let has_data = pixel[..channels].iter().any(|&sample| match format {
                Format::Jpeg => sample >= BRIGHT,
                _ => sample != 0.0,
            });
            if has_data { nodata::KNOWN } else { 0 }
        });
        Ok(Some(Picture::new(size, 1, Samples::U8(known.collect()))))
    }

    /// Whether some pixels of the pairs may have no data.
    pub(crate) fn may_have_gaps(&self) -> bool {
        self.nodata.iter().any(Option::is_some) || self.has_masks()
    }

    /// Whether a mask file belongs to some of the pairs.
    pub fn has_masks(&self) -> bool {
        self.entries.iter().any(|entry| entry.mask.is_some())
    }

    /// The same pairs, converted to these domains of A and B.
    pub fn in_domains(self, domains: [Domain; 2]) -> Self {
        Self {
            domains: Some(domains.into()),
            ..self
        }
    }

    /// The domains of A and B to which the pictures are converted.
    pub(crate) fn domains(&self) -> Option<&[Domain; 2]> {
        self.domains.as_deref()
    }

    /// Only the pairs at `indices`.
    pub fn select(&self, indices: &[usize]) -> Self {
        let entries = indices
            .iter()
            .map(|&index| self.entries[index].clone())
            .collect();
        Self {
            entries: Arc::new(entries),
            ..self.clone()
        }
    }

    /// The order of an epoch: every pair once, shuffled by the seed and the epoch.
    pub fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        shuffled(self.len(), seed, epoch)
    }

    /// The pairs of each file with several pages or slices, and each other pair by itself.
    fn by_file(&self) -> Vec<Range<usize>> {
        let mut groups: Vec<Range<usize>> = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            match groups.last_mut() {
                Some(group)
                    if entry.pages > 1 && self.entries[group.start].files == entry.files =>
                {
                    group.end = index + 1;
                }
                _ => groups.push(index..index + 1),
            }
        }
        groups
    }
}

/// The numbers below `count`, shuffled by the seed and the epoch.
fn shuffled(count: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch);
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut rng);
    order
}

/// Options for opening a data set.
#[derive(Clone, Debug)]
pub struct Options {
    /// Translation direction.
    pub direction: Direction,
    /// Share of the pairs to hold out, 0 to below 1; above 0 only if the data set has no held-out split of its own.
    pub val_fraction: f64,
    /// Seed for the choice of held-out pairs.
    pub seed: u64,
    /// How files with several pages or slices are read; `None` refuses TIFF files, and reads each slice of a volume.
    pub pages: Option<Pages>,
    /// Number of pages or slices on either side of each that are channels of the source too, in order; at the ends, the
    /// last one is repeated. 0 for none; otherwise, `pages` reads each.
    pub neighbours: usize,
    /// Patterns of the names of A and of B, each with a `*` for the name of the pair; names that do not match are whole
    /// names. `None` pairs files of the same name.
    pub matching: Option<[String; 2]>,
    /// Whether square files are side-by-side pairs too. They are refused otherwise.
    pub squares: bool,
    /// How pixels of A and of B without data are known; `None` if all have data.
    pub nodata: [Option<Nodata>; 2],
}

impl Default for Options {
    fn default() -> Self {
        Self {
            direction: Direction::AToB,
            val_fraction: 0.0,
            seed: 0,
            pages: None,
            neighbours: 0,
            matching: None,
            squares: false,
            nodata: [None; 2],
        }
    }
}

/// A data set: its splits and its layout.
#[derive(Clone)]
pub struct Dataset {
    /// Training pairs.
    pub train: Pairs,
    /// Held-out pairs, for samples and scores during training: `val`, else `test`.
    pub val: Option<Pairs>,
    /// All splits, with their names.
    pub splits: Vec<(&'static str, Pairs)>,
    /// Description of the layout in plain language.
    pub layout: String,
    /// Pictures of one folder without a partner in the other.
    pub unmatched: Vec<PathBuf>,
    /// Values of [`Options::matching`] that would match the names of some of them.
    pub proposal: Option<[String; 2]>,
    /// Whether the names of files say what is a pair: [`Options::matching`] has no meaning elsewhere.
    pub by_name: bool,
    /// Files that are not of a pair.
    pub passed_over: Vec<PassedOver>,
}

impl Dataset {
    /// SHA-256 of the names of all pairs, split by split, in hexadecimal: the same for the same pairs in
    /// the same order.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (split, pairs) in &self.splits {
            for index in 0..pairs.len() {
                hash.update(format!("{split}/{}\n", pairs.name(index)));
            }
        }
        sha256::digits(&hash.finalize())
    }

    /// Opens a folder, a manifest or an archive, and finds its pairs and splits.
    ///
    /// # Errors
    /// When it cannot be read, has an unknown layout, or has no training pairs.
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        if manifest::is_manifest(path) && path.is_file() {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let store = Store::open(folder.unwrap_or(Path::new(".")))?;
            let name = Path::new(path.file_name().unwrap_or_default());
            let layout = manifest::read(name, path, &store.read(name)?)?;
            return Self::new(store, layout, options);
        }
        let store = Store::open(path)?;
        let (files, passed_over) = store.files()?;
        let base = layout::base(&files);
        let manifests = manifest::NAMES.iter().map(|name| base.join(name));
        let mut layout = match manifests.into_iter().find(|name| files.contains(name)) {
            Some(name) => {
                let mut layout = manifest::read(&name, &store.shown(&name), &store.read(&name)?)?;
                layout.note_unlisted(&name, &files);
                layout
            }
            None => {
                let patterns = options
                    .matching
                    .as_ref()
                    .map(|[a, b]| Ok::<_, Error>([Pattern::parse(a)?, Pattern::parse(b)?]));
                layout::find(store.root(), &files, patterns.transpose()?.as_ref())?
            }
        };
        layout.passed_over.extend(passed_over);
        Self::new(store, layout, options)
    }

    /// Makes a data set of a store and the layout of its files.
    ///
    /// # Errors
    /// When there are no training pairs, `val_fraction` cannot be applied, or the pages of a file cannot be counted.
    pub fn new(store: Store, layout: Layout, options: &Options) -> Result<Self> {
        let root = store.root().to_path_buf();
        let store = Arc::new(store);
        let Layout {
            description,
            splits,
            unmatched,
            passed_over,
            proposal,
            by_name,
        } = layout;
        let mut named: Vec<(&'static str, Pairs)> = Vec::new();
        let (mut pages, mut files) = (0, 0);
        for (split, entries) in splits {
            let name = match split {
                None | Some(Split::Train) => "train",
                Some(Split::Val) => "val",
                Some(Split::Test) => "test",
            };
            let entries = with_pages(entries, &store, options.pages)?;
            let mut last = None;
            for entry in entries.iter().filter(|entry| entry.pages > 1) {
                pages += 1;
                files += usize::from(last.replace(&entry.files) != Some(&entry.files));
            }
            let pairs = Pairs {
                store: store.clone(),
                entries: Arc::new(entries),
                direction: options.direction,
                domains: None,
                squares: options.squares,
                nodata: options.nodata,
                neighbours: options.neighbours,
            };
            if name != "train" || !pairs.is_empty() {
                named.push((name, pairs));
            }
        }
        if named.first().is_none_or(|(name, _)| *name != "train") {
            let remedy = match survey::mismatch(&unmatched, proposal.as_ref()) {
                Some(example) => format!(
                    "pictures in A/ and B/ are matched by name, but {example}; give both the same name"
                ),
                None => "put pairs into train/".to_string(),
            };
            return Err(Error::file(&root, "there are no training pairs", remedy));
        }
        if options.neighbours > 0 && pages == 0 {
            let reason =
                "takes slices of volumes or pages of TIFF files, and no file has several; omit it";
            return Err(Error::field("neighbours", reason));
        }
        let data = Self {
            train: named[0].1.clone(),
            val: None,
            splits: Vec::new(),
            layout: match pages {
                0 => description,
                _ => format!("{description}; {pages} slices or pages of {files} pairs"),
            },
            unmatched: unmatched.iter().map(|path| store.shown(path)).collect(),
            proposal,
            by_name,
            passed_over,
        };
        let data = data.with_splits(named);
        match options.val_fraction > 0.0 {
            true => data.hold_out(options.val_fraction, options.seed, HeldOut::Files),
            false => Ok(data),
        }
    }

    /// Holds out a share of the training pairs, chosen by the seed.
    ///
    /// # Errors
    /// When the data set already has held-out pairs, or there are fewer than two pairs or files.
    pub(crate) fn hold_out(self, val_fraction: f64, seed: u64, what: HeldOut) -> Result<Self> {
        if self.splits.len() > 1 {
            let (reason, remedy) = (
                "the data set already has held-out pairs",
                "omit `val_fraction`",
            );
            return Err(match self.train.store.root() {
                // what is inside the program has no path
                root if root.as_os_str().is_empty() => Error::Config(format!("{reason}; {remedy}")),
                root => Error::file(root, reason, remedy),
            });
        }
        let (train, val) = hold_out(&self.train, val_fraction, seed, what)?;
        Ok(self.with_splits(vec![("train", train), ("val", val)]))
    }

    /// The same data set with these splits, the training split first.
    fn with_splits(self, splits: Vec<(&'static str, Pairs)>) -> Self {
        Self {
            train: splits[0].1.clone(),
            val: splits.get(1).map(|(_, pairs)| pairs.clone()),
            splits,
            ..self
        }
    }

    /// Applies `change` to the pairs of every split.
    pub fn map(self, change: impl Fn(Pairs) -> Pairs) -> Self {
        let splits = self.splits.iter();
        let splits = splits.map(|(name, pairs)| (*name, change(pairs.clone())));
        let splits = splits.collect();
        self.with_splits(splits)
    }
}

/// What is held out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeldOut {
    /// All pages or slices of a file: those beside each other are nearly the same, and training pairs would tell of held-out
    /// ones.
    Files,
    /// Each page by itself, as in runs of earlier versions.
    Pages,
}

/// The pairs with the page that is read of each: with [`Pages::Each`], and of volumes without a choice, one pair for every
/// page or slice.
fn with_pages(entries: Vec<Entry>, store: &Store, pages: Option<Pages>) -> Result<Vec<Entry>> {
    let mut all = Vec::new();
    for entry in entries {
        let is_volume = match &entry.files {
            Files::Together(path) => picture::is_volume(path),
            Files::Apart(a, b) => a.iter().chain(b).any(|path| picture::is_volume(path)),
        };
        let pages = pages.or(is_volume.then_some(Pages::Each));
        let page = Page::of(pages);
        let each = pages == Some(Pages::Each);
        let count = match each || is_volume {
            true => count_pages(&entry, store, each)?,
            false => Some(1),
        };
        let Some(count) = count else {
            let page = Page::At(0);
            all.push(Entry { page, ..entry });
            continue;
        };
        for index in 0..count {
            let entry = entry.clone();
            all.push(match count {
                1 => Entry { page, ..entry },
                _ => Entry {
                    name: format!("{}-{}", entry.name, index + 1),
                    page: Page::At(index),
                    pages: count,
                    ..entry
                },
            });
        }
    }
    Ok(all)
}

/// The page to read of a pair's mask: one of a single page or slice belongs to all of the pair.
fn mask_page(entry: &Entry, mask: &Content) -> Page {
    match entry.pages > 1 && picture::pages(mask) == 1 {
        true => Page::Only,
        false => entry.page,
    }
}

/// Number of pages or slices of a pair's files that are pairs: one, or with `each` all, which must be as many for A and B.
/// Volumes must lie in the same way, those of masks too. `None` if a file cannot be read: the survey reports it, and nothing is
/// wrong with its partners.
fn count_pages(entry: &Entry, store: &Store, each: bool) -> Result<Option<usize>> {
    let files: Vec<&PathBuf> = match &entry.files {
        Files::Together(path) => vec![path],
        Files::Apart(a, b) => a.iter().chain(b).collect(),
    };
    let mut stacks = Vec::new();
    for path in files.into_iter().chain(&entry.mask) {
        match Stack::read(&store.stored(path)?) {
            Ok(stack) => stacks.push((path, store.shown(path), stack)),
            Err(_) => return Ok(None),
        }
    }
    let check = match each {
        true => Stack::check_partners,
        false => Stack::check_axes,
    };
    let (_, shown, found) = &stacks[0];
    for (path, other_shown, other) in &stacks[1..] {
        let is_single = other.as_ref().is_none_or(|stack| stack.count == 1);
        let check = match entry.mask.as_ref() == Some(path) && is_single {
            // a mask of one page or slice belongs to all
            true => Stack::check_axes,
            false => check,
        };
        check((other_shown, other.as_ref()), (shown, found.as_ref()))?;
    }
    let found = found.as_ref().filter(|_| each);
    Ok(Some(found.map_or(1, |stack| stack.count)))
}

/// Splits the pairs at random into training pairs and held-out pairs.
fn hold_out(pairs: &Pairs, val_fraction: f64, seed: u64, what: HeldOut) -> Result<(Pairs, Pairs)> {
    let groups = match what {
        HeldOut::Files => pairs.by_file(),
        HeldOut::Pages => (0..pairs.len()).map(|index| index..index + 1).collect(),
    };
    if groups.len() < 2 {
        let reason = match pairs.len() {
            0..2 => "needs at least two pairs: one to train on and one to hold out",
            _ => {
                "needs the slices of at least two volumes or files: all of one are held out together"
            }
        };
        return Err(Error::field("val_fraction", reason));
    }
    let count = (groups.len() as f64 * val_fraction).round() as usize;
    let count = count.clamp(1, groups.len() - 1);
    // a separate random stream: the choice must not depend on the order of an epoch
    let order = shuffled(groups.len(), seed, u64::MAX);
    let chosen = |places: &[usize]| {
        let indices = places.iter().flat_map(|place| groups[*place].clone());
        let mut indices: Vec<usize> = indices.collect();
        indices.sort_unstable();
        pairs.select(&indices)
    };
    Ok((chosen(&order[count..]), chosen(&order[..count])))
}
