//! The request bodies that arrive: at most so many in all and from one client, within the server's memory. A slow one gives
//! way to a new one.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::memory::{Held, Memory};
use crate::settings::{COPIES, Settings};

/// A body does not give way in its first second.
const START: Duration = Duration::from_secs(1);
/// A body gives way that arrives at fewer bytes per second than this, or rests for a second.
const SLOW: f64 = 65536.0;

/// The bodies that arrive.
pub struct Uploads {
    most: usize,
    most_per_client: usize,
    /// The memory of all requests.
    pub memory: Memory,
    arriving: Mutex<Vec<Arc<Upload>>>,
}

/// Why a body is not received to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was slow, and gave way to another one.
    GaveWay,
    /// There is no memory for the rest of it.
    NoMemory,
}

/// A body that arrives.
#[derive(Debug)]
struct Upload {
    client: IpAddr,
    begun: Instant,
    progress: Mutex<Progress>,
    end: OnceLock<End>,
    ended: Notify,
}

#[derive(Debug)]
struct Progress {
    received: u64,
    last: Instant,
    held: Held,
}

/// A body that arrives; dropping it ends it.
pub struct Receiving {
    uploads: Arc<Uploads>,
    upload: Arc<Upload>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Uploads {
    /// No bodies, with the limits of the settings.
    pub fn new(settings: &Settings) -> Self {
        Self {
            most: settings.uploads,
            most_per_client: settings.uploads_per_client,
            memory: Memory::new(settings.memory),
            arriving: Mutex::default(),
        }
    }

    /// Begins to receive a body, if need be in place of a slow one. `None` if there are too many and none is slow.
    pub fn begin(self: &Arc<Self>, client: IpAddr) -> Option<Receiving> {
        let mut arriving = lock(&self.arriving);
        let own = arriving.iter().filter(|one| one.client == client).count();
        if own >= self.most_per_client {
            give_way(&mut arriving, |one| one.client == client)?;
        } else if arriving.len() >= self.most {
            give_way(&mut arriving, |_| true)?;
        }
        let now = Instant::now();
        let upload = Arc::new(Upload {
            client,
            begun: now,
            progress: Mutex::new(Progress {
                received: 0,
                last: now,
                held: self.memory.held(),
            }),
            end: OnceLock::new(),
            ended: Notify::new(),
        });
        arriving.push(upload.clone());
        Some(Receiving {
            uploads: self.clone(),
            upload,
        })
    }
}

/// Ends the slow body that has rested longest.
fn give_way(arriving: &mut Vec<Arc<Upload>>, is_candidate: impl Fn(&Upload) -> bool) -> Option<()> {
    let rest = |one: &Upload| {
        let progress = lock(&one.progress);
        let (age, rest) = (one.begun.elapsed(), progress.last.elapsed());
        let is_slow = rest >= START || progress.received as f64 / age.as_secs_f64() < SLOW;
        (age >= START && is_slow).then_some(rest)
    };
    let candidates = arriving.iter().enumerate();
    let slow = candidates
        .filter(|(_, one)| is_candidate(one))
        .filter_map(|(index, one)| Some((rest(one)?, index)));
    let (_, index) = slow.max()?;
    arriving.swap_remove(index).end(End::GaveWay);
    Some(())
}

impl Upload {
    fn end(&self, why: End) {
        let _ = self.end.set(why); // the first reason counts
        self.ended.notify_one();
    }
}

impl Receiving {
    /// A function that is told the length of each part that arrives.
    pub fn counter(&self) -> impl Fn(usize) + Send + 'static {
        let (upload, uploads) = (self.upload.clone(), self.uploads.clone());
        move |bytes| {
            let mut progress = lock(&upload.progress);
            progress.received += bytes as u64;
            progress.last = Instant::now();
            let needed = COPIES * progress.received;
            if !progress.held.grow_to(needed) {
                drop(progress);
                // the next one finds room
                give_way(&mut lock(&uploads.arriving), |one| {
                    !std::ptr::eq(one, &*upload)
                });
                upload.end(End::NoMemory);
            }
        }
    }

    /// Waits until the body must end early.
    pub async fn ended(&self) -> End {
        loop {
            if let Some(end) = self.upload.end.get() {
                return *end;
            }
            self.upload.ended.notified().await;
        }
    }

    /// Ends it, and returns the memory that its bytes hold.
    pub fn received(self) -> Held {
        let none = self.uploads.memory.held();
        std::mem::replace(&mut lock(&self.upload.progress).held, none)
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        lock(&self.uploads.arriving).retain(|one| !Arc::ptr_eq(one, &self.upload));
    }
}
