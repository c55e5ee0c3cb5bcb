//! Where pictures wait for the one thread that translates: it has all cores, so a second one would only share them.
//!
//! Every picture is translated by itself, so that no result depends on who else is waiting. Files are decoded and encoded
//! elsewhere, while another picture is translated.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use pix2pix::data::picture::Picture;
use pix2pix::model::TranslateOptions;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::metrics::Metrics;
use crate::models::Model;
use crate::problem::Problem;

/// A picture to translate.
pub struct Job {
    /// By which model.
    pub model: Arc<Model>,
    /// The picture.
    pub picture: Picture,
    /// How.
    pub options: TranslateOptions,
    /// Its place, which is its own even when its client is gone.
    pub place: Place,
}

/// A translated picture.
#[derive(Debug)]
pub struct Translated {
    /// The picture.
    pub picture: Picture,
    /// How long its translation took, without waiting.
    pub took: Duration,
    /// Its place, until it is encoded.
    pub place: Place,
}

/// What a job waits with.
struct Waiting {
    job: Job,
    reply: oneshot::Sender<Result<Translated, Problem>>,
}

/// One of the queue's places, which is free again when this is dropped.
#[derive(Debug)]
pub struct Place(#[allow(dead_code)] OwnedSemaphorePermit); // held, never read

/// The queue, and its thread.
pub struct Queue {
    places: Arc<Semaphore>,
    capacity: usize,
    sender: mpsc::UnboundedSender<Waiting>,
    /// Microseconds that a translation takes, of late.
    pace: Arc<AtomicU64>,
}

impl Queue {
    /// A queue of `capacity` pictures, those under way included.
    pub fn start(capacity: usize, metrics: Arc<Metrics>) -> Self {
        // its length is bounded by the places, one of which every job has
        let (sender, mut jobs) = mpsc::unbounded_channel::<Waiting>();
        let pace = Arc::new(AtomicU64::new(0));
        let kept = pace.clone();
        let work = move || {
            while let Some(waiting) = jobs.blocking_recv() {
                if waiting.reply.is_closed() {
                    continue; // the client is gone
                }
                let Job {
                    model,
                    picture,
                    options,
                    place,
                } = waiting.job;
                let begun = Instant::now();
                let work = || model.generator.translate_with(picture, &options);
                // a picture that breaks this must not take the others with it
                let result = catch_unwind(AssertUnwindSafe(work));
                let took = begun.elapsed();
                let result = match result {
                    Err(_) => Err(Problem::internal()),
                    Ok(Err(reason)) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason)),
                    Ok(Ok(picture)) => {
                        kept.store(took.as_micros() as u64, Ordering::Relaxed);
                        let seconds = metrics.seconds.with_label_values(&[&model.info.name]);
                        seconds.observe(took.as_secs_f64());
                        Ok(Translated {
                            picture,
                            took,
                            place,
                        })
                    }
                };
                // who waited may have gone meanwhile
                let _ = waiting.reply.send(result);
            }
        };
        std::thread::Builder::new()
            .name("translate".to_string())
            .spawn(work)
            .expect("a thread can be started");
        Self {
            places: Arc::new(Semaphore::new(capacity)),
            capacity,
            sender,
            pace,
        }
    }

    /// A place, if one is free.
    ///
    /// # Errors
    /// With the seconds after which one may be.
    pub fn place(&self) -> Result<Place, Problem> {
        let permit = self.places.clone().try_acquire_owned();
        permit.map(Place).map_err(|_| {
            let micros = self.pace.load(Ordering::Relaxed) * self.capacity as u64;
            Problem::overload(micros.div_ceil(1_000_000).max(1))
        })
    }

    /// Pictures that wait or are translated.
    pub fn len(&self) -> usize {
        self.capacity - self.places.available_permits()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Translates a picture, when its turn comes. Whoever stops waiting drops it.
    ///
    /// # Errors
    /// When the model does not take the picture.
    pub async fn translate(&self, job: Job) -> Result<Translated, Problem> {
        let (reply, result) = oneshot::channel();
        let sent = self.sender.send(Waiting { job, reply });
        sent.map_err(|_| Problem::internal())?;
        result.await.map_err(|_| Problem::internal())?
    }
}
