//! TIFF files that are read window by window: pictures that are too large for memory.

use std::path::{Path, PathBuf};

use pix2pix_runtime::Windows;
use pix2pix_runtime::picture::Domain;

use super::content::Content;
use super::decode::{are_ids, unstretched};
use super::fault::guarded;
use super::tiff::Tiff;
use super::{Format, Gaps, Header, MAX_SIDE, Page, Picture};
use crate::error::{Error, Result};

/// Pictures with more pixels than this are too large for memory: 8192x8192.
const LARGE: u64 = 1 << 26;

/// An opened TIFF file.
pub struct TiffWindows {
    path: PathBuf,
    tiff: Tiff,
    header: Header,
    gaps: Gaps,
    /// Bits of a sample, if fewer than 8 are not to be stretched; otherwise 8.
    bits: u32,
}

impl TiffWindows {
    /// Opens a TIFF file; `None` for all other files.
    ///
    /// # Errors
    /// When the file cannot be read, or is a TIFF file of a kind that is not.
    pub fn open(path: &Path, page: Page) -> Result<Option<Self>> {
        let content = Content::from(path);
        let start = content
            .starts()
            .map_err(|e| Error::io(path, "read the picture", e))?;
        if Format::guess(&start) != Some(Format::Tiff) {
            return Ok(None);
        }
        let opened = guarded(|| Tiff::open(&content, page));
        let tiff = opened.map_err(|fault| fault.of(path, Format::Tiff))?;
        let header = tiff.header();
        let mut file = Self {
            path: path.to_path_buf(),
            tiff,
            header,
            gaps: Gaps::AsStored,
            bits: 8,
        };
        if file.is_large() {
            let opened = guarded(|| Tiff::open_for_windows(&content, page));
            file.tiff = opened.map_err(|fault| fault.of(path, Format::Tiff))?;
        }
        Ok(Some(file))
    }

    /// The same file, whose windows are read with these pixels without data marked.
    pub fn marked(self, gaps: Gaps) -> Self {
        Self { gaps, ..self }
    }

    /// The same file, read as pictures of this domain: see [`decode_as`](super::decode_as).
    pub fn in_domain(self, domain: &Domain) -> Self {
        let bits = if are_ids(domain) { self.tiff.bits() } else { 8 };
        Self { bits, ..self }
    }

    /// Whether it has more than 2^26 pixels, too many for memory, or a side of more than 16384.
    pub fn is_large(&self) -> bool {
        let [width, height] = self.header.size;
        self.header.pixels() > LARGE || width.max(height) > MAX_SIDE
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Reads the window of `size` whose upper left pixel is `corner`.
    ///
    /// # Errors
    /// When it cannot be read.
    ///
    /// # Panics
    /// When the window is not inside the picture.
    pub fn window(&self, corner: [u32; 2], size: [u32; 2]) -> Result<Picture> {
        let window = guarded(|| self.tiff.window(corner, size, self.gaps));
        let window = window.map_err(|fault| fault.of(&self.path, Format::Tiff))?;
        Ok(unstretched(window, self.bits))
    }
}

impl Windows for TiffWindows {
    fn size(&self) -> [u32; 2] {
        self.header().size
    }

    fn window(&self, corner: [u32; 2], size: [u32; 2]) -> Result<Picture> {
        self.window(corner, size)
    }
}
