//! Memory: settings of the system's allocator, its end, and the memory use of this process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;

/// The system's allocator, but the program ends with one line on standard error when there is no more memory, instead of
/// being aborted.
pub struct OneLine;

// SAFETY: every call is passed on to the system's allocator.
unsafe impl GlobalAlloc for OneLine {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        found(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        found(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        found(unsafe { System.realloc(block, layout, size) }, size)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[inline]
fn found(block: *mut u8, bytes: usize) -> *mut u8 {
    if block.is_null() {
        end(bytes);
    }
    block
}

/// Ends the program, without allocating anything.
#[cold]
fn end(bytes: usize) -> ! {
    let mut line = [0u8; 256];
    let length = line.len();
    let mut left = &mut line[..];
    let _ = writeln!(
        left,
        "error: out of memory: {bytes} more bytes are not there; free some memory, or choose a smaller picture, batch, \
         network or --tile, or fewer --threads"
    );
    let left = left.len();
    // SAFETY: the buffer outlives the call; _exit runs nothing of this program any more.
    unsafe {
        libc::write(2, line.as_ptr().cast(), (length - left) as _);
        libc::_exit(1)
    }
}

/// Makes glibc keep freed memory for the next step. By default it returns every large tensor to the kernel, which
/// hands the memory out again page by page and zeroed; this costs a fifth of a training step's time, and half of the
/// first step's. Memory use does not grow, because every step needs the same memory as the one before.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    set([
        // no mappings for single blocks: freeing a block would unmap it
        (libc::M_MMAP_MAX, 0),
        // one heap for all threads, never trimmed
        (libc::M_ARENA_MAX, 1),
        (libc::M_TRIM_THRESHOLD, i32::MAX),
    ]);
}

/// The same as [`keep_freed`] for a part of another program's time: until this value is dropped, which returns the free memory
/// to the kernel.
pub struct KeepFreed(());

impl KeepFreed {
    /// Begins to keep it.
    pub fn begin() -> Self {
        keep_freed();
        Self(())
    }
}

impl Drop for KeepFreed {
    fn drop(&mut self) {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        {
            // glibc's own values
            let heaps = 8 * std::thread::available_parallelism().map_or(1, usize::from);
            set([
                (libc::M_MMAP_MAX, 65_536),
                (libc::M_ARENA_MAX, i32::try_from(heaps).unwrap_or(i32::MAX)),
                (libc::M_TRIM_THRESHOLD, 128 << 10),
            ]);
            // SAFETY: it only returns free pages of the allocator, under the allocator's locks.
            unsafe { libc::malloc_trim(0) };
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn set(parameters: [(libc::c_int, libc::c_int); 3]) {
    for (parameter, value) in parameters {
        // SAFETY: mallopt only sets a parameter of the allocator, under its lock. A thread that allocates meanwhile sees the
        // value from before or this one; both are valid. If it fails, the value from before stays.
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
