//! Memory: settings of the system's allocator, its end, and the memory use of this process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// The system's allocator, with two differences. The program ends with one line on standard error when there is no more
/// memory, instead of being aborted. And Linux is asked to back large blocks with huge pages, which it hands out faster.
pub struct Allocator;

// SAFETY: every call is passed on to the system's allocator.
unsafe impl GlobalAlloc for Allocator {
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
    #[cfg(target_os = "linux")]
    if bytes >= LARGE {
        back_with_huge_pages(block, bytes);
    }
    block
}

/// Bytes of a huge page of x86-64 and of most ARM systems.
#[cfg(target_os = "linux")]
const HUGE_PAGE: usize = 2 << 20;
/// Blocks of this many bytes surely have a whole huge page.
#[cfg(target_os = "linux")]
const LARGE: usize = 2 * HUGE_PAGE;

/// Asks for huge pages where a block has whole ones. A page is zeroed when it is first touched; one of 2 MB costs less than
/// the 512 of 4 KB that it replaces: the first training step ends in 0.6 of the time. Where the system has none, nothing changes.
#[cfg(target_os = "linux")]
fn back_with_huge_pages(block: *mut u8, bytes: usize) {
    let skipped = block.align_offset(HUGE_PAGE);
    let whole = (bytes - skipped) / HUGE_PAGE * HUGE_PAGE;
    // SAFETY: the range is inside the block, and the advice changes none of its contents.
    unsafe { libc::madvise(block.add(skipped).cast(), whole, libc::MADV_HUGEPAGE) };
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
/// first step's. Memory use does not grow, because every step needs the same memory as the one before. Settings that the
/// user's environment makes stay.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::set(glibc::KEPT);
}

/// Trainings that keep freed memory at this moment.
static KEEPERS: Mutex<usize> = Mutex::new(0);

/// The same as [`keep_freed`] for a part of another program's time: until the last of these values is dropped, which returns
/// the free memory to the kernel. Afterwards glibc's thresholds are its initial ones and no longer adapt; settings that the
/// program itself made with `mallopt` are lost.
pub struct KeepFreed(());

impl KeepFreed {
    /// Begins to keep it.
    pub fn begin() -> Self {
        let mut keepers = KEEPERS.lock().unwrap_or_else(PoisonError::into_inner);
        *keepers += 1;
        keep_freed();
        Self(())
    }
}

impl Drop for KeepFreed {
    fn drop(&mut self) {
        let mut keepers = KEEPERS.lock().unwrap_or_else(PoisonError::into_inner);
        *keepers -= 1;
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        if *keepers == 0 {
            glibc::set(glibc::initial());
            // SAFETY: it only returns free pages of the allocator, under the allocator's locks.
            unsafe { libc::malloc_trim(0) };
        }
    }
}

/// The settings of glibc's allocator.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use std::env;

    /// Values of `M_MMAP_MAX`, `M_ARENA_MAX` and `M_TRIM_THRESHOLD`.
    type Settings = [libc::c_int; 3];

    /// Each parameter, with the variable and the tunable by which users set it.
    const PARAMETERS: [(libc::c_int, &str, &str); 3] = [
        (
            libc::M_MMAP_MAX,
            "MALLOC_MMAP_MAX_",
            "glibc.malloc.mmap_max=",
        ),
        (
            libc::M_ARENA_MAX,
            "MALLOC_ARENA_MAX",
            "glibc.malloc.arena_max=",
        ),
        (
            libc::M_TRIM_THRESHOLD,
            "MALLOC_TRIM_THRESHOLD_",
            "glibc.malloc.trim_threshold=",
        ),
    ];

    /// No mappings for single blocks, because freeing a block would unmap it; and one heap for all threads, never trimmed.
    pub const KEPT: Settings = [0, 1, i32::MAX];

    /// Those of a new process.
    pub fn initial() -> Settings {
        let heaps = 8 * std::thread::available_parallelism().map_or(1, usize::from);
        [65_536, i32::try_from(heaps).unwrap_or(i32::MAX), 128 << 10]
    }

    pub fn set(settings: Settings) {
        for (parameter, value) in open(settings, &|name| env::var(name).ok()) {
            // SAFETY: mallopt only sets a parameter of the allocator, under its lock. A thread that allocates meanwhile sees
            // the value from before or this one; both are valid. If it fails, the value from before stays.
            unsafe { libc::mallopt(parameter, value) };
        }
    }

    /// The parameters that the user's environment leaves open, with their values.
    pub(super) fn open(
        settings: Settings,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Vec<(libc::c_int, libc::c_int)> {
        let tunables = environment("GLIBC_TUNABLES").unwrap_or_default();
        let parameters = PARAMETERS.into_iter().zip(settings);
        let open = parameters.filter(|((_, variable, tunable), _)| {
            environment(variable).is_none() && !tunables.contains(tunable)
        });
        open.map(|((parameter, ..), value)| (parameter, value))
            .collect()
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

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_users_environment_stay() {
        let open = |known: &[(&str, &str)]| {
            let value = |name: &str| {
                let found = known.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_string())
            };
            glibc::open([7, 8, 9], &value)
        };
        let all = [
            (libc::M_MMAP_MAX, 7),
            (libc::M_ARENA_MAX, 8),
            (libc::M_TRIM_THRESHOLD, 9),
        ];
        assert_eq!(open(&[]), all);
        assert_eq!(open(&[("MALLOC_ARENA_MAX", "2")]), [all[0], all[2]]);
        let tunables = "glibc.malloc.mmap_max=4:glibc.malloc.trim_threshold=5";
        assert_eq!(open(&[("GLIBC_TUNABLES", tunables)]), [all[1]]);
    }

    /// A freed block stays in this process's memory until the last keeper is dropped. In a process of its own, because other
    /// tests train.
    #[test]
    fn the_last_of_two_keepers_ends_it() {
        const ALONE: &str = "PIX2PIX_TEST_ALONE";
        const BLOCK: usize = 32 << 20;
        if std::env::var_os(ALONE).is_none() {
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            child.args(["the_last_of_two_keepers_ends_it", "--test-threads=1"]);
            let output = child.env(ALONE, "1").output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains(" 1 passed"), "{said}");
            return;
        }
        let before = resident_bytes().unwrap();
        let kept = || {
            drop(std::hint::black_box(vec![1u8; BLOCK]));
            resident_bytes().unwrap() > before + BLOCK as u64 / 2
        };
        let first = KeepFreed::begin();
        let second = KeepFreed::begin();
        assert!(kept());
        drop(first);
        assert!(kept());
        drop(second);
        assert!(!kept());
    }
}
