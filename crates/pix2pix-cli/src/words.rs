//! Words that several commands say.

use pix2pix::data::Domain;

/// So many of something whose plural ends with s.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// What the values outside of a model's domain are, and what has become of them.
pub fn clipped(domain: &Domain) -> [&'static str; 2] {
    match domain.labels {
        None => [
            "values",
            "lie outside of the model's range and were clipped",
        ],
        Some(_) => [
            "pixels",
            "have a color that no class has, and became the nearest class",
        ],
    }
}
