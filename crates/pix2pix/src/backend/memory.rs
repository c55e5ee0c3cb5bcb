//! The memory that this process may use on the CPU.

use std::fs;

use sysinfo::{
    CGroupLimits, MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid,
};

/// Memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// The most that the process could ever have: that of the machine, its container, or its limits.
    pub most: u64,
    /// What is left of it now.
    pub free: u64,
}

/// The memory that this process may use; `None` if the system does not report it.
pub fn of_process() -> Option<Memory> {
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::everything());
    let machine = Memory {
        most: system.total_memory() + system.total_swap(),
        free: system.available_memory() + system.free_swap(),
    };
    let groups = [system.cgroup_limits(), of_own_group(&mut system)];
    let [container, group] = groups.map(|limits| {
        limits.map(|limits| Memory {
            most: limits.total_memory,
            // what files take of it is given back where it is needed
            free: limits.total_memory.saturating_sub(limits.rss),
        })
    });
    let limits = [Some(machine), container, group, address_space()];
    // a limit of 0 is one that is not known
    let known = limits.into_iter().flatten().filter(|limit| limit.most > 0);
    known.reduce(|a, b| Memory {
        most: a.most.min(b.most),
        free: a.free.min(b.free),
    })
}

/// The limits of this process's control group and of those around it (Linux): of a job of Slurm, a unit of systemd, or a
/// container that sees the groups of the machine. Those of a container that sees only its own are the system's.
fn of_own_group(system: &mut System) -> Option<CGroupLimits> {
    let own = get_current_pid().ok()?;
    let processes = ProcessesToUpdate::Some(&[own]);
    system.refresh_processes_specifics(processes, false, ProcessRefreshKind::nothing());
    system.process(own)?.cgroup_limits()
}

/// The limit of this process's address space (`ulimit -v`), if there is one (Linux).
fn address_space() -> Option<Memory> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    let most: u64 = line.split_whitespace().next()?.parse().ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let used = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))?;
    let used: u64 = used.split_whitespace().next()?.parse().ok()?;
    let left = most.saturating_sub(used * 1024);
    // what is mapped by now, such as the program itself, stays
    Some(Memory {
        most: left,
        free: left,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_memory() {
        let memory = of_process().expect("Linux, macOS and Windows report it");
        assert!(
            memory.most >= memory.free && memory.free > 1 << 20,
            "{memory:?}"
        );
    }
}
