//! The devices that networks run on: the CPU and cards (GPUs).
//!
//! [`Device`] is where tensors are. [`DeviceName`] opens the one that a user names, [`list`] finds all, and
//! [`for_training`] adds autodiff.
//!
//! ```
//! use pix2pix::device::{DeviceName, Precision, for_training};
//!
//! let name: DeviceName = "cpu".parse().expect("a name"); // or auto, cuda, cuda:1, wgpu
//! let device = name.open(Precision::F32)?;
//! assert!(for_training(&device, false).is_autodiff());
//! # Ok::<(), pix2pix::Error>(())
//! ```

use std::error::Error as _;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::thread::available_parallelism;

#[cfg(feature = "_card")]
use burn::backend::DispatchDevice;
#[cfg(feature = "_card")]
use burn::cubecl::ir::{ElemType, FloatKind};
pub use burn::tensor::Device;
use burn::tensor::{FloatDType, Tensor, TensorData};
pub use pix2pix_kernels::Limit;
use pix2pix_runtime::pool;
pub use pix2pix_runtime::pool::in_pool;
use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, System};

use crate::backend::limits::MOST_THREADS;
pub use crate::backend::precision::Precision;
use crate::caught::caught_anywhere;
use crate::choice::UnknownName;
use crate::error::{Error, Result, for_threads, within};
use crate::words;

/// Sets the number of CPU threads for the whole program, 0 for all cores (or as many as `RAYON_NUM_THREADS` says), and returns
/// it. Once the threads have started, 0 keeps their number.
///
/// # Errors
/// When they have started, and are to be another number; the system does not start so many; or they have started in the
/// process that this one was forked from.
pub fn set_threads(threads: usize) -> Result<usize> {
    within("threads", threads, 0..=MOST_THREADS)?;
    let count = match threads {
        0 => default_threads(),
        given => given,
    };
    let started = pool::start(count);
    // the system's reason, which "already started" does not have
    let refused = started.as_ref().err().and_then(|e| e.source());
    if let Some(reason) = refused.and_then(|reason| reason.downcast_ref()) {
        return Err(not_started(threads, count, reason));
    }
    match started {
        Err(_) if pool::is_forked() => Err(Error::Device(
            "this process was forked from one that computes, whose threads it does not have; start a new process (in \
             Python, multiprocessing does with its start method spawn)"
                .to_string(),
        )),
        Err(_) if ![0, rayon::current_num_threads()].contains(&threads) => {
            let running = rayon::current_num_threads();
            Err(Error::field(
                "threads",
                format!(
                    "is {threads}, but this process already computes with {running}, which is fixed; start a new process"
                ),
            ))
        }
        _ => Ok(rayon::current_num_threads()),
    }
}

/// The number of CPU threads that compute in this process, after [`set_threads`].
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// The number of cores that this process may use; 1 if the system does not say.
pub fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// As many threads as rayon would start by itself, within our limit.
fn default_threads() -> usize {
    let asked = std::env::var("RAYON_NUM_THREADS");
    let asked = asked.ok().and_then(|asked| asked.parse().ok());
    let count = asked.filter(|&asked| asked > 0).unwrap_or_else(cores);
    count.min(MOST_THREADS)
}

/// The error when the system does not start so many threads, of which `threads` were asked for, 0 for all cores.
fn not_started(threads: usize, count: usize, reason: &io::Error) -> Error {
    let remedy = match threads {
        0 | 1 => for_threads(reason),
        _ => "give fewer `threads`",
    };
    let threads = words::count(count as u64, "thread");
    Error::Device(format!(
        "cannot start {threads} for the computation: {reason}; {remedy}"
    ))
}

/// Limits the instructions that this process's kernels use, to compare with processors that have fewer.
///
/// # Errors
/// When this processor lacks them, or kernels have run.
pub fn limit_instructions(limit: Limit) -> Result<()> {
    pix2pix_kernels::set_limit(limit).map_err(Error::Device)
}

/// Runs `work` on a device. When a card runs out of memory or its driver fails, Burn panics; the message of that panic
/// is returned as the error.
pub(crate) fn guarded<T>(
    device: DeviceName,
    work: impl FnOnce() -> T,
) -> std::result::Result<T, String> {
    if !device.is_card() {
        return Ok(work());
    }
    caught_anywhere(work)
}

/// The device for training, with autodiff. It keeps activations for backward passes, or, with `recompute`, computes
/// the cheap ones again (gradient checkpointing).
pub fn for_training(device: &Device, recompute: bool) -> Device {
    let device = device.clone().autodiff();
    match recompute {
        true => device.gradient_checkpointing(),
        false => device,
    }
}

/// A tensor without autodiff as a constant on `device`, which has autodiff.
pub(crate) fn constant<const D: usize>(tensor: Tensor<D>, device: &Device) -> Tensor<D> {
    let strategy = device.gradient_checkpointing_strategy();
    let strategy = strategy.expect("a device with autodiff");
    // all tensors of an operation need the same strategy
    Tensor::from_inner(tensor).with_gradient_checkpointing_strategy(strategy)
}

/// A tensor without autodiff.
pub(crate) fn inner<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    match tensor.device().is_autodiff() {
        true => tensor.inner(),
        false => tensor,
    }
}

/// Whether a device, with or without autodiff, is a card.
pub(crate) fn is_card(device: &Device) -> bool {
    device.clone().without_autodiff() != Device::flex()
}

/// Values on a device, in the memory order in which its convolutions read pictures and weights.
pub(crate) fn placed<const D: usize>(values: TensorData, device: &Device) -> Tensor<D> {
    #[cfg(feature = "_card")]
    if is_card(device) {
        let placed = crate::backend::card::placed(values, &device.clone().without_autodiff());
        return match device.is_autodiff() {
            true => constant(placed, device),
            false => placed,
        };
    }
    Tensor::from_data(values, device)
}

/// A device as a user names it: `auto`, `cpu`, `cuda`, `cuda:1`, `wgpu`, `wgpu:1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DeviceName {
    /// The fastest available device: an NVIDIA card, another card, or the CPU.
    Auto,
    /// Burn's Flex backend; always available.
    #[default]
    Cpu,
    /// An NVIDIA card by its index; needs the feature `cuda`.
    Cuda(usize),
    /// A Vulkan, Metal or DirectX adapter by its index; needs the feature `wgpu`.
    Wgpu(usize),
}

/// An available device.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its name on the command line.
    pub name: DeviceName,
    /// The name of the hardware.
    pub hardware: String,
    /// Its memory in bytes, if known.
    pub memory: Option<u64>,
}

/// The devices of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum DeviceKind {
    /// The available devices.
    There(Vec<Found>),
    /// No device of this kind is available.
    Absent {
        /// The kind's name.
        kind: &'static str,
        /// The reason and the remedy.
        reason: String,
    },
}

/// Lists the devices of all kinds, the CPU first. Opens each device.
pub fn list() -> Vec<DeviceKind> {
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
        Ok(devices) => DeviceKind::There(
            (0..)
                .zip(&devices)
                .map(|(index, device)| Found {
                    name: name(index),
                    hardware: hardware(device),
                    memory: card_memory(device),
                })
                .collect(),
        ),
        Err(reason) => DeviceKind::Absent { kind, reason },
    };
    vec![
        DeviceKind::There(vec![cpu]),
        cards("cuda", DeviceName::Cuda),
        cards("wgpu", DeviceName::Wgpu),
    ]
}

/// The name of the processor.
pub fn processor() -> String {
    let brand = System::new().ok().and_then(|mut system| {
        system.refresh_cpu_specifics(CpuRefreshKind::nothing());
        Some(system.cpus().first()?.brand().trim().to_string())
    });
    let brand = brand.filter(|brand| !brand.is_empty());
    brand.unwrap_or_else(|| std::env::consts::ARCH.to_string())
}

/// The memory of a card in bytes, if its driver reports it.
pub(crate) fn card_memory(device: &Device) -> Option<u64> {
    #[cfg(feature = "_card")]
    if let Some(address) = device.identity()?.physical?.pci_address {
        let address = address.to_string();
        // AMD's Linux driver has a file for it, NVIDIA's a library
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

/// The reason why there is no NVIDIA card, and the remedy.
#[cfg(feature = "cuda")]
fn no_cuda() -> String {
    let version = nvml_wrapper::Nvml::init().and_then(|nvml| nvml.sys_driver_version());
    match version {
        // the driver is installed, but finds no usable card
        Ok(version) => format!(
            "the NVIDIA driver {version} finds no usable card, or is too old; update the driver or use \
             `device` cpu"
        ),
        Err(_) => "no NVIDIA card or no driver for it was found; install the driver (nvidia-smi must list the card) \
                   or use `device` cpu"
            .to_string(),
    }
}

/// The name of a card, as its driver reports it.
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
    /// Whether this is a card.
    pub fn is_card(self) -> bool {
        matches!(self, Self::Cuda(_) | Self::Wgpu(_))
    }

    /// The device of process `index` on this machine: each process uses its own card, counted from this one.
    pub fn for_process(self, index: usize) -> Self {
        match self {
            Self::Cuda(first) => Self::Cuda(first + index),
            Self::Wgpu(first) => Self::Wgpu(first + index),
            other => other,
        }
    }

    /// Replaces `auto` by the fastest available device that supports `arithmetic`. Other names stay as they are.
    pub fn resolved(self, arithmetic: Precision) -> Self {
        if self != Self::Auto {
            return self;
        }
        let has = |device: &Device| has(device, arithmetic);
        if Self::Cuda(0).all().is_ok_and(|cards| has(&cards[0])) {
            return Self::Cuda(0);
        }
        let adapters = Self::Wgpu(0).all().unwrap_or_default();
        // an adapter in software is slower than the CPU itself
        let card = adapters
            .iter()
            .position(|card| is_hardware(card) && has(card));
        card.map_or(Self::Cpu, Self::Wgpu)
    }

    /// All devices of this kind. The error is the reason why there are none, with a remedy.
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
                    "no Vulkan, Metal or DirectX driver was found; install one (on Debian: mesa-vulkan-drivers) or \
                     use `device` cpu"
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

    /// Opens the device, without autodiff, for networks with this arithmetic.
    ///
    /// # Errors
    /// When this build does not support the device, the device is missing or lacks the arithmetic, or the environment
    /// asks for unknown CPU instructions.
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
                "device {name}: the highest index is {}; pix2pix devices lists all devices",
                count - 1
            )));
        }
        opened(name, devices.swap_remove(index), arithmetic)
    }
}

/// Returns a device that supports an arithmetic.
fn opened(name: DeviceName, device: Device, arithmetic: Precision) -> Result<Device> {
    if !has(&device, arithmetic) {
        let instead = match name.is_card() {
            true => "`precision` f32 or `device` cpu",
            false => "`precision` f32 or `precision` bf16",
        };
        return Err(Error::Device(format!(
            "device {name} does not support {arithmetic} arithmetic; use {instead}"
        )));
    }
    Ok(device)
}

/// Whether a device supports an arithmetic.
fn has(device: &Device, arithmetic: Precision) -> bool {
    match arithmetic {
        Precision::F32 => true,
        Precision::Tf32 => has_tf32(device),
        Precision::Bf16 => !is_card(device) || device.supports_dtype(FloatDType::BF16),
    }
}

/// Whether a device has tensor cores for TF32.
pub(crate) fn has_tf32(device: &Device) -> bool {
    #[cfg(feature = "_card")]
    if let DispatchDevice::Cube(card) = device.as_dispatch() {
        let tf32 = ElemType::Float(FloatKind::TF32);
        return card.client().properties().supports_type(tf32);
    }
    let _ = device;
    false
}

/// The reason for a device whose feature is not compiled, and the remedy.
#[cfg(not(all(feature = "cuda", feature = "wgpu")))]
fn not_built(feature: &str) -> String {
    format!(
        "this program was built without it; use `device` cpu or build with `feature = \"{feature}\"`"
    )
}

/// Whether a card is hardware, and not software that emulates one.
fn is_hardware(device: &Device) -> bool {
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
    type Err = UnknownName;

    fn from_str(name: &str) -> std::result::Result<Self, UnknownName> {
        let (kind, index) = name.split_once(':').unwrap_or((name, "0"));
        match (kind, index.parse()) {
            ("auto", _) if name == kind => Ok(Self::Auto),
            ("cpu", _) if name == kind => Ok(Self::Cpu),
            ("cuda", Ok(index)) => Ok(Self::Cuda(index)),
            ("wgpu", Ok(index)) => Ok(Self::Wgpu(index)),
            _ => Err(UnknownName {
                kind: "device",
                name: name.to_string(),
                choices: vec!["auto", "cpu", "cuda", "cuda:N", "wgpu", "wgpu:N"],
            }),
        }
    }
}

impl TryFrom<String> for DeviceName {
    type Error = UnknownName;

    fn try_from(name: String) -> std::result::Result<Self, UnknownName> {
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
    fn threads_that_are_not_started_are_counted() {
        let told = |threads, count| {
            let reason = io::Error::other("no more");
            not_started(threads, count, &reason).to_string()
        };
        let begin = "cannot start 8 threads for the computation: no more; ";
        let limit = "raise the limit on processes (ulimit -u)";
        assert_eq!(told(0, 8), format!("{begin}{limit}"));
        assert_eq!(told(8, 8), format!("{begin}give fewer `threads`"));
        // fewer than one is none
        let begin = "cannot start 1 thread for the computation: no more; ";
        assert_eq!(told(1, 1), format!("{begin}{limit}"));
    }

    #[test]
    fn what_a_card_dies_of_is_told() {
        let died = guarded(DeviceName::Cuda(0), || -> u8 {
            panic!("out of memory: {} bytes", 7)
        });
        assert_eq!(died, Err("out of memory: 7 bytes".to_string()));
        assert_eq!(guarded(DeviceName::Wgpu(0), || 7), Ok(7));
    }
}
