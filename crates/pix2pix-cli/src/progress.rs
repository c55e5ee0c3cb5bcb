//! Progress of a training: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`. The page of a training has the
//! lines in any case. A program that embeds the training shows its lines itself.

use std::cell::Cell;
use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use pix2pix::escaped;
use pix2pix::run::Metrics;
use pix2pix_server::LiveTraining;

use crate::output::{plain, tell};

/// A bar for pairs that are translated, on a terminal.
pub fn of_pairs(count: usize, message: String) -> ProgressBar {
    let bar = match stderr().is_terminal() {
        true => ProgressBar::new(count as u64),
        false => ProgressBar::hidden(),
    };
    let template = "{bar:24} {pos}/{len}  {per_sec}  {eta} left  {msg}";
    bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
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
    display: Display<'a>,
    /// The training's page.
    page: Option<Arc<LiveTraining>>,
}

enum Display<'a> {
    Bar(ProgressBar),
    Lines(Lines<'a>),
}

impl<'a> Progress<'a> {
    /// A display where the lines go, and on the training's page, for `steps` steps, or for a length of time in seconds.
    pub fn new(
        steps: u64,
        time: Option<f64>,
        lines: Lines<'a>,
        page: Option<Arc<LiveTraining>>,
    ) -> Self {
        let time = time.map(Duration::from_secs_f64);
        let display = if matches!(lines, Lines::Stderr) && stderr().is_terminal() {
            let bar = ProgressBar::new(time.map_or(steps, |time| time.as_secs()));
            // two lines, to fit 80 columns
            let template = match time {
                Some(_) => "{bar:24} {prefix}\n{wide_msg}",
                None => "{bar:24} {pos}/{len}  {prefix}\n{wide_msg}",
            };
            bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
            Display::Bar(bar)
        } else {
            Display::Lines(lines)
        };
        Self {
            steps: time.is_none().then_some(steps),
            left: Cell::new(time.unwrap_or_default()),
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
            Display::Bar(bar) => bar.println(plain(text)),
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
            bar.set_message(losses(metrics));
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
        let (pace, losses) = (self.pace(metrics), losses(metrics));
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
        let left = HumanDuration(left);
        format!("epoch {}  {rate:.2} steps/s  {left} left", metrics.epoch)
    }
}

fn losses(metrics: Metrics) -> String {
    let losses = metrics.losses;
    format!(
        "D real {:.3}  D fake {:.3}  G adv {:.3}  G L1 {:.2} of 255",
        losses.d_real,
        losses.d_fake,
        losses.g_gan,
        127.5 * losses.g_l1,
    )
}
