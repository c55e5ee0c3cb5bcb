//! Damaged weight files of every format give an error, never a panic, and never use memory far beyond the file's size. What is not
//! used of a picture takes no memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pix2pix::data::picture::{Content, Format, Metadata, Page};
use pix2pix::exchange::{Rounding, import};
use pix2pix::model::Checkpoint;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The system's allocator, with a count of the memory in use.
struct Counted;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// Held during a measurement, so that only one runs at a time.
static MEASURING: Mutex<()> = Mutex::new(());

// SAFETY: the system's allocator does the work
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: as the caller promises
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static MEMORY: Counted = Counted;

/// Runs `work` and returns its peak memory use in bytes.
fn measured<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let done = work();
    (done, PEAK.load(Ordering::Relaxed).saturating_sub(before))
}

/// Loads a weight file, including the networks.
type Load = fn(&Path) -> Result<(), pix2pix::Error>;

fn foreign(path: &Path) -> Result<(), pix2pix::Error> {
    import::of_files(&[path.to_path_buf()], &import::Options::default()).map(drop)
}

fn ours(path: &Path) -> Result<(), pix2pix::Error> {
    Checkpoint::load(path)?.check(path)
}

/// One small file of each format, with the file name extension that it needs.
fn formats(folder: &Path) -> Vec<(&'static str, PathBuf, Load)> {
    let fixture = |name: &str| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(name)
    };
    let judge = fixture("public/n_layers_1_net_D.pth");
    let public = fixture("public/unet_64-half_net_G.pth");
    let checkpoint = import::public(&public, Some(&judge), &import::Options::default()).unwrap();
    let [whole, half, bytes] =
        ["whole", "half", "bytes"].map(|name| folder.join(name).with_extension("safetensors"));
    checkpoint.save(&whole).unwrap();
    checkpoint.save_rounded(&half, Rounding::F16).unwrap();
    checkpoint.save_rounded(&bytes, Rounding::Int8).unwrap();
    let legacy = fixture("public/unet_128-legacy-module_net_G.pth");
    vec![
        ("pth", public, foreign),
        ("pth", legacy, foreign),
        (
            "safetensors",
            fixture("public/unet_256_net_G.safetensors"),
            foreign,
        ),
        ("h5", fixture("keras/keras-2.h5"), foreign),
        ("keras", fixture("keras/keras-3.keras"), foreign),
        ("safetensors", whole, ours),
        ("safetensors", half, ours),
        ("safetensors", bytes, ours),
    ]
}

/// Memory that a reader may use in addition to copies of the file: tables, decoders, Burn itself.
const ALLOWANCE: usize = 4 << 20;
/// The HDF5 reader allocates as many messages as a header's 16 bits specify.
const HDF5_ALLOWANCE: usize = 16 << 20;
/// Allowed copies of the file: read, widened from 16 bits, reordered, in the network.
const COPIES: usize = 10;

/// Loads the file at `path`. Returns whether it was accepted.
fn attempt(path: &Path, load: Load, bytes: usize, what: &str) -> bool {
    let (done, peak) = measured(|| catch_unwind(AssertUnwindSafe(|| load(path))));
    let done = done.unwrap_or_else(|_| panic!("{what}: a panic"));
    let is_hdf5 = path
        .extension()
        .is_some_and(|ending| ending == "h5" || ending == "keras");
    let allowance = if is_hdf5 { HDF5_ALLOWANCE } else { ALLOWANCE };
    assert!(
        peak <= COPIES * bytes + allowance,
        "{what}: {peak} bytes of memory for a file of {bytes}"
    );
    if let Err(error) = &done {
        let message = error.to_string();
        assert!(message.contains("damaged"), "{what}: {message}");
    }
    done.is_ok()
}

#[test]
fn files_cut_short_at_every_fiftieth_are_errors() {
    let _alone = MEASURING.lock();
    let folder = tempfile::tempdir().unwrap();
    for (ending, path, load) in formats(folder.path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let whole = std::fs::read(&path).unwrap();
        let damaged = folder.path().join("damaged").with_extension(ending);
        std::fs::copy(&path, &damaged).unwrap();
        assert!(
            attempt(&damaged, load, whole.len(), &name),
            "{name} is whole"
        );
        for part in 0..50 {
            let length = whole.len() * part / 50;
            std::fs::write(&damaged, &whole[..length]).unwrap();
            let what = format!("{part}/50 of {name}");
            assert!(
                !attempt(&damaged, load, whole.len(), &what),
                "{what} is taken"
            );
        }
    }
}

/// Seeded, so that a failure is reproducible. Half of the mutations change the first or the last bytes, where formats
/// keep their tables.
#[test]
fn files_with_changed_bytes_are_networks_or_errors() {
    let _alone = MEASURING.lock();
    let mutations: u64 = match std::env::var("PIX2PIX_MUTATIONS") {
        Ok(number) => number.parse().unwrap(),
        Err(_) => 10_000,
    };
    let folder = tempfile::tempdir().unwrap();
    let formats = formats(folder.path());
    let mut taken = vec![0; formats.len()];
    for seed in 0..mutations {
        let kind = seed as usize % formats.len();
        let (ending, path, load) = &formats[kind];
        let mut bytes = std::fs::read(path).unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let end = match random.random_range(0..4) {
            0 => 0..bytes.len().min(4096),
            1 => bytes.len().saturating_sub(4096)..bytes.len(),
            _ => 0..bytes.len(),
        };
        for _ in 0..random.random_range(1..=8) {
            bytes[random.random_range(end.clone())] = random.random();
        }
        let damaged = folder.path().join("damaged").with_extension(ending);
        std::fs::write(&damaged, &bytes).unwrap();
        let what = format!("mutation {seed} of {}", path.display());
        taken[kind] += u64::from(attempt(&damaged, *load, bytes.len(), &what));
    }
    let all = mutations / formats.len() as u64;
    for (taken, (_, path, _)) in taken.into_iter().zip(&formats) {
        let what = path.display();
        assert!(
            taken > 0 && taken < all,
            "{what}: {taken} of {all} mutations were taken: the test tests little"
        );
    }
}

/// Of what a PNG says besides its pixels, no texts are taken over. Each would take a hundred bytes of memory.
#[test]
fn texts_of_a_png_take_no_memory() {
    let _alone = MEASURING.lock();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 16, 16);
    for _ in 0..400_000 {
        encoder.add_text_chunk("x".into(), "y".into()).unwrap();
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0; 256]).unwrap();
    writer.finish().unwrap();
    let content = Content::from(file);
    let (_, peak) = measured(|| Metadata::read(&content, Format::Png, Page::Only, 1));
    assert!(peak <= ALLOWANCE, "{peak} bytes of memory");
}
