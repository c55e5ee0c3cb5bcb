//! `pix2pix receptive-field`.

use std::path::PathBuf;

use pix2pix::device::{DeviceName, Precision};
use pix2pix::network::receptive_field::{receptive_field, table};
use pix2pix::network::{Patch, PatchGanConfig, WeightInit};
use pix2pix::text_table::headed;

use crate::choice::choice;
use crate::failure::{Failure, print};
use crate::summary::{refused_size, trained};

/// Options of `pix2pix receptive-field`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folder (uses its newest checkpoint) or checkpoint file with the discriminator [default: the one of --patch]
    #[arg(conflicts_with = "patch")]
    model: Option<PathBuf>,
    /// Receptive field of the discriminator in pixels
    #[arg(long, value_parser = choice::<Patch>(), default_value_t = Patch::P70)]
    patch: Patch,
    /// Side of the pictures in pixels [default: the model's; without one, 256]
    #[arg(long, value_name = "PIXELS")]
    size: Option<usize>,
}

/// Prints the table.
pub fn run(args: Args) -> Result<(), Failure> {
    print(&text(&args)?)
}

/// The tables: one for each discriminator, the finest first.
pub fn text(args: &Args) -> Result<String, Failure> {
    let (config, sides) = match &args.model {
        Some(model) => {
            let found = trained(model, true)?;
            (found.discriminator.clone(), found.size().sides())
        }
        None => {
            let patch = args.patch;
            let config = PatchGanConfig {
                patch,
                ..PatchGanConfig::default()
            };
            (config, [256; 2])
        }
    };
    let [width, height] = args.size.map_or(sides, |side| [side; 2]);
    let checked = config.check_size(height, width);
    checked.map_err(|refused| refused_size(refused, args.model.as_deref(), args.size))?;
    let mut tables = Vec::new();
    let mut seen = [width, height];
    for halvings in 0..config.scales {
        tables.push(of_one(config.patch, [width, height], seen, halvings)?);
        seen = seen.map(|side| side.div_ceil(2));
    }
    let pixels = match config.unet {
        false => "",
        true => {
            "The table is of the decisions on patches. This discriminator also decides on each pixel, from all that its \
             encoder and decoder see.\n"
        }
    };
    Ok(format!(
        "{}{pixels}\
         From the output: pixels of this layer's input that one cell of the map sees (read upwards)\n\
         From the input:  pixels of the picture that one cell of this layer's output sees\n\
         Jump:            pixels of the picture between two neighboring cells\n",
        tables.join("\n")
    ))
}

/// The table of the discriminator that sees a picture halved so many times, of the sides `seen`.
fn of_one(
    patch: Patch,
    [width, height]: [usize; 2],
    seen: [usize; 2],
    halvings: usize,
) -> Result<String, Failure> {
    // the number of filters does not matter; with one, the network is built fastest
    let config = PatchGanConfig {
        filters: 1,
        patch,
        ..PatchGanConfig::default()
    };
    let network = config.init_with(
        &mut WeightInit::blank(),
        &DeviceName::Cpu.open(Precision::F32)?,
    )?;
    let shape = [3, seen[1], seen[0]];
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
    // a picture is halved by means of 3x3 pixels, every second one
    let whole = (0..halvings).fold(field, |field, _| 2 * (field - 1) + 3);
    let halved = match halvings {
        0 => String::new(),
        _ => format!(
            ", which are {field}x{field} pixels of the picture at 1/{} of its size, as in the table",
            1 << halvings
        ),
    };
    Ok(format!(
        "Discriminator \"{}\": each cell of the {rows_of_map}x{columns_of_map} map sees {whole}x{whole} pixels of a \
         {width}x{height} picture{halved}\n{}",
        patch.name(),
        headed(&headers, &rows, &[1, 2, 3, 4, 5, 6, 7]),
    ))
}
