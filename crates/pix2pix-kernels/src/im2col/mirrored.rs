//! Convolutions of stride 1 with input and output exchanged. The gradient of the input is the convolution of the
//! output's gradient with the mirrored window, and vice versa. If the output has few channels (the discriminator's
//! last layer has one), its patch matrix is many times smaller than that of the input.

use crate::geometry::Geometry;

/// Largest number of output channels for which mirroring the weights takes far less time than the patch matrix.
const CHANNELS: usize = 4;

/// The exchanged convolution, or `None` if it would not be faster.
pub fn exchanged(g: &Geometry) -> Option<Geometry> {
    let padding = g.padding.map(|side| (g.kernel - 1).checked_sub(side));
    let [Some(before), Some(after)] = padding else {
        return None;
    };
    let worth = g.stride == 1 && g.out_channels <= CHANNELS && g.in_channels > CHANNELS;
    worth.then(|| Geometry {
        in_channels: g.out_channels,
        out_channels: g.in_channels,
        input: g.output(),
        padding: [before, after],
        ..*g
    })
}

/// The weights of the exchanged convolution from those of `geometry`.
pub fn mirror(geometry: &Geometry, weights: &[f32]) -> Vec<f32> {
    let window = geometry.kernel * geometry.kernel;
    let mut mirrored = vec![0.0; weights.len()];
    for (index, taps) in weights.chunks_exact(window).enumerate() {
        let (output, input) = (index / geometry.in_channels, index % geometry.in_channels);
        let place = (input * geometry.out_channels + output) * window;
        for (to, from) in mirrored[place..][..window]
            .iter_mut()
            .zip(taps.iter().rev())
        {
            *to = *from;
        }
    }
    mirrored
}
