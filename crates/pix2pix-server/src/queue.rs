//! The queue of pictures for the single translation thread. One translation uses all cores, so a second thread would
//! not be faster.
//!
//! Pictures that wait are translated together, which takes less time; each result is what it would be alone, so it does
//! not depend on other requests. Files are decoded and encoded on other threads, while other pictures are translated.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use pix2pix::Error;
use pix2pix::data::picture::{Outside, Picture};
use pix2pix::model::{Tiling, TranslateOptions};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::memory::Held;
use crate::metrics::Metrics;
use crate::models::Model;
use crate::problem::Problem;

/// Largest number of pictures that are translated together.
const TOGETHER: usize = 8;
/// Largest number of their pixels, with padding. One picture may have as many before it is cut into tiles, so several
/// need no more memory than one.
const PIXELS: u64 = Tiling::LARGE;

/// A picture to translate.
pub struct Job {
    /// The model to use.
    pub model: Arc<Model>,
    /// The picture.
    pub picture: Picture,
    /// The options of the translation.
    pub options: TranslateOptions,
    /// Its slot in the queue, kept even if its client disconnects.
    pub slot: Slot,
}

/// A translated picture.
#[derive(Debug)]
pub struct Translated {
    /// The picture.
    pub picture: Picture,
    /// Samples of the input outside of the model's range, which were clipped.
    pub outside: Outside,
    /// Time of the translation, without the time in the queue: of pictures that are translated together, an equal share.
    pub took: Duration,
    /// Its slot in the queue, kept until the picture is encoded.
    pub slot: Slot,
}

/// A job in the queue, with the channel for its result.
struct Waiting {
    job: Job,
    reply: oneshot::Sender<Result<Translated, Problem>>,
}

/// A slot in the queue, with the memory of its picture; dropping it frees both.
#[derive(Debug)]
pub struct Slot {
    /// The memory.
    pub held: Held,
    _place: OwnedSemaphorePermit,
}

/// The queue and its translation thread.
pub struct Queue {
    slots: Arc<Semaphore>,
    capacity: usize,
    sender: mpsc::UnboundedSender<Waiting>,
    /// Duration of the last translation of a picture, in microseconds.
    pace: Arc<AtomicU64>,
}

impl Queue {
    /// Starts a queue for at most `capacity` pictures, including those being translated.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(capacity: usize, metrics: Arc<Metrics>) -> io::Result<Self> {
        // the slots bound the channel's length: every job holds one
        let (sender, mut jobs) = mpsc::unbounded_channel::<Waiting>();
        let pace = Arc::new(AtomicU64::new(0));
        let kept = pace.clone();
        let work = move || {
            let mut next = None;
            while let Some(first) = next.take().or_else(|| jobs.blocking_recv()) {
                let mut group = vec![first];
                while next.is_none()
                    && let Ok(waiting) = jobs.try_recv()
                {
                    match fits(&group, &waiting) {
                        true => group.push(waiting),
                        false => next = Some(waiting),
                    }
                }
                // after a panic, the clients get an internal error, and the thread goes on
                let work = AssertUnwindSafe(|| answer(group, &translated, &kept, &metrics));
                let _ = catch_unwind(work);
            }
        };
        std::thread::Builder::new()
            .name("translate".to_string())
            .spawn(work)?;
        Ok(Self {
            slots: Arc::new(Semaphore::new(capacity)),
            capacity,
            sender,
            pace,
        })
    }

    /// Reserves a slot for a picture with this memory.
    ///
    /// # Errors
    /// An overload if none is free.
    pub fn slot(&self, held: Held) -> Result<Slot, Problem> {
        let place = self.slots.clone().try_acquire_owned();
        let _place = place.map_err(|_| self.overload())?;
        Ok(Slot { held, _place })
    }

    /// The answer when no slot is free, with an estimate of the seconds to wait.
    pub fn overload(&self) -> Problem {
        let micros = self.pace.load(Ordering::Relaxed) * self.capacity as u64;
        Problem::overload(
            "too many pictures are waiting",
            micros.div_ceil(1_000_000).max(1),
        )
    }

    /// Number of pictures waiting or being translated.
    pub fn len(&self) -> usize {
        self.capacity - self.slots.available_permits()
    }

    /// Whether the queue is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Queues a picture and waits for its translation. If the future is dropped, the picture is skipped.
    ///
    /// # Errors
    /// If the model does not accept the picture, or the translation fails.
    pub async fn translate(&self, job: Job) -> Result<Translated, Problem> {
        let (reply, result) = oneshot::channel();
        let sent = self.sender.send(Waiting { job, reply });
        sent.map_err(|_| Problem::internal())?;
        result.await.map_err(|_| Problem::internal())?
    }
}

/// Whether a picture can be translated together with others.
fn fits(group: &[Waiting], waiting: &Waiting) -> bool {
    let pixels = |waiting: &Waiting| {
        let job = &waiting.job;
        let translator = &job.model.translator;
        let size = job.picture.size();
        // one that the model refuses is not translated
        let scaled = translator.at_scale(size, job.options.scale);
        let sides = translator.padded(scaled.unwrap_or(size));
        sides.map(u64::from).iter().product::<u64>()
    };
    let all = group.iter().map(pixels).sum::<u64>() + pixels(waiting);
    Arc::ptr_eq(&group[0].job.model, &waiting.job.model) && group.len() < TOGETHER && all <= PIXELS
}

/// A picture, and how to translate it.
type Asked = (Picture, TranslateOptions);
/// A translated picture, and what was outside of the model's range in its input.
type Made = Result<(Picture, Outside), Problem>;

/// Translates pictures.
fn translated(model: &Model, pictures: Vec<Asked>) -> Vec<Made> {
    let translator = &model.translator;
    let outside = pictures
        .iter()
        .map(|(picture, options)| translator.outside_known(picture, options.nodata));
    let outside: Vec<Outside> = outside.collect();
    let results = translator.translate_all(pictures).into_iter().zip(outside);
    results
        .map(|(result, outside)| Ok((result.map_err(refused)?, outside)))
        .collect()
}

/// Translates pictures of one model with `work`, and answers their clients.
fn answer(
    group: Vec<Waiting>,
    work: &dyn Fn(&Model, Vec<Asked>) -> Vec<Made>,
    pace: &AtomicU64,
    metrics: &Metrics,
) {
    let (mut pictures, mut clients) = (Vec::new(), Vec::new());
    // those whose clients have disconnected are left out
    for Waiting { job, reply } in group.into_iter().filter(|one| !one.reply.is_closed()) {
        pictures.push((job.picture, job.options));
        clients.push((job.model, job.slot, reply));
    }
    let (count, begun) = (clients.len(), Instant::now());
    let Some((model, ..)) = clients.first() else {
        return;
    };
    let model = model.clone();
    let results = each(pictures, |pictures| work(&model, pictures));
    let took = begun.elapsed() / count as u32;
    for (result, (_, slot, reply)) in results.into_iter().zip(clients) {
        let result = result.unwrap_or_else(|| Err(Problem::internal()));
        let answer = result.map(|(picture, outside)| {
            pace.store(took.as_micros() as u64, Ordering::Relaxed);
            let seconds = metrics.seconds.with_label_values(&[&model.info.name]);
            seconds.observe(took.as_secs_f64());
            Translated {
                picture,
                outside,
                took,
                slot,
            }
        });
        // the client may have disconnected meanwhile
        let _ = reply.send(answer);
    }
}

/// The results of work on several things. When it panics, each is tried by itself, and the one that is the cause has no
/// result: neither the other ones nor the thread suffer from it.
fn each<T: Clone, R>(things: Vec<T>, work: impl Fn(Vec<T>) -> Vec<R>) -> Vec<Option<R>> {
    let attempt = |things| catch_unwind(AssertUnwindSafe(|| work(things))).ok();
    if things.len() == 1 {
        return vec![attempt(things).and_then(|mut results| results.pop())];
    }
    match attempt(things.clone()) {
        Some(results) => results.into_iter().map(Some).collect(),
        None => things
            .into_iter()
            .map(|thing| attempt(vec![thing])?.pop())
            .collect(),
    }
}

/// The answer to a picture that the model does not accept.
fn refused(reason: Error) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use pix2pix::data::picture::Samples;
    use pix2pix::device::{DeviceName, Precision};
    use pix2pix::model::built_in;

    use super::*;
    use crate::memory::Memory;
    use crate::models::Models;

    /// Pictures that are translated together, of which one makes the engine panic.
    #[test]
    fn an_answer_depends_on_no_other_picture() {
        let models = Models::new(
            &[PathBuf::from(built_in::NAME)],
            DeviceName::Cpu,
            Precision::F32,
        );
        models.reload().unwrap();
        let model = models.get(None).unwrap();
        let slots = Arc::new(Semaphore::new(3));
        let memory = Memory::new(1);
        let (group, mut replies): (Vec<_>, Vec<_>) = (1..=3)
            .map(|side| {
                let pixels = Samples::U8(vec![0; side * side]);
                let (reply, result) = oneshot::channel();
                let job = Job {
                    model: model.clone(),
                    picture: Picture::new([side as u32; 2], 1, pixels),
                    options: TranslateOptions::default(),
                    slot: Slot {
                        held: memory.held(),
                        _place: slots.clone().try_acquire_owned().unwrap(),
                    },
                };
                (Waiting { job, reply }, result)
            })
            .unzip();
        let engine = |_: &Model, pictures: Vec<Asked>| -> Vec<Made> {
            let pictures = pictures.into_iter();
            pictures
                .map(|(picture, _)| {
                    assert_ne!(picture.size(), [2, 2], "on purpose");
                    Ok((picture, Outside::default()))
                })
                .collect()
        };
        answer(group, &engine, &AtomicU64::new(0), &Metrics::default());
        let mut sizes = replies.iter_mut().map(|reply| {
            let answer = reply.try_recv().expect("an answer");
            answer.map(|translated| translated.picture.size())
        });
        assert_eq!(sizes.next().unwrap().unwrap(), [1, 1]);
        assert_eq!(sizes.next().unwrap().unwrap_err(), Problem::internal());
        assert_eq!(sizes.next().unwrap().unwrap(), [3, 3]);
    }

    #[test]
    fn a_panic_costs_one_picture_alone() {
        let half = |things: Vec<u32>| -> Vec<u32> {
            let halves = things.into_iter();
            halves
                .map(|thing| {
                    if thing % 2 == 0 {
                        thing / 2
                    } else {
                        panic!("odd")
                    }
                })
                .collect()
        };
        assert_eq!(each(vec![2, 4], half), [Some(1), Some(2)]);
        assert_eq!(each(vec![2, 3, 4], half), [Some(1), None, Some(2)]);
        assert_eq!(each(vec![3], half), [None]);
    }
}
