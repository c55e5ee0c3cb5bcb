//! A C interface to trained generators. `include/pix2pix.h` is generated from this file.
//!
//! A function that fails returns null or false; [`pix2pix_last_error`] then returns the reason. No panic reaches C.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr::{null, null_mut};

use pix2pix_runtime::checkpoint::ModelConfig;
use pix2pix_runtime::picture::{self, Picture, Samples, check_size};
use pix2pix_runtime::{Error, Tiling, TranslateOptions, Translator};

/// A trained generator.
pub struct Generator(Translator);

/// Type of a sample, the value of one channel of one pixel.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// uint8_t, 0 to 255.
    U8,
    /// uint16_t; 0 to 65535, or the range that the model was trained with.
    U16,
    /// float; 0 to 1, or the range that the model was trained with.
    F32,
}

/// Format of a generator's input or output pictures. Samples are stored row by row with interleaved channels:
/// `[height][width][channels]`. A label map has one channel of class ids or gray levels, or the colors of its palette; a
/// color that no class has becomes the nearest class.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Channels, 1 to 16; 0 for no generator.
    pub channels: u32,
    /// Type of the samples.
    pub depth: Depth,
}

/// Size of a picture in pixels.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// Options of a translation.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether dropout is active, as in the paper.
    pub dropout: bool,
    /// Seed of the dropout. Another seed gives a different output.
    pub seed: u64,
    /// Side in pixels of the overlapping tiles that the picture is cut into, to limit memory. 0 for 1024 or a little more, and
    /// only pictures of more than 2^21 pixels.
    pub tile: u32,
    /// Overlap of adjacent tiles in pixels, which is blended: at most half of `tile`. 0 for a quarter.
    pub overlap: u32,
}

thread_local! {
    static LAST_ERROR: RefCell<Option<CString>> = const { RefCell::new(None) };
    /// Why the newest call of `pix2pix_load` failed; `None` if it did not.
    static NOT_LOADED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`. If it fails or panics, stores the reason as the last error and returns `otherwise`.
fn guarded<T>(otherwise: T, work: impl FnOnce() -> Result<T, String>) -> T {
    let done = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err("an internal error; please report it".to_string()));
    done.unwrap_or_else(|reason| {
        let message = CString::new(reason.replace('\0', " ")).unwrap_or_default();
        LAST_ERROR.set(Some(message));
        otherwise
    })
}

/// Returns the reason for the last failure on this thread, in UTF-8; NULL if no call has failed. The string is valid
/// until another call on this thread fails. That of a call with NULL for a generator is why pix2pix_load failed before.
#[unsafe(no_mangle)]
pub extern "C" fn pix2pix_last_error() -> *const c_char {
    LAST_ERROR.with_borrow(|message| message.as_ref().map_or(null(), |text| text.as_ptr()))
}

/// Loads a checkpoint file, or the newest checkpoint of a run folder, from a path in UTF-8. Returns NULL on failure.
/// The caller must free the generator with pix2pix_free.
///
/// # Safety
/// `path` must be NULL or a NUL-terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_load(path: *const c_char) -> *mut Generator {
    guarded(null_mut(), || {
        // SAFETY: the caller's promise is the same
        let loaded = unsafe { load(path) };
        NOT_LOADED.set(loaded.as_ref().err().cloned());
        Ok(Box::into_raw(Box::new(Generator(loaded?))))
    })
}

/// Loads a generator from a path in UTF-8.
///
/// # Safety
/// As [`pix2pix_load`].
unsafe fn load(path: *const c_char) -> Result<Translator, String> {
    if path.is_null() {
        return Err("the path is NULL".to_string());
    }
    // SAFETY: the caller passes a NUL-terminated string
    let path = unsafe { CStr::from_ptr(path) }
        .to_str()
        .map_err(|e| format!("the path is not UTF-8 ({e})"))?;
    Translator::load(Path::new(path)).map_err(|e| e.to_string())
}

/// The generator that C passes. The error for NULL is that of the call that was to load it.
///
/// # Safety
/// `generator` must be NULL, or a generator from pix2pix_load that is not freed yet.
unsafe fn loaded<'a>(generator: *const Generator) -> Result<&'a Translator, String> {
    // SAFETY: the caller passes a valid generator or NULL
    let generator = unsafe { generator.as_ref() };
    generator
        .map(|Generator(translator)| translator)
        .ok_or_else(|| {
            let reason = NOT_LOADED.with_borrow(Clone::clone);
            reason.unwrap_or_else(|| "the generator is NULL".to_string())
        })
}

/// Frees a generator. Does nothing for NULL.
///
/// # Safety
/// `generator` must be NULL, or a generator from pix2pix_load that is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_free(generator: *mut Generator) {
    if !generator.is_null() {
        // SAFETY: the caller passes a pointer that `pix2pix_load` made from a box, and only once
        drop(unsafe { Box::from_raw(generator) });
    }
}

fn in_c(domain: &picture::Domain) -> Domain {
    Domain {
        channels: domain.channels as u32,
        depth: match domain.depth {
            picture::Depth::U8 => Depth::U8,
            picture::Depth::U16 => Depth::U16,
            picture::Depth::F32 => Depth::F32,
        },
    }
}

/// The format of one side of a generator's pictures; that of no generator has 0 channels.
///
/// # Safety
/// As [`pix2pix_source`].
unsafe fn format(
    generator: *const Generator,
    side: fn(&ModelConfig) -> &picture::Domain,
) -> Domain {
    let none = Domain {
        channels: 0,
        depth: Depth::U8,
    };
    guarded(none, || {
        // SAFETY: the caller's promise is the same
        let translator = unsafe { loaded(generator) }?;
        Ok(in_c(side(&translator.model)))
    })
}

/// Returns the format of the input pictures; 0 channels on failure.
///
/// # Safety
/// `generator` must be NULL, or a generator from pix2pix_load that is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_source(generator: *const Generator) -> Domain {
    // SAFETY: the caller's promise is the same
    unsafe { format(generator, |model| &model.source) }
}

/// Returns the format of the output pictures; 0 channels on failure.
///
/// # Safety
/// `generator` must be NULL, or a generator from pix2pix_load that is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_target(generator: *const Generator) -> Domain {
    // SAFETY: the caller's promise is the same
    unsafe { format(generator, |model| &model.target) }
}

/// Returns the size of the pictures that the generator was trained on; 0x0 on failure.
///
/// # Safety
/// `generator` must be NULL, or a generator from pix2pix_load that is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_size(generator: *const Generator) -> Size {
    let none = Size {
        width: 0,
        height: 0,
    };
    guarded(none, || {
        // SAFETY: the caller's promise is the same
        let translator = unsafe { loaded(generator) }?;
        let [width, height] = translator.model.size().0;
        Ok(Size { width, height })
    })
}

/// Returns the default options, as in the paper: dropout is active, with seed 0.
#[unsafe(no_mangle)]
pub extern "C" fn pix2pix_default_options() -> Options {
    let TranslateOptions { dropout, seed, .. } = TranslateOptions::default();
    Options {
        dropout,
        seed,
        tile: 0,
        overlap: 0,
    }
}

/// The options of the runtime. In C, 0 is a number that is not given.
fn in_rust(options: Options) -> Result<TranslateOptions, Error> {
    let given = |pixels: u32| (pixels > 0).then_some(pixels);
    Ok(TranslateOptions {
        dropout: options.dropout,
        seed: options.seed,
        tiling: Tiling::of(given(options.tile), given(options.overlap))?,
        ..TranslateOptions::default()
    })
}

/// What an error says, with the name that its field has in C.
fn told(error: &Error) -> String {
    error.to_string().replace("`side`", "`tile`")
}

/// Translates a picture of `width` by `height` pixels, at least 16 each. Returns false on failure.
///
/// `pixels` holds the input in the format of pix2pix_source, and `output` receives a picture of the same size in the
/// format of pix2pix_target. `pixels_size` and `output_size` are the sizes of these buffers in bytes; they must be
/// exactly those of the two pictures. `options` may be NULL for the default options.
///
/// # Safety
/// `generator` must be NULL, or a generator from pix2pix_load that is not freed yet. `options`, `pixels` and `output`
/// must be NULL or valid; the two buffers must have the given sizes and must not overlap.
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
        // SAFETY: the caller's promise is the same
        let generator = unsafe { loaded(generator) }?;
        if pixels.is_null() || output.is_null() {
            return Err("the pixels or the output is NULL".to_string());
        }
        check_size([width, height]).map_err(|e| e.to_string())?;
        let count = u64::from(width) * u64::from(height);
        let (source, target) = (&generator.model.source, &generator.model.target);
        for (what, domain, size) in [
            ("pixels", source, pixels_size),
            ("the output", target, output_size),
        ] {
            let expected = count * domain.channels as u64 * domain.depth.bytes();
            if size as u64 != expected {
                return Err(format!(
                    "{what} of {size} bytes; {width}x{height} pixels of {domain} need {expected}"
                ));
            }
        }
        // SAFETY: the caller passes a buffer of this size
        let bytes = unsafe { std::slice::from_raw_parts(pixels.cast::<u8>(), pixels_size) };
        let samples = Samples::from_bytes(source.depth, bytes);
        let picture = Picture::new([width, height], source.channels, samples);
        // SAFETY: the caller passes options or NULL
        let given = unsafe { options.as_ref() }.copied();
        let translated = in_rust(given.unwrap_or(pix2pix_default_options()))
            .and_then(|options| generator.translate_with(picture, &options))
            .map_err(|error| told(&error))?;
        let bytes = translated.bytes();
        assert_eq!(bytes.len(), output_size, "bytes of the target's format");
        // SAFETY: the caller passes a buffer of this size, which may be uninitialized
        unsafe {
            bytes
                .as_ptr()
                .copy_to_nonoverlapping(output.cast(), output_size)
        };
        Ok(true)
    })
}
