//! A convolution of stride 1 with its sides exchanged: its input's gradient is the convolution of the
//! output's gradient with the mirrored window, and the other way around. Where the output has few
//! channels, as the discriminator's last layer with its one, the patch matrix of the output is many
//! times smaller than that of the input.

use crate::geometry::Geometry;

/// The most output channels for which mirroring the weights costs nothing beside the patch matrix.
const CHANNELS: usize = 4;

/// The exchanged convolution, where that is worth while.
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

/// The weights of the exchanged convolution, from those of `geometry`'s.
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
