//! Receptive fields: the number of input pixels that one output cell sees.
//!
//! From the output back, a layer with kernel k and stride s turns r cells into (r - 1) s + k
//! (Luo et al. 2016, section 2; Araujo et al. 2019, equation 1).

use pix2pix_runtime::network::{LayerGraph, Op, Window};

/// One convolution's row in the table of receptive fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The layer's name.
    pub layer: String,
    /// Its window.
    pub window: Window,
    /// Rows and columns of this layer's output in cells, for the network's input.
    pub output: [usize; 2],
    /// Counted from the output: side in pixels of this layer's input that one cell of the network's output sees.
    pub from_output: usize,
    /// Counted from the input: side in pixels of the network's input that one cell of this layer's output sees.
    pub from_input: usize,
    /// Pixels of the network's input between two neighboring cells of this layer's output.
    pub jump: usize,
}

/// The table of a chain of convolutions, first layer first.
pub fn table(graph: &LayerGraph) -> Vec<Step> {
    let (mut field, mut jump) = (1, 1);
    let mut steps: Vec<Step> = graph
        .layers
        .iter()
        .filter_map(|layer| match layer.op {
            Op::Conv(window) => Some((layer, window)),
            _ => None,
        })
        .map(|(layer, window)| {
            field += (window.kernel - 1) * jump;
            jump *= window.stride;
            Step {
                layer: layer.name.clone(),
                window,
                output: [layer.output[1], layer.output[2]],
                from_output: 0, // filled in below, in the other direction
                from_input: field,
                jump,
            }
        })
        .collect();
    let mut cells = 1;
    for step in steps.iter_mut().rev() {
        cells = (cells - 1) * step.window.stride + step.window.kernel;
        step.from_output = cells;
    }
    steps
}

/// Side of the receptive field of one output cell, in input pixels; 1 without any convolution.
pub fn receptive_field(graph: &LayerGraph) -> usize {
    table(graph).first().map_or(1, |step| step.from_output)
}
