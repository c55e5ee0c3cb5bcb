//! What a training would do and need: `--dry-run`.

use pix2pix::bench::estimate;
use pix2pix::network::summary;
use pix2pix::run::{self, Event, Remaining, RunFolder, Training};

use super::plan::Planned;
use super::session::Start;
use crate::failure::{Failure, print};
use crate::flags;
use crate::progress::Lines;
use crate::words::{count, length_of};

/// Fewer steps are hardly a training: the learning rate falls by leaps.
const FEW: u64 = 10;

/// Checks what the training would check, and prints what it would do and need. Notes go to `lines`.
pub fn foresee(planned: &Planned, start: &Start, lines: Lines) -> Result<(), Failure> {
    let Planned {
        config,
        device,
        data,
        survey,
        root,
        ..
    } = planned;
    let training = Training {
        config,
        data,
        device: device.clone(),
        folder: RunFolder::lock(root)?,
        group: None,
    };
    let tell = &mut |event: Event| {
        if let Event::Noted(note) = event {
            lines.say(&flags::named(&format!("note: {note}")));
        }
    };
    let left = match start {
        Start::New => {
            training.folder.check_empty()?;
            run::check_train(&training, tell)?;
            Remaining {
                steps: config.steps,
                seconds: config.time,
            }
        }
        Start::Resume => run::check_resume(&training, tell)?,
    };
    let seen = survey.sizes.keys();
    let seen = seen.filter_map(|size| config.jitter.seen(*size).ok());
    let largest = seen.max_by_key(|[width, height]| u64::from(*width) * u64::from(*height));
    let size = largest.unwrap_or(config.jitter.crop_size.0);
    let found = estimate(config, data, size, device)?;
    let seconds = found.step.as_secs_f64();
    let [width, height] = size;
    let pairs = config.batch_size * config.optimizer.accumulate * config.ranks;
    let steps = match left.seconds {
        // a step that has begun is finished
        Some(time) => left.steps.min((time / seconds).ceil() as u64),
        None => left.steps,
    };
    if left.seconds.is_some() && steps < FEW {
        lines.say(&format!(
            "note: the time is enough for about {} only, too few for a schedule of the learning rate; give a longer --time",
            count(steps, "step")
        ));
    }
    let (of, begins) = match start {
        Start::New => (String::new(), "begins"),
        Start::Resume => (remain(left, config.steps, config.time), "goes on"),
    };
    print(&format!(
        "steps: {}{steps}{of} on {} with {} threads, each of {} of {width}x{height} pixels\n\
         parameters: {} of the generator, {} of the discriminator\n\
         memory: about {}{}\n\
         time: {seconds:.3} s a step, {} for {} without samples and checkpoints\n\
         nothing was written; without --dry-run, the training {begins}\n",
        left.seconds.map_or("", |_| "about "),
        config.device,
        config.threads,
        count(pairs as u64, "pair"),
        summary::thousands(found.generator),
        summary::thousands(found.discriminator),
        summary::memory(found.memory),
        match config.recompute {
            true => " without --recompute, and less with it",
            false => "",
        },
        length_of(seconds * steps as f64),
        match start {
            Start::New => "all steps",
            Start::Resume => "these steps",
        },
    ))
}

/// What the steps of a resumed run remain of.
fn remain(left: Remaining, steps: u64, time: Option<f64>) -> String {
    match left.seconds.zip(time) {
        Some((seconds, time)) => format!(" in the {seconds:.1} s that remain of {time} s,"),
        None => format!(" of {} remain,", count(steps, "step")),
    }
}
