//! The processes of one `mpirun`, connected by MPI.
//!
//! Waiting polls with sleeps in between, so that a waiting process leaves its core to threads that compute. No call
//! waits inside MPI, so threads take turns with a lock: less is asked of the MPI library than calls at the same time,
//! which is where libraries have had deadlocks.

use std::ffi::{c_int, c_void};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use half::bf16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use mpi::Threading;
use mpi::collective::{SystemOperation, UnsafeUserOperation};
use mpi::datatype::{Equivalence, PartitionMut};
use mpi::environment::Universe;
use mpi::ffi::MPI_Datatype;
use mpi::request::{LocalScope, Request, Scope, scope};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, CommunicatorCollectives, Operation};

use super::{Communicator, Shard, Wire};

/// Polls without sleep for this long, so that short waits end at once.
const EAGER: Duration = Duration::from_micros(100);
/// Sleep between two polls after that, when there is nothing else to do.
const NAP: Duration = Duration::from_micros(50);
/// Sleep between two polls during a backward pass, which loses its core to each poll.
const LONG_NAP: Duration = Duration::from_micros(500);

/// All processes of one `mpirun`.
pub struct Mpi {
    /// Carries everything but gradients.
    control: SimpleCommunicator,
    /// Carries gradients, in its own thread.
    gradients: SimpleCommunicator,
    all: Shard,
    local: Shard,
    /// Held during each call of MPI.
    turn: Mutex<()>,
    /// Finalizes MPI when it is dropped, after the communicators.
    _universe: Universe,
}

impl std::fmt::Debug for Mpi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Mpi").field(&self.shard()).finish()
    }
}

// SAFETY: MPI has granted MPI_THREAD_SERIALIZED (`join` checks it), with which any thread may call it.
unsafe impl Send for Mpi {}
// SAFETY: as above, one thread at a time: `in_turn`. Collective calls on one communicator come from one thread: see the
// fields.
unsafe impl Sync for Mpi {}

impl Mpi {
    /// Joins the processes that `mpirun` started together with this one.
    ///
    /// # Errors
    /// The reason, when MPI is already running in this process, or cannot be called from several threads in turn.
    pub fn join() -> Result<Self, String> {
        let (universe, threading) = mpi::initialize_with_threading(Threading::Serialized)
            .ok_or("MPI is already running in this process")?;
        if threading < Threading::Serialized {
            return Err(
                "this MPI library cannot be called from several threads (MPI_THREAD_SERIALIZED); use another, \
                        such as Debian's openmpi-bin"
                    .to_string(),
            );
        }
        let world = universe.world();
        let host = world.split_shared(world.rank());
        Ok(Self {
            control: world.duplicate(),
            gradients: world.duplicate(),
            all: shard(&world),
            local: shard(&host),
            turn: Mutex::new(()),
            _universe: universe,
        })
    }

    /// This process's rank among those on its machine, and their number.
    pub fn local(&self) -> Shard {
        self.local
    }

    /// Aborts all processes with an exit code.
    pub fn abort(&self, code: i32) -> ! {
        self.in_turn(|| self.control.abort(code))
    }

    /// Calls MPI while no other thread does.
    fn in_turn<T>(&self, call: impl FnOnce() -> T) -> T {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        call()
    }

    /// Waits for a request without keeping the core busy, or MPI from the other thread.
    fn wait<'a, D: ?Sized, S: Scope<'a>>(&self, mut request: Request<'a, D, S>) {
        let begun = Instant::now();
        while let Err(again) = self.in_turn(|| request.test()) {
            request = again;
            if begun.elapsed() < EAGER {
                std::thread::yield_now();
            } else {
                std::thread::sleep(NAP);
            }
        }
    }
}

fn shard(communicator: &SimpleCommunicator) -> Shard {
    Shard {
        rank: communicator.rank() as usize,
        ranks: communicator.size() as usize,
    }
}

impl Communicator for Mpi {
    fn shard(&self) -> Shard {
        self.all
    }

    fn all_gather(&self, own: &[u8]) -> Vec<Vec<u8>> {
        let ranks = self.shard().ranks;
        let length = own.len() as c_int;
        let mut lengths: Vec<c_int> = vec![0; ranks];
        scope(|scope| {
            let control = &self.control;
            self.wait(
                self.in_turn(|| {
                    control.immediate_all_gather_into(scope, &length, &mut lengths[..])
                }),
            );
        });
        let begins = lengths.iter().scan(0, |end, length| {
            let begin = *end;
            *end += length;
            Some(begin)
        });
        let begins: Vec<c_int> = begins.collect();
        let mut all = vec![0u8; lengths.iter().sum::<c_int>() as usize];
        if !all.is_empty() {
            let mut parts = PartitionMut::new(&mut all[..], &lengths[..], &begins[..]);
            scope(|scope| {
                let control = &self.control;
                self.wait(self.in_turn(|| {
                    control.immediate_all_gather_varcount_into(scope, own, &mut parts)
                }));
            });
        }
        let parts = begins.iter().zip(&lengths);
        parts
            .map(|(begin, length)| all[*begin as usize..][..*length as usize].to_vec())
            .collect()
    }

    fn all_reduce(
        &self,
        buckets: Receiver<Vec<f32>>,
        lengths: &[usize],
        wire: Wire,
    ) -> Vec<Vec<f32>> {
        match wire {
            Wire::F32 => {
                let sum = SystemOperation::sum();
                self.reduce(buckets, lengths, sum, |bucket| bucket)
            }
            Wire::Bf16 => {
                // SAFETY: `add_bf16` has the form that MPI requires, and receives only 16-bit words.
                let sum = self.in_turn(|| unsafe { UnsafeUserOperation::commutative(add_bf16) });
                let words = |bucket: Vec<f32>| {
                    let mut words = vec![0u16; bucket.len()];
                    words
                        .reinterpret_cast_mut::<bf16>()
                        .convert_from_f32_slice(&bucket);
                    words
                };
                let sums: Vec<Vec<u16>> = self.reduce(buckets, lengths, &sum, words);
                self.in_turn(|| drop(sum));
                let values = |words: &Vec<u16>| {
                    let mut values = vec![0.0; words.len()];
                    words
                        .reinterpret_cast::<bf16>()
                        .convert_to_f32_slice(&mut values);
                    values
                };
                sums.iter().map(values).collect()
            }
        }
    }
}

impl Mpi {
    /// Sums buckets over the group, in the words that `encode` makes.
    fn reduce<T: Equivalence + Clone>(
        &self,
        buckets: Receiver<Vec<f32>>,
        lengths: &[usize],
        sum: impl Operation + Copy,
        encode: impl Fn(Vec<f32>) -> Vec<T>,
    ) -> Vec<Vec<T>>
    where
        [T]: mpi::traits::Buffer + mpi::traits::BufferMut,
    {
        let mut own: Vec<Vec<T>> = lengths.iter().map(|_| Vec::new()).collect();
        let mut sums: Vec<Vec<T>> = lengths.iter().map(|_| Vec::new()).collect();
        scope(|scope| {
            let mut under_way: Vec<Request<[T], &LocalScope>> = Vec::new();
            for (own, sum_here) in own.iter_mut().zip(&mut sums) {
                let Some(bucket) = self.next(&buckets, &mut under_way) else {
                    break; // the step has ended early, in all processes
                };
                *own = encode(bucket);
                *sum_here = own.clone(); // MPI overwrites it, but needs initialized memory
                let gradients = &self.gradients;
                let (own, all) = (&own[..], &mut sum_here[..]);
                under_way.push(
                    self.in_turn(|| gradients.immediate_all_reduce_into(scope, own, all, sum)),
                );
            }
            under_way.into_iter().for_each(|request| self.wait(request));
        });
        sums
    }

    /// Waits for the next bucket, and keeps the all-reduces in progress going. `None` after the last.
    fn next<'a, T: Equivalence>(
        &self,
        buckets: &Receiver<Vec<f32>>,
        under_way: &mut Vec<Request<'a, [T], &LocalScope<'a>>>,
    ) -> Option<Vec<f32>> {
        loop {
            if under_way.is_empty() {
                return buckets.recv().ok();
            }
            match buckets.try_recv() {
                Ok(bucket) => return Some(bucket),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            // one poll advances all of them
            if let Err(again) = self.in_turn(|| under_way.remove(0).test()) {
                under_way.insert(0, again);
                std::thread::sleep(LONG_NAP);
            }
        }
    }
}

/// Adds two vectors of bfloat16 numbers: `sum += other`.
///
/// # Safety
/// Both vectors must have `length` words.
unsafe extern "C" fn add_bf16(
    other: *mut c_void,
    sum: *mut c_void,
    length: *mut c_int,
    _kind: *mut MPI_Datatype,
) {
    // SAFETY: MPI promises two vectors of this length, which do not overlap.
    let (other, sum) = unsafe {
        let length = *length as usize;
        (
            std::slice::from_raw_parts(other.cast::<bf16>(), length),
            std::slice::from_raw_parts_mut(sum.cast::<bf16>(), length),
        )
    };
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum += *other;
    }
}
