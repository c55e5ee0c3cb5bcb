//! The table of scores that `pix2pix evaluate` prints.

use pix2pix::one_line;
use pix2pix::quality::{Confidence, MEASURES, Mean, Measure, RealismScores};
use pix2pix::report::{ChannelScores, Evaluation};
use pix2pix::text_table::aligned;

/// The name of the pairs of a folder without splits.
pub const ALL: &str = "all";

/// The mean of a measure with its interval, and the number of its pairs where it is not of all; `None` if the model does not have
/// it.
fn mean(evaluation: &Evaluation, measure: &Measure) -> Option<String> {
    let found = evaluation.means.get(measure.key)?;
    let has = |(key, value): (&str, Option<f64>)| key == measure.key && value.is_some();
    let pictures = evaluation.pictures.iter();
    let having = pictures.filter(|picture| picture.named().into_iter().any(has));
    let shown = interval(*found, measure.digits_of(found.mean));
    Some(shown + &share(having.count(), evaluation.pictures.len()))
}

/// Says of how many pairs a measure is where it is not of all.
fn share(some: usize, all: usize) -> String {
    match some == all {
        true => String::new(),
        false => format!(" (of {some} of {all} pairs)"),
    }
}

/// A mean with its interval.
fn interval(found: Mean, digits: usize) -> String {
    match found.margin {
        None => format!("{:.digits$}", found.mean),
        Some(margin) => format!("{:.digits$} ± {margin:.digits$}", found.mean),
    }
}

/// How many pairs were measured, of which split.
fn counted(evaluation: &Evaluation) -> String {
    let count = evaluation.pictures.len();
    match evaluation.split.as_str() {
        ALL => format!("all {count}"),
        split => format!("{count} of {split}"),
    }
}

/// What the gallery says of a model.
pub fn summary(evaluation: &Evaluation) -> String {
    // the accuracy is shown over the pixels of all pairs
    let of_pictures = MEASURES.iter().filter(|m| **m != Measure::ACCURACY);
    let means = of_pictures.filter_map(|measure| {
        let mean = mean(evaluation, measure)?;
        Some(format!("{} {mean}", measure.heading()))
    });
    let of_classes = [
        (Measure::ACCURACY, evaluation.accuracy),
        (Measure::IOU, evaluation.mean_iou),
    ];
    let of_classes = of_classes
        .into_iter()
        .filter_map(|(measure, score)| Some(measure.told(score?)));
    let means = of_classes.chain(means);
    format!(
        "Pairs: {}; step {}, measured at {}. {}.",
        counted(evaluation),
        evaluation.step,
        evaluation.sizes(),
        means.collect::<Vec<_>>().join("; ")
    )
}

/// One cell per model, "-" for a model without a value.
fn cells(evaluations: &[Evaluation], cell: &dyn Fn(&Evaluation) -> Option<String>) -> Vec<String> {
    let cells = evaluations.iter().map(cell);
    cells.map(|cell| cell.unwrap_or("-".to_string())).collect()
}

/// The rows of label maps, over the pixels of all pairs: pixel accuracy, the mean intersection over union, and that of each
/// class.
fn of_classes(evaluations: &[Evaluation]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |label: String, measure: Measure, value: &dyn Fn(&Evaluation) -> Option<f64>| {
        let cell = |evaluation: &Evaluation| Some(measure.shown(value(evaluation)?));
        rows.push([vec![label], cells(evaluations, &cell)].concat());
    };
    let (accuracy, iou) = (Measure::ACCURACY, Measure::IOU);
    if evaluations
        .iter()
        .any(|evaluation| evaluation.mean_iou.is_some())
    {
        row(accuracy.described(), accuracy, &|found| found.accuracy);
        row(iou.described(), iou, &|found| found.mean_iou);
    }
    let mut names: Vec<&str> = Vec::new();
    for class in evaluations
        .iter()
        .flat_map(|evaluation| &evaluation.classes)
    {
        if !names.contains(&class.name.as_str()) {
            names.push(&class.name);
        }
    }
    for name in names {
        row(format!("IoU of {}", one_line(name)), iou, &|evaluation| {
            let class = evaluation.classes.iter().find(|class| class.name == name);
            class?.iou
        });
    }
    rows
}

/// The rows of channels that are no colors: the scores of each.
fn of_channels(evaluations: &[Evaluation]) -> Vec<Vec<String>> {
    let count = evaluations.iter().map(|found| found.channels.len()).max();
    let mut rows = Vec::new();
    for channel in 0..count.unwrap_or(0) {
        let mut row = |measure: Measure, value: fn(&ChannelScores) -> Option<f64>| {
            let cells = cells(evaluations, &|found| {
                Some(measure.shown(value(found.channels.get(channel)?)?))
            });
            let label = format!("  channel {}: {}", channel + 1, measure.heading());
            rows.push([vec![label], cells].concat());
        };
        row(Measure::L1, |found| Some(found.l1));
        row(Measure::RMSE, |found| Some(found.rmse));
        row(Measure::PEARSON, |found| found.pearson);
    }
    rows
}

/// Said where no model has MS-SSIM.
const WITHOUT_MS_SSIM: &str =
    "no MS-SSIM: it needs pictures of at least 176x176 pixels without gaps\n";

/// A measure of textures, with the number of its pairs where it is not of all: it sees those without gaps.
fn whole(
    evaluation: &Evaluation,
    measure: Measure,
    value: fn(&RealismScores) -> Option<f64>,
) -> Option<String> {
    let Evaluation {
        realism, pictures, ..
    } = evaluation;
    let of_labels = !evaluation.classes.is_empty();
    let shown = value(realism).map(|value| measure.shown(value));
    match (realism.pairs, pictures.len()) {
        (some, all) if some == all || of_labels => shown,
        (0, all) => Some(format!("none of {all} pairs")),
        (some, all) => Some(shown? + &share(some, all)),
    }
}

/// The label of a measure of sets of pictures; its row begins as a sentence does.
fn of_sets(measure: Measure) -> String {
    let label = measure.described();
    label[..1].to_uppercase() + &label[1..]
}

/// The table of scores: one row per measure, one column per model.
pub fn table(evaluations: &[Evaluation]) -> String {
    let mut rows = vec![vec![String::new()], vec!["step".to_string()]];
    rows.push(vec!["pairs".to_string()]);
    rows.push(vec!["measured at".to_string()]);
    for evaluation in evaluations {
        rows[0].push(one_line(&evaluation.model));
        rows[1].push(evaluation.step.to_string());
        rows[2].push(counted(evaluation));
        rows[3].push(evaluation.sizes());
    }
    rows.extend(of_classes(evaluations));
    for measure in MEASURES {
        let cells = cells(evaluations, &|found| mean(found, &measure));
        let label = match measure == Measure::ACCURACY {
            true => format!("{} of a pair, mean of the pairs", measure.label),
            false => measure.described(),
        };
        if cells.iter().any(|cell| cell != "-") {
            rows.push([vec![label], cells].concat());
        }
    }
    rows.extend(of_channels(evaluations));
    let mut row = |label: &str, cell: &dyn Fn(&Evaluation) -> Option<String>| {
        let cells = cells(evaluations, cell);
        if cells.iter().any(|cell| cell != "-") {
            rows.push([vec![label.to_string()], cells].concat());
        }
    };
    let listed = |values: &[f64], digits: usize| {
        let scale = 10f64.powi(digits as i32);
        // without the sign of zero
        let rounded = values
            .iter()
            .map(|value| (value * scale).round() / scale + 0.0);
        let texts: Vec<String> = rounded.map(|value| format!("{value:.digits$}")).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    };
    let (swd, spectrum) = (Measure::SWD, Measure::SPECTRUM);
    row(&of_sets(swd), &|evaluation| {
        whole(evaluation, swd, |realism| realism.swd)
    });
    row("  at each level, the finest first", &|evaluation| {
        listed(&evaluation.realism.swd_levels, 0)
    });
    row(&of_sets(spectrum), &|evaluation| {
        whole(evaluation, spectrum, |realism| realism.spectrum)
    });
    row(
        "  power in waves below 4, of 4-8, ... pixels; 0 is right",
        &|evaluation| listed(&evaluation.realism.octaves, 1),
    );
    row(&of_sets(Measure::FID), &|evaluation| {
        Some(Measure::FID.shown(evaluation.fid?))
    });
    row(&of_sets(Measure::KID), &|evaluation| {
        Some(Measure::KID.shown(evaluation.kid?))
    });
    let of = |evaluation: &Evaluation, value: fn(&Confidence) -> Option<f64>| {
        Some(format!("{:.2}", value(evaluation.confidence.as_ref()?)?))
    };
    row("Deviation and error in a picture, rank correlation", &|e| {
        Some(interval(e.confidence.as_ref()?.within?, 2))
    });
    row("Deviation and error of pictures, rank correlation", &|e| {
        of(e, |found| found.between)
    });
    row("Error over deviation, 1 is right", &|e| {
        of(e, |found| found.ratio)
    });
    let mut table = aligned(&rows);
    let lacks_ms_ssim =
        |found: &Evaluation| found.classes.is_empty() && !found.means.contains_key("ms_ssim");
    if evaluations.iter().all(lacks_ms_ssim) {
        table += WITHOUT_MS_SSIM;
    }
    if evaluations
        .iter()
        .any(|found| found.classes.is_empty() && found.realism.pairs < found.pictures.len())
    {
        table += "SWD and spectrum are of the pairs in which all pixels have data: the edges of gaps are no textures.\n";
    }
    if table.contains('±') {
        table += "± is half the width of the 95% confidence interval of the mean over the pairs.\n";
    }
    table
}
