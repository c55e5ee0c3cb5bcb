//! The place of a picture on the map (GeoTIFF, OGC 19-008), of which the tags speak for the pixels as they are stored: what
//! they say where the picture is turned for display, or is a part of it; and where its pixels lie.

use tiff_reader::{Tag, TagValue};

use super::content::Content;
use super::fault::guarded;
use super::grid::Grid;
use super::orientation::{self, Orientation};
use super::page::Page;
use super::tiff::Tiff;

/// Pixel scale, tie points, and the transformation, which takes the place of both.
const SCALE: u16 = 33550;
const TIE_POINTS: u16 = 33922;
const TRANSFORMATION: u16 = 34264;
/// The keys of the coordinate system; their numbers and texts are in the two next tags.
const KEYS: u16 = 34735;
/// All tags of a place.
pub const TAGS: [u16; 6] = [SCALE, TIE_POINTS, TRANSFORMATION, KEYS, 34736, 34737];

/// Maps (column, row, height, 1), in the rows of a matrix.
type Map = [[f64; 4]; 4];

/// A coordinate system.
#[derive(Clone, Debug, PartialEq)]
pub enum System {
    /// By its number in EPSG's register.
    Numbered(u16),
    /// By all that its own keys say.
    Own(Vec<TagValue>),
}

/// The coordinate system of a page of a file, and where the page's pixels lie in it. `None` if it does not say both of all its
/// pixels.
pub fn read(content: &Content, page: Page) -> Option<(System, Grid)> {
    let file = guarded(|| Tiff::open(content, page)).ok()?;
    let tags = file.tags().iter();
    let mut tags: Vec<Tag> = tags
        .filter(|tag| TAGS.contains(&tag.code))
        .cloned()
        .collect();
    let (turned, size) = (file.orientation(), file.header().size);
    turn(&mut tags, turned, orientation::size(turned, size));
    Some((system(&tags)?, grid(&tags, size)?))
}

/// The coordinate system that the keys name.
fn system(tags: &[Tag]) -> Option<System> {
    /// The keys of a projected and of a geographic system; the first that is there counts.
    const SYSTEMS: [u16; 2] = [3072, 2048];
    /// The number of no system, and that of one which other keys describe.
    const NONE: u16 = 0;
    const DESCRIBED: u16 = 32767;
    let number = SYSTEMS.iter().find_map(|code| {
        let mut keys = keys(tags);
        keys.find(|key| key[..3] == [*code, 0, 1]).map(|key| key[3])
    });
    match number? {
        NONE => None,
        DESCRIBED => {
            let described = tags.iter().filter(|tag| tag.code >= KEYS);
            Some(System::Own(
                described.map(|tag| tag.value.clone()).collect(),
            ))
        }
        number => Some(System::Numbered(number)),
    }
}

/// Where the pixels of a picture of this width and height lie.
fn grid(tags: &[Tag], [width, height]: [u32; 2]) -> Option<Grid> {
    let map = map(tags)?;
    // the number of the first pixel's center
    let center = if counts_centers(tags) { 0.0 } else { 0.5 };
    let axis = |column: usize| [map[0][column], map[1][column], 0.0];
    let first = |line: usize| map[line][3] + center * (map[line][0] + map[line][1]);
    Some(Grid {
        axes: [axis(0), axis(1), [0.0, 0.0, 1.0]],
        origin: [first(0), first(1), 0.0],
        sides: [width as usize, height as usize, 1],
    })
}

/// The place for a picture that is stored with this width and height, and turned for display. One that is not known is
/// removed: several tie points with a scale, or tags of wrong lengths.
pub fn turn(tags: &mut Vec<Tag>, turn: Orientation, stored: [u32; 2]) {
    // rasters are counted from the corner of the first pixel, or from its center
    let less = u32::from(counts_centers(tags));
    let to_stored = to_stored(turn, stored.map(|side| f64::from(side - less)));
    let turned = match (map(tags), places(tags)) {
        (Some(map), _) => Some((TRANSFORMATION, product(&map, &to_stored).concat())),
        (None, [None, Some(points), None]) => {
            let turned = moved(&points, |[i, j]| {
                // the inverse of a turn is its transpose
                let [a, b] = [i - to_stored[0][3], j - to_stored[1][3]];
                [0, 1].map(|axis| to_stored[0][axis] * a + to_stored[1][axis] * b)
            });
            Some((TIE_POINTS, turned))
        }
        _ => None,
    };
    let gone: &[u16] = match turned {
        Some(_) => &[SCALE, TIE_POINTS, TRANSFORMATION],
        None => &TAGS,
    };
    tags.retain(|tag| !gone.contains(&tag.code));
    tags.extend(turned.map(|(code, numbers)| Tag::new(code, TagValue::Double(numbers))));
}

/// The place for the part of the picture that begins at this column.
pub fn cut(tags: &mut [Tag], column: u32) {
    let column = f64::from(column);
    for tag in tags {
        let Some(numbers) = tag.value.as_f64_vec() else {
            continue;
        };
        let cut = match tag.code {
            TIE_POINTS => Some(moved(&numbers, |[i, j]| [i - column, j])),
            TRANSFORMATION => matrix(&numbers).map(|map| {
                let mut to_whole = to_stored(Orientation::NoTransforms, [0.0; 2]);
                to_whole[0][3] = column;
                product(&map, &to_whole).concat()
            }),
            _ => None,
        };
        if let Some(cut) = cut {
            *tag = Tag::new(tag.code, TagValue::Double(cut));
        }
    }
}

/// Whether the raster has its numbers at the centers of pixels (`RasterPixelIsPoint`).
fn counts_centers(tags: &[Tag]) -> bool {
    /// The key of the raster's type, and the value that says so.
    const RASTER_TYPE: [u16; 4] = [1025, 0, 1, 2];
    keys(tags).any(|key| key == RASTER_TYPE)
}

/// The keys: the number of each, where its values are (0: here), how many there are, and the only one or its place.
fn keys(tags: &[Tag]) -> impl Iterator<Item = &[u16]> {
    let keys = tags.iter().find(|tag| tag.code == KEYS);
    let keys = keys.and_then(|tag| tag.value.as_u16_slice());
    keys.unwrap_or_default().chunks_exact(4).skip(1)
}

/// From columns and rows to the place, where tags say it of all pixels: by a scale and a point, or by a transformation.
fn map(tags: &[Tag]) -> Option<Map> {
    let [scale, tie_points, map] = places(tags);
    match (scale.as_deref(), tie_points.as_deref(), map.as_deref()) {
        (Some(&[across, down, up]), Some(&[i, j, k, x, y, z]), _) => Some([
            [across, 0.0, 0.0, x - across * i],
            [0.0, -down, 0.0, y + down * j],
            [0.0, 0.0, up, z - up * k],
            [0.0, 0.0, 0.0, 1.0],
        ]),
        (None, None, Some(map)) => matrix(map),
        _ => None,
    }
}

/// The numbers of scale, tie points and transformation.
fn places(tags: &[Tag]) -> [Option<Vec<f64>>; 3] {
    [SCALE, TIE_POINTS, TRANSFORMATION].map(|code| of(tags, code))
}

/// From the columns and rows of a displayed picture to those of the stored one, whose last ones have these numbers.
fn to_stored(turn: Orientation, [right, bottom]: [f64; 2]) -> Map {
    let (column, row) = match turn {
        Orientation::NoTransforms => ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        Orientation::FlipHorizontal => ([-1.0, 0.0, right], [0.0, 1.0, 0.0]),
        Orientation::Rotate180 => ([-1.0, 0.0, right], [0.0, -1.0, bottom]),
        Orientation::FlipVertical => ([1.0, 0.0, 0.0], [0.0, -1.0, bottom]),
        Orientation::Rotate90FlipH => ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0]),
        Orientation::Rotate90 => ([0.0, 1.0, 0.0], [-1.0, 0.0, bottom]),
        Orientation::Rotate270FlipH => ([0.0, -1.0, right], [-1.0, 0.0, bottom]),
        Orientation::Rotate270 => ([0.0, -1.0, right], [1.0, 0.0, 0.0]),
    };
    let line = |[x, y, shift]: [f64; 3]| [x, y, 0.0, shift];
    let (height, whole) = ([0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]);
    [line(column), line(row), height, whole]
}

/// The map `second` after the map `first`.
fn product(second: &Map, first: &Map) -> Map {
    second.map(|line| {
        std::array::from_fn(|column| (0..4).map(|place| line[place] * first[place][column]).sum())
    })
}

/// The numbers of a transformation as a matrix; `None` if they are not sixteen.
fn matrix(numbers: &[f64]) -> Option<Map> {
    let (lines, []) = numbers.as_chunks::<4>() else {
        return None;
    };
    lines.try_into().ok()
}

/// Tie points, whose columns and rows are moved.
fn moved(points: &[f64], move_to: impl Fn([f64; 2]) -> [f64; 2]) -> Vec<f64> {
    let points = points.chunks_exact(6);
    let moved = points.flat_map(|point| {
        let [column, row] = move_to([point[0], point[1]]);
        [column, row, point[2], point[3], point[4], point[5]]
    });
    moved.collect()
}

/// The numbers of a tag.
fn of(tags: &[Tag], code: u16) -> Option<Vec<f64>> {
    let tag = tags.iter().find(|tag| tag.code == code)?;
    tag.value.as_f64_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::picture::{Picture, Samples, orientation};

    /// Three columns and two rows of pixels of 10 metres, whose upper left corner is 500 east and 800 north.
    const STORED: [u32; 2] = [3, 2];

    fn numbers(code: u16, numbers: &[f64]) -> Tag {
        Tag::new(code, TagValue::Double(numbers.to_vec()))
    }

    fn scaled() -> Vec<Tag> {
        vec![
            numbers(SCALE, &[10.0, 10.0, 0.0]),
            numbers(TIE_POINTS, &[0.0, 0.0, 0.0, 500.0, 800.0, 0.0]),
        ]
    }

    /// Keys that say that the raster counts the centers of pixels.
    fn of_centers() -> Tag {
        let keys = vec![1, 1, 0, 2, 1024, 0, 1, 1, 1025, 0, 1, 2];
        Tag::new(KEYS, TagValue::Short(keys))
    }

    fn codes(tags: &[Tag]) -> Vec<u16> {
        tags.iter().map(|tag| tag.code).collect()
    }

    /// Where a column and a row are, east and north.
    fn at(tags: &[Tag], [column, row]: [f64; 2]) -> [f64; 2] {
        let map = matrix(&of(tags, TRANSFORMATION).unwrap()).unwrap();
        [0, 1].map(|line| map[line][0] * column + map[line][1] * row + map[line][3])
    }

    /// Turned by a quarter to the right, north is at the right: the upper left corner was the lower left one.
    #[test]
    fn a_turned_place_by_hand() {
        let mut tags = scaled();
        turn(&mut tags, orientation::of_tag(6), STORED);
        let by_hand = [
            [0.0, 10.0, 0.0, 500.0],
            [10.0, 0.0, 0.0, 780.0],
            [0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ];
        assert_eq!(codes(&tags), [TRANSFORMATION]);
        assert_eq!(of(&tags, TRANSFORMATION).unwrap(), by_hand.concat());
        assert_eq!(at(&tags, [0.0, 0.0]), [500.0, 780.0]);
        assert_eq!(at(&tags, [2.0, 3.0]), [530.0, 800.0]);
        // the center of the first pixel displayed is that of the lower left one stored
        let mut tags = scaled();
        tags.push(of_centers());
        turn(&mut tags, orientation::of_tag(6), STORED);
        assert_eq!(codes(&tags), [KEYS, TRANSFORMATION]);
        assert_eq!(at(&tags, [0.0, 0.0]), [500.0, 790.0]);
    }

    /// However a picture is turned, each of its pixels is where it was; also if it is turned twice.
    #[test]
    fn pixels_stay_where_they_are() {
        let stored = Picture::new(STORED, 1, Samples::U8((0..6).collect()));
        for (value, counts_centers) in (1..=8).flat_map(|value| [(value, false), (value, true)]) {
            let orientation = orientation::of_tag(value);
            let shown = orientation::apply(orientation, stored.clone());
            let mut tags = scaled();
            if counts_centers {
                tags.push(of_centers());
            }
            turn(&mut tags, orientation, STORED);
            let center = if counts_centers { 0.0 } else { 0.5 };
            let [width, _] = shown.size();
            for (pixel, was) in shown.bytes().iter().enumerate() {
                let place = [pixel as u32 % width, pixel as u32 / width];
                let found = at(&tags, place.map(|side| f64::from(side) + center));
                let [column, row] = [was % 3, was / 3].map(|side| f64::from(side) + center);
                let expected = [500.0 + 10.0 * column, 800.0 - 10.0 * row];
                assert_eq!(found, expected, "orientation {value}");
            }
            let once = of(&tags, TRANSFORMATION);
            turn(&mut tags, orientation::of_tag(3), shown.size());
            turn(&mut tags, orientation::of_tag(3), shown.size());
            assert_eq!(of(&tags, TRANSFORMATION), once);
        }
    }

    #[test]
    fn tie_points_are_turned_and_what_is_unclear_is_removed() {
        let points = [
            [1.0, 0.0, 0.0, 7.0, 8.0, 9.0],
            [3.0, 2.0, 0.0, 4.0, 5.0, 6.0],
        ];
        let mut tags = vec![numbers(TIE_POINTS, &points.concat()), of_centers()];
        tags[1] = Tag::new(KEYS, TagValue::Short(vec![1, 1, 0, 0]));
        turn(&mut tags, orientation::of_tag(6), STORED);
        // the row becomes the distance from the right
        let turned = [
            [2.0, 1.0, 0.0, 7.0, 8.0, 9.0],
            [0.0, 3.0, 0.0, 4.0, 5.0, 6.0],
        ];
        assert_eq!(of(&tags, TIE_POINTS).unwrap(), turned.concat());
        assert_eq!(codes(&tags), [KEYS, TIE_POINTS]);
        let scale = numbers(SCALE, &[10.0, 10.0, 0.0]);
        for unclear in [
            vec![numbers(TIE_POINTS, &points.concat()), scale.clone()],
            vec![scale, of_centers()],
            vec![numbers(TRANSFORMATION, &[1.0; 12])],
        ] {
            let mut tags = unclear;
            turn(&mut tags, orientation::of_tag(2), STORED);
            assert!(tags.is_empty());
        }
    }

    #[test]
    fn a_part_begins_where_it_is_cut() {
        let mut tags = scaled();
        cut(&mut tags, 2);
        let tie_point = [-2.0, 0.0, 0.0, 500.0, 800.0, 0.0];
        assert_eq!(of(&tags, TIE_POINTS).unwrap(), tie_point);
        assert_eq!(of(&tags, SCALE).unwrap(), [10.0, 10.0, 0.0]);
        let mut tags = scaled();
        turn(&mut tags, orientation::of_tag(6), STORED);
        let whole = at(&tags, [1.0, 2.0]);
        cut(&mut tags, 1);
        assert_eq!(at(&tags, [0.0, 2.0]), whole);
    }
}
