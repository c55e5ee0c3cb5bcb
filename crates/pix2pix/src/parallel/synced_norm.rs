//! Batch normalization with the statistics of a whole batch that is spread over a group.

use burn::tensor::{Tensor, TensorData};

use super::{Communicator, gathered};

/// Means and biased variances of the group's batch, `[2, channels]`, from those of its shares, which have equal sizes
/// (Chan, Golub and LeVeque 1979, equation 2.1).
pub fn combined(group: &dyn Communicator, own: Tensor<2>) -> Tensor<2> {
    let [_, channels] = own.dims();
    let device = own.device();
    let own = own.into_data().convert::<f32>();
    let all = gathered(group, own.as_slice().expect("converted"));
    let count = all.len() as f64;
    let mut values = vec![0.0; 2 * channels];
    for channel in 0..channels {
        let row = |row: usize| {
            all.iter()
                .map(move |own| f64::from(own[row * channels + channel]))
        };
        let mean = row(0).sum::<f64>() / count;
        let within = row(1).sum::<f64>() / count;
        let between = row(0).map(|m| (m - mean).powi(2)).sum::<f64>() / count;
        values[channel] = mean as f32;
        values[channels + channel] = (within + between) as f32;
    }
    Tensor::from_data(TensorData::new(values, [2, channels]), &device)
}
