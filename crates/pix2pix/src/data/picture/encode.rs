//! Writes pictures as PNG, TIFF or npy, and keeps their depth.

use std::io::Cursor;
use std::path::Path;

use image::{ExtendedColorType, ImageEncoder, RgbImage};
use npyz::{AutoSerialize, Serialize, WriterBuilder};
use tiff::encoder::colortype::ColorType;
use tiff::encoder::{TiffEncoder, TiffValue};
use tiff::tags::{ExtraSamples, PhotometricInterpretation, SampleFormat};

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
}

/// Writes a picture as PNG, TIFF or npy, atomically.
///
/// # Errors
/// When the file cannot be written.
///
/// # Panics
/// When the format is not one of these, or cannot store such a picture: see [`Format::for_result`].
pub fn write(path: &Path, picture: &Picture, format: Format) -> Result<()> {
    let bytes = match format {
        Format::Png => png(picture),
        Format::Tiff => tiff(picture).map_err(|e| Error::file(path, e, "choose another format"))?,
        Format::Npy => npy(picture),
        other => panic!("{other} is not written"),
    };
    atomic_file::write(path, &bytes)
}

/// Writes an 8-bit RGB picture as PNG, atomically.
///
/// # Errors
/// When the file cannot be written.
pub fn write_png(path: &Path, picture: &RgbImage) -> Result<()> {
    let mut bytes = Vec::new();
    encode_png(
        picture.as_raw(),
        [picture.width(), picture.height()],
        ExtendedColorType::Rgb8,
        &mut bytes,
    );
    atomic_file::write(path, &bytes)
}

fn encode_png(
    samples: &[u8],
    [width, height]: [u32; 2],
    color: ExtendedColorType,
    to: &mut Vec<u8>,
) {
    image::codecs::png::PngEncoder::new(to)
        .write_image(samples, width, height, color)
        .expect("encoding a PNG in memory does not fail");
}

fn png(picture: &Picture) -> Vec<u8> {
    use ExtendedColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgba8, Rgba16};
    let color = match (picture.depth(), picture.channels()) {
        (Depth::U8, 1) => L8,
        (Depth::U8, 2) => La8,
        (Depth::U8, 3) => Rgb8,
        (Depth::U8, 4) => Rgba8,
        (Depth::U16, 1) => L16,
        (Depth::U16, 2) => La16,
        (Depth::U16, 3) => Rgb16,
        (Depth::U16, 4) => Rgba16,
        (depth, channels) => panic!("PNG cannot store a {depth} picture with {channels} channels"),
    };
    let mut bytes = Vec::new();
    match picture.samples() {
        Samples::U8(values) => encode_png(values, picture.size(), color, &mut bytes),
        // the encoder expects native byte order
        Samples::U16(values) => encode_png(
            bytemuck::cast_slice(values),
            picture.size(),
            color,
            &mut bytes,
        ),
        Samples::F32(_) => unreachable!("refused above"),
    }
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

/// A TIFF colour type: `N` samples of type `T` per pixel, not counting TIFF's extra samples.
struct Colors<T, const N: usize>(T);

/// TIFF's description of a sample type.
trait Sample: TiffValue + Copy {
    const BITS: u16;
    const FORMAT: SampleFormat;
}

impl Sample for u8 {
    const BITS: u16 = 8;
    const FORMAT: SampleFormat = SampleFormat::Uint;
}
impl Sample for u16 {
    const BITS: u16 = 16;
    const FORMAT: SampleFormat = SampleFormat::Uint;
}
impl Sample for f32 {
    const BITS: u16 = 32;
    const FORMAT: SampleFormat = SampleFormat::IEEEFP;
}

impl<T: Sample, const N: usize> ColorType for Colors<T, N> {
    type Inner = T;
    const TIFF_VALUE: PhotometricInterpretation = match N {
        3 => PhotometricInterpretation::RGB,
        _ => PhotometricInterpretation::BlackIsZero,
    };
    const BITS_PER_SAMPLE: &'static [u16] = &[T::BITS; N];
    const SAMPLE_FORMAT: &'static [SampleFormat] = &[T::FORMAT; N];

    /// Copies the row: no predictor is used.
    fn horizontal_predict(row: &[T], result: &mut Vec<T>) {
        result.extend_from_slice(row);
    }
}

fn tiff(picture: &Picture) -> tiff::TiffResult<Vec<u8>> {
    fn file<T: Sample, const N: usize>(
        values: &[T],
        [width, height]: [u32; 2],
        extra: &[ExtraSamples],
    ) -> tiff::TiffResult<Vec<u8>>
    where
        [T]: TiffValue,
    {
        let mut bytes = Vec::new();
        let mut encoder = TiffEncoder::new(Cursor::new(&mut bytes))?;
        let mut image = encoder.new_image::<Colors<T, N>>(width, height)?;
        if !extra.is_empty() {
            image.extra_samples(extra)?;
        }
        image.write_data(values)?;
        Ok(bytes)
    }
    fn bands<T: Sample>(values: &[T], picture: &Picture) -> tiff::TiffResult<Vec<u8>>
    where
        [T]: TiffValue,
    {
        let size = picture.size();
        match picture.channels() {
            3 => file::<T, 3>(values, size, &[]),
            4 => file::<T, 3>(values, size, &[ExtraSamples::UnassociatedAlpha]),
            bands => file::<T, 1>(values, size, &vec![ExtraSamples::Unspecified; bands - 1]),
        }
    }
    match picture.samples() {
        Samples::U8(values) => bands(values, picture),
        Samples::U16(values) => bands(values, picture),
        Samples::F32(values) => bands(values, picture),
    }
}
