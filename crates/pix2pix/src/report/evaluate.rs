//! Evaluates a model on a data set: scores of each output against its target, means with confidence intervals, and the
//! best and worst pictures.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use pix2pix_runtime::TranslateOptions;
use pix2pix_runtime::picture::{Domain, Outside, nodata};
use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::data::dataset::Pairs;
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
use crate::quality::{
    Calibration, ClassScore, Confidence, Confusion, Measure, OwnValues, Planes, Point, Realism,
    RealismScores, Scores, pearson, scores_of,
};
use crate::report::by_channel::{ChannelScores, means_by_channel, scores_by_channel};
use crate::report::outside;

/// Number of best and of worst pictures to keep.
pub const EXTREMES: usize = 5;

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

/// Scores of one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PictureScores {
    /// The pair's name.
    pub name: String,
    /// Its scores, without learned metrics.
    #[serde(flatten)]
    pub scores: Scores,
    /// Width and height at which it was measured, in pixels.
    #[serde(default)]
    pub size: [usize; 2],
    /// L1 and RMSE in the values of the files, if those are not 8-bit.
    #[serde(default)]
    pub own: Option<OwnValues>,
    /// Pearson's correlation of all samples; `None` if all samples of a picture are equal.
    #[serde(default)]
    pub pearson: Option<f64>,
    /// LPIPS, if requested.
    pub lpips: Option<f64>,
    /// DISTS, if requested.
    #[serde(default)]
    pub dists: Option<f64>,
    /// Share of the pixels that have the target's class, if the targets are label maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Mean intersection over union of the classes in the picture or its target, if they are label maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iou: Option<f64>,
}

impl PictureScores {
    /// The scores of an output against its target, which are of `domain`; without learned metrics. `known` has 0 for pixels
    /// without data, which do not count, and `None` is all.
    pub fn of(
        name: &str,
        [output, target]: [&Picture; 2],
        domain: &Domain,
        known: Option<&[u8]>,
    ) -> Self {
        let pictures = [output, target];
        let planes = pictures.map(|picture| Planes::of(picture, domain));
        let classes = domain.labels.as_ref();
        let classes = classes.map(|labels| Confusion::of(labels, output, target, known));
        Self::of_planes(name, pictures, &planes, classes.as_ref(), domain, known)
    }

    /// As [`of`](Self::of), with the planes of output and target, and the confusion of their classes if they are label maps.
    fn of_planes(
        name: &str,
        pictures: [&Picture; 2],
        planes: &[Planes; 2],
        classes: Option<&Confusion>,
        domain: &Domain,
        known: Option<&[u8]>,
    ) -> Self {
        let [out, wanted] = planes;
        let [a, b] = planes.each_ref().map(|planes| planes.with_data(known));
        let amounts = classes.is_none();
        Self {
            name: name.to_string(),
            scores: scores_of(out, wanted, known),
            size: out.size,
            own: amounts
                .then(|| OwnValues::of(pictures, domain, known))
                .flatten(),
            pearson: amounts.then(|| pearson(&a, &b)).flatten(),
            lpips: None,
            dists: None,
            accuracy: classes.and_then(Confusion::accuracy),
            iou: classes.and_then(Confusion::mean_iou),
        }
    }

    /// The scores by the keys of [`MEASURES`](crate::quality::MEASURES). Of label maps, only those of classes mean something.
    pub fn named(&self) -> Vec<(&'static str, Option<f64>)> {
        let of_pictures = |value: Option<f64>| value.filter(|_| self.accuracy.is_none());
        vec![
            ("accuracy", self.accuracy),
            ("l1", of_pictures(Some(self.scores.l1))),
            ("rmse", of_pictures(Some(self.scores.rmse))),
            ("l1_own", self.own.map(|own| own.l1)),
            ("rmse_own", self.own.map(|own| own.rmse)),
            ("psnr", of_pictures(Some(self.scores.psnr))),
            ("ssim", of_pictures(self.scores.ssim)),
            ("ms_ssim", of_pictures(self.scores.ms_ssim)),
            ("pearson", self.pearson),
            ("lpips", self.lpips),
            ("dists", self.dists),
        ]
    }
}

/// A pair that has just been measured.
pub struct Measured<'a> {
    /// Number of pairs done.
    pub done: usize,
    /// Its source, at the input size of the networks.
    pub source: &'a Picture,
    /// The model's output.
    pub output: &'a Picture,
    /// Its target.
    pub target: &'a Picture,
    /// Its scores.
    pub scores: &'a PictureScores,
}

/// Scores of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The model.
    pub model: String,
    /// Number of training steps done.
    pub step: u64,
    /// The evaluated split.
    pub split: String,
    /// Mean of each score over the pictures that have it, with 95% confidence intervals.
    pub means: BTreeMap<String, Mean>,
    /// The measures of realism, of all outputs and all targets.
    #[serde(default)]
    pub realism: RealismScores,
    /// The Fréchet Inception distance between all outputs and all targets, if requested.
    pub fid: Option<f64>,
    /// Whether the pictures are crops, as the networks saw in training.
    #[serde(default)]
    pub crops: bool,
    /// The kernel Inception distance between them, if requested.
    #[serde(default)]
    pub kid: Option<f64>,
    /// Whether the deviation of several samples predicts their error, if requested.
    #[serde(default)]
    pub confidence: Option<Confidence>,
    /// Share of the pixels of all pictures that have the target's class, if the targets are label maps. In `means`, each picture
    /// counts alike, however few of its pixels have data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Mean intersection over union of the classes, over the pixels of all pictures, if the targets are label maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_iou: Option<f64>,
    /// How well each class is found in the pixels of all pictures, if the targets are label maps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassScore>,
    /// Scores of each channel, means over the pictures, if the targets have two channels, or five or more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelScores>,
    /// Scores of every picture.
    pub pictures: Vec<PictureScores>,
}

impl Evaluation {
    /// The sizes at which the pictures were measured, e.g. "256x256", "256x256 (crops)" or "256x256 to
    /// 512x384".
    pub fn sizes(&self) -> String {
        let mut sizes: Vec<[usize; 2]> = self.pictures.iter().map(|found| found.size).collect();
        sizes.sort_unstable_by_key(|[width, height]| (width * height, *width));
        sizes.dedup();
        let shown = |[width, height]: [usize; 2]| format!("{width}x{height}");
        let shown = match sizes[..] {
            [] => String::new(),
            [size] => shown(size),
            [first, .., last] => format!("{} to {}", shown(first), shown(last)),
        };
        shown + if self.crops { " (crops)" } else { "" }
    }
}

/// An evaluation with its best and worst pictures.
pub struct Evaluated {
    /// The numbers.
    pub evaluation: Evaluation,
    /// The pictures with the smallest L1, smallest first; the rows' names contain their scores.
    pub best: Vec<Row>,
    /// The pictures with the largest L1, largest first.
    pub worst: Vec<Row>,
    /// The power spectra of all outputs and all targets.
    pub spectra: Vec<Point>,
    /// The values of all sources and of all targets outside of the model's ranges, which were clipped.
    pub outside: [Outside; 2],
    /// Names of the pairs that were left out, as they have no pixel with data.
    pub empty: Vec<String>,
}

/// Translates every pair at the input size of the networks, and scores it, unless it has no data. Of several samples, the scores
/// are those of the first. Of the `options`, only dropout, seed, index and `refuse_outside` count; `tell` receives each pair when
/// it is measured, and its error, which may be the caller's own, ends the evaluation.
///
/// # Errors
/// When a pair cannot be read, its channels cannot be converted to the model's, the networks do not accept its size, or
/// there are to be several samples and no dropout; when most values of the sources, or most of the targets, lie outside of
/// the model's range, unless `refuse_outside` is off; and that of `tell`.
pub fn evaluate<E: From<Error>>(
    model: String,
    translator: &Translator,
    (split, pairs): (&str, &Pairs),
    measures: &Measures,
    options: &TranslateOptions,
    tell: &mut dyn FnMut(&Measured) -> std::result::Result<(), E>,
) -> std::result::Result<Evaluated, E> {
    let config = &translator.config;
    let labels = config.target.labels.as_ref();
    if labels.is_some()
        && (measures.lpips.is_some() || measures.dists.is_some() || measures.inception.is_some())
    {
        let reason = "`lpips`, `dists` and `inception` compare pictures, and the model's targets are label maps; omit them";
        return Err(Error::Config(reason.to_string()).into());
    }
    let mut confusion = labels.map(|labels| Confusion::new(labels.classes.len()));
    let mut pictures = Vec::new();
    let mut empty = Vec::new();
    let mut channels = Vec::new();
    let mut realism = Realism::new(pairs.len());
    let mut calibration = Calibration::default();
    if measures.samples.is_some() {
        translator.check_samples(options)?;
    }
    let read = |index| read(pairs, index, config);
    if options.refuse_outside {
        outside::look(&model, pairs, config, read)?;
    }
    let mut clipped = [Outside::default(); 2];
    let mut features = [const { Vec::new() }; 2];
    let mut extremes: [Vec<(f64, Row)>; 2] = Default::default();
    for index in 0..pairs.len() {
        let refused = |reason| refused(pairs, index, reason);
        let pair = read(index)?;
        outside::add(&mut clipped, outside::count(&pair, config));
        let pair = config.jitter.still(pair);
        let pair = pair.map_err(Error::Data).map_err(refused)?;
        if pair.is_empty() {
            empty.push(pair.name);
            continue;
        }
        let (source, target) = (pair.source, pair.target);
        let [width, height] = source.size().map(|side| side as usize);
        config
            .generator
            .check_size(height, width)
            .map_err(refused)?;
        let mut output = translator.translate_exactly(&source, options);
        if let Some(mask) = &pair.mask {
            // learned metrics see whole pictures: without data, they are equal
            output = nodata::merged(&output, &target, mask);
        }
        let planes = [&output, &target].map(|picture| Planes::of(picture, &config.target));
        let [out, wanted] = &planes;
        let device = translator.device();
        let lpips = learned(
            measures.lpips.as_ref(),
            Lpips::check,
            Lpips::distance,
            &planes,
            device,
        )
        .map_err(refused)?;
        let dists = learned(
            measures.dists.as_ref(),
            Dists::check,
            Dists::distance,
            &planes,
            device,
        )
        .map_err(refused)?;
        let known = pair.mask.as_ref().map(Picture::bytes);
        if let Some(samples) = measures.samples {
            let mut spread = Spread::new(out.values.clone());
            for sample in 1..samples {
                let options = TranslateOptions {
                    index: options.index + sample,
                    ..*options
                };
                let other = translator.translate_exactly(&source, &options);
                spread.add(&Planes::of(&other, &config.target).values);
            }
            calibrate(&mut calibration, &spread, wanted, known);
        }
        if let Some(inception) = &measures.inception {
            for (set, planes) in features.iter_mut().zip(&planes) {
                set.push(inception.features(planes).map_err(refused)?);
            }
        }
        let classes = labels.map(|labels| Confusion::of(labels, &output, &target, known));
        if let (Some(all), Some(classes)) = (&mut confusion, &classes) {
            all.add(classes);
        }
        let found = PictureScores {
            lpips,
            dists,
            ..PictureScores::of_planes(
                &pair.name,
                [&output, &target],
                &planes,
                classes.as_ref(),
                &config.target,
                known,
            )
        };
        // neither classes nor edges of missing data are textures
        if labels.is_none() && known.is_none() {
            realism.add(out, wanted);
        }
        channels.push(scores_by_channel(&planes, &config.target, known));
        let l1 = found.scores.l1;
        let row = row(&found, [&source, &output, &target], config);
        for (extreme, sign) in extremes.iter_mut().zip([1.0, -1.0]) {
            let at = extreme.partition_point(|(other, _)| sign * other <= sign * l1);
            if at < EXTREMES {
                extreme.insert(at, (l1, row.clone()));
                extreme.truncate(EXTREMES);
            }
        }
        tell(&Measured {
            done: index + 1,
            source: &source,
            output: &output,
            target: &target,
            scores: &found,
        })?;
        pictures.push(found);
    }
    if options.refuse_outside {
        outside::check(&model, &clipped, config)?;
    }
    let [outputs, targets] = &features;
    let [best, worst] = extremes.map(|rows| rows.into_iter().map(|(_, row)| row).collect());
    let evaluation = Evaluation {
        model,
        step: translator.step,
        split: split.to_string(),
        means: means(&pictures),
        realism: realism.scores(),
        fid: frechet_distance(outputs, targets),
        crops: config.jitter.resize == ResizePolicy::Crop,
        kid: kernel_distance(outputs, targets),
        confidence: measures
            .samples
            .map(|samples| calibration.confidence(samples)),
        accuracy: confusion.as_ref().and_then(Confusion::accuracy),
        mean_iou: confusion.as_ref().and_then(Confusion::mean_iou),
        classes: match (&confusion, labels) {
            (Some(confusion), Some(labels)) => confusion.by_class(labels),
            _ => Vec::new(),
        },
        channels: means_by_channel(&channels),
        pictures,
    };
    Ok(Evaluated {
        evaluation,
        best,
        worst,
        spectra: realism.curves(),
        outside: clipped,
        empty,
    })
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

/// Reads a pair as its files have it, with the channels of the model's domains.
fn read(pairs: &Pairs, index: usize, config: &RunConfig) -> Result<Pair> {
    let pair = pairs.read(index)?;
    let source = config.source.in_channels(pair.source);
    let target = config.target.in_channels(pair.target);
    let unlike = |reason| refused(pairs, index, reason);
    Ok(Pair {
        source: source.map_err(unlike)?,
        target: target.map_err(unlike)?,
        ..pair
    })
}

/// The error for a pair that the model does not take.
fn refused(pairs: &Pairs, index: usize, reason: Error) -> Error {
    Error::file(&pairs.shown(index)[0], reason, outside::REMEDY)
}

/// The mean of each score over the pictures that have it.
fn means(pictures: &[PictureScores]) -> BTreeMap<String, Mean> {
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, value) in pictures.iter().flat_map(PictureScores::named) {
        values.entry(name.to_string()).or_default().extend(value);
    }
    let means = values.into_iter();
    means
        .filter_map(|(name, values)| Some((name, interval::mean(&values)?)))
        .collect()
}

fn row(scores: &PictureScores, [source, output, target]: [&Picture; 3], config: &RunConfig) -> Row {
    let of_classes = scores.accuracy;
    let PictureScores { name, scores, .. } = scores;
    Row {
        name: match of_classes {
            Some(share) => format!("{name}: {}", Measure::ACCURACY.told(share)),
            None => format!(
                "{name}: {}, {}",
                Measure::L1.told(scores.l1),
                Measure::PSNR.told(scores.psnr)
            ),
        },
        input: config.source.shown(source),
        output: config.target.shown(output),
        target: config.target.shown(target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
