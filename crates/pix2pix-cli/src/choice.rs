//! Options whose values are an enumeration of the library.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use pix2pix::Choice;

use crate::flags;

/// Parses the names of an enumeration, which `--help` lists with their descriptions.
pub fn choice<T: Choice>() -> impl TypedValueParser<Value = T> {
    let values = T::CHOICES.iter().map(|(_, name, about)| {
        // clap keeps the text as long as the program runs
        PossibleValue::new(*name).help(flags::named_in_help(about))
    });
    PossibleValuesParser::new(values)
        .map(|name| T::from_name(&name).expect("clap accepts known names only"))
}
