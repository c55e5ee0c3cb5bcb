#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/pyramid.safetensors and shifts.json: reference values for pairs that are not aligned
to the pixel.

Set-up:  python3 -m venv .venv && .venv/bin/pip install torch kornia safetensors numpy pillow scikit-image
Run:     .venv/bin/python tools/make_alignment_fixtures.py

pyramid.safetensors: the multi-scale L1 of pyramid pix2pix (Liu et al. 2022) by the calls of the authors' code
(bupt-ai-cz/BCI, PyramidPix2pix/models/pix2pix_model.py: four of kornia's gaussian_blur2d, then blur_pool2d with one tap),
with PyTorch's L1 and gradients, for two pictures with odd and even sides.

shifts.json: the shifts of the first training pairs of the earth data, B moved by a known number of pixels, by scikit-image's
phase_cross_correlation of edges that NumPy computes; and those of one picture that is moved by halves of a pixel.
"""
import json
import pathlib

import kornia
import numpy
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage.registration import phase_cross_correlation

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "crates/pix2pix/tests/fixtures"
EARTH = ROOT / "crates/pix2pix/data/earth/train"
LEVELS, WEIGHT = 3, 25.0
PAIRS, MARGIN = 8, 12


def halved(x):
    for _ in range(4):
        x = kornia.filters.gaussian_blur2d(x, (3, 3), (1, 1))
    return kornia.filters.blur_pool2d(x, 1, stride=2)


def pyramid():
    torch.manual_seed(0)
    image = (torch.rand(2, 3, 21, 18, dtype=torch.float64) * 2 - 1).requires_grad_(True)
    target = torch.rand(2, 3, 21, 18, dtype=torch.float64) * 2 - 1
    fake, real, losses = image, target, []
    for level in range(LEVELS + 1):
        losses.append(torch.nn.L1Loss()(fake, real))
        fake, real = halved(fake), halved(real)
    total = sum(losses) * WEIGHT
    total.backward()
    return {"image": image.detach(), "target": target, "losses": torch.stack(losses).detach(), "gradient": image.grad}


def edges(picture):
    """Squared gradients as complex numbers, over their magnitudes, times a Hann window."""
    height, width, _ = picture.shape
    gradient = numpy.zeros(picture.shape, complex)
    gradient[:, 1:-1] += picture[:, 2:] - picture[:, :-2]
    gradient[1:-1] += 1j * (picture[2:] - picture[:-2])
    gradient[[0, -1]] = gradient[:, [0, -1]] = 0
    size = numpy.sqrt((abs(gradient) ** 2).sum(axis=2))
    window = [numpy.sin(numpy.pi * (numpy.arange(side) + 0.5) / side) ** 2 for side in (height, width)]
    return (gradient**2).sum(axis=2) / numpy.maximum(size, 1e-300) * numpy.outer(*window)


def shift(a, b):
    """How far b lies from a: right and down. The Gaussian makes a peak of one pixel."""
    a, b = (numpy.fft.fft2(edges(picture)) for picture in (a, b))
    down, right = (numpy.fft.fftfreq(side) for side in a.shape)
    smooth = numpy.exp(-2 * numpy.pi**2 * (down[:, None] ** 2 + right[None] ** 2))
    found, _, _ = phase_cross_correlation(a / abs(a) * smooth, b / abs(b), space="fourier", normalization=None, upsample_factor=20)
    # scikit-image: what to move b by
    return [round(-float(found[1]), 3), round(-float(found[0]), 3)]


def pairs():
    random, found = numpy.random.default_rng(3), []
    for path in sorted(EARTH.glob("*.jpg"))[:PAIRS]:
        both = numpy.asarray(Image.open(path).convert("RGB")).astype(float)
        side = both.shape[0]
        right, down = (int(n) for n in random.integers(-MARGIN, MARGIN, 2, endpoint=True))
        inner = side - 2 * MARGIN
        a = both[MARGIN:MARGIN + inner, MARGIN:MARGIN + inner]
        b = both[MARGIN - down:MARGIN - down + inner, side + MARGIN - right:side + MARGIN - right + inner]
        found.append({"name": path.stem, "moved": [right, down], "found": shift(a, b)})
    return found


def halves():
    """The satellite picture of the first pair at half its size, moved by odd numbers of its pixels: by halves of a pixel."""
    both = numpy.asarray(Image.open(sorted(EARTH.glob("*.jpg"))[0]).convert("RGB")).astype(float)
    inner = both.shape[0] - 2 * MARGIN

    def at(right, down):
        x, y = both.shape[0] + MARGIN - right, MARGIN - down
        crop = both[y:y + inner, x:x + inner]
        return crop.reshape(inner // 2, 2, inner // 2, 2, 3).mean(axis=(1, 3))

    moves = ([0, 0], [3, -5], [-9, 1], [7, 2])
    return [{"moved": [n / 2 for n in move], "found": shift(at(0, 0), at(*move))} for move in moves]


if __name__ == "__main__":
    tensors = {name: tensor.float().contiguous() for name, tensor in pyramid().items()}
    save_file(tensors, FIXTURES / "pyramid.safetensors")
    (FIXTURES / "pyramid.safetensors").chmod(0o644)
    shifts = {"margin": MARGIN, "pairs": pairs(), "halves": halves()}
    lines = json.dumps(shifts, indent=1) + "\n"
    (FIXTURES / "shifts.json").write_text(lines)
    print(lines)
