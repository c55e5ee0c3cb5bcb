//! Passes of a generator over pictures of one size, which a card records and replays: launching a hundred kernels takes longer
//! than the card needs for a picture.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use burn::cubecl::client::Client;
use burn::tensor::{Int, Tensor};
use pix2pix_runtime::plan;

use crate::backend::card::{self, Lane, Repeated};
use crate::network::generator::Generator;
use crate::network::noise::Noise;

/// Recorded passes of one generator.
pub struct Passes {
    lane: Lane,
    replay: Mutex<card::Replay<Inputs, Tensor<4>>>,
}

/// Passes of all generators take turns: while one is recorded, nothing else may ask the card for memory.
static TURN: Mutex<()> = Mutex::new(());

impl Passes {
    /// None yet.
    pub fn new() -> Self {
        Self {
            lane: Lane::new(),
            replay: Mutex::default(),
        }
    }

    #[cfg(test)]
    pub fn is_recorded(&self) -> bool {
        let replay = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(*replay, card::Replay::Recorded(..))
    }

    /// Does work on the card in the order of the passes.
    pub fn in_order<T>(&self, work: impl FnOnce() -> T) -> T {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        self.lane.run(work)
    }

    /// Translates a picture, `[1, channels, height, width]`, normalized by its own statistics. The next pass may overwrite the
    /// result. To be called [in order](Self::in_order).
    pub fn run(
        &self,
        network: &Generator,
        source: Tensor<4>,
        noise: Option<plan::Noise>,
    ) -> Tensor<4> {
        let mut replay = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(output) = replay.run(&mut Pass {
            network,
            source,
            noise,
        });
        output
    }
}

/// What a recorded pass reads from the card's memory.
struct Inputs {
    source: Tensor<4>,
    /// The seed and the number of the dropout; `None` without.
    sequence: Option<Tensor<1, Int>>,
}

/// A pass over one picture.
struct Pass<'a> {
    network: &'a Generator,
    source: Tensor<4>,
    noise: Option<plan::Noise>,
}

// SAFETY: the weights stay with the generator that owns the recording, nobody changes them, and all passes and what reads
// their output are in the order of its lane.
unsafe impl Repeated for Pass<'_> {
    type Inputs = Inputs;
    type Output = Tensor<4>;
    type Failure = Infallible;

    fn card(&self) -> Client {
        card::client(&self.source)
    }

    fn inputs(&self) -> Inputs {
        let device = self.source.device();
        Inputs {
            source: card::own_copy(self.source.clone()),
            sequence: self.noise.map(|_| Tensor::zeros([4], &device)),
        }
    }

    fn fits(&self, inputs: &Inputs) -> bool {
        self.source.dims() == inputs.source.dims()
            && self.noise.is_some() == inputs.sequence.is_some()
    }

    fn fill(&self, inputs: &Inputs) {
        card::overwrite(&inputs.source, self.source.clone());
        if let (Some(noise), Some(sequence)) = (self.noise, &inputs.sequence) {
            card::write_words(sequence, [noise.seed, noise.stream]);
        }
    }

    fn work(&mut self, inputs: Option<&Inputs>) -> Result<Tensor<4>, Infallible> {
        let source = inputs.map_or(&self.source, |inputs| &inputs.source);
        let noise = Noise::from(self.noise);
        let mut noise = noise.of_card(inputs.and_then(|inputs| inputs.sequence.clone()));
        Ok(self.network.forward(source.clone(), &mut noise))
    }

    fn is_in_place(&self) -> bool {
        true // it changes nothing
    }

    fn recorded(&mut self, _ran: bool) {}
}
