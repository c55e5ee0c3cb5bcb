//! Translates large pictures in overlapping tiles and blends them. The picture is read window by window and the result
//! comes part by part, so memory depends on the size of the tiles, not of the picture.

use std::ops::Range;

use crate::choice::choices;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::moments::Moments;
use crate::network::GeneratorConfig;
use crate::picture::{Domain, Picture, pad};
use crate::plan::{Core, Input, Noise, Statistics};

/// Statistics with which the norms normalize a tile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NormStatistics {
    /// Those of the tile itself. Neighboring tiles can differ visibly.
    #[default]
    Tile,
    /// Those of the whole picture. They are first measured over all tiles, layer by layer, which takes about seven
    /// times as long. Of tiles that overlap, each counts to the middle of the overlap, so that every pixel counts once and
    /// borders that are none of the picture's do not. No seams.
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
    /// Minimum overlap of neighboring tiles in pixels, over which they are blended; at most half of `side`.
    pub overlap: u32,
    /// Statistics with which the norms normalize a tile.
    pub statistics: NormStatistics,
}

impl Tiles {
    /// Checks the sizes for a generator.
    ///
    /// # Errors
    /// When the network does not accept tiles of this size, or the overlap is too large.
    pub fn validate(&self, generator: &GeneratorConfig) -> Result<()> {
        let unit = 1 << generator.halvings();
        let smallest = generator.smallest_side();
        if self.side < smallest || !self.side.is_multiple_of(unit) {
            let least = match smallest == unit {
                true => String::new(),
                false => format!(", at least {smallest},"),
            };
            let reason = format!(
                "is {}; it must be a multiple of {unit}{least} for this model",
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

    /// Pixels of which every start is a multiple, for a network whose sides are multiples of `unit`: it computes a picture that is
    /// shifted by its unit as before, and by another distance otherwise. More than 32 would need many tiles, and change the
    /// innermost features alone.
    fn step(&self, unit: u32) -> u32 {
        let most = unit.min(32).min(self.side - self.overlap).max(1);
        1 << most.ilog2()
    }

    /// Start positions of tiles with a side of `tile` pixels along a side of `length`, both of them multiples of `unit`: nearly
    /// evenly spaced, the last tile flush with the end.
    fn starts(&self, length: u32, tile: u32, unit: u32) -> Vec<u32> {
        let unit = self.step(unit);
        let room = (length - tile) / unit;
        // a single tile may be shorter than the overlap
        let step = (tile.saturating_sub(self.overlap) / unit).max(1);
        let steps = room.div_ceil(step);
        let start = |n: u32| (u64::from(n) * u64::from(room)).checked_div(steps.into());
        (0..=steps)
            .map(|n| start(n).unwrap_or(0) as u32 * unit)
            .collect()
    }

    /// The parts that are measured of the tiles with these starts along a side, as fractions of a tile: each ends in the middle
    /// of the overlap, so that all of them cover the side once.
    fn cores(starts: &[u32], tile: u32) -> Vec<Range<f64>> {
        let tile = f64::from(tile);
        let starts: Vec<f64> = starts.iter().map(|&start| start.into()).collect();
        let cuts: Vec<f64> = starts
            .windows(2)
            .map(|pair| f64::midpoint(pair[0] + tile, pair[1]))
            .collect();
        let core = |(n, start): (usize, &f64)| {
            let within = |cut: &f64| (cut - start) / tile;
            let before = n.checked_sub(1).map(|n| within(&cuts[n]));
            before.unwrap_or(0.0)..cuts.get(n).map_or(1.0, within)
        };
        starts.iter().enumerate().map(core).collect()
    }

    /// Blending weight of each pixel along a side of `tile` pixels: a linear ramp over the overlap at both ends.
    fn ramp(&self, tile: u32) -> Vec<f32> {
        let rise = (self.overlap + 1) as f32;
        let weight = |at: u32| ((at + 1).min(tile - at) as f32 / rise).min(1.0);
        (0..tile).map(weight).collect()
    }
}

/// A picture that is read window by window.
pub trait Windows {
    /// Width and height in pixels.
    fn size(&self) -> [u32; 2];

    /// The window of `size` whose upper left pixel is `corner`; it lies inside the picture.
    ///
    /// # Errors
    /// When it cannot be read.
    fn window(&self, corner: [u32; 2], size: [u32; 2]) -> Result<Picture>;
}

impl Windows for Picture {
    fn size(&self) -> [u32; 2] {
        self.size()
    }

    fn window(&self, corner: [u32; 2], size: [u32; 2]) -> Result<Picture> {
        Ok(self.crop(corner, size))
    }
}

/// How to translate a picture in tiles.
pub struct TilePlan<'a> {
    /// What runs the generator.
    pub engine: &'a dyn Engine,
    /// Source and target domain; the picture has the channels of the source.
    pub domains: [&'a Domain; 2],
    /// The tiles.
    pub tiles: Tiles,
    /// Width and height of the picture when it is padded to what the network accepts. The tiles cover it, and are no larger.
    pub padded: [u32; 2],
    /// The sides that the network accepts are multiples of this number of pixels.
    pub unit: u32,
    /// Statistics that normalize every tile, if they need not be measured.
    pub known: Option<Vec<Vec<f32>>>,
    /// The dropout: every tile gets the same, so that neighbors match.
    pub noise: Option<Noise>,
    /// Width of the panels, in pixels. A panel is finished before the next one; tiles on the border of two panels are
    /// translated twice.
    pub panel: u32,
}

impl TilePlan<'_> {
    /// Translates a picture. `part` receives the result in parts, with the upper left pixel of each: panels from left to
    /// right, and each from top to bottom.
    ///
    /// # Errors
    /// When a window cannot be read, and those of `part`.
    pub fn translate(
        &self,
        picture: &dyn Windows,
        part: &mut dyn FnMut([u32; 2], Picture) -> Result<()>,
    ) -> Result<()> {
        let statistics = match self.tiles.statistics {
            NormStatistics::Image => Some(self.measure(picture)?),
            NormStatistics::Tile | NormStatistics::Frozen => self.known.clone(),
        };
        let [width, _] = picture.size();
        for left in (0..width).step_by(self.panel as usize) {
            let right = (left + self.panel).min(width);
            self.panel(picture, statistics.as_deref(), left..right, part)?;
        }
        Ok(())
    }

    /// Measures the statistics of every norm over all tiles, one norm after another. Each pass stops at the first norm
    /// that has not been measured yet.
    fn measure(&self, picture: &dyn Windows) -> Result<Vec<Vec<f32>>> {
        let (starts, size) = (self.starts(), self.size());
        let [across, down] = [0, 1].map(|axis| {
            let cores = Tiles::cores(&starts[axis], size[axis]);
            starts[axis].iter().copied().zip(cores).collect::<Vec<_>>()
        });
        let mut known: Vec<Vec<f32>> = Vec::new();
        while known.len() < self.engine.norms() {
            let mut moments = Moments::default();
            for ((y, rows), (x, columns)) in down
                .iter()
                .flat_map(|row| across.iter().map(move |column| (row, column)))
            {
                let tile = self.tile(picture, [*x, *y])?;
                let core = Core {
                    rows: rows.clone(),
                    columns: columns.clone(),
                };
                let input = self.input(&tile);
                let (found, count) = self.engine.measure(input, self.shape(), &known, &core);
                moments.add(&found, count);
            }
            known.push(moments.statistics());
        }
        Ok(known)
    }

    /// Width and height of a tile.
    pub(crate) fn size(&self) -> [u32; 2] {
        self.padded.map(|side| side.min(self.tiles.side))
    }

    /// Height and width of a tile, as the engine takes them.
    fn shape(&self) -> [usize; 2] {
        let [width, height] = self.size().map(|side| side as usize);
        [height, width]
    }

    /// Start positions of the tiles along both sides.
    fn starts(&self) -> [Vec<u32>; 2] {
        let size = self.size();
        [0, 1].map(|axis| self.tiles.starts(self.padded[axis], size[axis], self.unit))
    }

    /// The tile at a corner as input of the network, `[channels, height, width]` in [-1, 1]. Beyond the picture it is
    /// mirrored, as the whole picture would be.
    fn tile(&self, picture: &dyn Windows, corner: [u32; 2]) -> Result<Vec<f32>> {
        let (picture_size, size) = (picture.size(), self.size());
        // of each side: the first pixel of the window, and the side of window and tile together
        let sides = [0, 1].map(|axis| {
            let end = corner[axis] + size[axis];
            // the last pixel mirrors this one
            let mirrored = (2 * picture_size[axis]).saturating_sub(end + 1);
            let first = corner[axis].min(mirrored);
            (first, end - first)
        });
        let first = sides.map(|(first, _)| first);
        let within = [0, 1].map(|axis| sides[axis].1.min(picture_size[axis] - first[axis]));
        let window = pad(&picture.window(first, within)?, sides.map(|(_, side)| side));
        let tile = match first == corner {
            true => window,
            false => window.crop([0, 1].map(|axis| corner[axis] - first[axis]), size),
        };
        Ok(self.domains[0].source_planes(&tile))
    }

    /// Translates the tile at a corner; `[channels, height, width]` in [-1, 1].
    fn translated(
        &self,
        picture: &dyn Windows,
        statistics: Option<&Statistics>,
        corner: [u32; 2],
    ) -> Result<Vec<f32>> {
        let tile = self.tile(picture, corner)?;
        let mut outputs = self
            .engine
            .run(&[self.input(&tile)], self.shape(), statistics);
        Ok(outputs.remove(0))
    }

    fn input<'a>(&self, tile: &'a [f32]) -> Input<'a> {
        Input {
            source: tile,
            noise: self.noise,
        }
    }

    /// Translates the columns of a panel and blends its tiles, one row of tiles at a time.
    fn panel(
        &self,
        picture: &dyn Windows,
        statistics: Option<&Statistics>,
        columns: Range<u32>,
        part: &mut dyn FnMut([u32; 2], Picture) -> Result<()>,
    ) -> Result<()> {
        let domain = self.domains[1];
        let channels = domain.planes();
        let [_, height] = picture.size();
        let [across, down] = self.size();
        let [tile_width, tile_height] = [across, down].map(|side| side as usize);
        let [xs, ys] = self.starts();
        let [ramp_across, ramp_down] = [across, down].map(|side| self.tiles.ramp(side));
        let width = columns.len();
        let plane = width * tile_height;
        let mut sums = vec![0.0f32; channels * plane];
        let mut weights = vec![0.0f32; plane];
        for (row, &y) in ys.iter().enumerate() {
            for &x in &xs {
                // the columns of the tile that are in the panel
                let from = x.max(columns.start);
                let to = (x + across).min(columns.end);
                if from >= to {
                    continue;
                }
                let (skipped, count) = ((from - x) as usize, (to - from) as usize);
                let shares = &ramp_across[skipped..][..count];
                let values = self.translated(picture, statistics, [x, y])?;
                for (line, of_line) in ramp_down.iter().enumerate() {
                    let place = line * width + (from - columns.start) as usize;
                    let weights = &mut weights[place..][..count];
                    for (weight, share) in weights.iter_mut().zip(shares) {
                        *weight += of_line * share;
                    }
                    for channel in 0..channels {
                        let start = (channel * tile_height + line) * tile_width + skipped;
                        let values = &values[start..][..count];
                        let sums = &mut sums[channel * plane + place..][..count];
                        for ((sum, value), share) in sums.iter_mut().zip(values).zip(shares) {
                            *sum += of_line * share * value;
                        }
                    }
                }
            }
            // pixel rows that no later tile overlaps, without those beyond the picture
            let end = ys.get(row + 1).copied().unwrap_or(y + down);
            let done = (end - y) as usize;
            let shown = end.min(height).saturating_sub(y);
            let count = done * width;
            let mut planes = Vec::with_capacity(channels * count);
            for channel in 0..channels {
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
            let band = domain.picture(&planes, [width as u32, done as u32]);
            part([columns.start, y], band.crop([0, 0], [width as u32, shown]))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Norm, ResnetConfig, UnetConfig, Upsample};

    fn tiles(side: u32, overlap: u32) -> Tiles {
        Tiles {
            side,
            overlap,
            statistics: NormStatistics::Tile,
        }
    }

    #[test]
    fn tiles_cover_a_side_and_overlap() {
        for (length, side, overlap, unit) in [
            (64, 64, 16, 64),
            (66, 64, 16, 2),
            (300, 64, 16, 4),
            (1024, 128, 0, 128),
            (512, 256, 128, 256),
            (96, 32, 16, 32),
        ] {
            let starts = tiles(side, overlap).starts(length, side, unit);
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

    /// A network that halves its input computes a tile as a part of the picture only if it begins at a multiple of its unit.
    #[test]
    fn tiles_begin_at_multiples_of_the_network_s_unit() {
        // at most 48 apart; evenly, they would be at 0, 46, 92, 138 and 184
        assert_eq!(tiles(64, 16).starts(248, 64, 4), [0, 44, 92, 136, 184]);
        // 32 instead of 256
        assert_eq!(tiles(512, 64).starts(1280, 512, 256), [0, 384, 768]);
        // as much as is left beside the overlap
        assert_eq!(tiles(32, 16).starts(64, 32, 32), [0, 16, 32]);
    }

    #[test]
    fn every_pixel_is_measured_once() {
        let tiles = tiles(64, 16);
        for length in [64, 66, 100, 300] {
            let starts = tiles.starts(length, 64, 2);
            let cores = Tiles::cores(&starts, 64);
            let mut end = 0.0;
            for (start, core) in starts.iter().zip(&cores) {
                assert_eq!(f64::from(*start) + 64.0 * core.start, end, "{length}");
                end = f64::from(*start) + 64.0 * core.end;
            }
            assert_eq!(end, f64::from(length));
        }
        // 36 pixels apart, of which the middle of 28 shared ones is 50
        assert_eq!(Tiles::cores(&[0, 36], 64), [0.0..0.781_25, 0.218_75..1.0]);
    }

    #[test]
    fn weights_rise_over_the_overlap() {
        let ramp = tiles(8, 3).ramp(8);
        assert_eq!(ramp, [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25]);
        assert!(tiles(8, 0).ramp(8).iter().all(|&weight| weight == 1.0));
    }

    #[test]
    fn sizes_that_cannot_be_are_named() {
        let unet = UnetConfig::default().into(); // of eight levels
        let resnet = GeneratorConfig::Resnet(ResnetConfig {
            in_channels: 3,
            out_channels: 3,
            filters: 4,
            halvings: 4,
            blocks: 1,
            dropout: 0.0,
            norm: Norm::Batch,
            bias_before_norm: false,
            upsample: Upsample::Transposed,
        });
        assert!(tiles(256, 64).validate(&unet).is_ok());
        assert!(tiles(32, 8).validate(&resnet).is_ok());
        // one pixel cannot be reflected
        let error = tiles(16, 0).validate(&resnet).unwrap_err().to_string();
        assert!(
            error.ends_with("is 16; it must be a multiple of 16, at least 32, for this model"),
            "{error}"
        );
        assert!(
            tiles(300, 64)
                .validate(&unet)
                .unwrap_err()
                .to_string()
                .contains("multiple of 256")
        );
        assert!(
            tiles(256, 200)
                .validate(&unet)
                .unwrap_err()
                .to_string()
                .contains("up to half of `side` 256")
        );
    }
}
