//! Options for threads, device and precision, shared by all commands that run networks.

use clap::Args;
use pix2pix::device::{DeviceName, Precision};

/// Options for threads, device and precision.
#[derive(Args)]
pub struct MachineArgs {
    /// CPU threads; 0 for all cores
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub threads: usize,
    /// Device: auto (the fastest available), cpu, cuda, cuda:N, wgpu or wgpu:N; `pix2pix devices` lists them
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
    /// Arithmetic of the convolutions: f32, tf32 (NVIDIA GPUs since Ampere) or bf16
    #[arg(long, default_value = "f32")]
    pub precision: Precision,
}
