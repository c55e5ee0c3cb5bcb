//! The held-out pairs that a run translates and scores at regular intervals, to show its progress.

use burn::tensor::Device;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use imageproc::drawing::draw_hollow_rect_mut;
use imageproc::rect::Rect;
use pix2pix_runtime::TranslateOptions;
use pix2pix_runtime::picture::Labels;

use crate::config::RunConfig;
use crate::data::dataset::Dataset;
use crate::data::jitter::ResizePolicy;
use crate::data::pair::Pair;
use crate::data::path_text::path_of;
use crate::data::picture::Picture;
use crate::data::probes::probes;
use crate::draw::contact_sheet::Row;
use crate::draw::shrunk;
use crate::error::{Error, Result};
use crate::model::translate::Translator;
use crate::quality::{self, Confusion, Lpips, MOST_PSNR, Planes, Realism, Score, Scores};

use super::lines::RunScores;

/// Maximum number of pairs on a contact sheet.
const SAMPLES: usize = 8;
/// Maximum number of held-out pairs to score; `pix2pix evaluate` scores all.
const SCORED: usize = 64;

/// Largest side of a whole picture on a contact sheet.
const SIDE: u32 = 512;
/// Color of the frame around a crop.
const FRAME: Rgb<u8> = Rgb([255, 214, 0]);

/// The sample pairs, at the input size of the networks: held-out pairs, or training pairs if none are held out.
pub struct SamplePairs {
    pairs: Vec<Pair>,
    /// The places of those that a contact sheet shows.
    shown: Vec<usize>,
    /// The pairs of the contact sheet as a whole, if the networks see crops of them.
    whole: Vec<Pair>,
    held_out: bool,
    /// The network of LPIPS with its device, if the run keeps its best checkpoint by LPIPS.
    lpips: Option<(Lpips, Device)>,
}

/// A row of whole pictures at most [`SIDE`] wide and high, in which a frame marks the crop at the center.
fn whole(row: Row, crop: [u32; 2]) -> Row {
    let frame = |picture: RgbImage| {
        let size = [picture.width(), picture.height()];
        let mut small = match shrunk(size, SIDE) {
            Some([w, h]) => imageops::resize(&picture, w, h, FilterType::Triangle),
            None => picture,
        };
        if size != crop {
            let shown = [small.width(), small.height()];
            let to = |length: u32, axis: usize| length * shown[axis] / size[axis];
            let corner = [0, 1].map(|axis| to((size[axis] - crop[axis]) / 2, axis) as i32);
            let [width, height] = [0, 1].map(|axis| to(crop[axis], axis).max(1));
            let place = Rect::at(corner[0], corner[1]).of_size(width, height);
            draw_hollow_rect_mut(&mut small, place, FRAME);
        }
        small
    };
    Row {
        input: frame(row.input),
        output: frame(row.output),
        target: frame(row.target),
        ..row
    }
}

/// Translates pairs one by one, with the dropout of the run's seed.
fn translated<'a>(pairs: impl Iterator<Item = &'a Pair>, translator: &Translator) -> Vec<Picture> {
    let options = TranslateOptions {
        seed: translator.config.seed,
        ..TranslateOptions::default()
    };
    pairs
        .map(|pair| translator.translate_exactly(&pair.source, &options))
        .collect()
}

impl SamplePairs {
    /// Reads the sample pairs: by chance from all parts of the split, since neighbors in order, such as the slices of a volume, are
    /// alike. Pairs without data are left out, and so are broken ones if they are to be skipped; others take their place. `skip`
    /// receives the reason for each that is held out. The others are told when they are trained with.
    ///
    /// # Errors
    /// When a pair or LPIPS's weights cannot be read.
    pub fn read(
        data: &Dataset,
        config: &RunConfig,
        device: &Device,
        skip: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        let (pairs, count) = match &data.val {
            Some(val) => (val, SCORED),
            None => (&data.train, SAMPLES),
        };
        let still = |index: usize| {
            config.jitter.still(pairs.read(index)?).map_err(|reason| {
                let remedy = "leave the picture out, or choose a smaller `crop_size`";
                Error::file(&pairs.shown(index)[0], reason, remedy)
            })
        };
        let mut skip = |reason: Error| {
            if data.val.is_some() {
                skip(&reason.to_string());
            }
        };
        let chosen = pairs.probes(count);
        let others = (0..pairs.len()).filter(|index| chosen.binary_search(index).is_err());
        let mut seen = Vec::new();
        for index in chosen.iter().copied().chain(others) {
            match still(index) {
                // it cannot be scored
                Ok(pair) if pair.is_empty() => skip(pairs.empty(index)),
                Ok(pair) => seen.push((index, pair)),
                Err(error) if config.on_error.stops(&error) => return Err(error),
                Err(error) => skip(error),
            }
            if seen.len() == count {
                break;
            }
        }
        seen.sort_by_key(|(index, _)| *index);
        let shown = probes(seen.len(), SAMPLES, 0);
        let whole = match config.jitter.resize {
            ResizePolicy::Crop => {
                let read = shown.iter().map(|&place| pairs.read(seen[place].0));
                read.collect::<Result<_>>()?
            }
            _ => Vec::new(),
        };
        let lpips = match config.keep_best {
            Some(Score::Lpips) => {
                let weights = path_of(&config.objective.perceptual_weights);
                Some((Lpips::load(&weights, device)?, device.clone()))
            }
            _ => None,
        };
        Ok(Self {
            pairs: seen.into_iter().map(|(_, pair)| pair).collect(),
            shown,
            whole,
            held_out: data.val.is_some(),
            lpips,
        })
    }

    /// Translates all samples one by one, with the dropout of the run's seed, as `translate` and `evaluate` do.
    pub fn translate(&self, translator: &Translator) -> Vec<Picture> {
        translated(self.pairs.iter(), translator)
    }

    /// As [`translate`](Self::translate), but only those that a contact sheet shows.
    pub fn translate_shown(&self, translator: &Translator) -> Vec<Picture> {
        let shown = self.shown.iter();
        translated(shown.map(|&place| &self.pairs[place]), translator)
    }

    /// Those of the outputs of all pairs that a contact sheet shows.
    pub fn shown_of(&self, outputs: &[Picture]) -> Vec<Picture> {
        let shown = self.shown.iter();
        shown.map(|&place| outputs[place].clone()).collect()
    }

    /// Mean scores of the outputs against the targets, each over the pairs that have it; `None` if no pairs are held out.
    pub fn score(&self, step: u64, outputs: &[Picture], config: &RunConfig) -> Option<RunScores> {
        if !self.held_out {
            return None;
        }
        if let Some(labels) = &config.target.labels {
            return self.score_labels(step, outputs, config, labels);
        }
        let pairs = self.pairs.iter().zip(outputs);
        let mut realism = Realism::new(outputs.len());
        let found: Vec<(Scores, Option<f64>)> = pairs
            .map(|(pair, output)| {
                let planes =
                    [output, &pair.target].map(|picture| Planes::of(picture, &config.target));
                let lpips = self.lpips.as_ref().map(|(lpips, device)| {
                    let [a, b] = planes.each_ref().map(|planes| planes.to_tensor(device));
                    f64::from(lpips.distance(a, b).into_scalar::<f32>())
                });
                if pair.known().is_none() {
                    realism.add(&planes[0], &planes[1]);
                }
                (
                    quality::scores_of(&planes[0], &planes[1], pair.known()),
                    lpips,
                )
            })
            .collect();
        let mean = |value: fn(&(Scores, Option<f64>)) -> Option<f64>| {
            let values: Vec<f64> = found.iter().filter_map(value).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            Some(mean).filter(|mean| mean.is_finite())
        };
        let realism = realism.scores();
        let of_all = |some: usize| (some < found.len()).then_some([some, found.len()]);
        let windows = found.iter().filter(|(scores, _)| scores.ssim.is_some());
        Some(RunScores {
            step,
            l1: mean(|(scores, _)| Some(scores.l1))?,
            psnr: mean(|(scores, _)| Some(scores.psnr.min(MOST_PSNR))),
            ssim: mean(|(scores, _)| scores.ssim),
            ssim_of: of_all(windows.count()).filter(|[some, _]| *some > 0),
            swd: realism.swd,
            spectrum: realism.spectrum,
            whole: of_all(realism.pairs),
            lpips: mean(|(_, lpips)| *lpips),
            ..RunScores::default()
        })
    }

    /// The scores of label maps: over all pixels, and L1 of the one-hot classes.
    fn score_labels(
        &self,
        step: u64,
        outputs: &[Picture],
        config: &RunConfig,
        labels: &Labels,
    ) -> Option<RunScores> {
        let mut all = Confusion::new(labels.classes.len());
        let mut l1 = Vec::new();
        for (pair, output) in self.pairs.iter().zip(outputs) {
            all.add(&Confusion::of(labels, output, &pair.target, pair.known()));
            let planes = [output, &pair.target].map(|picture| Planes::of(picture, &config.target));
            l1.push(quality::l1(&planes[0], &planes[1], pair.known()));
        }
        (!l1.is_empty()).then(|| RunScores {
            step,
            l1: l1.iter().sum::<f64>() / l1.len() as f64,
            accuracy: all.accuracy(),
            iou: all.mean_iou(),
            ..RunScores::default()
        })
    }

    /// The sample pairs, and whether they are held out.
    pub fn pairs(&self) -> (&[Pair], bool) {
        (&self.pairs, self.held_out)
    }

    /// Rows of a contact sheet: the pairs that it shows, with their outputs of those of all pairs. Where the networks see crops, the pictures are
    /// translated as a whole, as they would be in use; a frame marks the crop that is scored.
    ///
    /// # Errors
    /// When a whole picture cannot be translated.
    pub fn rows(&self, outputs: &[Picture], translator: &Translator) -> Result<Vec<Row>> {
        let config = &translator.config;
        let domains = || [config.source.clone(), config.target.clone()];
        if self.whole.is_empty() {
            let rows = self.shown.iter();
            let row = |&place: &usize| Row::of(&self.pairs[place], &outputs[place], domains());
            return Ok(rows.map(row).collect());
        }
        let rows = self.whole.iter().map(|pair| {
            let options = TranslateOptions {
                seed: config.seed,
                // training takes empty slices too
                refuse_outside: false,
                ..TranslateOptions::default()
            };
            let output = translator.translate_with(pair.source.clone(), &options)?;
            Ok(whole(
                Row::of(pair, &output, domains()),
                config.jitter.crop_size.0,
            ))
        });
        rows.collect()
    }

    /// Translates two different sources without dropout; `None` if all sources are equal.
    pub fn translate_still(&self, translator: &Translator) -> Option<[RgbImage; 2]> {
        let first = self.pairs.first()?;
        let other = self.pairs.iter().find(|pair| pair.source != first.source)?;
        let options = TranslateOptions {
            dropout: false,
            ..TranslateOptions::default()
        };
        Some([first, other].map(|pair| {
            let output = translator.translate_exactly(&pair.source, &options);
            translator.config.target.shown(&output)
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use image::GrayImage;

    use super::*;
    use crate::data::dataset::Options;
    use crate::data::survey::OnError;
    use pix2pix_runtime::picture::Size;

    /// The first eight of many pairs may be the empty slices at the end of one volume.
    #[test]
    fn samples_are_of_all_parts() {
        let folder = tempfile::tempdir().unwrap();
        for split in ["train", "val"] {
            fs::create_dir(folder.path().join(split)).unwrap();
        }
        let file = |name: &str| folder.path().join(name);
        GrayImage::new(32, 16).save(file("train/0.png")).unwrap();
        for index in 0..640 {
            let path = file(&format!("val/{index:03}.png"));
            GrayImage::new(32, 16).save(path).unwrap();
        }
        let data = Dataset::open(folder.path(), &Options::default()).unwrap();
        let mut config = RunConfig::default();
        config.jitter.crop_size = Size([16; 2]);
        config.on_error = OnError::Skip;
        let read = |broken: &mut Vec<String>| {
            let mut skip = |reason: &str| broken.push(reason.to_string());
            SamplePairs::read(&data, &config, &Device::flex(), &mut skip).unwrap()
        };
        let mut broken = Vec::new();
        let samples = read(&mut broken);
        let places = |samples: &SamplePairs| -> Vec<usize> {
            let names = samples.pairs.iter().map(|pair| &pair.name);
            names.map(|name| name.parse().unwrap()).collect()
        };
        let found = places(&samples);
        let parts = found.iter().map(|place| place / 10);
        assert!(parts.eq(0..SCORED), "{found:?}");
        let shown = samples.shown.iter().map(|&place| found[place] / 80);
        assert!(shown.eq(0..SAMPLES), "{found:?}");
        // another takes the place of a broken one
        assert!(broken.is_empty(), "{broken:?}");
        fs::write(file(&format!("val/{:03}.png", found[0])), b"1").unwrap();
        let other = places(&read(&mut broken));
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert_eq!(other.len(), SCORED);
        assert!(!other.contains(&found[0]));
    }
}
