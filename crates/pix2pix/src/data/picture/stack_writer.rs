//! Writes volumes and TIFF files of several pages, picture by picture, so that memory does not grow with their number.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use pix2pix_runtime::picture::Domain;
use tiff_writer::{TiffWriter, WriteOptions};

use super::content::Content;
use super::encode::write_page;
use super::fault::guarded;
use super::nifti::Nifti;
use super::nifti_header::{Fields, HEADER, at};
use super::{Depth, Format, Metadata, Page, Picture, Samples};
use crate::error::Result;

/// Place of the first voxel: behind the header and four bytes that say that nothing else is there.
const START: u64 = HEADER as u64 + 4;

/// Writes the pictures of a stack, one after another.
pub enum StackWriter {
    /// A NIfTI volume.
    Nifti(NiftiWriter),
    /// A TIFF file.
    Tiff(Box<TiffWriter<BufWriter<File>>>),
}

impl StackWriter {
    /// Begins a TIFF file.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn tiff(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        let writer = TiffWriter::new(file, WriteOptions::default()).map_err(io::Error::other)?;
        Ok(Self::Tiff(Box::new(writer)))
    }

    /// Writes the next picture; `metadata` is for TIFF.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, picture: &Picture, metadata: &Metadata) -> io::Result<()> {
        match self {
            Self::Nifti(writer) => writer.write(picture),
            Self::Tiff(writer) => write_page(writer, picture, metadata).map_err(io::Error::other),
        }
    }

    /// Finishes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Self::Nifti(writer) => writer.finish(),
            Self::Tiff(writer) => writer.finish().map_err(io::Error::other)?.flush(),
        }
    }
}

/// The header of a volume, for results that lie in the same place.
pub struct Template(Fields);

impl Template {
    /// Reads the header of a volume; `path` is for messages.
    ///
    /// # Errors
    /// When it is no volume.
    pub fn of(path: &Path, content: &Content) -> Result<Self> {
        let volume = guarded(|| Nifti::open(content, Page::Channels));
        let volume = volume.map_err(|fault| fault.of(path, Format::Nifti))?;
        Ok(Self(volume.fields))
    }

    /// Begins a volume of `slices` in this domain: everything that the header says of the place, the spacing and the units
    /// stays, and so does its byte order. The values are those of the domain, not scaled. `packed` packs it with gzip.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn begin(
        &self,
        path: &Path,
        slices: usize,
        domain: &Domain,
        packed: bool,
    ) -> io::Result<StackWriter> {
        let target = File::create(path)?;
        let (file, target) = match packed {
            true => (tempfile::tempfile()?, Some(target)),
            false => (target, None),
        };
        let mut file = BufWriter::new(file);
        file.write_all(&self.header(slices, domain)[..])?;
        file.write_all(&[0; (START - HEADER as u64) as usize])?;
        Ok(StackWriter::Nifti(NiftiWriter {
            file,
            target,
            big: self.0.big,
            slices: slices as u64,
            written: 0,
        }))
    }

    fn header(&self, slices: usize, domain: &Domain) -> Box<[u8; HEADER]> {
        let Fields { mut bytes, big } = self.0.clone();
        let mut put = |at: usize, mut number: Vec<u8>| {
            if big {
                number.reverse();
            }
            bytes[at..at + number.len()].copy_from_slice(&number);
        };
        let mut short = |at: usize, value: i16| put(at, value.to_le_bytes().to_vec());
        let channels = domain.channels as i16;
        let dimensions = match (channels, self.0.dim(0), slices) {
            (1, ..=2, 1) => 2,
            (1, ..) => 3,
            _ => 4,
        };
        short(at::DIM, dimensions);
        short(at::DIM + 6, slices as i16);
        short(at::DIM + 8, channels);
        for index in 5..8 {
            short(at::DIM + 2 * index, 1);
        }
        let (datatype, bits) = match domain.depth {
            Depth::U8 => (2, 8),
            Depth::U16 => (512, 16),
            Depth::F32 => (16, 32),
        };
        short(at::DATATYPE, datatype);
        short(at::BITPIX, bits);
        short(at::INTENT_CODE, 0);
        let mut float = |at: usize, value: f32| put(at, value.to_le_bytes().to_vec());
        for place in [0, 4, 8] {
            float(at::INTENT_PARAMETERS + place, 0.0);
        }
        float(at::VOX_OFFSET, START as f32);
        float(at::SCL_SLOPE, 1.0);
        float(at::SCL_INTER, 0.0);
        float(at::CAL_MAX, 0.0);
        float(at::CAL_MIN, 0.0);
        bytes[at::INTENT_NAME..at::MAGIC].fill(0);
        bytes
    }
}

/// Writes a volume slice by slice.
pub struct NiftiWriter {
    file: BufWriter<File>,
    /// Where the packed volume goes; `None` if the file is the volume.
    target: Option<File>,
    big: bool,
    slices: u64,
    written: u64,
}

impl NiftiWriter {
    fn write(&mut self, slice: &Picture) -> io::Result<()> {
        let channels = slice.channels();
        for channel in 0..channels {
            macro_rules! plane {
                ($values:expr) => {{
                    let values = $values.iter().skip(channel).step_by(channels);
                    match self.big {
                        true => values.flat_map(|value| value.to_be_bytes()).collect(),
                        false => values.flat_map(|value| value.to_le_bytes()).collect(),
                    }
                }};
            }
            let bytes: Vec<u8> = match slice.samples() {
                Samples::U8(values) => plane!(values),
                Samples::U16(values) => plane!(values),
                Samples::F32(values) => plane!(values),
            };
            // the channels lie behind each other
            let index = channel as u64 * self.slices + self.written;
            self.file
                .seek(SeekFrom::Start(START + index * bytes.len() as u64))?;
            self.file.write_all(&bytes)?;
        }
        self.written += 1;
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        assert_eq!(self.written, self.slices, "all slices are written");
        let mut file = self.file.into_inner()?;
        let Some(target) = self.target else {
            return Ok(());
        };
        file.rewind()?;
        let mut packed = GzEncoder::new(BufWriter::new(target), Compression::fast());
        io::copy(&mut BufReader::new(file), &mut packed)?;
        packed.finish()?.flush()
    }
}
