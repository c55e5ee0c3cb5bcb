//! Line charts with labeled axes.

use std::fmt::Write;

use image::{Rgb, RgbImage};

use crate::draw::raster;

/// An axis: its label, and the places of its ticks with their texts, in order. It reaches from the first to the last.
pub struct Axis<'a> {
    /// What it shows, with its unit.
    pub label: &'a str,
    /// Values and texts.
    pub ticks: Vec<(f64, String)>,
}

/// A line through points.
pub struct Line<'a> {
    /// Its name, for the legend.
    pub name: &'a str,
    /// Its color, as in SVG.
    pub color: &'a str,
    /// Its points, in values of both axes.
    pub points: Vec<[f64; 2]>,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 440.0;
/// Left, top, right and bottom margins.
const MARGINS: [f64; 4] = [70.0, 44.0, 20.0, 52.0];
const PAPER: Rgb<u8> = Rgb([250, 250, 248]);

/// Draws lines over a horizontal and a vertical axis, each with at least two ticks.
pub fn draw(title: &str, [across, up]: [Axis; 2], lines: &[Line]) -> RgbImage {
    let [left, top, right, bottom] = MARGINS;
    let (inner, high) = (WIDTH - left - right, HEIGHT - top - bottom);
    let share = |axis: &Axis, value: f64| {
        let (first, last) = (axis.ticks[0].0, axis.ticks[axis.ticks.len() - 1].0);
        (value - first) / (last - first)
    };
    let x = |value: f64| left + inner * share(&across, value);
    let y = |value: f64| top + high * (1.0 - share(&up, value));
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="{}" font-size="12">"#,
        raster::FONT
    );
    let mut text = |at: [f64; 2], anchor: &str, style: &str, words: &str| {
        let [x, y] = at;
        let words = raster::escape(words);
        write!(
            svg,
            r##"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" fill="#222" {style}>{words}</text>"##
        )
        .expect("writing to memory does not fail");
    };
    text(
        [left, 22.0],
        "start",
        r#"font-size="15" font-weight="bold""#,
        title,
    );
    text(
        [left + inner / 2.0, HEIGHT - 12.0],
        "middle",
        "",
        across.label,
    );
    let turned = format!(r#"transform="rotate(-90 16 {:.1})""#, top + high / 2.0);
    text([16.0, top + high / 2.0], "middle", &turned, up.label);
    for (value, words) in &across.ticks {
        text([x(*value), top + high + 18.0], "middle", "", words);
    }
    for (value, words) in &up.ticks {
        text([left - 8.0, y(*value) + 4.0], "end", "", words);
    }
    for (index, line) in lines.iter().enumerate() {
        let style = format!(r#"style="fill:{}""#, line.color);
        let at = [left + inner - 8.0, top + 18.0 + 18.0 * index as f64];
        text(at, "end", &style, line.name);
    }
    let mut stroke = |points: &mut dyn Iterator<Item = [f64; 2]>, style: &str| {
        let points: Vec<String> = points.map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        write!(svg, r#"<polyline points="{points}" fill="none" {style}/>"#)
            .expect("writing to memory does not fail");
    };
    let grid = r##"stroke="#ddd""##;
    for (value, _) in &across.ticks {
        stroke(
            &mut [[x(*value), top], [x(*value), top + high]].into_iter(),
            grid,
        );
    }
    for (value, _) in &up.ticks {
        stroke(
            &mut [[left, y(*value)], [left + inner, y(*value)]].into_iter(),
            grid,
        );
    }
    for line in lines {
        let style = format!(r#"stroke="{}" stroke-width="2""#, line.color);
        let points = line.points.iter();
        stroke(&mut points.map(|[across, up]| [x(*across), y(*up)]), &style);
    }
    svg.push_str("</svg>");
    let mut chart = RgbImage::from_pixel(WIDTH as u32, HEIGHT as u32, PAPER);
    let ink = raster::render(&svg, 1.0).expect("the chart is valid SVG");
    raster::overlay(&mut chart, &ink);
    chart
}
