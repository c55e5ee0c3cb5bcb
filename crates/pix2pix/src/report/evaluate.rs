//! Evaluates a model on a data set: scores of each output against its target, means with confidence intervals, and the
//! best and worst pictures.

use std::collections::BTreeMap;

use pix2pix_runtime::TranslateOptions;
use pix2pix_runtime::picture::nodata;
use serde::{Deserialize, Serialize};

use crate::data::dataset::Pairs;
use crate::data::picture::Picture;
use crate::draw::contact_sheet::Row;
use crate::error::{Error, Result};
use crate::model::translate::Translator;
use crate::quality::fid::frechet_distance;
use crate::quality::inception::Inception;
use crate::quality::interval::{self, Mean};
use crate::quality::lpips::Lpips;
use crate::quality::{ClassScore, Confusion, Planes, Scores, scores_of};

/// Number of best and of worst pictures to keep.
pub const EXTREMES: usize = 5;

/// Networks for learned metrics; `None` for those whose weights are not available.
#[derive(Default)]
pub struct Learned {
    /// For LPIPS.
    pub lpips: Option<Lpips>,
    /// For the Fréchet Inception distance.
    pub inception: Option<Inception>,
}

/// Scores of one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PictureScores {
    /// The pair's name.
    pub name: String,
    /// Its scores, without learned metrics.
    #[serde(flatten)]
    pub scores: Scores,
    /// LPIPS, if requested.
    pub lpips: Option<f64>,
    /// Share of the pixels that have the target's class, if the targets are label maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Mean intersection over union of the classes in the picture or its target, if they are label maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iou: Option<f64>,
}

impl PictureScores {
    /// The scores with their names, in the order of display. Of label maps, only those of classes mean something.
    pub fn named(&self) -> [(&'static str, Option<f64>); 7] {
        let of_pictures = |value: Option<f64>| value.filter(|_| self.accuracy.is_none());
        [
            ("accuracy", self.accuracy),
            ("l1", of_pictures(Some(self.scores.l1))),
            ("rmse", of_pictures(Some(self.scores.rmse))),
            ("psnr", of_pictures(Some(self.scores.psnr))),
            ("ssim", of_pictures(self.scores.ssim)),
            ("ms_ssim", of_pictures(self.scores.ms_ssim)),
            ("lpips", self.lpips),
        ]
    }
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
    /// The Fréchet Inception distance between all outputs and all targets, if requested.
    pub fid: Option<f64>,
    /// Mean intersection over union of the classes, over the pixels of all pictures, if the targets are label maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_iou: Option<f64>,
    /// How well each class is found in the pixels of all pictures, if the targets are label maps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassScore>,
    /// Scores of every picture.
    pub pictures: Vec<PictureScores>,
}

/// An evaluation with its best and worst pictures.
pub struct Evaluated {
    /// The numbers.
    pub evaluation: Evaluation,
    /// The pictures with the smallest L1, smallest first; the rows' names contain their scores.
    pub best: Vec<Row>,
    /// The pictures with the largest L1, largest first.
    pub worst: Vec<Row>,
}

/// Translates every pair at the input size of the networks, and scores it. Of the `options`, only dropout, seed and index
/// count; `tell`
/// receives the number of pairs done.
///
/// # Errors
/// When a pair cannot be read, its channels cannot be converted to the model's, or the networks do not accept its size.
pub fn evaluate(
    model: String,
    translator: &Translator,
    (split, pairs): (&str, &Pairs),
    learned: &Learned,
    options: &TranslateOptions,
    tell: &mut dyn FnMut(usize),
) -> Result<Evaluated> {
    let config = &translator.config;
    let labels = config.target.labels.as_ref();
    if labels.is_some() && (learned.lpips.is_some() || learned.inception.is_some()) {
        let reason = "`lpips` and `inception` compare pictures, and the model's targets are label maps; omit them";
        return Err(Error::Config(reason.to_string()));
    }
    let mut confusion = labels.map(|labels| Confusion::new(labels.classes.len()));
    let mut pictures = Vec::new();
    let mut features = [const { Vec::new() }; 2];
    let mut extremes: [Vec<(f64, Row)>; 2] = Default::default();
    for index in 0..pairs.len() {
        let refused = |reason: Error| {
            let remedy = "evaluate a model on pictures like those that it was trained on";
            Error::file(&pairs.shown(index)[0], reason, remedy)
        };
        let pair = config.jitter.still(pairs.read(index)?);
        if pair.is_empty() {
            tell(index + 1);
            continue;
        }
        let source = pair
            .source
            .clone()
            .with_channels(config.source.channels)
            .map_err(refused)?;
        let target = pair
            .target
            .with_channels(config.target.channels)
            .map_err(refused)?;
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
        let lpips = match &learned.lpips {
            None => None,
            Some(lpips) => {
                Lpips::check([out.channels, height, width]).map_err(refused)?;
                let [out, wanted] =
                    [out, wanted].map(|planes| planes.to_tensor(translator.device()));
                let distance: f32 = lpips.distance(out, wanted).into_scalar();
                Some(f64::from(distance))
            }
        };
        if let Some(inception) = &learned.inception {
            for (set, planes) in features.iter_mut().zip(&planes) {
                set.push(inception.features(planes).map_err(refused)?);
            }
        }
        let scores = scores_of(out, wanted, pair.mask.as_ref().map(Picture::bytes));
        let found = labels.map(|labels| {
            Confusion::of(
                labels,
                &output,
                &target,
                pair.mask.as_ref().map(Picture::bytes),
            )
        });
        if let (Some(all), Some(found)) = (&mut confusion, &found) {
            all.add(found);
        }
        let scores = PictureScores {
            name: pair.name,
            scores,
            lpips,
            accuracy: found.as_ref().and_then(Confusion::accuracy),
            iou: found.as_ref().and_then(Confusion::mean_iou),
        };
        let l1 = scores.scores.l1;
        let row = row(&scores, [&source, &output, &target], config);
        for (extreme, sign) in extremes.iter_mut().zip([1.0, -1.0]) {
            let at = extreme.partition_point(|(other, _)| sign * other <= sign * l1);
            if at < EXTREMES {
                extreme.insert(at, (l1, row.clone()));
                extreme.truncate(EXTREMES);
            }
        }
        pictures.push(scores);
        tell(index + 1);
    }
    let [outputs, targets] = &features;
    let [best, worst] = extremes.map(|rows| rows.into_iter().map(|(_, row)| row).collect());
    let evaluation = Evaluation {
        model,
        step: translator.step,
        split: split.to_string(),
        means: means(&pictures),
        fid: frechet_distance(outputs, targets),
        mean_iou: confusion.as_ref().and_then(Confusion::mean_iou),
        classes: match (&confusion, labels) {
            (Some(confusion), Some(labels)) => confusion.by_class(labels),
            _ => Vec::new(),
        },
        pictures,
    };
    Ok(Evaluated {
        evaluation,
        best,
        worst,
    })
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

fn row(
    scores: &PictureScores,
    [source, output, target]: [&Picture; 3],
    config: &crate::config::RunConfig,
) -> Row {
    let of_classes = scores.accuracy;
    let PictureScores { name, scores, .. } = scores;
    Row {
        name: match of_classes {
            Some(share) => format!("{name}: pixel accuracy {share:.4}"),
            None => format!(
                "{name}: L1 {:.2} of 255, PSNR {:.2} dB",
                scores.l1, scores.psnr
            ),
        },
        input: config.source.shown(source),
        output: config.target.shown(output),
        target: config.target.shown(target),
    }
}
