//! Enumerations whose values a user chooses by name: in an option, a request or a configuration file.

use std::fmt;

/// An enumeration whose values have names.
pub trait Choice: Copy + Send + Sync + 'static {
    /// What it is, for messages, e.g. "normalization".
    const KIND: &'static str;
    /// Every value with its name and its description in one line, in the order of help texts.
    const CHOICES: &'static [(Self, &'static str, &'static str)];

    /// The value with this name.
    ///
    /// # Errors
    /// When there is none; the error lists all names.
    fn from_name(name: &str) -> Result<Self, UnknownName> {
        let known = Self::CHOICES.iter().find(|(_, known, _)| *known == name);
        known.map(|(value, ..)| *value).ok_or_else(|| UnknownName {
            kind: Self::KIND,
            name: name.to_string(),
            choices: Self::CHOICES.iter().map(|(_, name, _)| *name).collect(),
        })
    }
}

/// A name that stands for no value of an enumeration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct UnknownName {
    /// What it should name, e.g. "device".
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// The names that there are.
    pub choices: Vec<&'static str>,
}

impl fmt::Display for UnknownName {
    /// "unknown device; use auto, cpu or cuda". Callers have the name, and say in which option or file it stands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown {}; use ", self.kind)?;
        match self.choices.split_last() {
            Some((last, others)) if !others.is_empty() => {
                write!(f, "{} or {last}", others.join(", "))
            }
            _ => f.write_str(&self.choices.concat()),
        }
    }
}

/// Implements [`Choice`], its name as `Display`, and `FromStr`: `choices!(Norm, "normalization", Batch: "batch", "Batch
/// normalization"; ...)`.
#[macro_export]
macro_rules! choices {
    ($name:ident, $kind:literal, $($value:ident: $text:literal, $about:literal);+ $(;)?) => {
        impl $crate::choice::Choice for $name {
            const KIND: &'static str = $kind;
            const CHOICES: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$value, $text, $about)),+];
        }

        impl $name {
            /// All values, in the order of help texts.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$value),+];

            /// Its name in options and files.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $text),+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::choice::UnknownName;

            fn from_str(name: &str) -> std::result::Result<Self, Self::Err> {
                $crate::choice::Choice::from_name(name)
            }
        }
    };
}
pub use crate::choices;

#[cfg(test)]
mod tests {

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Tone {
        Low,
        Mid,
        High,
    }
    choices!(Tone, "tone", Low: "low", "Bass"; Mid: "mid", "Tenor"; High: "high", "Treble");

    #[test]
    fn a_value_has_a_name_and_a_name_a_value() {
        assert_eq!(Tone::ALL.map(Tone::name), ["low", "mid", "high"]);
        assert_eq!("mid".parse(), Ok(Tone::Mid));
        let error = "loud".parse::<Tone>().unwrap_err();
        assert_eq!(error.name, "loud");
        assert_eq!(error.to_string(), "unknown tone; use low, mid or high");
    }
}
