//! Palettes: the most frequent colors of pictures, and levels of gray over a whole range.

use std::collections::HashMap;

use image::RgbImage;
use pix2pix::data::Labels;

/// Largest number of colors in a palette.
const COLORS: usize = 16;
/// Colors are merged if all channels differ by less than this (of 255).
const NEAR: i32 = 24;

/// Number of grays over a whole range.
const GRAYS: u8 = 9;

/// The most frequent colors of the pictures, as `#rrggbb`, most frequent first. Grays follow evenly over a range, if there is
/// one: pictures of a camera with a wide range are often dark, and their frequent levels alone leave little to draw with.
pub fn of<'a>(
    pictures: impl IntoIterator<Item = &'a RgbImage>,
    grays: Option<[f32; 2]>,
) -> Vec<String> {
    // merge colors with the same upper five bits into their mean: JPEG spreads one color over several
    let mut buckets: HashMap<[u8; 3], (u64, [u64; 3])> = HashMap::new();
    for pixel in pictures.into_iter().flat_map(|picture| picture.pixels()) {
        let (count, sums) = buckets.entry(pixel.0.map(|value| value >> 3)).or_default();
        *count += 1;
        for (sum, value) in sums.iter_mut().zip(pixel.0) {
            *sum += u64::from(value);
        }
    }
    let mut found: Vec<(u64, [i32; 3])> = buckets
        .into_values()
        .map(|(count, sums)| (count, sums.map(|sum| (sum / count) as i32)))
        .collect();
    found.sort_unstable_by_key(|&(count, color)| (std::cmp::Reverse(count), color));
    let mut kept: Vec<[i32; 3]> = Vec::new();
    let mut keep = |color: [i32; 3], most: usize| {
        let is_near = |other: &[i32; 3]| {
            let gaps = color.iter().zip(other).map(|(a, b)| (a - b).abs());
            gaps.max() < Some(NEAR)
        };
        if kept.len() < most && !kept.iter().any(is_near) {
            kept.push(color);
        }
    };
    for (_, color) in found {
        keep(color, COLORS);
    }
    if let Some([low, high]) = grays {
        for step in 0..GRAYS {
            let gray = low + (high - low) * f32::from(step) / f32::from(GRAYS - 1);
            let gray = gray.round().clamp(0.0, 255.0) as i32;
            keep([gray; 3], COLORS + usize::from(GRAYS));
        }
    }
    kept.into_iter().map(hex).collect()
}

/// The colors of all classes.
pub fn of_classes(labels: &Labels) -> Vec<String> {
    let colors = labels.classes.iter().map(|class| class.color);
    colors.map(|color| hex(color.map(i32::from))).collect()
}

fn hex([r, g, b]: [i32; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn frequent_colors_come_first_and_near_ones_are_one() {
        let picture = RgbImage::from_fn(10, 10, |x, y| match (x, y) {
            (0, 0) => Rgb([0, 255, 0]),
            (0..4, _) => Rgb([200, 0, 0]),
            (_, 0..5) => Rgb([0, 0, 100]),
            _ => Rgb([0, 0, 103]),
        });
        assert_eq!(of([&picture], None), ["#000065", "#c80000", "#00ff00"]);
        assert!(of([], None).is_empty());
    }

    #[test]
    fn a_dark_picture_leaves_the_whole_range_to_draw_with() {
        let dark = RgbImage::from_fn(10, 10, |x, _| Rgb([if x < 8 { 0 } else { 26 }; 3]));
        assert_eq!(of([&dark], None), ["#000000", "#1a1a1a"]);
        let grays = [
            "#404040", "#606060", "#808080", "#9f9f9f", "#bfbfbf", "#dfdfdf", "#ffffff",
        ];
        assert_eq!(of([&dark], Some([0.0, 255.0]))[2..], grays);
        assert_eq!(
            of([], Some([20.0, 100.0])),
            ["#141414", "#323232", "#505050"]
        );
    }
}
