//! The classes of label maps, as a user gives them: their number, or a palette file.

use std::path::Path;

use pix2pix_runtime::picture::Labels;
use pix2pix_runtime::picture::labels::{CLASSES, Class, Stored, color_of};
use pix2pix_runtime::regular_file;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What to do about a palette file that cannot be read.
const REMEDY: &str =
    "write a JSON list of classes, e.g. [{\"name\": \"sky\", \"color\": [70, 130, 180]}, ...]";

/// Longest name of a class, in characters.
const LONGEST: usize = 100;

/// Names of the fields of A and of B.
pub(super) const FIELDS: [&str; 2] = ["labels[0]", "labels[1]"];

/// The classes of a label map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Classes {
    /// This many, without names and colors.
    Numbered(usize),
    /// Those of a palette.
    Palette(Vec<Class>),
}

/// A palette file: a list of classes, alone or as `labels` (Mapillary Vistas) or `categories` (COCO).
#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    List(Vec<Listed>),
    Under {
        #[serde(alias = "categories")]
        labels: Vec<Listed>,
    },
}

/// A class in a palette file.
#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    Color([u8; 3]),
    Class {
        #[serde(default)]
        name: String,
        #[serde(alias = "colour")]
        color: [u8; 3],
    },
}

impl Classes {
    /// A number of classes, or the path of a palette file, of A or B (`side` 0 or 1).
    ///
    /// # Errors
    /// When the file cannot be read, or has too few or too many classes, or one whose name has more than 100 characters or a
    /// control character.
    pub fn parse(text: &str, side: usize) -> Result<Self> {
        match text.parse() {
            Ok(count) if CLASSES.contains(&count) => Ok(Self::Numbered(count)),
            Ok(count) => Err(Error::field(FIELDS[side], format!("is {}", counted(count)))),
            Err(_) => Self::read(Path::new(text)),
        }
    }

    /// Reads a palette file.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Self> {
        let text = regular_file::read_to_string(path);
        let text = text.map_err(|e| Error::io(path, "read the palette", e))?;
        let wrong = |reason: String| Error::file(path, reason, REMEDY);
        let file: File = serde_json::from_str(&text).map_err(|e| match e.is_data() {
            true => wrong("not a palette".to_string()),
            false => wrong(format!("not JSON: {e}")),
        })?;
        let (File::List(listed) | File::Under { labels: listed }) = file;
        if !CLASSES.contains(&listed.len()) {
            return Err(wrong(counted(listed.len())));
        }
        let class = |listed| match listed {
            Listed::Color(color) => Class {
                name: String::new(),
                color,
            },
            Listed::Class { name, color } => Class { name, color },
        };
        let classes: Vec<Class> = listed.into_iter().map(class).collect();
        for (number, Class { name, .. }) in classes.iter().enumerate() {
            let what = match name.chars().count() {
                _ if name.contains(char::is_control) => "a control character".to_string(),
                0..=LONGEST => continue,
                length => format!("{length} characters; it may have {LONGEST}"),
            };
            return Err(wrong(format!("the name of class {number} has {what}")));
        }
        Ok(Self::Palette(classes))
    }

    /// The labels of the pictures of A or B (`side` 0 or 1) with this number of channels.
    ///
    /// # Errors
    /// When such pictures cannot store these classes.
    pub fn labels(&self, side: usize, channels: usize) -> Result<Labels> {
        let name = ["A", "B"][side];
        let is_gray = |class: &Class| class.color == [class.color[0]; 3];
        let (stored, classes) = match (self, channels) {
            (Self::Numbered(count), 1 | 2) => {
                let class = |number| Class {
                    name: String::new(),
                    color: color_of(number),
                };
                (Stored::Ids, (0..*count).map(class).collect())
            }
            (Self::Palette(classes), 1 | 2) => {
                let stored = match classes.iter().all(is_gray) {
                    true => Stored::Grays,
                    false => Stored::Ids,
                };
                (stored, classes.clone())
            }
            (Self::Palette(classes), 3 | 4) => (Stored::Colors, classes.clone()),
            (Self::Numbered(_), 3 | 4) => {
                return Err(Error::Config(format!(
                    "`labels[{side}]` is a number of class ids, but the pictures of {name} are in color: give the file \
                     of their palette, which `pix2pix inspect` can write, or, where all three channels are the same id, \
                     `channels[{side}]` 1"
                )));
            }
            (_, channels) => {
                return Err(Error::Data(format!(
                    "`labels[{side}]`: the pictures of {name} have {channels} channels; label maps have one channel of \
                     class ids, or colors"
                )));
            }
        };
        let labels = Labels { stored, classes };
        labels.validate(name)?;
        Ok(labels)
    }
}

/// The text of a palette file.
pub fn palette(classes: &[Class]) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        name: &'a str,
        color: [u8; 3],
    }
    let line = |Class { name, color }: &Class| {
        let line = Line {
            name,
            color: *color,
        };
        serde_json::to_string(&line).expect("plain data")
    };
    let lines: Vec<String> = classes.iter().map(line).collect();
    format!("[\n  {}\n]\n", lines.join(",\n  "))
}

fn counted(count: usize) -> String {
    let (least, most) = (CLASSES.start(), CLASSES.end());
    format!("{count} classes; label maps have {least} to {most}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Classes> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        Classes::read(file.path())
    }

    #[test]
    fn palettes_are_read_as_tools_write_them() {
        let class = |name: &str, color| Class {
            name: name.to_string(),
            color,
        };
        let expected = |names: [&str; 2]| {
            Classes::Palette(vec![class(names[0], [0, 0, 0]), class(names[1], [7, 8, 9])])
        };
        for (text, names) in [
            ("[[0, 0, 0], [7, 8, 9]]", ["", ""]),
            (
                r#"[{"name": "void", "color": [0, 0, 0]}, {"id": 1, "name": "sky", "color": [7, 8, 9]}]"#,
                ["void", "sky"],
            ),
            // config.json of Mapillary Vistas
            (
                r#"{"version": 1, "labels": [{"color": [0, 0, 0], "name": "a-b", "evaluate": true},
                    {"color": [7, 8, 9], "name": "c"}]}"#,
                ["a-b", "c"],
            ),
            // panoptic_coco_categories.json under the annotations' key
            (
                r#"{"categories": [{"color": [0, 0, 0], "isthing": 1, "id": 1, "name": "person"},
                    {"color": [7, 8, 9], "name": "car"}]}"#,
                ["person", "car"],
            ),
        ] {
            assert_eq!(read(text).unwrap(), expected(names), "{text}");
        }
        let again = palette(&[class("a", [1, 2, 3]), class("", [4, 5, 6])]);
        let Classes::Palette(classes) = read(&again).unwrap() else {
            panic!("a palette");
        };
        assert_eq!(classes, [class("a", [1, 2, 3]), class("", [4, 5, 6])]);
    }

    #[test]
    fn what_is_no_palette_is_told_with_an_example() {
        for (text, reason) in [
            ("[[0, 0, 0]]", "1 classes; label maps have 2 to 256"),
            ("[[0, 0], [1, 1]]", "not a palette"),
            ("[[0, 0, 256], [1, 1, 1]]", "not a palette"),
            ("[[0, 0, 0],", "not JSON"),
        ] {
            let said = read(text).unwrap_err().to_string();
            assert!(said.contains(reason) && said.contains("\"sky\""), "{said}");
        }
    }

    #[test]
    fn names_of_classes_are_short_and_plain() {
        let named = |name: &str| {
            let name = serde_json::to_string(name).unwrap();
            read(&format!(
                r#"[{{"name": {name}, "color": [0, 0, 0]}}, [1, 1, 1]]"#
            ))
        };
        assert!(named(&"é".repeat(100)).is_ok());
        for (name, reason) in [
            (
                "é".repeat(101),
                "the name of class 0 has 101 characters; it may have 100",
            ),
            (
                "\u{1b}[31mred".to_string(),
                "the name of class 0 has a control character",
            ),
        ] {
            let said = named(&name).unwrap_err().to_string();
            assert!(said.contains(reason), "{said}");
        }
    }

    #[test]
    fn files_store_classes_as_their_channels_say() {
        let palette = |colors: &[[u8; 3]]| {
            let class = |&color| Class {
                name: String::new(),
                color,
            };
            Classes::Palette(colors.iter().map(class).collect())
        };
        let stored = |classes: &Classes, channels| classes.labels(1, channels).unwrap().stored;
        let colors = palette(&[[0, 0, 0], [9, 0, 0]]);
        assert_eq!(stored(&colors, 3), Stored::Colors);
        assert_eq!(stored(&colors, 4), Stored::Colors);
        assert_eq!(stored(&colors, 1), Stored::Ids);
        assert_eq!(stored(&palette(&[[0; 3], [255; 3]]), 1), Stored::Grays);
        assert_eq!(stored(&Classes::Numbered(5), 1), Stored::Ids);
        let said = Classes::Numbered(5).labels(1, 3).unwrap_err().to_string();
        assert!(said.contains("the pictures of B are in color"), "{said}");
    }
}
