//! The processes that `mpirun` has started together, where it has: the first of them prints and saves for all.

#[cfg(feature = "mpi")]
use std::sync::Arc;
use std::thread::available_parallelism;

use pix2pix::parallel::{Communicator, Group, Shard, Wire};

use crate::failure::Failure;

/// This process and those it was started with.
pub struct Job {
    #[cfg(feature = "mpi")]
    mpi: Option<Arc<pix2pix::parallel::Mpi>>,
}

/// The number of processes that `mpirun` has started: Open MPI tells it by the first of these, MPICH and its kin by the
/// second.
fn started() -> usize {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    number("OMPI_COMM_WORLD_SIZE")
        .or_else(|| number("PMI_SIZE"))
        .unwrap_or(1)
}

impl Job {
    /// Joins the others, if there are any.
    pub fn join() -> Result<Self, Failure> {
        #[cfg(feature = "mpi")]
        return match started() {
            0 | 1 => Ok(Self { mpi: None }),
            _ => match pix2pix::parallel::Mpi::join() {
                Ok(mpi) => Ok(Self {
                    mpi: Some(Arc::new(mpi)),
                }),
                Err(reason) => Err(Failure::Runtime(reason)),
            },
        };
        #[cfg(not(feature = "mpi"))]
        match started() {
            0 | 1 => Ok(Self {}),
            processes => Err(Failure::Usage(format!(
                "mpirun has started {processes} processes, and this program was built without MPI: each would train \
                 alone; build it with `cargo build --release --features mpi`, or start it without mpirun"
            ))),
        }
    }

    /// What connects the processes.
    fn communicator(&self) -> Option<&dyn Communicator> {
        #[cfg(feature = "mpi")]
        return self.mpi.as_deref().map(|mpi| mpi as &dyn Communicator);
        #[cfg(not(feature = "mpi"))]
        None
    }

    /// Which of the processes this one is.
    pub fn shard(&self) -> Shard {
        let communicator = self.communicator();
        communicator.map_or(Shard::default(), Communicator::shard)
    }

    /// Which of those on its machine.
    pub fn local(&self) -> Shard {
        #[cfg(feature = "mpi")]
        if let Some(mpi) = &self.mpi {
            return mpi.local();
        }
        Shard::default()
    }

    /// Threads of this process: as many as asked for, or its share of the cores that it may use.
    pub fn threads(&self, asked: usize) -> usize {
        let ranks = self.local().ranks;
        if asked > 0 || ranks == 1 {
            return asked;
        }
        let cores = available_parallelism().map_or(1, usize::from);
        (cores / ranks).max(1)
    }

    /// The processes as a group that trains.
    pub fn group(&self, wire: Wire, sync_norm: bool) -> Option<Group> {
        #[cfg(feature = "mpi")]
        if let Some(mpi) = &self.mpi {
            return Some(Group {
                communicator: mpi.clone(),
                wire,
                sync_norm,
            });
        }
        let _ = (wire, sync_norm);
        None
    }

    /// What one process could do, if all could: otherwise all fail, and the first that could not says why.
    pub fn agreed<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        let Some(communicator) = self.communicator() else {
            return result;
        };
        let own = result.as_ref().err().map(Failure::message);
        let all = communicator.all_gather(own.unwrap_or_default().as_bytes());
        let Shard { rank, .. } = communicator.shard();
        let Some(first) = all.iter().position(|message| !message.is_empty()) else {
            return result;
        };
        if let (true, Err(failure)) = (first == rank, result) {
            let alone = all.iter().any(Vec::is_empty);
            let failure = match alone {
                true => failure.of_rank(rank),
                false => failure,
            };
            failure.report();
        }
        // mpirun ends all as soon as one has ended: not before it is said
        communicator.all_gather(&[]);
        Err(Failure::Told)
    }

    /// Ends a training that has failed. The others wait for this process and would wait for ever: they are ended too.
    pub fn ended<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        #[cfg(feature = "mpi")]
        if let (Some(mpi), Err(failure)) = (&self.mpi, &result)
            && !matches!(failure, Failure::Interrupted)
        {
            let rank = self.shard().rank;
            if rank > 0 {
                // what happens to all is told by the first, who then ends this process
                std::thread::sleep(std::time::Duration::from_secs(1));
            }
            if let Err(failure) = result {
                failure.of_rank(rank).report();
            }
            mpi.abort(1);
        }
        result
    }
}
