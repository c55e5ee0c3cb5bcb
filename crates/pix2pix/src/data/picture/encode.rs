//! Writes pictures as PNG, TIFF or npy, and keeps their depth.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Cursor, Seek, Write};
use std::ops::Range;
use std::path::Path;

use image::RgbImage;
use npyz::{AutoSerialize, Serialize, WriterBuilder};
use pix2pix_runtime::picture::Domain;
use pix2pix_runtime::regular_file;
use tiff_reader::constants::{Compression, Predictor};
use tiff_reader::{ExtraSample, PhotometricInterpretation};
use tiff_writer::{ImageBuilder, ImageHandle, TiffWriter, WriteOptions};

use super::metadata::Metadata;
use super::{Depth, Format, Picture, Samples};
use crate::atomic_file;
use crate::error::{Error, Result};

impl Format {
    /// File format for a result with these channels and this depth: this format if it stores them without loss, else
    /// PNG, else TIFF.
    pub fn for_result(self, channels: usize, depth: Depth) -> Self {
        match self {
            Self::Tiff | Self::Npy => self,
            _ if channels <= 4 && depth != Depth::F32 => Self::Png,
            _ => Self::Tiff,
        }
    }

    /// As [`for_result`](Self::for_result), for channels of which none is an opacity: in PNG, the last one of two or four is.
    pub fn for_bands(self, channels: usize, depth: Depth) -> Self {
        match self.for_result(channels, depth) {
            Self::Png if matches!(channels, 2 | 4) => Self::Tiff,
            format => format,
        }
    }
}

/// Writes a picture as PNG, TIFF or npy, atomically.
///
/// # Errors
/// When the file cannot be written.
///
/// # Panics
/// When the format is not one of these, or cannot store such a picture: see [`Format::for_result`].
pub fn write(path: &Path, picture: &Picture, format: Format) -> Result<()> {
    write_with(path, picture, format, &Metadata::default())
}

/// As [`write()`], with what the file of another picture of the same place says of it.
///
/// # Errors
/// As [`write()`].
///
/// # Panics
/// As [`write()`].
pub fn write_with(
    path: &Path,
    picture: &Picture,
    format: Format,
    metadata: &Metadata,
) -> Result<()> {
    let bytes = encode(picture, format, metadata)
        .map_err(|e| Error::file(path, e, "choose another format"))?;
    atomic_file::write(path, &bytes)
}

/// The bytes of a picture's file: PNG, TIFF or npy.
///
/// # Errors
/// A message, when TIFF cannot hold a picture of this size.
///
/// # Panics
/// As [`write()`].
pub fn encode(
    picture: &Picture,
    format: Format,
    metadata: &Metadata,
) -> std::result::Result<Vec<u8>, String> {
    match format {
        Format::Png => Ok(png(picture, metadata)),
        Format::Tiff => tiff(picture, metadata).map_err(|e| e.to_string()),
        Format::Npy => Ok(npy(picture)),
        other => panic!("{other} is not written"),
    }
}

/// The keyword and text of what this program draws: contact sheets and charts.
const DRAWN: [&str; 2] = ["Software", "pix2pix"];

/// Writes an 8-bit RGB picture that was drawn here as PNG, atomically, with a [mark](is_drawn).
///
/// # Errors
/// When the file cannot be written.
pub fn write_png(path: &Path, picture: &RgbImage) -> Result<()> {
    let mut info = png::Info::with_size(picture.width(), picture.height());
    let [keyword, text] = DRAWN.map(String::from);
    info.uncompressed_latin1_text
        .push(png::text_metadata::TEXtChunk::new(keyword, text));
    let picture = picture.clone().into();
    atomic_file::write(path, &png_with(info, &picture, &Metadata::default()))
}

/// Whether a file is a PNG that [`write_png`] wrote.
pub fn is_drawn(path: &Path) -> bool {
    let file = regular_file::open(path).map(BufReader::new);
    let reader = file
        .ok()
        .and_then(|file| png::Decoder::new(file).read_info().ok());
    reader.is_some_and(|reader| {
        let mut texts = reader.info().uncompressed_latin1_text.iter();
        texts.any(|chunk| [chunk.keyword.as_str(), &chunk.text] == DRAWN)
    })
}

fn png(picture: &Picture, metadata: &Metadata) -> Vec<u8> {
    let [width, height] = picture.size();
    png_with(png::Info::with_size(width, height), picture, metadata)
}

fn png_with<'a>(mut info: png::Info<'a>, picture: &Picture, metadata: &'a Metadata) -> Vec<u8> {
    info.color_type = match picture.channels() {
        1 => png::ColorType::Grayscale,
        2 => png::ColorType::GrayscaleAlpha,
        3 => png::ColorType::Rgb,
        4 => png::ColorType::Rgba,
        channels => panic!("PNG cannot store {channels} channels"),
    };
    info.bit_depth = match picture.depth() {
        Depth::U8 => png::BitDepth::Eight,
        Depth::U16 => png::BitDepth::Sixteen,
        Depth::F32 => panic!("PNG cannot store floating point"),
    };
    if let Some(palette) = metadata.palette(picture.channels(), picture.depth()) {
        info.color_type = png::ColorType::Indexed;
        info.palette = Some(palette.colors.as_slice().into());
        info.trns = palette.opacities.as_deref().map(Into::into);
    }
    info.pixel_dims = metadata.density().map(|[xppu, yppu]| png::PixelDimensions {
        xppu,
        yppu,
        unit: png::Unit::Meter,
    });
    info.icc_profile = metadata.profile(picture.channels()).map(Into::into);
    let mut bytes = Vec::new();
    let never = "encoding a PNG in memory does not fail";
    let mut encoder = png::Encoder::with_info(&mut bytes, info).expect(never);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Adaptive);
    let mut writer = encoder.write_header().expect(never);
    match picture.samples() {
        Samples::U16(values) => {
            let swapped: Vec<u8> = values
                .iter()
                .flat_map(|value| value.to_be_bytes())
                .collect();
            writer.write_image_data(&swapped).expect(never);
        }
        _ => writer.write_image_data(picture.bytes()).expect(never),
    }
    writer.finish().expect(never);
    bytes
}

fn npy(picture: &Picture) -> Vec<u8> {
    fn array<T: Serialize + AutoSerialize + Copy>(values: &[T], shape: &[u64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(shape)
            .writer(&mut bytes)
            .begin_nd()
            .expect("writing to memory does not fail");
        writer
            .extend(values.iter().copied())
            .expect("writing to memory does not fail");
        writer.finish().expect("as many values as the shape has");
        bytes
    }
    let [width, height] = picture.size().map(u64::from);
    let shape = [height, width, picture.channels() as u64];
    match picture.samples() {
        Samples::U8(values) => array(values, &shape),
        Samples::U16(values) => array(values, &shape),
        Samples::F32(values) => array(values, &shape),
    }
}

/// Rows of a strip of a TIFF file.
const STRIP: u32 = 64;

/// Result of TIFF's writer.
pub type Written<T> = std::result::Result<T, tiff_writer::Error>;

fn tiff(picture: &Picture, metadata: &Metadata) -> Written<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    let mut file = TiffWriter::new(&mut bytes, WriteOptions::default())?;
    write_page(&mut file, picture, metadata)?;
    file.finish()?;
    Ok(bytes.into_inner())
}

/// Adds a picture as a page.
pub fn write_page(
    file: &mut TiffWriter<impl Write + Seek>,
    picture: &Picture,
    metadata: &Metadata,
) -> Written<()> {
    let ([width, height], channels) = (picture.size(), picture.channels());
    let image = file.add_image(described(
        [width, height],
        channels,
        picture.depth(),
        metadata,
    ))?;
    let line = width as usize * channels;
    for (index, top) in (0..height).step_by(STRIP as usize).enumerate() {
        let rows = top as usize * line..(top + STRIP).min(height) as usize * line;
        write_block(file, &image, index, picture.samples(), rows)?;
    }
    Ok(())
}

/// Writes these samples as a strip or a tile.
fn write_block(
    file: &mut TiffWriter<impl Write + Seek>,
    image: &ImageHandle,
    index: usize,
    samples: &Samples,
    part: Range<usize>,
) -> Written<()> {
    match samples {
        Samples::U8(values) => file.write_block(image, index, &values[part]),
        Samples::U16(values) => file.write_block(image, index, &values[part]),
        Samples::F32(values) => file.write_block(image, index, &values[part]),
    }
}

/// TIFF's description of a picture: three channels are RGB, four RGB with alpha, unless they are amounts, others bands without
/// a meaning.
fn described(
    [width, height]: [u32; 2],
    channels: usize,
    depth: Depth,
    metadata: &Metadata,
) -> ImageBuilder {
    let (meaning, extra) = match channels {
        3 => (PhotometricInterpretation::Rgb, vec![]),
        4 => {
            let fourth = match metadata.has_opacity() {
                true => ExtraSample::UnassociatedAlpha,
                false => ExtraSample::Unspecified,
            };
            (PhotometricInterpretation::Rgb, vec![fourth])
        }
        bands => (
            PhotometricInterpretation::MinIsBlack,
            vec![ExtraSample::Unspecified; bands - 1],
        ),
    };
    let builder = ImageBuilder::new(width, height);
    let builder = match depth {
        Depth::U8 => builder.sample_type::<u8>(),
        Depth::U16 => builder.sample_type::<u16>(),
        Depth::F32 => builder.sample_type::<f32>(),
    };
    let builder = builder
        .samples_per_pixel(channels as u16)
        .photometric(meaning)
        .extra_samples(extra)
        .strips(STRIP);
    let tags = metadata.tags([width, height], channels, depth).into_iter();
    tags.fold(builder, ImageBuilder::tag)
}

/// Side of the tiles of a large TIFF file, in pixels.
const TILE: u32 = 256;

/// Writes a tiled TIFF file part by part, so that memory does not grow with the picture. BigTIFF if it needs to be.
pub struct LargeWriter {
    file: TiffWriter<BufWriter<File>>,
    image: ImageHandle,
    size: [u32; 2],
    /// The rows of the current panel that do not fill tiles yet: upper left pixel and parts.
    waiting: Option<([u32; 2], Vec<Picture>)>,
}

impl LargeWriter {
    /// Begins a file for a picture of `size` in this domain.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(
        path: &Path,
        size: [u32; 2],
        domain: &Domain,
        metadata: &Metadata,
    ) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        let mut file = TiffWriter::new(file, WriteOptions::default()).map_err(io::Error::other)?;
        let builder = described(size, domain.channels, domain.depth, metadata)
            .tiles(TILE, TILE)
            .compression(Compression::Deflate)
            .deflate_level(1);
        let builder = match domain.depth {
            Depth::F32 => builder.predictor(Predictor::FloatingPoint),
            Depth::U8 | Depth::U16 => builder.predictor(Predictor::Horizontal),
        };
        let image = file.add_image(builder).map_err(io::Error::other)?;
        Ok(Self {
            file,
            image,
            size,
            waiting: None,
        })
    }

    /// Writes a part. Parts come from top to bottom in panels, whose columns begin at multiples of 256.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, corner: [u32; 2], part: Picture) -> io::Result<()> {
        let (start, mut parts) = self.waiting.take().unwrap_or((corner, Vec::new()));
        parts.push(part);
        let rows: u32 = parts.iter().map(|part| part.size()[1]).sum();
        let is_last = start[1] + rows == self.size[1];
        if rows < TILE && !is_last {
            self.waiting = Some((start, parts));
            return Ok(());
        }
        let panel = Picture::stacked(parts);
        let full = if is_last { rows } else { rows / TILE * TILE };
        for (down, across) in (0..full).step_by(TILE as usize).flat_map(|y| {
            (0..panel.size()[0])
                .step_by(TILE as usize)
                .map(move |x| (y, x))
        }) {
            let size = [TILE.min(panel.size()[0] - across), TILE.min(full - down)];
            let inside = panel.crop([across, down], size);
            // tiles beyond the border repeat its pixels, which no reader shows
            let tile = inside.remapped([TILE; 2], |x, y| [x.min(size[0] - 1), y.min(size[1] - 1)]);
            let place = [start[0] + across, start[1] + down].map(|at| at / TILE);
            let index = (place[1] * self.size[0].div_ceil(TILE) + place[0]) as usize;
            let (samples, all) = (tile.samples(), 0..tile.samples().len());
            write_block(&mut self.file, &self.image, index, samples, all)
                .map_err(io::Error::other)?;
        }
        if !is_last && full < rows {
            let rest = panel.crop([0, full], [panel.size()[0], rows - full]);
            self.waiting = Some(([start[0], start[1] + full], vec![rest]));
        }
        Ok(())
    }

    /// Finishes the file.
    ///
    /// # Errors
    /// When parts are missing, or the file cannot be written.
    pub fn finish(self) -> io::Result<()> {
        let mut file = self.file.finish().map_err(io::Error::other)?;
        file.flush()
    }
}
