//! The weights that a run begins from, if it does not begin from random ones.

use serde::{Deserialize, Serialize};

use crate::choice::choices;

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
    /// The layers that shrink the picture.
    Encoder,
}

choices!(Freeze, "part of the generator",
    Nothing: "nothing", "Train all weights";
    Encoder: "encoder", "Keep the weights of the layers that shrink the picture";
);
