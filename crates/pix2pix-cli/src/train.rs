//! `pix2pix train`.

mod args;
mod board;
mod foresee;
mod outputs;
mod plan;
mod report_page;
mod session;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pix2pix::Error;
use pix2pix::run::{self, Event, Outcome, RunFolder, agreement, file};

use crate::demo_pictures;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::say;
use crate::paths::{Plain, word};
use crate::processes::Processes;
use crate::program::program;
use crate::progress::{Line, Lines};
use crate::words::count;
pub use args::{Args, RunArgs, Seconds};
use foresee::foresee;
use outputs::Outputs;
use plan::{Planned, plan};
pub use session::{Session, Shown, Start};

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix train facades --out run         side-by-side pairs (or train/, val/)
  pix2pix train photos --out run          two folders A/ and B/, same names
  pix2pix train pairs.csv --out run       a table of paths: a,b,split
  pix2pix train facades.tar.gz --out run  an archive of any of these
  pix2pix train photos --val-fraction 0.1 --on-error skip --out run
  pix2pix train microscopy --range 0,4095 --out run
  pix2pix train bands --channels-a 5 --channels-b 1 --out run
  pix2pix train wide --load-size 572x286 --crop-size 512x256 --out run
  pix2pix train tall --resize scale-width --out run
  pix2pix train cells --vertical-mirror --turn --color-jitter 0.1 --out run
  pix2pix train many --workers 2 --cache ram --out run
  pix2pix train facades --keep-best ssim --patience 10 --out run
  pix2pix train facades --time 20m --out run    as many steps as fit
  pix2pix train mine --from runs/facades --out run
  pix2pix train large --generator hd-coarse --out coarse
  pix2pix train large --generator hd --from coarse --load-size 572 --crop-size 512 --out run
  pix2pix train --config run.toml --dry-run
  pix2pix train --resume run              resume; the result is bit-identical
  pix2pix train --resume run --steps 20000
  pix2pix train --resume run --device cuda    on another machine";

/// Said when a run of a length of time goes on after Ctrl-Z.
const SUSPENDED: &str = "note: the training was suspended and goes on; --time has counted the time between too: to make up for \
                         it, stop the run, and resume it with a longer --time";

/// Options for training with several processes.
const OF_PROCESSES: [&str; 3] = ["sync-norm", "allreduce", "check-every"];

/// Trains, alone or together with the other processes of `mpirun`.
pub fn run(mut args: Args, typed: &[String]) -> Result<(), Failure> {
    let processes = Processes::join()?;
    args.run.quiet |= !processes.shard().is_root();
    // only one process prints an error of the options
    let planned = processes.agreed(plan(&mut args, typed, &processes))?;
    let shown = Shown::of(&args.run);
    planned.notes.iter().for_each(|note| shown.lines.say(note));
    if processes.shard().ranks == 1
        && let Some(name) = typed.iter().find(|name| of_processes(name))
    {
        shown.lines.say(&format!(
            "note: --{name} is for several processes, which mpirun starts; it changes nothing in one"
        ));
    }
    if args.dry_run {
        let foreseen = match processes.shard().is_root() {
            true => foresee(&planned, &Start::of(&args), processes.shard(), shown.lines),
            false => Ok(()),
        };
        return processes.agreed(noted_if_done(foreseen, shown.lines));
    }
    let Planned {
        config,
        device,
        data,
        survey,
        root,
        ..
    } = planned;
    let group = processes.group(config.allreduce, config.sync_norm);
    if let Some(group) = &group {
        let same = agreement::check_options(&*group.communicator, &config, &survey);
        processes.agreed(same.map_err(Failure::from))?;
    }
    let folder = processes.agreed(match processes.shard().is_root() {
        true => RunFolder::lock(&root).map_err(Failure::from),
        false => Ok(RunFolder::of_root(&root)),
    })?;
    let stop = interrupt::flag(processes.shard().ranks, args.run.quiet)?;
    if config.time.is_some() && !args.run.quiet {
        interrupt::note_suspension(SUSPENDED, &stop)?;
    }
    let training = Session {
        config,
        device,
        data: &data,
        folder,
        group,
        start: Start::of(&args),
        stop,
        shown,
    };
    processes.ended(noted_if_done(finish(training, &root), shown.lines))
}

fn of_processes(name: &str) -> bool {
    OF_PROCESSES.contains(&name)
}

/// A run that is resumed and has nothing left to do is no failure: scripts resume whatever there is. It is noted.
fn noted_if_done(result: Result<(), Failure>, lines: Lines) -> Result<(), Failure> {
    match result {
        Err(Failure::Done(why)) => {
            lines.say(&format!("note: {why}"));
            Ok(())
        }
        other => other,
    }
}

/// Trains in this process as a part of another program, to which `host` belongs. There is no handler of Ctrl-C, and nothing
/// is printed.
pub fn embedded(mut args: Args, typed: &[String], host: Host) -> Result<Outcome, Failure> {
    if args.dry_run || args.run.serve.is_some() {
        let reason =
            "--dry-run and --serve are for the command line; remove them from the file of --config";
        return Err(Failure::Usage(reason.to_string()));
    }
    if let Some(name) = typed.iter().find(|name| of_processes(name)) {
        return Err(Failure::Usage(format!(
            "--{name} is for several processes of the command line; remove it from the file of --config"
        )));
    }
    let processes = Processes::join()?;
    if processes.shard().ranks > 1 {
        return Err(Failure::Usage(format!(
            "mpirun has started {} processes, and each would train alone; start this program without mpirun, or \
             `pix2pix train` with it",
            processes.shard().ranks
        )));
    }
    let planned = plan(&mut args, typed, &processes)?;
    let lines = Lines::Passed(host.lines);
    planned.notes.iter().for_each(|note| lines.say(note));
    // whoever stops it so early wants no step
    if host.stop.load(Ordering::Relaxed) {
        return Err(Failure::Interrupted);
    }
    let training = Session {
        folder: RunFolder::lock(&planned.root)?,
        config: planned.config,
        device: planned.device,
        data: &planned.data,
        group: None,
        start: Start::of(&args),
        stop: host.stop,
        shown: Shown {
            lines,
            ..Shown::of(&args.run)
        },
    };
    train(training, &mut |event| {
        (host.events)(event);
        Ok(())
    })
}

/// What a program that embeds a training is told, and how it stops it.
pub struct Host<'a> {
    /// Receives the lines that the command would print.
    pub lines: &'a dyn Fn(Line),
    /// Receives every event. It may set `stop`.
    pub events: &'a mut dyn FnMut(&Event),
    /// Ends the run when it is set: at a line before the training, without a step; at an event of a step, after that step; or
    /// else after the step in progress.
    pub stop: Arc<AtomicBool>,
}

/// Trains, and prints where the results are.
fn finish(training: Session, out: &Path) -> Result<(), Failure> {
    let quiet = matches!(training.shown.lines, Lines::Nowhere);
    let keeps =
        matches!(training.start, Start::Resume) && demo_pictures::are_kept(out, &training.config);
    let outcome = train(training, &mut |event| match keeps {
        true => demo_pictures::keep(out, event),
        false => Ok(()),
    })?;
    if !quiet {
        let program = program();
        let (samples, command) = (out.join(file::SAMPLES).plain(), word(out));
        let ended = if outcome.interrupted {
            "stopped"
        } else {
            "done"
        };
        let go_on = match outcome.interrupted {
            true => format!("To resume, type:\n  {program} train --resume {command}\n"),
            false => String::new(),
        };
        let over = outcome.record.filter(|record| record.is_over());
        let over = over.map_or(String::new(), |record| {
            format!(" ({} no longer improves)", record.score.label())
        });
        let best = outcome
            .record
            .and_then(|record| Some((record.score, record.best?)));
        let best = best.map_or(String::new(), |(score, best)| {
            format!(
                "best checkpoint, for --best: {} at step {}\n",
                score.measure().told(best.value),
                best.step
            )
        });
        say(&format!(
            "{ended} after {}{over}; newest checkpoint: {}\n{best}{go_on}\
             Look at {samples}/. To translate pictures, type:\n  \
             {program} translate {command} PICTURE... --out translated\n",
            count(outcome.steps, "step"),
            outcome.checkpoint.plain(),
        ));
    }
    end(&outcome)
}

/// Trains with a progress display, and passes every event to `also` as well. The caller has set the number of threads.
pub fn train(
    training: Session,
    also: &mut dyn FnMut(&Event) -> Result<(), Error>,
) -> Result<Outcome, Failure> {
    let mut outputs = Outputs::open(&training)?;
    let mut failed = None;
    let start = match training.start {
        Start::New => run::train,
        Start::Resume => run::resume,
    };
    let stop = training.stop;
    let training = run::Training {
        config: &training.config,
        data: training.data,
        device: training.device,
        folder: training.folder,
        group: training.group,
    };
    let outcome = start(training, &stop, &mut |event| {
        if let Err(error) = also(&event) {
            failed.get_or_insert(error);
            stop.store(true, Ordering::Relaxed);
        }
        outputs.keep(&event);
        outputs.show(&event);
    });
    let outcome = failed.map_or(outcome, Err);
    outputs.end(outcome.is_ok())?;
    Ok(outcome?)
}

/// Turns an interrupted outcome into [`Failure::Interrupted`].
pub fn end(outcome: &Outcome) -> Result<(), Failure> {
    if outcome.interrupted {
        return Err(Failure::Interrupted);
    }
    Ok(())
}
