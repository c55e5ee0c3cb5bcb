//! The published weights of the learned metrics: downloaded as their authors' PyTorch files, and read as safetensors.

use std::path::{Path, PathBuf};

use crate::atomic_file;
use crate::error::{Error, Result};
use crate::network::weights::Weights;
use crate::weights_file::pytorch_read;
use crate::weights_file::tensor_file::{self, TensorValues};

/// Weights that can be downloaded.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// Name of the weights and of the safetensors file.
    pub name: &'static str,
    /// The purpose, in a line.
    pub about: &'static str,
    /// Approximate size of the download, in MB.
    pub megabytes: u32,
    /// Addresses of the authors' files. PyTorch's file names end in the first digits of the SHA-256.
    pub parts: &'static [&'static str],
    /// Our name for a tensor of the authors' files; `None` for a tensor that is not needed.
    rename: fn(&str) -> Option<String>,
}

/// All weights that can be downloaded.
pub const PUBLISHED: [Published; 3] = [
    Published {
        name: "lpips-alex",
        about: "LPIPS 0.1 on AlexNet, for `lpips` in evaluation and `perceptual` in training",
        megabytes: 234,
        parts: &[
            "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
            "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/alex.pth",
        ],
        rename: lpips_name,
    },
    Published {
        name: "dists",
        about: "DISTS on VGG16, for `dists` in evaluation",
        megabytes: 528,
        parts: &[
            "https://download.pytorch.org/models/vgg16-397923af.pth",
            "https://raw.githubusercontent.com/dingkeyan93/DISTS/master/DISTS_pytorch/weights.pt",
        ],
        rename: dists_name,
    },
    Published {
        name: "inception",
        about: "the Inception network for FID and KID, for `inception` in evaluation",
        megabytes: 96,
        parts: &[
            "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        ],
        rename: inception_name,
    },
];

/// `features.3.weight` of torchvision's AlexNet is `net.slice2.3.weight` of the lpips package. The classifier is not
/// used.
fn lpips_name(name: &str) -> Option<String> {
    if name.starts_with("lin") {
        return Some(name.to_string());
    }
    let (index, part) = name.strip_prefix("features.")?.split_once('.')?;
    let slice = ["0", "3", "6", "8", "10"]
        .iter()
        .position(|known| *known == index)?
        + 1;
    Some(format!("net.slice{slice}.{index}.{part}"))
}

/// Names are those of torchvision's VGG16 and of the authors. The classifier is not used.
fn dists_name(name: &str) -> Option<String> {
    let is_used = name.starts_with("features.") || name == "alpha" || name == "beta";
    is_used.then(|| name.to_string())
}

/// The classifier is not used.
fn inception_name(name: &str) -> Option<String> {
    (!name.starts_with("fc.")).then(|| name.to_string())
}

impl Published {
    /// The digits of the SHA-256 in a file name, if there are any.
    pub fn hash_of(part: &str) -> Option<&str> {
        let (_, digits) = part.strip_suffix(".pth")?.rsplit_once('-')?;
        let is_hash = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then_some(digits)
    }

    /// Converts the downloaded files to the safetensors file `to`. No code in them is run: their pickles are read as
    /// data.
    ///
    /// # Errors
    /// When a downloaded file cannot be read or holds other tensors, or `to` cannot be written.
    pub fn convert(&self, parts: &[PathBuf], to: &Path) -> Result<()> {
        let mut tensors = Weights::new();
        for part in parts {
            for (name, data) in pytorch_read::read(part, "download it again")? {
                if let Some(renamed) = (self.rename)(&name) {
                    tensors.insert(renamed, data);
                }
            }
        }
        if tensors.is_empty() {
            let reason = format!("no {} weights in the downloaded files", self.name);
            return Err(Error::file(&parts[0], reason, "download it again"));
        }
        if let Some(folder) = to.parent() {
            atomic_file::create_folder(folder)?;
        }
        let named: Vec<(String, TensorValues)> = tensors
            .iter()
            .map(|(name, data)| (name.clone(), data.into()))
            .collect();
        tensor_file::write_plain(to, &named)
    }
}
