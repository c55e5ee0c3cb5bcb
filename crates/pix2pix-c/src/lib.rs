//! A C interface to trained generators; `include/pix2pix.h` is made of it.
//!
//! A function that fails returns null or false, and [`pix2pix_last_error`] tells why. No panic crosses into C.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr::{null, null_mut};

use pix2pix::data::picture::{self, MAX_PIXELS, Picture, Samples};
use pix2pix::model::TranslateOptions;

/// A trained generator.
pub struct Generator(pix2pix::Translator);

/// What a sample is stored as.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// uint8_t, 0 to 255.
    U8,
    /// uint16_t, 0 to 65535.
    U16,
    /// float.
    F32,
}

/// What the pictures of one side are: the samples of a picture stand row by row, the channels of a pixel side by side.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Channels, 1 to 16.
    pub channels: u32,
    /// What a sample is stored as.
    pub depth: Depth,
}

/// How a picture is translated.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether dropout acts, as in the paper.
    pub dropout: bool,
    /// Seed of the dropout: another one makes another picture.
    pub seed: u64,
}

thread_local! {
    static LAST_ERROR: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Runs `work`; what it says, or that it panicked, becomes the last error, and the result `otherwise`.
fn guarded<T>(otherwise: T, work: impl FnOnce() -> Result<T, String>) -> T {
    let done = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err("an internal error; please report it".to_string()));
    done.unwrap_or_else(|reason| {
        let message = CString::new(reason.replace('\0', " ")).unwrap_or_default();
        LAST_ERROR.set(Some(message));
        otherwise
    })
}

/// Why the last call on this thread failed, in UTF-8; NULL if none has. It is there until another call fails.
#[unsafe(no_mangle)]
pub extern "C" fn pix2pix_last_error() -> *const c_char {
    LAST_ERROR.with_borrow(|message| message.as_ref().map_or(null(), |text| text.as_ptr()))
}

/// Loads a checkpoint file, or the newest one of a run folder, from a path in UTF-8; NULL if that fails.
///
/// # Safety
/// `path` must be NULL or a string that ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_load(path: *const c_char) -> *mut Generator {
    guarded(null_mut(), || {
        if path.is_null() {
            return Err("the path is NULL".to_string());
        }
        // SAFETY: the caller gives a string that ends with a zero
        let path = unsafe { CStr::from_ptr(path) }
            .to_str()
            .map_err(|e| format!("the path is not UTF-8 ({e})"))?;
        let generator = pix2pix::Translator::load(Path::new(path)).map_err(|e| e.to_string())?;
        Ok(Box::into_raw(Box::new(Generator(generator))))
    })
}

/// Frees a generator; NULL is nothing to free.
///
/// # Safety
/// `generator` must be NULL, or of pix2pix_load and not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_free(generator: *mut Generator) {
    if !generator.is_null() {
        // SAFETY: the caller gives what `pix2pix_load` made of a box, once
        drop(unsafe { Box::from_raw(generator) });
    }
}

fn in_c(domain: &pix2pix::data::Domain) -> Domain {
    Domain {
        channels: domain.channels as u32,
        depth: match domain.depth {
            picture::Depth::U8 => Depth::U8,
            picture::Depth::U16 => Depth::U16,
            picture::Depth::F32 => Depth::F32,
        },
    }
}

/// What a generator translates from.
///
/// # Safety
/// `generator` must be of pix2pix_load and not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_source(generator: *const Generator) -> Domain {
    // SAFETY: the caller gives a generator
    in_c(&unsafe { &*generator }.0.config.source)
}

/// What a generator translates to.
///
/// # Safety
/// `generator` must be of pix2pix_load and not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_target(generator: *const Generator) -> Domain {
    // SAFETY: the caller gives a generator
    in_c(&unsafe { &*generator }.0.config.target)
}

/// As in the paper: dropout acts, of seed 0.
#[unsafe(no_mangle)]
pub extern "C" fn pix2pix_default_options() -> Options {
    let TranslateOptions { dropout, seed, .. } = TranslateOptions::default();
    Options { dropout, seed }
}

/// Translates a picture of `width` by `height` pixels of the generator's source to one of that size of its target.
/// `pixels` has `pixels_size` bytes and `output` has room for `output_size`; both must be what the pictures have.
///
/// # Safety
/// `generator` must be of pix2pix_load and not freed yet, `options` NULL (for the default ones) or options, and the
/// two buffers as large as said.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_translate(
    generator: *const Generator,
    pixels: *const c_void,
    pixels_size: usize,
    width: u32,
    height: u32,
    options: *const Options,
    output: *mut c_void,
    output_size: usize,
) -> bool {
    guarded(false, || {
        if generator.is_null() || pixels.is_null() || output.is_null() {
            return Err("the generator, the pixels or the output is NULL".to_string());
        }
        // SAFETY: the caller gives a generator
        let generator = &unsafe { &*generator }.0;
        let count = u64::from(width) * u64::from(height);
        if count == 0 || count > MAX_PIXELS {
            return Err(format!(
                "{width}x{height} pixels; a picture has 1 to {MAX_PIXELS}"
            ));
        }
        let (source, target) = (&generator.config.source, &generator.config.target);
        for (what, domain, size) in [
            ("pixels", source, pixels_size),
            ("the output", target, output_size),
        ] {
            let expected = count * domain.channels as u64 * domain.depth.bytes();
            if size as u64 != expected {
                return Err(format!(
                    "{what} of {size} bytes; {width}x{height} pixels of {domain} have {expected}"
                ));
            }
        }
        // SAFETY: the caller gives a buffer of this size
        let bytes = unsafe { std::slice::from_raw_parts(pixels.cast::<u8>(), pixels_size) };
        let samples = Samples::from_bytes(source.depth, bytes);
        let picture = Picture::new([width, height], source.channels, samples);
        // SAFETY: the caller gives options or NULL
        let given = unsafe { options.as_ref() }.copied();
        let Options { dropout, seed } = given.unwrap_or(pix2pix_default_options());
        let options = TranslateOptions {
            dropout,
            seed,
            ..TranslateOptions::default()
        };
        let translated = generator.translate_with(picture, &options)?;
        // SAFETY: the caller gives a buffer of this size
        let out = unsafe { std::slice::from_raw_parts_mut(output.cast::<u8>(), output_size) };
        out.copy_from_slice(translated.bytes());
        Ok(true)
    })
}
