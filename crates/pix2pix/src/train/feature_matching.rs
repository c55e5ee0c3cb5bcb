//! Feature matching (Wang et al. 2018, "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs",
//! section 3.3): the generator's pictures shall have the features by which the discriminator knows real ones.
//!
//! The weights are those of the authors' code (NVIDIA/pix2pixHD, `models/pix2pixHD_model.py`): each block of each
//! discriminator weighs 4 / blocks / discriminators, times the weight of the whole, which is 10 there.

use burn::tensor::Tensor;

use crate::backend::loss::mean_distance;
use crate::network::patch_gan::Features;

/// Four times the mean distance of the features, `[1]`: the mean over the blocks of each discriminator, and of these means that
/// over all discriminators. The features of the real pair are constants.
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

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// Blocks with the distances 1 and 3, and a coarser discriminator whose only block has 5.
    #[test]
    fn all_discriminators_weigh_alike_and_the_whole_four_times() {
        let features = |scales: &[&[f32]]| -> Features {
            let constant = |value: &f32| Tensor::<4>::full([1, 2, 3, 3], *value, &Device::flex());
            let blocks = |scale: &&[f32]| scale.iter().map(constant).collect();
            scales.iter().map(blocks).collect()
        };
        let generated = features(&[&[0.0, 2.0], &[-1.0]]);
        let real = features(&[&[1.0, -1.0], &[4.0]]);
        let found = distance(generated, real).into_scalar::<f32>();
        assert!((found - 4.0 * (2.0 + 5.0) / 2.0).abs() < 1e-5, "{found}");
    }
}
