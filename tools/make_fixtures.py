#!/usr/bin/env python3
"""Makes reference values in crates/pix2pix/tests/fixtures/: PyTorch's for a small pix2pix (oracle.safetensors) and Pillow's
for resizing (resize.safetensors).

Set-up:  python3 -m venv .venv && .venv/bin/pip install torch numpy pillow safetensors
Run:     .venv/bin/python tools/make_fixtures.py

The networks are the paper's (256x256 pixels, eight levels, 70x70 patches, no dropout) with 4 base
filters. The file holds their weights before and after one and two full training steps, an input, the
forward pass's output and logits, and, in its metadata, the losses of both steps. The names of tensors are
those of our checkpoints, so that the test needs no table of its own.
"""
import copy
import json
import pathlib

import numpy
import torch
from PIL import Image
from safetensors.torch import save_file

from torch_networks import Discriminator, Generator, Trainer, init

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "crates/pix2pix/tests/fixtures"
FILTERS = 4


def state(prefix, net):
    """A network's tensors under the names of our checkpoints."""
    named = {}
    for name, tensor in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        name = name.replace("norm.weight", "norm.gamma").replace("norm.bias", "norm.beta")
        named[f"{prefix}.{name}"] = tensor.clone().contiguous()
    return named


def resize():
    """A 40x24 piece of a real picture, enlarged and shrunk by Pillow's bicubic filter.

    Not noise, which overshoots 8 bits between the two passes: there the order of the passes would show.
    """
    tile = Image.open(FIXTURES.parent.parent / "data/earth/val/N30.3E084.5.jpg")
    picture = numpy.array(tile)[100:124, 60:100].copy()
    tensors = {"picture": torch.from_numpy(picture)}
    for width, height in ((57, 31), (17, 24)):
        resized = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
        tensors[f"{width}x{height}"] = torch.from_numpy(numpy.array(resized))
    save_file(tensors, FIXTURES / "resize.safetensors")


def oracle():
    torch.manual_seed(2)
    g, d = init(Generator(FILTERS, dropout=0)), init(Discriminator(FILTERS))
    trainer = Trainer(g, d)
    a8, b8 = (torch.randint(0, 256, (1, 3, 256, 256), dtype=torch.uint8) for _ in range(2))
    a, b = (t.float() / 127.5 - 1 for t in (a8, b8))

    tensors = {"source": a8, "target": b8} | state("0.generator", g) | state("0.discriminator", d)
    losses = []
    for step in (1, 2):
        if step == 1:
            # the statistics of these passes would count in the running ones: on copies
            with torch.no_grad():
                image = copy.deepcopy(g)(a)
                tensors |= {"image": image, "logits": copy.deepcopy(d)(a, b)}
        losses.append(trainer.step(a, b))
        tensors |= state(f"{step}.generator", g) | state(f"{step}.discriminator", d)
    save_file(tensors, FIXTURES / "oracle.safetensors", {"losses": json.dumps(losses), "torch": torch.__version__})


if __name__ == "__main__":
    FIXTURES.mkdir(parents=True, exist_ok=True)
    oracle()
    resize()
