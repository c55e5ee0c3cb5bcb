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
            let to = &mut band[self.before + pixel..][..count];
            let at = |channel: usize| (channel * self.height + row) * self.width + pixel;
            match to.as_mut_array::<LANES>() {
                Some(to) if channels.len() == LANES => {
                    let mut block = [simd.zero(); LANES];
                    for lane in 0..LANES {
                        let from = image[at(channels.start + lane)..].first_chunk();
                        block[lane] = simd.load(from.expect("a whole vector"));
                    }
                    let block = M::Lanes::transpose(block);
                    for lane in 0..LANES {
                        block[lane].store(&mut to[lane]);
                    }
                }
                _ => {
                    let mut block = [simd.zero(); LANES];
                    for (values, channel) in block.iter_mut().zip(channels.clone()) {
                        let mut part = [0.0; LANES];
                        part[..count].copy_from_slice(&image[at(channel)..][..count]);
                        *values = simd.load(&part);
                    }
                    let block = M::Lanes::transpose(block);
                    for (to, values) in to.iter_mut().zip(block) {
                        values.store(to);
                    }
                }
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
        let channels = self.channels_of(group);
        let width = self.width.min(band.len() - self.before);
        for pixel in (0..width).step_by(LANES) {
            let count = (width - pixel).min(LANES);
            let from = &band[self.before + pixel..][..count];
            let to = |channel: usize| {
                let at = start + (channel * self.height + row) * self.width + pixel;
                // SAFETY: the caller keeps other threads from this row of this channel.
                unsafe { image.part(at..at + count) }
            };
            match from.as_array::<LANES>() {
                Some(from) if channels.len() == LANES => {
                    let mut block = [simd.zero(); LANES];
                    for lane in 0..LANES {
                        block[lane] = simd.load(&from[lane]);
                    }
                    let block = M::Lanes::transpose(block);
                    for lane in 0..LANES {
                        let to = to(channels.start + lane).first_chunk_mut();
                        block[lane].write(to.expect("a whole vector"));
                    }
                }
                _ => {
                    let mut block = [simd.zero(); LANES];
                    for (values, from) in block.iter_mut().zip(from) {
                        *values = simd.load(from);
                    }
                    let block = M::Lanes::transpose(block);
                    for (values, channel) in block.into_iter().zip(channels.clone()) {
                        let mut part = [0.0; LANES];
                        values.store(&mut part);
                        to(channel).write_copy_of_slice(&part[..count]);
                    }
                }
            }
        }
    }
}
