//! The orientation of a stored picture: how to turn and mirror it for display (EXIF and TIFF, tag 274).

pub use image::metadata::Orientation;

use super::Picture;

/// The orientation of a tag's value; none for values that it cannot have.
pub fn of_tag(value: u16) -> Orientation {
    let value = u8::try_from(value).ok();
    value
        .and_then(Orientation::from_exif)
        .unwrap_or(Orientation::NoTransforms)
}

/// Width and height for display.
pub fn size(orientation: Orientation, [width, height]: [u32; 2]) -> [u32; 2] {
    match is_turned(orientation) {
        true => [height, width],
        false => [width, height],
    }
}

/// Whether width and height change places.
pub fn is_turned(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(
        orientation,
        Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH
    )
}

/// Turns and mirrors a picture for display.
pub fn apply(orientation: Orientation, picture: Picture) -> Picture {
    match orientation {
        Orientation::NoTransforms => picture,
        Orientation::FlipHorizontal => picture.flip_horizontal(),
        Orientation::Rotate180 => picture.turn(2),
        Orientation::FlipVertical => picture.flip_vertical(),
        Orientation::Rotate90FlipH => picture.turn(1).flip_horizontal(),
        Orientation::Rotate90 => picture.turn(1),
        Orientation::Rotate270FlipH => picture.turn(3).flip_horizontal(),
        Orientation::Rotate270 => picture.turn(3),
    }
}

/// Upper left pixel and size, as stored, of the window that is displayed at `corner` with `size`. The stored picture has
/// `whole` pixels, width and height.
pub fn stored_window(
    orientation: Orientation,
    whole: [u32; 2],
    [x, y]: [u32; 2],
    [width, height]: [u32; 2],
) -> ([u32; 2], [u32; 2]) {
    let [across, down] = size(orientation, whole);
    // distances from the right and lower edge of the displayed picture
    let (right, bottom) = (across - x - width, down - y - height);
    let corner = match orientation {
        Orientation::NoTransforms => [x, y],
        Orientation::FlipHorizontal => [right, y],
        Orientation::Rotate180 => [right, bottom],
        Orientation::FlipVertical => [x, bottom],
        Orientation::Rotate90FlipH => [y, x],
        Orientation::Rotate90 => [y, right],
        Orientation::Rotate270FlipH => [bottom, right],
        Orientation::Rotate270 => [bottom, x],
    };
    (corner, size(orientation, [width, height]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::picture::Samples;

    /// For every orientation, a window of the displayed picture is the displayed window of the stored one.
    #[test]
    fn windows_are_where_they_are_displayed() {
        let (width, height) = (7, 5);
        let stored = Picture::new([width, height], 1, Samples::U8((0..35).collect()));
        for value in 1..=8 {
            let orientation = of_tag(value);
            let shown = apply(orientation, stored.clone());
            assert_eq!(shown.size(), size(orientation, stored.size()));
            let ([x, y], part) = ([1, 2], [3, 2]);
            let (from, size) = stored_window(orientation, stored.size(), [x, y], part);
            let window = apply(orientation, stored.crop(from, size));
            assert_eq!(window, shown.crop([x, y], part), "orientation {value}");
        }
    }

    /// Where the first stored pixel and the second one of its row are displayed, by TIFF 6.0's definition of the tag.
    #[test]
    fn orientations_are_those_of_the_standard() {
        let stored = Picture::new([3, 2], 1, Samples::U8(vec![1, 2, 3, 4, 5, 6]));
        let expected: [&[u8]; 8] = [
            &[1, 2, 3, 4, 5, 6],
            &[3, 2, 1, 6, 5, 4],
            &[6, 5, 4, 3, 2, 1],
            &[4, 5, 6, 1, 2, 3],
            &[1, 4, 2, 5, 3, 6],
            &[4, 1, 5, 2, 6, 3],
            &[6, 3, 5, 2, 4, 1],
            &[3, 6, 2, 5, 1, 4],
        ];
        for (value, expected) in (1..).zip(expected) {
            let shown = apply(of_tag(value), stored.clone());
            assert_eq!(shown.samples(), &Samples::U8(expected.to_vec()), "{value}");
        }
        assert_eq!(of_tag(0), Orientation::NoTransforms);
        assert_eq!(of_tag(9), Orientation::NoTransforms);
    }
}
