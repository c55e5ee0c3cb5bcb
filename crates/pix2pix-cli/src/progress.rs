//! Progress of a training: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`. The page of a training has the
//! lines in any case.

use std::cell::Cell;
use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use pix2pix::run::Metrics;
use pix2pix_server::Training;

use crate::output::tell;

/// A bar for pairs that are translated, on a terminal.
pub fn of_pairs(count: usize, message: String) -> ProgressBar {
    let bar = match stderr().is_terminal() {
        true => ProgressBar::new(count as u64),
        false => ProgressBar::hidden(),
    };
    let template = "{bar:24} {pos}/{len}  {per_sec}  {eta} left  {msg}";
    bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
    bar.set_message(message);
    bar
}

/// The progress display of one training.
pub struct Progress {
    steps: u64,
    /// Time and number of the first step since this process started.
    first: Cell<Option<(Instant, u64)>>,
    display: Display,
    /// The training's page.
    page: Option<Arc<Training>>,
}

enum Display {
    Bar(ProgressBar),
    Lines,
    Quiet,
}

impl Progress {
    /// A display for `steps` steps on standard error, and on the training's page.
    pub fn new(steps: u64, quiet: bool, page: Option<Arc<Training>>) -> Self {
        let display = if quiet {
            Display::Quiet
        } else if stderr().is_terminal() {
            let bar = ProgressBar::new(steps);
            // two lines, to fit 80 columns
            let template = "{bar:24} {pos}/{len}  {prefix}\n{wide_msg}";
            bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
            Display::Bar(bar)
        } else {
            Display::Lines
        };
        Self {
            steps,
            first: Cell::new(None),
            display,
            page,
        }
    }

    /// Prints a line above the bar, or a plain line.
    pub fn say(&self, text: &str) {
        if let Some(page) = &self.page {
            page.said(text);
        }
        match &self.display {
            Display::Bar(bar) => bar.println(text),
            Display::Lines => tell(text),
            Display::Quiet => {}
        }
    }

    /// Updates the bar after a step.
    pub fn step(&self, metrics: Metrics) {
        let pace = self.pace(metrics);
        if let Display::Bar(bar) = &self.display {
            bar.set_position(metrics.step);
            bar.set_prefix(pace);
            bar.set_message(losses(metrics));
        }
    }

    /// Prints a line for a logged step, if there is no terminal.
    pub fn logged(&self, metrics: Metrics) {
        let is_told = matches!(self.display, Display::Lines);
        if !is_told && self.page.is_none() {
            return;
        }
        let (pace, losses) = (self.pace(metrics), losses(metrics));
        let line = format!("step {}/{}  {pace}  {losses}", metrics.step, self.steps);
        if is_told {
            tell(&line);
        }
        if let Some(page) = &self.page {
            page.said(&line);
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Display::Bar(bar) = &self.display {
            bar.finish_and_clear();
        }
    }

    fn pace(&self, metrics: Metrics) -> String {
        let (start, first) = self.first.get().unwrap_or((Instant::now(), metrics.step));
        self.first.set(Some((start, first)));
        if metrics.step == first {
            return format!("epoch {}", metrics.epoch);
        }
        let rate = (metrics.step - first) as f64 / start.elapsed().as_secs_f64().max(1e-9);
        let left = Duration::from_secs_f64((self.steps - metrics.step) as f64 / rate);
        let left = HumanDuration(left);
        format!("epoch {}  {rate:.2} steps/s  {left} left", metrics.epoch)
    }
}

fn losses(metrics: Metrics) -> String {
    let losses = metrics.losses;
    format!(
        "D real {:.3}  D fake {:.3}  G adv {:.3}  G L1 {:.3} (units of [-1, 1])",
        losses.d_real, losses.d_fake, losses.g_gan, losses.g_l1,
    )
}
