//! `pix2pix translate`.

mod args;
mod deviation;
mod files;
mod inputs;
mod large;
mod make;
mod metadata;
mod notes;
mod parts;
mod pictures;
mod setup;
mod shown;
mod slices;
mod stream;
mod y4m;

use pix2pix::Translator;
use pix2pix::device::set_threads;

use crate::failure::Failure;

pub use args::{Args, EXAMPLES};

/// Translates every input: files, or the frames of a video.
///
/// # Errors
/// If the options exclude each other, the model cannot be read, or an input is not translated.
pub fn run(args: Args) -> Result<(), Failure> {
    args.check()?;
    set_threads(args.machine.threads)?;
    let device = args.machine.device.open(args.machine.precision)?;
    let load = || {
        let model = args.best.find(&args.model)?;
        Translator::load_on(&model, device, args.machine.precision)
    };
    match &args.out {
        Some(out) => files::run(&args, out, load),
        None => stream::run(&args, &load()?),
    }
}
