//! A gallery: input, output, target and their difference of many pictures, with their scores, on one page. Reports,
//! evaluations and translations show the same.
//!
//! The page holds the pictures themselves, as JPEG. The more there are, the smaller they are: up to 650 pairs, a page is
//! about 10 MB at most, and 15 KB for each pair beyond.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{GrayImage, Luma, Rgb, RgbImage};
use pix2pix_runtime::picture::{Domain, Labels};
use rayon::prelude::*;
use serde::Serialize;

use crate::atomic_file;
use crate::config::RunConfig;
use crate::data::pair::Pair;
use crate::data::picture::Picture;
use crate::draw::{contact_sheet, shrunk};
use crate::error::Result;
use crate::quality::{MEASURES, Measure, Planes};
use crate::report::page;
use crate::report::scores::PictureScores;

/// Name of the page in a folder of results.
pub const NAME: &str = "gallery.html";
const TEMPLATE: &str = include_str!("gallery.html");
/// Pixels of all pictures of a page together.
const PIXELS: f64 = 24e6;
/// The smallest and the largest side that pictures are shrunk to.
const SIDES: [f64; 2] = [96.0, 320.0];
/// JPEG quality.
const QUALITY: u8 = 80;
/// Mean difference of a pixel's samples, of 255, from which the map of differences is brightest.
const MOST: f32 = 128.0;
/// Colors of the map of differences, from none to the most: those of matplotlib's "magma" at five places.
const MAGMA: [[f32; 3]; 5] = [
    [0.0, 0.0, 4.0],
    [81.0, 18.0, 124.0],
    [183.0, 55.0, 121.0],
    [252.0, 137.0, 97.0],
    [252.0, 253.0, 191.0],
];

/// The pictures of one model.
#[derive(Clone, Debug, Serialize)]
pub struct Gallery {
    /// The model.
    title: String,
    /// Sentences on the pictures and their scores.
    about: String,
    /// The measures that some picture has.
    measures: Vec<Measure>,
    /// Whether outputs and targets are label maps.
    classes: bool,
    entries: Vec<Entry>,
    #[serde(skip)]
    side: u32,
    #[serde(skip)]
    domains: [Domain; 2],
}

#[derive(Clone, Debug, Serialize)]
struct Entry {
    name: String,
    /// Input, output, and target and difference if the target is known: as data URLs.
    pictures: Vec<String>,
    /// The scores by their keys.
    scores: BTreeMap<&'static str, f64>,
}

impl Gallery {
    /// An empty gallery of a model. `domains` are those of its source and target, `count` is the number of pictures on the
    /// whole page.
    pub fn new(title: impl Into<String>, domains: [Domain; 2], count: usize) -> Self {
        Self {
            title: title.into(),
            about: String::new(),
            measures: Vec::new(),
            classes: domains[1].labels.is_some(),
            entries: Vec::new(),
            side: side(count),
            domains,
        }
    }

    /// The gallery of a run's sampling: the pairs at the input size of the networks, and their outputs.
    pub fn of_sampling(config: &RunConfig, step: u64, pairs: &[Pair], outputs: &[Picture]) -> Self {
        let domains = [config.source.clone(), config.target.clone()];
        let mut gallery = Self::new("", domains, pairs.len());
        // besides the steps of a training: by all threads
        let both: Vec<_> = pairs.iter().zip(outputs).collect();
        let entries = both.into_par_iter().map(|(pair, output)| {
            let halves = [output, &pair.target];
            let scores = PictureScores::of(&pair.name, halves, &config.target, pair.known());
            let pictures = [&pair.source, output];
            gallery.entry(&pair.name, pictures, Some(&pair.target), Some(&scores))
        });
        for entry in entries.collect::<Vec<_>>() {
            gallery.push(entry);
        }
        gallery.about(match pairs.len() {
            1 => format!("The held-out pair at step {step}."),
            count => format!("{count} held-out pairs at step {step}."),
        });
        gallery
    }

    /// Adds sentences about the pictures, and one on their colors where these are channels.
    pub fn about(&mut self, text: impl Into<String>) {
        self.about = text.into();
        let [source, target] = &self.domains;
        if let Some(legend) = contact_sheet::legend([source, target]) {
            self.about += &format!(" Colors: {legend}.");
        }
    }

    /// Number of pictures in it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no picture.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a picture: its source, its output, and if they are known its target, of the output's size, and its scores.
    pub fn add(
        &mut self,
        name: &str,
        [source, output]: [&Picture; 2],
        target: Option<&Picture>,
        scores: Option<&PictureScores>,
    ) {
        let entry = self.entry(name, [source, output], target, scores);
        self.push(entry);
    }

    fn push(&mut self, entry: Entry) {
        self.measures = MEASURES
            .into_iter()
            .filter(|m| self.measures.contains(m) || entry.scores.contains_key(m.key))
            .collect();
        self.entries.push(entry);
    }

    fn entry(
        &self,
        name: &str,
        [source, output]: [&Picture; 2],
        target: Option<&Picture>,
        scores: Option<&PictureScores>,
    ) -> Entry {
        let [of_source, of_target] = &self.domains;
        let shown =
            |picture: &Picture, domain: &Domain| embedded(&self.small(&domain.shown(picture)));
        let mut pictures = vec![shown(source, of_source), shown(output, of_target)];
        if let Some(target) = target {
            let difference = difference([output, target], of_target);
            pictures.push(shown(target, of_target));
            pictures.push(embedded(&colored(&shrunk_map(&difference, self.side))));
        }
        let named = scores.map_or(Vec::new(), PictureScores::named);
        let known = named
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        // an infinite score, of an output that is its target, has no number in the page
        let scores: BTreeMap<_, _> = known.filter(|(_, value)| value.is_finite()).collect();
        Entry {
            name: name.to_string(),
            pictures,
            scores,
        }
    }

    fn small(&self, picture: &RgbImage) -> RgbImage {
        match shrunk(picture.dimensions().into(), self.side) {
            None => picture.clone(),
            Some([w, h]) => imageops::resize(picture, w, h, FilterType::Triangle),
        }
    }
}

/// Writes a page with the galleries of some models.
///
/// # Errors
/// When the file cannot be written.
pub fn write(galleries: &[Gallery], file: &Path) -> Result<()> {
    let page = page::of(TEMPLATE, &galleries);
    atomic_file::write(file, page.as_bytes())
}

/// Whether a file is a page with galleries.
pub fn is_gallery(file: &Path) -> bool {
    page::open(file, "pix2pix gallery").is_ok()
}

/// The side that pictures are shrunk to if there are `count` of them, with four pictures each.
fn side(count: usize) -> u32 {
    let side = (PIXELS / 4.0 / count.max(1) as f64).sqrt();
    side.clamp(SIDES[0], SIDES[1]) as u32
}

fn shrunk_map(picture: &GrayImage, side: u32) -> GrayImage {
    match shrunk(picture.dimensions().into(), side) {
        None => picture.clone(),
        Some([w, h]) => imageops::resize(picture, w, h, FilterType::Triangle),
    }
}

/// The map of differences between an output and its target, which are of this domain. The planes of label maps are no amounts:
/// the more classes there are, the less of them a wrong pixel changes.
fn difference(pictures: [&Picture; 2], domain: &Domain) -> GrayImage {
    match &domain.labels {
        None => distances(&pictures.map(|picture| Planes::of(picture, domain))),
        Some(labels) => mistakes(pictures, labels),
    }
}

/// 0 for each pixel whose class is the target's, and 255 for the others.
fn mistakes([output, target]: [&Picture; 2], labels: &Labels) -> GrayImage {
    let [width, height] = output.size();
    let [found, wanted] = [output, target].map(|picture| labels.classes_of(picture));
    let pixels = found.iter().zip(&wanted);
    let values = pixels.map(|(found, wanted)| if found == wanted { 0 } else { 255 });
    GrayImage::from_vec(width, height, values.collect()).expect("there is a class for each pixel")
}

/// The mean difference of the samples of each pixel, 0 to 255 for none to [`MOST`].
fn distances([output, target]: &[Planes; 2]) -> GrayImage {
    let [width, height] = output.size;
    let pixels = width * height;
    GrayImage::from_fn(width as u32, height as u32, |x, y| {
        let pixel = y as usize * width + x as usize;
        let channels = (0..output.channels).map(|channel| channel * pixels + pixel);
        let sum: f32 = channels
            .map(|at| (output.values[at] - target.values[at]).abs())
            .sum();
        let mean = sum / output.channels as f32;
        Luma([(mean / MOST * 255.0).round().min(255.0) as u8])
    })
}

/// A map of differences in colors.
fn colored(map: &GrayImage) -> RgbImage {
    RgbImage::from_fn(map.width(), map.height(), |x, y| {
        let place = f32::from(map.get_pixel(x, y)[0]) / 255.0 * (MAGMA.len() - 1) as f32;
        let low = (place as usize).min(MAGMA.len() - 2);
        let share = place - low as f32;
        Rgb(std::array::from_fn(|channel| {
            let [a, b] = [MAGMA[low][channel], MAGMA[low + 1][channel]];
            (a + (b - a) * share).round() as u8
        }))
    })
}

/// A picture as a data URL.
pub fn embedded(picture: &RgbImage) -> String {
    let mut bytes = Cursor::new(Vec::new());
    let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    picture
        .write_with_encoder(encoder)
        .expect("encoding a JPEG in memory does not fail");
    let bytes = STANDARD.encode(bytes.into_inner());
    format!("data:image/jpeg;base64,{bytes}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pix2pix_runtime::picture::Samples;
    use pix2pix_runtime::picture::labels::{Class, Stored};

    #[test]
    fn many_pictures_are_smaller() {
        let sides = [1, 58, 59, 200, 1000].map(side);
        assert_eq!(sides, [320, 320, 318, 173, 96]);
        // 24 million pixels at most, up to 650 pairs
        assert!(
            (1..=650).all(|count| 4 * count * u64::from(side(count as usize)).pow(2) <= 24_000_000)
        );
    }

    /// Two pixels: one is equal, the other differs by 96, 0 and 0, which is 32 on average and a quarter of the most.
    #[test]
    fn differences_by_hand() {
        let planes = |red: f32| Planes {
            values: vec![7.0, red, 7.0, 7.0, 7.0, 7.0],
            channels: 3,
            size: [2, 1],
        };
        let map = distances(&[planes(100.0), planes(4.0)]);
        assert_eq!(map.as_raw(), &[0, 64]);
        let colors = colored(&map);
        assert_eq!(colors.get_pixel(0, 0), &Rgb([0, 0, 4]));
        assert_eq!(colors.get_pixel(1, 0), &Rgb([81, 18, 124]));
        assert_eq!(
            colored(&GrayImage::from_pixel(1, 1, Luma([255]))).as_raw(),
            &[252, 253, 191]
        );
    }

    /// Two of three pixels have another class, of many: each is as wrong as can be.
    #[test]
    fn a_wrong_class_is_bright_however_many_there_are() {
        for count in [2, 40, 256] {
            let class = |color: usize| Class {
                name: String::new(),
                color: [color as u8; 3],
            };
            let domain = Domain::of_labels(Labels {
                stored: Stored::Ids,
                classes: (0..count).map(class).collect(),
            });
            let map = |ids: [u8; 3]| Picture::new([3, 1], 1, Samples::U8(ids.to_vec()));
            let [output, target] = [map([0, 1, 0]), map([0, 0, 1])];
            let found = difference([&output, &target], &domain);
            assert_eq!(found.as_raw(), &[0, 255, 255], "{count} classes");
            let gallery = Gallery::new("run", [Domain::RGB8, domain], 1);
            assert!(serde_json::to_value(&gallery).unwrap()["classes"] == true);
        }
    }

    #[test]
    fn a_gallery_has_what_is_known() {
        let mut gallery = Gallery::new("run", [Domain::RGB8, Domain::RGB8], 2);
        let picture = |value: u8| Picture::new([400, 200], 3, Samples::U8(vec![value; 240_000]));
        let pictures = [90, 100, 104].map(picture);
        let [source, output, target] = &pictures;
        let scores = PictureScores::of("both", [output, target], &Domain::RGB8, None);
        gallery.add("both", [source, output], Some(target), Some(&scores));
        gallery.add("alone", [source, output], None, None);
        let page = serde_json::to_value(&gallery).unwrap();
        let entries = page["entries"].as_array().unwrap();
        let counts = entries
            .iter()
            .map(|e| e["pictures"].as_array().unwrap().len());
        assert_eq!(counts.collect::<Vec<_>>(), [4, 2]);
        assert!((entries[0]["scores"]["l1"].as_f64().unwrap() - 4.0).abs() < 1e-4);
        assert!(
            entries[0]["scores"].get("pearson").is_none(),
            "all samples are equal"
        );
        let jpeg = entries[0]["pictures"][3].as_str().unwrap();
        let bytes = STANDARD.decode(jpeg.split_once(',').unwrap().1).unwrap();
        let map = image::load_from_memory(&bytes).unwrap().into_rgb8();
        assert_eq!(map.dimensions(), (320, 160));
        // 4 of 128: an eighth of the way from the first color to the second
        let near = map.get_pixel(160, 80).0.map(i32::from);
        assert!(
            (near[0] - 10).abs() < 5 && (near[2] - 19).abs() < 5,
            "{near:?}"
        );
    }
}
