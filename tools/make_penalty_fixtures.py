#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/penalties.safetensors: JAX's gradients of gradient penalties, in 64 bits, for small
discriminators whose pictures are judged alone (instance norm) and together (batch norm).

Set-up:  python3 -m venv .venv && .venv/bin/pip install jax numpy safetensors
Run:     .venv/bin/python tools/make_penalty_fixtures.py

Of each discriminator NAME: its weights under our names (NAME.weights.*), and the gradients by the weights of its convolutions
(NAME.r1.*, NAME.wgan-gp.*) of `10/2 E |d(sum of the map)/dimage|^2` and of `10 E (|d(mean of the map)/dimage| - 1)^2`, at
`source` and `image`.
"""
import pathlib

import jax
import numpy as np
from jax import numpy as jnp
from safetensors.numpy import save_file

jax.config.update("jax_enable_x64", True)
FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "crates/pix2pix/tests/fixtures"
FILTERS = 4
CONVOLUTIONS = ["blocks.0.conv.weight", "blocks.1.conv.weight", "output.weight"]


def conv(x, weight, stride, bias=0.0):
    layout = ("NCHW", "OIHW", "NCHW")
    return jax.lax.conv_general_dilated(x, weight, (stride, stride), [(1, 1)] * 2, dimension_numbers=layout) + bias


def leaky(x):
    return jnp.where(x > 0, x, 0.2 * x)


def patch_gan(weights, source, image):
    """Of 16x16 pixels. With gamma and beta, its norm is batch normalization, or else instance normalization."""
    channels = lambda name: weights[name][:, None, None]
    x = jnp.concatenate([source, image], 1)
    x = leaky(conv(x, weights["blocks.0.conv.weight"], 2, channels("blocks.0.conv.bias")))
    x = conv(x, weights["blocks.1.conv.weight"], 1)
    is_batch = "blocks.1.norm.gamma" in weights
    over = (0, 2, 3) if is_batch else (2, 3)
    x = x - x.mean(over, keepdims=True)
    x = x / jnp.sqrt((x**2).mean(over, keepdims=True) + 1e-5)
    if is_batch:
        x = x * channels("blocks.1.norm.gamma") + channels("blocks.1.norm.beta")
    return conv(leaky(x), weights["output.weight"], 1, channels("output.bias"))


def lengths(weights, source, image, value):
    """Of the gradient by each picture of the values of all pictures' maps."""
    total = lambda image: value(patch_gan(weights, source, image), (1, 2, 3)).sum()
    return jnp.sqrt((jax.grad(total)(image) ** 2).sum((1, 2, 3)))


def random_weights(draw, is_batch):
    shapes = {
        "blocks.0.conv.weight": (FILTERS, 6, 4, 4),
        "blocks.0.conv.bias": (FILTERS,),
        "blocks.1.conv.weight": (2 * FILTERS, FILTERS, 4, 4),
        "output.weight": (1, 2 * FILTERS, 4, 4),
        "output.bias": (1,),
    }
    weights = {name: draw.normal(0.0, 0.2, shape) for name, shape in shapes.items()}
    if is_batch:
        weights["blocks.1.norm.gamma"] = draw.uniform(0.5, 1.5, 2 * FILTERS)
        weights["blocks.1.norm.beta"] = draw.normal(0.0, 0.2, 2 * FILTERS)
    return weights


if __name__ == "__main__":
    draw = np.random.default_rng(0)
    # the second picture is flatter: its gradient has another length
    contrast = np.array([1.0, 0.1])[:, None, None, None]
    pair = [(draw.uniform(-1, 1, (2, 3, 32, 32)) * contrast).astype(np.float32) for _ in range(2)]
    tensors = dict(zip(["source", "image"], pair))
    source, image = [side.astype(np.float64) for side in pair]
    for name in ["instance", "batch"]:
        weights = random_weights(draw, name == "batch")
        # slopes around 1, where the penalty of WGAN-GP pushes one picture's up and the other's down
        found = lengths(weights, source, image, jnp.mean)
        weights["output.weight"] = weights["output.weight"] / np.sqrt(found[0] * found[1])
        weights = {key: np.asarray(value, np.float32) for key, value in weights.items()}
        tensors.update({f"{name}.weights.{key}": value for key, value in weights.items()})
        if name == "batch":
            tensors[f"{name}.weights.blocks.1.norm.running_mean"] = np.zeros(2 * FILTERS, np.float32)
            tensors[f"{name}.weights.blocks.1.norm.running_var"] = np.ones(2 * FILTERS, np.float32)
        weights = {key: value.astype(np.float64) for key, value in weights.items()}
        penalties = {
            "r1": lambda weights: 5 * (lengths(weights, source, image, jnp.sum) ** 2).mean(),
            "wgan-gp": lambda weights: 10 * ((lengths(weights, source, image, jnp.mean) - 1) ** 2).mean(),
        }
        for kind, penalty in penalties.items():
            gradients = jax.grad(penalty)(weights)
            for key in CONVOLUTIONS:
                tensors[f"{name}.{kind}.{key}"] = np.asarray(gradients[key], np.float32)
    save_file(tensors, FIXTURES / "penalties.safetensors")
    (FIXTURES / "penalties.safetensors").chmod(0o644)
