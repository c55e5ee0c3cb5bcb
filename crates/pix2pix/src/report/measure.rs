//! The measures of pictures: how they are named, in which unit, and which end is the good one.

use serde::Serialize;

/// A measure of a picture or of a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measure {
    /// Its name in files.
    pub key: &'static str,
    /// Its name and unit in tables.
    pub label: &'static str,
    /// Digits to show behind the point; `None` for four digits that count, because the values have any size.
    pub digits: Option<usize>,
    /// Whether higher values are better.
    pub higher: bool,
}

/// The measures of single pictures, in the order of display.
pub const MEASURES: [Measure; 11] = [
    measure("accuracy", "pixel accuracy", Some(4), true),
    measure("l1", "L1 (of 255)", Some(2), false),
    measure("rmse", "RMSE (of 255)", Some(2), false),
    measure("l1_own", "L1 (in the files' values)", None, false),
    measure("rmse_own", "RMSE (in the files' values)", None, false),
    measure("psnr", "PSNR (dB)", Some(2), true),
    measure("ssim", "SSIM", Some(4), true),
    measure("ms_ssim", "MS-SSIM", Some(4), true),
    measure("pearson", "Pearson correlation", Some(4), true),
    measure("lpips", "LPIPS", Some(4), false),
    measure("dists", "DISTS", Some(4), false),
];

const fn measure(
    key: &'static str,
    label: &'static str,
    digits: Option<usize>,
    higher: bool,
) -> Measure {
    Measure {
        key,
        label,
        digits,
        higher,
    }
}

impl Measure {
    /// Digits to show behind the point of a value, and of others that are compared with it.
    pub fn digits_of(&self, value: f64) -> usize {
        self.digits.unwrap_or_else(|| digits_that_count(value))
    }

    /// The label, with which end is the good one.
    pub fn described(&self) -> String {
        let better = if self.higher { "higher" } else { "lower" };
        format!("{}, {better} is better", self.label)
    }
}

/// Digits to show behind the point of a value of any size, so that four of them count.
pub fn digits_that_count(value: f64) -> usize {
    match value.abs() {
        0.0 => 0,
        size => (3.0 - size.log10().floor()).max(0.0) as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_any_size_have_four_digits_that_count() {
        let find = |key| MEASURES.into_iter().find(|m: &Measure| m.key == key);
        let own = find("l1_own").unwrap();
        let shown = |value: f64| format!("{value:.*}", own.digits_of(value));
        let values = [0.012344, 1.2344, 123.45, 12345.6, 0.0, 1.2344e-12].map(shown);
        let expected = [
            "0.01234",
            "1.234",
            "123.5",
            "12346",
            "0",
            "0.000000000001234",
        ];
        assert_eq!(values, expected);
        assert_eq!(find("ssim").unwrap().digits_of(123.0), 4);
    }
}
