//! Numbers in sentences.

/// So many of something whose plural ends with s: "1 pair", "2 pairs".
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
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
}
