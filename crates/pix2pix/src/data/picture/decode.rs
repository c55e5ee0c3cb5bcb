//! Decodes picture files, and keeps their depth and channels.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageDecoder};
use npyz::{NpyFile, Order, TypeChar};
use tiff::decoder::{Decoder, DecodingResult, Limits};

use super::header::{damaged, decoder, npy_type};
use super::{Format, Header, MAX_BYTES, Picture, Samples};
use crate::error::{Error, Result};

/// Reads a picture, and returns it with its file format.
///
/// # Errors
/// When the file cannot be read, has an unknown format, is damaged, too small or too large.
pub fn read(path: &Path) -> Result<(Picture, Format)> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, "read the picture", e))?;
    decode_any(path, &bytes)
}

/// Decodes a picture's bytes; `path` is for messages.
///
/// # Errors
/// As [`read`], except for file access.
pub fn decode(path: &Path, bytes: &[u8]) -> Result<Picture> {
    decode_any(path, bytes).map(|(picture, _)| picture)
}

fn decode_any(path: &Path, bytes: &[u8]) -> Result<(Picture, Format)> {
    let header = Header::read(path, &mut Cursor::new(bytes))?;
    let picture = match header.format {
        Format::Npy => npy(&header, bytes),
        Format::Tiff => tiff(&header, bytes),
        format => plain(format, bytes),
    };
    let picture = picture.map_err(|reason| damaged(path, header.format, &reason))?;
    Ok((picture, header.format))
}

fn plain(format: Format, bytes: &[u8]) -> std::result::Result<Picture, String> {
    let mut decoder = decoder(format, Cursor::new(bytes))?;
    let orientation = decoder.orientation().map_err(|e| e.to_string())?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
    picture.apply_orientation(orientation);
    Picture::try_from(picture).map_err(|e| e.to_string())
}

fn tiff(header: &Header, bytes: &[u8]) -> std::result::Result<Picture, String> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = 2 * MAX_BYTES as usize; // wide integers become 32 bits afterwards
    limits.intermediate_buffer_size = MAX_BYTES as usize;
    let mut decoder = Decoder::new(Cursor::new(bytes))
        .map_err(|e| e.to_string())?
        .with_limits(limits);
    let mut result = DecodingResult::U8(Vec::new());
    let layout = decoder
        .read_image_to_buffer(&mut result)
        .map_err(|e| e.to_string())?;
    let bands = header.channels;
    let samples = match result {
        DecodingResult::U8(v) => Samples::U8(v),
        DecodingResult::U16(v) => Samples::U16(v),
        DecodingResult::F32(v) => Samples::F32(v),
        DecodingResult::F16(v) => Samples::F32(v.into_iter().map(|x| x.to_f32()).collect()),
        DecodingResult::U32(v) => Samples::F32(v.into_iter().map(|x| x as f32).collect()),
        DecodingResult::U64(v) => Samples::F32(v.into_iter().map(|x| x as f32).collect()),
        DecodingResult::F64(v) => Samples::F32(v.into_iter().map(|x| x as f32).collect()),
        DecodingResult::I8(v) => Samples::F32(v.into_iter().map(f32::from).collect()),
        DecodingResult::I16(v) => Samples::F32(v.into_iter().map(f32::from).collect()),
        DecodingResult::I32(v) => Samples::F32(v.into_iter().map(|x| x as f32).collect()),
        DecodingResult::I64(v) => Samples::F32(v.into_iter().map(|x| x as f32).collect()),
    };
    let planar = layout.planes > 1;
    shaped(header.size, bands, samples, planar)
}

fn npy(header: &Header, bytes: &[u8]) -> std::result::Result<Picture, String> {
    let file = NpyFile::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
    if file.order() == Order::Fortran {
        return Err(
            "the array is in Fortran order; save numpy.ascontiguousarray(array)".to_string(),
        );
    }
    let kind = npy_type(file.header())?;
    macro_rules! floats {
        ($kind:ty) => {
            file.into_vec::<$kind>()
                .map(|v| Samples::F32(v.into_iter().map(|x| x as f32).collect()))
        };
    }
    let samples = match kind {
        (TypeChar::Uint, 1) => file.into_vec::<u8>().map(Samples::U8),
        (TypeChar::Bool, _) => file
            .into_vec::<bool>()
            .map(|v| Samples::U8(v.into_iter().map(|on| 255 * u8::from(on)).collect())),
        (TypeChar::Uint, 2) => file.into_vec::<u16>().map(Samples::U16),
        (TypeChar::Uint, 4) => floats!(u32),
        (TypeChar::Uint, _) => floats!(u64),
        (TypeChar::Int, 1) => floats!(i8),
        (TypeChar::Int, 2) => floats!(i16),
        (TypeChar::Int, 4) => floats!(i32),
        (TypeChar::Int, _) => floats!(i64),
        (_, 4) => file.into_vec::<f32>().map(Samples::F32),
        _ => floats!(f64),
    };
    shaped(
        header.size,
        header.channels,
        samples.map_err(|e| e.to_string())?,
        false,
    )
}

/// Makes a picture of decoded samples. Those of a planar file come plane by plane.
fn shaped(
    size: [u32; 2],
    channels: usize,
    samples: Samples,
    planar: bool,
) -> std::result::Result<Picture, String> {
    let pixels = size[0] as usize * size[1] as usize;
    fn interleaved<T: Copy>(
        values: Vec<T>,
        pixels: usize,
        channels: usize,
        planar: bool,
    ) -> Option<Vec<T>> {
        if values.len() != pixels * channels {
            return None;
        }
        if !planar {
            return Some(values);
        }
        let values = &values;
        let pixel = |pixel| (0..channels).map(move |channel| values[channel * pixels + pixel]);
        Some((0..pixels).flat_map(pixel).collect())
    }
    let samples = match samples {
        Samples::U8(v) => interleaved(v, pixels, channels, planar).map(Samples::U8),
        Samples::U16(v) => interleaved(v, pixels, channels, planar).map(Samples::U16),
        Samples::F32(v) => interleaved(v, pixels, channels, planar).map(Samples::F32),
    };
    let samples = samples.ok_or("the number of its samples does not match its size")?;
    Ok(Picture::new(size, channels, samples))
}
