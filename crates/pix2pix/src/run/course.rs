//! The course of a resumed run: whether it goes on at all, and what another length changes.

use super::folder::RunFolder;
use super::lines::RunScores;
use super::record::Record;
use super::saved::Progress;
use crate::config::RunConfig;
use crate::error::{Error, Result};
use crate::model::checkpoint::{self, Checkpoint};
use crate::train::config::OptimizerConfig;

/// Refuses a run that has done its last step.
pub fn check_unfinished(folder: &RunFolder, config: &RunConfig, done: Progress) -> Result<()> {
    if !done.is_last(config) {
        return Ok(());
    }
    Err(is_done(
        folder,
        &match done.out_of_time(config) {
            Some([seconds, time]) => format!(
                "it has trained for {seconds:.1} of {time:.1} seconds; to train longer, give a larger `time`"
            ),
            None => format!(
                "{} of {} steps; to train longer, give a larger `steps`",
                done.step, config.steps
            ),
        },
    ))
}

/// Refuses a run whose score no longer improves, after these lines of its scores.
pub fn check_improving(folder: &RunFolder, config: &RunConfig, scores: &[RunScores]) -> Result<()> {
    match Record::of(config, scores).is_some_and(|record| record.is_over()) {
        true => Err(is_done(
            folder,
            &format!(
                "its score has not improved for {} samplings; to train longer, give a larger `patience`",
                config.patience
            ),
        )),
        false => Ok(()),
    }
}

fn is_done(folder: &RunFolder, why: &str) -> Error {
    let folder = folder.root().display();
    Error::Config(format!("{folder}: the run is done: {why}"))
}

/// A sentence on the learning rate, if a run of another number of steps has another at the step from which it resumes.
pub fn schedule_restart(before: &RunConfig, now: &RunConfig, done: u64) -> Option<String> {
    let rate = |config: &RunConfig| {
        let OptimizerConfig {
            lr,
            schedule,
            decay_steps,
            ..
        } = config.optimizer;
        lr * schedule.share(done, config.steps, decay_steps)
    };
    let [old, new] = [before, now].map(rate);
    ((old - new).abs() > 1e-9 * now.optimizer.lr).then(|| {
        format!(
            "the {} schedule of the learning rate now spans {} steps instead of {}: after step {done}, the rate is \
             {new:.3e} instead of {old:.3e}",
            now.optimizer.schedule, now.steps, before.steps
        )
    })
}

/// A sentence on the best checkpoint, if a run of another length leaves the course that reached it: a process that was
/// killed had kept it after the last checkpoint.
pub fn best_of_another_course(
    folder: &RunFolder,
    [before, now]: [&RunConfig; 2],
    done: u64,
) -> Option<String> {
    let path = folder.checkpoints().join(checkpoint::BEST);
    if now.keep_best.is_none() || (before.steps, before.time) == (now.steps, now.time) {
        return None;
    }
    // if it cannot be read, it is as good as none
    let step = Checkpoint::load(&path).ok()?.step;
    (step > done).then(|| {
        format!(
            "{} is of step {step} of the course that the run leaves at step {done}; the next best \
             step replaces it: copy it to keep it",
            path.display()
        )
    })
}
