//! A drawing of a network as the paper draws its U-Net: a block for each size of the picture, lower for smaller ones, from
//! left to right in the order of the layers. Skip connections are level.

use std::fmt::Write;

use pix2pix_runtime::network::{LayerGraph, Op};

use crate::draw::layer_color::layer_color;
use crate::draw::raster::{FONT, escape};

/// Width of a block, in pixels.
const WIDTH: usize = 164;
/// Height of a layer in it.
const LINE: usize = 20;
/// Space between blocks.
const GAP: usize = 28;

/// Consecutive layers whose outputs have the same size. A border for a convolution counts as a part of it.
struct Block {
    /// Positions of its layers in the graph.
    layers: std::ops::Range<usize>,
    left: usize,
    top: usize,
}

impl Block {
    /// The middle of a layer's line.
    fn middle(&self, layer: usize) -> usize {
        // the size of the picture stands above the layers
        self.top + (layer - self.layers.start + 1) * LINE + LINE / 2
    }
}

/// Rows and columns of a layer's output, or of the convolution's for which it adds a border.
fn size(graph: &LayerGraph, layer: usize) -> [usize; 2] {
    let mut layers = graph.layers[layer..].iter();
    let found = layers.find(|layer| !matches!(layer.op, Op::ReflectionPad(_)));
    let [_, rows, columns] = found.unwrap_or(&graph.layers[layer]).output;
    [rows, columns]
}

/// The blocks of a network in order, and the height of the drawing.
fn blocks(graph: &LayerGraph) -> (Vec<Block>, usize) {
    let size = |layer: usize| size(graph, layer)[0];
    let mut blocks: Vec<Block> = Vec::new();
    for layer in 0..graph.layers.len() {
        match blocks.last_mut() {
            Some(block) if size(block.layers.start) == size(layer) => block.layers.end = layer + 1,
            _ => blocks.push(Block {
                layers: layer..layer + 1,
                left: GAP + blocks.len() * (WIDTH + GAP),
                top: 0,
            }),
        }
    }
    let mut sizes: Vec<usize> = blocks
        .iter()
        .map(|block| size(block.layers.start))
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut top = GAP;
    for row in sizes.into_iter().rev() {
        let mut lines = 0;
        for block in blocks
            .iter_mut()
            .filter(|block| size(block.layers.start) == row)
        {
            block.top = top;
            lines = lines.max(block.layers.len() + 1);
        }
        top += lines * LINE + GAP;
    }
    (blocks, top)
}

/// The drawing as SVG.
pub fn svg(graph: &LayerGraph) -> String {
    let (blocks, height) = blocks(graph);
    let width = GAP + blocks.len() * (WIDTH + GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"'{FONT}', sans-serif\" font-size=\"12\">\n\
         <defs><marker id=\"arrow\" markerWidth=\"8\" markerHeight=\"8\" refX=\"7\" refY=\"4\" orient=\"auto\">\
         <path d=\"M0 1L7 4L0 7z\" fill=\"#333333\"/></marker></defs>\n"
    );
    let mut add = |line: String| writeln!(svg, "{line}").expect("writing to memory does not fail");
    for block in &blocks {
        let [rows, columns] = size(graph, block.layers.start);
        let (left, right) = (block.left, block.left + WIDTH - 6);
        add(format!(
            "<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{columns}x{rows}</text>",
            block.top + LINE - 6
        ));
        for index in block.layers.clone() {
            let layer = &graph.layers[index];
            let (middle, fill) = (block.middle(index), layer_color(layer).to_web_color());
            let (top, text) = (middle - LINE / 2, middle + 4);
            add(format!(
                "<rect x=\"{left}\" y=\"{top}\" width=\"{WIDTH}\" height=\"{LINE}\" fill=\"{fill}\" \
                 stroke=\"#333333\"/>\
                 <text x=\"{}\" y=\"{text}\">{}</text>\
                 <text x=\"{right}\" y=\"{text}\" text-anchor=\"end\">{}</text>",
                left + 6,
                escape(layer.op.name()),
                layer.output[0]
            ));
        }
    }
    let block_of = |layer: usize| {
        let found = blocks.iter().find(|block| block.layers.contains(&layer));
        found.expect("every layer is in a block")
    };
    for (index, layer) in graph.layers.iter().enumerate() {
        for &input in &layer.inputs {
            let (from, to) = (block_of(input), block_of(index));
            let (y, end) = (from.middle(input), to.middle(index));
            let x = from.left + WIDTH;
            let path = match from.left == to.left {
                // beside the block, where it jumps over layers of the same size
                true if input + 1 < index => format!("M{x} {y}h{0}V{end}h-{0}", GAP / 3),
                true => continue,
                false => format!("M{x} {y}H{}V{end}H{}", to.left - GAP / 2, to.left),
            };
            let skips = from.left != to.left && input + 1 < index;
            let style = match skips {
                true => "stroke=\"#2266bb\" stroke-dasharray=\"6 4\"",
                false => "stroke=\"#333333\"",
            };
            add(format!(
                "<path d=\"{path}\" fill=\"none\" stroke-width=\"1.5\" {style} marker-end=\"url(#arrow)\"/>"
            ));
        }
    }
    svg + "</svg>\n"
}
