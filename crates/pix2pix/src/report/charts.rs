//! Charts of an evaluation: the power spectra, and how well the deviation predicts the error.

use image::RgbImage;

use crate::draw::chart::{self, Axis, Line};
use crate::quality::{Confidence, Point};

const OUTPUTS: &str = "#c2410c";
const TARGETS: &str = "#1d4ed8";

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
        ticks: ticks(largest),
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

/// Round numbers from 0 to at least `largest`.
fn ticks(largest: f64) -> Vec<(f64, String)> {
    let decade = 10f64.powf((largest / 5.0).max(1e-3).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
    let step = steps.into_iter().find(|step| step * 5.0 >= largest);
    let step = step.unwrap_or(10.0 * decade);
    let count = (largest / step).ceil().max(1.0) as i32;
    let digits = (-step.log10().floor()).max(0.0) as usize;
    (0..=count)
        .map(|tick| f64::from(tick) * step)
        .map(|value| (value, format!("{value:.digits$}")))
        .collect()
}
