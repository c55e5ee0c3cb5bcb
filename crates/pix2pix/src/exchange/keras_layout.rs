//! Finds the generator of the Keras tutorial (Brownlee, "How to Develop a Pix2Pix GAN for Image-to-Image Translation")
//! in a Keras model: the paper's U-Net, with a bias in every convolution.

use pix2pix_runtime::network::unet::{LEAK, UnetConfig};
use pix2pix_runtime::network::{Norm, Upsample};
use pix2pix_runtime::picture::Size;
use serde_json::Value;

use crate::network::weights::{Array, Weights};
use crate::weights_file::keras_file::KerasLayer;

/// A result with the reason in words, if a model is not the tutorial's generator.
type Found<T> = std::result::Result<T, String>;

/// The tutorial's generator, as a model has it.
pub struct Tutorial {
    /// The network.
    pub unet: UnetConfig,
    /// Its tensors, by this crate's names.
    pub weights: Weights,
    /// The size of its pictures; `None` if it takes all.
    pub size: Option<Size>,
    /// Whether its norms take the averages of training when the model predicts.
    pub frozen: bool,
    /// Whether its dropout is off when the model predicts.
    pub still: bool,
}

/// Finds the U-Net in a model's layers, and renames its tensors to this crate's names.
///
/// # Errors
/// Names the first layer that the tutorial's generator does not have.
pub fn unet(layers: &[KerasLayer]) -> Found<Tutorial> {
    let mut walk = Walk::new(layers);
    let size = size(walk.take("InputLayer")?);
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
    let frozen = same(
        &walk.frozen,
        "norms that are called with training=True and others that are not",
    )?;
    let still = same(
        &walk.still,
        "dropouts that are called with training=True and others that are not",
    )?;
    let unet = UnetConfig {
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
    Ok(Tutorial {
        unet,
        weights: walk.weights,
        size,
        frozen: frozen.unwrap_or(false),
        still: still.unwrap_or(false),
    })
}

/// The size of the pictures that a model takes: `None` if it takes all.
fn size(input: &KerasLayer) -> Option<Size> {
    // of Keras 3 and 2: batch, height, width, channels
    let mut shapes = ["batch_shape", "batch_input_shape"]
        .into_iter()
        .filter_map(|key| input.config[key].as_array());
    let [_, height, width, _] = shapes.next()?.as_slice() else {
        return None;
    };
    let side = |side: &Value| u32::try_from(side.as_u64()?).ok();
    Some(Size([side(width)?, side(height)?]))
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
    /// For each norm: whether it takes the averages of training when the model predicts.
    frozen: Vec<bool>,
    /// For each dropout: whether it is off then.
    still: Vec<bool>,
    weights: Weights,
}

impl<'a> Walk<'a> {
    fn new(layers: &'a [KerasLayer]) -> Self {
        Self {
            rest: layers,
            last: "",
            epsilons: Vec::new(),
            frozen: Vec::new(),
            still: Vec::new(),
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
        let layer = self.joined("Concatenate", Some(skip))?;
        check_axis(layer)
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

    /// Takes the next layer, an activation of this function, or a layer of relu alone.
    fn activation(&mut self, function: &str) -> Found<()> {
        let of_its_own = function == "relu" && self.is("ReLU");
        let layer = self.take(if of_its_own { "ReLU" } else { "Activation" })?;
        let is_it = match of_its_own {
            true => is_relu(&layer.config),
            false => layer.config["activation"] == function,
        };
        match is_it {
            true => Ok(()),
            false => Err(format!("{} is not {function}", layer.name)),
        }
    }

    /// Takes a dropout layer if it comes next, and returns its rate; 0 if there is none.
    fn dropout(&mut self) -> Found<f64> {
        if !self.is("Dropout") {
            return Ok(0.0);
        }
        let layer = self.take("Dropout")?;
        let rate = layer.config["rate"].as_f64();
        let rate = rate.ok_or_else(|| format!("{} has no rate", layer.name))?;
        if rate > 0.0 {
            self.still.push(!layer.training);
        }
        Ok(rate)
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
        check_axis(layer)?;
        // one that is not trained takes its averages however it is called
        let is_trained = layer.config["trainable"] != false;
        self.frozen.push(!(layer.training && is_trained));
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

/// Whether a layer of the class ReLU has neither a limit, nor a slope below zero, nor another threshold.
fn is_relu(config: &Value) -> bool {
    let is_zero = |key: &str| config[key].is_null() || config[key].as_f64() == Some(0.0);
    config["max_value"].is_null() && is_zero("negative_slope") && is_zero("threshold")
}

/// Checks that a layer works along the channels, the last of its axes. Keras 2 writes the axis of a norm as a list.
fn check_axis(layer: &KerasLayer) -> Found<()> {
    let axis = &layer.config["axis"];
    let alone = match axis.as_array().map(Vec::as_slice) {
        Some([alone]) => alone,
        _ => axis,
    };
    match alone.as_i64() {
        Some(-1 | 3) => Ok(()),
        _ => Err(format!("the axis of {} is {axis}, expected -1", layer.name)),
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::weights_file::keras_file;

    /// What the model of a fixture is, or why it is refused, when its last layer of a class is changed.
    fn changed(class: &str, change: impl Fn(&mut KerasLayer)) -> Found<Tutorial> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keras/keras-3.keras");
        let mut layers = keras_file::read(&path, "").unwrap();
        let layer = layers.iter_mut().rfind(|layer| layer.class == class);
        change(layer.unwrap());
        unet(&layers)
    }

    #[test]
    fn a_layer_of_relu_is_the_activation() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keras/keras-3.keras");
        let with = |config: Value| {
            let mut layers = keras_file::read(&path, "").unwrap();
            for layer in &mut layers {
                if layer.config["activation"] == "relu" {
                    (layer.class, layer.config) = ("ReLU".to_string(), config.clone());
                }
            }
            unet(&layers).err()
        };
        // as Keras writes it
        let plain = json!({ "max_value": null, "negative_slope": 0.0, "threshold": 0.0 });
        assert_eq!(with(plain.clone()), None);
        for (key, value) in [
            ("max_value", 6.0),
            ("negative_slope", 0.1),
            ("threshold", 1.0),
        ] {
            let mut other = plain.clone();
            other[key] = json!(value);
            let told = with(other).unwrap();
            assert!(told.ends_with(" is not relu"), "{told}");
        }
    }

    #[test]
    fn layers_along_other_axes_are_refused() {
        for class in ["BatchNormalization", "Concatenate"] {
            let with = |axis: &Value| {
                let found = changed(class, |layer| layer.config["axis"] = axis.clone());
                found.err()
            };
            for axis in [json!(-1), json!(3), json!([3])] {
                assert_eq!(with(&axis), None);
            }
            for axis in [json!(1), json!([1, 3]), json!(null)] {
                let told = with(&axis).unwrap();
                assert!(told.starts_with("the axis of "), "{told}");
                assert!(
                    told.ends_with(&format!(" is {axis}, expected -1")),
                    "{told}"
                );
            }
        }
    }

    /// Keras ignores `training=True` in a norm that is not trained.
    #[test]
    fn layers_that_are_called_alike_are_told() {
        let untouched = changed("Concatenate", |_| ()).unwrap();
        assert_eq!((untouched.frozen, untouched.still), (false, false));
        let called = "that are called with training=True and others that are not";
        for (class, what) in [("BatchNormalization", "norms"), ("Dropout", "dropouts")] {
            let told = changed(class, |layer| layer.training = false).err();
            assert_eq!(told.unwrap(), format!("it has {what} {called}"));
        }
        let untrained = |layer: &mut KerasLayer| layer.config["trainable"] = false.into();
        let told = changed("BatchNormalization", untrained).err();
        assert_eq!(told.unwrap(), format!("it has norms {called}"));
        assert!(changed("Dropout", untrained).is_ok());
    }

    #[test]
    fn a_model_of_all_sizes_has_none() {
        let with = |shape: Value| {
            let found = changed("InputLayer", |layer| {
                layer.config["batch_shape"] = shape.clone();
            });
            found.unwrap().size
        };
        assert_eq!(with(json!([null, 128, 64, 3])), Some(Size([64, 128])));
        assert_eq!(with(json!([null, null, null, 3])), None);
        assert_eq!(with(json!(null)), None);
    }
}
