//! What the user sees of a training: the progress, its web page, the report and TensorBoard's files.

use std::sync::Arc;

use pix2pix::data::Dataset;
use pix2pix::data::path_text::path_of;
use pix2pix::device::threads;
use pix2pix::parallel::{Group, Shard};
use pix2pix::quality::Score;
use pix2pix::run::{Event, RunScores, Warning};
use pix2pix::{Error, model};
use pix2pix_server::LiveTraining;

use super::board::Board;
use super::report_page::ReportPage;
use super::session::{Session, Start};
use crate::failure::Failure;
use crate::flags;
use crate::paths::Plain;
use crate::progress::Progress;
use crate::serve::training::Live;
use crate::words::{count, length_of};

/// The outputs of a training.
pub struct Outputs<'a> {
    progress: Progress<'a>,
    /// What the page tells of the training, and the page itself.
    watched: Option<Arc<LiveTraining>>,
    live: Option<Live>,
    board: Option<Board>,
    report: Option<ReportPage>,
    /// Whether a failure of the board, and one of the report, have been told.
    told: [bool; 2],
}

impl<'a> Outputs<'a> {
    /// The outputs that a training is to have. Says what will be trained, and where its page is.
    pub fn open(training: &Session<'a>) -> Result<Self, Failure> {
        let Session { config, shown, .. } = training;
        let root = training.folder.root();
        let shard = training
            .group
            .as_ref()
            .map_or(Shard::default(), Group::shard);
        let is_resumed = matches!(training.start, Start::Resume);
        let asked = [shown.report, is_resumed, training.data.val.is_some()];
        let report = ReportPage::open(root, config, asked)?;
        let done = is_resumed.then(|| {
            // what is wrong with its checkpoints, the run itself says
            let newest = training.folder.newest().ok().flatten();
            newest.map_or(0, |(step, _)| step)
        });
        let board = Board::open(root, shown.tensorboard, done);
        let serve = shown.serve.filter(|_| shard.is_root());
        let steps = config.time.is_none().then_some(config.steps);
        let is_of_labels = config.target.labels.is_some();
        let watched = serve
            .map(|_| LiveTraining::new(root, steps).with_labels(is_of_labels))
            .map(Arc::new);
        let progress = Progress::new(config, shown.lines, watched.clone());
        progress.say(&beginning(training, shard));
        if config.device.is_card() {
            progress.say("the first two steps compile the card's kernels, and take longer");
        }
        let live = match serve.zip(watched.clone()) {
            None => None,
            Some((listen, training_page)) => {
                if is_resumed {
                    training_page.recall(root);
                }
                let (live, page) = Live::start(listen, root, config, training_page)?;
                progress.say(&format!("web page: {page}"));
                if !listen.ip().is_loopback() {
                    progress
                        .say("note: other machines reach the page, and anyone there may use it");
                }
                if is_resumed
                    && !model::in_folder(&training.folder.checkpoints())?.is_empty()
                    && let Some(warning) = live.resumed()
                {
                    progress.say(&warning);
                }
                Some(live)
            }
        };
        Ok(Self {
            progress,
            watched,
            live,
            board: board.filter(|_| shard.is_root()),
            report: report.filter(|_| shard.is_root()),
            told: [false; 2],
        })
    }

    /// Passes an event to the page, TensorBoard and the report. These are not what the training is for: where they cannot be
    /// written, it goes on, which is told once.
    pub fn keep(&mut self, event: &Event) {
        if let Some(training) = &self.watched {
            training.saw(event);
        }
        if let (Some(live), Event::Saved(checkpoint)) = (&self.live, event)
            && let Some(warning) = live.saved(checkpoint)
        {
            self.progress.say(&warning);
        }
        let kept = [
            self.board.as_mut().map(|board| board.keep(event)),
            self.report.as_mut().map(|report| report.keep(event)),
        ];
        for (kept, told) in kept.into_iter().zip(&mut self.told) {
            if let Some(Err(error)) = kept
                && !std::mem::replace(told, true)
            {
                let error = flags::named(&error.to_string());
                self.progress.say(&format!(
                    "note: {error}; the training goes on, and tries again at each sampling"
                ));
            }
        }
    }

    /// Shows the progress that an event tells of.
    pub fn show(&self, event: &Event) {
        let progress = &self.progress;
        match event {
            Event::Begun => {}
            Event::Left(time) => progress.left(*time),
            Event::Step(metrics) => progress.step(*metrics),
            Event::Logged(metrics) => progress.logged(*metrics),
            Event::Sampled { path, .. } => progress.say(&format!("samples: {}", path.plain())),
            Event::Saved(path) => progress.say(&format!("checkpoint: {}", path.plain())),
            Event::Improved { path, score, best } => progress.say(&format!(
                "best checkpoint so far: {} ({})",
                path.plain(),
                score.measure().told(best.value)
            )),
            Event::Scored(scores) => progress.say(&scored(scores)),
            Event::Skipped(reason) => progress.say(&flags::named(&format!("skipped: {reason}"))),
            Event::Warned(Warning { step, warning }) => {
                let warning = flags::named(warning);
                progress.say(&format!("warning at step {step}: {warning}"));
            }
            Event::Noted(text) => progress.say(&flags::named(&format!("note: {text}"))),
        }
    }

    /// Ends the outputs of a training, which `succeeded` or not.
    pub fn end(&mut self, succeeded: bool) -> Result<(), Error> {
        self.progress.finish();
        let board = self.board.as_mut().map_or(Ok(()), Board::end);
        let report = self.report.as_ref().map_or(Ok(None), ReportPage::end);
        match board.and(report) {
            Ok(note) => {
                note.iter().for_each(|note| self.progress.say(note));
                Ok(())
            }
            // of a failed training, the first error is the one that helps
            Err(error) if succeeded => Err(error),
            Err(_) => Ok(()),
        }
    }
}

/// A line on the data, the steps and the machine of a training.
fn beginning(training: &Session, shard: Shard) -> String {
    let Session { config, data, .. } = training;
    let processes = match shard.ranks {
        1 => String::new(),
        ranks => format!("{ranks} processes, each "),
    };
    let length = match config.time {
        Some(time) => length_of(time),
        None => count(config.steps, "step"),
    };
    format!(
        "{}: {}; {length} on {processes}{} with {}",
        path_of(&config.data).plain(),
        pairs_of(data),
        config.device,
        count(threads() as u64, "thread")
    )
}

/// How many pairs are trained on, and how many are held out.
pub fn pairs_of(data: &Dataset) -> String {
    let shown = match data.val.as_ref().map_or(0, |val| val.len()) {
        0 => "none held out (samples/ shows training pairs)".to_string(),
        held_out => format!("{held_out} held out"),
    };
    let pairs = count(data.train.len() as u64, "pair");
    format!("{pairs} to train on, {shown}")
}

/// A line on the scores of the held-out pairs.
fn scored(scores: &RunScores) -> String {
    let shown = Score::ALL.into_iter().filter(|score| scores.shows(*score));
    let known = shown.filter_map(|score| Some(score.measure().told(scores.value(score)?)));
    // the measures of textures see no gaps
    let whole = scores.whole.filter(|_| scores.swd.is_some());
    let whole = whole.map_or(String::new(), |[some, all]| {
        let all = count(all as u64, "pair");
        format!("  (SWD and spectrum: {some} of {all}, without gaps)")
    });
    let known = known.collect::<Vec<_>>().join("  ");
    format!("held-out pairs: {known}{whole}")
}
