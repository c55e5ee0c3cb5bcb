//! A drawing of a network, like Keras' `plot_model`: a box for each layer, an arrow for each
//! connection. The `layout-rs` library places the boxes; no Graphviz is needed.

use std::fmt::Write;
use std::path::Path;

use image::{Rgb, RgbImage};
use layout::backends::svg::SVGWriter;
use layout::core::base::Orientation;
use layout::core::color::Color;
use layout::core::geometry::Point;
use layout::core::style::{LineStyleKind, StyleAttr};
use layout::std_shapes::shapes::{Arrow, Element, LineEndKind, RecordDef, ShapeKind};
use layout::topo::layout::VisualGraph;
use pix2pix_runtime::network::{LayerGraph, Op};

use crate::atomic_file;
use crate::choice::choices;
use crate::data::picture;
use crate::draw::layer_color::layer_color;
use crate::draw::{plot_u, raster};
use crate::error::{self, Error};
use crate::network::summary::shape;

/// Width of the boxes, and the width of a letter in boxes with more text, in pixels.
const WIDTH: f64 = 340.0;
const LETTER: f64 = 8.5;

/// The drawing as SVG.
pub fn svg(graph: &LayerGraph) -> String {
    let mut visual = VisualGraph::new(Orientation::TopToBottom);
    let letters = graph
        .layers
        .iter()
        .map(|layer| layer.name.len() + shape(layer.output).len());
    let width = WIDTH.max(letters.max().unwrap_or(0) as f64 * LETTER);
    let handles: Vec<_> = graph
        .layers
        .iter()
        .map(|layer| {
            let label = RecordDef::Array(vec![
                RecordDef::new_text(&format!("{}\n{}", layer.name, layer.op.name())),
                RecordDef::new_text(&shape(layer.output)),
            ]);
            let look = StyleAttr::new(Color::new(0x333333ff), 1, Some(layer_color(layer)), 0, 15);
            let node = Element::create(
                ShapeKind::new_record(&label),
                look,
                Orientation::LeftToRight,
                Point::new(width, 44.0),
            );
            visual.add_node(node)
        })
        .collect();
    for (index, layer) in graph.layers.iter().enumerate() {
        for &input in &layer.inputs {
            // a skip connection jumps over layers: blue and dashed
            let skips = input + 1 < index && graph.layers[input].op != Op::Input;
            let (color, style) = if skips && layer.op == Op::Concatenate {
                (0x2266bbff, LineStyleKind::Dashed)
            } else {
                (0x333333ff, LineStyleKind::Normal)
            };
            let look = StyleAttr::new(Color::new(color), 2, None, 0, 15);
            let (none, arrow) = (LineEndKind::None, LineEndKind::Arrow);
            let edge = Arrow::new(none, arrow, style, "", &look, &None, &None);
            visual.add_edge(edge, handles[input], handles[index]);
        }
    }
    let mut writer = SVGWriter::new();
    visual.do_it(false, false, false, &mut writer);
    let bottom = handles
        .iter()
        .map(|&handle| visual.pos(handle).bbox(true).1.y)
        .fold(0.0, f64::max);
    finish(&writer.finalize(), bottom)
}

/// Sets our typeface, and cuts off the empty space below `bottom` (the library overestimates the height of text).
fn finish(svg: &str, bottom: f64) -> String {
    let height = |tag: &str| {
        Some(
            tag.split_once("height=\"")?
                .1
                .split_once('"')?
                .0
                .to_string(),
        )
    };
    let start = svg.find("<svg ").unwrap_or(0);
    let end = svg[start..]
        .find('>')
        .map_or(start, |length| start + length);
    let tag = &svg[start..end];
    let tag = match height(tag) {
        Some(old) => tag
            .replace(
                &format!("height=\"{old}\""),
                &format!("height=\"{bottom}\""),
            )
            .replace(&format!(" {old}\""), &format!(" {bottom}\"")),
        None => tag.to_string(),
    };
    let font = format!("font-family: '{}', sans-serif", raster::FONT);
    let rest = svg[end..].replace("font-family: Times, serif", &font);
    format!("{}{tag}{rest}", &svg[..start])
}

/// The drawing as pixels on white, or the reason why the SVG cannot be rendered.
fn png(svg: &str) -> Result<RgbImage, String> {
    let drawing = raster::render(svg, 1.0)?;
    let mut paper = RgbImage::from_pixel(drawing.width(), drawing.height(), Rgb([255; 3]));
    raster::overlay(&mut paper, &drawing);
    Ok(paper)
}

/// Formats of [`save`]: the endings of file names. A name without one is that of an SVG.
pub const FORMATS: [&str; 3] = ["png", "svg", "dot"];

/// How the layers are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One below the other.
    Down,
    /// By the size of the picture.
    U,
}

choices!(Layout, "layout",
    Down: "down", "One layer below the other";
    U: "u", "As the paper draws a U-Net: the smaller the picture, the lower; for a screen";
);

/// Writes the drawing as PNG, SVG or DOT, as the ending of `path` says; as SVG if it has none, as those of streams.
///
/// # Errors
/// When the file cannot be written, or its name has another ending.
pub fn save(path: impl AsRef<Path>, graph: &LayerGraph) -> error::Result<()> {
    save_as(path, graph, Layout::Down)
}

/// As [`save`], with the layers placed as `layout` says, which does not concern DOT.
///
/// # Errors
/// As [`save`].
pub fn save_as(path: impl AsRef<Path>, graph: &LayerGraph, layout: Layout) -> error::Result<()> {
    let path = path.as_ref();
    let drawn = || match layout {
        Layout::Down => svg(graph),
        Layout::U => plot_u::svg(graph),
    };
    let format = path.extension().unwrap_or_default().to_ascii_lowercase();
    let text = match format.to_str() {
        Some("png") => {
            let drawing = png(&drawn()).map_err(|e| Error::file(path, e, "choose .svg instead"))?;
            return picture::write_png(path, &drawing);
        }
        Some("svg" | "") => drawn(),
        Some("dot") => dot(graph),
        _ => {
            let reason = "unknown format of the drawing";
            return Err(Error::file(path, reason, "use .png, .svg or .dot"));
        }
    };
    atomic_file::write(path, text.as_bytes())
}

/// The network in DOT, the language of Graphviz.
pub fn dot(graph: &LayerGraph) -> String {
    let mut text = format!("digraph {} {{\n  node [shape=record];\n", graph.name);
    for (index, layer) in graph.layers.iter().enumerate() {
        writeln!(
            text,
            "  n{index} [label=\"{{{}\\n{}|{}}}\"];",
            layer.name,
            layer.op.name(),
            shape(layer.output)
        )
        .expect("writing to memory does not fail");
    }
    for (index, layer) in graph.layers.iter().enumerate() {
        for input in &layer.inputs {
            writeln!(text, "  n{input} -> n{index};").expect("writing to memory does not fail");
        }
    }
    text.push_str("}\n");
    text
}
