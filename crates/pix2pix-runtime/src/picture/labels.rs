//! Label maps: pictures whose pixels are classes. Their values are names, not amounts: they are never mixed.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::picture::{Depth, Outside, Picture, Samples};

/// Allowed numbers of classes.
pub const CLASSES: std::ops::RangeInclusive<usize> = 2..=256;

/// Largest difference of a channel, of 255, that JPEG and WebP make in a flat area of one color. What is farther off is no color of
/// a class.
pub const NEAR: u32 = 16;

/// How the files of a label map store a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// One channel, the number of the class from 0.
    Ids,
    /// One channel, the gray level of the class.
    Grays,
    /// Three channels, the color of the class.
    Colors,
}

/// A class of a label map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// Its name; empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its color, red, green and blue.
    pub color: [u8; 3],
}

/// The classes of a label map, and how its files store them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// How files store a class.
    pub stored: Stored,
    /// The classes in the order of the networks' channels.
    pub classes: Vec<Class>,
}

impl Labels {
    /// Number of channels of the files.
    pub fn channels(&self) -> usize {
        match self.stored {
            Stored::Ids | Stored::Grays => 1,
            Stored::Colors => 3,
        }
    }

    /// Checks the classes of the domain called `name`.
    ///
    /// # Errors
    /// When there are too few or too many, or two are stored as the same value.
    pub fn validate(&self, name: &str) -> Result<()> {
        let count = self.classes.len();
        let reason = if !CLASSES.contains(&count) {
            let (least, most) = (CLASSES.start(), CLASSES.end());
            format!("has {count} classes; it must have {least} to {most}")
        } else {
            let mut seen = HashMap::new();
            let twice = self.codes().enumerate().find_map(|(class, code)| {
                let first = seen.insert(code, class)?;
                Some(format!(
                    "has {} for the classes {first} and {class}; each needs its own",
                    self.written(code)
                ))
            });
            match twice {
                Some(reason) => reason,
                None => return Ok(()),
            }
        };
        Err(Error::Config(format!("{name}.labels {reason}")))
    }

    /// The name of a class, or its number, or of gray levels its own; name and number if others have the same name.
    pub fn name(&self, class: usize) -> String {
        let name = self.classes[class].name.as_str();
        let same = self.classes.iter().filter(|other| other.name == name);
        match name {
            "" if self.stored == Stored::Grays => {
                format!("gray level {}", self.classes[class].color[0])
            }
            "" => format!("class {class}"),
            _ if same.count() > 1 => format!("{name} (class {class})"),
            _ => name.to_string(),
        }
    }

    /// What a file stores for each class: the number, the gray level, or 65536 red + 256 green + blue.
    pub fn codes(&self) -> impl Iterator<Item = u32> {
        let code = |(class, Class { color, .. }): (usize, &Class)| match self.stored {
            Stored::Ids => class as u32,
            Stored::Grays => color[0].into(),
            Stored::Colors => joined(color.map(u32::from)),
        };
        self.classes.iter().enumerate().map(code)
    }

    /// The same classes, stored by their colors.
    pub fn by_color(&self) -> Self {
        Self {
            stored: Stored::Colors,
            classes: self.classes.clone(),
        }
    }

    /// How a picture with this number of channels stores the classes: in a picture in color, they are colors.
    pub(super) fn of_channels(&self, channels: usize) -> Cow<'_, Self> {
        match (self.stored, channels) {
            (Stored::Ids | Stored::Grays, 3..) => Cow::Owned(self.by_color()),
            _ => Cow::Borrowed(self),
        }
    }

    /// The class ids of a picture in color that has them three times, as programs write them that know no pictures of one channel,
    /// such as a browser's canvas: all its pixels are gray and the ids of classes, and some are no class's color. Other pictures
    /// stay as they are.
    pub(super) fn ids_of(&self, picture: Picture) -> Picture {
        if self.stored != Stored::Ids || !matches!(picture.channels(), 3 | 4) {
            return picture;
        }
        let colors = self.by_color();
        let codes: Vec<u32> = colors.codes_in(&picture).collect();
        let are_ids = codes.iter().all(|&code| {
            let [red, green, blue] = parted(code);
            code != NO_ID && red == green && green == blue && (red as usize) < self.classes.len()
        });
        let is_colored = |code: &u32| colors.codes().any(|color| color == *code);
        if !are_ids || codes.iter().all(is_colored) {
            return picture;
        }
        let ids = codes.iter().map(|&code| parted(code)[0] as u8);
        Picture::new(picture.size(), 1, Samples::U8(ids.collect()))
    }

    /// The class of each pixel. Colors and gray levels that no class has are those of the nearest class (the least
    /// squared distance); ids beyond the last class are those of the last.
    pub fn classes_of(&self, picture: &Picture) -> Vec<u8> {
        let labels = self.of_channels(picture.channels());
        let mut known: HashMap<u32, u8> = labels.codes().zip(0u8..=255).collect();
        let mut last = None;
        let class = |code| match last {
            Some((same, class)) if same == code => class,
            _ => {
                let class = *known.entry(code).or_insert_with(|| labels.nearest(code));
                last = Some((code, class));
                class
            }
        };
        labels.codes_in(picture).map(class).collect()
    }

    /// The class whose value is nearest.
    fn nearest(&self, code: u32) -> u8 {
        let distance = |other: u32| match self.stored {
            Stored::Ids | Stored::Grays => other.abs_diff(code).into(),
            Stored::Colors => {
                let parts = parted(code).into_iter().zip(parted(other));
                parts
                    .map(|(a, b)| u64::from(a.abs_diff(b)).pow(2))
                    .sum::<u64>()
            }
        };
        let classes = self.codes().zip(0u8..=255);
        let nearest = classes.min_by_key(|&(other, _)| distance(other));
        nearest.map_or(0, |(_, class)| class)
    }

    /// Whether two values differ by no more than a JPEG's rounding.
    fn are_near(&self, a: u32, b: u32) -> bool {
        match self.stored {
            Stored::Ids => a == b,
            Stored::Grays => a.abs_diff(b) <= NEAR,
            Stored::Colors => {
                let mut parts = parted(a).into_iter().zip(parted(b));
                a != NO_ID && parts.all(|(a, b)| a.abs_diff(b) <= NEAR)
            }
        }
    }

    /// The picture of classes, one for each pixel, as files store it.
    pub fn picture(&self, size: [u32; 2], classes: impl Iterator<Item = u8>) -> Picture {
        let samples = match self.stored {
            Stored::Ids => classes.collect(),
            Stored::Grays => {
                let gray = |class: u8| self.classes[usize::from(class)].color[0];
                classes.map(gray).collect()
            }
            Stored::Colors => {
                let color = |class: u8| self.classes[usize::from(class)].color;
                classes.flat_map(color).collect()
            }
        };
        Picture::new(size, self.channels(), Samples::U8(samples))
    }

    /// A sample that no class has in files: `wanted`, or else the largest. Where the classes have all, it is `wanted`.
    pub fn unused(&self, wanted: u8) -> u8 {
        let classes = (0u8..=255).take(self.classes.len());
        let all = self.picture([self.classes.len() as u32, 1], classes);
        let is_unused = |sample: &u8| !all.bytes().contains(sample);
        let mut samples = std::iter::once(wanted).chain((0..=255).rev());
        samples.find(is_unused).unwrap_or(wanted)
    }

    /// One-hot planes `[classes, height, width]` of a picture: `hot` where a pixel has the plane's class, otherwise `cold`.
    pub fn planes(&self, picture: &Picture, [cold, hot]: [f32; 2]) -> Vec<f32> {
        let classes = self.classes_of(picture);
        let mut planes = vec![cold; self.classes.len() * classes.len()];
        for (pixel, class) in classes.iter().enumerate() {
            planes[usize::from(*class) * classes.len() + pixel] = hot;
        }
        planes
    }

    /// The class of each pixel of planes `[classes, height, width]`: that of the largest value, the first if several are.
    pub fn largest(&self, planes: &[f32], pixels: usize) -> Vec<u8> {
        let mut best = vec![0u8; pixels];
        let mut most = planes[..pixels].to_vec();
        for (class, plane) in (0u8..=255).zip(planes.chunks_exact(pixels)).skip(1) {
            for ((value, most), best) in plane.iter().zip(&mut most).zip(&mut best) {
                if *value > *most {
                    (*most, *best) = (*value, class);
                }
            }
        }
        best
    }

    /// Counts the pixels that no class has: colors and gray levels, which become the nearest class, as clipped, if they are
    /// farther from it than a JPEG's rounding; ids, which cannot be, as unknown.
    pub fn outside(&self, picture: &Picture) -> Outside {
        let labels = self.of_channels(picture.channels());
        let codes: Vec<u32> = labels.codes().collect();
        // whether a code is that of a class, or near it
        let mut known: HashMap<u32, bool> = codes.iter().map(|&code| (code, true)).collect();
        let mut outside = Outside::default();
        for code in labels.codes_in(picture) {
            outside.samples += 1;
            let is_near = || codes.iter().any(|&class| labels.are_near(code, class));
            if !*known.entry(code).or_insert_with(is_near) {
                match labels.stored {
                    Stored::Ids => outside.unknown += 1,
                    Stored::Grays | Stored::Colors => outside.clipped += 1,
                }
            }
        }
        outside
    }

    /// Checks that every pixel has the value of a class.
    ///
    /// # Errors
    /// [`Error::Picture`], with the first value that no class has.
    pub fn check(&self, picture: &Picture) -> Result<()> {
        self.check_window(picture, [0; 2])
    }

    /// As [`check`](Self::check), for a window of a picture whose upper left pixel is `corner`: the message has the place in
    /// the picture.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_window(&self, window: &Picture, corner: [u32; 2]) -> Result<()> {
        let labels = self.of_channels(window.channels());
        let known: HashSet<u32> = labels.codes().collect();
        let ([left, top], width) = (corner.map(|at| at as usize), window.size()[0] as usize);
        let mut codes = labels.codes_in(window).enumerate();
        match codes.find(|(_, code)| !known.contains(code)) {
            None => Ok(()),
            Some((pixel, code)) => Err(Error::Picture(format!(
                "{} at x={}, y={}, which no class has: {}",
                labels.written(code),
                left + pixel % width,
                top + pixel / width,
                match labels.stored {
                    Stored::Ids => format!("ids are from 0 to {}", self.classes.len() - 1),
                    Stored::Colors if self.stored == Stored::Ids => format!(
                        "ids are one channel, or three that are equal, from 0 to {}; of the classes' colors, the nearest is that \
                         of {}",
                        self.classes.len() - 1,
                        self.name(labels.nearest(code).into())
                    ),
                    Stored::Grays | Stored::Colors => format!(
                        "the nearest of the palette's {} is {}",
                        self.classes.len(),
                        self.name(labels.nearest(code).into())
                    ),
                }
            ))),
        }
    }

    /// The code of every pixel. Alpha does not count.
    fn codes_in<'a>(&self, picture: &'a Picture) -> Box<dyn Iterator<Item = u32> + 'a> {
        fn codes<'a, T: Copy>(
            values: &'a [T],
            (channels, by_color): (usize, bool),
            code: fn(T) -> u32,
        ) -> Box<dyn Iterator<Item = u32> + 'a> {
            let pixels = values.chunks_exact(channels);
            Box::new(pixels.map(move |pixel| match pixel {
                [r, g, b, ..] if by_color => joined([*r, *g, *b].map(code)),
                [gray, ..] if by_color => joined([code(*gray); 3]),
                [value, ..] => code(*value),
                [] => NO_ID,
            }))
        }
        let kind = (picture.channels(), self.stored == Stored::Colors);
        match picture.samples() {
            Samples::U8(values) => codes(values, kind, u32::from),
            Samples::U16(values) => codes(values, kind, u32::from),
            Samples::F32(values) => codes(values, kind, whole),
        }
    }

    /// What a file stores, in words.
    fn written(&self, code: u32) -> String {
        match self.stored {
            Stored::Ids if code == NO_ID => "a value that is no class id".to_string(),
            Stored::Ids => format!("the class id {code}"),
            Stored::Grays => format!("the gray level {code}"),
            Stored::Colors if code == NO_ID => "a color of more than 8 bits".to_string(),
            Stored::Colors => {
                let [r, g, b] = parted(code);
                format!("the color {r},{g},{b}")
            }
        }
    }
}

impl std::fmt::Display for Labels {
    /// "12 classes by color".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stored = match self.stored {
            Stored::Ids => "id",
            Stored::Grays => "gray level",
            Stored::Colors => "color",
        };
        write!(f, "{} classes by {stored}", self.classes.len())
    }
}

/// The color by which a numbered class is shown: that of the PASCAL VOC development kit, whose bits are those of the
/// number, three at a time.
pub fn color_of(class: usize) -> [u8; 3] {
    [0, 1, 2].map(|channel| {
        let bit = |level: usize| (class >> (3 * level + channel) & 1) << (7 - level);
        (0..8).map(bit).sum::<usize>() as u8
    })
}

/// The code of what cannot be an id: negative numbers and fractions.
const NO_ID: u32 = u32::MAX;

/// The code of a sample: its value if it is a whole number from 0 to 65535, otherwise [`NO_ID`].
fn whole(value: f32) -> u32 {
    let is_id = (0.0..65536.0).contains(&value) && value.fract() == 0.0;
    if is_id { value as u32 } else { NO_ID }
}

/// Red, green and blue as one number; `NO_ID` if one of them is not that of a color.
fn joined([r, g, b]: [u32; 3]) -> u32 {
    match r.max(g).max(b) > 255 {
        true => NO_ID,
        false => r << 16 | g << 8 | b,
    }
}

fn parted(code: u32) -> [u32; 3] {
    [code >> 16 & 255, code >> 8 & 255, code & 255]
}

/// Resizes by nearest neighbor: each pixel is that of the original under its center, as in Pillow.
pub fn resize_nearest(picture: &Picture, size: [u32; 2]) -> Picture {
    if picture.size() == size {
        return picture.clone();
    }
    let old = picture.size();
    let from = |at: u32, axis: usize| {
        let (at, old, new) = (u64::from(at), u64::from(old[axis]), u64::from(size[axis]));
        ((2 * at + 1) * old / (2 * new)) as u32
    };
    picture.remapped(size, |x, y| [from(x, 0), from(y, 1)])
}

/// The type of the samples of label maps: 8 bits hold every class.
pub const DEPTH: Depth = Depth::U8;

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(stored: Stored, colors: &[[u8; 3]]) -> Labels {
        let classes = colors.iter().map(|&color| Class {
            name: String::new(),
            color,
        });
        Labels {
            stored,
            classes: classes.collect(),
        }
    }

    fn row(channels: usize, values: &[u8]) -> Picture {
        let size = [(values.len() / channels) as u32, 1];
        Picture::new(size, channels, Samples::U8(values.to_vec()))
    }

    #[test]
    fn classes_of_one_name_are_told_apart() {
        let mut labels = labels(Stored::Ids, &[[0; 3]; 5]);
        for (class, name) in labels
            .classes
            .iter_mut()
            .zip(["road", "car", "road", "", ""])
        {
            class.name = name.to_string();
        }
        let names: Vec<String> = (0..5).map(|class| labels.name(class)).collect();
        let wanted = [
            "road (class 0)",
            "car",
            "road (class 2)",
            "class 3",
            "class 4",
        ];
        assert_eq!(names, wanted);
    }

    #[test]
    fn colors_become_planes_and_back() {
        let labels = labels(Stored::Colors, &[[0, 0, 0], [255, 0, 0], [0, 0, 255]]);
        let picture = row(3, &[255, 0, 0, 0, 0, 0, 0, 0, 255]);
        assert_eq!(labels.classes_of(&picture), [1, 0, 2]);
        let planes = labels.planes(&picture, [-1.0, 1.0]);
        assert_eq!(planes, [-1., 1., -1., 1., -1., -1., -1., -1., 1.]);
        let classes = labels.largest(&planes, 3).into_iter();
        assert_eq!(labels.picture([3, 1], classes), picture);
        assert_eq!(labels.outside(&picture).clipped, 0);
    }

    #[test]
    fn what_a_jpeg_blurs_is_the_nearest_color() {
        let labels = labels(Stored::Colors, &[[0, 0, 0], [255, 0, 0], [0, 0, 255]]);
        let blurred = row(3, &[250, 9, 3, 4, 0, 1, 0, 0, 255, 120, 0, 140]);
        assert_eq!(labels.classes_of(&blurred), [1, 0, 2, 2]);
        assert_eq!(labels.outside(&blurred).clipped, 1);
        let said = labels.check(&blurred).unwrap_err().to_string();
        assert!(said.contains("the color 250,9,3 at x=0, y=0"), "{said}");
        assert!(
            said.ends_with("the nearest of the palette's 3 is class 1"),
            "{said}"
        );
    }

    #[test]
    fn ids_that_no_class_has_are_refused() {
        let labels = labels(Stored::Ids, &[[0, 0, 0], [1, 1, 1], [2, 2, 2]]);
        assert!(labels.check(&row(1, &[0, 1, 2])).is_ok());
        let said = labels.check(&row(1, &[0, 1, 255])).unwrap_err().to_string();
        assert!(said.contains("the class id 255 at x=2, y=0"), "{said}");
        assert_eq!(labels.outside(&row(1, &[0, 1, 255])).unknown, 1);
        let halves = Picture::new([2, 1], 1, Samples::F32(vec![1.0, 1.5]));
        assert_eq!(labels.outside(&halves).unknown, 1);
        let deep = Picture::new([2, 1], 1, Samples::U16(vec![2, 0]));
        assert_eq!(labels.classes_of(&deep), [2, 0]);
    }

    #[test]
    fn a_picture_in_color_has_the_classes_of_its_colors() {
        let ids = labels(Stored::Ids, &[[0, 0, 0], [255, 0, 0], [9, 9, 9]]);
        let drawn = row(4, &[255, 0, 0, 255, 9, 9, 9, 255, 0, 0, 0, 255]);
        assert_eq!(ids.classes_of(&drawn), [1, 2, 0]);
        assert!(ids.check(&drawn).is_ok());
        let colors = ids.by_color();
        assert_eq!(colors.classes_of(&row(1, &[9, 0])), [2, 0]);
        // red alone says nothing of a gray level
        let grays = labels(Stored::Grays, &[[0; 3], [200; 3]]);
        assert_eq!(grays.name(1), "gray level 200");
        let drawn = row(3, &[0, 255, 255, 200, 200, 200, 0, 0, 0]);
        assert_eq!(grays.classes_of(&drawn), [1, 1, 0]);
        assert!(grays.check(&drawn).is_err());
    }

    /// `Image.open("ids.png").convert("RGB")`, or what a browser's canvas makes of the file.
    #[test]
    fn ids_in_three_channels_are_ids() {
        let voc: Vec<[u8; 3]> = (0..3).map(color_of).collect();
        let ids = labels(Stored::Ids, &voc);
        let read = |picture: &Picture| ids.ids_of(picture.clone());
        let thrice = row(3, &[0, 0, 0, 1, 1, 1, 2, 2, 2]);
        assert_eq!(read(&thrice), row(1, &[0, 1, 2]));
        let canvas = row(4, &[0, 0, 0, 255, 1, 1, 1, 255]);
        assert_eq!(read(&canvas), row(1, &[0, 1]));
        for other in [
            // a drawing in the classes' colors, one of them black alone
            row(3, &[0, 0, 0, 128, 0, 0]),
            row(3, &[0, 0, 0, 0, 0, 0]),
            // gray, and no ids
            row(3, &[0, 0, 0, 3, 3, 3]),
            row(3, &[1, 1, 1, 1, 1, 2]),
            row(1, &[2, 1]),
        ] {
            assert_eq!(read(&other), other);
        }
        let said = ids.check(&row(3, &[1, 1, 1, 1, 1, 2])).unwrap_err();
        assert_eq!(
            said.to_string(),
            "the color 1,1,1 at x=0, y=0, which no class has: ids are one channel, or three that are equal, from 0 to 2; of \
             the classes' colors, the nearest is that of class 0"
        );
        // gray levels and colors are what they are
        let grays = labels(Stored::Grays, &[[0; 3], [1; 3]]);
        assert_eq!(grays.ids_of(thrice.clone()), thrice);
    }

    #[test]
    fn two_classes_of_one_color_are_refused() {
        let twice = labels(Stored::Colors, &[[0, 0, 0], [9, 9, 9], [0, 0, 0]]);
        let said = twice.validate("target").unwrap_err().to_string();
        assert!(
            said.contains("the color 0,0,0 for the classes 0 and 2"),
            "{said}"
        );
        // colors of ids are for display only
        assert!(
            Labels {
                stored: Stored::Ids,
                ..twice
            }
            .validate("target")
            .is_ok()
        );
    }

    #[test]
    fn what_no_class_has_is_found() {
        let colors = [[0, 0, 0], [255, 0, 0], [254, 9, 0]];
        assert_eq!(labels(Stored::Ids, &colors).unused(7), 7);
        assert_eq!(labels(Stored::Ids, &colors).unused(2), 255);
        assert_eq!(labels(Stored::Grays, &colors).unused(0), 253);
        assert_eq!(labels(Stored::Colors, &colors).unused(9), 253);
        assert_eq!(labels(Stored::Ids, &[[0; 3]; 256]).unused(3), 3);
    }

    /// The first colors of the development kit of PASCAL VOC 2012 (VOClabelcolormap.m).
    #[test]
    fn numbered_classes_have_the_colors_of_voc() {
        let found = [0, 1, 2, 3, 8, 20, 255].map(color_of);
        let expected = [
            [0, 0, 0],
            [128, 0, 0],
            [0, 128, 0],
            [128, 128, 0],
            [64, 0, 0],
            [0, 64, 128],
            [224, 224, 192],
        ];
        assert_eq!(found, expected);
    }

    /// `Image.fromarray(...).resize((n, 1), Image.NEAREST)` of Pillow 13.
    #[test]
    fn resizing_takes_the_pixel_under_the_center() {
        let picture = row(1, &[10, 20, 30, 40]);
        let resized = |width| resize_nearest(&picture, [width, 1]).bytes().to_vec();
        assert_eq!(resized(5), [10, 20, 30, 30, 40]);
        assert_eq!(resized(3), [10, 30, 40]);
        assert_eq!(resized(2), [20, 40]);
    }
}
