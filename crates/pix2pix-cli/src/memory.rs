//! Memory: settings of the system's allocator, and the memory use of this process.

/// Makes glibc keep freed memory for the next step. By default it returns every large tensor to the kernel, which
/// hands the memory out again page by page and zeroed; this costs a fifth of a training step's time, and half of the
/// first step's. Memory use does not grow, because every step needs the same memory as the one before.
///
/// Call it before other threads start.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, value) in [
        // no mappings for single blocks: freeing a block would unmap it
        (libc::M_MMAP_MAX, 0),
        // one heap for all threads, never trimmed
        (libc::M_ARENA_MAX, 1),
        (libc::M_TRIM_THRESHOLD, i32::MAX),
    ] {
        // SAFETY: mallopt only sets a parameter of the allocator, and no other thread runs yet. If it
        // fails, the default stays.
        unsafe { libc::mallopt(parameter, value) };
    }
}

/// Peak resident memory of this process, in bytes; `None` if the system does not report it (Linux does).
pub fn peak_bytes() -> Option<u64> {
    status("VmHWM:")
}

/// Current resident memory of this process, in bytes; `None` if the system does not report it (Linux does).
pub fn resident_bytes() -> Option<u64> {
    status("VmRSS:")
}

fn status(entry: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(entry))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
