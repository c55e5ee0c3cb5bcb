//! Finds the generator of the Keras tutorial (Brownlee, "How to Develop a Pix2Pix GAN for Image-to-Image Translation")
//! in a Keras model: the paper's U-Net, with a bias in every convolution.

use pix2pix_runtime::network::unet::{LEAK, UnetConfig};
use pix2pix_runtime::network::{Norm, Upsample};

use crate::network::weights::{Array, Weights};
use crate::weights_file::keras_file::KerasLayer;

/// A result with the reason in words, if a model is not the tutorial's generator.
type Found<T> = std::result::Result<T, String>;

/// Finds the U-Net in a model's layers, and renames its tensors to this crate's names.
///
/// # Errors
/// Names the first layer that the tutorial's generator does not have.
pub fn unet(layers: &[KerasLayer]) -> Found<(UnetConfig, Weights)> {
    let mut walk = Walk::new(layers);
    walk.take("InputLayer")?;
    let mut skips = Vec::new();
    // for each place where the U-Net has a norm: whether the model has one there
    let mut normalized = Vec::new();
    let depth = loop {
        let level = skips.len();
        walk.convolution("Conv2D", &format!("encoder.{level}.conv"))?;
        let norm = walk.norm(&format!("encoder.{level}.norm"))?;
        let innermost = !walk.is("LeakyReLU");
        if norm && (level == 0 || innermost) {
            return Err(format!(
                "{} normalizes the first or the innermost level, which the U-Net does not",
                walk.last
            ));
        }
        if innermost {
            walk.activation("relu")?;
            break level + 1;
        }
        skips.push(walk.leaky_relu()?);
        if level > 0 {
            normalized.push(norm);
        }
    };
    let mut rates = Vec::new();
    while let Some(skip) = skips.pop() {
        let block = rates.len();
        walk.convolution("Conv2DTranspose", &format!("decoder.{block}.conv"))?;
        normalized.push(walk.norm(&format!("decoder.{block}.norm"))?);
        rates.push(walk.dropout()?);
        walk.concatenate(skip)?;
        walk.activation("relu")?;
    }
    walk.convolution("Conv2DTranspose", "output")?;
    walk.activation("tanh")?;
    if let Some(layer) = walk.rest.first() {
        return Err(format!("{} follows the tanh", layer.name));
    }
    let (dropout, dropout_blocks) = dropout(&rates)?;
    let shape = |name: &str| walk.weights[name].shape.clone();
    let config = UnetConfig {
        in_channels: shape("encoder.0.conv.weight")[1],
        out_channels: shape("output.weight")[1],
        filters: shape("encoder.0.conv.weight")[0],
        depth,
        dropout,
        dropout_blocks,
        norm: match same(&normalized, "norms on some levels only")? {
            Some(true) => Norm::Batch,
            Some(false) | None => Norm::None,
        },
        bias_before_norm: walk.weights.contains_key("encoder.0.conv.bias"),
        upsample: Upsample::Transposed,
        input_skip: false,
        epsilon: same(&walk.epsilons, "norms with different epsilons")?
            .unwrap_or(UnetConfig::default().epsilon),
    };
    Ok((config, walk.weights))
}

/// The common value of all, or `None` if there are no values.
fn same<T: PartialEq + Copy>(values: &[T], otherwise: &str) -> Found<Option<T>> {
    match values.iter().find(|value| **value != values[0]) {
        Some(_) => Err(format!("it has {otherwise}")),
        None => Ok(values.first().copied()),
    }
}

/// Computes the dropout rate, and the half-open range of blocks that have dropout, from the rate of each block.
fn dropout(rates: &[f64]) -> Found<(f64, [usize; 2])> {
    let blocks = || (0..rates.len()).filter(|&block| rates[block] > 0.0);
    let Some(first) = blocks().next() else {
        return Ok((0.0, [0, 0]));
    };
    let end = blocks().next_back().expect("there is one") + 1;
    let rate = same(
        &rates[first..end],
        "different dropout rates, or a gap between blocks with dropout",
    )?;
    Ok((rate.expect("there is one"), [first, end]))
}

/// A walk along the layers. Each layer must read the output of the layer before it.
struct Walk<'a> {
    rest: &'a [KerasLayer],
    last: &'a str,
    epsilons: Vec<f64>,
    weights: Weights,
}

impl<'a> Walk<'a> {
    fn new(layers: &'a [KerasLayer]) -> Self {
        Self {
            rest: layers,
            last: "",
            epsilons: Vec::new(),
            weights: Weights::new(),
        }
    }

    /// Whether the next layer has this class.
    fn is(&self, class: &str) -> bool {
        self.rest.first().is_some_and(|next| next.class == class)
    }

    /// Takes the next layer. It must have this class, and read the output of the last layer and of `also`.
    fn joined(&mut self, class: &str, also: Option<&str>) -> Found<&'a KerasLayer> {
        let Some((next, rest)) = self.rest.split_first() else {
            return Err(format!("it ends, expected a {class}"));
        };
        if next.class != class {
            let (name, found) = (&next.name, &next.class);
            return Err(format!("{name} is a {found}, expected a {class}"));
        }
        let expected: Vec<&str> = match self.last {
            "" => Vec::new(),
            last => std::iter::once(last).chain(also).collect(),
        };
        if next.inputs != expected {
            return Err(format!(
                "{} reads {}, expected {}",
                next.name,
                next.inputs.join(" and "),
                expected.join(" and ")
            ));
        }
        (self.rest, self.last) = (rest, &next.name);
        Ok(next)
    }

    fn take(&mut self, class: &str) -> Found<&'a KerasLayer> {
        self.joined(class, None)
    }

    fn concatenate(&mut self, skip: &str) -> Found<()> {
        self.joined("Concatenate", Some(skip)).map(|_| ())
    }

    /// Takes the next layer, a LeakyReLU, and returns its name.
    fn leaky_relu(&mut self) -> Found<&'a str> {
        let layer = self.take("LeakyReLU")?;
        let slopes = ["alpha", "negative_slope"].map(|key| layer.config[key].as_f64());
        match slopes.into_iter().flatten().next() {
            Some(slope) if (slope - LEAK).abs() < 1e-6 => Ok(&layer.name),
            _ => Err(format!("the slope of {} is not {LEAK}", layer.name)),
        }
    }

    fn activation(&mut self, function: &str) -> Found<()> {
        let layer = self.take("Activation")?;
        if layer.config["activation"] == function {
            return Ok(());
        }
        Err(format!("{} is not {function}", layer.name))
    }

    /// Takes a dropout layer if it comes next, and returns its rate; 0 if there is none.
    fn dropout(&mut self) -> Found<f64> {
        if !self.is("Dropout") {
            return Ok(0.0);
        }
        let layer = self.take("Dropout")?;
        let rate = layer.config["rate"].as_f64();
        rate.ok_or_else(|| format!("{} has no rate", layer.name))
    }

    /// Takes the next layer, a 4x4 convolution of stride 2.
    fn convolution(&mut self, class: &str, ours: &str) -> Found<()> {
        let layer = self.take(class)?;
        for (key, expected) in [
            ("kernel_size", serde_json::json!([4, 4])),
            ("strides", serde_json::json!([2, 2])),
            ("padding", "same".into()),
            ("data_format", "channels_last".into()),
            ("dilation_rate", serde_json::json!([1, 1])),
            ("activation", "linear".into()),
        ] {
            if layer.config[key] != expected {
                let (name, found) = (&layer.name, &layer.config[key]);
                return Err(format!(
                    "the {key} of {name} is {found}, expected {expected}"
                ));
            }
        }
        let (kernel, bias) = match layer.weights.as_slice() {
            [kernel] => (kernel, None),
            [kernel, bias] => (kernel, Some(bias)),
            found => return Err(format!("{} has {} tensors", layer.name, found.len())),
        };
        let kernel =
            transposed(kernel).ok_or_else(|| format!("the kernel of {} is not 4x4", layer.name))?;
        self.weights.insert(format!("{ours}.weight"), kernel);
        if let Some(bias) = bias {
            self.weights.insert(format!("{ours}.bias"), bias.clone());
        }
        Ok(())
    }

    /// Takes a batch normalization if it comes next; returns whether there is one.
    fn norm(&mut self, ours: &str) -> Found<bool> {
        if !self.is("BatchNormalization") {
            return Ok(false);
        }
        let layer = self.take("BatchNormalization")?;
        let epsilon = layer.config["epsilon"].as_f64();
        self.epsilons
            .push(epsilon.ok_or_else(|| format!("{} has no epsilon", layer.name))?);
        let parts = ["gamma", "beta", "running_mean", "running_var"];
        if layer.weights.len() != parts.len() {
            let (name, count) = (&layer.name, layer.weights.len());
            return Err(format!("{name} has {count} tensors, expected 4"));
        }
        for (part, values) in parts.into_iter().zip(&layer.weights) {
            self.weights
                .insert(format!("{ours}.{part}"), values.clone());
        }
        Ok(true)
    }
}

/// Transposes a kernel from `[height, width, a, b]` (Keras) to `[b, a, height, width]` (PyTorch); the same for
/// convolutions and transposed convolutions.
fn transposed(kernel: &Array) -> Option<Array> {
    let &[height, width, a, b] = kernel.shape.as_slice() else {
        return None;
    };
    if [height, width] != [4, 4] {
        return None;
    }
    let values = &kernel.values;
    let pixels = height * width;
    let mut moved = vec![0.0; values.len()];
    for (at, &value) in values.iter().enumerate() {
        let (pixel, from, to) = (at / (a * b), at / b % a, at % b);
        moved[(to * a + from) * pixels + pixel] = value;
    }
    Some(Array::new(&[b, a, height, width], moved))
}
