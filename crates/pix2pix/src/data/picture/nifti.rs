//! Reads NIfTI-1 volumes, slice by slice: `.nii`, and `.nii.gz`, which gzip packed.
//!
//! The third voxel axis counts the slices. The first axis is a slice's columns from left to right, the second its rows from
//! top to bottom: a voxel `[i, j, k]` is the pixel in column i and row j of slice k, whatever directions of the body these
//! are. Nothing is turned or resampled, so that results go back to the same places. Further axes are channels.
//!
//! Of the header, a dozen numbers at fixed places are needed, and results keep all others as they are: that is less than a
//! library's conversion there and back. The format: NIfTI-1 data format (Cox and others, 2004), `nifti1.h`.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::content::{Content, Part, Source, length, most_unpacked};
use super::fault::{Fault, TRUNCATED};
use super::grid::Grid;
use super::nifti_header::{Fields, HEADER, HEADER_2, at};
use super::{Depth, Format, Header, Page, Picture, Samples};
use crate::data::gzip::Gunzip;
use crate::error::{Error, Result as Checked};

/// Most bytes behind the voxels of a packed file that are read for its checksum.
const REST: u64 = 1 << 30;

/// Types of voxels (`nifti1.h`, DT_ codes).
#[derive(Clone, Copy, Debug, PartialEq)]
enum Values {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Values {
    fn bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// The type of the voxels, and how many values each has: several are colors.
fn values(datatype: i16) -> Result<(Values, usize), Fault> {
    Ok(match datatype {
        2 => (Values::U8, 1),
        4 => (Values::I16, 1),
        8 => (Values::I32, 1),
        16 => (Values::F32, 1),
        64 => (Values::F64, 1),
        128 => (Values::U8, 3),
        256 => (Values::I8, 1),
        512 => (Values::U16, 1),
        768 => (Values::U32, 1),
        1024 => (Values::I64, 1),
        1280 => (Values::U64, 1),
        2304 => (Values::U8, 4),
        32 | 1792 | 2048 => {
            let remedy = "save real numbers, e.g. the magnitude";
            return Err(Fault::kind("complex numbers", remedy));
        }
        other => {
            let what = format!("voxels of the type {other}");
            return Err(Fault::kind(what, "save it with 8, 16 or 32 bits"));
        }
    })
}

/// An opened volume, and which of its slices are read.
pub struct Nifti {
    content: Content,
    packed: bool,
    /// The header.
    pub fields: Fields,
    /// Columns and rows of a slice.
    size: [u32; 2],
    /// Number of slices.
    slices: usize,
    /// Number of values that the axes behind the third give each voxel.
    volumes: usize,
    values: Values,
    /// Values of a voxel's type.
    bands: usize,
    /// Slope and intercept, if values are scaled.
    scale: Option<[f64; 2]>,
    /// Place of the first voxel in the file.
    start: u64,
    /// The slices that are read.
    read: Range<usize>,
}

impl Nifti {
    /// Opens a volume and reads its header.
    pub fn open(content: &Content, page: Page) -> Result<Self, Fault> {
        let mut volume = Self::whole(content)?;
        volume.read = match page {
            Page::Only if volume.slices > 1 => return Err(Fault::Pages(volume.slices)),
            Page::Only | Page::Channels => 0..volume.slices,
            Page::At(index) if index < volume.slices => index..index + 1,
            Page::At(index) => {
                return Err(format!("there is no slice {}", index + 1).into());
            }
        };
        Ok(volume)
    }

    /// Opens a volume of which all slices are read.
    fn whole(content: &Content) -> Result<Self, Fault> {
        let packed = content.is_packed()?;
        let mut file = content.reader()?;
        let stored = length(&mut *file)?;
        let fields = read_fields(&mut *file, packed)?;
        let dimensions = fields.dim(0);
        if !(1..=7).contains(&dimensions) {
            return Err(format!("it has {dimensions} dimensions").into());
        }
        let mut sides = [1u64; 7];
        for (index, side) in sides[..dimensions as usize].iter_mut().enumerate() {
            let length = fields.dim(index + 1);
            *side = u64::try_from(length)
                .ok()
                .filter(|length| *length > 0)
                .ok_or_else(|| {
                    Fault::from(format!(
                        "its dimension {} has the length {length}",
                        index + 1
                    ))
                })?;
        }
        let (values, bands) = values(fields.i16(at::DATATYPE))?;
        let [width, height, slices, others @ ..] = sides;
        let product = |sides: &[u64]| {
            sides
                .iter()
                .fold(1u64, |all, side| all.saturating_mul(*side))
        };
        let voxel = values.bytes() * bands as u64;
        let bytes = product(&sides).saturating_mul(voxel);
        let offset = fields.f32(at::VOX_OFFSET);
        if !(HEADER as f32..=1e9).contains(&offset) {
            return Err(format!("its voxels begin at byte {offset}").into());
        }
        let start = offset as u64;
        let most = match packed {
            true => most_unpacked(stored),
            false => stored,
        };
        if start.saturating_add(bytes) > most {
            return Err(match packed {
                true => "it is too small to hold its voxels".into(),
                false => TRUNCATED.into(),
            });
        }
        let [slope, intercept] = [at::SCL_SLOPE, at::SCL_INTER].map(|at| f64::from(fields.f32(at)));
        // a slope of zero says that values are not scaled
        let is_scaled = slope.is_finite() && slope != 0.0 && bands == 1;
        let intercept = if intercept.is_finite() {
            intercept
        } else {
            0.0
        };
        let scale = [slope, intercept];
        Ok(Self {
            content: content.clone(),
            packed,
            size: [width as u32, height as u32],
            slices: slices as usize,
            volumes: product(&others).min(u64::from(u32::MAX)) as usize,
            values,
            bands,
            scale: Some(scale).filter(|scale| is_scaled && *scale != [1.0, 0.0]),
            start,
            read: 0..slices as usize,
            fields,
        })
    }

    /// Number of slices, and where the voxels lie if the file says so.
    pub fn stack(content: &Content) -> Result<(usize, Option<Grid>), Fault> {
        let volume = Self::whole(content)?;
        let [width, height] = volume.size.map(|side| side as usize);
        let grid = volume.fields.places().map(|(axes, origin)| Grid {
            axes,
            origin,
            sides: [width, height, volume.slices],
        });
        Ok((volume.slices, grid))
    }

    /// The header of the picture that is read.
    pub fn header(&self) -> Header {
        Header {
            format: Format::Nifti,
            size: self.size,
            channels: (self.bands * self.read.len()).saturating_mul(self.volumes),
            depth: match (self.values, self.scale) {
                (Values::U8, None) => Depth::U8,
                (Values::U16, None) => Depth::U16,
                _ => Depth::F32,
            },
            indexed: false,
            alpha: [self.bands, self.volumes, self.read.len()] == [4, 1, 1],
            files: 1,
            mixed: false,
        }
    }

    /// Reads the slices: channel by channel of a voxel, and of each all slices that are read.
    pub fn read(&self) -> Result<Picture, Fault> {
        let [width, height] = self.size.map(u64::from);
        let plane = width * height * self.values.bytes() * self.bands as u64;
        let mut file = self.content.reader()?;
        let mut voxels: Box<dyn Voxels> = match self.packed {
            true => Box::new(Unpacking {
                file: Gunzip::new(&mut *file),
                at: 0,
            }),
            false => Box::new(Plain(&mut *file)),
        };
        let mut planes = Vec::new();
        for volume in 0..self.volumes as u64 {
            for slice in self.read.clone() {
                let index = volume * self.slices as u64 + slice as u64;
                let bytes = voxels.read(self.start + index * plane, plane)?;
                planes.push(self.samples(&bytes));
            }
        }
        let samples = Samples::interleave(planes, self.bands);
        Ok(Picture::new(self.size, self.header().channels, samples))
    }

    /// Converts the bytes of a slice.
    fn samples(&self, bytes: &[u8]) -> Samples {
        let (big, scale) = (self.fields.big, self.scale);
        macro_rules! numbers {
            ($kind:ty) => {{
                let (numbers, _) = bytes.as_chunks();
                numbers.iter().map(move |bytes| match big {
                    true => <$kind>::from_be_bytes(*bytes),
                    false => <$kind>::from_le_bytes(*bytes),
                })
            }};
        }
        macro_rules! floats {
            ($kind:ty) => {
                Samples::F32(match scale {
                    None => numbers!($kind).map(|value| value as f32).collect(),
                    Some([slope, intercept]) => numbers!($kind)
                        .map(|value| (value as f64 * slope + intercept) as f32)
                        .collect(),
                })
            };
        }
        match (self.values, scale) {
            (Values::U8, None) => Samples::U8(bytes.to_vec()),
            (Values::U16, None) => Samples::U16(numbers!(u16).collect()),
            (Values::U8, _) => floats!(u8),
            (Values::I8, _) => floats!(i8),
            (Values::U16, _) => floats!(u16),
            (Values::I16, _) => floats!(i16),
            (Values::U32, _) => floats!(u32),
            (Values::I32, _) => floats!(i32),
            (Values::U64, _) => floats!(u64),
            (Values::I64, _) => floats!(i64),
            (Values::F32, _) => floats!(f32),
            (Values::F64, _) => floats!(f64),
        }
    }
}

/// Reads and checks a header.
fn read_fields(file: &mut dyn Source, packed: bool) -> Result<Fields, Fault> {
    let mut bytes = Box::new([0; HEADER]);
    let read = match packed {
        true => Gunzip::new(file).read_exact(&mut bytes[..]),
        false => file.read_exact(&mut bytes[..]),
    };
    read.map_err(named)?;
    let [little, big] = [i32::from_le_bytes, i32::from_be_bytes]
        .map(|number| number(*bytes.first_chunk().expect("longer")));
    if little == HEADER_2 || big == HEADER_2 {
        let remedy = "convert it to NIfTI-1, e.g. with nibabel.Nifti1Image.from_image";
        return Err(Fault::kind("a header of NIfTI-2", remedy));
    }
    if little != HEADER as i32 && big != HEADER as i32 {
        return Err("it has no NIfTI header".into());
    }
    if bytes[at::MAGIC..] != *b"n+1\0" {
        let remedy = "save it as one file, .nii or .nii.gz";
        return Err(Fault::kind("its voxels in another file (.img)", remedy));
    }
    Ok(Fields {
        bytes,
        big: little != HEADER as i32,
    })
}

/// Voxels by their place in the file.
trait Voxels {
    /// Reads `length` bytes from `place`; places ascend.
    fn read(&mut self, place: u64, length: u64) -> Result<Vec<u8>, Fault>;
}

struct Plain<'a>(&'a mut dyn Source);

impl Voxels for Plain<'_> {
    fn read(&mut self, place: u64, length: u64) -> Result<Vec<u8>, Fault> {
        self.0.seek(SeekFrom::Start(place))?;
        exactly(&mut self.0, length)
    }
}

/// Unpacks a file from its beginning to the place that is read.
struct Unpacking<R> {
    file: Gunzip<R>,
    at: u64,
}

impl<R: BufRead> Voxels for Unpacking<R> {
    fn read(&mut self, place: u64, length: u64) -> Result<Vec<u8>, Fault> {
        let before = place - self.at;
        io::copy(&mut (&mut self.file).take(before), &mut io::sink()).map_err(named)?;
        self.at = place + length;
        exactly(&mut self.file, length)
    }
}

/// Reads exactly so many bytes. Memory grows with the bytes that arrive.
fn exactly(from: &mut impl Read, length: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes).map_err(named)?;
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => Err(TRUNCATED.into()),
    }
}

fn named(error: io::Error) -> Fault {
    match error.kind() {
        ErrorKind::UnexpectedEof => TRUNCATED.into(),
        _ => error.into(),
    }
}

/// A volume whose slices are found without unpacking those before them: what gzip packed is unpacked to the end of `file`.
/// `path` is for messages.
///
/// # Errors
/// When it is no volume, is damaged or larger than its header says, or the file cannot be written.
pub fn unpacked(path: &Path, content: &Content, file: &Arc<Mutex<File>>) -> Checked<Content> {
    let failed = |fault: Fault| fault.of(path, Format::Nifti);
    let volume = Nifti::whole(content).map_err(failed)?;
    let voxel = volume.values.bytes() * volume.bands as u64;
    let voxels = [
        volume.size[0] as usize,
        volume.size[1] as usize,
        volume.slices,
        volume.volumes,
    ];
    let bytes = voxels
        .iter()
        .fold(voxel, |product, side| product.saturating_mul(*side as u64));
    let end = volume.start + bytes;
    let stored = content
        .reader()
        .map_err(|e| Error::io(path, "read the volume", e))?;
    let unpacked = match volume.packed {
        true => Part::append(file, Gunzip::new(stored), end, REST),
        false => Part::append(file, stored, end, 0),
    };
    let part = unpacked.map_err(|e| match e.kind() {
        ErrorKind::InvalidInput | ErrorKind::InvalidData => failed(e.into()),
        ErrorKind::UnexpectedEof => failed(TRUNCATED.into()),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Error::io(&env::temp_dir(), "unpack a volume to a temporary file", e)
        }
        _ => Error::io(path, "unpack the volume", e),
    })?;
    Ok(Content::Part(part))
}
