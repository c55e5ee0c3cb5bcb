//! What a file says of its picture besides the samples: its place on the map, its resolution, its colour profile.
//!
//! A translation has the same place, size and pixels as its input, so it takes them over.

use tiff_reader::{Tag, TagValue};

use super::content::Content;
use super::tiff::Tiff;
use super::{Format, MAX_METADATA, Page};

/// Metres in an inch.
const INCH: f64 = 0.0254;

/// TIFF's tags that are taken over as they are.
mod tag {
    pub use super::super::tiff::tag::IMAGE_DESCRIPTION;
    pub const X_RESOLUTION: u16 = 282;
    pub const Y_RESOLUTION: u16 = 283;
    pub const RESOLUTION_UNIT: u16 = 296;
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
        700,
    ];
    /// GeoTIFF (OGC 19-008): pixel scale, tie points, transformation, and the keys of the coordinate system with their
    /// numbers and texts; GDAL's metadata and value for "no data".
    pub const GEOGRAPHIC: [u16; 8] = [33550, 33922, 34264, 34735, 34736, 34737, 42112, NODATA];
    pub const NODATA: u16 = 42113;
}

/// What a file says of its picture besides the samples.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// Pixels per metre, across and down.
    density: Option<[f64; 2]>,
    /// The ICC profile.
    profile: Option<Vec<u8>>,
    /// TIFF's tags.
    tags: Vec<Tag>,
    /// Channels of the picture.
    channels: usize,
    /// Whether the result has as many pages as the file.
    all_pages: bool,
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

    /// The value for "no data" that GDAL's tag names.
    pub fn nodata(&self) -> Option<f32> {
        let tag = self.tags.iter().find(|tag| tag.code == tag::NODATA)?;
        let text = tag.value.as_str()?;
        let value: f64 = text.trim_matches(['\0', ' ']).parse().ok()?;
        Some(value as f32)
    }

    /// The same metadata with another value for "no data", or with none.
    pub fn with_nodata(mut self, value: Option<f32>) -> Self {
        self.tags.retain(|tag| tag.code != tag::NODATA);
        // GDAL writes "nan" in small letters
        let text = value.map(|value| value.to_string().to_lowercase());
        let tag = text.map(|text| Tag::new(tag::NODATA, TagValue::Ascii(text)));
        self.tags.extend(tag);
        self
    }

    /// The same metadata for a page of a result with all pages of the file, so that what ImageJ and OME say of them stays
    /// true. OME's text tells of the channels, so it goes along only where the result has as many.
    pub fn of_stack(mut self, channels: usize) -> Self {
        let is_untrue = |text: &str| text.contains("<OME ") && channels != self.channels;
        self.tags.retain(|tag| {
            tag.code != tag::IMAGE_DESCRIPTION || !tag.value.as_str().is_some_and(is_untrue)
        });
        Self {
            all_pages: true,
            ..self
        }
    }

    /// Pixels per metre for PNG.
    pub(super) fn density(&self) -> Option<[u32; 2]> {
        self.density
            .map(|both| both.map(|density| density.round() as u32))
    }

    /// The profile for a picture with `channels`: one for gray does not describe colours.
    pub(super) fn profile(&self, channels: usize) -> Option<&[u8]> {
        let profile = self.profile.as_deref()?;
        let wanted: &[u8] = match channels {
            1 | 2 => b"GRAY",
            3 | 4 => b"RGB ",
            _ => return None,
        };
        // the profile's header has its colour space at byte 16 (ICC.1, section 7.2)
        (profile.get(16..20) == Some(wanted)).then_some(profile)
    }

    /// The tags of a TIFF file with this picture of `size` and `channels`.
    pub(super) fn tags(&self, size: [u32; 2], channels: usize) -> Vec<Tag> {
        let mut tags = Vec::new();
        for tag in &self.tags {
            let text = tag
                .value
                .as_str()
                .filter(|_| tag.code == tag::IMAGE_DESCRIPTION && !self.all_pages);
            match text.and_then(|text| described_anew(text, size, [self.channels, channels])) {
                Some(text) => tags.push(Tag::new(tag.code, TagValue::Ascii(text))),
                None => tags.push(tag.clone()),
            }
        }
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
    let tags = file.tags().iter();
    let kept =
        tags.filter(|tag| tag::ABOUT.contains(&tag.code) || tag::GEOGRAPHIC.contains(&tag.code));
    let profile = file.tags().iter().find(|tag| tag.code == tag::ICC_PROFILE);
    Some(Metadata {
        tags: kept.cloned().collect(),
        profile: profile
            .and_then(|tag| tag.value.as_bytes())
            .map(<[u8]>::to_vec),
        ..Metadata::default()
    })
}

fn of_png(content: &Content) -> Option<Metadata> {
    let limits = png::Limits {
        bytes: MAX_METADATA,
    };
    let reader = png::Decoder::new_with_limits(content.reader().ok()?, limits);
    let reader = reader.read_info().ok()?;
    let info = reader.info();
    let density = info
        .pixel_dims
        .filter(|density| density.unit == png::Unit::Meter);
    Some(Metadata {
        density: density.map(|density| [density.xppu, density.yppu].map(f64::from)),
        profile: info.icc_profile.as_deref().map(<[u8]>::to_vec),
        ..Metadata::default()
    })
}

fn of_jpeg(content: &Content) -> Option<Metadata> {
    let mut decoder = jpeg_decoder::Decoder::new(content.reader().ok()?);
    decoder.read_info().ok()?;
    Some(Metadata {
        density: jfif_density(&content.starts().ok()?),
        profile: decoder.icc_profile(),
        ..Metadata::default()
    })
}

/// The density in JFIF's segment, which is the first one: unit (1 for inches, 2 for centimetres) and two numbers.
fn jfif_density(bytes: &[u8]) -> Option<[f64; 2]> {
    let segment = bytes.strip_prefix(b"\xff\xd8\xff\xe0")?.get(2..)?;
    let [_, _, unit, x @ .., _, _] = *segment.strip_prefix(b"JFIF\0")?.first_chunk::<9>()?;
    let [x1, x2, y1, y2] = x;
    let metre = match unit {
        1 => 1.0 / INCH,
        2 => 100.0,
        _ => return None, // a ratio of the sides
    };
    let both = [[x1, x2], [y1, y2]].map(|bytes| f64::from(u16::from_be_bytes(bytes)) * metre);
    both.iter().all(|density| *density > 0.0).then_some(both)
}

/// A description by ImageJ or OME for one picture with `channels` (before and now); `None` for other descriptions, which
/// stay.
fn described_anew(text: &str, size: [u32; 2], [before, now]: [usize; 2]) -> Option<String> {
    if text.starts_with("ImageJ=") {
        // without the pages, of which there is one now
        let pages = [
            "images",
            "channels",
            "slices",
            "frames",
            "hyperstack",
            "mode",
        ];
        let of_pages = |line: &str| {
            pages
                .iter()
                .any(|name| line.split('=').next() == Some(name))
        };
        let lines = text.lines().filter(|line| !of_pages(line));
        return Some(lines.map(|line| format!("{line}\n")).collect());
    }
    if !text.contains("<OME ") || before == now && !text.contains("TiffData IFD=\"1\"") {
        return None;
    }
    let kept = [
        "PhysicalSizeX",
        "PhysicalSizeXUnit",
        "PhysicalSizeY",
        "PhysicalSizeYUnit",
    ];
    let kept = kept
        .iter()
        .filter_map(|name| Some(format!(" {name}=\"{}\"", attribute(text, name)?)));
    let [width, height] = size;
    let kind = attribute(text, "Type").unwrap_or("uint8");
    Some(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\">\
         <Image ID=\"Image:0\"><Pixels ID=\"Pixels:0\" DimensionOrder=\"XYCZT\" Type=\"{kind}\" SizeX=\"{width}\" \
         SizeY=\"{height}\" SizeC=\"{now}\" SizeZ=\"1\" SizeT=\"1\"{}><Channel ID=\"Channel:0:0\" \
         SamplesPerPixel=\"{now}\"/><TiffData/></Pixels></Image></OME>",
        kept.collect::<String>()
    ))
}

/// The value of an XML attribute, as it is written.
fn attribute<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, behind) = xml.split_once(&format!(" {name}=\""))?;
    behind.split_once('"').map(|(value, _)| value)
}
