//! The palettes of label maps whose class ids are the indices of their colors. Programs order palettes as they like, by how often
//! a color occurs: the same index is then another class in another file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::layout::Files;
use super::pairs::Pairs;
use crate::data::picture;
use crate::error::{Result, shown};

/// The color of a class, and the first file whose palette says so.
type Found = ([u8; 3], PathBuf);

/// The colors of classes by the files' own palettes.
#[derive(Clone, Debug, Default)]
pub struct Palettes {
    /// Those of the classes that have pixels.
    colors: BTreeMap<usize, Found>,
    /// A class with two colors.
    differing: Option<(usize, [Found; 2])>,
}

impl Palettes {
    /// The colors of these classes in one file.
    pub(super) fn of(
        palette: &[[u8; 3]],
        classes: impl Iterator<Item = usize>,
        path: &Path,
    ) -> Self {
        let color = |class: usize| Some((class, (*palette.get(class)?, path.to_path_buf())));
        Self {
            colors: classes.filter_map(color).collect(),
            differing: None,
        }
    }

    /// Adds those of more files.
    pub(super) fn add(&mut self, other: Self) {
        self.differing = self.differing.take().or(other.differing);
        for (class, more) in other.colors {
            match self.colors.get(&class) {
                Some(known) if known.0 != more.0 && self.differing.is_none() => {
                    self.differing = Some((class, [known.clone(), more]));
                }
                Some(_) => {}
                None => {
                    self.colors.insert(class, more);
                }
            }
        }
    }

    /// The indices that have pixels and their colors, in order; `None` if an index has two.
    pub(super) fn indices(&self) -> Option<Vec<(usize, [u8; 3])>> {
        let colors = self
            .colors
            .iter()
            .map(|(index, (color, _))| (*index, *color));
        self.differing.is_none().then(|| colors.collect())
    }

    /// What to say if a class of A or B (`side` 0 or 1) has two colors. `None` if each has one.
    pub fn advice(&self, side: usize) -> Option<String> {
        let (class, found) = self.differing.as_ref()?;
        let [one, other] = found
            .each_ref()
            .map(|([red, green, blue], path)| format!("{red},{green},{blue} in {}", shown(path)));
        let name = ["A", "B"][side];
        Some(format!(
            "the palettes of {name} differ: index {class} is {one}, but {other}; if classes are colors, give `labels[{side}]` a \
             palette file, which reads them by color (`pix2pix inspect` without the option writes one)"
        ))
    }
}

impl Pairs {
    /// The colors of the indices that a side of pair `index` has, if it is one PNG with a palette of its own.
    pub(super) fn used_palette(&self, index: usize, side: usize) -> Option<Palettes> {
        if self.is_together(index) {
            return None;
        }
        let (picture, _) = self.indexed(index, side).ok()??;
        let palette = self.palette(index, side).ok()??;
        let mut used = [false; 256];
        for &index in picture.bytes() {
            used[usize::from(index)] = true;
        }
        let used = (0..256).filter(|index| used[*index]);
        Some(Palettes::of(&palette, used, &self.shown_side(index, side)))
    }

    /// The colors of a PNG's own palette, where its indices are read as the class ids of a side of pair `index`.
    pub(super) fn palette(&self, index: usize, side: usize) -> Result<Option<Vec<[u8; 3]>>> {
        match &self.entries[index].files {
            // halves are read by color
            Files::Together(_) => Ok(None),
            files => {
                let content = self.store.content(&files.of_side(side)[0])?;
                Ok(picture::palette(&content))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_have_pixels_have_one_color() {
        let black_and_olive = [[0; 3], [128, 128, 0], [9; 3]];
        let olive_and_black = [[128, 128, 0], [0; 3], [9; 3]];
        let of = |palette: &[[u8; 3]], classes: &[usize], name: &str| {
            Palettes::of(palette, classes.iter().copied(), Path::new(name))
        };
        let mut all = Palettes::default();
        all.add(of(&black_and_olive, &[0, 2], "0.png"));
        all.add(of(&black_and_olive, &[0, 1], "1.png"));
        // one that no pixel has, and one that the palette has not
        all.add(of(&olive_and_black, &[2, 3], "2.png"));
        assert_eq!(all.advice(1), None);
        all.add(of(&olive_and_black, &[1, 2], "3.png"));
        all.add(of(&olive_and_black, &[0], "4.png"));
        let said = all.advice(1).unwrap();
        let wanted = "the palettes of B differ: index 1 is 128,128,0 in 1.png, but 0,0,0 in 3.png; if classes are \
                      colors, give `labels[1]` a palette file";
        assert!(said.starts_with(wanted), "{said}");
    }
}
