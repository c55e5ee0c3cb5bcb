//! The table of measures: how they are named, in which unit, and which end is the good one. Tables, charts and pages have
//! it from here.

use serde::Serialize;

/// A measure of a picture or of a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measure {
    /// Its name in files.
    pub key: &'static str,
    /// Its name in texts and tables.
    pub label: &'static str,
    /// Its name in full, over a curve.
    pub title: &'static str,
    /// Its unit; `None` for a pure number.
    pub unit: Option<&'static str>,
    /// Digits to show behind the point; `None` for four digits that count, because the values have any size.
    pub digits: Option<usize>,
    /// Whether higher values are better.
    pub higher: bool,
}

impl Measure {
    /// Share of the pixels with the right class.
    pub const ACCURACY: Self = Self::new("accuracy", "pixel accuracy", None, Some(4), true);
    /// Mean intersection over union of the classes.
    pub const IOU: Self = Self::new("iou", "mean IoU", None, Some(4), true);
    /// Mean absolute difference.
    pub const L1: Self = Self::new("l1", "L1", Some("of 255"), Some(2), false);
    /// Root mean squared difference.
    pub const RMSE: Self = Self::new("rmse", "RMSE", Some("of 255"), Some(2), false);
    /// Mean absolute difference of values that are not 8-bit.
    pub const L1_OWN: Self = Self::new("l1_own", "L1", Some("in the files' values"), None, false);
    /// Root mean squared difference of values that are not 8-bit.
    pub const RMSE_OWN: Self = Self::new(
        "rmse_own",
        "RMSE",
        Some("in the files' values"),
        None,
        false,
    );
    /// Peak signal-to-noise ratio.
    pub const PSNR: Self = Self::new("psnr", "PSNR", Some("dB"), Some(2), true);
    /// Structural similarity.
    pub const SSIM: Self = Self::new("ssim", "SSIM", None, Some(4), true);
    /// Structural similarity at several scales.
    pub const MS_SSIM: Self = Self::new("ms_ssim", "MS-SSIM", None, Some(4), true);
    /// Pearson's correlation of the samples.
    pub const PEARSON: Self = Self::new("pearson", "Pearson correlation", None, Some(4), true);
    /// The learned distance LPIPS.
    pub const LPIPS: Self = Self::new("lpips", "LPIPS", None, Some(4), false);
    /// The learned distance DISTS.
    pub const DISTS: Self = Self::new("dists", "DISTS", None, Some(4), false);
    /// Sliced Wasserstein distance, in thousandths.
    pub const SWD: Self = Self::new("swd", "SWD", Some("x1000"), Some(1), false)
        .titled("sliced Wasserstein distance");
    /// Distance of the power spectra.
    pub const SPECTRUM: Self = Self::new("spectrum", "spectrum", Some("dB"), Some(2), false)
        .titled("distance of the spectra");
    /// Fréchet Inception distance.
    pub const FID: Self = Self::new("fid", "FID", None, Some(2), false);
    /// Kernel Inception distance.
    pub const KID: Self = Self::new("kid", "KID", None, Some(4), false);

    const fn new(
        key: &'static str,
        label: &'static str,
        unit: Option<&'static str>,
        digits: Option<usize>,
        higher: bool,
    ) -> Self {
        Self {
            key,
            label,
            title: label,
            unit,
            digits,
            higher,
        }
    }

    const fn titled(self, title: &'static str) -> Self {
        Self { title, ..self }
    }

    /// Digits to show behind the point of a value, and of others that are compared with it.
    pub fn digits_of(&self, value: f64) -> usize {
        self.digits.unwrap_or_else(|| digits_that_count(value))
    }

    /// A value as it is shown, without its unit.
    pub fn shown(&self, value: f64) -> String {
        format!("{value:.*}", self.digits_of(value))
    }

    /// A value in a text, e.g. "PSNR 21.50 dB".
    pub fn told(&self, value: f64) -> String {
        let unit = self.unit.map_or(String::new(), |unit| format!(" {unit}"));
        format!("{} {}{unit}", self.label, self.shown(value))
    }

    /// The label with the unit, e.g. "PSNR (dB)".
    pub fn heading(&self) -> String {
        self.with_unit(self.label)
    }

    /// The title with the unit, e.g. "distance of the spectra (dB)".
    pub fn full_heading(&self) -> String {
        self.with_unit(self.title)
    }

    fn with_unit(&self, name: &str) -> String {
        match self.unit {
            Some(unit) => format!("{name} ({unit})"),
            None => name.to_string(),
        }
    }

    /// The heading, with which end is the good one.
    pub fn described(&self) -> String {
        let better = if self.higher { "higher" } else { "lower" };
        format!("{}, {better} is better", self.heading())
    }
}

/// The measures of single pictures, in the order of display.
pub const MEASURES: [Measure; 11] = [
    Measure::ACCURACY,
    Measure::L1,
    Measure::RMSE,
    Measure::L1_OWN,
    Measure::RMSE_OWN,
    Measure::PSNR,
    Measure::SSIM,
    Measure::MS_SSIM,
    Measure::PEARSON,
    Measure::LPIPS,
    Measure::DISTS,
];

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
        let shown = |value: f64| Measure::L1_OWN.shown(value);
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
        assert_eq!(Measure::SSIM.digits_of(123.0), 4);
    }

    #[test]
    fn a_measure_is_written_with_its_unit() {
        let psnr = Measure::PSNR;
        assert_eq!(psnr.heading(), "PSNR (dB)");
        assert_eq!(psnr.described(), "PSNR (dB), higher is better");
        assert_eq!(psnr.told(21.499), "PSNR 21.50 dB");
        assert_eq!(Measure::LPIPS.described(), "LPIPS, lower is better");
        assert_eq!(Measure::ACCURACY.told(0.5), "pixel accuracy 0.5000");
        assert_eq!(Measure::SPECTRUM.heading(), "spectrum (dB)");
        let full = Measure::SPECTRUM.full_heading();
        assert_eq!(full, "distance of the spectra (dB)");
    }
}
