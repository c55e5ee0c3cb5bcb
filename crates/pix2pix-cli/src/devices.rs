//! `pix2pix devices`.

use pix2pix::device::{DeviceKind, Found, list};
use pix2pix::network::summary::memory;
use pix2pix::text_table::headed;

use crate::failure::{Failure, print};
use crate::flags;

/// Prints the devices found, and for each kind without one the reason.
pub fn run() -> Result<(), Failure> {
    let mut rows = Vec::new();
    for kind in list() {
        match kind {
            DeviceKind::There(found) => rows.extend(found.into_iter().map(row)),
            DeviceKind::Absent { kind, reason } => {
                rows.push([kind.to_string(), String::new(), flags::named(&reason)])
            }
        }
    }
    print(&headed(&["device", "memory", "hardware"], &rows, &[1]))
}

fn row(found: Found) -> [String; 3] {
    [
        found.name.to_string(),
        found.memory.map(memory).unwrap_or_default(),
        found.hardware,
    ]
}
