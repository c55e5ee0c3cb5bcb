//! The colors of layers in drawings of networks.

use layout::core::color::Color;
use pix2pix_runtime::network::{Layer, Op};

/// Color of a layer's box, by the kind of layer.
pub fn layer_color(layer: &Layer) -> Color {
    Color::new(match layer.op {
        Op::Input => 0xe8e8e8ff,
        Op::Conv(_) => 0xcfe3f7ff,
        Op::ConvTranspose(_) => 0xfadcc3ff,
        Op::BatchNorm { .. } => 0xe9e0f5ff,
        Op::Dropout(_) => 0xf7d4d8ff,
        Op::Concatenate => 0xfff2b8ff,
        _ => 0xdff0dcff,
    })
}
