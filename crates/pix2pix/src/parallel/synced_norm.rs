//! Batch normalization with the statistics of a whole batch that is spread over a group.

use burn::tensor::{Tensor, TensorData};

use super::{Communicator, gathered};

/// Means and biased variances of each part of the group's batch, `[2 * parts, channels]`, from those of its shares, which
/// have equal sizes (Chan, Golub and LeVeque 1979, equation 2.1).
pub fn combined(group: &dyn Communicator, own: Tensor<2>) -> Tensor<2> {
    let [rows, channels] = own.dims();
    let device = own.device();
    let own = own.into_data().convert::<f32>();
    let all = gathered(group, own.as_slice().expect("converted"));
    let count = all.len() as f64;
    let mut values = vec![0.0; rows * channels];
    for at in (0..values.len()).filter(|at| at / channels % 2 == 0) {
        let each = |at: usize| all.iter().map(move |own| f64::from(own[at]));
        let mean = each(at).sum::<f64>() / count;
        let within = each(at + channels).sum::<f64>() / count;
        let between = each(at).map(|m| (m - mean).powi(2)).sum::<f64>() / count;
        values[at] = mean as f32;
        values[at + channels] = (within + between) as f32;
    }
    Tensor::from_data(TensorData::new(values, [rows, channels]), &device)
}
