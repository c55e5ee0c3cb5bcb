//! `pix2pix plot`.

use std::path::PathBuf;

use pix2pix::data::picture;
use pix2pix::draw::plot;
use pix2pix::{Error, atomic_file};

use crate::failure::{Failure, print};
use crate::summary::Described;

/// Options of `pix2pix plot`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    described: Described,
    /// Output file; its extension chooses the format: .svg, .png or .dot
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Writes the drawing.
pub fn run(args: Args) -> Result<(), Failure> {
    let out = &args.out;
    let ending = out.extension().unwrap_or_default().to_ascii_lowercase();
    let draw = match ending.to_str() {
        Some("svg") => plot::svg,
        Some("dot") => plot::dot,
        Some("png") => {
            let drawing = plot::png(&args.described.graph()?)
                .map_err(|e| Error::file(out, e, "choose .svg instead"))?;
            picture::write_png(out, &drawing)?;
            return print(&format!("wrote {}\n", out.display()));
        }
        _ => {
            let message = "unknown format of the drawing; end --out in .svg, .png or .dot";
            return Err(Failure::Usage(format!("{}: {message}", out.display())));
        }
    };
    atomic_file::write(out, draw(&args.described.graph()?).as_bytes())?;
    print(&format!("wrote {}\n", out.display()))
}
