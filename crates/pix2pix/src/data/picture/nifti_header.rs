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

    /// Where the voxel axes point, by the method that the file prefers (`nifti1.h`, methods 2 and 3); `None` if it names none.
    pub fn axes(&self) -> Option<Axes> {
        let rows = if self.i16(at::SFORM_CODE) > 0 {
            [0, 16, 32].map(|row| self.three(at::SROW_X + row))
        } else if self.i16(at::QFORM_CODE) > 0 {
            let [b, c, d] = self.three(at::QUATERN_B);
            let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
            let handed = if self.f32(at::PIXDIM) < 0.0 {
                -1.0
            } else {
                1.0
            };
            [
                [
                    a * a + b * b - c * c - d * d,
                    2.0 * (b * c - a * d),
                    2.0 * (b * d + a * c) * handed,
                ],
                [
                    2.0 * (b * c + a * d),
                    a * a + c * c - b * b - d * d,
                    2.0 * (c * d - a * b) * handed,
                ],
                [
                    2.0 * (b * d - a * c),
                    2.0 * (c * d + a * b),
                    (a * a + d * d - b * b - c * c) * handed,
                ],
            ]
        } else {
            return None;
        };
        Some([0, 1, 2].map(|axis| rows.map(|row| row[axis])))
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
