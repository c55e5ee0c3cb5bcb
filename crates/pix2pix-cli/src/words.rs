//! Words that several commands say.

use pix2pix::data::Domain;

pub use pix2pix::words::{count, percent};

/// A length of time in its two largest units, e.g. "1 h 30 min".
pub fn length_of(seconds: f64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let seconds = seconds.round() as u64;
    let largest = UNITS.iter().position(|(length, _)| seconds >= *length);
    let at = largest.unwrap_or(UNITS.len() - 1);
    let (length, unit) = UNITS[at];
    let Some((smaller, of_smaller)) = UNITS.get(at + 1) else {
        return format!("{seconds} {unit}");
    };
    // 1 h 59 min 50 s are nearer to two hours than to one and 59 minutes
    let rounded = seconds.saturating_add(smaller / 2) / smaller * smaller;
    match rounded % length / smaller {
        0 => format!("{} {unit}", rounded / length),
        rest => format!("{} {unit} {rest} {of_smaller}", rounded / length),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_two_units() {
        for (seconds, text) in [
            (0.2, "0 s"),
            (59.4, "59 s"),
            (60.0, "1 min"),
            (90.0, "1 min 30 s"),
            (5400.0, "1 h 30 min"),
            (5429.0, "1 h 30 min"),
            (7190.0, "2 h"),
            (86_399.0, "24 h"),
            (100_800.0, "1 d 4 h"),
            (30.0 * 86_400.0, "30 d"),
        ] {
            assert_eq!(length_of(seconds), text);
        }
    }
}
