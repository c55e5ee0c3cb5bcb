//! Options for threads, device and precision, shared by all commands that run networks.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args, Command};
use pix2pix::device::{DeviceName, Precision};

use crate::choice::choice;

/// Options for threads, device and precision.
#[derive(Args)]
pub struct MachineArgs {
    /// CPU threads; 0 for all cores
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub threads: usize,
    /// Device: auto (the fastest available), cpu, cuda, cuda:N, wgpu or wgpu:N; `pix2pix devices` lists them
    #[arg(long, default_value = "cpu", value_parser = Device, hide_possible_values = true)]
    pub device: DeviceName,
    /// Arithmetic of the convolutions
    #[arg(long, value_parser = choice::<Precision>(), default_value_t = Precision::F32)]
    pub precision: Precision,
}

/// Parses the name of a device. Shells complete those without a number.
#[derive(Clone)]
struct Device;

impl TypedValueParser for Device {
    type Value = DeviceName;

    fn parse_ref(
        &self,
        command: &Command,
        option: Option<&Arg>,
        value: &OsStr,
    ) -> Result<DeviceName, clap::Error> {
        let parser = StringValueParser::new().try_map(|name| name.parse::<DeviceName>());
        parser.parse_ref(command, option, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = ["auto", "cpu", "cuda", "wgpu"];
        Some(Box::new(names.into_iter().map(PossibleValue::new)))
    }
}
