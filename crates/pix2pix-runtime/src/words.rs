//! Numbers in sentences.

/// So many of something whose plural ends with s: "1 pair", "2 pairs".
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A share from 0 to 1 in percent, e.g. "1.5%"; "0%" of nothing alone.
pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        0.0 => "0%".to_string(),
        ..0.001 => "less than 0.001%".to_string(),
        ..0.1 => format!("{percent:.3}%"),
        ..10.0 => format!("{percent:.1}%"),
        _ => format!("{percent:.0}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_no_plural() {
        let said = [0, 1, 2].map(|number| count(number, "side-by-side pair"));
        let expected = [
            "0 side-by-side pairs",
            "1 side-by-side pair",
            "2 side-by-side pairs",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_small_share_is_not_nothing() {
        let said = [0.0, 2e-6, 2e-4, 0.015, 0.25, 1.0].map(percent);
        let expected = ["0%", "less than 0.001%", "0.020%", "1.5%", "25%", "100%"];
        assert_eq!(said, expected);
    }
}
