//! A pool (history) of generated pictures, which sometimes shows the discriminator an older picture (Shrivastava et
//! al. 2017, section 2.3).

use burn::tensor::{Device, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};
use crate::network::weights::{self, Weights};
use crate::weights_file::tensor_file::TensorValues;

/// Sources and the pictures generated from them, `[1, channels, height, width]` each.
pub struct ImagePool {
    capacity: usize,
    pairs: Vec<[Tensor<4>; 2]>,
}

impl ImagePool {
    /// An empty pool. With capacity 0, it always returns its input.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            pairs: Vec::new(),
        }
    }

    /// Takes a generated batch and returns one of the same size. Until the pool is full, this is the same batch.
    /// Later, with a chance of one half for each picture, the pool keeps the picture and returns an older one in its
    /// place.
    pub fn exchange(
        &mut self,
        source: Tensor<4>,
        image: Tensor<4>,
        rng: &mut ChaCha8Rng,
    ) -> [Tensor<4>; 2] {
        if self.capacity == 0 {
            return [source, image];
        }
        let given = (0..source.dims()[0]).map(|index| {
            let pair = [&source, &image].map(|batch| batch.clone().narrow(0, index, 1));
            if self.pairs.len() < self.capacity {
                self.pairs.push(pair.clone());
                return pair;
            }
            if rng.random_bool(0.5) {
                return pair;
            }
            let place = rng.random_range(0..self.pairs.len());
            std::mem::replace(&mut self.pairs[place], pair)
        });
        let (sources, images) = given.map(|[source, image]| (source, image)).unzip();
        [Tensor::cat(sources, 0), Tensor::cat(images, 0)]
    }

    /// The pictures in the pool, for a checkpoint.
    pub fn state(&self) -> Vec<(String, TensorValues<'_>)> {
        let pairs = self.pairs.iter().enumerate();
        pairs
            .flat_map(|(index, [source, image])| {
                let value = |batch: &Tensor<4>| TensorValues::from(weights::array(batch.to_data()));
                [
                    (format!("{index:04}.source"), value(source)),
                    (format!("{index:04}.image"), value(image)),
                ]
            })
            .collect()
    }

    /// A pool with the pictures of a checkpoint.
    ///
    /// # Errors
    /// When they are not those of a pool.
    pub fn resume(capacity: usize, mut saved: Weights, device: &Device) -> Result<Self> {
        let mut pairs = Vec::new();
        for index in 0..capacity {
            let mut take = |part: &str| saved.remove(&format!("{index:04}.{part}"));
            let (Some(source), Some(image)) = (take("source"), take("image")) else {
                break;
            };
            let tensor = |array| Tensor::from_data(weights::data(array), device);
            pairs.push([tensor(source), tensor(image)]);
        }
        match saved.keys().next() {
            Some(name) => Err(Error::Data(format!(
                "the tensor {name} does not belong to a pool"
            ))),
            None => Ok(Self { capacity, pairs }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn older_pictures_come_back() {
        let device = Device::flex();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut pool = ImagePool::new(3);
        let picture = |value: f32| Tensor::<4>::full([1, 1, 1, 1], value, &device);
        let mut older = 0;
        for index in 0..200 {
            let value = index as f32;
            let [source, image] = pool.exchange(picture(value), picture(-value), &mut rng);
            let (source, image): (f32, f32) = (source.into_scalar(), image.into_scalar());
            // source and picture stay together
            assert_eq!(source, -image);
            assert!(source <= value);
            assert!(index >= 3 || source == value, "the pool was not full");
            older += u32::from(source < value);
        }
        // one half, within four standard deviations
        assert!((70..=127).contains(&older), "{older}");
        assert_eq!(pool.state().len(), 6);
    }
}
