//! A drawing of a network, like Keras' `plot_model`: a box for each layer, an arrow for each
//! connection. The `layout-rs` library places the boxes; no Graphviz is needed.

use std::fmt::Write;

use image::{Rgb, RgbImage};
use layout::backends::svg::SVGWriter;
use layout::core::base::Orientation;
use layout::core::color::Color;
use layout::core::geometry::Point;
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow, Element, RecordDef, ShapeKind};
use layout::topo::layout::VisualGraph;

use crate::layer_graph::{Layer, LayerGraph};
use crate::raster;
use crate::summary::shape;

/// The drawing as SVG.
pub fn svg(graph: &LayerGraph) -> String {
    let mut visual = VisualGraph::new(Orientation::TopToBottom);
    let handles: Vec<_> = graph
        .layers
        .iter()
        .map(|layer| {
            let label = RecordDef::Array(vec![
                RecordDef::new_text(&format!("{}\n{}", layer.name, layer.kind)),
                RecordDef::new_text(&shape(layer.output)),
            ]);
            let look = StyleAttr::new(Color::new(0x333333ff), 1, Some(color(layer)), 4, 15);
            let node = Element::create(
                ShapeKind::new_record(&label),
                look,
                Orientation::LeftToRight,
                Point::new(340.0, 44.0),
            );
            visual.add_node(node)
        })
        .collect();
    for (index, layer) in graph.layers.iter().enumerate() {
        for &input in &layer.inputs {
            visual.add_edge(Arrow::simple(""), handles[input], handles[index]);
        }
    }
    let mut writer = SVGWriter::new();
    visual.do_it(false, false, false, &mut writer);
    writer.finalize().replace(
        "font-family: Times, serif",
        &format!("font-family: '{}', sans-serif", raster::FONT),
    )
}

/// The drawing as pixels on white.
///
/// # Errors
/// In words, when it cannot be rendered.
pub fn png(graph: &LayerGraph) -> Result<RgbImage, String> {
    let drawing = raster::render(&svg(graph), 1.0)?;
    let mut paper = RgbImage::from_pixel(drawing.width(), drawing.height(), Rgb([255; 3]));
    raster::overlay(&mut paper, &drawing);
    Ok(paper)
}

/// The network in Graphviz' language, for people who have it.
pub fn dot(graph: &LayerGraph) -> String {
    let mut text = format!("digraph {} {{\n  node [shape=record];\n", graph.name);
    for (index, layer) in graph.layers.iter().enumerate() {
        writeln!(
            text,
            "  n{index} [label=\"{{{}\\n{}|{}}}\"];",
            layer.name,
            layer.kind,
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

/// A box's color says what kind of layer it is.
fn color(layer: &Layer) -> Color {
    Color::new(match layer.kind {
        "Input" => 0xe8e8e8ff,
        "Conv2d" => 0xcfe3f7ff,
        "ConvTranspose2d" => 0xfadcc3ff,
        "BatchNorm" => 0xe9e0f5ff,
        "Dropout" => 0xf7d4d8ff,
        "Concatenate" => 0xfff2b8ff,
        _ => 0xdff0dcff,
    })
}
