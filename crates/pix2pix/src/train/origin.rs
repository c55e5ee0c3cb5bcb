//! The weights that a run begins from, if it does not begin from random ones.

use pix2pix_runtime::network::GeneratorConfig;
use serde::{Deserialize, Serialize};

use crate::choice::choices;
use crate::error::{Error, Result};
use crate::network::generator::Generator;

/// The model that a run begins from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The model's file.
    pub model: String,
    /// SHA-256 of that file.
    pub sha256: String,
    /// What happens to layers whose channels are not those of the data.
    pub channels: FromChannels,
}

/// What happens to the layers of a model whose channels are not those of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FromChannels {
    /// They are refused.
    #[default]
    Same,
    /// They begin with random weights.
    New,
}

choices!(FromChannels, "treatment of other channels",
    Same: "same", "Refuse a model of other channels";
    New: "new", "Begin the first and last layers with random weights where their channels differ";
);

/// The part of the generator whose weights stay as they began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Freeze {
    /// None.
    #[default]
    Nothing,
    /// The layers that shrink the picture, of a U-Net or a ResNet.
    Encoder,
    /// The ResNet inside a coarse-to-fine generator.
    Coarse,
}

choices!(Freeze, "part of the generator",
    Nothing: "nothing", "Train all weights";
    Encoder: "encoder", "Keep the weights of the layers that shrink the picture";
    Coarse: "coarse", "Keep the weights of the coarse network inside an hd generator";
);

impl Freeze {
    /// Checks that a generator has this part.
    ///
    /// # Errors
    /// Names the part that it has.
    pub fn check(self, generator: &GeneratorConfig) -> Result<()> {
        let is_hd = matches!(generator, GeneratorConfig::Hd(_));
        let reason = match (self, is_hd) {
            (Self::Encoder, true) => {
                "`freeze` encoder is for other generators; that of a coarse-to-fine one is `freeze` coarse"
            }
            (Self::Coarse, false) => {
                "`freeze` coarse is for coarse-to-fine generators; that of others is `freeze` encoder"
            }
            _ => return Ok(()),
        };
        Err(Error::Config(reason.to_string()))
    }

    /// The same generator, in which this part no longer learns.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub(crate) fn in_generator(self, generator: Generator) -> Result<Generator> {
        self.check(&generator.config())?;
        Ok(match (self, generator) {
            (Self::Encoder, Generator::Unet(network)) => network.with_frozen_encoder().into(),
            (Self::Encoder, Generator::Resnet(network)) => network.with_frozen_encoder().into(),
            (Self::Coarse, Generator::Hd(network)) => network.with_frozen_coarse().into(),
            (_, generator) => generator,
        })
    }
}
