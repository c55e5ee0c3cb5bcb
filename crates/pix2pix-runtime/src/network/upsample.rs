//! Upsampling in a decoder.

use serde::{Deserialize, Serialize};

use crate::choice::choices;
use crate::network::window::Window;

/// How a decoder doubles a picture's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Upsample {
    /// A transposed convolution, as in the paper.
    #[default]
    Transposed,
    /// Nearest-neighbor upsampling, then a 3x3 convolution: no checkerboard artifacts (Odena, Dumoulin and Olah
    /// 2016).
    Resize,
    /// The same, then the filter 1-2-1, which makes the upsampling bilinear (Karras, Laine and Aila 2019, section 2; Zhang
    /// 2019): weaker grids of 4 and 8 pixels, and less detail. The filter stands behind the convolution, which has fewer channels than what it reads.
    Bilinear,
}

impl Upsample {
    /// That of a U-Net's last layer. No finer map is joined to its output, so a filter would only blur the picture.
    pub fn of_output(self) -> Self {
        match self {
            Self::Bilinear => Self::Resize,
            other => other,
        }
    }
}

choices!(Upsample, "upsampling",
    Transposed: "transposed", "Transposed convolution, as in the paper";
    Resize: "resize", "Nearest-neighbor upsampling and a 3x3 convolution, free of checkerboard artifacts (Odena et al. 2016)";
    Bilinear: "bilinear", "Bilinear upsampling and a 3x3 convolution, with weaker grids of 4 and 8 pixels and less detail (Karras et al. 2019, Zhang 2019); the U-Net's last layer is that of resize";
);

/// A 3x3 convolution that keeps the size.
pub const KEEP: Window = Window {
    kernel: 3,
    stride: 1,
    padding: [1, 1],
};

/// The convolution whose transpose fuses a resize and a convolution with [`KEEP`].
pub const FUSED: Window = Window {
    kernel: 4,
    stride: 2,
    padding: [1, 1],
};
