//! The course of a resumed run: whether it goes on at all, and what another length changes.

use pix2pix_runtime::words::count;

use super::folder::{RunFolder, read_config};
use super::lines::{Metrics, RunScores};
use super::record::Record;
use super::saved::Progress;
use super::{file, log};
use crate::config::RunConfig;
use crate::error::{Error, Result, shown};
use crate::model::checkpoint::{self, Checkpoint};
use crate::train::config::OptimizerConfig;

/// Refuses to begin a run again that has come further than to its first checkpoint: those that it had are gone, and all that it
/// has logged would go too.
pub fn check_never_saved(folder: &RunFolder) -> Result<()> {
    // what is asked for may have another length, and other intervals
    let before = read_config(folder.root())?;
    let metrics = log::read::<Metrics>(&folder.path(file::METRICS))?.entries;
    let scores = log::read::<RunScores>(&folder.path(file::SCORES))?.entries;
    let last = metrics.last().map_or(0, |line| line.step);
    let last = last.max(scores.last().map_or(0, |line| line.step));
    // the last sheet comes after the last checkpoint
    let has_ended = folder.sheet(before.steps).exists();
    if last <= before.save_every && !has_ended {
        return Ok(());
    }
    Err(Error::file(
        &folder.checkpoints(),
        format!("no checkpoint is there, and the run has come to step {last}"),
        "put its checkpoints back, or start a new run",
    ))
}

/// A sentence on a run that is not resumed, but begun again.
pub fn new_beginning(folder: &RunFolder, done: Progress) -> Option<String> {
    (done.step == 0).then(|| {
        format!(
            "{}: there is no checkpoint yet, so the run begins again at step 1",
            shown(folder.root())
        )
    })
}

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
                "{} of {}; to train longer, give a larger `steps`, or more epochs",
                done.step,
                count(config.steps, "step")
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
    let folder = shown(folder.root());
    Error::Done(format!("{folder}: the run is done: {why}"))
}

/// A sentence on the learning rate, if a run of another length has another at the step from which it resumes.
pub fn schedule_restart(before: &RunConfig, now: &RunConfig, done: Progress) -> Option<String> {
    let [old, new] = [before, now].map(|config| config.optimizer.lr * share(config, done));
    ((old - new).abs() > 1e-9 * now.optimizer.lr).then(|| {
        format!(
            "the {} schedule of the learning rate now spans {} instead of {}: after step {}, the rate is {new:.3e} \
             instead of {old:.3e}",
            now.optimizer.schedule,
            span(now),
            span(before),
            done.step
        )
    })
}

/// The factor of the learning rate where a run goes on.
fn share(config: &RunConfig, done: Progress) -> f64 {
    let OptimizerConfig {
        schedule,
        decay_steps,
        ..
    } = config.optimizer;
    match config.time {
        Some(time) => schedule.share_of((done.seconds / time).min(1.0)),
        None => schedule.share(done.step, config.steps, decay_steps),
    }
}

/// What a schedule spans.
fn span(config: &RunConfig) -> String {
    match config.time {
        Some(time) => format!("{time} s"),
        None => count(config.steps, "step"),
    }
}

/// A sentence on the best checkpoint, if a run leaves the course that reached it: a process that was killed had kept it
/// after the last checkpoint, and the run now has another length, or a length of time, which never has the same steps again.
pub fn best_of_another_course(
    folder: &RunFolder,
    [before, now]: [&RunConfig; 2],
    done: u64,
) -> Option<String> {
    let path = folder.checkpoints().join(checkpoint::BEST);
    let is_same = now.time.is_none() && (before.steps, before.time) == (now.steps, now.time);
    if now.keep_best.is_none() || is_same {
        return None;
    }
    // if it cannot be read, it is as good as none
    let step = Checkpoint::load(&path).ok()?.step;
    (step > done).then(|| {
        format!(
            "{} is of step {step} of the course that the run leaves at step {done}; the next best \
             step replaces it: copy it to keep it",
            shown(&path)
        )
    })
}

#[cfg(test)]
mod tests {
    use pix2pix_runtime::network::UnetConfig;

    use super::*;
    use crate::backend::device::{Device, for_training};
    use crate::network::patch_gan::PatchGanConfig;
    use crate::quality::Score;
    use crate::run::saved::Saved;
    use crate::train::schedule::Schedule;

    /// A quarter of the second half of 4 seconds has passed, which is the first half of 8.
    #[test]
    fn a_schedule_of_a_length_of_time_follows_the_clock() {
        let of = |seconds: Option<f64>| {
            let mut config = RunConfig {
                steps: 40,
                ..RunConfig::default()
            };
            config.optimizer.schedule = Schedule::Linear;
            if let Some(seconds) = seconds {
                config.train_for(seconds);
            }
            config
        };
        let done = Progress {
            step: 30,
            seconds: 2.5,
            ..Progress::default()
        };
        let told = |before, now| schedule_restart(&of(before), &of(now), done);
        assert_eq!(told(Some(4.0), Some(4.0)), None);
        assert_eq!(told(None, None), None);
        let longer = "the linear schedule of the learning rate now spans 8 s instead of 4 s: after step 30, the rate is \
                      2.000e-4 instead of 1.500e-4";
        assert_eq!(told(Some(4.0), Some(8.0)).as_deref(), Some(longer));
        let other = told(None, Some(8.0)).unwrap();
        assert!(other.contains("spans 8 s instead of 40 steps"), "{other}");
        // the first halves of both
        assert_eq!(told(Some(5.0), Some(8.0)), None);
    }

    #[test]
    fn a_run_of_a_length_of_time_never_takes_a_course_again() {
        let mut config = RunConfig {
            keep_best: Some(Score::L1),
            steps: 9,
            generator: UnetConfig {
                filters: 2,
                depth: 6,
                ..UnetConfig::default()
            }
            .into(),
            discriminator: PatchGanConfig {
                filters: 2,
                ..PatchGanConfig::default()
            },
            ..RunConfig::default()
        };
        let scratch = tempfile::tempdir().unwrap();
        let folder = RunFolder::lock(&scratch.path().join("run")).unwrap();
        folder.use_for(&config).unwrap();
        let trainer = Saved::begin(&config, &for_training(&Device::flex(), false))
            .unwrap()
            .trainer;
        let (generator, discriminator) =
            (trainer.generator_for_inference(), trainer.discriminator());
        Checkpoint::new(config.clone(), 4, &generator, discriminator)
            .save(&folder.checkpoints().join(checkpoint::BEST))
            .unwrap();
        let told = |config: &RunConfig, done| {
            best_of_another_course(&folder, [config, config], done).is_some()
        };
        assert!(!told(&config, 2));
        config.train_for(9.0);
        assert!(told(&config, 2));
        assert!(!told(&config, 4));
    }
}
