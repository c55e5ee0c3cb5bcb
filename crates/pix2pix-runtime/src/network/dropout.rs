//! The rate of dropout.

use crate::error::{Result, within};

/// Largest rate: the kernels round it to 1/65536, and what is above would be 1 for them, of which nothing is left.
const MOST: f64 = 0.99999;

/// Checks a dropout rate.
///
/// # Errors
/// When it is negative, or 1 or next to it.
pub fn check(rate: f64) -> Result<()> {
    within("dropout", rate, 0.0..=MOST)
}

#[cfg(test)]
mod tests {
    use pix2pix_kernels::Dropout;

    use super::*;

    #[test]
    fn a_rate_leaves_something() {
        assert!(Dropout::new(0, 0, 0, MOST).dropped < 1 << 16);
        for rate in [-0.1, f64::NAN, 0.999_999_999_9, 1.0, 2.0] {
            let error = check(rate).unwrap_err().to_string();
            let told = format!("`dropout` is {rate}; it must be from 0 to 0.99999");
            assert_eq!(error, told);
        }
        for rate in [0.0, 0.5, MOST] {
            assert!(check(rate).is_ok(), "{rate}");
        }
    }
}
