//! The time that each part of a training step takes.

use std::cell::Cell;
use std::time::Instant;

use serde::Serialize;

/// The time of each part of a step, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Parts {
    /// The generator's forward pass.
    pub generator_forward: f64,
    /// The discriminator's forward passes on the real and the generated pair.
    pub discriminator_forward: f64,
    /// The discriminator's backward pass.
    pub discriminator_backward: f64,
    /// The discriminator's update.
    pub discriminator_update: f64,
    /// The frozen discriminator's forward pass.
    pub composite_forward: f64,
    /// The generator's backward pass, through the discriminator.
    pub generator_backward: f64,
    /// The generator's update.
    pub generator_update: f64,
}

impl Parts {
    /// The parts with their names, in order.
    pub fn named(&self) -> [(&'static str, f64); 7] {
        [
            ("generator forward", self.generator_forward),
            ("discriminator forward", self.discriminator_forward),
            ("discriminator backward", self.discriminator_backward),
            ("discriminator update", self.discriminator_update),
            ("composite forward", self.composite_forward),
            ("generator backward", self.generator_backward),
            ("generator update", self.generator_update),
        ]
    }

    /// Adds one of `steps` measurements to their mean.
    pub fn add(&mut self, other: Self, steps: usize) {
        let share = |mean: &mut f64, part: f64| *mean += part / steps as f64;
        share(&mut self.generator_forward, other.generator_forward);
        share(&mut self.discriminator_forward, other.discriminator_forward);
        share(
            &mut self.discriminator_backward,
            other.discriminator_backward,
        );
        share(&mut self.discriminator_update, other.discriminator_update);
        share(&mut self.composite_forward, other.composite_forward);
        share(&mut self.generator_backward, other.generator_backward);
        share(&mut self.generator_update, other.generator_update);
    }
}

/// Measures the parts of a step. On a device that runs asynchronously, this is only the time to queue the work.
pub(super) struct Clock {
    last: Cell<Instant>,
    parts: Cell<Parts>,
}

impl Clock {
    /// Starts the clock.
    pub fn start() -> Self {
        Self {
            last: Cell::new(Instant::now()),
            parts: Cell::default(),
        }
    }

    /// Restarts the clock for another step.
    pub fn restart(&self) {
        self.last.set(Instant::now());
        self.parts.take();
    }

    /// Adds the time since the last call to a part.
    pub fn lap(&self, part: impl FnOnce(&mut Parts) -> &mut f64) {
        let last = self.last.replace(Instant::now());
        let mut parts = self.parts.get();
        *part(&mut parts) += (self.last.get() - last).as_secs_f64();
        self.parts.set(parts);
    }

    /// The times of the step.
    pub fn parts(&self) -> Parts {
        self.parts.get()
    }
}
