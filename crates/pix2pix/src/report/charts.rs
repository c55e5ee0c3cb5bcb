//! Charts of an evaluation: the power spectra, and how well the deviation predicts the error. And of a run: its losses.

use image::RgbImage;

use crate::draw::chart::{self, Axis, Line};
use crate::quality::{Confidence, Point};

use crate::run::History;

const OUTPUTS: &str = "#c2410c";
const TARGETS: &str = "#1d4ed8";
/// Most points of a curve.
const POINTS: usize = 50;

/// The power spectra of outputs and targets over the length of the waves, both logarithmic. `None` without spectra.
pub fn spectra(title: &str, points: &[Point]) -> Option<RgbImage> {
    let (first, last) = (points.first()?, points.last()?);
    let octaves = |frequency: f64| -frequency.log2();
    // from the longest waves on the left to those of two pixels on the right
    let longest = octaves(first.frequency).ceil() as i32;
    let shortest = octaves(last.frequency).floor() as i32;
    let across = Axis {
        label: "length of the waves (pixels)",
        ticks: (shortest..=longest.max(shortest + 1))
            .rev()
            .map(|octave| (-f64::from(octave), format!("{}", 1u64 << octave)))
            .collect(),
    };
    let powers = points.iter().flat_map(|point| point.power);
    let decades = powers.map(f64::log10);
    let (low, high) = decades.fold((f64::MAX, f64::MIN), |(low, high), decade| {
        (low.min(decade), high.max(decade))
    });
    let (low, high) = (low.floor() as i32, high.ceil() as i32);
    let up = Axis {
        label: "power (of 255²)",
        ticks: (low..=high.max(low + 1))
            .map(|decade| (f64::from(decade), format!("1e{decade}")))
            .collect(),
    };
    let line = |side: usize, name, color| Line {
        name,
        color,
        points: points
            .iter()
            .map(|point| [point.frequency.log2(), point.power[side].log10()])
            .collect(),
    };
    let lines = [line(1, "targets", TARGETS), line(0, "outputs", OUTPUTS)];
    Some(chart::draw(title, [across, up], &lines))
}

/// The error over the deviation, with the line on which both are equal. `None` without deviations.
pub fn calibration(title: &str, confidence: &Confidence) -> Option<RgbImage> {
    let bins = &confidence.bins;
    let points: Vec<[f64; 2]> = bins.iter().map(|bin| [bin.deviation, bin.error]).collect();
    confidence.ratio?;
    let largest = |axis: usize| points.iter().map(|point| point[axis]).fold(0.0, f64::max);
    let [across, up] = [
        ("standard deviation of the samples (of 255)", largest(0)),
        ("error of their mean, RMSE (of 255)", largest(1)),
    ]
    .map(|(label, largest)| Axis {
        label,
        ticks: ticks([0.0, largest]),
    });
    let ends = [&across, &up].map(|axis| axis.ticks[axis.ticks.len() - 1].0);
    let end = ends[0].min(ends[1]);
    let equal = Line {
        name: "equal",
        color: "#888",
        points: vec![[0.0, 0.0], [end, end]],
    };
    let found = Line {
        name: "found",
        color: OUTPUTS,
        points,
    };
    Some(chart::draw(title, [across, up], &[found, equal]))
}

/// The losses of a run over its steps: the adversarial ones, and L1. Each point is the mean of the lines of the metrics around
/// it, so that a curve has at most fifty points. `None` with fewer than two lines.
pub fn losses(history: &History) -> Option<[RgbImage; 2]> {
    let (first, last) = (history.metrics.first()?, history.metrics.last()?);
    if first.step == last.step {
        return None;
    }
    let line = |key: &str, name: &'static str, color: &'static str| {
        let series = history.series(key);
        let means = series.chunks(series.len().div_ceil(POINTS));
        let points = means.map(|part| {
            let sum = |value: fn(&(u64, f64)) -> f64| part.iter().map(value).sum::<f64>();
            [sum(|(step, _)| *step as f64), sum(|(_, loss)| *loss)]
                .map(|sum| sum / part.len() as f64)
        });
        Line {
            name,
            color,
            points: points.collect(),
        }
    };
    let adversarial = [
        line("d_real", "discriminator, real", TARGETS),
        line("d_fake", "discriminator, fake", OUTPUTS),
        line("g_gan", "generator, adversarial", "#15803d"),
    ];
    let l1 = [line("g_l1", "generator, L1", "#15803d")];
    let drawn = |title: &str, label, lines: &[Line]| {
        let values = lines.iter().flat_map(|line| &line.points);
        let bounds = values.fold([0.0f64; 2], |[low, high], [_, value]| {
            [low.min(*value), high.max(*value)]
        });
        let across = Axis {
            label: "step",
            ticks: ticks([0.0, last.step as f64]),
        };
        let up = Axis {
            label,
            ticks: ticks(bounds),
        };
        chart::draw(title, [across, up], lines)
    };
    Some([
        drawn("Adversarial losses", "loss", &adversarial),
        drawn("L1", "mean difference, in units of [-1, 1]", &l1),
    ])
}

/// Round numbers from at most `low`, which is not above 0, to at least `high`.
fn ticks([low, high]: [f64; 2]) -> Vec<(f64, String)> {
    let length = high - low;
    let decade = 10f64.powf((length / 5.0).max(1e-3).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
    let step = steps.into_iter().find(|step| step * 5.0 >= length);
    let step = step.unwrap_or(10.0 * decade);
    let first = (low / step).floor() as i32;
    let last = (high / step).ceil().max(1.0) as i32;
    let digits = (-step.log10().floor()).max(0.0) as usize;
    (first..=last)
        .map(|tick| f64::from(tick) * step)
        .map(|value| (value, format!("{value:.digits$}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_beyond_both_ends() {
        let texts = |bounds| -> Vec<String> {
            let ticks = ticks(bounds).into_iter();
            ticks.map(|(_, text)| text).collect()
        };
        assert_eq!(texts([0.0, 0.7]), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(
            texts([-12.0, 31.0]),
            ["-20", "-10", "0", "10", "20", "30", "40"]
        );
        assert_eq!(texts([0.0, 300.0]), ["0", "100", "200", "300"]);
    }
}
