//! Makes pairs from photographs: the photograph is the target, and the source is computed from it.

mod blur;

use blur::Plane;
use image::{GrayImage, Luma, RgbImage, imageops};
use imageproc::drawing::draw_filled_circle_mut;
use imageproc::edges::canny;
use pix2pix_runtime::picture::labels::resize_nearest;
use pix2pix_runtime::picture::{luma, resize};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

use crate::data::picture::{Depth, Header, Picture, conversion};
use crate::error::{Error, Result};

/// Name of the hidden file in which a folder of prepared pairs says what they were made with. It is no picture that somebody
/// could miss, so no list of files that are passed over has it.
pub const PREPARED: &str = ".pix2pix-prepared";

/// How a source is computed from a photograph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Task {
    /// Black edges on white (Canny 1986), with two thresholds of the gradient, 0 to 1140.
    Edges {
        /// Lower threshold: drops weaker edges.
        low: f32,
        /// Upper threshold: keeps stronger edges, and weaker ones that touch them.
        high: f32,
    },
    /// A soft pencil sketch: the photograph divided by its own blur.
    Sketch {
        /// Standard deviation of the blur, in pixels.
        sigma: f32,
    },
    /// Grayscale: to learn colorization.
    Gray,
    /// Downscaled, then upscaled again: to learn super-resolution.
    LowRes {
        /// Scale factor, 2 to 64.
        factor: u32,
    },
    /// Gaussian noise: to learn denoising.
    Noise {
        /// Standard deviation, in sample values of 0 to 255.
        sigma: f32,
    },
    /// Gaussian blur: to learn deblurring.
    Blur {
        /// Standard deviation, in pixels.
        sigma: f32,
    },
    /// White rectangular holes: to learn inpainting.
    Mask {
        /// Share of the picture that the holes cover, 0.01 to 0.9; the last hole may cover a little more.
        share: f32,
    },
    /// Black dots on white, as in a newspaper.
    Halftone {
        /// Distance between dots, 2 to 64 pixels.
        cell: u32,
    },
}

impl Task {
    /// Checks the parameters.
    ///
    /// # Errors
    /// Names the parameter that is out of range.
    pub fn validate(&self) -> Result<()> {
        let wrong = match *self {
            Self::Edges { low, high } if !(0.0..=high).contains(&low) || high > 1140.0 => {
                Error::field("low", "must be from 0 to `high`, which may be up to 1140")
            }
            Self::Sketch { sigma } | Self::Blur { sigma } if !(0.1..=100.0).contains(&sigma) => {
                Error::field("sigma", "must be from 0.1 to 100 pixels")
            }
            Self::Noise { sigma } if !(0.1..=255.0).contains(&sigma) => {
                Error::field("sigma", "must be from 0.1 to 255")
            }
            Self::LowRes { factor } if !(2..=64).contains(&factor) => {
                Error::field("factor", "must be from 2 to 64")
            }
            Self::Mask { share } if !(0.01..=0.9).contains(&share) => {
                Error::field("share", "must be from 0.01 to 0.9")
            }
            Self::Halftone { cell } if !(2..=64).contains(&cell) => {
                Error::field("cell", "must be from 2 to 64 pixels")
            }
            _ => return Ok(()),
        };
        Err(wrong)
    }

    /// Computes the source, with the photograph's channels and depth. `range` are the photograph's values of black and
    /// white; with `has_alpha`, the second of two and the fourth of four channels is its opacity, which stays. The result
    /// depends only on these and the seed.
    pub fn apply(&self, photo: &Picture, range: [f32; 2], has_alpha: bool, seed: u64) -> Picture {
        let made = self.made(photo, range, seed);
        match photo.channels() {
            2 | 4 if has_alpha => with_opacity_of(&made, photo),
            _ => made,
        }
    }

    /// The source, of which every channel is changed.
    fn made(&self, photo: &Picture, range: [f32; 2], seed: u64) -> Picture {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // drawings and halves of a value do not need more than 8 bits of light
        let gray = || lights(&grayed(photo).to_rgb8(range));
        match *self {
            Self::Edges { low, high } => {
                let mut edges = canny(&gray(), low, high);
                imageops::invert(&mut edges);
                drawn(&edges, photo, range)
            }
            Self::Sketch { sigma } => {
                let gray = gray();
                let (width, height) = gray.dimensions();
                let light = Plane::from_fn(width, height, |x, y| {
                    Luma([f32::from(gray.get_pixel(x, y)[0])])
                });
                let around = blur::blurred(&light, sigma);
                let sketch = GrayImage::from_fn(width, height, |x, y| {
                    let [light, around] = [&light, &around].map(|plane| plane.get_pixel(x, y)[0]);
                    let ratio = (light + 1.0) / (around + 1.0);
                    Luma([(255.0 * ratio).min(255.0).round() as u8])
                });
                drawn(&sketch, photo, range)
            }
            Self::Gray => grayed(photo),
            Self::LowRes { factor } => {
                let small = resized(photo, photo.size().map(|side| (side / factor).max(1)));
                resized(&small, photo.size())
            }
            Self::Noise { sigma } => {
                let noise = Normal::new(0.0, sigma).expect("a positive standard deviation");
                let level = (range[1] - range[0]) / 255.0;
                photo.map_pixels(|pixel| {
                    for value in pixel {
                        *value =
                            (*value + noise.sample(&mut rng) * level).clamp(range[0], range[1]);
                    }
                })
            }
            Self::Blur { sigma } => within(blurred(photo, sigma), photo),
            Self::Mask { share } => {
                let mut is_hole = holes(photo.size(), share, &mut rng).into_iter();
                photo.map_pixels(|pixel| {
                    if is_hole.next() == Some(true) {
                        pixel.fill(range[1]);
                    }
                })
            }
            Self::Halftone { cell } => drawn(&halftone(&gray(), cell), photo, range),
        }
    }
}

/// A photograph whose colors are their luma.
fn grayed(photo: &Picture) -> Picture {
    photo.map_pixels(|pixel| {
        if pixel.len() >= 3 {
            let luma = luma(pixel);
            pixel[..3].fill(luma);
        }
    })
}

/// One channel of a picture whose three are the same.
fn lights(picture: &RgbImage) -> GrayImage {
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        Luma([picture.get_pixel(x, y)[0]])
    })
}

/// The pixels of random rectangles, which together cover `share` of a picture of `size`, or a little more.
fn holes(size: [u32; 2], share: f32, rng: &mut ChaCha8Rng) -> Vec<bool> {
    let [width, height] = size.map(|side| side as usize);
    let mut is_hole = vec![false; width * height];
    let share = f64::from(share);
    let wanted = (share * is_hole.len() as f64).ceil() as usize;
    // no hole is larger than all are to be
    let largest = share.sqrt().min(1.0 / 3.0);
    let mut covered = 0;
    while covered < wanted {
        let [columns, rows] = [width, height].map(|side| {
            let least = (side / 10).max(1);
            let most = ((side as f64 * largest) as usize).max(least);
            let length = rng.random_range(least..=most);
            let start = rng.random_range(0..=side - length);
            start..start + length
        });
        for row in rows {
            let hole = &mut is_hole[row * width..][columns.clone()];
            // holes may overlap
            covered += hole.iter().filter(|is_hole| !**is_hole).count();
            hole.fill(true);
        }
    }
    is_hole
}

/// Black dots on white, as dark as the picture.
fn halftone(gray: &GrayImage, cell: u32) -> GrayImage {
    let (width, height) = gray.dimensions();
    // drawn at four times the size; shrinking it smooths the edges of the dots
    let scale = 4;
    let mut dots = GrayImage::from_pixel(width * scale, height * scale, Luma([255]));
    for (column, row) in (0..height.div_ceil(cell))
        .flat_map(|row| (0..width.div_ceil(cell)).map(move |column| (column, row)))
    {
        let (x, y) = (column * cell, row * cell);
        let (w, h) = (cell.min(width - x), cell.min(height - y));
        let tile = imageops::crop_imm(gray, x, y, w, h).to_image();
        let light = tile.iter().map(|&v| f32::from(v)).sum::<f32>() / (w * h) as f32;
        // the dot covers the dark share of the tile
        let radius = ((1.0 - light / 255.0) / std::f32::consts::PI).sqrt() * (cell * scale) as f32;
        let center = [x, y].map(|start| ((start * scale) + cell * scale / 2) as i32);
        if radius >= 0.5 {
            draw_filled_circle_mut(
                &mut dots,
                (center[0], center[1]),
                radius.round() as i32,
                Luma([0]),
            );
        }
    }
    imageops::resize(&dots, width, height, imageops::FilterType::Triangle)
}

/// A drawing with the channels and the depth of a photograph, and its values of black and white.
fn drawn(drawing: &GrayImage, photo: &Picture, [low, high]: [f32; 2]) -> Picture {
    let mut lights = drawing
        .iter()
        .map(|value| low + f32::from(*value) / 255.0 * (high - low));
    photo.map_pixels(|pixel| {
        let light = lights
            .next()
            .expect("the drawing has the photograph's size");
        pixel.fill(light);
    })
}

/// The picture with the last channel of a photograph of its size.
fn with_opacity_of(picture: &Picture, photo: &Picture) -> Picture {
    let samples = photo.to_floats();
    let mut pixels = samples.chunks_exact(photo.channels());
    picture.map_pixels(|pixel| {
        let photo = pixels.next().and_then(<[f32]>::last);
        *pixel.last_mut().expect("it has channels") =
            *photo.expect("the picture has the photograph's size");
    })
}

/// Blurs every channel.
fn blurred(photo: &Picture, sigma: f32) -> Picture {
    let ([width, height], channels) = (photo.size(), photo.channels());
    let plane = width as usize * height as usize;
    let values = photo.to_floats();
    let mut all = vec![0.0; values.len()];
    for channel in 0..channels {
        let samples: Vec<f32> = values
            .iter()
            .skip(channel)
            .step_by(channels)
            .copied()
            .collect();
        let image = Plane::from_raw(width, height, samples);
        let blurred = blur::blurred(&image.expect("a plane of the picture"), sigma);
        for (pixel, value) in (0..plane).zip(blurred.iter()) {
            all[pixel * channels + channel] = *value;
        }
    }
    let mut all = all.chunks_exact(channels);
    photo.map_pixels(|pixel| pixel.copy_from_slice(all.next().expect("as many pixels")))
}

/// Resizes a picture, to values that it has.
fn resized(picture: &Picture, size: [u32; 2]) -> Picture {
    within(resize(picture, size), picture)
}

/// A picture that was made of another without values beyond that one's: filters overshoot at edges, and rounding may by a little.
/// Those of 8 bits end at black and white anyway.
fn within(made: Picture, of: &Picture) -> Picture {
    match of.extremes() {
        Some([low, high]) if of.depth() != Depth::U8 => made.map_pixels(|pixel| {
            for value in pixel {
                *value = value.clamp(low, high);
            }
        }),
        _ => made,
    }
}

/// Crops the center of a picture to the aspect ratio of `size`, then resizes it; the values of `labels` are never mixed.
/// Without a size, returns the picture unchanged.
pub fn sized(photo: &Picture, size: Option<[u32; 2]>, labels: bool) -> Picture {
    let Some([width, height]) = size else {
        return photo.clone();
    };
    let [from_width, from_height] = photo.size();
    // the largest crop with this aspect ratio
    let scale =
        (f64::from(from_width) / f64::from(width)).min(f64::from(from_height) / f64::from(height));
    let part = [
        ((f64::from(width) * scale).round() as u32).clamp(1, from_width),
        ((f64::from(height) * scale).round() as u32).clamp(1, from_height),
    ];
    let corner = [(from_width - part[0]) / 2, (from_height - part[1]) / 2];
    let part = photo.crop(corner, part);
    match labels {
        true => resize_nearest(&part, [width, height]),
        false => resized(&part, [width, height]),
    }
}

/// What both halves of a side-by-side file have: channels, and whether the last one of two or four is their opacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shared {
    /// Number of channels.
    pub channels: usize,
    /// Whether the last one is the opacity; otherwise, no file may say so.
    pub alpha: bool,
}

impl Shared {
    /// The larger of the numbers of channels of two pictures with these headers.
    ///
    /// # Errors
    /// [`Error::Picture`], when their sample types differ, or the channels of one cannot become so many without the loss of one
    /// that is no opacity.
    pub fn of([a, b]: &[Header; 2]) -> Result<Self> {
        same_depth(a.depth, b.depth)?;
        let channels = a.channels.max(b.channels);
        let mut alpha = true;
        for header in [a, b] {
            conversion(header.channels, channels)?;
            if header.channels == channels {
                alpha &= header.alpha;
            } else if header.channels == 2 && !header.alpha {
                let reason =
                    format!("2 channels of which none is an opacity cannot become {channels}");
                return Err(Error::Picture(reason));
            }
        }
        Ok(Self { channels, alpha })
    }
}

/// Checks that two types of samples are one.
fn same_depth(a: Depth, b: Depth) -> Result<()> {
    match a == b {
        true => Ok(()),
        false => {
            let reason = format!("{a} and {b} samples cannot share one file");
            Err(Error::Picture(reason))
        }
    }
}

/// Joins A and B side by side in one picture, with the larger of their numbers of channels. [`Shared`] knows whether one is lost.
///
/// # Errors
/// [`Error::Picture`], when their sizes or sample types differ or their channels cannot be converted.
pub fn side_by_side(a: &Picture, b: &Picture) -> Result<Picture> {
    if a.size() != b.size() {
        let reason = "both must have the same size";
        return Err(Error::Picture(reason.to_string()));
    }
    same_depth(a.depth(), b.depth())?;
    let channels = a.channels().max(b.channels());
    let (a, b) = (
        a.clone().with_channels(channels)?,
        b.clone().with_channels(channels)?,
    );
    Ok(a.beside(&b))
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::data::picture::{Format, Samples};

    /// Applies a task to an 8-bit photograph.
    fn applied(task: &Task, photo: &RgbImage, seed: u64) -> RgbImage {
        let range = [0.0, 255.0];
        task.apply(&photo.clone().into(), range, false, seed)
            .to_rgb8(range)
    }

    /// The second band of radar is no opacity, and neither is the depth of RGB and depth.
    #[test]
    fn halves_lose_no_band() {
        let header = |channels: usize, alpha: bool| Header {
            format: Format::Tiff,
            size: [16, 16],
            channels,
            depth: Depth::U8,
            indexed: false,
            alpha,
            files: 1,
            mixed: false,
        };
        let shared = |a: (usize, bool), b: (usize, bool)| {
            let found = Shared::of(&[header(a.0, a.1), header(b.0, b.1)]);
            found.map(|shared| (shared.channels, shared.alpha)).ok()
        };
        for (a, b, expected) in [
            ((1, false), (3, false), Some((3, false))),
            ((3, false), (4, true), Some((4, true))),
            ((3, false), (4, false), Some((4, false))),
            ((2, true), (3, false), Some((3, false))),
            ((2, true), (4, true), Some((4, true))),
            ((4, false), (4, true), Some((4, false))),
            ((1, false), (2, false), Some((2, false))),
            ((5, false), (5, false), Some((5, false))),
            ((2, false), (3, false), None),
            ((2, false), (4, true), None),
            ((4, true), (5, false), None),
        ] {
            assert_eq!(shared(a, b), expected, "{a:?} and {b:?}");
            assert_eq!(shared(b, a), expected, "{b:?} and {a:?}");
        }
        let deep = Header {
            depth: Depth::U16,
            ..header(3, false)
        };
        assert!(Shared::of(&[deep, header(3, false)]).is_err());
    }

    /// A dark square on a light ground.
    fn photo() -> RgbImage {
        RgbImage::from_fn(64, 48, |x, y| {
            let inside = (16..48).contains(&x) && (12..36).contains(&y);
            if inside {
                Rgb([40, 60, 20])
            } else {
                Rgb([220, 200, 240])
            }
        })
    }

    /// Cubic filters overshoot at an edge.
    #[test]
    fn no_value_lies_beyond_those_of_the_photograph() {
        let steps =
            |low: f32, high: f32| (0..64 * 64).map(move |at| if at % 64 < 29 { low } else { high });
        let floats = Samples::F32(steps(0.25, 0.75).collect());
        let integers = Samples::U16(steps(100.0, 4000.0).map(|value| value as u16).collect());
        for (samples, range) in [(floats, [0.25, 0.75]), (integers, [100.0, 4000.0])] {
            let photo = Picture::new([64; 2], 1, samples);
            let made = |task: Task| task.apply(&photo, range, false, 0);
            for picture in [
                made(Task::LowRes { factor: 4 }),
                made(Task::Blur { sigma: 2.0 }),
                sized(&photo, Some([40; 2]), false),
            ] {
                let [least, most] = picture.extremes().unwrap();
                assert!(range[0] <= least && most <= range[1], "{least} to {most}");
            }
        }
    }

    #[test]
    fn edges_are_the_squares_outline() {
        let task = Task::Edges {
            low: 50.0,
            high: 100.0,
        };
        let edges = applied(&task, &photo(), 0);
        // all within two pixels of the outline, which is 112 pixels long
        let near = |x: u32, y: u32| {
            let [dx, dy] = [(x, 16, 48), (y, 12, 36)]
                .map(|(at, first, end)| at.abs_diff(first).min(at.abs_diff(end - 1)));
            let within = (14..50).contains(&x) && (10..38).contains(&y);
            within && (dx <= 2 || dy <= 2)
        };
        let drawn = edges
            .enumerate_pixels()
            .filter(|(_, _, pixel)| pixel[0] < 128);
        assert!(drawn.clone().all(|(x, y, _)| near(x, y)));
        assert!(drawn.count() >= 100);
        assert_eq!(edges.get_pixel(32, 24), &Rgb([255; 3]));
        assert_eq!(edges.get_pixel(4, 4), &Rgb([255; 3]));
    }

    #[test]
    fn a_sketch_is_light_but_at_edges() {
        let sketch = applied(&Task::Sketch { sigma: 3.0 }, &photo(), 0);
        let [edge, inside, ground] = [17, 32, 4].map(|x| sketch.get_pixel(x, 24)[0]);
        assert!(
            edge < 200,
            "{edge} at the edge, where it is darker than around"
        );
        assert!(inside > 240 && ground > 240, "{inside} and {ground}");
    }

    #[test]
    fn gray_and_low_resolution_keep_the_size() {
        let gray = applied(&Task::Gray, &photo(), 0);
        assert_eq!(gray.dimensions(), (64, 48));
        assert!(gray.pixels().all(|p| p[0] == p[1] && p[1] == p[2]));
        let low = applied(&Task::LowRes { factor: 8 }, &photo(), 0);
        assert_eq!(low.dimensions(), (64, 48));
        assert_ne!(low, photo());
    }

    #[test]
    fn noise_has_its_standard_deviation_and_its_seed() {
        let flat = RgbImage::from_pixel(64, 64, Rgb([128; 3]));
        let task = Task::Noise { sigma: 20.0 };
        let noisy = applied(&task, &flat, 1);
        let square: f32 = noisy.iter().map(|&v| (f32::from(v) - 128.0).powi(2)).sum();
        let deviation = (square / noisy.len() as f32).sqrt();
        assert!((deviation - 20.0).abs() < 1.0, "{deviation}");
        assert_eq!(noisy, applied(&task, &flat, 1));
        assert_ne!(noisy, applied(&task, &flat, 2));
    }

    #[test]
    fn blur_spreads_an_edge() {
        let blurred = applied(&Task::Blur { sigma: 4.0 }, &photo(), 0);
        let edge = blurred.get_pixel(16, 24)[0];
        assert!((80..180).contains(&edge), "{edge} at the edge");
    }

    #[test]
    fn holes_cover_their_share() {
        let flat = RgbImage::from_pixel(200, 100, Rgb([0; 3]));
        let covered = |share, seed| {
            let masked = applied(&Task::Mask { share }, &flat, seed);
            let holes = masked.pixels().filter(|pixel| pixel[0] == 255).count();
            holes as f32 / 20_000.0
        };
        for (share, more) in [(0.01, 0.001), (0.1, 0.05), (0.5, 0.05), (0.9, 0.05)] {
            let mean = (0..20).map(|seed| covered(share, seed)).sum::<f32>() / 20.0;
            assert!(
                mean > share - 0.001 && mean < share + more,
                "{mean} instead of {share}"
            );
        }
    }

    /// Every task sees colors as equally light.
    #[test]
    fn drawings_are_those_of_the_gray_photograph() {
        let gray = applied(&Task::Gray, &photo(), 0);
        for task in [
            Task::Edges {
                low: 50.0,
                high: 100.0,
            },
            Task::Sketch { sigma: 3.0 },
            Task::Halftone { cell: 8 },
        ] {
            let [of_colors, of_gray] = [&photo(), &gray].map(|photo| applied(&task, photo, 0));
            assert!(of_colors == of_gray, "{task:?}");
        }
    }

    #[test]
    fn dots_are_as_dark_as_the_photograph() {
        for light in [60, 128, 200] {
            let flat = RgbImage::from_pixel(64, 64, Rgb([light; 3]));
            let dots = applied(&Task::Halftone { cell: 8 }, &flat, 0);
            let mean = dots.pixels().map(|p| f32::from(p[0])).sum::<f32>() / 4096.0;
            assert!(
                (mean - f32::from(light)).abs() < 25.0,
                "{mean} instead of {light}"
            );
        }
    }

    #[test]
    fn a_size_takes_the_middle_without_stretching() {
        let photo = Picture::from(RgbImage::from_fn(200, 100, |x, _| Rgb([x as u8; 3])));
        let square = sized(&photo, Some([50, 50]), false).to_rgb8([0.0, 255.0]);
        assert_eq!(square.dimensions(), (50, 50));
        // from 50 to 150 of 200
        assert!((49..=53).contains(&square.get_pixel(0, 25)[0]));
        assert!((147..=150).contains(&square.get_pixel(49, 25)[0]));
        assert_eq!(sized(&photo, None, false), photo);
    }

    #[test]
    fn classes_are_not_mixed() {
        let ids = (0..100 * 100).map(|at| [3, 200][at % 100 / 37 % 2]);
        let map = Picture::new([100, 100], 1, Samples::U8(ids.collect()));
        for (labels, is_mixed) in [(true, false), (false, true)] {
            let Samples::U8(values) = sized(&map, Some([33, 20]), labels).into_samples() else {
                panic!("8 bits stay");
            };
            assert_eq!(
                values.iter().any(|value| ![3, 200].contains(value)),
                is_mixed
            );
        }
    }

    /// The second of two bands and the fourth of four are changed too, unless they are the opacity.
    #[test]
    fn only_opacity_stays() {
        let drawing = Task::Edges {
            low: 50.0,
            high: 100.0,
        };
        let samples = |channels: usize| (0..1024 * channels).map(|at| (at * 37 % 251) as u8);
        for task in [
            drawing,
            Task::LowRes { factor: 4 },
            Task::Noise { sigma: 25.0 },
            Task::Blur { sigma: 2.0 },
            Task::Mask { share: 0.5 },
        ] {
            for channels in [2, 4] {
                let photo =
                    Picture::new([32, 32], channels, Samples::U8(samples(channels).collect()));
                let last = |picture: &Picture| -> Vec<u8> {
                    picture
                        .bytes()
                        .iter()
                        .skip(channels - 1)
                        .step_by(channels)
                        .copied()
                        .collect()
                };
                for has_alpha in [true, false] {
                    let made = task.apply(&photo, [0.0, 255.0], has_alpha, 0);
                    assert_eq!(last(&made) == last(&photo), has_alpha, "{task:?}");
                    assert_ne!(made, photo);
                }
            }
        }
    }

    /// Depth, channels and values stay: in 16 bits with a range of 12, and in floating point with a range below 0.
    #[test]
    fn deep_photographs_stay_deep() {
        let values = |x: u32| [x, 2 * x, 4095 - x];
        let samples = (0..32 * 32).flat_map(|at| values(at % 32 * 60).map(|value| value as u16));
        let deep = Picture::new([32, 32], 3, Samples::U16(samples.collect()));
        let range = [0.0, 4095.0];
        for task in [
            Task::Edges {
                low: 20.0,
                high: 40.0,
            },
            Task::Sketch { sigma: 2.0 },
            Task::Gray,
            Task::LowRes { factor: 2 },
            Task::Noise { sigma: 5.0 },
            Task::Blur { sigma: 1.0 },
            Task::Mask { share: 0.2 },
            Task::Halftone { cell: 4 },
        ] {
            let made = task.apply(&deep, range, false, 1);
            assert_eq!(
                (made.channels(), made.depth()),
                (3, deep.depth()),
                "{task:?}"
            );
            let [_, most] = made.extremes().unwrap();
            assert!((1000.0..=4095.0).contains(&most), "{task:?}: {most}");
            assert!(made != deep, "{task:?}");
        }
        let Samples::U16(gray) = Task::Gray.apply(&deep, range, false, 0).into_samples() else {
            panic!("gray is as deep");
        };
        // the luma of 60, 120 and 4035
        assert_eq!(gray[3..6], [548; 3]);
        let heights = Picture::new(
            [32, 32],
            1,
            Samples::F32((0..1024).map(|v| v as f32 - 2000.0).collect()),
        );
        let Samples::F32(blurred) = (Task::Blur { sigma: 1.0 })
            .apply(&heights, [-2000.0, 0.0], false, 0)
            .into_samples()
        else {
            panic!("it stays floating point");
        };
        assert!((blurred[16 * 32 + 16] - (16.0 * 32.0 + 16.0 - 2000.0)).abs() < 0.5);
    }
}
