//! Progress bars, and the progress of a training: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`. The page of
//! a training has the lines in any case. A program that embeds the training shows its lines itself.

use std::cell::Cell;
use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pix2pix::run::Metrics;
use pix2pix::{RunConfig, escaped};
use pix2pix_server::LiveTraining;

use crate::output::{plain, tell};
use crate::screen;
use crate::words::length_of;

/// A bar of this length, if it is known yet, on a terminal; none elsewhere, or if `quiet`. `rest` is the template of what stands
/// behind the bar.
pub fn bar(length: Option<u64>, rest: &str, quiet: bool) -> ProgressBar {
    let target = match stderr().is_terminal() && !quiet {
        true => screen::target(),
        false => ProgressDrawTarget::hidden(),
    };
    let style = ProgressStyle::with_template(&format!("{{bar:24}} {rest}"));
    ProgressBar::with_draw_target(length, target).with_style(style.expect("a valid template"))
}

/// A bar for pairs that are translated.
pub fn of_pairs(count: usize, message: String) -> ProgressBar {
    let rest = "{pos}/{len}  {per_sec}  {eta} left  {msg}";
    let bar = bar(Some(count as u64), rest, false);
    bar.set_message(escaped(&message));
    bar
}

/// A line of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line<'a> {
    /// What the user should know, such as a note or the path of a checkpoint.
    Said(&'a str),
    /// How far the training is, with its losses: each such line replaces the one before.
    Progress(&'a str),
}

/// Where the lines of a training go.
#[derive(Clone, Copy)]
pub enum Lines<'a> {
    /// To standard error, with a bar on a terminal.
    Stderr,
    /// Nowhere.
    Nowhere,
    /// To the program that embeds the training.
    Passed(&'a dyn Fn(Line)),
}

impl Lines<'_> {
    /// Passes on a line of the time before the first step.
    pub fn say(&self, text: &str) {
        match self {
            Self::Stderr => tell(text),
            Self::Nowhere => {}
            Self::Passed(show) => show(Line::Said(&plain(text))),
        }
    }
}

/// The progress display of one training.
pub struct Progress<'a> {
    /// Number of steps; `None` for a run that ends after a length of time.
    steps: Option<u64>,
    /// Time left of such a run.
    left: Cell<Duration>,
    /// Time and number of the first step since this process started.
    first: Cell<Option<(Instant, u64)>>,
    /// Whether the targets are label maps.
    is_of_labels: bool,
    display: Display<'a>,
    /// The training's page.
    page: Option<Arc<LiveTraining>>,
}

enum Display<'a> {
    Bar(ProgressBar),
    Lines(Lines<'a>),
}

impl<'a> Progress<'a> {
    /// A display where the lines go, and on the training's page, for the steps of a run, or for its length of time.
    pub fn new(config: &RunConfig, lines: Lines<'a>, page: Option<Arc<LiveTraining>>) -> Self {
        let steps = config.steps;
        let time = config.time.map(Duration::from_secs_f64);
        let length = time.map_or(steps, |time| time.as_secs());
        // two lines, to fit 80 columns
        let rest = match time {
            Some(_) => "{prefix}\n{wide_msg}",
            None => "{pos}/{len}  {prefix}\n{wide_msg}",
        };
        let bar = bar(Some(length), rest, !matches!(lines, Lines::Stderr));
        // a terminal whose cursor does not move (TERM=dumb) has none either
        let display = match bar.is_hidden() {
            true => Display::Lines(lines),
            false => Display::Bar(bar),
        };
        Self {
            steps: time.is_none().then_some(steps),
            left: Cell::new(time.unwrap_or_default()),
            first: Cell::new(None),
            is_of_labels: config.target.labels.is_some(),
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
            // a line is kept for its reader, unlike what is drawn
            Display::Bar(bar) => bar.suspend(|| tell(text)),
            Display::Lines(lines) => lines.say(text),
        }
    }

    /// Notes the time left.
    pub fn left(&self, time: Duration) {
        self.left.set(time);
        if let Display::Bar(bar) = &self.display {
            let whole = bar.length().unwrap_or_default();
            bar.set_position(whole.saturating_sub(time.as_secs()));
        }
    }

    /// Updates the bar after a step.
    pub fn step(&self, metrics: Metrics) {
        let pace = self.pace(metrics);
        if let Display::Bar(bar) = &self.display {
            match self.steps {
                Some(_) => {
                    bar.set_position(metrics.step);
                    bar.set_prefix(pace);
                }
                None => bar.set_prefix(format!("step {}  {pace}", metrics.step)),
            }
            bar.set_message(self.losses(metrics));
        }
    }

    /// Passes on a line for a logged step, if there is no bar.
    pub fn logged(&self, metrics: Metrics) {
        let is_shown = matches!(
            self.display,
            Display::Lines(Lines::Stderr | Lines::Passed(_))
        );
        if !is_shown && self.page.is_none() {
            return;
        }
        let (pace, losses) = (self.pace(metrics), self.losses(metrics));
        let of = self
            .steps
            .map_or(String::new(), |steps| format!("/{steps}"));
        let line = format!("step {}{of}  {pace}  {losses}", metrics.step);
        match self.display {
            Display::Lines(Lines::Stderr) => tell(&line),
            Display::Lines(Lines::Passed(show)) => show(Line::Progress(&line)),
            Display::Lines(Lines::Nowhere) | Display::Bar(_) => {}
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
        let left = match self.steps {
            Some(steps) => Duration::from_secs_f64((steps - metrics.step) as f64 / rate),
            None => self.left.get(),
        };
        let left = length_of(left.as_secs_f64());
        format!("epoch {}  {rate:.2} steps/s  {left} left", metrics.epoch)
    }

    fn losses(&self, metrics: Metrics) -> String {
        let losses = metrics.losses;
        format!(
            "D real {:.3}  D fake {:.3}  G adv {:.3}  G L1 {}",
            losses.d_real,
            losses.d_fake,
            losses.g_gan,
            metrics.shown_l1(self.is_of_labels),
        )
    }
}
