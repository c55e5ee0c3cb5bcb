//! What a person sees of a training: a bar at a terminal, plain lines elsewhere, nothing when quiet.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use pix2pix::run::Metrics;

/// The display of one training.
pub struct Progress {
    steps: u64,
    display: Display,
}

enum Display {
    Bar(ProgressBar),
    Lines,
    Quiet,
}

impl Progress {
    /// A display for `steps` steps on standard error.
    pub fn new(steps: u64, quiet: bool) -> Self {
        let display = if quiet {
            Display::Quiet
        } else if stderr().is_terminal() {
            let bar = ProgressBar::new(steps);
            let template = "{bar:24} {pos}/{len}  {msg}";
            bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
            Display::Bar(bar)
        } else {
            Display::Lines
        };
        Self { steps, display }
    }

    /// Says something that stays.
    pub fn say(&self, text: &str) {
        match &self.display {
            Display::Bar(bar) => bar.println(text),
            Display::Lines => eprintln!("{text}"),
            Display::Quiet => {}
        }
    }

    /// Shows a step at a terminal.
    pub fn step(&self, metrics: Metrics) {
        if let Display::Bar(bar) = &self.display {
            bar.set_position(metrics.step);
            bar.set_message(self.describe(metrics));
        }
    }

    /// Shows a logged step where there is no terminal.
    pub fn logged(&self, metrics: Metrics) {
        if let Display::Lines = self.display {
            eprintln!(
                "step {}/{}  {}",
                metrics.step,
                self.steps,
                self.describe(metrics)
            );
        }
    }

    /// Ends the display.
    pub fn finish(&self) {
        if let Display::Bar(bar) = &self.display {
            bar.finish_and_clear();
        }
    }

    fn describe(&self, metrics: Metrics) -> String {
        let losses = metrics.losses;
        let rate = metrics.step as f64 / metrics.seconds.max(1e-9);
        let left = Duration::from_secs_f64((self.steps - metrics.step) as f64 / rate);
        format!(
            "epoch {}  {rate:.2} steps/s  {} left  D real {:.3}  D fake {:.3}  G adv {:.3}  G L1 {:.3}",
            metrics.epoch,
            HumanDuration(left),
            losses.d_real,
            losses.d_fake,
            losses.g_gan,
            losses.g_l1,
        )
    }
}
