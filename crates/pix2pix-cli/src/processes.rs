//! The processes of one `mpirun` job, if any: rank 0 prints and saves for all.

#[cfg(feature = "mpi")]
use std::sync::Arc;

use pix2pix::device::cores;
use pix2pix::parallel::{Communicator, Group, Shard, Wire};

use crate::failure::Failure;

/// This process and the other processes of its `mpirun` job.
pub struct Processes {
    #[cfg(feature = "mpi")]
    mpi: Option<Arc<pix2pix::parallel::Mpi>>,
}

/// The number of processes that `mpirun` has started, 1 without it. Open MPI sets the first of these variables, MPICH
/// and its relatives the second.
fn started() -> usize {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    number("OMPI_COMM_WORLD_SIZE")
        .or_else(|| number("PMI_SIZE"))
        .unwrap_or(1)
}

impl Processes {
    /// Joins the other processes, if there are any.
    ///
    /// # Errors
    /// If MPI cannot start, or this program was built without it.
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
                "mpirun has started {processes} processes, but this program was built without MPI, so each would train \
                 alone; build it with `cargo build --release --features pix2pix-cli/mpi`, or start it without mpirun"
            ))),
        }
    }

    /// The communicator, if there are several processes.
    fn communicator(&self) -> Option<&dyn Communicator> {
        #[cfg(feature = "mpi")]
        return self.mpi.as_deref().map(|mpi| mpi as &dyn Communicator);
        #[cfg(not(feature = "mpi"))]
        None
    }

    /// This process's rank and the number of processes.
    pub fn shard(&self) -> Shard {
        let communicator = self.communicator();
        communicator.map_or(Shard::default(), Communicator::shard)
    }

    /// The same among the processes on this machine.
    pub fn local(&self) -> Shard {
        #[cfg(feature = "mpi")]
        if let Some(mpi) = &self.mpi {
            return mpi.local();
        }
        Shard::default()
    }

    /// Number of threads for this process: `asked`, or if that is 0, its share of the available cores.
    pub fn threads(&self, asked: usize) -> usize {
        let ranks = self.local().ranks;
        if asked > 0 || ranks == 1 {
            return asked;
        }
        (cores() / ranks).max(1)
    }

    /// The group for data-parallel training, if there are several processes.
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

    /// Returns this process's result if all processes succeeded. Otherwise all fail, and the first that failed prints
    /// its error. Every process must call this.
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
        // wait until the error is printed: mpirun kills all processes as soon as one exits
        communicator.all_gather(&[]);
        Err(Failure::Told)
    }

    /// Prints the error of a failed training and aborts all processes, which would otherwise wait for this one forever.
    pub fn ended<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        #[cfg(feature = "mpi")]
        if let (Some(mpi), Err(failure)) = (&self.mpi, &result)
            && !matches!(failure, Failure::Interrupted)
        {
            let rank = self.shard().rank;
            if rank > 0 {
                // an error that all processes have is printed by rank 0, which then ends this process
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
