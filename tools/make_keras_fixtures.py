#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/keras/: the Keras tutorial's generator, small, as Keras 2 and Keras 3 save it,
and Keras' output for a picture, every fourth pixel; the same without training=True, for pictures that are not square, and
Keras' prediction, every pixel; one of 16 bits, with its activations as layers of their own, and the output of its weights in
32 bits.

Set-up:  python3 -m venv .venv && .venv/bin/pip install tensorflow tf_keras numpy safetensors
Run:     .venv/bin/python tools/make_keras_fixtures.py
"""
import pathlib

import keras as keras3
import numpy as np
import tf_keras as keras2
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "crates/pix2pix/tests/fixtures/keras"


def generator(keras, depth, filters, dropout=0.5, shape=None, relu=None, **call):
    """The tutorial's define_generator, with fewer levels and filters; `call` is how its norms and dropouts are called, and `relu`
    makes another layer than Activation("relu")."""
    layers = keras.layers
    relu = relu or (lambda: layers.Activation("relu"))
    convolution = dict(strides=(2, 2), padding="same")
    source = keras.Input(shape=shape or (2**depth, 2**depth, 3))
    x, skips = source, []
    for level in range(depth - 1):
        x = layers.Conv2D(filters * 2 ** min(level, 3), (4, 4), **convolution)(x)
        if level:
            x = layers.BatchNormalization()(x, **call)
        x = layers.LeakyReLU(0.2)(x)
        skips.append(x)
    x = layers.Conv2D(filters * 2 ** min(depth - 1, 3), (4, 4), **convolution)(x)
    x = relu()(x)
    for block, level in enumerate(reversed(range(depth - 1))):
        x = layers.Conv2DTranspose(filters * 2 ** min(level, 3), (4, 4), **convolution)(x)
        x = layers.BatchNormalization()(x, **call)
        if block < 3 and dropout:
            x = layers.Dropout(dropout)(x, **call)
        x = layers.Concatenate()([x, skips[level]])
        x = relu()(x)
    x = layers.Conv2DTranspose(3, (4, 4), **convolution)(x)
    return keras.Model(source, layers.Activation("tanh")(x))


def wave(height, width):
    """The test's picture, channels last; it is no file, so that the fixtures stay small."""
    values = np.sin(np.arange(3 * height * width, dtype=np.float64) * 0.37).astype(np.float32)
    return values.reshape(1, 3, height, width).transpose(0, 2, 3, 1)


def channels_first(output):
    return np.ascontiguousarray(np.asarray(output).transpose(0, 3, 1, 2))


def drawn(model, numbers):
    """The model with other weights than those of an untrained one, which normalize to nearly nothing."""
    spread = lambda values: numbers.normal(0, 0.1, values.shape) if values.ndim > 1 else numbers.uniform(0.5, 1.5, values.shape)
    model.set_weights([spread(values) for values in model.get_weights()])
    return model


def half(outputs):
    """A model whose weights have 16 bits. Its arithmetic is that of 32 bits here, as this program's is."""
    kind = dict(dropout=0, shape=(16, 32, 3), relu=keras3.layers.ReLU, training=True)
    keras3.config.set_dtype_policy("float16")
    model = drawn(generator(keras3, 3, 1, **kind), np.random.default_rng(1))
    keras3.config.set_dtype_policy("float32")
    model.save(FOLDER / "keras-3-half.keras")
    wide = generator(keras3, 3, 1, **kind)
    wide.set_weights(model.get_weights())
    outputs["keras-3-half.keras"] = channels_first(wide(wave(16, 32)))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    numbers = np.random.default_rng(0)
    outputs = {}
    for name, keras, ending, depth in [
        ("keras-2", keras2, "h5", 8),
        ("keras-3", keras3, "h5", 6),
        ("keras-3", keras3, "keras", 6),
        ("keras-2", keras2, "keras", 6),
    ]:
        model = drawn(generator(keras, depth, 1, training=True), numbers)
        model.save(FOLDER / f"{name}.{ending}")
        # as trained, but without dropout: the output is then a function of the input
        still = generator(keras, depth, 1, dropout=0, training=True)
        still.set_weights(model.get_weights())
        output = channels_first(still(wave(2**depth, 2**depth)))
        outputs[f"{name}.{ending}"] = np.ascontiguousarray(output[:, :, ::4, ::4])
    for ending in ["h5", "keras"]:
        # Keras' own averages and no dropout, as in the evaluation mode of other programs
        model = drawn(generator(keras3, 3, 1, shape=(16, 32, 3)), numbers)
        model.save(FOLDER / f"keras-3-predicting.{ending}")
        outputs[f"keras-3-predicting.{ending}"] = channels_first(model.predict(wave(16, 32)))
    half(outputs)
    save_file(outputs, FOLDER / "outputs.safetensors")
    weights = generator(keras3, 2, 1, training=True)
    weights.save_weights(FOLDER / "weights-only.weights.h5")
    # another model
    source = keras3.Input(shape=(64, 64, 3))
    keras3.Model(source, keras3.layers.Dense(3)(source)).save(FOLDER / "another.keras")
