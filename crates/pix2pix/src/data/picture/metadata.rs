//! What a file says of its picture besides the samples: its place on the map, its resolution, its color profile.
//!
//! A translation has the same place, size and pixels as its input, so it takes them over.

use pix2pix_runtime::picture::{Domain, Nodata, nodata};
use tiff_reader::{Tag, TagValue};

use super::content::{Content, Source};
use super::decode::{are_ids, unstretched_value};
use super::description::{self, Subject};
use super::orientation::{self, Orientation};
use super::tiff::Tiff;
use super::{Depth, Format, MAX_METADATA, Page, jpeg, place};

/// Metres in an inch.
const INCH: f64 = 0.0254;

/// TIFF's tags that are taken over as they are.
mod tag {
    pub use super::super::tiff::tag::{IMAGE_DESCRIPTION, NODATA};
    pub const X_RESOLUTION: u16 = 282;
    pub const Y_RESOLUTION: u16 = 283;
    pub const RESOLUTION_UNIT: u16 = 296;
    pub const XMP: u16 = 700;
    pub const ICC_PROFILE: u16 = 34675;
    /// Document's and image's description, resolution, date, author and copyright; XMP.
    pub const ABOUT: [u16; 9] = [
        269,
        IMAGE_DESCRIPTION,
        X_RESOLUTION,
        Y_RESOLUTION,
        RESOLUTION_UNIT,
        306,
        315,
        33432,
        XMP,
    ];
    /// GDAL's metadata and value for "no data".
    pub const GDAL: [u16; 2] = [GDAL_METADATA, NODATA];
    pub const GDAL_METADATA: u16 = 42112;
}

/// The palette of a PNG.
#[derive(Clone, Debug)]
pub struct Palette {
    /// Red, green and blue of each entry.
    pub colors: Vec<u8>,
    /// The opacity of the first entries; the others are opaque.
    pub opacities: Option<Vec<u8>>,
}

/// What a file says of its picture besides the samples.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// Pixels per meter, across and down.
    density: Option<[f64; 2]>,
    /// The ICC profile.
    profile: Option<Vec<u8>>,
    /// The palette of a picture that is its indices.
    palette: Option<Palette>,
    /// TIFF's tags.
    tags: Vec<Tag>,
    /// The value of samples for "no data".
    nodata: Option<f32>,
    /// The same where they are class ids, which are not stretched to 8 bits.
    nodata_of_ids: Option<f32>,
    /// Channels of the picture.
    channels: usize,
    /// Width of the picture whose place is in the tags.
    width: u32,
    /// Whether the result has as many pages as the file.
    all_pages: bool,
    /// Whether all channels of the picture are amounts, and none is an opacity.
    amounts: bool,
}

impl Metadata {
    /// Reads the metadata of a picture with `channels`. A file from which none can be read has none.
    pub fn read(content: &Content, format: Format, page: Page, channels: usize) -> Self {
        let found = match format {
            Format::Tiff => of_tiff(content, page),
            Format::Png => of_png(content),
            Format::Jpeg => of_jpeg(content),
            Format::WebP | Format::Bmp | Format::Npy | Format::Nifti => None,
        };
        Self {
            channels,
            ..found.unwrap_or_default()
        }
    }

    /// The value for "no data" that GDAL's tag names, as samples of the picture have it: where reading converts them, it is not
    /// the tag's. Pixels of a palette have it if they are [marked](super::Gaps).
    pub fn nodata(&self) -> Option<f32> {
        self.nodata
    }

    /// The metadata of the picture as it is read for this domain: see [`decode_as`](super::decode_as).
    pub fn in_domain(self, domain: &Domain) -> Self {
        match are_ids(domain) {
            true => Self {
                nodata: self.nodata_of_ids,
                ..self
            },
            false => self,
        }
    }

    /// The number in that tag, for messages: that of the stored samples.
    pub fn nodata_tag(&self) -> Option<f32> {
        let tag = self.tags.iter().find(|tag| tag.code == tag::NODATA)?;
        let stored: f64 = tag.value.as_str()?.trim_matches(['\0', ' ']).parse().ok()?;
        Some(stored as f32)
    }

    /// The value of samples without data in a page of a file, for sides of which it is known so; `None` if all have data. The
    /// page has this number of channels, and is read for this domain, if there is one.
    pub fn gap_of(
        known: Option<Nodata>,
        (content, format, page): (&Content, Format, Page),
        channels: usize,
        domain: Option<&Domain>,
    ) -> Option<f32> {
        match known? {
            // others have no tags, and need not be opened again
            Nodata::Tag if format != Format::Tiff => None,
            Nodata::Tag => {
                let found = Self::read(content, format, page, channels);
                match domain {
                    Some(domain) => found.in_domain(domain).nodata,
                    None => found.nodata,
                }
            }
            Nodata::Value(value) => Some(value),
        }
    }

    /// The value that a page of a file itself names for samples without data, as it is read, and the number in its tag.
    pub fn named(
        (content, format, page): (&Content, Format, Page),
        channels: usize,
    ) -> [Option<f32>; 2] {
        // others have no tags, and need not be opened again
        if format != Format::Tiff {
            return [None; 2];
        }
        let found = Self::read(content, format, page, channels);
        [found.nodata, found.nodata_tag()]
    }

    /// The same metadata with another value for "no data", or with none.
    pub fn with_nodata(mut self, value: Option<f32>) -> Self {
        self.tags.retain(|tag| tag.code != tag::NODATA);
        // GDAL writes "nan" in small letters
        let text = value.map(|value| nodata::text(value).to_lowercase());
        let tag = text.map(|text| Tag::new(tag::NODATA, TagValue::Ascii(text)));
        self.tags.extend(tag);
        (self.nodata, self.nodata_of_ids) = (value, value);
        self
    }

    /// The same metadata with the palette of a PNG, for a picture that is its indices.
    pub fn with_palette(self, content: &Content) -> Self {
        Self {
            palette: palette_of(content),
            ..self
        }
    }

    /// The palette, if a picture of these channels and this depth can be its indices.
    pub(super) fn palette(&self, channels: usize, depth: Depth) -> Option<&Palette> {
        let palette = self.palette.as_ref();
        palette.filter(|_| (channels, depth) == (1, Depth::U8))
    }

    /// The metadata of the right half of the picture, as of B in a side-by-side pair: the place on the map is that of the half.
    pub fn of_right_half(mut self) -> Self {
        place::cut(&mut self.tags, self.width / 2);
        self
    }

    /// The same metadata for a page of a result with all pages of the file, so that what ImageJ and OME say of them stays
    /// true.
    pub fn of_stack(self) -> Self {
        Self {
            all_pages: true,
            ..self
        }
    }

    /// The same metadata for a picture whose channels are all amounts: of four, the last is an opacity otherwise.
    pub fn of_amounts(self) -> Self {
        Self {
            amounts: true,
            ..self
        }
    }

    /// Whether the last of four channels is an opacity.
    pub(super) fn has_opacity(&self) -> bool {
        !self.amounts
    }

    /// Pixels per meter for PNG.
    pub(super) fn density(&self) -> Option<[u32; 2]> {
        self.density
            .map(|both| both.map(|density| density.round() as u32))
    }

    /// The profile for a picture with `channels`: one for gray does not describe colors.
    pub(super) fn profile(&self, channels: usize) -> Option<&[u8]> {
        let profile = self.profile.as_deref()?;
        let wanted: &[u8] = match channels {
            1 | 2 => b"GRAY",
            3 | 4 => b"RGB ",
            _ => return None,
        };
        // the profile's header has its color space at byte 16 (ICC.1, section 7.2)
        (profile.get(16..20) == Some(wanted)).then_some(profile)
    }

    /// The tags of a TIFF file with a picture of this size, these channels and this depth.
    pub(super) fn tags(&self, size: [u32; 2], channels: usize, depth: Depth) -> Vec<Tag> {
        let subject = Subject {
            size,
            channels: [self.channels, channels],
            depth,
            all_pages: self.all_pages,
        };
        let true_of_it = |tag: &Tag| match (tag.code, tag.value.as_str()) {
            (tag::IMAGE_DESCRIPTION, Some(text)) => {
                let text = description::retold(text, &subject)?;
                Some(Tag::new(tag.code, TagValue::Ascii(text)))
            }
            _ => Some(tag.clone()),
        };
        let mut tags: Vec<Tag> = self.tags.iter().filter_map(true_of_it).collect();
        if let Some([across, down]) = self.density {
            let per_inch = |density: f64| {
                let hundredths = (density * INCH * 100.0).round() as u32;
                TagValue::Rational(vec![[hundredths, 100]])
            };
            tags.push(Tag::new(tag::X_RESOLUTION, per_inch(across)));
            tags.push(Tag::new(tag::Y_RESOLUTION, per_inch(down)));
            tags.push(Tag::new(tag::RESOLUTION_UNIT, TagValue::Short(vec![2])));
        }
        if let Some(profile) = self.profile(channels) {
            let profile = TagValue::Undefined(profile.to_vec());
            tags.push(Tag::new(tag::ICC_PROFILE, profile));
        }
        tags
    }
}

fn of_tiff(content: &Content, page: Page) -> Option<Metadata> {
    let file = Tiff::open(content, page).ok()?;
    let is_kept = |tag: &&Tag| {
        tag::ABOUT.contains(&tag.code)
            || place::TAGS.contains(&tag.code)
            || tag::GDAL.contains(&tag.code)
    };
    let kept = file.tags().iter().filter(is_kept);
    let profile = file.tags().iter().find(|tag| tag.code == tag::ICC_PROFILE);
    let (turn, [width, height]) = (file.orientation(), file.header().size);
    let mut tags = kept.filter_map(|tag| written_anew(&file, tag)).collect();
    if turn != Orientation::NoTransforms {
        place::turn(&mut tags, turn, orientation::size(turn, [width, height]));
    }
    let nodata = file.nodata();
    let found = Metadata {
        tags,
        nodata,
        nodata_of_ids: nodata.map(|value| unstretched_value(value, file.bits())),
        width,
        profile: profile
            .and_then(|tag| tag.value.as_bytes())
            .map(<[u8]>::to_vec),
        ..Metadata::default()
    };
    Some(turned(found, turn))
}

/// A tag as this program writes it: what a file says of its type and length need not agree with its value. `None` if it has
/// no value, or one of a type that a file of less than 4 GiB cannot have.
fn written_anew(file: &Tiff, tag: &Tag) -> Option<Tag> {
    let value = match &tag.value {
        TagValue::Ascii(text) => {
            let text = match text.contains(char::REPLACEMENT_CHARACTER) {
                // what the reader writes for bytes that are not UTF-8
                true => file.text(tag.code)?,
                false => text.clone(),
            };
            TagValue::Ascii(match tag.code {
                tag::GDAL_METADATA => without_bands(&text),
                _ => text,
            })
        }
        TagValue::Long8(_) | TagValue::SLong8(_) => return None,
        // bytes of an unknown type
        value if value.tag_type() != tag.tag_type => return None,
        value => value.clone(),
    };
    let is_empty = match &value {
        TagValue::Ascii(text) => text.is_empty(),
        value => value.count() == 0,
    };
    (!is_empty).then(|| Tag::new(tag.code, value))
}

/// GDAL's metadata without what they say of single bands, such as their names and their least and largest values: they are
/// those of the input.
fn without_bands(xml: &str) -> String {
    let (mut kept, mut rest) = (String::new(), xml);
    while let Some(start) = rest.find("<Item ") {
        let (before, from) = rest.split_at(start);
        let Some(length) = from.find("</Item>") else {
            break;
        };
        let (item, behind) = from.split_at(length + "</Item>".len());
        let head = item.split('>').next().unwrap_or_default();
        kept += before;
        if !head.contains(" sample=") {
            kept += item;
        }
        rest = behind;
    }
    kept + rest
}

/// The metadata of a picture that is turned or mirrored for display. XMP may repeat the orientation.
fn turned(mut found: Metadata, turn: Orientation) -> Metadata {
    if turn == Orientation::NoTransforms {
        return found;
    }
    found.tags.retain(|tag| tag.code != tag::XMP);
    if orientation::is_turned(turn) {
        found.density = found.density.map(|[across, down]| [down, across]);
        for tag in &mut found.tags {
            tag.code = match tag.code {
                tag::X_RESOLUTION => tag::Y_RESOLUTION,
                tag::Y_RESOLUTION => tag::X_RESOLUTION,
                code => code,
            };
        }
    }
    found
}

/// A reader of a PNG that has read what that says before its samples, but for texts.
fn png_reader(content: &Content) -> Option<png::Reader<Box<dyn Source>>> {
    let limits = png::Limits {
        bytes: MAX_METADATA,
    };
    let mut decoder = png::Decoder::new_with_limits(content.reader().ok()?, limits);
    decoder.set_ignore_text_chunk(true);
    decoder.read_info().ok()
}

fn palette_of(content: &Content) -> Option<Palette> {
    let reader = png_reader(content)?;
    let info = reader.info();
    Some(Palette {
        colors: info.palette.as_deref()?.to_vec(),
        opacities: info.trns.as_deref().map(<[u8]>::to_vec),
    })
}

/// The colors of a PNG's own palette; `None` of other files.
pub fn palette(content: &Content) -> Option<Vec<[u8; 3]>> {
    let reader = png_reader(content)?;
    let info = reader.info();
    // other kinds may have one that is a proposal
    let is_indexed = info.color_type == png::ColorType::Indexed;
    let colors = info.palette.as_deref().filter(|_| is_indexed)?;
    Some(colors.as_chunks().0.to_vec())
}

fn of_png(content: &Content) -> Option<Metadata> {
    let reader = png_reader(content)?;
    let info = reader.info();
    let density = info
        .pixel_dims
        .filter(|density| density.unit == png::Unit::Meter);
    let exif = info.exif_metadata.as_deref();
    let turn = exif.and_then(Orientation::from_exif_chunk);
    let found = Metadata {
        density: density.map(|density| [density.xppu, density.yppu].map(f64::from)),
        profile: info.icc_profile.as_deref().map(<[u8]>::to_vec),
        ..Metadata::default()
    };
    Some(turned(found, turn.unwrap_or(Orientation::NoTransforms)))
}

fn of_jpeg(content: &Content) -> Option<Metadata> {
    let mut decoder = jpeg_decoder::Decoder::new(content.reader().ok()?);
    decoder.read_info().ok()?;
    let found = Metadata {
        density: jfif_density(&content.starts().ok()?),
        profile: decoder.icc_profile(),
        ..Metadata::default()
    };
    let turn = jpeg::turn(&mut *content.reader().ok()?).ok()?;
    Some(turned(found, turn))
}

/// The density in JFIF's segment, which is the first one: unit (1 for inches, 2 for centimeters) and two numbers.
fn jfif_density(bytes: &[u8]) -> Option<[f64; 2]> {
    let segment = bytes.strip_prefix(b"\xff\xd8\xff\xe0")?.get(2..)?;
    let [_, _, unit, x @ .., _, _] = *segment.strip_prefix(b"JFIF\0")?.first_chunk::<9>()?;
    let [x1, x2, y1, y2] = x;
    let meter = match unit {
        1 => 1.0 / INCH,
        2 => 100.0,
        _ => return None, // a ratio of the sides
    };
    let both = [[x1, x2], [y1, y2]].map(|bytes| f64::from(u16::from_be_bytes(bytes)) * meter);
    both.iter().all(|density| *density > 0.0).then_some(both)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::picture::handmade::file;
    use crate::data::picture::{Picture, Samples, decode_page, write_with};

    const ASCII: u16 = 2;
    const SHORT: u16 = 3;
    const RATIONAL: u16 = 5;
    const DOUBLE: u16 = 12;
    const ARTIST: u16 = 315;
    const COPYRIGHT: u16 = 33432;
    const DATE: u16 = 306;
    const NAME: u16 = 269;
    const SCALE: u16 = place::TAGS[0];
    const TIE_POINTS: u16 = place::TAGS[1];
    const TRANSFORMATION: u16 = place::TAGS[2];

    /// The tags of a result with the metadata of a file.
    fn result(content: &Content) -> Vec<Tag> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tif");
        let (picture, format) = decode_page(&path, content, Page::Only).unwrap();
        let metadata = Metadata::read(content, format, Page::Only, 1);
        write_with(&path, &picture, Format::Tiff, &metadata).unwrap();
        let written = Tiff::open(&path.as_path().into(), Page::Only).unwrap();
        written.tags().to_vec()
    }

    fn value(tags: &[Tag], code: u16) -> Option<TagValue> {
        let tag = tags.iter().find(|tag| tag.code == code);
        tag.map(|tag| tag.value.clone())
    }

    fn text(tags: &[Tag], code: u16) -> Option<String> {
        value(tags, code)?.as_str().map(str::to_string)
    }

    /// Whatever a file says of its tags, they can be written.
    #[test]
    fn odd_tags_are_written_or_left_out() {
        let tags = result(&file(&[
            (ARTIST, ASCII, 6, b"M\xfcller"),
            (COPYRIGHT, ASCII, 12, b"padded\0\0\0\0\0\0"),
            (DATE, ASCII, 9, b"no end, 9"),
            (NAME, ASCII, 5, "Zo\u{eb}\0".as_bytes()),
            (tag::IMAGE_DESCRIPTION, ASCII, 0, b""),
            (tag::RESOLUTION_UNIT, SHORT, 0, b""),
            (tag::XMP, 200, 5, b"bytes"),
            (tag::NODATA, ASCII, 4, b"-1\0\0"),
        ]));
        assert_eq!(text(&tags, ARTIST).unwrap(), "M\u{fc}ller");
        assert_eq!(text(&tags, COPYRIGHT).unwrap(), "padded");
        assert_eq!(text(&tags, DATE).unwrap(), "no end, 9");
        assert_eq!(text(&tags, NAME).unwrap(), "Zo\u{eb}");
        assert_eq!(text(&tags, tag::NODATA).unwrap(), "-1");
        for code in [tag::IMAGE_DESCRIPTION, tag::RESOLUTION_UNIT, tag::XMP] {
            assert_eq!(value(&tags, code), None);
        }
    }

    /// An opacity near 0, as deviations are, would hide the picture.
    #[test]
    fn the_last_of_four_amounts_is_no_opacity() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tif");
        let picture = Picture::new([16, 16], 4, Samples::U8(vec![7; 4 * 16 * 16]));
        for (metadata, expected) in [
            (Metadata::default(), true),
            (Metadata::default().of_amounts(), false),
        ] {
            write_with(&path, &picture, Format::Tiff, &metadata).unwrap();
            let written = Tiff::open(&path.as_path().into(), Page::Only).unwrap();
            let header = written.header();
            assert_eq!((header.channels, header.alpha), (4, expected));
        }
    }

    /// GDAL's statistics of bands are those of the input.
    #[test]
    fn what_gdal_says_of_bands_is_left_out() {
        let xml = "<GDALMetadata>\n  <Item name=\"STATISTICS_MAXIMUM\" sample=\"0\">900</Item>\n  \
                   <Item name=\"AREA\">Jena</Item>\n</GDALMetadata>\n";
        let length = xml.len() as u32;
        let tags = result(&file(&[(
            tag::GDAL_METADATA,
            ASCII,
            length,
            xml.as_bytes(),
        )]));
        let kept = text(&tags, tag::GDAL_METADATA).unwrap();
        assert!(kept.contains("<Item name=\"AREA\">Jena</Item>"), "{kept}");
        assert!(!kept.contains("STATISTICS"), "{kept}");
    }

    /// The place on the map is that of the stored pixels, and so are the resolutions across and down.
    #[test]
    fn a_turned_picture_has_its_resolutions_and_its_place() {
        let bytes = |numbers: &[f64]| -> Vec<u8> {
            let bytes = numbers.iter().flat_map(|value| value.to_le_bytes());
            bytes.collect()
        };
        let scale = bytes(&[0.5, 0.5, 0.0]);
        let tie_point = bytes(&[0.0, 0.0, 0.0, 100.0, 200.0, 0.0]);
        let ratio = |value: u32| [value.to_le_bytes(), 1u32.to_le_bytes()].concat();
        let (across, down) = (ratio(300), ratio(100));
        for (orientation, is_turned) in [(1u8, false), (3, false), (6, true), (8, true)] {
            let tags = result(&file(&[
                (274, SHORT, 1, &[orientation, 0]),
                (tag::X_RESOLUTION, RATIONAL, 1, &across),
                (tag::Y_RESOLUTION, RATIONAL, 1, &down),
                (SCALE, DOUBLE, 3, &scale),
                (TIE_POINTS, DOUBLE, 6, &tie_point),
                (tag::XMP, 1, 5, b"<xmp>"),
            ]));
            let expected = match is_turned {
                true => [100, 300],
                false => [300, 100],
            };
            let found = [tag::X_RESOLUTION, tag::Y_RESOLUTION].map(|code| value(&tags, code));
            let ratios = expected.map(|value| Some(TagValue::Rational(vec![[value, 1]])));
            assert_eq!(found, ratios, "orientation {orientation}");
            for code in [SCALE, TIE_POINTS, tag::XMP] {
                assert_eq!(value(&tags, code).is_some(), orientation == 1);
            }
            // columns and rows to east and north, of 16x16 pixels
            let [east, north] = match orientation {
                3 => [[-0.5, 0.0, 0.0, 108.0], [0.0, 0.5, 0.0, 192.0]],
                6 => [[0.0, 0.5, 0.0, 100.0], [0.5, 0.0, 0.0, 192.0]],
                8 => [[0.0, -0.5, 0.0, 108.0], [-0.5, 0.0, 0.0, 200.0]],
                _ => continue,
            };
            let rest = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
            let place = TagValue::Double([&east[..], &north, &rest].concat());
            assert_eq!(value(&tags, TRANSFORMATION), Some(place));
        }
    }
}
