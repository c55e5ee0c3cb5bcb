#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/quality.json, and lpips, alexnet, alex and inception beside it: the scores of
scikit-image, SciPy, torchmetrics, lpips and torch-fidelity for pictures that this script and the tests draw by the same formula.

Set-up:  python3 -m venv .venv && .venv/bin/pip install torch torchmetrics scikit-image scipy lpips torch-fidelity safetensors
Run:     .venv/bin/python tools/make_quality_fixtures.py

The learned measures have the published layout and names, with random weights in a sixteenth of the
channels.
"""
import json
import pathlib

import lpips
import numpy
import torch
import scipy.stats
import torch_fidelity.feature_extractor_inceptionv3 as inception
from safetensors.torch import save_file
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity
from torch import nn
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure as ms_ssim,
    peak_signal_noise_ratio as torch_psnr,
    structural_similarity_index_measure as torch_ssim,
)
from torchmetrics.image.fid import _compute_fid

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "crates/pix2pix/tests/fixtures"
NARROWER = 16


def picture(kind, width, height):
    """The test's `picture`: height x width x 3, 8 bits."""
    y, x, c = numpy.meshgrid(range(height), range(width), range(3), indexing="ij")
    smooth = (x * (3 + c) + y * 2) // 4 + 40 * ((x // 16 + y // 16) % 2)
    if kind == 0:
        return (smooth % 256).astype(numpy.uint8)
    noisy = smooth * 7 // 8 + 9 + (x * x * 3 + y * y * 5 + x * y * c) % (13 * kind)
    return (noisy % 256).astype(numpy.uint8)


def tensor(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None]


def measures(width, height):
    a, b = picture(0, width, height), picture(1, width, height)
    whole = dict(channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)
    ta, tb = tensor(a).double(), tensor(b).double()
    found = {
        "width": width,
        "height": height,
        "l1": float(numpy.abs(a.astype(float) - b).mean()),
        "rmse": float(mean_squared_error(a, b)) ** 0.5,
        "pearson": float(scipy.stats.pearsonr(a.ravel().astype(float), b.ravel()).statistic),
        "psnr": float(peak_signal_noise_ratio(a, b, data_range=255)),
        "torch_psnr": float(torch_psnr(ta, tb, data_range=255.0)),
        "ssim": float(structural_similarity(a, b, **whole)),
        # torchmetrics counts places where the window leaves the picture too; Wang et al. and scikit-image do not
        "torch_ssim": float(torch_ssim(ta, tb, data_range=255.0, return_full_image=True)[1][..., 5:-5, 5:-5].mean()),
    }
    if min(width, height) >= 176:
        found["ms_ssim"] = float(ms_ssim(ta, tb, data_range=255.0))
    return found


def tiny_lpips():
    torch.manual_seed(0)
    net = lpips.LPIPS(pretrained=False, pnet_rand=True, use_dropout=True, verbose=False)
    channels = [3, 4, 12, 24, 16, 16]
    for k, (name, kernel, stride, padding) in enumerate(
        [("0", 11, 4, 2), ("3", 5, 1, 2), ("6", 3, 1, 1), ("8", 3, 1, 1), ("10", 3, 1, 1)]
    ):
        conv = nn.Conv2d(channels[k], channels[k + 1], kernel, stride, padding)
        getattr(net.net, f"slice{k + 1}")._modules[name] = conv
        lin = lpips.lpips.NetLinLayer(channels[k + 1], use_dropout=True)
        nn.init.uniform_(lin.model[1].weight, 0, 1)
        setattr(net, f"lin{k}", lin)
        net.lins[k] = lin
    net.eval()
    state = {n: t.clone().contiguous() for n, t in net.state_dict().items() if not n.startswith("lins.")}
    save_file(state, FIXTURES / "lpips.safetensors")
    # the same as their authors publish it: AlexNet's features with a classifier, and the weights on top
    features = {f"features.{n.split('.')[2]}.{n.split('.')[3]}": t for n, t in state.items() if n.startswith("net.")}
    torch.save({**features, "classifier.6.bias": torch.zeros(10)}, FIXTURES / "alexnet.pth")
    torch.save({n: t for n, t in state.items() if n.startswith("lin")}, FIXTURES / "alex.pth", _use_new_zipfile_serialization=False)
    distances = []
    with torch.no_grad():
        for width, height in [(64, 64), (90, 70)]:
            a, b = (tensor(picture(kind, width, height)).float() / 127.5 - 1 for kind in (0, 2))
            distances.append({"width": width, "height": height, "lpips": float(net(a, b))})
    return distances


def tiny_inception():
    torch.manual_seed(0)

    def narrow(self, into, out, **kwargs):
        nn.Module.__init__(self)
        into, out = into if into == 3 else into // NARROWER, out // NARROWER
        self.conv = nn.Conv2d(into, out, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out, eps=0.001)
        nn.init.uniform_(self.bn.weight, 0.5, 1.0)
        nn.init.normal_(self.bn.bias, 0.0, 0.2)

    inception.BasicConv2d.__init__ = narrow
    inception.load_state_dict_from_url = lambda *_, **__: None
    inception.FeatureExtractorInceptionV3.load_state_dict = lambda self, _: None
    net = inception.FeatureExtractorInceptionV3("tiny", ["2048"])
    # statistics that fit, or the features would not depend on the picture
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    net.train()
    for n in range(4):
        net(torch.randint(0, 256, (2, 3, 20 + 30 * n, 60), dtype=torch.uint8))
        net(tensor(picture(n % 3, 80, 60)))
    net.eval()
    state = {n: t.clone().contiguous() for n, t in net.state_dict().items() if not n.startswith("fc.")}
    save_file(state, FIXTURES / "inception.safetensors")
    torch.save({**state, "fc.bias": torch.zeros(10)}, FIXTURES / "inception.pth", _use_new_zipfile_serialization=False)
    # in 64 bits, so that the reference is exact: 32 of them lose a few digits over so many layers
    net.to(torch.float64)
    net.feature_extractor_internal_dtype = torch.float64
    sets = []
    for kind in (0, 1):
        pictures = [picture(kind, 40 + 7 * n, 64 - 5 * n) for n in range(4)]
        sets.append([net(tensor(image))[0][0].tolist() for image in pictures])
    mean_and_covariance = lambda s: (torch.tensor(s).double().mean(0), torch.tensor(s).double().T.cov())
    fid = _compute_fid(*mean_and_covariance(sets[0]), *mean_and_covariance(sets[1]))
    return {"features": sets, "fid": float(fid)}


if __name__ == "__main__":
    fixture = {
        "pictures": [measures(190, 180), measures(64, 48), measures(11, 30)],
        "lpips": tiny_lpips(),
        "inception": tiny_inception(),
    }
    (FIXTURES / "quality.json").write_text(json.dumps(fixture) + "\n")
    print(json.dumps(fixture["pictures"], indent=1), fixture["lpips"], fixture["inception"]["fid"])
