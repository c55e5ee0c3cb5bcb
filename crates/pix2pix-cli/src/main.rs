//! The `pix2pix` program.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: pix2pix_cli::Allocator = pix2pix_cli::Allocator;

fn main() -> ExitCode {
    ExitCode::from(pix2pix_cli::run(std::env::args_os()))
}
