//! The `pix2pix` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(pix2pix_cli::run(std::env::args_os()))
}
