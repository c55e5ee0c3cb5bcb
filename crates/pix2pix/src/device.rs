//! Where the networks run.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::precision::{self, Precision};

/// Sets the number of CPU threads for the whole program, 0 for all cores, and returns it.
///
/// # Errors
/// When it has been set before.
pub fn set_threads(threads: usize) -> Result<usize> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|e| Error::Config(format!("cannot use {threads} threads: {e}")))?;
    Ok(rayon::current_num_threads())
}

/// Does work on one of the CPU's threads, which saves it handing every parallel loop over and waiting.
pub fn in_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}

/// A device as a user names it: `cpu`, `cuda`, `cuda:1`, `wgpu`, `wgpu:1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DeviceName {
    /// Burn's Flex backend; always there.
    #[default]
    Cpu,
    /// An NVIDIA card by its index; needs the feature `cuda`.
    Cuda(usize),
    /// A Vulkan, Metal or DirectX card by its index; needs the feature `wgpu`.
    Wgpu(usize),
}

impl DeviceName {
    /// The device itself, without autodiff, for networks of this arithmetic.
    ///
    /// # Errors
    /// When this program was built without it, or it lacks the arithmetic.
    pub fn open(self, arithmetic: Precision) -> Result<Device> {
        if self != Self::Cpu && arithmetic != Precision::F32 {
            return Err(Error::Device(format!(
                "device {self} has no {arithmetic} arithmetic here; use --precision f32 or --device \
                 cpu"
            )));
        }
        precision::set(arithmetic);
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "cuda")]
            Self::Cuda(index) => Ok(Device::cuda(index)),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(0) => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(index) => Ok(Device::wgpu(burn::tensor::DeviceKind::DiscreteGpu(index))),
            #[cfg(not(all(feature = "cuda", feature = "wgpu")))]
            other => {
                let name = other.to_string();
                let feature = name.split(':').next().unwrap_or_default();
                Err(Error::Device(format!(
                    "device {name}: this program was built without it; use --device cpu or build \
                     with `cargo build --release --features {feature}`"
                )))
            }
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Wgpu(index) => write!(f, "wgpu:{index}"),
        }
    }
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let (kind, index) = name.split_once(':').unwrap_or((name, "0"));
        match (kind, index.parse()) {
            ("cpu", _) if name == kind => Ok(Self::Cpu),
            ("cuda", Ok(index)) => Ok(Self::Cuda(index)),
            ("wgpu", Ok(index)) => Ok(Self::Wgpu(index)),
            _ => Err("unknown device; use cpu, cuda, cuda:N, wgpu or wgpu:N".to_string()),
        }
    }
}

impl TryFrom<String> for DeviceName {
    type Error = String;

    fn try_from(name: String) -> std::result::Result<Self, String> {
        name.parse()
    }
}

impl From<DeviceName> for String {
    fn from(device: DeviceName) -> Self {
        device.to_string()
    }
}
