//! Options that say where and how the networks compute, shared by all commands that run them.

use clap::{Args, ValueEnum};
use pix2pix::config::Precision;
use pix2pix::device::DeviceName;

/// The machine's options.
#[derive(Args)]
pub struct MachineArgs {
    /// CPU threads; 0 for all cores
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub threads: usize,
    /// Device: cpu, cuda, cuda:N, wgpu or wgpu:N
    #[arg(long, default_value = "cpu")]
    pub device: DeviceName,
    /// Arithmetic
    #[arg(long, value_enum, default_value_t = PrecisionName::F32)]
    precision: PrecisionName,
}

/// A precision's name.
#[derive(Clone, Copy, ValueEnum)]
enum PrecisionName {
    /// 32-bit floating point
    F32,
}

impl MachineArgs {
    /// The arithmetic.
    pub fn precision(&self) -> Precision {
        match self.precision {
            PrecisionName::F32 => Precision::F32,
        }
    }
}
