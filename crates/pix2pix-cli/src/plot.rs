//! `pix2pix plot`.

use std::path::PathBuf;

use pix2pix::draw::plot::{self, Layout};

use crate::choice::choice;
use crate::failure::Failure;
use crate::paths::Plain;
use crate::result_file::ResultArgs;
use crate::summary::Described;

/// Options of `pix2pix plot`.
#[derive(clap::Args)]
pub struct Args {
    /// Output file; its extension chooses the format: .svg, .png or .dot; svg without one
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How to place the layers in .svg and .png
    #[arg(long, value_parser = choice::<Layout>(), default_value_t = Layout::Down)]
    layout: Layout,
    #[command(flatten)]
    result: ResultArgs,
    #[command(flatten)]
    described: Described,
}

/// Writes the drawing.
pub fn run(args: Args) -> Result<(), Failure> {
    let out = &args.out;
    let format = out.extension().unwrap_or_default().to_ascii_lowercase();
    if !format.is_empty() && !plot::FORMATS.iter().any(|known| format == *known) {
        let message = "unknown format of the drawing; end --out in .svg, .png or .dot";
        return Err(Failure::Usage(format!("{}: {message}", out.plain())));
    }
    let notes = args.result.check(&[out])?;
    plot::save_as(out, &args.described.graph()?, args.layout)?;
    notes.say(&format!("wrote {}\n", out.plain()));
    Ok(())
}
