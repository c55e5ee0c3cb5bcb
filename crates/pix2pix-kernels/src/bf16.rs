//! Numbers of 16 bits: bfloat16.

/// A bfloat16 number: the upper half of an f32, half as many bytes to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Bf16(u16);

impl Bf16 {
    /// The nearest number; of two, the one whose last bit is 0.
    pub fn of(value: f32) -> Self {
        Self((bf16_bits(value) >> 16) as u16)
    }

    /// One of the two numbers around a finite `value`, by 16 random bits: the mean over all of them is the value.
    #[inline(always)]
    pub fn at_random(value: f32, bits: u32) -> Self {
        Self((value.to_bits().wrapping_add(bits & 0xffff) >> 16) as u16)
    }
}

// SAFETY: it is a u16, and every u16 is such a number.
unsafe impl bytemuck::Zeroable for Bf16 {}
// SAFETY: as above.
unsafe impl bytemuck::Pod for Bf16 {}

impl From<Bf16> for f32 {
    #[inline(always)]
    fn from(value: Bf16) -> Self {
        Self::from_bits(u32::from(value.0) << 16)
    }
}

/// Rounds to bfloat16, to nearest, ties to even. The result is in the upper 16 bits.
#[inline(always)]
pub fn bf16_bits(x: f32) -> u32 {
    let bits = x.to_bits();
    // without branches, so that loops become vectors; rounded up, a NaN could become an infinity
    let (up, quiet) = match x.is_nan() {
        true => (0, 0x0040_0000),
        false => (0x7fff + ((bits >> 16) & 1), 0),
    };
    (bits | quiet).wrapping_add(up) & 0xffff_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values between two numbers, from Python: `numpy` with `ml_dtypes.bfloat16`.
    #[test]
    fn values_are_rounded_to_the_nearest() {
        for (value, nearest) in [
            (1.0, 1.0),
            (257.0 / 256.0, 1.0),
            (259.0 / 256.0, 260.0 / 256.0),
            (-0.1, -205.0 / 2048.0),
            (7.1, 7.09375),
            (1e-40, 9.183_55e-41),
            (f32::MAX, f32::INFINITY),
        ] {
            let found = f32::from(Bf16::of(value));
            assert_eq!(found, nearest, "{value}");
        }
        assert!(f32::from(Bf16::of(f32::NAN)).is_nan());
    }
}
