#!/usr/bin/env python3
"""Checks in PyTorch that the public port loads the files of `pix2pix export`: every name, every shape, and the same pictures.

Set-up:  cargo build --release; python3 -m venv .venv && .venv/bin/pip install torch numpy pillow safetensors
Run:     .venv/bin/python tools/check_export.py     (reads the port's layout from ../shared/reference)
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch
from PIL import Image
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT.parent / "shared/reference"))
import pix2pix_torch as port

PROGRAM = ROOT / "target/release/pix2pix"
EARTH = ROOT / "crates/pix2pix/data/earth"


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        run = lambda *arguments: subprocess.run([PROGRAM, *map(str, arguments)], check=True, capture_output=True)
        small = "--filters 8 --steps 30 --quiet".split()
        run("train", EARTH, "--out", folder / "run", *small)
        g, d = folder / "latest_net_G.pth", folder / "latest_net_D.pth"
        run("export", folder / "run", "--out", g, "--discriminator", d)
        run("export", folder / "run", "--out", folder / "g.safetensors", "--format", "safetensors")
        pair = sorted((EARTH / "val").iterdir())[0]
        run("translate", folder / "run", pair, "--out", folder / "ours", "--dropout", "off", "--pairs", "yes")
        ours = numpy.asarray(Image.open(next((folder / "ours").iterdir()))).astype(float)
        source = torch.from_numpy(numpy.array(Image.open(pair))[:, :256]).permute(2, 0, 1)[None].float() / 127.5 - 1
        judge = port.PatchGan(ndf=8)
        judge.load_state_dict(torch.load(d, weights_only=True), strict=True)
        for state in (torch.load(g, weights_only=True), load_file(folder / "g.safetensors")):
            network = port.Unet(ngf=8, dropout=0.0)
            network.load_state_dict(state, strict=True)
            with torch.no_grad():
                output = network.train()(source)
            theirs = ((output[0].permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).numpy()
            worst = numpy.abs(ours - theirs).max()
            assert worst <= 1, f"a pixel differs by {worst}"
            assert theirs.std() > 5, "the picture is flat"
            print(f"PyTorch loads it strictly; largest difference of an 8-bit sample: {worst:.0f}")


if __name__ == "__main__":
    main()
