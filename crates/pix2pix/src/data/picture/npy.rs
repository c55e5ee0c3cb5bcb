//! Reads NumPy's arrays.

use std::io::{Cursor, Read, SeekFrom};

use half::f16;
use npyz::{NpyFile, NpyHeader, Order, TypeChar};
use pix2pix_runtime::picture::CHANNELS;

use super::content::{Source, length};
use super::fault::{Fault, TRUNCATED};
use super::{Depth, Format, Header, Picture, Samples};

/// Reads the header, and checks that all values are there.
pub fn header(file: &mut dyn Source) -> Result<Header, Fault> {
    let length = length(file)?;
    check_text(file)?;
    let header = NpyHeader::from_reader(&mut *file)?;
    let start = file.stream_position()?;
    let side = |side: u64| u32::try_from(side).map_err(|_| "a side is too long");
    let is_few = |&channels: &u64| CHANNELS.contains(&(channels as usize));
    let (size, channels) = match header.shape() {
        [height, width] => ([side(*width)?, side(*height)?], 1),
        [first, _, last] if is_few(first) && !is_few(last) => {
            let shape = shown(header.shape());
            let remedy = "put the channels last, with numpy.moveaxis(array, 0, -1)";
            return Err(Fault::kind(
                format!("the shape {shape}, channels first,"),
                remedy,
            ));
        }
        [height, width, channels @ 1..=1024] => {
            ([side(*width)?, side(*height)?], *channels as usize)
        }
        shape => {
            let remedy = "save height x width, or height x width x channels";
            return Err(Fault::kind(format!("the shape {}", shown(shape)), remedy));
        }
    };
    let (kind, bytes) = npy_type(&header)?;
    let expected = header
        .shape()
        .iter()
        .fold(bytes, |product, &side| product.saturating_mul(side));
    if start.saturating_add(expected) > length {
        return Err(TRUNCATED.into());
    }
    let depth = match (kind, bytes) {
        (TypeChar::Uint | TypeChar::Bool, 1) => Depth::U8,
        (TypeChar::Uint, 2) => Depth::U16,
        _ => Depth::F32,
    };
    Ok(Header {
        format: Format::Npy,
        size,
        channels,
        depth,
        indexed: false,
        alpha: false,
        files: 1,
        mixed: false,
    })
}

/// Largest text of a header, NumPy's own limit, and deepest brackets in it. The parser is recursive.
const TEXT: usize = 10_000;
const DEEPEST: usize = 16;

/// Checks the text of a header before it is parsed. The reader is then at the start.
fn check_text(file: &mut dyn Source) -> Result<(), Fault> {
    let mut start = [0; 12]; // magic number, version, length of the text
    file.read_exact(&mut start)?;
    let [_, _, _, _, _, _, version, _, size @ ..] = start;
    let (said, behind) = match version {
        1 => (u32::from(u16::from_le_bytes([size[0], size[1]])), 10),
        _ => (u32::from_le_bytes(size), 12),
    };
    if said as usize > TEXT {
        return Err(format!("its header has more than {TEXT} bytes").into());
    }
    file.seek(SeekFrom::Start(behind))?;
    let mut text = Vec::new();
    file.take(said.into()).read_to_end(&mut text)?;
    let mut depth: usize = 0;
    for byte in text {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err("its header has too many brackets".into());
        }
    }
    file.rewind()?;
    Ok(())
}

/// A shape as NumPy prints it.
fn shown(shape: &[u64]) -> String {
    let sides: Vec<String> = shape.iter().map(u64::to_string).collect();
    format!("({})", sides.join(", "))
}

/// Type of an array's values: kind and number of bytes.
fn npy_type(header: &NpyHeader) -> Result<(TypeChar, u64), Fault> {
    let unknown = || {
        let what = format!("values of the type {}", header.dtype().descr());
        Fault::kind(what, "save real numbers or integers")
    };
    match header.dtype() {
        npyz::DType::Plain(kind) => match (kind.type_char(), kind.size_field()) {
            (TypeChar::Uint | TypeChar::Int, bytes @ (1 | 2 | 4 | 8)) => {
                Ok((kind.type_char(), bytes))
            }
            (TypeChar::Float, bytes @ (2 | 4 | 8)) => Ok((TypeChar::Float, bytes)),
            (TypeChar::Bool, 1) => Ok((TypeChar::Bool, 1)),
            _ => Err(unknown()),
        },
        _ => Err(unknown()),
    }
}

/// Bits of a value of an array, at most 8: of a mask of `bool`, 1.
pub fn bits(bytes: &[u8]) -> Result<u32, Fault> {
    let file = NpyFile::new(Cursor::new(bytes))?;
    Ok(match npy_type(file.header())? {
        (TypeChar::Bool, _) => 1,
        _ => 8,
    })
}

/// Decodes an array.
pub fn decode(header: &Header, bytes: &[u8]) -> Result<Picture, Fault> {
    let file = NpyFile::new(Cursor::new(bytes))?;
    let (kind, order) = (npy_type(file.header())?, file.order());
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
        (_, 2) => file
            .into_vec::<f16>()
            .map(|v| Samples::F32(v.into_iter().map(f16::to_f32).collect())),
        (_, 4) => file.into_vec::<f32>().map(Samples::F32),
        _ => floats!(f64),
    };
    let (size, channels) = (header.size, header.channels);
    let samples = samples?;
    if samples.len() != size[0] as usize * size[1] as usize * channels {
        let reason = "the number of its values does not match its shape";
        return Err(reason.into());
    }
    let samples = match order {
        Order::C => samples,
        Order::Fortran => samples.in_rows(size, channels),
    };
    Ok(Picture::new(size, channels, samples))
}
