//! Pairs whose two pictures are shifted against each other, and the same pairs aligned.

use std::path::PathBuf;

use pix2pix_runtime::picture::{Picture, nodata};

use super::layout::Files;
use super::pairs::Pairs;
use super::reading::Decoded;
use crate::data::pair;
use crate::data::picture::{self, Format, MIN_SIDE, Metadata};
use crate::data::shift::{self, Shift};
use crate::error::{Error, Result};

/// A pair as its files have it, B moved by whole pixels onto A, and both cropped to what they both show.
pub struct Aligned {
    /// The pictures A and B, with the format in which each can be written without loss, and the value for "no data" of its
    /// file. Of a PNG with a palette of its own, the indices and the palette.
    pub sides: [(Picture, Format, Metadata); 2],
    /// Whether both are halves of one file.
    pub together: bool,
    /// The shift of B against A that was found; `None` if none is reliable. The pictures are then as they were.
    pub shift: Option<Shift>,
}

impl Pairs {
    /// The mask file of pair `index`, for messages; `None` if it has none.
    pub fn mask_file(&self, index: usize) -> Option<PathBuf> {
        let mask = self.entries[index].mask.as_ref();
        mask.map(|mask| self.store.shown(mask))
    }

    /// How far B of pair `index` is shifted against A; `None` if no shift is reliable.
    ///
    /// # Errors
    /// When its files cannot be read, or do not form a pair.
    pub fn shift(&self, index: usize) -> Result<Option<Shift>> {
        let sides = self.decode_sides(index)?;
        self.shift_of(index, &sides)
    }

    fn shift_of(&self, index: usize, sides: &[Decoded; 2]) -> Result<Option<Shift>> {
        let [a, b] = sides;
        let gaps = |side: usize| {
            let Decoded { picture, gaps, .. } = &sides[side];
            match &self.domains {
                Some(domains) => domains[side].mask_of(picture, gaps),
                None => nodata::mask(picture, gaps),
            }
        };
        let [in_a, in_b] = [0, 1].map(gaps);
        let mask = nodata::both(
            nodata::both(in_a, in_b),
            self.mask(index, a.picture.size())?,
        );
        let known = mask.as_ref().map(Picture::bytes);
        let found = shift::between(&a.picture, &b.picture, known);
        // what is left must still be a picture
        let fits = |shift: &Shift| {
            let sides = a.picture.size().into_iter().zip(shift.whole());
            let mut left = sides.map(|(side, pixels)| side.saturating_sub(pixels.unsigned_abs()));
            left.all(|side| side >= MIN_SIDE)
        };
        Ok(found.filter(fits))
    }

    /// The indices of a side of pair `index` with their palette, if it is one PNG with a palette of its own.
    pub(super) fn indexed(&self, index: usize, side: usize) -> Result<Option<(Picture, Metadata)>> {
        let entry = &self.entries[index];
        let path = match &entry.files {
            Files::Together(path) => path,
            Files::Apart(a, b) => match [a, b][side].as_slice() {
                [path] => path,
                _ => return Ok(None),
            },
        };
        let (shown, content) = (self.store.shown(path), self.store.content(path)?);
        let Some(picture) = picture::indices(&shown, &content, entry.page)? else {
            return Ok(None);
        };
        let picture = match self.is_together(index) {
            true => pair::split(&shown, &picture)?[side].clone(),
            false => picture,
        };
        Ok(Some((picture, Metadata::default().with_palette(&content))))
    }

    /// Reads pair `index` and aligns it.
    ///
    /// # Errors
    /// When its files cannot be read or do not form a pair, a mask belongs to it, which would have to move too, or the
    /// files of a side name values for "no data" of which none can stand for all.
    pub fn read_aligned(&self, index: usize) -> Result<Aligned> {
        if let Some(mask) = self.mask_file(index) {
            let reason = "a mask, and it is not known whether it belongs to A or to B";
            let remedy = "mark the pixels without data by a value instead (`nodata`), or align the pairs before masks are made";
            return Err(Error::file(&mask, reason, remedy));
        }
        let headers = self.headers(index)?;
        let sides = self.decode_sides(index)?;
        let shift = self.shift_of(index, &sides)?;
        let moved = shift.map_or([0, 0], |shift| shift.whole());
        let mut stored = Vec::new();
        for (side, decoded) in sides.into_iter().enumerate() {
            let Decoded {
                picture,
                format,
                gaps,
                ..
            } = decoded;
            stored.push(match self.indexed(index, side)? {
                Some((indices, palette)) => (indices, format, palette),
                None => {
                    let (picture, gap) = nodata::unified(&picture, &gaps).ok_or_else(|| {
                        let reason = "the files of this side name different values for pixels without data, and one file \
                                      has one";
                        let remedy = "give all of them a value that no pixel with data has";
                        Error::file(&self.shown_side(index, side), reason, remedy)
                    })?;
                    (picture, format, Metadata::default().with_nodata(gap))
                }
            });
        }
        let pictures = shift::common(&stored[0].0, &stored[1].0, moved);
        let sides = stored.into_iter().zip(pictures).zip(headers);
        let mut sides = sides.map(|(((_, format, metadata), picture), header)| {
            let (channels, depth) = (picture.channels(), picture.depth());
            match header.alpha {
                true => (picture, format.for_result(channels, depth), metadata),
                false => (
                    picture,
                    format.for_bands(channels, depth),
                    metadata.of_amounts(),
                ),
            }
        });
        let mut next = || sides.next().expect("A and B");
        Ok(Aligned {
            sides: [next(), next()],
            together: self.is_together(index),
            shift,
        })
    }
}
