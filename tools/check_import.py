#!/usr/bin/env python3
"""Checks at full size that imported weights give the same pictures as their own program: the PyTorch reference's U-Net, and
the Keras tutorial's generator. Prints the largest differences, for outputs from -1 to 1.

Set-up:  cargo build --release; python3 -m venv .venv && .venv/bin/pip install torch tensorflow tf_keras safetensors
Run:     .venv/bin/python tools/check_import.py     (reads the PyTorch network from ../shared/reference)
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT.parent / "shared/reference"))
import pix2pix_torch as port

PROGRAM = ROOT / "target/release/pix2pix"
SIDE = 256


def run(*arguments):
    subprocess.run([PROGRAM, *map(str, arguments)], check=True, capture_output=True)


def ours(folder, file, source):
    """The program's output for `source`, (height, width, 3) from -1 to 1, with weights from `file`."""
    model = folder / "model.safetensors"
    run("import", file, "--out", model, "--force")
    # as if it had been trained on floating-point pictures: nothing is rounded to 8 bits
    with safe_open(model, "numpy") as opened:
        metadata = opened.metadata()
    for name, value in metadata.items():
        if "config" in value:
            header = json.loads(value)
            for side in ("source", "target"):
                header["config"][side] |= {"depth": "f32", "range": [-1.0, 1.0]}
            metadata[name] = json.dumps(header)
    save_file(load_file(model), model, metadata)
    numpy.save(folder / "source.npy", source)
    run("translate", model, folder / "source.npy", "--out", folder / "out", "--dropout", "off")
    return numpy.load(folder / "out/source.npy")


def pytorch(folder, source):
    port.weights(str(folder))
    network = port.Unet(dropout=0.0)
    network.load_state_dict(torch.load(folder / "latest_net_G.pth", weights_only=True))
    with torch.no_grad():
        output = network.train()(torch.from_numpy(source).permute(2, 0, 1)[None])
    return folder / "latest_net_G.pth", output[0].permute(1, 2, 0).numpy()


def keras(folder, source):
    sys.path.insert(0, str(ROOT / "tools"))
    import keras as keras3
    from make_keras_fixtures import generator

    network = generator(keras3, 8, 64, dropout=0, training=True)
    network.save(folder / "model.h5")
    return folder / "model.h5", network(source[None]).numpy()[0]


if __name__ == "__main__":
    picture = numpy.random.default_rng(0).uniform(-1, 1, (SIDE, SIDE, 3)).astype(numpy.float32)
    for program in (pytorch, keras):
        with tempfile.TemporaryDirectory() as name:
            file, theirs = program(pathlib.Path(name), picture)
            worst = numpy.abs(ours(pathlib.Path(name), file, picture) - theirs).max()
        assert theirs.std() > 0.01, "the picture is flat"
        assert worst < 1e-4, f"{program.__name__}: a sample differs by {worst}"
        print(f"{program.__name__}: the largest difference is {worst:.1e}, of samples that spread by {theirs.std():.2f}")
