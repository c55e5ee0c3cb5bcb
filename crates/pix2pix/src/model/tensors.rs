//! The engine that runs a generator with Burn, on any of its devices.

use burn::tensor::{Device, Tensor, TensorData};
use pix2pix_runtime::engine::Engine;
use pix2pix_runtime::plan::{Core, Input, Statistics};

use crate::backend::device::{in_pool, is_card, placed};
use crate::backend::limits::MOST_VALUES;
#[cfg(feature = "_card")]
use crate::model::passes::Passes;
use crate::network::generator::Generator;
use crate::network::noise::Noise;
use crate::network::norm_statistics::Norms;

/// A generator whose layers are operations on tensors. Cards use it; the CPU has an engine without Burn.
pub struct Tensors {
    network: Generator,
    device: Device,
    #[cfg(feature = "_card")]
    passes: Option<Passes>,
}

impl Tensors {
    /// A generator whose weights are on `device`.
    pub fn new(network: Generator, device: Device) -> Self {
        Self {
            network,
            device,
            #[cfg(feature = "_card")]
            passes: None,
        }
    }

    /// The same, but a card records its passes over pictures of one size: for a generator that translates many, and whose
    /// weights nobody changes.
    pub fn replayed(self) -> Self {
        Self {
            #[cfg(feature = "_card")]
            passes: Some(Passes::new()),
            ..self
        }
    }

    /// A batch of one, `[1, channels, height, width]`.
    fn source(&self, source: &[f32], [height, width]: [usize; 2]) -> Tensor<4> {
        let shape = [1, source.len() / (height * width), height, width];
        placed(TensorData::new(source.to_vec(), shape), &self.device)
    }

    /// Translates a picture, normalized by its own statistics.
    fn translated(&self, input: &Input, size: [usize; 2]) -> Tensor<4> {
        let source = self.source(input.source, size);
        #[cfg(feature = "_card")]
        if let Some(passes) = &self.passes {
            return passes.run(&self.network, source, input.noise);
        }
        self.network.forward(source, &mut Noise::from(input.noise))
    }

    /// Runs `work` on a thread of the pool, and on a card in the order of the recorded passes.
    fn in_order<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        in_pool(|| {
            #[cfg(feature = "_card")]
            if let Some(passes) = &self.passes {
                return passes.in_order(work);
            }
            work()
        })
    }

    fn statistics(&self, statistics: &Statistics) -> Vec<Tensor<2>> {
        let tensor = |values: &Vec<f32>| {
            let shape = [2, values.len() / 2];
            placed(TensorData::new(values.clone(), shape), &self.device)
        };
        statistics.iter().map(tensor).collect()
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.into_data().convert::<f32>();
    data.try_into_vec().expect("converted to f32 above")
}

impl Engine for Tensors {
    fn run(
        &self,
        inputs: &[Input],
        size: [usize; 2],
        statistics: Option<&Statistics>,
    ) -> Vec<Vec<f32>> {
        self.in_order(|| {
            let given = statistics.map(|statistics| self.statistics(statistics));
            let run = |input: &Input| {
                let Some(given) = &given else {
                    return values(self.translated(input, size));
                };
                let output = self.network.forward_with(
                    self.source(input.source, size),
                    &mut Noise::from(input.noise),
                    &mut Norms::Given(given.iter()),
                );
                values(output.expect("these norms do not stop the pass early"))
            };
            inputs.iter().map(run).collect()
        })
    }

    fn measure(
        &self,
        input: Input,
        size: [usize; 2],
        known: &Statistics,
        core: &Core,
    ) -> (Vec<f32>, f64) {
        self.in_order(|| {
            let known = self.statistics(known);
            let mut found = None;
            let mut norms = Norms::Measure(known.iter(), core, &mut found);
            self.network.forward_with(
                self.source(input.source, size),
                &mut Noise::from(input.noise),
                &mut norms,
            );
            let (statistics, count) = found.expect("the pass stops at the next norm");
            (values(statistics), count)
        })
    }

    fn running_statistics(&self) -> Option<Vec<Vec<f32>>> {
        let known = self.network.running_statistics()?;
        Some(known.into_iter().map(values).collect())
    }

    fn norms(&self) -> usize {
        self.network.norms().len()
    }

    fn most_values(&self) -> Option<u64> {
        is_card(&self.device).then_some(MOST_VALUES)
    }
}

#[cfg(all(test, feature = "_card"))]
mod tests {
    use pix2pix_runtime::network::{GeneratorConfig, UnetConfig};
    use pix2pix_runtime::plan::Noise;

    use super::*;
    use crate::backend::card::tests::{card, random};
    use crate::network::init::Init;

    /// Pictures with and without replays, of two sizes, with several seeds and without dropout, from two threads.
    #[test]
    fn replayed_passes_are_the_same_passes() {
        let device = card();
        let config = GeneratorConfig::Unet(UnetConfig {
            filters: 2,
            depth: 5,
            ..UnetConfig::default()
        });
        let network = config.init(&device).unwrap();
        let plain = Tensors::new(network.clone(), device.clone());
        let replayed = Tensors::new(network, device).replayed();
        let is_recorded = || replayed.passes.as_ref().unwrap().is_recorded();
        let mut numbers = 0..;
        let mut outputs = Vec::new();
        let mut check = |side: usize, count: usize, dropout: bool| {
            for _ in 0..count {
                let source: Vec<f32> = random([3, side, side]).into_data().try_into_vec().unwrap();
                let number = numbers.next().unwrap();
                let noise = dropout.then_some(Noise {
                    seed: number % 3 + (5 << 32),
                    stream: number,
                });
                let input = Input {
                    source: &source,
                    noise,
                };
                let run = |engine: &Tensors| engine.run(&[input], [side; 2], None);
                let found = std::thread::scope(|scope| {
                    let elsewhere = scope.spawn(|| run(&replayed));
                    let expected = run(&plain);
                    let found = elsewhere.join().unwrap();
                    assert!(found == expected, "picture {number}");
                    found
                });
                outputs.push(found);
            }
        };
        check(32, 6, true);
        assert!(is_recorded());
        check(64, 1, true);
        assert!(!is_recorded());
        check(64, 4, true);
        assert!(is_recorded());
        check(64, 4, false);
        assert!(is_recorded());
        // every picture is another one
        outputs.sort_by(|a, b| a[0].partial_cmp(&b[0]).unwrap());
        outputs.dedup();
        assert_eq!(outputs.len(), 15);
    }
}
