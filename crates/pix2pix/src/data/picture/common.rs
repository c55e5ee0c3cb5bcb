//! Reads PNG, WebP and BMP with the `image` crate.

use std::io::{self, Cursor, SeekFrom};

use image::{ColorType, DynamicImage, ImageDecoder, ImageReader, Limits};

use super::content::{Source, length};
use super::fault::{Fault, TRUNCATED};
use super::orientation::{self, Orientation};
use super::{Depth, Format, Header, MAX_METADATA, MAX_PARTS, Picture, Samples};

/// Makes a decoder of the `image` crate. The limit is on what it allocates besides the samples, whose number the header
/// says: a few bytes of a PNG's color profile can become gigabytes.
fn decoder<'a>(format: Format, file: impl Source + 'a) -> Result<impl ImageDecoder + 'a, String> {
    let mut reader = ImageReader::new(file);
    reader.set_format(format.of_image_crate().expect("of the image crate"));
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_METADATA as u64);
    reader.limits(limits);
    reader.into_decoder().map_err(|e| e.to_string())
}

/// Reads the header, and checks that the end of the picture is there.
pub fn header(format: Format, file: &mut dyn Source) -> Result<Header, Fault> {
    // before the decoder, which allocates what a chunk claims to hold, and takes time for each
    let parts = match format {
        Format::Png => png_parts(file)?,
        Format::WebP => webp_parts(file)?,
        _ => Parts {
            frames: 1,
            whole: true,
        },
    };
    if parts.frames > 1 {
        return Err(Fault::kind(
            format!("{} frames (an animation)", parts.frames),
            "save its frames as pictures of their own",
        ));
    }
    if !parts.whole {
        return Err(TRUNCATED.into());
    }
    let mut decoder = decoder(format, &mut *file)?;
    let size = decoder.dimensions().into();
    let (channels, depth) = match decoder.color_type() {
        ColorType::L8 => (1, Depth::U8),
        ColorType::La8 => (2, Depth::U8),
        ColorType::Rgb8 => (3, Depth::U8),
        ColorType::Rgba8 => (4, Depth::U8),
        ColorType::L16 => (1, Depth::U16),
        ColorType::La16 => (2, Depth::U16),
        ColorType::Rgb16 => (3, Depth::U16),
        ColorType::Rgba16 => (4, Depth::U16),
        other => return Err(Fault::kind(format!("{other:?} samples"), "save it as RGB")),
    };
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    drop(decoder);
    if format == Format::Bmp && !bmp_is_whole(file)? {
        return Err(TRUNCATED.into());
    }
    Ok(Header {
        format,
        size: orientation::size(orientation, size),
        channels,
        depth,
        indexed: format == Format::Png && png_is_indexed(file)?,
        alpha: matches!(channels, 2 | 4),
        files: 1,
        mixed: false,
    })
}

/// Decodes a picture.
pub fn decode(format: Format, bytes: &[u8]) -> Result<Picture, Fault> {
    let mut decoder = decoder(format, Cursor::new(bytes))?;
    let orientation = decoder.orientation().map_err(|e| e.to_string())?;
    let picture = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
    let picture = Picture::try_from(picture).map_err(|e| e.to_string())?;
    Ok(orientation::apply(orientation, picture))
}

/// Bits of a sample of a file, at most 8. A PNG without a palette says so in its header, IHDR.
pub fn bits(format: Format, bytes: &[u8]) -> u32 {
    match (format, bytes.get(24..26)) {
        (Format::Png, Some(&[bits @ ..8, 0])) => bits.into(),
        _ => 8,
    }
}

/// Decodes the indices of a PNG's palette.
pub fn indices(bytes: &[u8]) -> Result<Picture, Fault> {
    let orientation = decoder(Format::Png, Cursor::new(bytes))?.orientation();
    let orientation = orientation.map_err(|e| e.to_string())?;
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::IDENTITY);
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(|e| e.to_string())?;
    let size = reader
        .output_buffer_size()
        .ok_or("the picture is too large")?;
    let mut packed = vec![0; size];
    let frame = reader.next_frame(&mut packed).map_err(|e| e.to_string())?;
    let bits = frame.bit_depth as usize;
    let mask = (1u16 << bits) - 1;
    let row = |line: &[u8]| -> Vec<u8> {
        let index = |at: usize| {
            let bit = at * bits;
            line[bit / 8] >> (8 - bits - bit % 8) & mask as u8
        };
        (0..frame.width as usize).map(index).collect()
    };
    let lines = packed.chunks_exact(frame.line_size);
    let values = lines.take(frame.height as usize).flat_map(row).collect();
    let picture = Picture::new([frame.width, frame.height], 1, Samples::U8(values));
    Ok(orientation::apply(orientation, picture))
}

/// Whether the colors of a PNG are those of its palette, by its header, IHDR.
fn png_is_indexed(file: &mut dyn Source) -> io::Result<bool> {
    let mut kind = [0];
    file.seek(SeekFrom::Start(25))?;
    file.read_exact(&mut kind)?;
    Ok(kind == [3])
}

/// What the chunks of a PNG or WebP tell.
struct Parts {
    /// Number of frames.
    frames: u32,
    /// Whether all are there.
    whole: bool,
}

/// Checks the number of chunks besides those with samples.
fn check_parts(count: u64) -> Result<(), Fault> {
    match count > MAX_PARTS {
        true => Err(Fault::kind(
            format!("more than {MAX_PARTS} chunks"),
            "save it again, with its pixels alone",
        )),
        false => Ok(()),
    }
}

/// Walks through the chunks of a PNG. The chunk acTL, before the samples, has the number of frames. IEND is the last one;
/// anything may follow it. The reader is then at the start.
///
/// # Errors
/// When there are too many chunks: of those with samples, which some programs write byte by byte, more than there are pixels.
fn png_parts(file: &mut dyn Source) -> Result<Parts, Fault> {
    let length = length(file)?;
    let mut at = 8; // behind the signature
    let mut parts = Parts {
        frames: 1,
        whole: false,
    };
    let (mut pixels, mut others, mut samples) = (0, 0, 0u64);
    while at + 12 <= length && parts.frames <= 1 {
        let mut start = [0; 12];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut start)?;
        let [a, b, c, d, kind @ .., e, f, g, h] = start;
        at += 12 + u64::from(u32::from_be_bytes([a, b, c, d]));
        let number = u32::from_be_bytes([e, f, g, h]);
        match &kind {
            b"IEND" => {
                parts.whole = at <= length;
                break;
            }
            b"IDAT" => samples += 1,
            b"acTL" if samples == 0 => parts.frames = number,
            b"IHDR" => {
                let mut height = [0; 4];
                file.read_exact(&mut height)?;
                pixels = u64::from(number) * u64::from(u32::from_be_bytes(height));
            }
            _ => others += 1,
        }
        check_parts(others.max(samples.saturating_sub(pixels)))?;
    }
    file.rewind()?;
    Ok(parts)
}

/// Walks through the chunks of a WebP file, which is whole if it is as long as its header and the heads of its chunks say. The
/// reader is then at the start.
///
/// # Errors
/// When there are too many chunks.
fn webp_parts(file: &mut dyn Source) -> Result<Parts, Fault> {
    let length = length(file)?;
    let mut head = [0; 8];
    let mut part_at = |at: u64| -> io::Result<([u8; 4], u64)> {
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut head)?;
        let [a, b, c, d, said @ ..] = head;
        Ok(([a, b, c, d], u64::from(u32::from_le_bytes(said))))
    };
    let (_, size) = part_at(0)?;
    let end = 8 + size;
    let mut whole = end <= length;
    let (mut at, mut frames, mut others) = (12, 0, 0); // behind the header
    while whole && at + 8 <= end {
        let (kind, size) = part_at(at)?;
        at += 8 + size;
        whole = at <= length;
        match &kind {
            b"ANMF" => frames += 1,
            _ => others += 1,
        }
        check_parts(others)?;
        at += at % 2; // chunks begin at even places
    }
    file.rewind()?;
    Ok(Parts {
        frames: frames.max(1),
        whole,
    })
}

/// Whether a BMP has all pixels. The field for the file's size does not count: many programs write it wrong.
fn bmp_is_whole(file: &mut dyn Source) -> io::Result<bool> {
    let length = length(file)?;
    let mut start = [0; 34];
    file.read_exact(&mut start)?;
    let number = |at: usize| u32::from_le_bytes(start[at..at + 4].try_into().expect("four bytes"));
    let (pixels, compression) = (u64::from(number(10)), number(30));
    let [width, height] = [18, 22].map(|at| u64::from((number(at) as i32).unsigned_abs()));
    let bits = u64::from(u16::from_le_bytes([start[28], start[29]]));
    let is_plain = number(14) >= 40 && matches!(compression, 0 | 3 | 6);
    let row = (width * bits).div_ceil(32) * 4;
    // the decoder finds out whether compressed pixels are complete
    Ok(!is_plain || pixels + row * height <= length)
}
