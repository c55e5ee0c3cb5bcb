//! Bands: some rows of sixteen channels of an image, with the sixteen channels of each pixel side by
//! side and zeros around the border.

use std::ops::Range;

use crate::machine::{LANES, Lanes, Machine};
use crate::shared::Shared;

/// The planes of one image, some sixteen channels of which make a band.
#[derive(Clone, Copy)]
pub struct Planes {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Zeros before the first pixel of a row of a band.
    pub before: usize,
}

impl Planes {
    /// Values of an image.
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The channels of a group that exist.
    fn channels_of(&self, group: usize) -> Range<usize> {
        group * LANES..((group + 1) * LANES).min(self.channels)
    }

    /// Reads row `row` of a group of channels, counted from the first row of zeros.
    #[inline(always)]
    pub fn read_row<M: Machine>(
        &self,
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
            let mut block = [M::Lanes::zero(); LANES];
            for (values, channel) in block.iter_mut().zip(channels.clone()) {
                let from = &image[(channel * self.height + row) * self.width + pixel..][..count];
                *values = match from.first_chunk::<LANES>() {
                    Some(whole) => M::Lanes::load(whole),
                    None => {
                        let mut part = [0.0; LANES];
                        part[..count].copy_from_slice(from);
                        M::Lanes::load(&part)
                    }
                };
            }
            let block = M::Lanes::transpose(block);
            for (to, values) in band[self.before + pixel..][..count].iter_mut().zip(block) {
                values.store(to);
            }
        }
    }

    /// Writes row `row` of a group of channels, counted from the first row of zeros, to an image that
    /// starts at `start`; what lies outside is dropped.
    ///
    /// # Safety
    /// Nothing else may use this row of these channels at the same time.
    #[inline(always)]
    pub unsafe fn write_row<M: Machine>(
        &self,
        (image, start): (Shared<f32>, usize),
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
            let mut block = [M::Lanes::zero(); LANES];
            for (values, from) in block.iter_mut().zip(&band[self.before + pixel..][..count]) {
                *values = M::Lanes::load(from);
            }
            let block = M::Lanes::transpose(block);
            for (values, channel) in block.into_iter().zip(self.channels_of(group)) {
                let at = start + (channel * self.height + row) * self.width + pixel;
                // SAFETY: the caller keeps others from this row of this channel.
                let to = unsafe { image.part(at..at + count) };
                match to.first_chunk_mut::<LANES>() {
                    Some(whole) => values.store(whole),
                    None => {
                        let mut part = [0.0; LANES];
                        values.store(&mut part);
                        to.copy_from_slice(&part[..count]);
                    }
                }
            }
        }
    }
}
