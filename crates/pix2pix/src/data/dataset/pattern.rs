//! Patterns of file names, for pairs whose two names differ: `*_BF` and `*_DAPI`.

use std::path::PathBuf;

use crate::data::pair::stem;
use crate::error::{Error, Result};

/// A name without extension in which `*` stands for the name of the pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    before: String,
    after: String,
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// When it does not have exactly one `*`.
    pub fn parse(text: &str) -> Result<Self> {
        match text.split('*').collect::<Vec<_>>()[..] {
            [before, after] => Ok(Self {
                before: before.to_string(),
                after: after.to_string(),
            }),
            _ => {
                let reason = format!("is {text}; it must have one * for the name of the pair");
                Err(Error::field("matching", reason))
            }
        }
    }

    /// The part of a name that `*` stands for; `None` if the name does not match.
    pub fn part<'a>(&self, name: &'a str) -> Option<&'a str> {
        let part = name.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        (!part.is_empty()).then_some(part)
    }
}

/// Patterns by which some of the pictures of A and of B without a partner would be pairs: their names begin or end
/// with one word for each side.
pub fn propose(alone: [&[PathBuf]; 2]) -> Option<[String; 2]> {
    let names = alone.map(|files| files.iter().map(|file| stem(file)).collect::<Vec<_>>());
    let words = |of: fn(&str) -> &str| {
        names.each_ref().map(|names| {
            let first = names.first().map_or("", |name| of(name));
            let common = !first.is_empty() && names.iter().all(|name| of(name) == first);
            common.then_some(first)
        })
    };
    let proposals = [
        words(ending).map(|word| word.map(|word| format!("*{word}"))),
        words(beginning).map(|word| word.map(|word| format!("{word}*"))),
    ];
    proposals.into_iter().find_map(|proposal| {
        // a side whose names have no word is matched whole
        let [a, b] = proposal.map(|pattern| pattern.unwrap_or_else(|| "*".to_string()));
        let patterns = [Pattern::parse(&a).ok()?, Pattern::parse(&b).ok()?];
        let fits = names[0].iter().any(|name| {
            let part = patterns[0].part(name);
            let partner = |other: &String| patterns[1].part(other) == part;
            part.is_some() && names[1].iter().any(partner)
        });
        fits.then_some([a, b])
    })
}

const SEPARATORS: [char; 4] = ['_', '-', '.', ' '];

/// The last word of a name, with the separator before it.
fn ending(name: &str) -> &str {
    name.rfind(SEPARATORS).map_or("", |at| &name[at..])
}

/// The first word of a name, with the separator behind it.
fn beginning(name: &str) -> &str {
    name.find(SEPARATORS).map_or("", |at| &name[..=at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(a: &[&str], b: &[&str]) -> Option<[String; 2]> {
        let files = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let [a, b] = [files(a), files(b)];
        propose([&a, &b])
    }

    #[test]
    fn a_star_stands_for_the_pairs_name() {
        let pattern = Pattern::parse("cell_*_BF").unwrap();
        assert_eq!(pattern.part("cell_007_BF"), Some("007"));
        assert_eq!(pattern.part("cell_007_DAPI"), None);
        assert_eq!(pattern.part("cell__BF"), None);
        assert!(Pattern::parse("BF").is_err() && Pattern::parse("*_*").is_err());
    }

    #[test]
    fn a_word_for_each_side_is_proposed() {
        let expect = |a: &str, b: &str| Some([a.to_string(), b.to_string()]);
        let found = proposed(
            &["c_0_BF.tif", "c_1_BF.tif"],
            &["c_0_DAPI.tif", "c_1_DAPI.tif"],
        );
        assert_eq!(found, expect("*_BF", "*_DAPI"));
        let found = proposed(&["in-1.png", "in-2.png"], &["out-1.png", "out-2.png"]);
        assert_eq!(found, expect("in-*", "out-*"));
        let found = proposed(&["1.png", "2.png"], &["1_mask.png", "2_mask.png"]);
        assert_eq!(found, expect("*", "*_mask"));
        assert_eq!(proposed(&["a.png"], &["b.png"]), None);
        assert_eq!(proposed(&["a_1.png"], &["b_2.png"]), None);
        assert_eq!(proposed(&[], &["b_2.png"]), None);
    }
}
