//! Trained pix2pix generators as a WebAssembly module. `npm/worker.js` is its only caller: it loads the module, copies models
//! and pictures into its memory, and has one call at a time. Compiled with atomic instructions, the module also has `threads`.
//!
//! A function that fails returns null or false; the text of [`pix2pix_reason`] is then the reason.

use std::cell::RefCell;
use std::path::Path;

use pix2pix_runtime::picture::{Depth, Domain, Picture, Samples, check_size, conversion};
use pix2pix_runtime::{Error, TranslateOptions, Translator};

#[cfg(target_feature = "atomics")]
mod threads;

/// Channels of a canvas: red, green, blue and alpha.
const RGBA: usize = 4;

thread_local! {
    /// The reason of the last failure.
    static REASON: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Stores the reason of a failure, and returns `otherwise` for it.
fn told<T>(otherwise: T, done: Result<T, String>) -> T {
    done.unwrap_or_else(|reason| {
        REASON.set(reason);
        otherwise
    })
}

/// The first byte of the reason of the last failure, in UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn pix2pix_reason() -> *const u8 {
    REASON.with_borrow(|reason| reason.as_ptr())
}

/// Number of bytes of that reason.
#[unsafe(no_mangle)]
pub extern "C" fn pix2pix_reason_size() -> usize {
    REASON.with_borrow(String::len)
}

/// Allocates `size` bytes, all zero.
#[unsafe(no_mangle)]
pub extern "C" fn pix2pix_allocate(size: usize) -> *mut u8 {
    Box::into_raw(vec![0u8; size].into_boxed_slice()).cast()
}

/// Frees memory.
///
/// # Safety
/// `bytes` must come from [`pix2pix_allocate`] with the same `size`, and not be freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_release(bytes: *mut u8, size: usize) {
    // SAFETY: the caller passes what `pix2pix_allocate` made from such a box.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(bytes, size)) });
}

/// Loads a checkpoint. Returns null on failure.
///
/// # Safety
/// `bytes` must point to `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_load(bytes: *const u8, size: usize) -> *mut Translator {
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, size) };
    told(std::ptr::null_mut(), load(bytes).map(Box::into_raw))
}

fn load(bytes: &[u8]) -> Result<Box<Translator>, String> {
    let mut translator = Translator::parse(bytes, Path::new("model")).map_err(no_model)?;
    if translator.model.neighbors > 0 {
        return Err(
            "model: it translates slices of volumes with their neighbors, and a canvas has none"
                .into(),
        );
    }
    let (source, target) = (&translator.model.source, &translator.model.target);
    let unlike = |reason| format!("model: {reason}, and a canvas has {RGBA}");
    conversion(RGBA, source.channels).map_err(unlike)?;
    conversion(target.channels, RGBA).map_err(unlike)?;
    // black and white of any depth are those of a canvas
    translator.model.target = match &target.labels {
        // a canvas shows classes by their colors
        Some(labels) => Domain::of_labels(labels.by_color()),
        None => Domain {
            channels: target.channels,
            depth: Depth::U8,
            range: Depth::U8.range().into(),
            labels: None,
            nodata: None,
        },
    };
    Ok(Box::new(translator))
}

/// What is wrong with a file. Whoever visits a page has no other model to give, as at the command line.
fn no_model(error: Error) -> String {
    match error {
        Error::File { path, reason, .. } => format!(
            "{}: {reason}; load it again, and if that does not help, replace the file by a checkpoint or what `pix2pix \
             export --format model` writes",
            path.display()
        ),
        other => other.to_string(),
    }
}

/// Frees a model.
///
/// # Safety
/// `model` must come from [`pix2pix_load`], and not be freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_free(model: *mut Translator) {
    // SAFETY: the caller passes what `pix2pix_load` made from a box.
    drop(unsafe { Box::from_raw(model) });
}

/// Width of the pictures that a model was trained on.
///
/// # Safety
/// `model` must come from [`pix2pix_load`], and not be freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_width(model: *const Translator) -> u32 {
    // SAFETY: the caller passes a valid model.
    unsafe { &*model }.model.size().sides()[0] as u32
}

/// Height of the pictures that a model was trained on.
///
/// # Safety
/// `model` must come from [`pix2pix_load`], and not be freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_height(model: *const Translator) -> u32 {
    // SAFETY: the caller passes a valid model.
    unsafe { &*model }.model.size().sides()[1] as u32
}

/// Translates a picture of `width` by `height` pixels of four bytes, red, green, blue and alpha, in place. Returns false on
/// failure.
///
/// # Safety
/// `model` must come from [`pix2pix_load`], and not be freed yet. `pixels` must point to `4 * width * height` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pix2pix_translate(
    model: *const Translator,
    pixels: *mut u8,
    width: u32,
    height: u32,
    dropout: bool,
    seed: u64,
) -> bool {
    if let Err(reason) = check_size([width, height]) {
        return told(false, Err(reason.to_string()));
    }
    // SAFETY: the caller passes a valid model, and that many bytes.
    let (model, pixels) = unsafe {
        let size = RGBA * width as usize * height as usize;
        (&*model, std::slice::from_raw_parts_mut(pixels, size))
    };
    let options = TranslateOptions {
        dropout,
        seed,
        ..TranslateOptions::default()
    };
    let picture = Picture::new([width, height], RGBA, Samples::U8(pixels.to_vec()));
    let translated = model.translate_with(picture, &options);
    let translated = translated.and_then(|picture| match picture.channels() {
        // as everywhere: the second one is rarely opacity
        2 => picture
            .in_green_and_magenta(Depth::U8.range())
            .with_channels(RGBA),
        _ => picture.with_channels(RGBA),
    });
    let translated = translated.map_err(|e| e.to_string());
    told(
        false,
        translated
            .map(|picture| pixels.copy_from_slice(picture.bytes()))
            .map(|()| true),
    )
}
