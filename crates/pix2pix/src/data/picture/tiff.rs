//! Reads TIFF and BigTIFF, whole or window by window.
//!
//! Samples come as they are stored, with every band; palettes, CMYK, YCbCr and CIELab become RGB. What is not understood
//! is refused by its name. The file format: TIFF 6.0 (Adobe, 1992) with its supplements.

use std::io;
use std::sync::{Arc, OnceLock};

use half::f16;
use tiff_reader::source::{FileSource, SharedSource, TiffSource};
use tiff_reader::{
    ColorModel, ExtraSample, Ifd, OpenOptions, ParseBudgets, RasterLayout, Tag, TiffError, TiffFile,
};

use super::content::{Content, Part};
use super::description;
use super::directory;
use super::entry;
use super::fault::{Fault, TRUNCATED, guarded};
use super::gaps::{self, Gap, Gaps};
use super::orientation::{self, Orientation};
use super::overlaid::Overlaid;
use super::recent::Recent;
use super::{
    Depth, Format, Header, MAX_BYTES, MAX_METADATA, Page, Picture, Samples, half_floats, jpeg,
    repeated,
};

/// Tags that the reader does not name.
pub mod tag {
    pub const NEW_SUBFILE_TYPE: u16 = 254;
    pub const SUBFILE_TYPE: u16 = 255;
    pub const IMAGE_DESCRIPTION: u16 = 270;
    pub const ORIENTATION: u16 = 274;
    pub const SUB_IFDS: u16 = 330;
    pub const JPEG_TABLES: u16 = 347;
    pub const NODATA: u16 = 42113;
}

/// Bits of the tag NewSubfileType: a smaller version of another page, and a transparency mask.
const REDUCED: u32 = 1;
const MASK: u32 = 4;

/// Bytes of decoded strips or tiles that are kept for the next window.
const CACHED: usize = 256 << 20;

/// Most tags of a page; the standard has fewer than a hundred.
const TAGS: usize = 512;
/// Most pages of a file, with thumbnails, smaller versions and masks.
const PAGES: usize = 10_000;
/// Bytes that a page takes at least, with the eight tags of its size, samples and strips.
const PAGE: u64 = 96;

/// Bytes in memory as a source of the reader.
struct Memory(Arc<[u8]>);

impl TiffSource for Memory {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, TiffError> {
        let start = usize::try_from(offset).ok();
        let bytes = start.and_then(|start| self.0.get(start..start.checked_add(length)?));
        let outside = || TiffError::OffsetOutOfBounds {
            offset,
            length: length as u64,
            data_len: self.0.len() as u64,
        };
        bytes.map(<[u8]>::to_vec).ok_or_else(outside)
    }

    fn as_slice(&self) -> Option<&[u8]> {
        Some(&self.0)
    }
}

impl TiffSource for Part {
    fn len(&self) -> u64 {
        self.length()
    }

    fn read_exact_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, TiffError> {
        let read = self.read_at(offset, length);
        read.map_err(|e| TiffError::Io(e, "a part of a file".to_string()))
    }
}

/// An opened TIFF file, and which of its pages are read.
pub struct Tiff {
    file: Arc<Parsed>,
    /// Places in the file of the pages whose bands together are the picture's.
    pages: Vec<usize>,
    /// What every page holds.
    kind: Kind,
    /// Set when the scans and segments of JPEG in these pages have been counted.
    counted: OnceLock<()>,
}

/// Files of fewer pages, with thumbnails, smaller versions and masks, are opened anew.
const MANY: usize = 16;

/// The files of many pages that were read last.
static RECENT: Recent<Parsed> = Recent::new();

/// A file whose pages are all found.
struct Parsed {
    file: TiffFile,
    /// Whether each page holds 16-bit floats.
    halves: Vec<bool>,
}

impl Parsed {
    /// Finds the pages of a file. `cached` bytes of decoded strips or tiles are kept for the next window.
    fn of(content: &Content, cached: usize) -> Result<Self, Fault> {
        let source: SharedSource = match content {
            Content::Memory(bytes) => Arc::new(Memory(bytes.clone())),
            Content::Disk(path) => Arc::new(FileSource::open(path).map_err(named)?),
            Content::Part(part) => Arc::new(part.clone()),
        };
        let length = source.len();
        let pages = (length / PAGE).clamp(1, PAGES as u64) as usize;
        let directories = directory::chain(&*source, pages)?;
        // values do not overlap in a file, so that together they have less than its bytes
        let values = length.min(4 * MAX_METADATA as u64) as usize;
        let options = OpenOptions {
            parse_budgets: ParseBudgets {
                max_ifds: pages,
                max_ifd_entries: TAGS,
                max_tag_value_bytes: values,
                max_metadata_value_bytes: values,
            },
            block_cache_bytes: cached,
            block_cache_slots: 1 << 16,
            decode_output_bytes: 2 * MAX_BYTES as usize, // wide integers become 32 bits afterwards
        };
        let open = |source| TiffFile::from_source_with_options(source, options);
        let shown = |source, places| -> SharedSource { Arc::new(Overlaid::new(source, places)) };
        let (source, mut file) = match open(source.clone()) {
            Err(error) if repeated::is_cause(&error) => {
                let places = repeated::overlay(&*source, &directories).map_err(named)?;
                let source = shown(source, places);
                (source.clone(), open(source).map_err(named)?)
            }
            opened => (source, opened.map_err(named)?),
        };
        let halves: Vec<bool> = file.ifds().iter().map(half_floats::are_in).collect();
        if halves.contains(&true) {
            let places = half_floats::overlay(&file).map_err(named)?;
            file = open(shown(source, places)).map_err(named)?;
        }
        Ok(Self { file, halves })
    }
}

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kind {
    /// Width and height as stored, before the orientation is applied.
    stored: [u32; 2],
    orientation: Orientation,
    /// Layout of the samples that the reader returns.
    layout: RasterLayout,
    /// Whether the reader converts colors.
    converted: bool,
    /// Whether 0 is white.
    inverted: bool,
    /// Whether samples of 16 bits are floats.
    half: bool,
    /// Bits to drop of a palette's colors, which are stored in 16 bits and mean 8; `None` without a palette.
    palette: Option<u32>,
}

impl Tiff {
    /// Opens a file whose pages are read as a whole, and reads its header.
    pub fn open(content: &Content, page: Page) -> Result<Self, Fault> {
        let parsed = || Parsed::of(content, 0);
        let parsed = RECENT.read(content, parsed, |parsed| parsed.halves.len() >= MANY);
        Self::of(parsed?, page)
    }

    /// Opens a file that is read window by window, and reads its header.
    pub fn open_for_windows(content: &Content, page: Page) -> Result<Self, Fault> {
        Self::of(Arc::new(Parsed::of(content, CACHED)?), page)
    }

    fn of(parsed: Arc<Parsed>, page: Page) -> Result<Self, Fault> {
        let Parsed { file, halves } = &*parsed;
        let all = whole_pages(file);
        let said = described_pages(file).filter(|said| *said > all.len());
        if let Some(said) = said {
            return Err(Fault::kind(
                format!("ImageJ's stack of {said} pages in one"),
                "save it as OME-TIFF, or one file per page",
            ));
        }
        if all.iter().any(|&page| is_thumbnail(&file.ifds()[page])) {
            return Err(Fault::kind(
                "a thumbnail in place of its picture, which lies in a SubIFD,",
                "save the picture as a TIFF file of its own; develop a raw file first",
            ));
        }
        let pages = match page {
            Page::Only if all.len() > 1 => return Err(Fault::Pages(all.len())),
            Page::Only | Page::Channels => all,
            Page::At(index) => {
                let page = all.get(index).copied();
                let missing = || Fault::Damaged(format!("there is no page {}", index + 1));
                vec![page.ok_or_else(missing)?]
            }
        };
        let first = *pages.first().ok_or("there is no page")?;
        let kind_of = |page: usize| kind(file, page, halves[page]);
        let kind = kind_of(first)?;
        for &page in &pages[1..] {
            if kind_of(page)? != kind {
                return Err(Fault::kind(
                    "pages of different sizes or samples",
                    "choose `pages` first or each",
                ));
            }
        }
        for &page in &pages {
            is_whole(file, page)?;
        }
        Ok(Self {
            file: parsed,
            pages,
            kind,
            counted: OnceLock::new(),
        })
    }

    /// Number of pages, not counting thumbnails, smaller versions and masks.
    pub fn pages(content: &Content) -> Result<usize, Fault> {
        let open = Self::open(content, Page::At(0))?;
        Ok(whole_pages(&open.file.file).len())
    }

    /// Of how many channels, slices and time points the pages are, if the file says so.
    pub fn axes(content: &Content) -> Option<[usize; 3]> {
        let open = guarded(|| Self::open(content, Page::At(0))).ok()?;
        description::axes(&open.text(tag::IMAGE_DESCRIPTION)?)
    }

    /// The header.
    pub fn header(&self) -> Header {
        let channels = self.kind.layout.samples_per_pixel * self.pages.len();
        Header {
            format: Format::Tiff,
            size: orientation::size(self.kind.orientation, self.kind.stored),
            channels,
            depth: self.kind.depth(),
            indexed: false,
            alpha: matches!(channels, 2 | 4) && self.has_alpha(),
            files: 1,
            mixed: false,
        }
    }

    /// Bits of a sample, at most 8: fewer are stretched to 8.
    pub fn bits(&self) -> u32 {
        let Kind {
            layout, palette, ..
        } = &self.kind;
        match (layout.sample_format, palette) {
            (UNSIGNED, None) => u32::from(layout.bits_per_sample).min(8),
            _ => 8,
        }
    }

    /// The tags of the first page that is read.
    pub fn tags(&self) -> &[Tag] {
        self.file.file.ifds()[self.pages[0]].tags()
    }

    /// Whether the last band is the opacity, and not a band of another meaning.
    fn has_alpha(&self) -> bool {
        let extra = self.file.file.ifds()[self.pages[0]].extra_samples();
        let last = extra.ok().and_then(|extra| extra.last().copied());
        let is_alpha = matches!(
            last,
            Some(ExtraSample::AssociatedAlpha | ExtraSample::UnassociatedAlpha)
        );
        is_alpha && self.pages.len() == 1
    }

    /// How the stored picture is turned for display.
    pub fn orientation(&self) -> Orientation {
        self.kind.orientation
    }

    /// The text of a tag of the first page that is read, as UTF-8 or else as Latin-1, which older programs write. `None` for
    /// control characters, which are of neither.
    pub fn text(&self, code: u16) -> Option<String> {
        let file = &self.file.file;
        let values = entry::values(file, &file.ifds()[self.pages[0]], code).ok()??;
        let place = values.place(file, values.count).ok()?;
        let bytes = file.source().read_exact_at(place, values.count as usize);
        let latin = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect();
        let text = String::from_utf8(bytes.ok()?).unwrap_or_else(|e| latin(e.as_bytes()));
        let text = text.trim_end_matches('\0');
        let is_plain = |c: char| !c.is_control() || c.is_ascii_whitespace();
        text.chars().all(is_plain).then(|| text.to_string())
    }

    /// The value for "no data" that GDAL's tag names, as samples of the picture have it: where the file has a palette, if its
    /// pixels are [marked](Gaps::OfPalettes). `None` if there is none, or one that no stored sample can have.
    pub fn nodata(&self) -> Option<f32> {
        self.gap().map(|gap| gap.value)
    }

    fn gap(&self) -> Option<Gap> {
        let tag = self.tags().iter().find(|tag| tag.code == tag::NODATA)?;
        let text = tag.value.as_str()?.trim_matches(['\0', ' ']);
        let stored: f64 = text.parse().ok()?;
        let palettes = self.pages.iter().map(|&page| self.palette(page));
        match palettes.collect::<Option<Vec<_>>>() {
            Some(palettes) => Gap::of_index(&palettes, stored),
            None => Some(Gap {
                value: self.kind.as_read(stored)?,
                index: None,
            }),
        }
    }

    /// The colors of a page's palette, as they are read; `None` if it has none.
    fn palette(&self, page: usize) -> Option<Vec<[u8; 3]>> {
        let Ok(ColorModel::Palette { color_map, .. }) = self.file.file.ifds()[page].color_model()
        else {
            return None;
        };
        let byte = |value: &u16| match self.kind.palette {
            Some(dropped) => (value >> dropped) as u8,
            // the reader makes 8 bits of them itself
            None => (value / 257) as u8,
        };
        let [red, green, blue] = [color_map.red(), color_map.green(), color_map.blue()];
        let colors = red.iter().zip(green).zip(blue);
        let colors = colors.map(|((red, green), blue)| [red, green, blue].map(byte));
        Some(colors.collect())
    }

    /// Reads the whole picture.
    pub fn read(&self, gaps: Gaps) -> Result<Picture, Fault> {
        self.window([0; 2], self.header().size, gaps)
    }

    /// Counts the scans and segments of JPEG in all strips and tiles, once, before the first is decoded: a header alone needs none
    /// of them.
    fn check_segments(&self) -> Result<(), Fault> {
        if self.counted.get().is_none() {
            for &page in &self.pages {
                check_segments(&self.file.file, page)?;
            }
            let _ = self.counted.set(());
        }
        Ok(())
    }

    /// Reads the window of `size` (width and height) whose upper left pixel is `corner`.
    ///
    /// # Panics
    /// When the window is not inside the picture.
    pub fn window(&self, corner: [u32; 2], size: [u32; 2], gaps: Gaps) -> Result<Picture, Fault> {
        self.check_segments()?;
        let gap = match gaps {
            Gaps::AsStored => None,
            Gaps::OfPalettes | Gaps::All => self.gap(),
        };
        let Kind {
            stored,
            orientation,
            ..
        } = self.kind;
        let ([x, y], [width, height]) =
            orientation::stored_window(orientation, stored, corner, size);
        let [x, y, columns, rows] = [x, y, width, height].map(|value| value as usize);
        let mut pages = Vec::new();
        let file = &self.file.file;
        for &page in &self.pages {
            let ifd = file.ifd(page).map_err(named)?;
            let bytes = match self.kind.converted {
                true => file.read_decoded_window_bytes_from_ifd(ifd, y, x, rows, columns),
                false => file.read_window_bytes_from_ifd(ifd, y, x, rows, columns),
            };
            let mut samples = self.kind.samples(&bytes.map_err(named)?);
            if let Some(gap) = gap.filter(|gap| gap.index.is_some()) {
                let stored = file.read_window_bytes_from_ifd(ifd, y, x, rows, columns);
                let layout = ifd.raster_layout().map_err(named)?;
                let indices = gaps::indices(&stored.map_err(named)?, &layout);
                gap.mark_colors(&mut samples, self.kind.layout.samples_per_pixel, &indices);
            }
            if let (Some(gap), Gaps::All) = (gap, gaps) {
                gap.mark_nan(&mut samples);
            }
            pages.push(samples);
        }
        let samples = Samples::interleave(pages, self.kind.layout.samples_per_pixel);
        let channels = self.kind.layout.samples_per_pixel * self.pages.len();
        let picture = Picture::new([width, height], channels, samples);
        Ok(orientation::apply(orientation, picture))
    }
}

/// Whether a page is a smaller version of a picture that lies in a SubIFD, as in DNG.
fn is_thumbnail(ifd: &Ifd) -> bool {
    let kind = ifd.tag(tag::NEW_SUBFILE_TYPE);
    let kind = kind.and_then(|tag| tag.value.as_u32()).unwrap_or(0);
    kind & REDUCED > 0 && ifd.tag(tag::SUB_IFDS).is_some()
}

/// Pages that are not smaller versions of another page, or masks.
fn whole_pages(file: &TiffFile) -> Vec<usize> {
    let whole = |ifd: &Ifd| {
        let number = |code| ifd.tag(code).and_then(|tag| tag.value.as_u32());
        let new = number(tag::NEW_SUBFILE_TYPE).unwrap_or(0);
        // the old tag: 2 is a smaller version
        new & (REDUCED | MASK) == 0 && number(tag::SUBFILE_TYPE) != Some(2)
    };
    let pages = (0..file.ifd_count()).filter(|&page| whole(&file.ifds()[page]));
    let pages: Vec<usize> = pages.collect();
    match pages.is_empty() {
        true => (0..file.ifd_count().min(1)).collect(),
        false => pages,
    }
}

/// Number of pages that ImageJ's description names. ImageJ stores large stacks behind a single entry.
fn described_pages(file: &TiffFile) -> Option<usize> {
    let text = file
        .ifd(0)
        .ok()?
        .tag(tag::IMAGE_DESCRIPTION)?
        .value
        .as_str()?;
    let lines = text.starts_with("ImageJ=").then(|| text.lines())?;
    let mut images = lines.filter_map(|line| line.strip_prefix("images="));
    images.next()?.trim().parse().ok()
}

/// Reads what a page holds, 16-bit floats if it is `half`; an error names what is not understood.
fn kind(file: &TiffFile, page: usize, half: bool) -> Result<Kind, Fault> {
    let ifd = file.ifd(page).map_err(named)?;
    if let Some(name) = unknown_compression(ifd.compression()) {
        return Err(Fault::kind(format!("{name} compression"), RESAVE));
    }
    let photometric = ifd.photometric_interpretation();
    if let Some(name) = photometric.and_then(unknown_photometric) {
        return Err(Fault::kind(
            format!("{name} pixels"),
            "save it as gray or RGB",
        ));
    }
    let formats = ifd.sample_format().map_err(named)?;
    if formats.iter().any(|format| *format > 4) {
        let remedy = "save real numbers, e.g. the magnitude";
        return Err(Fault::kind("complex numbers", remedy));
    }
    let stored = ifd.raster_layout().map_err(named)?;
    let model = ifd.color_model().map_err(named)?;
    let converted = match model {
        ColorModel::Grayscale { .. } | ColorModel::Rgb { .. } | ColorModel::TransparencyMask => {
            false
        }
        ColorModel::Separated { .. } => {
            let what = "inks other than CMYK";
            return Err(Fault::kind(what, "save it as RGB"));
        }
        _ => true,
    };
    let inverted = matches!(
        model,
        ColorModel::Grayscale {
            white_is_zero: true,
            ..
        }
    );
    if inverted && stored.sample_format != UNSIGNED {
        let what = "0 for white and signed or floating-point samples";
        return Err(Fault::kind(what, "save it with 0 for black"));
    }
    // libraries do not agree on these
    let unsure = match (ifd.compression(), &model) {
        (LERC, _) if stored.predictor != 1 => Some("LERC compression and a predictor"),
        (JPEG, ColorModel::CieLab { .. }) => Some("CIELab colors and JPEG compression"),
        _ => None,
    };
    if let Some(what) = unsure {
        return Err(Fault::kind(what, RESAVE));
    }
    let layout = match converted {
        true => ifd.decoded_raster_layout().map_err(named)?,
        false => stored,
    };
    let palette = match &model {
        // some programs store 8 bits as they are
        ColorModel::Palette { color_map, .. } => {
            let channels = [color_map.red(), color_map.green(), color_map.blue()];
            let is_low = channels
                .iter()
                .all(|values| values.iter().all(|value| *value < 256));
            Some(if is_low { 0 } else { 8 })
        }
        _ => None,
    };
    let known = matches!(
        (layout.sample_format, layout.bits_per_sample),
        (UNSIGNED, 1..=16 | 32 | 64) | (SIGNED, 8 | 16 | 32 | 64) | (FLOAT, 32 | 64)
    );
    if !known {
        let what = format!("samples of {} bits", layout.bits_per_sample);
        return Err(Fault::kind(what, "save it with 8, 16 or 32 bits"));
    }
    let orientation = ifd.tag(tag::ORIENTATION).and_then(|tag| tag.value.as_u16());
    Ok(Kind {
        stored: [ifd.width(), ifd.height()],
        orientation: orientation::of_tag(orientation.unwrap_or(1)),
        layout: RasterLayout {
            planar_configuration: 1, // the reader interleaves
            predictor: 1,
            ..layout
        },
        converted,
        inverted,
        half,
        palette: palette.filter(|_| layout.bits_per_sample == 16),
    })
}

/// What to do about a compression that is not read.
const RESAVE: &str = "save it with LZW, Deflate or no compression";

/// Values of the tag Compression: JPEG, and ESRI's compression by limited error.
const JPEG: u16 = 7;
const LERC: u16 = 34887;

/// Values of the tag SampleFormat.
const UNSIGNED: u16 = 1;
const SIGNED: u16 = 2;
const FLOAT: u16 = 3;

impl Kind {
    fn depth(&self) -> Depth {
        match (self.layout.sample_format, self.layout.bits_per_sample) {
            _ if self.half => Depth::F32,
            _ if self.palette.is_some() => Depth::U8,
            (UNSIGNED, ..=8) => Depth::U8,
            (UNSIGNED, ..=16) => Depth::U16,
            _ => Depth::F32,
        }
    }

    /// A stored value as [`samples`](Self::samples) reads it; `None` if reading converts samples, and none can have it.
    fn as_read(&self, stored: f64) -> Option<f32> {
        let bits = self.layout.bits_per_sample;
        let is_kept = self.layout.sample_format != UNSIGNED || bits >= 8 && !self.inverted;
        if is_kept {
            return Some(stored as f32);
        }
        let most = u64::MAX >> (64 - bits);
        if stored.fract() != 0.0 || !(0.0..=most as f64).contains(&stored) {
            return None;
        }
        let whole = stored as u64;
        let read = match bits {
            0..=8 => self.samples(&[whole as u8]),
            9..=16 => self.samples(&(whole as u16).to_ne_bytes()),
            17..=32 => self.samples(&(whole as u32).to_ne_bytes()),
            _ => self.samples(&whole.to_ne_bytes()),
        };
        Picture::new([1, 1], 1, read).to_floats().first().copied()
    }

    /// Converts the reader's bytes, in native byte order. Fewer than 8 bits are stretched to 8, as in Pillow; 9 to 15
    /// bits keep their values.
    fn samples(&self, bytes: &[u8]) -> Samples {
        fn values<T: bytemuck::AnyBitPattern, U>(bytes: &[u8], map: impl Fn(T) -> U) -> Vec<U> {
            let whole = bytes.chunks_exact(size_of::<T>());
            whole
                .map(|bytes| map(bytemuck::pod_read_unaligned(bytes)))
                .collect()
        }
        let bits = self.layout.bits_per_sample;
        let most = (1u32 << bits.min(16)) - 1;
        let inverted = |value: u32| {
            if self.inverted {
                most - value.min(most)
            } else {
                value
            }
        };
        if let Some(dropped) = self.palette {
            return Samples::U8(values(bytes, |v: u16| (v >> dropped) as u8));
        }
        match (self.layout.sample_format, bits) {
            _ if self.half => Samples::F32(values(bytes, |v: u16| f16::from_bits(v).to_f32())),
            (UNSIGNED, 8) => Samples::U8(values(bytes, |v: u8| inverted(v.into()) as u8)),
            (UNSIGNED, ..8) => Samples::U8(values(bytes, |v: u8| {
                ((inverted(v.into()) * 255 + most / 2) / most) as u8
            })),
            (UNSIGNED, ..=16) => Samples::U16(values(bytes, |v: u16| inverted(v.into()) as u16)),
            (UNSIGNED, 32) => Samples::F32(values(bytes, |v: u32| match self.inverted {
                true => (u32::MAX - v) as f32,
                false => v as f32,
            })),
            (UNSIGNED, _) => Samples::F32(values(bytes, |v: u64| match self.inverted {
                true => (u64::MAX - v) as f32,
                false => v as f32,
            })),
            (SIGNED, 8) => Samples::F32(values(bytes, |v: i8| v.into())),
            (SIGNED, 16) => Samples::F32(values(bytes, |v: i16| v.into())),
            (SIGNED, 32) => Samples::F32(values(bytes, |v: i32| v as f32)),
            (SIGNED, _) => Samples::F32(values(bytes, |v: i64| v as f32)),
            (_, 32) => Samples::F32(values(bytes, |v: f32| v)),
            _ => Samples::F32(values(bytes, |v: f64| v as f32)),
        }
    }
}

/// Checks that every strip or tile of a page is there, and that together they can hold the picture. A few bytes that
/// claim to be millions of pixels are refused before any memory is allocated.
fn is_whole(file: &TiffFile, page: usize) -> Result<(), Fault> {
    let ifd = file.ifd(page).map_err(named)?;
    let length = file.source().len();
    let (mut stored, mut number): (u64, u64) = (0, 0);
    for (start, count) in parts(ifd) {
        number += 1;
        if start == 0 || count == 0 {
            let remedy = "save it with all parts, e.g. with gdal_translate and no SPARSE_OK";
            return Err(Fault::kind("parts that are left out (sparse)", remedy));
        }
        if start.saturating_add(count) > length {
            return Err(TRUNCATED.into());
        }
        stored = stored.saturating_add(count);
    }
    let layout = ifd.raster_layout().map_err(named)?;
    let samples = layout
        .width
        .saturating_mul(layout.height)
        .saturating_mul(layout.samples_per_pixel) as u64;
    if number > PARTS.min(samples).max(samples / FEW) {
        let what = format!("{number} strips or tiles of a few pixels each");
        return Err(Fault::kind(what, "save it with larger ones"));
    }
    let tables = jpeg_tables(ifd).map_or(0, <[u8]>::len);
    if tables > TABLES {
        let what = format!("JPEG tables of more than {TABLES} bytes");
        return Err(Fault::kind(what, RESAVE));
    }
    let sized = |[width, height]: [u64; 2]| {
        let bits = [
            height,
            layout.samples_per_pixel as u64,
            layout.bits_per_sample.into(),
        ];
        let product = |product: u64, n: &u64| product.saturating_mul(*n);
        bits.iter().fold(width, product) / 8
    };
    let bytes = sized([layout.width as u64, layout.height as u64]);
    let tile = ifd.tile_width().zip(ifd.tile_height());
    if tile.is_some_and(|(width, height)| {
        sized([width, height].map(u64::from)) > bytes.saturating_mul(2).max(TILE)
    }) {
        return Err("its tiles have more than twice the bytes of the picture each".into());
    }
    let most = stored
        .saturating_mul(most_expanded(ifd.compression()))
        .saturating_add(SLACK);
    if bytes > most {
        return Err("its parts are too small to hold its pixels".into());
    }
    // parts may share their bytes, as empty tiles do; each is read by itself, so that a small file could take hours
    match stored > length.max(bytes.saturating_mul(2).saturating_add(SLACK)) {
        true => Err("its parts share bytes, and have more than twice those of its pixels".into()),
        false => Ok(()),
    }
}

/// Position and number of bytes of each strip or tile of a page.
fn parts(ifd: &Ifd) -> impl Iterator<Item = (u64, u64)> {
    let (starts, counts) = match ifd.is_tiled() {
        true => (ifd.tile_offsets(), ifd.tile_byte_counts()),
        false => (ifd.strip_offsets(), ifd.strip_byte_counts()),
    };
    let counts = counts.unwrap_or_default();
    starts.unwrap_or_default().into_iter().zip(counts)
}

/// The tables of JPEG that all strips or tiles of a page share.
fn jpeg_tables(ifd: &Ifd) -> Option<&[u8]> {
    ifd.tag(tag::JPEG_TABLES)?.value.as_bytes()
}

/// Checks the numbers of scans and segments of each strip or tile of a page that is JPEG; see [`jpeg::check_segments`].
fn check_segments(file: &TiffFile, page: usize) -> Result<(), Fault> {
    let ifd = file.ifd(page).map_err(named)?;
    if ifd.compression() != JPEG {
        return Ok(());
    }
    let tables = jpeg_tables(ifd);
    for (start, count) in parts(ifd) {
        let part = file.source().read_exact_at(start, count as usize);
        jpeg::check_segments(&jpeg::with_tables(tables, part.map_err(named)?))?;
    }
    Ok(())
}

/// Strips or tiles that a page may have, however small they are, if it has as many samples. Each takes time, however few pixels it
/// has, so that a small file could take minutes.
const PARTS: u64 = 1 << 16;

/// Samples that each of more strips or tiles must have on average: a tile of 8x8 pixels.
const FEW: u64 = 64;

/// Most bytes of the tables of JPEG, which are read again for each strip or tile; the standard has place for 3 kB.
const TABLES: usize = 1 << 12;

/// Bytes that a tile may have even where the picture is smaller: 1024x1024 pixels with four channels of 32 bits.
const TILE: u64 = 16 << 20;

/// Bytes that a picture may have beyond what its stored bytes can expand to, and that its parts may have beyond its pixels.
const SLACK: u64 = 1 << 20;

/// How many bytes one stored byte can become at most: the format's limit, rounded up.
fn most_expanded(compression: u16) -> u64 {
    match compression {
        1 => 2, // subsampled chroma is shared by pixels
        32773 => 64,
        5 | 8 | 32946 => 3000,
        JPEG => 1000,
        _ => 100_000,
    }
}

/// The name of a compression that is not read.
fn unknown_compression(code: u16) -> Option<String> {
    let name = match code {
        0 | 1 | 5 | 7 | 8 | 32773 | 32946 | 34887 | 50000 | 50001 => return None,
        2..=4 => "CCITT fax",
        6 => "old-style JPEG",
        9 | 10 | 34661 => "JBIG",
        33003..=33005 | 34712 => "JPEG 2000",
        32809 => "ThunderScan",
        34676 | 34677 => "SGI LogLuv",
        34892 => "lossy DNG",
        34925 => "LZMA",
        34933 | 34934 => "PNG",
        50002 | 52546 => "JPEG XL",
        code => return Some(format!("unknown ({code})")),
    };
    Some(name.to_string())
}

/// The name of a photometric interpretation that is not read.
fn unknown_photometric(code: u16) -> Option<String> {
    let name = match code {
        0..=6 | 8 => return None,
        9 => "ICC L*a*b*",
        10 => "ITU L*a*b*",
        32803 => "color filter array (raw)",
        32844 | 32845 => "CIE LogL or LogLuv",
        34892 => "linear raw",
        51177 => "depth map",
        code => return Some(format!("unknown ({code})")),
    };
    Some(name.to_string())
}

/// The reader's error.
fn named(error: TiffError) -> Fault {
    match error {
        TiffError::UnsupportedCompression(code) => {
            let name = unknown_compression(code).unwrap_or_else(|| format!("({code})"));
            Fault::kind(format!("{name} compression"), RESAVE)
        }
        TiffError::DecompressionFailed { reason, .. } if reason.contains("unsupported") => {
            Fault::kind(reason, RESAVE)
        }
        TiffError::Other(reason) if reason.ends_with(&format!("budget of {PAGES} IFDs")) => {
            Fault::kind(
                format!("more than {PAGES} pages"),
                "split it into files of fewer pages",
            )
        }
        TiffError::Io(e, _) if e.kind() == io::ErrorKind::UnexpectedEof => TRUNCATED.into(),
        error => error.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::picture::handmade::file;

    const LONG: u16 = 4;

    /// tifffile writes its own description behind the one that it is given.
    #[test]
    fn the_first_of_several_descriptions_counts() {
        let texts = [&b"mine\0"[..], b"{\"shape\": [16, 16]}\0", b"more\0"];
        const ASCII: u16 = 2;
        let tags = texts.map(|text| (tag::IMAGE_DESCRIPTION, ASCII, text.len() as u32, text));
        let tiff = Tiff::open(&file(&tags), Page::Only).unwrap();
        let first = tiff.file.file.ifds()[0].tag(tag::IMAGE_DESCRIPTION);
        let first = format!("{:?}", first.map(|tag| &tag.value));
        assert!(first.contains("mine"), "{first}");
        // another tag twice leaves open what the picture is
        let twice = [(256, LONG, 1, &32u32.to_le_bytes()[..])];
        assert!(Tiff::open(&file(&twice), Page::Only).is_err());
    }

    /// A file of so many directories of 512 tags, of a byte each.
    fn directories(number: usize) -> Content {
        let mut file = b"II\x2a\0\x08\0\0\0".to_vec();
        for index in 1..=number {
            file.extend(512u16.to_le_bytes());
            for code in 1000..1512u16 {
                file.extend(code.to_le_bytes());
                file.extend([1, 0, 1, 0, 0, 0, 7, 0, 0, 0]);
            }
            let next = if index < number { file.len() + 4 } else { 0 };
            file.extend((next as u32).to_le_bytes());
        }
        file.into()
    }

    /// A file of 100 directories of 100 tags, each of which begins at the second entry of the one before it. Tags have no values,
    /// so that codes and types are free to be the place of the next directory.
    fn overlapping() -> Content {
        const COUNT: u32 = 100;
        const FIRST: u32 = 1 << 16;
        let mut file = b"II\x2a\0\0\0\x01\0".to_vec();
        file.resize(FIRST as usize, 0);
        file.extend((COUNT as u16).to_le_bytes());
        for entry in 0..2 * COUNT {
            let next = match entry.checked_sub(COUNT - 1) {
                Some(directory) => FIRST + 12 * directory,
                None => FIRST + 12 * entry + 5,
            };
            let next = if entry == 2 * COUNT - 1 { 0 } else { next };
            file.extend(next.to_le_bytes());
            file.extend([0; 6]);
            file.extend((COUNT as u16).to_le_bytes());
        }
        file.into()
    }

    /// A directory of a few bytes could have any number of tags, of which each takes memory.
    #[test]
    fn tags_of_all_pages_are_counted() {
        let refused = |file: &Content| match Tiff::open(file, Page::Only).map(drop) {
            Err(Fault::Damaged(said) | Fault::Kind { what: said, .. }) => said,
            other => panic!("{other:?}"),
        };
        let said = refused(&overlapping());
        assert_eq!(said, "its directories together are larger than the file");
        assert_eq!(refused(&directories(513)), "more than 262144 tags");
        let most = Tiff::open(&directories(512), Page::Only).map(drop);
        assert!(matches!(most, Err(Fault::Pages(512))), "{most:?}");
    }

    /// The tables of JPEG are read again for each part, so that a list of them could take long, whatever they are of.
    #[test]
    fn a_picture_has_no_more_parts_than_samples() {
        let with_parts = |count: u32| {
            let mut bytes = file(&[]).bytes().unwrap().to_vec();
            for (code, value) in [(273u16, 8u32), (279, 1)] {
                let list = bytes.len() as u32;
                let start = [code.to_le_bytes(), LONG.to_le_bytes()].concat();
                let entry = bytes.windows(4).position(|bytes| bytes == start);
                let entry = &mut bytes[entry.unwrap()..][..12];
                entry[4..8].copy_from_slice(&count.to_le_bytes());
                entry[8..].copy_from_slice(&list.to_le_bytes());
                bytes.extend(value.to_le_bytes().repeat(count as usize));
            }
            Tiff::open(&bytes.into(), Page::Only).map(drop)
        };
        assert!(with_parts(256).is_ok());
        let Err(Fault::Kind { what, .. }) = with_parts(257) else {
            panic!("it is refused");
        };
        assert_eq!(what, "257 strips or tiles of a few pixels each");
    }

    /// As in raw files; a smaller version alone is taken as it is.
    #[test]
    fn a_thumbnail_is_not_taken_for_its_picture() {
        let reduced = (tag::NEW_SUBFILE_TYPE, LONG, 1, &REDUCED.to_le_bytes()[..]);
        let inside = (tag::SUB_IFDS, LONG, 1, &8u32.to_le_bytes()[..]);
        assert!(Tiff::open(&file(&[reduced]), Page::Only).is_ok());
        // smaller versions of a whole page may lie there
        assert!(Tiff::open(&file(&[inside]), Page::Only).is_ok());
        let Err(Fault::Kind { what, .. }) = Tiff::open(&file(&[reduced, inside]), Page::Only)
        else {
            panic!("it is refused");
        };
        assert!(what.contains("lies in a SubIFD"), "{what}");
    }
}
