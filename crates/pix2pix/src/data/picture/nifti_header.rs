//! The header of NIfTI-1 files: where its numbers are, and how a file is known by it. The format: NIfTI-1 data format (Cox and
//! others, 2004), `nifti1.h`.

/// Bytes of the header.
pub const HEADER: usize = 348;
/// Bytes of NIfTI-2's header.
pub const HEADER_2: i32 = 540;

/// Places in the header, in bytes.
pub mod at {
    pub const DIM: usize = 40;
    pub const INTENT_PARAMETERS: usize = 56;
    pub const INTENT_CODE: usize = 68;
    pub const DATATYPE: usize = 70;
    pub const BITPIX: usize = 72;
    pub const PIXDIM: usize = 76;
    pub const VOX_OFFSET: usize = 108;
    pub const SCL_SLOPE: usize = 112;
    pub const SCL_INTER: usize = 116;
    pub const CAL_MAX: usize = 124;
    pub const CAL_MIN: usize = 128;
    pub const QFORM_CODE: usize = 252;
    pub const SFORM_CODE: usize = 254;
    pub const QUATERN_B: usize = 256;
    pub const QOFFSET: usize = 268;
    pub const SROW_X: usize = 280;
    pub const INTENT_NAME: usize = 328;
    pub const MAGIC: usize = 344;
}

/// Where the voxel axes point: for each, a vector to the right, to the front and up ("RAS+").
pub type Axes = [[f64; 3]; 3];

/// The header's bytes, and their order.
#[derive(Clone)]
pub struct Fields {
    /// The bytes as they are in the file.
    pub bytes: Box<[u8; HEADER]>,
    /// Whether numbers begin with their highest byte.
    pub big: bool,
}

impl Fields {
    fn part<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut part: [u8; N] = self.bytes[at..at + N]
            .try_into()
            .expect("inside the header");
        if self.big {
            part.reverse();
        }
        part
    }

    /// The 16-bit integer at this place.
    pub fn i16(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.part(at))
    }

    /// The float at this place.
    pub fn f32(&self, at: usize) -> f32 {
        f32::from_le_bytes(self.part(at))
    }

    /// Number `index` of the dimensions: how many there are, then their lengths.
    pub fn dim(&self, index: usize) -> i16 {
        self.i16(at::DIM + 2 * index)
    }

    /// Three numbers from `at`.
    fn three(&self, at: usize) -> [f64; 3] {
        [0, 4, 8].map(|step| f64::from(self.f32(at + step)))
    }

    /// Where the voxel axes point, each as long as a voxel, and the place of the first voxel, by the method that the file prefers
    /// (`nifti1.h`, methods 2 and 3); `None` if it names none.
    pub fn places(&self) -> Option<(Axes, [f64; 3])> {
        let (rows, origin) = if self.i16(at::SFORM_CODE) > 0 {
            let rows = [0, 16, 32].map(|row| at::SROW_X + row);
            (
                rows.map(|row| self.three(row)),
                rows.map(|row| f64::from(self.f32(row + 12))),
            )
        } else if self.i16(at::QFORM_CODE) > 0 {
            let [b, c, d] = self.three(at::QUATERN_B);
            let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
            let handed = if self.f32(at::PIXDIM) < 0.0 {
                -1.0
            } else {
                1.0
            };
            // a length that is none counts as 1, as in nifti1_io.c
            let [i, j, k] = self
                .three(at::PIXDIM + 4)
                .map(|length| if length > 0.0 { length } else { 1.0 });
            let k = k * handed;
            let rows = [
                [
                    (a * a + b * b - c * c - d * d) * i,
                    2.0 * (b * c - a * d) * j,
                    2.0 * (b * d + a * c) * k,
                ],
                [
                    2.0 * (b * c + a * d) * i,
                    (a * a + c * c - b * b - d * d) * j,
                    2.0 * (c * d - a * b) * k,
                ],
                [
                    2.0 * (b * d - a * c) * i,
                    2.0 * (c * d + a * b) * j,
                    (a * a + d * d - b * b - c * c) * k,
                ],
            ];
            (rows, self.three(at::QOFFSET))
        } else {
            return None;
        };
        Some(([0, 1, 2].map(|axis| rows.map(|row| row[axis])), origin))
    }
}

/// Whether a file that starts like this is a NIfTI file, of any version.
pub fn is(start: &[u8]) -> bool {
    let Some(first) = start.first_chunk::<4>() else {
        return false;
    };
    let [little, big] = [i32::from_le_bytes(*first), i32::from_be_bytes(*first)];
    let dimensions = start
        .get(at::DIM..at::DIM + 2)
        .map(|bytes| [bytes[0], bytes[1]]);
    let is_few = |dimensions: i16| (1..=7).contains(&dimensions);
    match dimensions {
        _ if little == HEADER_2 || big == HEADER_2 => start.get(4..6) == Some(b"n+"),
        Some(bytes) if little == HEADER as i32 => is_few(i16::from_le_bytes(bytes)),
        Some(bytes) if big == HEADER as i32 => is_few(i16::from_be_bytes(bytes)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Of a matrix (sform) and of a quaternion (qform).
    #[test]
    fn places_are_those_of_nibabel() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/volumes");
        let known = fs::read_to_string(folder.join("expected.json")).unwrap();
        let known: serde_json::Value = serde_json::from_str(&known).unwrap();
        for (name, method) in [("u8.nii", at::SFORM_CODE), ("f64.nii", at::QFORM_CODE)] {
            let bytes = fs::read(folder.join(name)).unwrap();
            let fields = Fields {
                bytes: Box::new(*bytes.first_chunk().unwrap()),
                big: false,
            };
            assert!(fields.i16(method) > 0);
            let (axes, origin) = fields.places().unwrap();
            for row in 0..3 {
                let found = [axes[0][row], axes[1][row], axes[2][row], origin[row]];
                for (column, found) in found.into_iter().enumerate() {
                    let wanted = known[name]["affine"][row][column].as_f64().unwrap();
                    assert!(
                        (found - wanted).abs() < 1e-5,
                        "{name}: {found}, not {wanted}"
                    );
                }
            }
        }
    }
}
