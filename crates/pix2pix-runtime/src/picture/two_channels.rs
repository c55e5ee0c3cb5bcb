//! Two channels as colors.

use super::{Picture, Ranges, Samples};

/// Least level of a second channel that is opaque: networks miss the end by a little.
const OPAQUE: u8 = 250;

impl Picture {
    /// Converts two channels to 8-bit RGB for display: the first one is green and the second one magenta, the pair of colors
    /// of fluorescence microscopy that color-blind people tell apart. A second channel that is at its upper end everywhere is
    /// the opacity of a gray picture.
    ///
    /// # Panics
    /// When there are more or fewer channels.
    pub fn in_green_and_magenta(&self, ranges: impl Into<Ranges>) -> Self {
        assert_eq!(self.channels(), 2, "channels");
        let (samples, ranges) = (self.to_floats(), ranges.into());
        let levels = |channel: usize| {
            let samples = samples.iter().skip(channel).step_by(2);
            let range = ranges.of(channel);
            samples.map(move |sample| level(*sample, range))
        };
        let is_gray = levels(1).all(|level| level >= OPAQUE);
        let pixels = levels(0).zip(levels(1));
        let colors = pixels.flat_map(|(green, magenta)| match is_gray {
            true => [green; 3],
            false => [magenta, green, magenta],
        });
        Self::new(self.size(), 3, Samples::U8(colors.collect()))
    }
}

/// A value in a range as a level from black to white.
pub(crate) fn level(value: f32, [low, high]: [f32; 2]) -> u8 {
    let half = (high - low) / 2.0;
    let value = ((value - low) / half - 1.0).clamp(-1.0, 1.0);
    ((value + 1.0) * 127.5).round() as u8
}
