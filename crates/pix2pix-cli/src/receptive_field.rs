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
    /// Side of the pictures in pixels [default: the model's; without one, 256]
    #[arg(long, value_name = "PIXELS")]
    size: Option<usize>,
}

/// Prints the table.
pub fn run(args: Args) -> Result<(), Failure> {
    print(&text(&args)?)
}

/// The table.
pub fn text(args: &Args) -> Result<String, Failure> {
    let (patch, sides) = match &args.model {
        Some(model) => {
            let found = trained(model, true)?;
            (found.discriminator.patch, found.jitter.crop_size.sides())
        }
        None => (args.patch, [256; 2]),
    };
    let [width, height] = args.size.map_or(sides, |side| [side; 2]);
    // the number of filters does not matter; with one, the network is built fastest
    let config = PatchGanConfig {
        filters: 1,
        patch,
        ..PatchGanConfig::default()
    };
    config.check_size(height, width)?;
    let network = config.init_with(
        &mut WeightInit::blank(),
        &DeviceName::Cpu.open(Precision::F32)?,
    )?;
    let shape = [3, height, width];
    let graph = network.layers(shape, shape);
    let rows: Vec<[String; 8]> = table(&graph)
        .iter()
        .map(|step| {
            let window = step.window;
            let [before, after] = window.padding;
            let numbers = [window.kernel, window.stride, before, after];
            let [kernel, stride, before, after] = numbers.map(|n| n.to_string());
            let [rows, columns] = step.output;
            [
                step.layer.clone(),
                format!("{kernel}x{kernel}"),
                stride,
                format!("{before}+{after}"),
                format!("{rows}x{columns}"),
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
    let [_, rows_of_map, columns_of_map] = graph.output();
    let field = receptive_field(&graph);
    Ok(format!(
        "Discriminator \"{}\": each cell of the {rows_of_map}x{columns_of_map} map sees {field}x{field} pixels of a \
         {width}x{height} picture\n{}\
         From the output: pixels of this layer's input that one cell of the map sees (read upwards)\n\
         From the input:  pixels of the picture that one cell of this layer's output sees\n\
         Jump:            pixels of the picture between two neighbouring cells\n",
        patch.name(),
        aligned(&headers, &rows, &[1, 2, 3, 4, 5, 6, 7]),
    ))
}
