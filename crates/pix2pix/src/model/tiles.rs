//! Translates large pictures in overlapping tiles and blends them. Memory depends on the size of the tiles, not of the
//! picture.

use burn::tensor::{Device, Tensor};

use crate::backend::device::in_pool;
use crate::choice::choices;
use crate::data::domain::Domain;
use crate::data::pad::pad;
use crate::data::picture::{self, Picture, Samples};
use crate::error::{Error, Result};
use crate::network::generator::Generator;
use crate::network::noise::Noise;
use crate::network::norm_statistics::{Moments, Norms};

/// Statistics with which the norms normalize a tile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NormStatistics {
    /// Those of the tile itself. Neighbouring tiles can differ visibly.
    #[default]
    Tile,
    /// Those of the whole picture. They are first measured over all tiles, layer by layer, which takes about six times
    /// as long. No seams.
    Image,
    /// The running averages of training, for batch normalization only. No seams. The results differ from those of the
    /// other choices: they are what the public ports give in evaluation mode (`model.eval()`).
    Frozen,
}

choices!(NormStatistics, "statistics",
    Tile: "tile", "The tile's own";
    Image: "image", "Those of the whole picture, measured first: no visible seams, but about seven times slower";
    Frozen: "frozen", "The running averages of training: no seams and no flicker, but different pictures from the paper's";
);

/// How to cut a picture into tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Side of a tile in pixels; a multiple of 2^n if the network halves its input n times.
    pub side: u32,
    /// Minimum overlap of neighbouring tiles in pixels, over which they are blended; at most half of `side`.
    pub overlap: u32,
    /// Statistics with which the norms normalize a tile.
    pub statistics: NormStatistics,
}

impl Tiles {
    /// Checks the sizes for a network that halves its input `depth` times.
    ///
    /// # Errors
    /// When the network does not accept tiles of this size, or the overlap is too large.
    pub fn validate(&self, depth: usize) -> Result<()> {
        let unit = 1 << depth;
        if self.side == 0 || !self.side.is_multiple_of(unit) {
            let reason = format!(
                "is {}; it must be a multiple of {unit} for this model",
                self.side
            );
            return Err(Error::field("side", reason));
        }
        if self.overlap > self.side / 2 {
            let reason = format!(
                "is {}; it may be up to half of `side` {}",
                self.overlap, self.side
            );
            return Err(Error::field("overlap", reason));
        }
        Ok(())
    }

    /// Start positions of the tiles along a side of `length` pixels: evenly spaced, the last tile flush with the end.
    fn starts(&self, length: u32) -> Vec<u32> {
        let room = length - self.side;
        let step = (self.side - self.overlap).max(1);
        let steps = room.div_ceil(step);
        (0..=steps)
            .map(|n| {
                (u64::from(n) * u64::from(room))
                    .checked_div(u64::from(steps))
                    .unwrap_or(0) as u32
            })
            .collect()
    }

    /// Blending weight of each pixel along a tile's side: a linear ramp over the overlap at both ends.
    fn ramp(&self) -> Vec<f32> {
        let rise = (self.overlap + 1) as f32;
        let weight = |at: u32| ((at + 1).min(self.side - at) as f32 / rise).min(1.0);
        (0..self.side).map(weight).collect()
    }
}

/// Translates a picture in tiles. It must have the channels of the source domain; `domains` are source and target.
/// `known` are the statistics that normalize every tile, if they need not be measured. `noise` makes the noise of one
/// pass: every tile gets the same, so that neighbours match.
pub fn translate(
    generator: &Generator,
    picture: &Picture,
    domains: [Domain; 2],
    tiles: &Tiles,
    known: Option<Vec<Tensor<2>>>,
    noise: &(dyn Fn() -> Noise + Sync),
    device: &Device,
) -> Picture {
    in_pool(|| {
        let size = picture.size();
        let padded = pad(picture, size.map(|side| side.max(tiles.side)));
        let cutter = Cutter {
            padded: &padded,
            domains,
            tiles,
            device,
        };
        let statistics = match tiles.statistics {
            NormStatistics::Image => Some(measure(generator, &cutter, noise)),
            NormStatistics::Tile | NormStatistics::Frozen => known,
        };
        let run = |x, y| {
            let mut norms = match &statistics {
                None => Norms::Batch,
                Some(statistics) => Norms::Given(statistics.iter()),
            };
            let output = generator.forward_with(cutter.tile(x, y), &mut noise(), &mut norms);
            output.expect("these norms do not stop the pass early")
        };
        cutter.blend(run).crop([0, 0], size)
    })
}

/// Measures the statistics of every norm over all tiles, one norm after another. Each pass stops at the first norm that
/// has not been measured yet.
fn measure(generator: &Generator, cutter: &Cutter, noise: &dyn Fn() -> Noise) -> Vec<Tensor<2>> {
    let mut known: Vec<Tensor<2>> = Vec::new();
    while known.len() < generator.norms().len() {
        let mut moments = Moments::default();
        for (x, y) in cutter.places() {
            let mut norms = Norms::Measure(known.iter(), &mut moments);
            generator.forward_with(cutter.tile(x, y), &mut noise(), &mut norms);
        }
        known.push(moments.statistics(cutter.device));
    }
    known
}

/// Cuts a picture into tiles, and blends their outputs.
struct Cutter<'a> {
    padded: &'a Picture,
    domains: [Domain; 2],
    tiles: &'a Tiles,
    device: &'a Device,
}

impl Cutter<'_> {
    /// Upper left corners of all tiles.
    fn places(&self) -> Vec<(u32, u32)> {
        let [xs, ys] = self.padded.size().map(|side| self.tiles.starts(side));
        ys.iter()
            .flat_map(|&y| xs.iter().map(move |&x| (x, y)))
            .collect()
    }

    /// The tile at (x, y) as input of the network, `[1, channels, side, side]` in [-1, 1].
    fn tile(&self, x: u32, y: u32) -> Tensor<4> {
        let tile = self.padded.crop([x, y], [self.tiles.side; 2]);
        picture::to_tensor(&tile, self.domains[0].range_of(tile.depth()), self.device)
    }

    /// Runs the network on all tiles and blends their outputs, one row of tiles at a time.
    fn blend(&self, run: impl Fn(u32, u32) -> Tensor<4>) -> Picture {
        let [width, height] = self.padded.size();
        let domain = &self.domains[1];
        let side = self.tiles.side as usize;
        let [xs, ys] = [width, height].map(|length| self.tiles.starts(length));
        let ramp = self.tiles.ramp();
        let plane = width as usize * side;
        let mut sums = vec![0.0f32; domain.channels * plane];
        let mut weights = vec![0.0f32; plane];
        let mut finished: Option<Samples> = None;
        for (row, &y) in ys.iter().enumerate() {
            for &x in &xs {
                let output = run(x, y).into_data().convert::<f32>();
                let values = output.as_slice::<f32>().expect("converted to f32 above");
                for (line, down) in ramp.iter().enumerate() {
                    let to = line * width as usize + x as usize;
                    for (column, across) in ramp.iter().enumerate() {
                        weights[to + column] += down * across;
                    }
                    for channel in 0..domain.channels {
                        let from = &values[(channel * side + line) * side..][..side];
                        let sums = &mut sums[channel * plane + to..][..side];
                        for ((sum, value), across) in sums.iter_mut().zip(from).zip(&ramp) {
                            *sum += down * across * value;
                        }
                    }
                }
            }
            // pixel rows that no later tile overlaps
            let done = (ys.get(row + 1).copied().unwrap_or(height) - y) as usize;
            let count = done * width as usize;
            let mut planes = Vec::with_capacity(domain.channels * count);
            for channel in 0..domain.channels {
                let sums = &mut sums[channel * plane..][..plane];
                planes.extend(
                    sums[..count]
                        .iter()
                        .zip(&weights)
                        .map(|(sum, weight)| sum / weight),
                );
                sums.copy_within(count.., 0);
                sums[plane - count..].fill(0.0);
            }
            weights.copy_within(count.., 0);
            weights[plane - count..].fill(0.0);
            let band = Picture::from_planes(&planes, [width, done as u32], domain).into_samples();
            match (&mut finished, band) {
                (None, band) => finished = Some(band),
                (Some(Samples::U8(all)), Samples::U8(band)) => all.extend(band),
                (Some(Samples::U16(all)), Samples::U16(band)) => all.extend(band),
                (Some(Samples::F32(all)), Samples::F32(band)) => all.extend(band),
                _ => unreachable!("bands of one domain have one depth"),
            }
        }
        let samples = finished.expect("a picture has a row of tiles");
        Picture::new([width, height], domain.channels, samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiles(side: u32, overlap: u32) -> Tiles {
        Tiles {
            side,
            overlap,
            statistics: NormStatistics::Tile,
        }
    }

    #[test]
    fn tiles_cover_a_side_and_overlap() {
        for (length, side, overlap) in [
            (64, 64, 16),
            (65, 64, 16),
            (300, 64, 16),
            (1000, 128, 0),
            (512, 256, 128),
        ] {
            let starts = tiles(side, overlap).starts(length);
            assert_eq!(starts[0], 0);
            assert_eq!(starts[starts.len() - 1], length - side);
            for pair in starts.windows(2) {
                assert!(
                    pair[1] > pair[0] && pair[1] + overlap <= pair[0] + side,
                    "{starts:?}"
                );
            }
        }
    }

    #[test]
    fn weights_rise_over_the_overlap() {
        let ramp = tiles(8, 3).ramp();
        assert_eq!(ramp, [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25]);
        assert!(tiles(8, 0).ramp().iter().all(|&weight| weight == 1.0));
    }

    #[test]
    fn sizes_that_cannot_be_are_named() {
        assert!(tiles(256, 64).validate(8).is_ok());
        assert!(
            tiles(300, 64)
                .validate(8)
                .unwrap_err()
                .to_string()
                .contains("multiple of 256")
        );
        assert!(
            tiles(256, 200)
                .validate(8)
                .unwrap_err()
                .to_string()
                .contains("up to half of `side` 256")
        );
    }
}
