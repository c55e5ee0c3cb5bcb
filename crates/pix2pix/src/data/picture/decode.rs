//! Reads picture files, and keeps their depth and channels. Headers are read by themselves: that takes seconds for thousands
//! of files, and rejects decompression bombs before they are decoded.

use std::path::Path;

use pix2pix_runtime::picture::Domain;
use pix2pix_runtime::picture::labels::Stored;

use super::content::{Content, starts};
use super::fault::{REMEDY, guarded};
use super::header::NAMES;
use super::nifti::Nifti;
use super::tiff::Tiff;
use super::{Format, Gaps, Header, Page, Picture, Stack, alike, common, jpeg, npy};
use crate::error::{Error, Result};

impl Header {
    /// Reads the header of a picture; `path` is for messages.
    ///
    /// # Errors
    /// When the file has no known picture format, is truncated, too small or too large, or is of a kind that is not read.
    pub fn read(path: &Path, content: &Content, page: Page) -> Result<Self> {
        opened(path, content, page).map(|(header, _)| header)
    }
}

/// A file of a format that is read in parts.
enum Opened {
    Tiff(Tiff),
    Nifti(Nifti),
}

/// Reads the header, and returns a TIFF or NIfTI file opened.
fn opened(path: &Path, content: &Content, page: Page) -> Result<(Header, Option<Opened>)> {
    let failed = |e| Error::io(path, "read the picture", e);
    let mut file = content.reader().map_err(failed)?;
    let start = starts(&mut *file).map_err(failed)?;
    let format = Format::guess(&start).ok_or_else(|| unknown(path, &start))?;
    let opened = guarded(|| match format {
        Format::Tiff => {
            let tiff = Tiff::open(content, page)?;
            Ok((tiff.header(), Some(Opened::Tiff(tiff))))
        }
        Format::Nifti => {
            let volume = Nifti::open(content, page)?;
            Ok((volume.header(), Some(Opened::Nifti(volume))))
        }
        Format::Npy => Ok((npy::header(&mut *file)?, None)),
        Format::Jpeg => Ok((jpeg::header(&mut *file)?, None)),
        format => Ok((common::header(format, &mut *file)?, None)),
    });
    let (header, parts) = opened.map_err(|fault| fault.of(path, format))?;
    header.check(path)?;
    Ok((header, parts))
}

/// Reads a picture, and returns it with its file format.
///
/// # Errors
/// When the file cannot be read, has an unknown format or several pages, is damaged, too small or too large.
pub fn read(path: &Path) -> Result<(Picture, Format)> {
    decode_page(path, &path.into(), Page::Only)
}

/// Decodes a picture's bytes; `path` is for messages.
///
/// # Errors
/// As [`read`], except for file access.
pub fn decode(path: &Path, bytes: &[u8]) -> Result<Picture> {
    let content = Content::Memory(bytes.into());
    decode_page(path, &content, Page::Only).map(|(picture, _)| picture)
}

/// Decodes a page of a picture file; `path` is for messages.
///
/// # Errors
/// As [`read`].
pub fn decode_page(path: &Path, content: &Content, page: Page) -> Result<(Picture, Format)> {
    decode_marked(path, content, page, Gaps::AsStored)
}

/// As [`decode_page`], with these pixels without data marked.
///
/// # Errors
/// As [`read`].
pub fn decode_marked(
    path: &Path,
    content: &Content,
    page: Page,
    gaps: Gaps,
) -> Result<(Picture, Format)> {
    let (picture, format, _) = decoded(path, content, page, gaps)?;
    Ok((picture, format))
}

/// As [`decode_marked`], with the bits of a sample of the file, at most 8: fewer are stretched to 8.
fn decoded(
    path: &Path,
    content: &Content,
    page: Page,
    gaps: Gaps,
) -> Result<(Picture, Format, u32)> {
    let (header, parts) = opened(path, content, page)?;
    let found = match parts {
        Some(Opened::Tiff(tiff)) => guarded(|| Ok((tiff.read(gaps)?, tiff.bits()))),
        Some(Opened::Nifti(volume)) => guarded(|| Ok((volume.read()?, 8))),
        None => {
            let bytes = content.bytes();
            let bytes = bytes.map_err(|e| Error::io(path, "read the picture", e))?;
            guarded(|| match header.format {
                Format::Npy => Ok((npy::decode(&header, &bytes)?, npy::bits(&bytes)?)),
                Format::Jpeg => Ok((jpeg::decode(&bytes)?, 8)),
                format => Ok((
                    common::decode(format, &bytes)?,
                    common::bits(format, &bytes),
                )),
            })
        }
    };
    let (picture, bits) = found.map_err(|fault| fault.of(path, header.format))?;
    Ok((picture, header.format, bits))
}

/// Whether pictures of a domain are label maps by class id.
pub(super) fn are_ids(domain: &Domain) -> bool {
    let labels = domain.labels.as_ref();
    labels.is_some_and(|labels| labels.stored == Stored::Ids)
}

/// The values of a file of so few bits, which were stretched to 8.
pub(super) fn unstretched(picture: Picture, bits: u32) -> Picture {
    if bits >= 8 {
        return picture;
    }
    picture.map_pixels(|pixel| {
        for sample in pixel {
            *sample = unstretched_value(*sample, bits);
        }
    })
}

/// One of these values.
pub(super) fn unstretched_value(value: f32, bits: u32) -> f32 {
    if bits >= 8 {
        return value;
    }
    let most = ((1u32 << bits) - 1) as f32;
    (value * most / 255.0).round()
}

/// As [`decode_marked`], for pictures of this domain: where that is label maps by class id, the indices of a PNG's own palette
/// are the ids, and so are the values of files of fewer than 8 bits, as they are.
///
/// # Errors
/// As [`read`].
pub fn decode_as(
    path: &Path,
    content: &Content,
    page: Page,
    domain: Option<&Domain>,
    gaps: Gaps,
) -> Result<(Picture, Format)> {
    if !domain.is_some_and(are_ids) {
        return decode_marked(path, content, page, gaps);
    }
    if let Some(picture) = indices(path, content, page)? {
        return Ok((picture, Format::Png));
    }
    let (picture, format, bits) = decoded(path, content, page, gaps)?;
    Ok((unstretched(picture, bits), format))
}

/// The indices of a PNG with a palette of its own, one channel; `None` of other files.
///
/// # Errors
/// As [`read`].
pub fn indices(path: &Path, content: &Content, page: Page) -> Result<Option<Picture>> {
    let (header, _) = opened(path, content, page)?;
    if !header.indexed {
        return Ok(None);
    }
    let bytes = content.bytes();
    let bytes = bytes.map_err(|e| Error::io(path, "read the picture", e))?;
    let picture = guarded(|| common::indices(&bytes));
    let picture = picture.map_err(|fault| fault.of(path, header.format))?;
    Ok(Some(picture))
}

/// Decodes pages of a picture file as [`decode_as`], with pixels without data marked if the domain knows them by tags, and joins
/// their channels in order.
///
/// # Errors
/// As [`read`], and when the pages are not [`alike`].
///
/// # Panics
/// When there are no pages.
pub fn decode_pages(
    path: &Path,
    content: &Content,
    pages: &[Page],
    domain: Option<&Domain>,
) -> Result<(Picture, Format)> {
    let gaps = Gaps::known_by(domain.and_then(|domain| domain.nodata));
    let mut parts = Vec::new();
    let mut first = None;
    for page in pages {
        let (part, format) = decode_as(path, content, *page, domain, gaps)?;
        first.get_or_insert(format);
        parts.push(part);
    }
    alike(path, pages, parts.iter().map(Picture::dimensions))?;
    let picture = match parts.len() {
        1 => parts.remove(0),
        _ => Picture::with_all_channels(&parts),
    };
    Ok((picture, first.expect("there is a page")))
}

/// Number of pages or slices of a file; 1 for files of other formats than TIFF and NIfTI, or that cannot be read.
pub fn pages(content: &Content) -> usize {
    Stack::of(content).map_or(1, |stack| stack.count)
}

/// The error for a file of no known format, by the name of its format if that is a common one.
fn unknown(path: &Path, start: &[u8]) -> Error {
    let brand = start.get(4..12).filter(|box_| box_.starts_with(b"ftyp"));
    let name = match brand.map(|box_| &box_[4..]) {
        Some(b"avif" | b"avis") => "an AVIF picture",
        Some(b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"mif1" | b"msf1") => {
            "a HEIC picture"
        }
        Some(_) => "a video",
        None if start.starts_with(b"\xff\x0a") || start.starts_with(b"\0\0\0\x0cJXL ") => {
            "a JPEG XL picture"
        }
        None if start.starts_with(b"\0\0\0\x0cjP  ") || start.starts_with(b"\xff\x4f\xff\x51") => {
            "a JPEG 2000 picture"
        }
        None if start.starts_with(b"GIF8") => "a GIF picture",
        None if start.starts_with(b"8BPS") => "a Photoshop picture",
        None if start.starts_with(b"\x76\x2f\x31\x01") => "an OpenEXR picture",
        None if start.get(128..132) == Some(b"DICM") => {
            let remedy = "make NIfTI volumes of the series with dcm2niix";
            return Error::file(path, "a DICOM file, which is not read", remedy);
        }
        None if start.starts_with(b"PK") => "a ZIP archive",
        None if start.starts_with(b"%PDF") => "a PDF",
        None if start.is_empty() => return Error::file(path, "the file is empty", REMEDY),
        None => return Error::file(path, format!("not a {NAMES} picture"), REMEDY),
    };
    let reason = format!("{name}, which is not read");
    Error::file(path, reason, "convert it to PNG, JPEG or TIFF")
}

#[cfg(test)]
mod tests {
    use pix2pix_runtime::picture::Labels;
    use pix2pix_runtime::picture::labels::{Class, color_of};

    use super::*;
    use crate::data::picture::handmade;
    use crate::data::picture::{Samples, TiffWindows};

    /// Label maps of 16 classes by id.
    fn ids() -> Domain {
        let class = |class| Class {
            name: String::new(),
            color: color_of(class),
        };
        Domain::of_labels(Labels {
            stored: Stored::Ids,
            classes: (0..16).map(class).collect(),
        })
    }

    /// The first pixels of a file: as a picture, and as class ids.
    fn both(content: &Content) -> [Vec<u8>; 2] {
        let ids = ids();
        [None, Some(&ids)].map(|domain| {
            let read = decode_as(Path::new("x"), content, Page::Only, domain, Gaps::AsStored);
            read.unwrap().0.bytes()[..4].to_vec()
        })
    }

    #[test]
    fn ids_of_fewer_than_8_bits_are_as_they_are() {
        // two bits: 0, 1, 2, 3 in each byte
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, 16, 16);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Two);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[0b0001_1011; 64]).unwrap();
        drop(writer);
        let png = Content::Memory(png.into());
        assert_eq!(both(&png), [vec![0, 85, 170, 255], vec![0, 1, 2, 3]]);

        let text = "{'descr': '|b1', 'fortran_order': False, 'shape': (16, 16), }";
        let mut npy = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        npy.extend_from_slice(format!("{text:<117}\n").as_bytes());
        npy.extend([0, 1, 1, 0].repeat(64));
        let npy = Content::Memory(npy.into());
        assert_eq!(both(&npy), [vec![0, 255, 255, 0], vec![0, 1, 1, 0]]);
    }

    #[test]
    fn so_they_are_in_a_tiff_and_in_its_windows() {
        let Content::Memory(whole) = handmade::file(&[]) else {
            unreachable!("it is made in memory");
        };
        // pixels of 4 bits, half as many bytes
        let mut file = whole.to_vec();
        let value = |entry: usize| 8 + 256 + 2 + 12 * entry + 8;
        file[value(2)] = 4;
        file[value(7)..][..4].copy_from_slice(&128u32.to_le_bytes());
        let tiff = Content::Memory(file.clone().into());
        assert_eq!(both(&tiff), [vec![0, 0, 0, 17], vec![0, 0, 0, 1]]);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tif");
        std::fs::write(&path, &file).unwrap();
        let open = || TiffWindows::open(&path, Page::Only).unwrap().unwrap();
        let first = |windows: TiffWindows| {
            let window = windows.window([2, 0], [4, 1]).unwrap();
            window.samples().clone()
        };
        assert_eq!(first(open()), Samples::U8(vec![0, 17, 0, 34]));
        let windows = open().in_domain(&ids());
        assert_eq!(first(windows), Samples::U8(vec![0, 1, 0, 2]));
    }
}
