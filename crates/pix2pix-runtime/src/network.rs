//! Generators as descriptions: their configurations, and the layers that follow from them. They hold no weights.

pub mod dropout;
mod generator;
mod hd;
mod layer_graph;
pub mod norm;
pub mod pool;
pub mod resnet;
pub mod unet;
pub mod upsample;
mod window;

pub use generator::GeneratorConfig;
pub use hd::HdConfig;
pub use layer_graph::{Filters, Layer, LayerGraph, Op, Shape};
pub use norm::Norm;
pub use resnet::ResnetConfig;
pub use unet::UnetConfig;
pub use upsample::Upsample;
pub use window::Window;
