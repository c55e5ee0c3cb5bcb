//! The errors of a training that cannot go on.

use super::{Training, fit};
use crate::backend::device;
use crate::error::{Error, Result};
use crate::train::losses::Diverged;

/// Advice for losses or gradients that are not finite.
const ADVICE: &str =
    "start again with a lower `lr`, or check `range` if the pictures are floating-point";

impl Training<'_> {
    /// Runs the work of a step on the device, and converts a failure of the device to an error.
    pub(super) fn on_device<T>(&self, step: u64, work: impl FnOnce() -> T) -> Result<T> {
        let name = self.config.device;
        device::guarded(name, work).map_err(|reason| {
            let reason = match reason.to_lowercase().contains("memory") {
                true => {
                    let advice = fit::advice(self.config, device::card_memory(&self.device));
                    format!("out of memory; {advice}")
                }
                false => format!("{reason}; check its driver, or use `device` cpu"),
            };
            Error::Device(format!("device {name}: step {step}: {reason}"))
        })
    }

    /// The error for a loss or a gradient that is not finite.
    pub(super) fn diverged(&self, step: u64, Diverged { quantity }: &Diverged) -> Error {
        let reason = format!("step {step}: {quantity} is no longer finite");
        self.cannot_go_on(&reason, ADVICE)
    }

    /// The error for processes of a group whose weights differ.
    pub(super) fn apart(&self, step: u64, reason: &str) -> Error {
        let advice = "check the machines for faulty memory and for different kinds of processors, then continue \
                      with `run::resume`";
        self.cannot_go_on(&format!("step {step}: {reason}"), advice)
    }

    /// The error for training that cannot continue. It names the newest checkpoint.
    fn cannot_go_on(&self, reason: &str, advice: &str) -> Error {
        let remedy = match self.folder.newest() {
            Ok(Some((_, good))) => {
                format!("the last good checkpoint is {}; {advice}", good.display())
            }
            _ => format!("there is no checkpoint yet; {advice}"),
        };
        Error::file(self.folder.root(), reason, remedy)
    }
}
