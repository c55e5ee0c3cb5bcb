//! The sizes that large pictures are shown in.

/// The size of a picture whose longer side is shrunk to `side`; `None` if it is not longer.
pub fn shrunk(size: [u32; 2], side: u32) -> Option<[u32; 2]> {
    let longer = size[0].max(size[1]);
    let to = |length: u32| (u64::from(length) * u64::from(side) / u64::from(longer)).max(1) as u32;
    (longer > side).then(|| size.map(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_is_shrunk() {
        assert_eq!(shrunk([640, 320], 160), Some([160, 80]));
        assert_eq!(shrunk([100, 160], 160), None);
        assert_eq!(shrunk([10_000, 16], 96), Some([96, 1]));
    }
}
