//! Reads JPEG: baseline, extended and progressive, with any sampling and any order of scans (ITU-T T.81).

use std::io::{self, Cursor, Read, SeekFrom};

use image::metadata::Orientation as Turn;
use jpeg_decoder::{Decoder, Error, PixelFormat, UnsupportedFeature};

use super::content::{Source, length};
use super::fault::{Fault, TRUNCATED};
use super::orientation::{self, Orientation};
use super::{Depth, Format, Header, MAX_BYTES, MAX_PARTS, Picture, Samples};

/// Reads the header, and checks that the end of the picture is there.
pub fn header(file: &mut dyn Source) -> Result<Header, Fault> {
    // before the decoder, which takes time for each segment
    let has_end = has_end(file)?;
    file.rewind()?;
    let mut decoder = Decoder::new(&mut *file);
    decoder.read_info().map_err(named)?;
    let info = decoder.info().ok_or(TRUNCATED)?;
    let (channels, depth) = kind(info.pixel_format);
    let orientation = turn(file)?;
    if !has_end {
        return Err(TRUNCATED.into());
    }
    Ok(Header {
        format: Format::Jpeg,
        size: orientation::size(orientation, [info.width, info.height].map(u32::from)),
        channels,
        depth,
        indexed: false,
        alpha: false,
        files: 1,
        mixed: false,
    })
}

/// Decodes a picture.
pub fn decode(bytes: &[u8]) -> Result<Picture, Fault> {
    check_segments(bytes)?;
    let mut decoder = Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(MAX_BYTES as usize);
    let pixels = decoder.decode().map_err(named)?;
    let info = decoder.info().ok_or(TRUNCATED)?;
    let (channels, _) = kind(info.pixel_format);
    let samples = match info.pixel_format {
        PixelFormat::L8 | PixelFormat::RGB24 => Samples::U8(pixels),
        PixelFormat::L16 => {
            let values = pixels.as_chunks().0.iter();
            Samples::U16(values.map(|&bytes| u16::from_ne_bytes(bytes)).collect())
        }
        PixelFormat::CMYK32 => Samples::U8(rgb(&pixels)),
    };
    let picture = Picture::new([info.width, info.height].map(u32::from), channels, samples);
    Ok(orientation::apply(turn(&mut Cursor::new(bytes))?, picture))
}

/// Channels and depth of a decoded picture.
fn kind(format: PixelFormat) -> (usize, Depth) {
    match format {
        PixelFormat::L8 => (1, Depth::U8),
        PixelFormat::L16 => (1, Depth::U16),
        PixelFormat::RGB24 | PixelFormat::CMYK32 => (3, Depth::U8),
    }
}

/// Converts cyan, magenta, yellow and black to RGB, as Pillow.
fn rgb(cmyk: &[u8]) -> Vec<u8> {
    let ink = |light: u8, black: u8| {
        let product = u32::from(255 - light) * u32::from(255 - black);
        ((product + 127) / 255) as u8
    };
    let pixels = cmyk.as_chunks().0.iter();
    pixels
        .flat_map(|&[c, m, y, k]| [ink(c, k), ink(m, k), ink(y, k)])
        .collect()
}

/// The orientation that EXIF gives. As for Pillow, EXIF stands before the first scan; the decoder also takes what follows.
pub fn turn(file: &mut dyn Source) -> Result<Orientation, Fault> {
    let mut segments = Segments::of(file)?;
    while let Some(segment) = segments.next()? {
        match segment.kind {
            END | SCAN => break,
            0xe1 => {}
            _ => continue,
        }
        let mut content = Vec::new();
        let file = &mut segments.file;
        file.take(segment.length).read_to_end(&mut content)?;
        if let Some(exif) = content.strip_prefix(b"Exif\0\0") {
            return Ok(Turn::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms));
        }
    }
    Ok(Orientation::NoTransforms)
}

/// Whether the end marker follows the first scan. Anything may follow the end: cameras append videos and padding.
fn has_end(file: &mut dyn Source) -> Result<bool, Fault> {
    let mut segments = Segments::of(file)?;
    // other bytes between markers are skipped, as by libjpeg; so are those of a scan
    while let Some(segment) = segments.next()? {
        // most files end with the end marker, and need not be read whole
        if segment.kind == END || (segment.kind == SCAN && segments.end_is_last()?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Most scans of a picture. Programs write about ten; each one takes time for the whole picture, however few bytes it
/// has, so that a small file could take hours.
const SCANS: u64 = 200;

/// A strip or tile of a TIFF file as a picture of its own: behind the `tables` that all of the file share, which have a start and
/// an end too. It is what the TIFF reader decodes.
pub fn with_tables(tables: Option<&[u8]>, part: Vec<u8>) -> Vec<u8> {
    const START: &[u8] = b"\xff\xd8";
    const END: &[u8] = b"\xff\xd9";
    let Some(tables) = tables else {
        return part;
    };
    let tables = tables.strip_suffix(END).unwrap_or(tables);
    let tables = tables.strip_prefix(START).unwrap_or(tables);
    let part = part.strip_prefix(START).unwrap_or(&part);
    [START, tables, part].concat()
}

/// Checks the numbers of scans and of segments.
///
/// # Errors
/// When there are more than [`SCANS`] or [`MAX_PARTS`].
pub fn check_segments(bytes: &[u8]) -> Result<(), Fault> {
    let mut file = Cursor::new(bytes);
    let mut segments = Segments::of(&mut file)?;
    while segments.next()?.is_some_and(|segment| segment.kind != END) {}
    Ok(())
}

/// Kinds of markers: the end, and the start of a scan.
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// A segment: a marker, and its content.
struct Segment {
    kind: u8,
    /// Bytes of the content.
    length: u64,
}

/// The segments of a file, of which there may be only so many.
struct Segments<'a> {
    /// Behind a segment, it is at the start of the content.
    file: &'a mut dyn Source,
    /// Place behind the content of the last segment.
    at: u64,
    /// Bytes of the file.
    length: u64,
    segments: u64,
    scans: u64,
}

impl<'a> Segments<'a> {
    /// Those of this file.
    fn of(file: &'a mut dyn Source) -> io::Result<Self> {
        let length = length(file)?;
        Ok(Self {
            file,
            at: 2, // behind the start marker
            length,
            segments: 0,
            scans: 0,
        })
    }

    /// The next segment; the end marker is one too. `None` where the file ends.
    fn next(&mut self) -> Result<Option<Segment>, Fault> {
        while let Some(kind) = next_marker(self.file, &mut self.at, self.length)? {
            if matches!(kind, 0x01 | 0xd0..=0xd8) {
                continue; // markers without content
            }
            if kind == END {
                return Ok(Some(Segment { kind, length: 0 }));
            }
            self.segments += 1;
            self.scans += u64::from(kind == SCAN);
            let many = [
                (self.scans, SCANS, "scans"),
                (self.segments, MAX_PARTS, "segments"),
            ];
            if let Some((_, most, what)) = many.iter().find(|(count, most, _)| count > most) {
                let what = format!("more than {most} {what}");
                return Err(Fault::kind(what, "save it again, e.g. as PNG"));
            }
            let mut size = [0; 2];
            self.file.seek(SeekFrom::Start(self.at))?;
            if self.file.read_exact(&mut size).is_err() {
                return Ok(None);
            }
            let size = u64::from(u16::from_be_bytes(size)).max(2);
            self.at += size;
            let length = size - 2;
            return Ok(Some(Segment { kind, length }));
        }
        Ok(None)
    }

    /// Whether the end marker, behind the last segment's length, is the end of the file.
    fn end_is_last(&mut self) -> io::Result<bool> {
        let mut end = [0; 2];
        let start = self.length.saturating_sub(2);
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(&mut end)?;
        Ok(end == [0xff, END])
    }
}

/// Kind of the next marker from position `at` on, which then is behind it. A marker is 0xff and a byte other than 0 and
/// 0xff.
fn next_marker(file: &mut dyn Source, at: &mut u64, length: u64) -> io::Result<Option<u8>> {
    if *at >= length {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(*at))?;
    let mut escaped = false;
    loop {
        let buffer = file.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        for (index, &byte) in buffer.iter().enumerate() {
            if escaped && byte != 0 && byte != 0xff {
                *at += index as u64 + 1;
                return Ok(Some(byte));
            }
            escaped = byte == 0xff;
        }
        let read = buffer.len();
        *at += read as u64;
        file.consume(read);
    }
}

/// The decoder's error.
fn named(error: Error) -> Fault {
    match error {
        Error::Unsupported(UnsupportedFeature::ArithmeticEntropyCoding) => Fault::kind(
            "arithmetic coding",
            "save it as a common JPEG, e.g. with `jpegtran -optimize`, or as PNG",
        ),
        Error::Unsupported(UnsupportedFeature::SamplePrecision(bits)) => {
            Fault::kind(format!("{bits}-bit samples"), "save it as PNG or TIFF")
        }
        Error::Unsupported(feature) => Fault::kind(format!("{feature:?}"), "save it as PNG"),
        Error::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof => TRUNCATED.into(),
        error => error.to_string().into(),
    }
}
