//! Reflection padding.

use pix2pix_kernels::mirrored;

use crate::picture::Picture;

/// Extends a picture to `size` by reflection at its right and bottom border, repeatedly if needed. The border pixels
/// themselves are not repeated.
pub fn pad(picture: &Picture, size: [u32; 2]) -> Picture {
    if picture.size() == size {
        return picture.clone();
    }
    let mirrored = |at: u32, side: u32| mirrored(at as isize, side as usize) as u32;
    let [width, height] = picture.size();
    picture.remapped(size, |x, y| [mirrored(x, width), mirrored(y, height)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Samples;

    #[test]
    fn padding_mirrors_without_repeating_the_border() {
        let at = |x: u8, y: u8| [x, y];
        let values = (0..2)
            .flat_map(|y| (0..3).flat_map(move |x| at(x, y)))
            .collect();
        let picture = Picture::new([3, 2], 2, Samples::U8(values));
        let padded = pad(&picture, [8, 4]);
        let Samples::U8(values) = padded.samples() else {
            panic!("the depth stays")
        };
        let row: Vec<u8> = (0..8).map(|x| values[2 * x]).collect();
        assert_eq!(row, [0, 1, 2, 1, 0, 1, 2, 1]);
        let column: Vec<u8> = (0..4).map(|y| values[2 * 8 * y + 1]).collect();
        assert_eq!(column, [0, 1, 0, 1]);
    }
}
