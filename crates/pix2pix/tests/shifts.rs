//! Shifts of the two pictures of a pair, compared with scikit-image's (`tools/make_alignment_fixtures.py` made the fixture).

use pix2pix::data::earth::earth;
use pix2pix::data::{Pairs, Picture, Samples, Shift, resize, shift};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/shifts.json")).unwrap()
}

fn numbers(value: &Value) -> [f64; 2] {
    serde_json::from_value(value.clone()).unwrap()
}

/// Both pictures of a pair.
fn sides(pairs: &Pairs, index: usize) -> [Picture; 2] {
    let read = pairs.read_sides_and_gaps(index).unwrap();
    read.map(|(picture, _)| picture)
}

/// The part of a picture that is `margin` pixels from its edges, with what it shows moved by `[right, down]`.
fn moved(picture: &Picture, margin: u32, by: [i32; 2]) -> Picture {
    let corner = by.map(|pixels| (margin as i32 - pixels) as u32);
    picture.crop(corner, picture.size().map(|side| side - 2 * margin))
}

fn near(found: &Shift, expected: [f64; 2], gap: f64, what: &str) {
    let gaps = [found.right - expected[0], found.down - expected[1]];
    assert!(
        gaps.iter().all(|found| found.abs() <= gap),
        "{what}: {found:?} instead of {expected:?}"
    );
}

/// Relief and satellite pictures, moved by known numbers of pixels.
#[test]
fn shifts_of_pairs_agree_with_scikit_image() {
    let (fixture, pairs) = (fixture(), earth().train);
    let margin = fixture["margin"].as_u64().unwrap() as u32;
    let expected = fixture["pairs"].as_array().unwrap();
    assert_eq!(expected.len(), 8);
    let mut unclear = Vec::new();
    for (index, expected) in expected.iter().enumerate() {
        let name = pairs.name(index);
        assert_eq!(name, expected["name"]);
        let by = numbers(&expected["moved"]).map(|pixels| pixels as i32);
        let [a, b] = sides(&pairs, index);
        let [a, b] = [moved(&a, margin, [0, 0]), moved(&b, margin, by)];
        let Some(found) = shift::between(&a, &b, None) else {
            unclear.push(name);
            continue;
        };
        near(&found, numbers(&expected["found"]), 0.1, name);
        // these pictures were not aligned to the pixel before
        near(&found, by.map(f64::from), 1.0, name);

        let [a, b] = shift::common(&a, &b, found.whole());
        assert_eq!(a.size(), b.size());
        let again = shift::between(&a, &b, None).unwrap();
        near(&again, [0.0, 0.0], 0.6, name);
    }
    // of this pair two shifts fit
    assert_eq!(unclear, ["N13.2E016.3"]);
}

/// A picture and itself at half the size, moved by halves of a pixel.
#[test]
fn parts_of_pixels_agree_with_scikit_image() {
    let (fixture, pairs) = (fixture(), earth().train);
    let margin = fixture["margin"].as_u64().unwrap() as u32;
    let [_, whole] = sides(&pairs, 0);
    let half = |by: [i32; 2]| {
        let picture = moved(&whole, margin, by);
        let [width, height] = picture.size().map(|side| side as usize / 2);
        let samples = picture.to_floats();
        let mean = |at: usize| {
            let (x, y, channel) = (at / 3 % width, at / 3 / width, at % 3);
            let four = [(0, 0), (0, 1), (1, 0), (1, 1)]
                .map(|(i, j)| samples[((2 * y + j) * 2 * width + 2 * x + i) * 3 + channel]);
            four.iter().sum::<f32>() / 4.0
        };
        let samples = (0..width * height * 3).map(mean).collect();
        Picture::new([width as u32, height as u32], 3, Samples::F32(samples))
    };
    for expected in fixture["halves"].as_array().unwrap() {
        let by = numbers(&expected["moved"]);
        let whole = by.map(|pixels| (2.0 * pixels) as i32);
        let found = shift::between(&half([0, 0]), &half(whole), None).unwrap();
        near(&found, numbers(&expected["found"]), 0.1, "halves");
        near(&found, by, 0.1, "halves");
    }
}

/// Enlarged pictures have no details as fine as their pixels: their shift is found at a smaller size.
#[test]
fn enlarged_pictures_are_aligned_too() {
    let pairs = earth().train;
    let mut found = 0;
    for index in 1..9 {
        let [a, b] = sides(&pairs, index);
        let [a, b] = [moved(&a, 12, [0, 0]), moved(&b, 12, [5, -8])]
            .map(|picture| resize(&picture, [928, 928]));
        if let Some(shift) = shift::between(&a, &b, None) {
            near(&shift, [20.0, -32.0], 5.0, pairs.name(index));
            found += 1;
        }
    }
    assert!(found >= 6, "{found} of 8");
}

/// Pictures of different places, one without any edge, and small ones have no reliable shift.
#[test]
fn what_is_not_clear_is_no_shift() {
    let pairs = earth().train;
    let sides: Vec<_> = (0..12).map(|index| sides(&pairs, index)).collect();
    let unrelated = (0..12).filter(|index| {
        let [[a, _], [_, b]] = [&sides[*index], &sides[(index + 5) % 12]];
        shift::between(a, b, None).is_some()
    });
    assert_eq!(unrelated.count(), 0);
    let [a, _] = &sides[0];
    let flat = Picture::new(a.size(), 1, Samples::U8(vec![7; 256 * 256]));
    assert_eq!(shift::between(a, &flat, None), None);
    assert_eq!(shift::between(&flat, &flat, None), None);
    let small = a.crop([0, 0], [63, 200]);
    assert_eq!(shift::between(&small, &small, None), None);
}

/// The edge of a region without data is at the same place in both pictures, and hides the shift unless it is known.
#[test]
fn edges_of_pixels_without_data_do_not_count() {
    let pairs = earth().train;
    let [_, b] = sides(&pairs, 1);
    let [first, second] = [moved(&b, 12, [0, 0]), moved(&b, 12, [6, 3])];
    let side = first.size()[0] as usize;
    // irregular blocks that cover half of the picture
    let is_known =
        |x: usize, y: usize| (x / 16 * 7 + y / 16 * 13 + (x / 16) * (y / 16) * 5) % 11 < 6;
    let known: Vec<u8> = (0..side * side)
        .map(|at| u8::from(is_known(at % side, at / side)))
        .collect();
    let gaps = |picture: &Picture| {
        let mut known = known.iter();
        picture.map_pixels(|pixel| {
            if known.next() == Some(&0) {
                pixel.fill(255.0);
            }
        })
    };
    let [first, second] = [gaps(&first), gaps(&second)];
    let blind = shift::between(&first, &second, None);
    assert!(
        blind.is_none_or(|shift| shift.whole() != [6, 3]),
        "{blind:?}"
    );
    let found = shift::between(&first, &second, Some(&known)).unwrap();
    near(&found, [6.0, 3.0], 1.0, "blocks");
}

/// By hand: what A shows at 3, 1 is at 1, 4 in B.
#[test]
fn the_common_part_is_cropped_from_both() {
    let a = Picture::new([8, 9], 1, Samples::U8((0..72).collect()));
    let b = a.map_pixels(|pixel| pixel[0] += 100.0);
    let [a, b] = shift::common(&a, &b, [-2, 3]);
    assert_eq!((a.size(), b.size()), ([6, 6], [6, 6]));
    // row 0, column 2 of A; row 3, column 0 of B
    assert_eq!((a.to_floats()[0], b.to_floats()[0]), (2.0, 124.0));
}
