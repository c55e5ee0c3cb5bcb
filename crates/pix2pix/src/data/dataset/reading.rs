//! Reads pairs: their headers, their pictures as the files have them, and as the networks take them.

use std::path::{Path, PathBuf};

use pix2pix_runtime::picture::labels::Stored;
use pix2pix_runtime::picture::nodata;

use super::layout::{Entry, Files};
use super::pairs::Pairs;
use crate::data::pair::{self, Pair};
use crate::data::picture::{self, Content, Format, Gaps, Header, Metadata, Page, Picture, Samples};
use crate::error::{Error, Result};

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
    /// What the file itself names as that value, for each channel; `None` while training, and where `gaps` are known.
    pub named: Vec<Option<f32>>,
    /// The number in the tag of the file, or of the first one, that names it so: reading may convert it.
    pub tag: Option<f32>,
    /// Number of files whose channels are joined.
    pub files: usize,
    /// For each channel, the number of the one that it is: neighbors of a slice have its channels again.
    pub same: Vec<usize>,
}

impl Decoded {
    /// The pictures, of so many files, as one with all their channels. Those of one file are neighbors.
    fn joined(mut parts: Vec<Self>, files: usize) -> Self {
        if parts.len() == 1 {
            return parts.remove(0);
        }
        let mut same: Vec<usize> = Vec::new();
        for part in &parts {
            let before = match files {
                1 => 0,
                _ => same.iter().max().map_or(0, |last| last + 1),
            };
            same.extend(part.same.iter().map(|channel| before + channel));
        }
        let format = parts[0].format;
        let gaps = parts.iter().flat_map(|part| part.gaps.clone()).collect();
        let named = parts.iter().flat_map(|part| part.named.clone()).collect();
        let tag = parts.iter().find_map(|part| part.tag);
        let pictures: Vec<Picture> = parts.into_iter().map(|part| part.picture).collect();
        Self {
            picture: Picture::with_all_channels(&pictures),
            format,
            gaps,
            named,
            tag,
            files,
            same,
        }
    }
}

impl Pairs {
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
                self.narrow.check(&shown, both.size)?;
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
        if let Some((side, _)) = self.neighbors() {
            let joined = self.check_neighbors(entry, side)?;
            headers[side].channels *= joined;
            headers[side].alpha = false;
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
    fn check_neighbors(&self, entry: &Entry, side: usize) -> Result<usize> {
        let pages = self.pages_of(entry, side);
        for path in entry.files.of_side(side) {
            let (shown, content) = (self.store.shown(path), self.store.content(path)?);
            let header = |page: &Page| Header::read(&shown, &content, *page);
            let headers: Vec<Header> = pages.iter().map(header).collect::<Result<_>>()?;
            picture::alike(&shown, &pages, headers.iter().map(Header::dimensions))?;
        }
        Ok(pages.len())
    }

    /// Reads A and B of pair `index`, with the channels of the files, each with the value that its files name for pixels without
    /// data, if some samples have it. `None` too where the data set was opened with such values.
    ///
    /// # Errors
    /// When they cannot be read or do not form a pair.
    pub fn read_sides_and_gaps(&self, index: usize) -> Result<[(Picture, Option<f32>); 2]> {
        let sides = self.decode_sides(index)?;
        Ok(sides.map(|decoded| {
            let (found, _) = nodata::found(&decoded.picture, &decoded.named);
            (decoded.picture, found.and(decoded.tag))
        }))
    }

    /// As [`read_sides_and_gaps`](Self::read_sides_and_gaps), with what the files say of them.
    pub(crate) fn decode_sides(&self, index: usize) -> Result<[Decoded; 2]> {
        let sides = self.decode_any(index)?;
        let [width, height] = sides[0].picture.size();
        match self.entries[index].size {
            Some([w, h]) if [w, h] != [width, height] => Err(Error::file(
                &self.shown(index)[0],
                format!(
                    "A and B have {width}x{height} pixels, and had {w}x{h} when the data were checked"
                ),
                "leave the files of a data set as they are while it is used; begin again if they are right now",
            )),
            _ => Ok(sides),
        }
    }

    /// The same, whatever size they have.
    fn decode_any(&self, index: usize) -> Result<[Decoded; 2]> {
        let entry = &self.entries[index];
        let read = |path: &Path, side: usize| {
            let (shown, content) = (self.store.shown(path), self.store.content(path)?);
            let domain = self.domains.as_ref().map(|domains| &domains[side]);
            let page = |page: Page| {
                let (picture, format) =
                    picture::decode_as(&shown, &content, page, domain, self.marked(side))?;
                let at = (&content, format, page);
                let gap = Metadata::gap_of(self.nodata[side], at, picture.channels(), domain);
                let [named, tag] = self.named(side, at, picture.channels());
                Ok(Decoded {
                    gaps: vec![gap; picture.channels()],
                    named: vec![named; picture.channels()],
                    tag,
                    same: (0..picture.channels()).collect(),
                    picture,
                    format,
                    files: 1,
                })
            };
            let pages = self.pages_of(entry, side);
            let parts: Vec<Decoded> = pages.iter().copied().map(page).collect::<Result<_>>()?;
            picture::alike(
                &shown,
                &pages,
                parts.iter().map(|part| part.picture.dimensions()),
            )?;
            Ok(Decoded::joined(parts, 1))
        };
        match &entry.files {
            Files::Together(path) => {
                let (shown, content) = (self.store.shown(path), self.store.content(path)?);
                let halves = |page: Page| {
                    let decoded = |side: usize| {
                        picture::decode_marked(&shown, &content, page, self.marked(side))
                    };
                    let (both, format) = decoded(0)?;
                    let channels = both.channels();
                    let mut pictures = pair::split(&shown, &both)?;
                    // only reading a TIFF marks pixels
                    if format == Format::Tiff && self.marked(1) != self.marked(0) {
                        let (both, _) = decoded(1)?;
                        [_, pictures[1]] = pair::split(&shown, &both)?;
                    }
                    let at = (&content, format, page);
                    let gaps = self
                        .nodata
                        .map(|known| Metadata::gap_of(known, at, channels, None));
                    let named = [0, 1].map(|side| self.named(side, at, channels));
                    let mut values = gaps.into_iter().zip(named);
                    Ok::<_, Error>(pictures.map(|picture| {
                        let (gap, [named, tag]) = values.next().expect("A and B");
                        Decoded {
                            picture,
                            format,
                            gaps: vec![gap; channels],
                            named: vec![named; channels],
                            tag,
                            files: 1,
                            same: (0..channels).collect(),
                        }
                    }))
                };
                let mut sides = halves(entry.page)?;
                if let Some((side, _)) = self.neighbors() {
                    let half = |page: Page| match page == entry.page {
                        true => Ok(sides[side].clone()),
                        false => Ok(halves(page)?.into_iter().nth(side).expect("A and B")),
                    };
                    let pages = self.pages_of(entry, side);
                    let parts: Vec<Decoded> =
                        pages.iter().copied().map(half).collect::<Result<_>>()?;
                    picture::alike(
                        &shown,
                        &pages,
                        parts.iter().map(|part| part.picture.dimensions()),
                    )?;
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

    /// The value of samples without data that a page of a side's file itself names, as they are read and in its tag, where nobody
    /// has said how they are known. Training no longer asks.
    fn named(
        &self,
        side: usize,
        at: (&Content, Format, Page),
        channels: usize,
    ) -> [Option<f32>; 2] {
        match self.is_asked(side) {
            true => Metadata::named(at, channels),
            false => [None; 2],
        }
    }

    /// Whether files are asked what they name themselves, as nobody has said how pixels of this side without data are known.
    fn is_asked(&self, side: usize) -> bool {
        self.domains.is_none() && self.nodata[side].is_none()
    }

    /// The pixels of a side without data that are marked while its files are read.
    fn marked(&self, side: usize) -> Gaps {
        match self.is_asked(side) {
            // NaN is data, and refused, until somebody says that tags count
            true => Gaps::OfPalettes,
            false => Gaps::known_by(self.nodata[side]),
        }
    }

    /// Reads pair `index`, converted to the channels of the data set (see [`in_domains`](Self::in_domains)).
    ///
    /// # Errors
    /// When its files cannot be read, do not form a pair, or have channels that cannot be converted; when a label map has a
    /// value that no class has, unless its format keeps no exact colors.
    pub fn read(&self, index: usize) -> Result<Pair> {
        let [a, b] = self.decode_sides(index)?;
        let covered = self.mask(index, a.picture.size())?;
        // a mask leaves the source as it is
        let [over_a, over_b] = self.direction.order([None, covered.as_ref()]);
        let (a, known_a) = self.converted(0, a, over_a, &self.shown_side(index, 0))?;
        let (b, known_b) = self.converted(1, b, over_b, &self.shown_side(index, 1))?;
        let mask = nodata::both(nodata::both(known_a, known_b), covered);
        let [source, mut target] = self.direction.order([a, b]);
        if let (Some(mask), Some(domains)) = (&mask, &self.domains) {
            // what is not known must not reach its neighbors when the picture is resized
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
    /// data, if some have none. What a mask has `covered` may be of no class.
    fn converted(
        &self,
        side: usize,
        decoded: Decoded,
        covered: Option<&Picture>,
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
        let picture = domain.in_channels(picture).map_err(|reason| {
            Error::file(path, reason, "choose other `channels[0]` or `channels[1]`")
        })?;
        if let Some(labels) = domain.labels.as_ref().filter(|_| format.is_exact()) {
            let checked = covered.map(|mask| domain.filled(&picture, mask));
            labels.check(checked.as_ref().unwrap_or(&picture)).map_err(|reason| {
                let class = match labels.stored {
                    Stored::Ids => format!(
                        "if the classes are gray levels or colors, give `labels[{side}]` their palette, which `pix2pix inspect` \
                         without it writes; otherwise give more classes"
                    ),
                    Stored::Grays | Stored::Colors => {
                        format!("give it a class in `labels[{side}]`")
                    }
                };
                let remedy = format!(
                    "{class}, leave it out with `nodata[{side}]`, or correct the file"
                );
                Error::file(path, reason, remedy)
            })?;
        }
        Ok((picture, mask))
    }

    /// The mask file of pair `index`, whose pictures have this size: 0 where every channel is 0, or
    /// dark in a JPEG, otherwise known. Alpha does not count. `None` if it has none, or one that knows every pixel.
    pub(super) fn mask(&self, index: usize, size: [u32; 2]) -> Result<Option<Picture>> {
        let entry = &self.entries[index];
        let Some(path) = &entry.mask else {
            return Ok(None);
        };
        let (shown, content) = (self.store.shown(path), self.store.content(path)?);
        let page = mask_page(entry, &content);
        let (picture, format) = picture::decode_page(&shown, &content, page)?;
        let pair = self.shown(index);
        pair::same_size((&pair[0], size), (&shown, picture.size()))?;
        let header = Header::read(&shown, &content, page)?;
        let channels = header.channels - usize::from(header.alpha);
        let samples = picture.to_floats();
        let pixels = samples.chunks_exact(picture.channels());
        let known = pixels.map(|pixel| {
            let has_data = pixel[..channels].iter().any(|&sample| match format {
                Format::Jpeg => sample >= BRIGHT,
                _ => sample != 0.0,
            });
            if has_data { nodata::KNOWN } else { 0 }
        });
        let mask = Picture::new(size, 1, Samples::U8(known.collect()));
        Ok(nodata::with_gaps(mask))
    }

    /// Whether some pixels of the pairs may have no data.
    pub(crate) fn may_have_gaps(&self) -> bool {
        self.nodata.iter().any(Option::is_some) || self.has_masks()
    }
}

/// The page to read of a pair's mask: one of a single page or slice belongs to all of the pair.
fn mask_page(entry: &Entry, mask: &Content) -> Page {
    match entry.pages > 1 && picture::pages(mask) == 1 {
        true => Page::Only,
        false => entry.page,
    }
}
