//! The queue of pictures for the single translation thread. One translation uses all cores, so a second thread would
//! not be faster.
//!
//! Each picture is translated by itself, so its result does not depend on other requests. Files are decoded and encoded
//! on other threads, while another picture is translated.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use pix2pix::data::picture::{Outside, Picture};
use pix2pix::model::TranslateOptions;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::memory::Held;
use crate::metrics::Metrics;
use crate::models::Model;
use crate::problem::Problem;

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
    /// Time of the translation, without the time in the queue.
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
    /// Duration of the last translation, in microseconds.
    pace: Arc<AtomicU64>,
}

impl Queue {
    /// Starts a queue for at most `capacity` pictures, including those being translated.
    pub fn start(capacity: usize, metrics: Arc<Metrics>) -> Self {
        // the slots bound the channel's length: every job holds one
        let (sender, mut jobs) = mpsc::unbounded_channel::<Waiting>();
        let pace = Arc::new(AtomicU64::new(0));
        let kept = pace.clone();
        let work = move || {
            while let Some(waiting) = jobs.blocking_recv() {
                if waiting.reply.is_closed() {
                    continue; // the client has disconnected
                }
                let Job {
                    model,
                    picture,
                    options,
                    slot,
                } = waiting.job;
                let begun = Instant::now();
                let outside = model.translator.outside(&picture);
                let work = || model.translator.translate_with(picture, &options);
                // a panic in one translation must not stop the thread
                let result = catch_unwind(AssertUnwindSafe(work));
                let took = begun.elapsed();
                let result = match result {
                    Err(_) => Err(Problem::internal()),
                    Ok(Err(e)) => {
                        let reason = e.to_string();
                        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason))
                    }
                    Ok(Ok(picture)) => {
                        kept.store(took.as_micros() as u64, Ordering::Relaxed);
                        let seconds = metrics.seconds.with_label_values(&[&model.info.name]);
                        seconds.observe(took.as_secs_f64());
                        Ok(Translated {
                            picture,
                            outside,
                            took,
                            slot,
                        })
                    }
                };
                // the client may have disconnected meanwhile
                let _ = waiting.reply.send(result);
            }
        };
        std::thread::Builder::new()
            .name("translate".to_string())
            .spawn(work)
            .expect("a thread can be started");
        Self {
            slots: Arc::new(Semaphore::new(capacity)),
            capacity,
            sender,
            pace,
        }
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
        Problem::overload(micros.div_ceil(1_000_000).max(1))
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
