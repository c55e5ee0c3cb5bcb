//! Picture files, and pictures as tensors.

mod common;
pub mod content;
pub mod decode;
mod description;
mod directory;
pub mod encode;
mod entry;
mod fault;
pub mod gaps;
mod grid;
mod half_floats;
#[cfg(test)]
pub(crate) mod handmade;
pub mod header;
mod jpeg;
pub mod large;
mod located;
mod metadata;
pub(crate) mod nifti;
mod nifti_header;
mod npy;
mod orientation;
mod overlaid;
pub mod page;
mod place;
mod recent;
mod repeated;
mod stack;
mod stack_writer;
pub(crate) mod tiff;

use burn::tensor::{Device, Tensor, TensorData};
pub use pix2pix_runtime::picture::{
    Depth, Dimensions, MAX_PIXELS, MAX_SIDE, MIN_SIDE, Outside, Picture, Samples, check_size,
    conversion,
};
use pix2pix_runtime::picture::{Domain, Ranges};

use crate::backend::device::placed;

pub use content::Content;
pub use decode::{
    decode, decode_as, decode_marked, decode_page, decode_pages, indices, pages, read,
};
pub use encode::{LargeWriter, encode, is_drawn, write, write_png, write_with};
pub use gaps::Gaps;
pub(crate) use grid::Grid;
pub(crate) use header::is_tiff;
pub use header::{
    Format, Header, RESULT_EXTENSIONS, VOLUME_EXTENSIONS, is_picture, is_volume, ome_extension,
    volume_extension,
};
pub use large::TiffWindows;
pub use located::{Apart, apart};
pub use metadata::{Metadata, palette};
pub(crate) use page::alike;
pub use page::{Page, Pages};
pub use stack::{Stack, unpacked};
pub use stack_writer::{StackWriter, Template};

/// Maximum size of a decoded picture, in bytes.
pub const MAX_BYTES: u64 = 1 << 31;
/// Maximum size of what a file says besides the samples, unpacked, in bytes: its color profile, texts and the like.
pub const MAX_METADATA: usize = 16 << 20;
/// Maximum number of parts of a file besides those with samples: segments of a JPEG, chunks of a PNG or WebP. Programs write a few
/// dozen; each takes time and memory, however few bytes it has.
const MAX_PARTS: u64 = 10_000;

/// Converts a picture to a batch of one, `[1, channels, height, width]`, and maps the ranges to [-1, 1].
pub fn to_tensor(picture: &Picture, range: impl Into<Ranges>, device: &Device) -> Tensor<4> {
    let [width, height] = picture.size().map(|side| side as usize);
    let shape = [1, picture.channels(), height, width];
    placed(TensorData::new(picture.to_planes(range), shape), device)
}

/// Converts a batch of one, `[1, channels, height, width]` in [-1, 1], to a picture of `domain`.
pub fn from_tensor(batch: Tensor<4>, domain: &Domain) -> Picture {
    let [pictures, channels, height, width] = batch.dims();
    assert_eq!(
        [pictures, channels],
        [1, domain.channels],
        "one picture of the domain"
    );
    let data = batch.into_data().convert::<f32>();
    let planes = data.as_slice::<f32>().expect("converted to f32 above");
    Picture::from_planes(planes, [width as u32, height as u32], domain)
}
