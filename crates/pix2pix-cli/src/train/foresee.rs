//! What a training would do and need: `--dry-run`.

use pix2pix::RunConfig;
use pix2pix::bench::{estimate, step_time};
use pix2pix::data::path_text::path_of;
use pix2pix::device::{DeviceName, threads};
use pix2pix::network::summary;
use pix2pix::parallel::Shard;
use pix2pix::run::{self, Event, Remaining, RunFolder, Training};

use super::outputs::pairs_of;
use super::plan::{Planned, steps_of};
use super::session::Start;
use crate::failure::{Failure, print};
use crate::flags;
use crate::memory;
use crate::paths::Plain;
use crate::progress::Lines;
use crate::words::{count, length_of};

/// Fewer steps are hardly a training: the learning rate falls by leaps.
const FEW: u64 = 10;

/// Checks what the training would check, and prints what it would do and need: what is measured comes last. Notes go to
/// `lines`.
pub fn foresee(
    planned: &Planned,
    start: &Start,
    shard: Shard,
    lines: Lines,
) -> Result<(), Failure> {
    let Planned {
        config,
        device,
        data,
        survey,
        ..
    } = planned;
    let epoch = steps_of(1, config, data, shard);
    let left = check(planned, start, lines)?;
    print(&format!(
        "{}: {}; an epoch takes {}\n",
        path_of(&config.data).plain(),
        pairs_of(data),
        count(epoch, "step")
    ))?;
    let seen = survey.sizes.keys();
    let seen = seen.filter_map(|size| config.jitter.seen(*size).ok());
    let largest = seen.max_by_key(|[width, height]| u64::from(*width) * u64::from(*height));
    let size = largest.unwrap_or(config.jitter.crop_size.0);
    let found = estimate(config, data, size)?;
    let of = match start {
        Start::New => String::new(),
        Start::Resume => remain(left, config.steps, config.time),
    };
    let shown = |steps: u64, about: &str| {
        let [width, height] = size;
        let pairs = config.batch_size * config.optimizer.accumulate * config.ranks;
        format!(
            "steps: {about}{steps}{of} on {} with {}, each of {} of {width}x{height} pixels\n",
            config.device,
            count(threads() as u64, "thread"),
            count(pairs as u64, "pair"),
        )
    };
    let is_timed = left.seconds.is_some();
    if !is_timed {
        print(&shown(left.steps, ""))?;
    }
    print(&format!(
        "parameters: {} of the generator, {} of the discriminator\n\
         memory: about {}{}\n",
        summary::thousands(found.generator),
        summary::thousands(found.discriminator),
        summary::memory(found.memory.max(so_far(config.device))),
        match config.recompute {
            true => " without --recompute, and less with it",
            false => "",
        },
    ))?;
    let seconds = step_time(config, size, device)?.as_secs_f64();
    let steps = match left.seconds {
        // a step that has begun is finished
        Some(time) => left.steps.min((time / seconds).ceil() as u64),
        None => left.steps,
    };
    if is_timed {
        print(&shown(steps, "about "))?;
        let done = config.steps - left.steps;
        for note in short(config, done, steps) {
            lines.say(&note);
        }
    }
    print(&format!(
        "time: {seconds:.3} s a step, {} for {} without samples and checkpoints\n\
         nothing was written; without --dry-run, the training {}\n",
        length_of(seconds * steps as f64),
        match start {
            Start::New => "all steps",
            Start::Resume => "these steps",
        },
        match start {
            Start::New => "begins",
            Start::Resume => "goes on",
        },
    ))
}

/// Checks what the training would check, and returns what is left of it.
fn check(planned: &Planned, start: &Start, lines: Lines) -> Result<Remaining, Failure> {
    let config = &planned.config;
    let training = Training {
        config,
        data: &planned.data,
        device: planned.device.clone(),
        folder: match start {
            Start::New => RunFolder::lock(&planned.root)?,
            // it is only read, and another process may be training there
            Start::Resume => RunFolder::of_root(&planned.root),
        },
        group: None,
    };
    let tell = &mut |event: Event| {
        if let Event::Noted(note) = event {
            lines.say(&flags::named(&format!("note: {note}")));
        }
    };
    match start {
        Start::New => {
            training.folder.check_empty()?;
            run::check_train(&training, tell)?;
            Ok(Remaining {
                steps: config.steps,
                seconds: config.time,
            })
        }
        Start::Resume => Ok(run::check_resume(&training, tell)?),
    }
}

/// What this process has needed until now, which a training in it needs too. The memory of a card is another.
fn so_far(device: DeviceName) -> u64 {
    match device.is_card() {
        true => 0,
        false => memory::peak_bytes().unwrap_or(0),
    }
}

/// Notes on a length of time that is enough for only so many `steps` after those that are `done`.
fn short(config: &RunConfig, done: u64, steps: u64) -> Vec<String> {
    let mut notes = Vec::new();
    if steps < FEW {
        notes.push(format!(
            "note: the time is enough for about {} only, too few for a schedule of the learning rate; give a longer --time",
            count(steps, "step")
        ));
    }
    let frozen = config.optimizer.freeze_generator;
    if done.saturating_add(steps) <= frozen {
        notes.push(format!(
            "note: --freeze-generator holds the generator for the first {frozen} steps, and the time is enough for about {} in \
             all: it would never learn; freeze it for fewer, or give a longer --time",
            count(done + steps, "step")
        ));
    }
    notes
}

/// What the steps of a resumed run remain of.
fn remain(left: Remaining, steps: u64, time: Option<f64>) -> String {
    match left.seconds.zip(time) {
        Some((seconds, time)) => format!(" in the {seconds:.1} s that remain of {time} s,"),
        None => format!(" of {} remain,", count(steps, "step")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_too_short_is_told() {
        let told = |freeze, done, steps| {
            let mut config = RunConfig::default();
            config.optimizer.freeze_generator = freeze;
            let notes = short(&config, done, steps);
            let has = |words: &str| notes.iter().any(|note| note.contains(words));
            [has("too few"), has("never learn")]
        };
        assert_eq!(told(0, 0, 10), [false, false]);
        assert_eq!(told(0, 0, 9), [true, false]);
        assert_eq!(told(10, 0, 10), [false, true]);
        assert_eq!(told(9, 0, 10), [false, false]);
        assert_eq!(told(10, 10, 5), [true, false]);
        assert_eq!(told(100, 10, 5), [true, true]);
    }
}
