#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/realism.json, and dists.safetensors, vgg16.pth and dists.pt beside it: reference
values of the measures of realism, of rank correlations and of deviations, by NumPy, SciPy, torch-fidelity and
DISTS_pytorch, for pictures that this script and the tests draw by the same formula.

Set-up:  python3 -m venv .venv && .venv/bin/pip install numpy scipy torch torchvision torch-fidelity DISTS-pytorch safetensors
Run:     .venv/bin/python tools/make_realism_fixtures.py

The sliced Wasserstein distance follows the authors' description (Karras et al. 2018, section 5 and their code's constants)
with random numbers of its own, many times; its mean and spread are what ours must agree with.
"""
import json
import pathlib

import numpy
import scipy.fft
import scipy.ndimage
import scipy.signal
import scipy.stats

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "crates/pix2pix/tests/fixtures"
BINOMIAL = numpy.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


def picture(kind, width, height):
    """The tests' `picture`: 3 x height x width, 0 to 255."""
    c, y, x = numpy.meshgrid(range(3), range(height), range(width), indexing="ij")
    smooth = (x * (3 + c) + y * 2) // 4 + 40 * ((x // 16 + y // 16) % 2)
    if kind == 0:
        return (smooth % 256).astype(float)
    noisy = smooth * 7 // 8 + 9 + (x * x * 3 + y * y * 5 + x * y * c) % (13 * kind)
    return (noisy % 256).astype(float)


def pyramid(plane, levels):
    found = [plane]
    for _ in range(1, levels):
        small = scipy.ndimage.convolve(found[-1], BINOMIAL, mode="mirror")[::2, ::2]
        spread = numpy.zeros_like(found[-1])
        spread[::2, ::2] = small
        found[-1] = found[-1] - scipy.ndimage.convolve(spread, 4 * BINOMIAL, mode="mirror")
        found.append(small)
    return found


def swd(pairs, levels, draws):
    """Distances of each draw and level, in thousandths."""
    found = []
    random = numpy.random.default_rng(1)
    for _ in range(draws):
        distances = []
        for level in range(levels):
            sets = []
            height, width = planes_of(pairs, 0, level)[0].shape[1:]
            places = random.integers([0, 0], [width - 6, height - 6], size=(len(pairs), 128, 2))
            for side in (0, 1):
                planes = planes_of(pairs, side, level)
                sets.append(numpy.stack([planes[n][:, y:y + 7, x:x + 7] for n in range(len(pairs)) for x, y in places[n]]))
            mean = sets[1].mean(axis=(0, 2, 3), keepdims=True)
            deviation = sets[1].std(axis=(0, 2, 3), keepdims=True)
            sets = [((patches - mean) / deviation).reshape(len(patches), -1) for patches in sets]
            directions = random.standard_normal((sets[0].shape[1], 512))
            directions /= numpy.linalg.norm(directions, axis=0)
            projected = [patches @ directions for patches in sets]
            of_direction = [scipy.stats.wasserstein_distance(a, b) for a, b in zip(projected[0].T, projected[1].T)]
            distances.append(1000 * numpy.mean(of_direction))
        found.append(distances)
    return numpy.array(found)


CACHE = {}


def planes_of(pairs, side, level):
    """The planes [channel, row, column] of each picture at a level of the pyramid."""
    if (side, level) not in CACHE:
        levels = 1 + int(numpy.log2(min(pairs[0][0].shape[1:]) // 16))
        CACHE[side, level] = [numpy.stack([pyramid(plane, levels)[level] for plane in pair[side]]) for pair in pairs]
    return CACHE[side, level]


def spectra(pairs):
    """Rings and octaves of the mean power of outputs and targets."""
    power = []
    for side in (0, 1):
        powers = []
        for pair in pairs:
            for plane in pair[side]:
                window = numpy.outer(*(scipy.signal.windows.hann(length, sym=False) for length in plane.shape))
                powers.append(abs(scipy.fft.fft2((plane - plane.mean()) * window)) ** 2 / (window ** 2).sum())
        power.append(numpy.mean(powers, axis=0))
    fy, fx = numpy.meshgrid(*(numpy.fft.fftfreq(length) for length in power[0].shape), indexing="ij")
    # a little more: those on the edge of two rings belong to the outer one
    radius = numpy.hypot(fx, fy) * (1 + 1e-12)
    smaller = min(radius.shape)
    ring = numpy.floor(radius * smaller + 0.5).astype(int)
    numbers = numpy.arange(1, ring.max() + 1)
    rings = numpy.array([scipy.ndimage.mean(one, ring, numbers) for one in power])
    gaps = abs(10 * numpy.log10(rings[0] / rings[1]))
    bounds = [(2.0 ** -(k + 2), 2.0 ** -(k + 1) if k else 1) for k in range(int(numpy.log2(smaller)) - 2)]
    inside = lambda frequency, bound: (frequency >= bound[0]) & (frequency < bound[1])
    octaves = numpy.array([[one[inside(radius, bound)].mean() for bound in bounds] for one in power])
    return {
        "rings": rings[:, :smaller // 2].tolist(),
        "octaves": (10 * numpy.log10(octaves[0] / octaves[1])).tolist(),
        "distances": [(gaps[inside(numbers / smaller, bound)] ** 2).mean() ** 0.5 for bound in bounds],
    }


def kid():
    from torch_fidelity.metric_kid import kernel_mmd

    random = numpy.random.default_rng(2)
    sets = [random.gamma(2, size, size=(12, 20)).astype(numpy.float32) for size in (0.5, 0.6)]
    found = kernel_mmd(*(s.astype(float) for s in sets))
    return {"sets": [s.tolist() for s in sets], "kid": float(found)}


def spearman():
    """Few different values, so that many ranks are shared."""
    random = numpy.random.default_rng(3)
    a = random.integers(0, 12, 60)
    b = a + random.integers(0, 9, 60)
    return {"a": a.tolist(), "b": b.tolist(), "spearman": float(scipy.stats.spearmanr(a, b).statistic)}


def dists():
    """DISTS of its authors with the layout of VGG16 and a thirty-second of its channels, with random weights."""
    import torch
    import DISTS_pytorch.DISTS_pt as source
    import torchvision
    from safetensors.torch import save_file

    torch.manual_seed(0)
    layout = [2, 2, "M", 4, 4, "M", 8, 8, 8, "M", 16, 16, 16, "M", 16, 16, 16, "M"]
    features = torchvision.models.vgg.make_layers(layout)
    source.models = type("models", (), {"vgg16": lambda *_, **__: type("vgg", (), {"features": features})()})
    pooling = source.L2pooling.__init__
    source.L2pooling.__init__ = lambda self, filter_size=5, stride=2, channels=None, pad_off=0: pooling(
        self, filter_size, stride, channels // 32, pad_off)
    net = source.DISTS(load_weights=False)
    channels = [3, 2, 4, 8, 16, 16]
    net.chns = channels
    net.alpha = torch.nn.Parameter(torch.rand(1, sum(channels), 1, 1))
    net.beta = torch.nn.Parameter(torch.rand(1, sum(channels), 1, 1))
    for layer in features:
        if hasattr(layer, "bias"):
            torch.nn.init.kaiming_normal_(layer.weight, mode="fan_in")
            torch.nn.init.normal_(layer.bias, 0.0, 0.1)
    named = {f"features.{name}": tensor.detach().clone().contiguous() for name, tensor in features.state_dict().items()}
    torch.save({**named, "classifier.6.bias": torch.zeros(10)}, FIXTURES / "vgg16.pth", _use_new_zipfile_serialization=False)
    weights = {"alpha": net.alpha.detach().clone(), "beta": net.beta.detach().clone()}
    torch.save(weights, FIXTURES / "dists.pt", _use_new_zipfile_serialization=False)
    save_file({**named, **weights}, FIXTURES / "dists.safetensors")
    net = net.double()
    found = []
    for width, height in [(64, 64), (90, 70)]:
        a, b = (torch.tensor(picture(kind, width, height))[None] / 255 for kind in (0, 2))
        with torch.no_grad():
            found.append({"width": width, "height": height, "dists": float(net(a, b))})
    return found


if __name__ == "__main__":
    pairs = [[picture(1 + n % 2, 64, 48), picture(0, 64, 48) if n < 2 else picture(3, 64, 48)] for n in range(4)]
    drawn = swd(pairs, 2, 20)
    small = pyramid(picture(1, 21, 18)[1], 2)
    fixture = {
        "pyramid": [{"size": list(level.shape[::-1]), "values": level.ravel().tolist()} for level in small],
        "swd": {"mean": drawn.mean(axis=0).tolist(), "deviation": drawn.std(axis=0).tolist()},
        "spectra": spectra(pairs),
        "kid": kid(),
        "spearman": spearman(),
        "dists": dists(),
    }
    (FIXTURES / "realism.json").write_text(json.dumps(fixture) + "\n")
    print(fixture["swd"], fixture["spectra"]["octaves"], fixture["kid"]["kid"], fixture["dists"], fixture["spearman"]["spearman"])
