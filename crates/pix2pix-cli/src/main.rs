//! The `pix2pix` program.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: pix2pix_cli::OneLine = pix2pix_cli::OneLine;

fn main() -> ExitCode {
    ExitCode::from(pix2pix_cli::run(std::env::args_os()))
}
