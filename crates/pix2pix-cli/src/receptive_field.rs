//! `pix2pix receptive-field`.

use std::path::PathBuf;

use pix2pix::device::{DeviceName, Precision};
use pix2pix::network::receptive_field::{receptive_field, table};
use pix2pix::network::summary::aligned;
use pix2pix::network::{Patch, PatchGanConfig, WeightInit};

use crate::failure::{Failure, print};
use crate::summary::trained;

/// Options of `pix2pix receptive-field`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folder (uses its newest checkpoint) or checkpoint file with the discriminator [default: the one of --patch]
    #[arg(conflicts_with = "patch")]
    model: Option<PathBuf>,
    /// Discriminator: pixel, 16, 70, 286 or tutorial
    #[arg(long, default_value = "70")]
    patch: Patch,
    /// Side of the pictures in pixels
    #[arg(long, default_value_t = 256, value_name = "PIXELS")]
    size: usize,
}

/// Prints the table.
pub fn run(args: Args) -> Result<(), Failure> {
    print(&text(&args)?)
}

/// The table.
pub fn text(args: &Args) -> Result<String, Failure> {
    let patch = match &args.model {
        Some(model) => trained(model, true)?.discriminator.patch,
        None => args.patch,
    };
    // the number of filters does not matter; with one, the network is built fastest
    let config = PatchGanConfig {
        filters: 1,
        patch,
        ..PatchGanConfig::default()
    };
    config.check_size(args.size, args.size)?;
    let network = config.init_with(
        &mut WeightInit::blank(),
        &DeviceName::Cpu.open(Precision::F32)?,
    )?;
    let shape = [3, args.size, args.size];
    let graph = network.layers(shape, shape);
    let rows: Vec<[String; 8]> = table(&graph)
        .iter()
        .map(|step| {
            let window = step.window;
            let [before, after] = window.padding;
            let numbers = [window.kernel, window.stride, before, after, step.output];
            let [kernel, stride, before, after, output] = numbers.map(|n| n.to_string());
            [
                step.layer.clone(),
                format!("{kernel}x{kernel}"),
                stride,
                format!("{before}+{after}"),
                format!("{output}x{output}"),
                step.from_output.to_string(),
                step.from_input.to_string(),
                step.jump.to_string(),
            ]
        })
        .collect();
    let headers = [
        "Layer",
        "Kernel",
        "Stride",
        "Padding",
        "Output",
        "From the output",
        "From the input",
        "Jump",
    ];
    let [_, height, width] = graph.output();
    let (field, size) = (receptive_field(&graph), args.size);
    Ok(format!(
        "Discriminator \"{}\": each cell of the {height}x{width} map sees {field}x{field} pixels of a \
         {size}x{size} picture\n{}\
         From the output: pixels of this layer's input that one cell of the map sees (read upwards)\n\
         From the input:  pixels of the picture that one cell of this layer's output sees\n\
         Jump:            pixels of the picture between two neighbouring cells\n",
        patch.name(),
        aligned(&headers, &rows, &[1, 2, 3, 4, 5, 6, 7]),
    ))
}
