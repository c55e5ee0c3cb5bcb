//! Memory: how the system's allocator treats large blocks, and how much the program has used.

/// Lets glibc keep freed memory for the next step. By default it gives every large tensor back to the
/// kernel, which hands it out again page by page, zeroed: a fifth of a training step's time, and half
/// of the first step's. A step needs the same memory as the last one, so that nothing grows.
///
/// Must be called before other threads run.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, value) in [
        // no block is a mapping of its own, which would go with it
        (libc::M_MMAP_MAX, 0),
        // one heap for all threads, whose top is never given back
        (libc::M_ARENA_MAX, 1),
        (libc::M_TRIM_THRESHOLD, i32::MAX),
    ] {
        // SAFETY: mallopt only sets a parameter of the allocator, and no other thread runs yet. Where
        // it refuses, the default stays.
        unsafe { libc::mallopt(parameter, value) };
    }
}

/// The most memory that this process has held at once, where the system tells (Linux).
pub fn peak_bytes() -> Option<u64> {
    status("VmHWM:")
}

/// The memory that this process holds now, where the system tells (Linux).
pub fn resident_bytes() -> Option<u64> {
    status("VmRSS:")
}

fn status(entry: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(entry))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
