//! The measures of pictures: how they are named, in which unit, and which end is the good one.

use serde::Serialize;

/// A measure of a picture or of a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measure {
    /// Its name in files.
    pub key: &'static str,
    /// Its name and unit in tables.
    pub label: &'static str,
    /// Digits to show behind the point.
    pub digits: usize,
    /// Whether higher values are better.
    pub higher: bool,
}

/// The measures of single pictures, in the order of display.
pub const MEASURES: [Measure; 11] = [
    measure("accuracy", "pixel accuracy", 4, true),
    measure("l1", "L1 (of 255)", 2, false),
    measure("rmse", "RMSE (of 255)", 2, false),
    measure("l1_own", "L1 (in the files' values)", 4, false),
    measure("rmse_own", "RMSE (in the files' values)", 4, false),
    measure("psnr", "PSNR (dB)", 2, true),
    measure("ssim", "SSIM", 4, true),
    measure("ms_ssim", "MS-SSIM", 4, true),
    measure("pearson", "Pearson correlation", 4, true),
    measure("lpips", "LPIPS", 4, false),
    measure("dists", "DISTS", 4, false),
];

const fn measure(key: &'static str, label: &'static str, digits: usize, higher: bool) -> Measure {
    Measure {
        key,
        label,
        digits,
        higher,
    }
}

impl Measure {
    /// The label, with which end is the good one.
    pub fn described(&self) -> String {
        let better = if self.higher { "higher" } else { "lower" };
        format!("{}, {better} is better", self.label)
    }
}
