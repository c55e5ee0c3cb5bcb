//! Where the networks run.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::str::FromStr;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(feature = "_card")]
use burn::backend::DispatchDevice;
#[cfg(feature = "_card")]
use burn::cubecl::ir::{ElemType, FloatKind};
pub use burn::tensor::Device;
use burn::tensor::{FloatDType, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, System};

use crate::backend::precision::Factors;
pub use crate::backend::precision::Precision;
use crate::error::{Error, Result};

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

/// Does work on a device. Where it is a card, whose memory or driver may give up in the middle of it, the library below
/// panics: what it says is returned instead.
pub(crate) fn guarded<T>(
    device: DeviceName,
    work: impl FnOnce() -> T,
) -> std::result::Result<T, String> {
    if !device.is_card() {
        return Ok(work());
    }
    // one line is said, and not by the panic
    static HOOK: Once = Once::new();
    static GUARDED: AtomicUsize = AtomicUsize::new(0);
    HOOK.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if GUARDED.load(Ordering::Relaxed) == 0 {
                hook(panic);
            }
        }));
    });
    GUARDED.fetch_add(1, Ordering::Relaxed);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.fetch_sub(1, Ordering::Relaxed);
    done.map_err(|payload| {
        let said = payload.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| payload.downcast_ref::<&str>().copied());
        said.unwrap_or("it failed").to_string()
    })
}

/// The device to train on, which keeps what backward passes need, or with `recompute` computes again what is computed
/// fast.
pub fn for_training(device: &Device, recompute: bool) -> Device {
    let device = device.clone().autodiff();
    match recompute {
        true => device.gradient_checkpointing(),
        false => device,
    }
}

/// A tensor without autodiff as a constant on a device with it.
pub(crate) fn constant<const D: usize>(tensor: Tensor<D>, device: &Device) -> Tensor<D> {
    let strategy = device.gradient_checkpointing_strategy();
    let strategy = strategy.expect("a device with autodiff");
    // one operation takes tensors of one strategy only
    Tensor::from_inner(tensor).with_gradient_checkpointing_strategy(strategy)
}

/// A parameter's values on a device.
pub(crate) fn parameter<const D: usize>(values: TensorData, device: &Device) -> Tensor<D> {
    #[cfg(feature = "_card")]
    if *device != Device::flex() {
        let parameter = crate::backend::card::parameter(values, &device.clone().without_autodiff());
        return match device.is_autodiff() {
            true => constant(parameter, device),
            false => parameter,
        };
    }
    Tensor::from_data(values, device)
}

/// A device as a user names it: `auto`, `cpu`, `cuda`, `cuda:1`, `wgpu`, `wgpu:1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DeviceName {
    /// The fastest that is there: an NVIDIA card, another card, or the CPU.
    Auto,
    /// Burn's Flex backend; always there.
    #[default]
    Cpu,
    /// An NVIDIA card by its index; needs the feature `cuda`.
    Cuda(usize),
    /// A Vulkan, Metal or DirectX adapter by its index; needs the feature `wgpu`.
    Wgpu(usize),
}

/// A device that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// How it is named.
    pub name: DeviceName,
    /// What it calls itself.
    pub hardware: String,
    /// Its memory in bytes, where it tells.
    pub memory: Option<u64>,
}

/// What is there of one kind of devices.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// These.
    There(Vec<Found>),
    /// None, for this reason, with its remedy.
    Absent {
        /// The kind's name.
        kind: &'static str,
        /// Why, in a sentence.
        reason: String,
    },
}

/// All kinds of devices, the CPU first. It opens each.
pub fn list() -> Vec<Kind> {
    let memory = System::new().map(|mut system| {
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        system.total_memory()
    });
    let cpu = Found {
        name: DeviceName::Cpu,
        hardware: processor(),
        memory: memory.ok(),
    };
    let cards = |kind: &'static str, name: fn(usize) -> DeviceName| match name(0).all() {
        Ok(devices) => Kind::There(
            (0..)
                .zip(&devices)
                .map(|(index, device)| Found {
                    name: name(index),
                    hardware: hardware(device),
                    memory: card_memory(device),
                })
                .collect(),
        ),
        Err(reason) => Kind::Absent { kind, reason },
    };
    vec![
        Kind::There(vec![cpu]),
        cards("cuda", DeviceName::Cuda),
        cards("wgpu", DeviceName::Wgpu),
    ]
}

/// What the processor calls itself.
pub fn processor() -> String {
    let brand = System::new().ok().and_then(|mut system| {
        system.refresh_cpu_specifics(CpuRefreshKind::nothing());
        Some(system.cpus().first()?.brand().trim().to_string())
    });
    let brand = brand.filter(|brand| !brand.is_empty());
    brand.unwrap_or_else(|| std::env::consts::ARCH.to_string())
}

/// The memory of a card in bytes, where its driver tells.
pub(crate) fn card_memory(device: &Device) -> Option<u64> {
    #[cfg(feature = "_card")]
    if let Some(address) = device.identity()?.physical?.pci_address {
        let address = address.to_string();
        // AMD's driver for Linux has a file for it, NVIDIA's a library
        let file = format!("/sys/bus/pci/devices/{address}/mem_info_vram_total");
        let told = std::fs::read_to_string(file).ok();
        return told
            .and_then(|bytes| bytes.trim().parse().ok())
            .or_else(|| {
                let nvml = nvml_wrapper::Nvml::init().ok()?;
                let card = nvml.device_by_pci_bus_id(address).ok()?;
                Some(card.memory_info().ok()?.total)
            });
    }
    let _ = device;
    None
}

/// Why no NVIDIA card is to be had.
#[cfg(feature = "cuda")]
fn no_cuda() -> String {
    let version = nvml_wrapper::Nvml::init().and_then(|nvml| nvml.sys_driver_version());
    match version {
        // the driver is there, and finds no card that it can serve
        Ok(version) => format!(
            "the NVIDIA driver {version} has no card for this program, or is too old for it; update the driver, or use \
             --device cpu"
        ),
        Err(_) => "no NVIDIA card, or no driver for it, was found; install the driver (nvidia-smi must list the card) \
                   or use --device cpu"
            .to_string(),
    }
}

/// What a card calls itself.
fn hardware(device: &Device) -> String {
    #[cfg(feature = "_card")]
    if let Some(identity) = device.identity() {
        let software = match identity.physical {
            Some(_) => "",
            None => " (software)",
        };
        return format!("{}{software}", identity.name);
    }
    format!("{device:?}")
}

impl DeviceName {
    /// Whether it is no CPU.
    pub fn is_card(self) -> bool {
        matches!(self, Self::Cuda(_) | Self::Wgpu(_))
    }

    /// The device of one of several processes on a machine: each has a card of its own, counted from this one.
    pub fn for_process(self, index: usize) -> Self {
        match self {
            Self::Cuda(first) => Self::Cuda(first + index),
            Self::Wgpu(first) => Self::Wgpu(first + index),
            other => other,
        }
    }

    /// The device that `auto` means here, for networks of this arithmetic; any other means itself.
    pub fn resolved(self, arithmetic: Precision) -> Self {
        if self != Self::Auto {
            return self;
        }
        let has = |device: &Device| has(device, arithmetic);
        if Self::Cuda(0).all().is_ok_and(|cards| has(&cards[0])) {
            return Self::Cuda(0);
        }
        let adapters = Self::Wgpu(0).all().unwrap_or_default();
        // an adapter of software is slower than the CPU itself
        let card = adapters.iter().position(|card| is_card(card) && has(card));
        card.map_or(Self::Cpu, Self::Wgpu)
    }

    /// All devices of its kind; in words why there is none.
    fn all(self) -> std::result::Result<Vec<Device>, String> {
        let (devices, missing): (_, fn() -> String) = match self {
            Self::Auto | Self::Cpu => (vec![Device::flex()], String::new),
            #[cfg(feature = "cuda")]
            Self::Cuda(_) => (
                Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec(),
                no_cuda,
            ),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda(_) => return Err(not_built("cuda")),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(_) => (
                Device::enumerate(burn::tensor::DeviceType::Wgpu).into_vec(),
                || {
                    "no driver of Vulkan, Metal or DirectX was found; install one (for Debian mesa-vulkan-drivers) or \
                     use --device cpu"
                        .to_string()
                },
            ),
            #[cfg(not(feature = "wgpu"))]
            Self::Wgpu(_) => return Err(not_built("wgpu")),
        };
        if devices.is_empty() {
            return Err(missing());
        }
        Ok(devices)
    }

    /// The device itself, without autodiff, for networks of this arithmetic.
    ///
    /// # Errors
    /// When this program was built without it, it is not there, or it lacks the arithmetic; when the environment asks for
    /// CPU instructions that do not exist.
    pub fn open(self, arithmetic: Precision) -> Result<Device> {
        pix2pix_kernels::check_environment().map_err(Error::Device)?;
        let name = self.resolved(arithmetic);
        let mut devices = name
            .all()
            .map_err(|reason| Error::Device(format!("device {name}: {reason}")))?;
        let (Self::Cuda(index) | Self::Wgpu(index)) = name else {
            return opened(name, devices.remove(0), arithmetic);
        };
        if index >= devices.len() {
            let count = devices.len();
            return Err(Error::Device(format!(
                "device {name}: the indices of what is there end at {}; pix2pix devices lists them",
                count - 1
            )));
        }
        opened(name, devices.swap_remove(index), arithmetic)
    }
}

/// A device, if it computes in an arithmetic.
fn opened(name: DeviceName, device: Device, arithmetic: Precision) -> Result<Device> {
    if !has(&device, arithmetic) {
        let instead = match name.is_card() {
            true => "--precision f32 or --device cpu",
            false => "--precision f32 or --precision bf16",
        };
        return Err(Error::Device(format!(
            "device {name} has no {arithmetic} arithmetic; use {instead}"
        )));
    }
    Ok(device)
}

/// Whether a device computes in an arithmetic.
fn has(device: &Device, arithmetic: Precision) -> bool {
    match arithmetic {
        Precision::F32 => true,
        Precision::Tf32 => rounds_to_tf32(device),
        Precision::Bf16 => *device == Device::flex() || device.supports_dtype(FloatDType::BF16),
    }
}

/// The factors that convolutions of a precision multiply on a device, with autodiff or without.
pub(crate) fn factors(precision: Precision, device: &Device) -> Factors {
    Factors::of(
        precision,
        rounds_to_tf32(&device.clone().without_autodiff()),
    )
}

/// Whether a device has tensor cores for TF32, to which Burn's kernels then round the factors of a product in 32 bits.
fn rounds_to_tf32(device: &Device) -> bool {
    #[cfg(feature = "_card")]
    if let DispatchDevice::Cube(card) = device.as_dispatch() {
        let tf32 = ElemType::Float(FloatKind::TF32);
        return card.client().properties().supports_type(tf32);
    }
    let _ = device;
    false
}

/// Why a device of a feature that is not compiled is not there.
#[cfg(not(all(feature = "cuda", feature = "wgpu")))]
fn not_built(feature: &str) -> String {
    format!(
        "this program was built without it; use --device cpu or build with `cargo build --release --features {feature}`"
    )
}

/// Whether a device is a card, and no software that stands for one.
fn is_card(device: &Device) -> bool {
    #[cfg(feature = "_card")]
    return device
        .identity()
        .is_some_and(|identity| identity.physical.is_some());
    #[cfg(not(feature = "_card"))]
    {
        let _ = device;
        false
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
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
            ("auto", _) if name == kind => Ok(Self::Auto),
            ("cpu", _) if name == kind => Ok(Self::Cpu),
            ("cuda", Ok(index)) => Ok(Self::Cuda(index)),
            ("wgpu", Ok(index)) => Ok(Self::Wgpu(index)),
            _ => Err("unknown device; use auto, cpu, cuda, cuda:N, wgpu or wgpu:N".to_string()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_card_dies_of_is_told() {
        let died = guarded(DeviceName::Cuda(0), || -> u8 {
            panic!("out of memory: {} bytes", 7)
        });
        assert_eq!(died, Err("out of memory: 7 bytes".to_string()));
        assert_eq!(guarded(DeviceName::Wgpu(0), || 7), Ok(7));
    }
}
