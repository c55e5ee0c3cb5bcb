//! Bands: some rows of sixteen channels of an image, padded with zeros. The channels of a pixel are one vector.

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::lanes::{LANES, Lanes};
use crate::shared::Shared;
use crate::simd::Simd;

/// Sizes of an image, of which a band holds sixteen channels, a group.
#[derive(Clone, Copy)]
pub struct Planes {
    /// Number of channels.
    pub channels: usize,
    /// Number of rows.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Rows of zeros before the first row, and zeros before the first pixel of a row.
    pub before: usize,
}

impl Planes {
    /// Values in an image.
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The channels of a group. The last group may have fewer than sixteen.
    fn channels_of(&self, group: usize) -> Range<usize> {
        group * LANES..((group + 1) * LANES).min(self.channels)
    }

    /// Reads row `row` of a group from `image`. Rows are counted from the first row of zeros.
    #[inline(always)]
    pub fn read_row<M: Simd>(
        &self,
        simd: M,
        image: &[f32],
        group: usize,
        row: usize,
        band: &mut [[f32; LANES]],
    ) {
        let Some(row) = row
            .checked_sub(self.before)
            .filter(|&row| row < self.height)
        else {
            band.fill([0.0; LANES]);
            return;
        };
        let channels = self.channels_of(group);
        let width = self.width.min(band.len() - self.before);
        band[..self.before].fill([0.0; LANES]);
        band[self.before + width..].fill([0.0; LANES]);
        for pixel in (0..width).step_by(LANES) {
            let count = (width - pixel).min(LANES);
            let mut block = [simd.zero(); LANES];
            for (values, channel) in block.iter_mut().zip(channels.clone()) {
                let from = &image[(channel * self.height + row) * self.width + pixel..][..count];
                *values = match from.first_chunk::<LANES>() {
                    Some(whole) => simd.load(whole),
                    None => {
                        let mut part = [0.0; LANES];
                        part[..count].copy_from_slice(from);
                        simd.load(&part)
                    }
                };
            }
            let block = M::Lanes::transpose(block);
            for (to, values) in band[self.before + pixel..][..count].iter_mut().zip(block) {
                values.store(to);
            }
        }
    }

    /// Writes row `row` of a group to the image that starts at `start`, without the zeros. Rows are counted from the
    /// first row of zeros. Initializes the pixels of the row that the band has.
    ///
    /// # Safety
    /// No other thread may access this row of these channels.
    #[inline(always)]
    pub unsafe fn write_row<M: Simd>(
        &self,
        simd: M,
        (image, start): (Shared<MaybeUninit<f32>>, usize),
        group: usize,
        row: usize,
        band: &[[f32; LANES]],
    ) {
        let Some(row) = row
            .checked_sub(self.before)
            .filter(|&row| row < self.height)
        else {
            return;
        };
        let width = self.width.min(band.len() - self.before);
        for pixel in (0..width).step_by(LANES) {
            let count = (width - pixel).min(LANES);
            let mut block = [simd.zero(); LANES];
            for (values, from) in block.iter_mut().zip(&band[self.before + pixel..][..count]) {
                *values = simd.load(from);
            }
            let block = M::Lanes::transpose(block);
            for (values, channel) in block.into_iter().zip(self.channels_of(group)) {
                let at = start + (channel * self.height + row) * self.width + pixel;
                // SAFETY: the caller keeps other threads from this row of this channel.
                let to = unsafe { image.part(at..at + count) };
                match to.first_chunk_mut::<LANES>() {
                    Some(whole) => values.write(whole),
                    None => {
                        let mut part = [0.0; LANES];
                        values.store(&mut part);
                        to.write_copy_of_slice(&part[..count]);
                    }
                }
            }
        }
    }
}
