//! Feature matching (Wang et al. 2018, "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs",
//! section 3.3): the generator's pictures shall have the features by which the discriminator knows real ones.
//!
//! The weights are those of the authors' code (NVIDIA/pix2pixHD, `models/pix2pixHD_model.py`): each block of each
//! discriminator weighs 4 / blocks / discriminators, times the weight of the whole, which is 10 there.

use burn::tensor::Tensor;

use crate::backend::loss::mean_distance;
use crate::network::patch_gan::Features;

/// The weighted mean of the distances of all blocks' features, `[1]`. Those of the real pair are constants.
pub fn distance(generated: Features, real: Features) -> Tensor<1> {
    let scales = generated.len();
    let distances = generated
        .into_iter()
        .zip(real)
        .flat_map(|(generated, real)| {
            let weight = 4.0 / (generated.len() * scales) as f64;
            let pairs = generated.into_iter().zip(real);
            pairs.map(move |(generated, real)| mean_distance(generated, real.detach()) * weight)
        });
    let sum = distances.reduce(|sum, distance| sum + distance);
    sum.expect("a discriminator has blocks")
}
