//! Calm video: the outputs of frames are averaged where their sources stay the same.
//!
//! This is the recursive filter that the denoising of video uses, which heeds motion (Dubois and Sabri 1984, "Noise reduction
//! in image sequences using motion-compensated temporal filtering"; here without the compensation), but the source decides
//! and the output is filtered. The sources are averaged with the same weights, and a frame is compared with their average:
//! changes too slow to be seen from one frame to the next add up until they count.

use crate::error::{Error, Result};
use crate::picture::{Domain, Picture, nodata};

/// Sample values of 8 bits in the unit of the networks' values.
const LEVEL: f32 = 1.0 / 127.5;
/// Change of the source up to which a pixel is averaged fully: the noise of a camera.
const NOISE: f32 = 3.0 * LEVEL;
/// Change from which a pixel keeps nothing of the frames before. In between, it keeps a part.
const MOTION: f32 = 6.0 * LEVEL;
/// Mean change of a frame from which it is a new scene, which keeps nothing: a tenth of the range, as in ffmpeg's scdet.
const CUT: f32 = 25.5 * LEVEL;
/// The range of the networks' values.
const RANGE: f32 = 2.0;
/// A pixel's change is the root mean square of those up to this far away along both sides, so that noise alone has about the
/// same change everywhere.
const RADIUS: usize = 2;

/// What a calm video keeps of its frames: averages of the sources and of the outputs. It belongs to one video and one model.
#[derive(Clone, Debug)]
pub struct Temporal {
    frames: u32,
    before: Option<Before>,
}

/// The frames so far.
#[derive(Clone, Debug)]
struct Before {
    size: [u32; 2],
    /// Average of the sources.
    source: Source,
    /// Average of the outputs, pixel by pixel.
    output: Vec<f32>,
    /// Of each pixel: the number of frames in its averages.
    counts: Vec<f32>,
}

/// The source of a frame.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// `[planes, height, width]`, as the network sees them.
    planes: Vec<f32>,
    /// Number of planes.
    count: usize,
    /// Factor from the squared difference of two pixels, summed over the planes, to its mean.
    share: f32,
    /// The pixels that have data; `None` for all.
    known: Option<Picture>,
}

impl Temporal {
    /// Averages over about `frames` frames: of the first ones the mean, later each new frame enters with a weight of
    /// 1 / `frames`.
    ///
    /// # Panics
    /// If `frames` is 0.
    pub fn over(frames: u32) -> Self {
        assert!(frames > 0, "an average needs a frame");
        Self {
            frames,
            before: None,
        }
    }

    /// Checks that a model's outputs have averages.
    ///
    /// # Errors
    /// When they are label maps.
    pub fn check(target: &Domain) -> Result<()> {
        match target.labels {
            None => Ok(()),
            Some(_) => Err(Error::Config(
                "`temporal` averages frames, and this model's outputs are label maps, whose classes have no average; omit it"
                    .to_string(),
            )),
        }
    }

    /// Adds a frame and its output, and returns the average of the outputs.
    pub(crate) fn add(&mut self, source: Source, output: Picture) -> Picture {
        let size = output.size();
        let same_size = self.before.as_mut().filter(|before| before.size == size);
        let changed = same_size.map(|before| (before.source.changes(&source), before));
        let Some((changes, before)) = changed.filter(|(changes, _)| !is_cut(changes)) else {
            self.before = Some(Before {
                size,
                counts: vec![1.0; source.planes.len() / source.count],
                output: output.to_floats(),
                source,
            });
            return output;
        };
        before.count(&smooth(&changes, size[0] as usize), &source, self.frames);
        before.source.average(source, &before.counts);
        let averages = before.output.chunks_exact_mut(output.channels());
        let mut pixels = averages.zip(&before.counts);
        output.map_pixels(|samples| {
            let (averages, &count) = pixels.next().expect("frames of one size");
            for (average, sample) in averages.iter_mut().zip(samples) {
                *sample = averaged(*average, *sample, count);
                *average = *sample;
            }
        })
    }
}

impl Before {
    /// Counts the frames in the averages of each pixel when a frame is added, by the changes of its source.
    fn count(&mut self, changes: &[f32], source: &Source, frames: u32) {
        let most = (frames - 1) as f32;
        for (pixel, (count, change)) in self.counts.iter_mut().zip(changes).enumerate() {
            let kept = match self.source.knows(pixel) && source.knows(pixel) {
                true => ((MOTION - change.sqrt()) / (MOTION - NOISE)).clamp(0.0, 1.0),
                false => 0.0,
            };
            *count = 1.0 + kept * count.min(most);
        }
    }
}

/// An average of `count` values, of which `value` is the last and `average` that of the others.
fn averaged(average: f32, value: f32, count: f32) -> f32 {
    match count {
        1.0 => value, // exactly, whatever was there
        count => average + (value - average) / count,
    }
}

impl Source {
    /// A picture of this domain whose pixels without data have been replaced where `known` says so.
    pub fn new(domain: &Domain, picture: &Picture, known: Option<Picture>) -> Self {
        let count = domain.planes();
        Self {
            planes: domain.source_planes(picture),
            count,
            share: match domain.labels {
                None => 1.0 / count as f32,
                // two of them differ, however many there are
                Some(_) => 0.5,
            },
            known,
        }
    }

    /// Whether a pixel has data.
    fn knows(&self, pixel: usize) -> bool {
        let known = self.known.as_ref();
        known.is_none_or(|known| known.bytes()[pixel] == nodata::KNOWN)
    }

    /// The squared difference of each pixel to that of another frame of the same size; the whole range if only one of them has
    /// data.
    fn changes(&self, other: &Self) -> Vec<f32> {
        let pixels = self.planes.len() / self.count;
        let mut changes = vec![0.0; pixels];
        let planes = self.planes.chunks_exact(pixels);
        for (plane, others) in planes.zip(other.planes.chunks_exact(pixels)) {
            for ((change, one), other) in changes.iter_mut().zip(plane).zip(others) {
                *change += self.share * (one - other).powi(2);
            }
        }
        if self.known.is_some() || other.known.is_some() {
            for (pixel, change) in changes.iter_mut().enumerate() {
                if self.knows(pixel) != other.knows(pixel) {
                    *change = RANGE.powi(2);
                }
            }
        }
        changes
    }

    /// Adds a frame to the average that this is, in which each pixel is one of so many.
    fn average(&mut self, frame: Self, counts: &[f32]) {
        let planes = self.planes.chunks_exact_mut(counts.len());
        for (averages, values) in planes.zip(frame.planes.chunks_exact(counts.len())) {
            for ((average, value), count) in averages.iter_mut().zip(values).zip(counts) {
                *average = averaged(*average, *value, *count);
            }
        }
        self.known = frame.known;
    }
}

/// Whether a frame with these squared changes is a new scene.
fn is_cut(changes: &[f32]) -> bool {
    let sum: f64 = changes.iter().map(|change| f64::from(change.sqrt())).sum();
    sum / changes.len() as f64 >= f64::from(CUT)
}

/// The mean of the values up to [`RADIUS`] away along both sides, in a plane of this width.
fn smooth(plane: &[f32], width: usize) -> Vec<f32> {
    let around = |at: usize, side: usize| at.saturating_sub(RADIUS)..(at + RADIUS + 1).min(side);
    let across = plane.chunks_exact(width).flat_map(|row| {
        (0..width).map(move |x| {
            let window = &row[around(x, width)];
            window.iter().sum::<f32>() / window.len() as f32
        })
    });
    let across: Vec<f32> = across.collect();
    let mut means = vec![0.0; plane.len()];
    for (y, means) in means.chunks_exact_mut(width).enumerate() {
        let rows = around(y, plane.len() / width);
        let share = 1.0 / rows.len() as f32;
        for row in rows {
            for (mean, value) in means.iter_mut().zip(&across[row * width..]) {
                *mean += share * value;
            }
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::labels::{Class, Stored};
    use crate::picture::{Depth, Labels, Nodata, Samples};

    /// A gray domain of floats in which a sample is a value of the networks.
    fn domain() -> Domain {
        Domain {
            channels: 1,
            depth: Depth::F32,
            range: [-1.0, 1.0].into(),
            ..Domain::RGB8
        }
    }

    fn frame(values: &[f32], size: [u32; 2]) -> Picture {
        Picture::new(size, 1, Samples::F32(values.to_vec()))
    }

    /// Adds frames of one pixel, and returns the averages.
    fn pixel(frames: u32, values: &[[f32; 2]]) -> Vec<f32> {
        let mut temporal = Temporal::over(frames);
        let add = |[source, output]: &[f32; 2]| {
            let source = Source::new(&domain(), &frame(&[*source], [1, 1]), None);
            let output = temporal.add(source, frame(&[*output], [1, 1]));
            output.to_floats()[0]
        };
        values.iter().map(add).collect()
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        }
    }

    #[test]
    fn a_still_pixel_has_a_mean_at_first_then_an_exponential_average() {
        // weights of 1, 1/2, 1/3, 1/4 and then 1/4 again
        let outputs = [8.0, 0.0, 1.0, 3.0, 7.0, 0.0].map(|output| [0.5, output]);
        assert_close(&pixel(4, &outputs), &[8.0, 4.0, 3.0, 3.0, 4.0, 3.0]);
        assert_close(&pixel(1, &outputs), &outputs.map(|[_, output]| output));
    }

    #[test]
    fn a_pixel_keeps_less_the_more_it_changes() {
        // fully up to 3 levels, the half at 4.5, nothing from 6
        let second = |levels: f32| pixel(8, &[[0.0, 1.0], [levels * LEVEL, 4.0]])[1];
        assert_close(
            &[2.9, 4.5, 6.0, 20.0].map(second),
            // counts of 2, 1.5, 1, 1
            &[2.5, 1.0 + 3.0 / 1.5, 4.0, 4.0],
        );
        // and a pixel that has moved begins anew
        let values = [
            [0.0, 1.0],
            [0.0, 1.0],
            [20.0 * LEVEL, 5.0],
            [20.0 * LEVEL, 7.0],
        ];
        assert_close(&pixel(8, &values), &[1.0, 1.0, 5.0, 6.0]);
    }

    /// A brightness that changes by one level a frame is noise from one frame to the next, but not for ever.
    #[test]
    fn a_slow_change_is_followed() {
        let values: Vec<[f32; 2]> = (0..100)
            .map(|index| [LEVEL * index as f32, index as f32])
            .collect();
        let found = pixel(8, &values);
        // with a change e, a pixel keeps k = (6 - e) / 3 of its frames and n = 1 / (1 - k) count; e - e / n = e - 1 then gives
        // e^2 - 3e - 3 = 0, and it is e - 1 behind; an average that ignores the source is 7 behind
        assert_close(&[99.0 - found[99]], &[(1.0 + 21f32.sqrt()) / 2.0]);
    }

    #[test]
    fn a_new_scene_begins_anew_even_where_a_pixel_is_the_same() {
        let size = [8, 1];
        // the change of all pixels but the first
        let second = |change: f32| {
            let mut temporal = Temporal::over(8);
            let mut source = vec![0.0; 8];
            let of = |source: &[f32]| Source::new(&domain(), &frame(source, size), None);
            temporal.add(of(&source), frame(&[1.0; 8], size));
            source[5..].fill(change);
            let output = temporal.add(of(&source), frame(&[3.0; 8], size));
            output.to_floats()
        };
        // a mean change of 0.1875 of 2: a pixel far from the motion is averaged
        assert_close(&second(0.5)[..1], &[2.0]);
        assert_close(&second(0.5)[5..], &[3.0; 3]);
        // 0.225 of 2 is more than a tenth
        assert_close(&second(0.6), &[3.0; 8]);
        // so is another size
        let mut temporal = Temporal::over(8);
        for (side, value) in [(1, 1.0), (2, 2.0)] {
            let pixels = vec![value; side as usize];
            let source = Source::new(&domain(), &frame(&pixels, [side, 1]), None);
            let output = temporal.add(source, frame(&pixels, [side, 1]));
            assert_eq!(output, frame(&pixels, [side, 1]));
        }
    }

    /// The mean of a window, counted by hand: 3 x 3 pixels in a corner, 5 x 5 inside.
    #[test]
    fn changes_are_means_over_the_pixels_around() {
        let mut plane = vec![0.0; 49];
        plane[2 * 7 + 2] = 225.0;
        let means = smooth(&plane, 7);
        let at = |x: usize, y: usize| means[y * 7 + x];
        assert_close(
            &[at(0, 0), at(2, 2), at(4, 4), at(2, 0), at(5, 2), at(4, 5)],
            &[25.0, 9.0, 9.0, 15.0, 0.0, 0.0],
        );
    }

    #[test]
    fn pixels_without_data_are_never_averaged() {
        let domain = Domain {
            nodata: Some(Nodata::Value(-9.0)),
            ..domain()
        };
        let mut temporal = Temporal::over(8);
        // far apart, so that they do not change each other, and among others, so that one is no new scene
        let size = [12, 1];
        let at = |first: f32, last: f32| {
            let mut values = vec![0.0; 12];
            (values[0], values[11]) = (first, last);
            values
        };
        let mut add = |source: Vec<f32>, output: Vec<f32>| {
            let (source, known) = domain.without_gaps(frame(&source, size), Some(-9.0));
            let source = Source::new(&domain, &source, known);
            let output = temporal.add(source, frame(&output, size));
            let output = output.to_floats();
            [output[0], output[11]]
        };
        assert_eq!(add(at(0.0, 0.0), at(1.0, 1.0)), [1.0, 1.0]);
        assert_eq!(add(at(-9.0, 0.0), at(-9.0, 2.0)), [-9.0, 1.5]);
        assert_eq!(add(at(-9.0, 0.0), at(f32::NAN, 3.0))[1], 2.0);
        assert_eq!(add(at(0.0, 0.0), at(5.0, 2.0)), [5.0, 2.0]);
        assert_eq!(add(at(0.0, 0.0), at(6.0, 2.0)), [5.5, 2.0]);
    }

    fn labels(count: u8) -> Labels {
        let class = |gray| Class {
            name: String::new(),
            color: [gray; 3],
        };
        Labels {
            stored: Stored::Grays,
            classes: (0..count).map(class).collect(),
        }
    }

    /// Of three classes or of two hundred.
    #[test]
    fn a_class_that_changes_is_motion() {
        for count in [3, 200] {
            let domain = Domain::of_labels(labels(count));
            let label = |class: u8| {
                let picture = Picture::new([1, 1], 1, Samples::U8(vec![class]));
                Source::new(&domain, &picture, None)
            };
            assert_close(&label(1).changes(&label(2)), &[1.0]);
            assert_close(&label(1).changes(&label(1)), &[0.0]);
        }
    }

    #[test]
    fn label_maps_are_refused() {
        let refused = Temporal::check(&Domain::of_labels(labels(2))).unwrap_err();
        assert!(refused.to_string().contains("`temporal`"), "{refused}");
        assert!(Temporal::check(&Domain::RGB8).is_ok());
    }
}
