//! Shared by several tests.

use burn::tensor::Device;
use pix2pix::device::{self, DeviceKind, Precision};

/// The first available device of each kind, the CPU first. A build for cards fails without a card; `tools/check_features` runs
/// one in software.
pub fn devices() -> Vec<Device> {
    let kinds = device::list().into_iter();
    let there = kinds.filter_map(|kind| match kind {
        DeviceKind::There(found) => Some(found[0].name),
        DeviceKind::Absent { .. } => None,
    });
    let devices: Vec<Device> = there
        .map(|name| name.open(Precision::F32).unwrap())
        .collect();
    let cards = cfg!(any(feature = "cuda", feature = "wgpu"));
    assert!(devices.len() > usize::from(cards), "there is no card");
    devices
}
