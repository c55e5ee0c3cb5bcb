//! Translates pairs, measures them, and gathers what is found of all of them.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use pix2pix_runtime::TranslateOptions;
use pix2pix_runtime::picture::{Outside, nodata};

use crate::config::RunConfig;
use crate::data::jitter::ResizePolicy;
use crate::data::pair::Pair;
use crate::data::picture::Picture;
use crate::draw::contact_sheet::Row;
use crate::error::{Error, Result};
use crate::model::translate::Translator;
use crate::quality::dists::Dists;
use crate::quality::fid::frechet_distance;
use crate::quality::inception::Inception;
use crate::quality::interval::{self, Mean};
use crate::quality::kid::kernel_distance;
use crate::quality::lpips::Lpips;
use crate::quality::spread::Spread;
use crate::quality::{Calibration, Confusion, MOST_PSNR, Measure, Planes, Realism};
use crate::report::by_channel::{ChannelScores, means_by_channel, scores_by_channel};
use crate::report::evaluation::{Evaluated, Evaluation};
use crate::report::scores::PictureScores;

/// Number of best and of worst pictures to keep.
const EXTREMES: usize = 5;

/// What is measured besides: networks for learned metrics, `None` for those whose weights are not available, and samples.
#[derive(Default)]
pub struct Measures {
    /// For LPIPS.
    pub lpips: Option<Lpips>,
    /// For DISTS.
    pub dists: Option<Dists>,
    /// For the Fréchet and the kernel Inception distance.
    pub inception: Option<Inception>,
    /// Number of translations of each source, at least 2, to see whether their deviation predicts the error; `None` for
    /// one.
    pub samples: Option<u64>,
}

impl Measures {
    /// Checks that they are of the model's targets.
    pub(super) fn check(&self, config: &RunConfig) -> Result<()> {
        let of_pictures = self.lpips.is_some() || self.dists.is_some() || self.inception.is_some();
        if config.target.labels.is_some() && of_pictures {
            let reason = "`lpips`, `dists` and `inception` compare pictures, and the model's targets are label maps; omit them";
            return Err(Error::Config(reason.to_string()));
        }
        Ok(())
    }
}

/// What is found of the pairs so far.
pub struct Tally<'a> {
    translator: &'a Translator,
    measures: &'a Measures,
    options: &'a TranslateOptions,
    pictures: Vec<PictureScores>,
    channels: Vec<Vec<ChannelScores>>,
    /// Of all pixels, if the targets are label maps.
    confusion: Option<Confusion>,
    realism: Realism,
    calibration: Calibration,
    /// Inception's features of the outputs and of the targets.
    features: [Vec<Vec<f32>>; 2],
    /// The best and the worst pictures, with their distances.
    extremes: [Vec<(f64, Row)>; 2],
}

impl<'a> Tally<'a> {
    /// Nothing of this many pairs.
    pub fn new(
        translator: &'a Translator,
        measures: &'a Measures,
        options: &'a TranslateOptions,
        pairs: usize,
    ) -> Self {
        let labels = translator.config.target.labels.as_ref();
        Self {
            translator,
            measures,
            options,
            pictures: Vec::new(),
            channels: Vec::new(),
            confusion: labels.map(|labels| Confusion::new(labels.classes.len())),
            realism: Realism::new(pairs),
            calibration: Calibration::default(),
            features: Default::default(),
            extremes: Default::default(),
        }
    }

    /// Translates a pair of the networks' input size, measures its output, and returns both.
    ///
    /// # Errors
    /// When a network does not accept its size.
    pub fn add(&mut self, pair: &Pair) -> Result<(Picture, &PictureScores)> {
        let config = &self.translator.config;
        let target = &pair.target;
        let [width, height] = pair.source.size().map(|side| side as usize);
        config.generator.check_size(height, width)?;
        let mut output = self
            .translator
            .translate_exactly(&pair.source, self.options);
        if let Some(mask) = &pair.mask {
            // learned metrics see whole pictures: without data, they are equal
            output = nodata::merged(&output, target, mask);
        }
        let known = pair.mask.as_ref().map(Picture::bytes);
        let planes = [&output, target].map(|picture| Planes::of(picture, &config.target));
        let [out, wanted] = &planes;
        let device = self.translator.device();
        let lpips = self.measures.lpips.as_ref();
        let lpips = learned(lpips, Lpips::check, Lpips::distance, &planes, device)?;
        let dists = self.measures.dists.as_ref();
        let dists = learned(dists, Dists::check, Dists::distance, &planes, device)?;
        if let Some(inception) = &self.measures.inception {
            for (set, planes) in self.features.iter_mut().zip(&planes) {
                set.push(inception.features(planes)?);
            }
        }
        if let Some(samples) = self.measures.samples {
            let spread = self.spread(&pair.source, out, samples);
            calibrate(&mut self.calibration, &spread, wanted, known);
        }
        let classes = config.target.labels.as_ref();
        let classes = classes.map(|labels| Confusion::of(labels, &output, target, known));
        if let (Some(all), Some(classes)) = (&mut self.confusion, &classes) {
            all.add(classes);
        }
        // neither classes nor edges of missing data are textures
        if classes.is_none() && known.is_none() {
            self.realism.add(out, wanted);
        }
        self.channels
            .push(scores_by_channel(&planes, &config.target, known));
        let scores = PictureScores {
            lpips,
            dists,
            ..PictureScores::of_planes(
                &pair.name,
                [&output, target],
                &planes,
                classes.as_ref(),
                &config.target,
                known,
            )
        };
        self.rank(
            scores.distance(),
            &row(&scores, [&pair.source, &output, target], config),
        );
        self.pictures.push(scores);
        Ok((output, self.pictures.last().expect("one was added")))
    }

    /// The output of a source and its other samples, with the dropout of the next indices.
    fn spread(&self, source: &Picture, output: &Planes, samples: u64) -> Spread {
        let mut spread = Spread::new(output.values.clone());
        for sample in 1..samples {
            let options = TranslateOptions {
                index: self.options.index + sample,
                ..*self.options
            };
            let other = self.translator.translate_exactly(source, &options);
            spread.add(&Planes::of(&other, &self.translator.config.target).values);
        }
        spread
    }

    /// Puts a picture among the best and the worst, if it is one of them.
    fn rank(&mut self, distance: f64, row: &Row) {
        for (extreme, sign) in self.extremes.iter_mut().zip([1.0, -1.0]) {
            let at = extreme.partition_point(|(other, _)| sign * other <= sign * distance);
            if at < EXTREMES {
                extreme.insert(at, (distance, row.clone()));
                extreme.truncate(EXTREMES);
            }
        }
    }

    /// The evaluation of all pairs, without what the files say of values outside of the model's ranges and of pairs without data.
    pub fn finish(self, model: String, split: &str) -> Evaluated {
        let config = &self.translator.config;
        let [outputs, targets] = &self.features;
        let [best, worst] = self
            .extremes
            .map(|rows| rows.into_iter().map(|(_, row)| row).collect());
        let confusion = self.confusion.as_ref();
        let samples = self.measures.samples;
        let evaluation = Evaluation {
            model,
            step: self.translator.step,
            split: split.to_string(),
            means: means(&self.pictures),
            realism: self.realism.scores(),
            fid: frechet_distance(outputs, targets),
            crops: config.jitter.resize == ResizePolicy::Crop,
            kid: kernel_distance(outputs, targets),
            confidence: samples.map(|samples| self.calibration.confidence(samples)),
            accuracy: confusion.and_then(Confusion::accuracy),
            mean_iou: confusion.and_then(Confusion::mean_iou),
            classes: match (confusion, &config.target.labels) {
                (Some(confusion), Some(labels)) => confusion.by_class(labels),
                _ => Vec::new(),
            },
            channels: means_by_channel(&self.channels),
            pictures: self.pictures,
        };
        Evaluated {
            evaluation,
            best,
            worst,
            spectra: self.realism.curves(),
            outside: [Outside::default(); 2],
            empty: Vec::new(),
        }
    }
}

/// Adds the samples of a pair to the calibration: of the pixels that have data, as `known` says.
fn calibrate(
    calibration: &mut Calibration,
    spread: &Spread,
    target: &Planes,
    known: Option<&[u8]>,
) {
    let [mean, deviation] = [spread.mean(), spread.deviation()].map(|values| Planes {
        values,
        channels: target.channels,
        size: target.size,
    });
    let kept = [&mean, &deviation, target].map(|planes| planes.with_data(known));
    let [mean, deviation, target] = &kept;
    calibration.add(&mean.values, &deviation.values, &target.values);
}

/// A learned distance of an output to its target, if its network is there. `check` says whether it takes pictures of a shape,
/// `[channels, height, width]`.
fn learned<N>(
    network: Option<&N>,
    check: fn([usize; 3]) -> Result<()>,
    distance: fn(&N, Tensor<4>, Tensor<4>) -> Tensor<1>,
    planes: &[Planes; 2],
    device: &Device,
) -> Result<Option<f64>> {
    let Some(network) = network else {
        return Ok(None);
    };
    let [width, height] = planes[0].size;
    check([planes[0].channels, height, width])?;
    let [output, target] = planes.each_ref().map(|planes| planes.to_tensor(device));
    let distance: f32 = distance(network, output, target).into_scalar();
    Ok(Some(f64::from(distance)))
}

/// The mean of each score over the pictures that have it; the largest PSNR counts as [`MOST_PSNR`].
fn means(pictures: &[PictureScores]) -> BTreeMap<String, Mean> {
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, value) in pictures.iter().flat_map(PictureScores::named) {
        let value = value.map(|value| match name {
            "psnr" => value.min(MOST_PSNR),
            _ => value,
        });
        values.entry(name.to_string()).or_default().extend(value);
    }
    let means = values.into_iter();
    means
        .filter_map(|(name, values)| Some((name, interval::mean(&values)?)))
        .collect()
}

fn row(scores: &PictureScores, [source, output, target]: [&Picture; 3], config: &RunConfig) -> Row {
    let PictureScores {
        name,
        scores,
        accuracy,
        ..
    } = scores;
    let l1 = scores.map(|scores| Measure::L1.told(scores.l1));
    let psnr = scores.map(|scores| Measure::PSNR.told(scores.psnr));
    let accuracy = accuracy.map(|share| Measure::ACCURACY.told(share));
    let told: Vec<String> = [l1, psnr, accuracy].into_iter().flatten().collect();
    Row {
        name: format!("{name}: {}", told.join(", ")),
        input: config.source.shown(source),
        output: config.target.shown(output),
        target: config.target.shown(target),
    }
}

#[cfg(test)]
mod tests {
    use pix2pix_runtime::picture::Domain;

    use super::*;
    use crate::data::picture::Samples;
    use crate::quality::Scores;

    #[test]
    fn an_exact_output_does_not_hide_the_others() {
        let picture = Picture::new([16; 2], 1, Samples::U8(vec![7; 256]));
        let of = |psnr: f64| PictureScores {
            scores: Some(Scores {
                l1: 120.0,
                rmse: 130.0,
                psnr,
                ssim: None,
                ms_ssim: None,
            }),
            ..PictureScores::of("x", [&picture; 2], &Domain::default(), None)
        };
        let found = means(&[of(20.0), of(f64::INFINITY)]);
        assert_eq!(found["psnr"].mean, 60.0);
        assert_eq!(found["l1"].mean, 120.0);
    }

    /// Of three pixels of two channels, the last has no data, and neither its deviation nor its error counts.
    #[test]
    fn samples_are_compared_where_there_is_data() {
        let confidence = |samples: [&[f32]; 2], target: &[f32], known: Option<&[u8]>| {
            let mut spread = Spread::new(samples[0].to_vec());
            spread.add(samples[1]);
            let target = Planes {
                values: target.to_vec(),
                channels: 2,
                size: [target.len() / 2, 1],
            };
            let mut calibration = Calibration::default();
            calibrate(&mut calibration, &spread, &target, known);
            calibration.confidence(2)
        };
        let whole = confidence(
            [
                &[10.0, 20.0, 200.0, 30.0, 40.0, 200.0],
                &[12.0, 26.0, 9.0, 31.0, 44.0, 9.0],
            ],
            &[15.0, 20.0, 127.5, 33.0, 49.0, 127.5],
            Some(&[255, 255, 0]),
        );
        let known = confidence(
            [&[10.0, 20.0, 30.0, 40.0], &[12.0, 26.0, 31.0, 44.0]],
            &[15.0, 20.0, 33.0, 49.0],
            None,
        );
        assert_eq!(whole, known);
    }
}
