//! Resizing with the bicubic filter of the public ports.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::picture::{Depth, Picture, Samples};

/// Resizes with the bicubic filter (Catmull-Rom; wider when shrinking, as in Pillow).
pub fn resize(picture: &Picture, size: [u32; 2]) -> Picture {
    if picture.size() == size {
        return picture.clone();
    }
    let (channels, depth) = (picture.channels(), picture.depth());
    match pixel_type(channels, depth) {
        Some(pixel) => {
            let bytes = resized(picture.bytes(), picture.size(), size, pixel);
            let samples = match depth {
                Depth::U8 => Samples::U8(bytes),
                Depth::U16 => Samples::U16(bytemuck::pod_collect_to_vec(&bytes)),
                Depth::F32 => Samples::F32(bytemuck::pod_collect_to_vec(&bytes)),
            };
            Picture::new(size, channels, samples)
        }
        // more channels than the resizer supports: resize each one alone
        None => {
            let planes: Vec<Picture> = (0..channels)
                .map(|channel| resize(&plane(picture, channel), size))
                .collect();
            join(&planes, size)
        }
    }
}

fn pixel_type(channels: usize, depth: Depth) -> Option<PixelType> {
    Some(match (depth, channels) {
        (Depth::U8, 1) => PixelType::U8,
        (Depth::U8, 2) => PixelType::U8x2,
        (Depth::U8, 3) => PixelType::U8x3,
        (Depth::U8, 4) => PixelType::U8x4,
        (Depth::U16, 1) => PixelType::U16,
        (Depth::U16, 2) => PixelType::U16x2,
        (Depth::U16, 3) => PixelType::U16x3,
        (Depth::U16, 4) => PixelType::U16x4,
        (Depth::F32, 1) => PixelType::F32,
        (Depth::F32, 2) => PixelType::F32x2,
        (Depth::F32, 3) => PixelType::F32x3,
        (Depth::F32, 4) => PixelType::F32x4,
        _ => return None,
    })
}

fn resized(bytes: &[u8], from: [u32; 2], to: [u32; 2], pixel: PixelType) -> Vec<u8> {
    let from = ImageRef::new(from[0], from[1], bytes, pixel)
        .expect("a picture's samples fit its size and are aligned");
    let mut result = Image::new(to[0], to[1], pixel);
    // all channels are data: do not multiply the others by alpha
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
        .use_alpha(false);
    Resizer::new()
        .resize(&from, &mut result, &options)
        .expect("both have the same kind of pixels");
    result.into_vec()
}

/// One channel of a picture.
fn plane(picture: &Picture, channel: usize) -> Picture {
    let step = picture.channels();
    let samples = match picture.samples() {
        Samples::U8(v) => Samples::U8(v.iter().skip(channel).step_by(step).copied().collect()),
        Samples::U16(v) => Samples::U16(v.iter().skip(channel).step_by(step).copied().collect()),
        Samples::F32(v) => Samples::F32(v.iter().skip(channel).step_by(step).copied().collect()),
    };
    Picture::new(picture.size(), 1, samples)
}

/// Joins pictures of one channel each into one picture.
fn join(planes: &[Picture], size: [u32; 2]) -> Picture {
    fn interleaved<T: Copy>(planes: &[&[T]]) -> Vec<T> {
        let pixels = 0..planes.first().map_or(0, |plane| plane.len());
        pixels
            .flat_map(|pixel| planes.iter().map(move |plane| plane[pixel]))
            .collect()
    }
    macro_rules! joined {
        ($depth:ident) => {{
            let values = planes.iter().map(|plane| match plane.samples() {
                Samples::$depth(values) => values.as_slice(),
                _ => unreachable!("planes of one picture have its depth"),
            });
            Samples::$depth(interleaved(&values.collect::<Vec<_>>()))
        }};
    }
    let samples = match planes[0].depth() {
        Depth::U8 => joined!(U8),
        Depth::U16 => joined!(U16),
        Depth::F32 => joined!(F32),
    };
    Picture::new(size, planes.len(), samples)
}
