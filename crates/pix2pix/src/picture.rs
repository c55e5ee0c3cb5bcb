//! Pictures: reading, writing, and their form inside the networks, [-1, 1] by channel.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use image::{DynamicImage, ImageFormat, ImageReader, RgbImage};

use crate::atomic_file;
use crate::error::{Error, Result};

/// File name endings of the pictures that are read.
pub const EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];
/// Shortest side of a picture, in pixels.
pub const MIN_SIDE: u32 = 16;

/// Whether a file's name says that it is a picture.
pub fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        EXTENSIONS
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// The pictures of a folder, sorted by name; other files and folders are passed over.
///
/// # Errors
/// When the folder cannot be read or holds none.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io(folder, "read the folder", e);
    let mut pictures = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_picture(&path) && path.is_file() {
            pictures.push(path);
        }
    }
    if pictures.is_empty() {
        return Err(Error::file(
            folder,
            "the folder holds no JPEG or PNG picture",
            "put pictures into it or choose another folder",
        ));
    }
    pictures.sort();
    Ok(pictures)
}

/// Reads a picture as 8-bit RGB.
///
/// # Errors
/// When the file cannot be read, is not a JPEG or PNG, is damaged, or is too small.
pub fn read(path: &Path) -> Result<RgbImage> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, "read the picture", e))?;
    decode(path, &bytes)
}

/// Decodes a picture's bytes as 8-bit RGB; `path` is for messages.
///
/// # Errors
/// As [`read`], without the file system's.
pub fn decode(path: &Path, bytes: &[u8]) -> Result<RgbImage> {
    let damaged = |e: image::ImageError| {
        Error::file(
            path,
            format!("not a whole JPEG or PNG picture ({e})"),
            "replace the file or take it out of the folder",
        )
    };
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .expect("reading from memory does not fail");
    if reader.format() == Some(ImageFormat::Jpeg) && !jpeg_ends(bytes) {
        return Err(Error::file(
            path,
            "the JPEG is cut short: it has no end marker",
            "replace the file or take it out of the folder",
        ));
    }
    let picture = reader.decode().map_err(damaged)?.into_rgb8();
    let (width, height) = picture.dimensions();
    if width.min(height) < MIN_SIDE {
        return Err(too_small(path, width, height));
    }
    Ok(picture)
}

/// Whether a JPEG has its end marker. The decoder fills what is missing of a truncated file with
/// gray instead of failing; a network would learn that gray.
fn jpeg_ends(bytes: &[u8]) -> bool {
    // Some cameras pad the file after the marker.
    let end = bytes
        .iter()
        .rposition(|&b| b != 0)
        .map_or(0, |last| last + 1);
    bytes[..end].ends_with(&[0xff, 0xd9])
}

/// The error for a picture under the least size.
pub fn too_small(path: &Path, width: u32, height: u32) -> Error {
    Error::file(
        path,
        format!("{width}x{height} pixels are too small"),
        format!("every side must have at least {MIN_SIDE} pixels: enlarge it or take it out"),
    )
}

/// Writes a picture as PNG, whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write_png(path: &Path, picture: &RgbImage) -> Result<()> {
    let mut bytes = Vec::new();
    DynamicImage::from(picture.clone())
        .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
        .expect("encoding a PNG in memory does not fail");
    atomic_file::write(path, &bytes)
}

/// A picture as planes, channel by channel, each row by row: `3 * height * width` values, from
/// [0, 255] to [-1, 1].
pub fn to_planes(picture: &RgbImage) -> Vec<f32> {
    let pixels = picture.as_raw().as_chunks::<3>().0;
    (0..3)
        .flat_map(|channel| {
            pixels
                .iter()
                .map(move |pixel| f32::from(pixel[channel]) / 127.5 - 1.0)
        })
        .collect()
}

/// Pictures of one size as a batch, `[pictures, 3, height, width]` in [-1, 1].
pub fn to_tensor(pictures: &[&RgbImage], device: &Device) -> Tensor<4> {
    let (width, height) = pictures[0].dimensions();
    let values: Vec<f32> = pictures.iter().flat_map(|p| to_planes(p)).collect();
    let shape = [pictures.len(), 3, height as usize, width as usize];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// A batch `[batch, 3, height, width]` in [-1, 1] as 8-bit pictures, rounded to the nearest value.
pub fn from_tensor(batch: Tensor<4>) -> Vec<RgbImage> {
    let [_, channels, height, width] = batch.dims();
    assert_eq!(channels, 3, "a picture has three channels");
    let plane = height * width;
    let values = batch
        .into_data()
        .convert::<f32>()
        .try_into_vec::<f32>()
        .expect("converted to f32 above");
    values
        .chunks_exact(3 * plane)
        .map(|planes| {
            RgbImage::from_fn(width as u32, height as u32, |x, y| {
                let at = y as usize * width + x as usize;
                image::Rgb([0, 1, 2].map(|channel| {
                    // `as` saturates, and takes NaN to 0
                    ((planes[channel * plane + at] + 1.0) * 127.5).round() as u8
                }))
            })
        })
        .collect()
}
