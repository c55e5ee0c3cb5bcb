#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/hd/: PyTorch's reference values for small generators of pix2pixHD.

Set-up:  python3 -m venv .venv && .venv/bin/pip install torch numpy safetensors
Run:     .venv/bin/python tools/make_hd_fixtures.py

The networks are written after the paper (Wang et al. 2018, section 3.2 and appendix); their modules are numbered as in the
authors' files. Of each network NAME there are its weights (NAME_net_G.pth) and, in values.safetensors, the output for `source`
(NAME.output) and the gradients of the output's sum of squares by some weights (NAME.gradient.WEIGHT). The numbers of
parameters of the published networks are printed; tests/coarse_to_fine.rs has them.
"""
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "crates/pix2pix/tests/fixtures/hd"


def layer(conv, norm, channels):
    return [conv, norm(channels), nn.ReLU()]


def first(channels, filters, norm):
    return [nn.ReflectionPad2d(3), *layer(nn.Conv2d(channels, filters, 7), norm, filters)]


def down(filters, norm):
    return layer(nn.Conv2d(filters, 2 * filters, 3, 2, 1), norm, 2 * filters)


def up(filters, norm):
    half = filters // 2
    return layer(nn.ConvTranspose2d(filters, half, 3, 2, 1, output_padding=1), norm, half)


def last(filters, channels):
    return [nn.ReflectionPad2d(3), nn.Conv2d(filters, channels, 7), nn.Tanh()]


class Block(nn.Module):
    def __init__(self, filters, norm):
        super().__init__()
        conv = lambda: [nn.ReflectionPad2d(1), nn.Conv2d(filters, filters, 3), norm(filters)]
        self.conv_block = nn.Sequential(*conv(), nn.ReLU(), *conv())

    def forward(self, x):
        return x + self.conv_block(x)


def features(filters, halvings, blocks, norm):
    """G1 without its last convolution."""
    layers = first(3, filters, norm)
    for level in range(halvings):
        layers += down(filters << level, norm)
    layers += [Block(filters << halvings, norm) for _ in range(blocks)]
    for level in range(halvings, 0, -1):
        layers += up(filters << level, norm)
    return layers


class Coarse(nn.Module):
    """G1."""

    def __init__(self, filters, halvings, blocks, norm):
        super().__init__()
        self.model = nn.Sequential(*features(filters, halvings, blocks, norm), *last(filters, 3))

    def forward(self, x):
        return self.model(x)


class CoarseToFine(nn.Module):
    """G1 and G2."""

    def __init__(self, filters, halvings, blocks, local_blocks, norm):
        super().__init__()
        half = filters // 2
        self.model = nn.Sequential(*features(filters, halvings, blocks, norm))
        self.model1_1 = nn.Sequential(*first(3, half, norm), *down(half, norm))
        local = [Block(filters, norm) for _ in range(local_blocks)]
        self.model1_2 = nn.Sequential(*local, *up(filters, norm), *last(half, 3))

    def forward(self, x):
        half = nn.functional.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        return self.model1_2(self.model1_1(x) + self.model(half))


def count(net):
    return sum(parameter.numel() for parameter in net.parameters())


if __name__ == "__main__":
    with torch.device("meta"):
        for name, norm in [("instance", nn.InstanceNorm2d), ("batch", nn.BatchNorm2d)]:
            print(name, count(Coarse(64, 4, 9, norm)), count(CoarseToFine(64, 4, 9, 3, norm)))
    torch.manual_seed(0)
    FIXTURES.mkdir(exist_ok=True)
    tensors = {"source": torch.rand(1, 3, 64, 96) * 2 - 1}
    networks = {
        "global": (Coarse(2, 4, 2, nn.BatchNorm2d), ["model.1.weight", "model.13.weight", "model.17.conv_block.6.weight"]),
        "local": (
            CoarseToFine(4, 3, 2, 3, nn.InstanceNorm2d),
            ["model.1.weight", "model.14.conv_block.1.weight", "model1_1.1.weight", "model1_1.4.weight", "model1_2.7.weight"],
        ),
    }
    for name, (net, watched) in networks.items():
        for parameter in net.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, 0.0, 0.1)
            else:
                nn.init.uniform_(parameter, 0.5, 1.5)
        torch.save(net.state_dict(), FIXTURES / f"{name}_net_G.pth")
        (FIXTURES / f"{name}_net_G.pth").chmod(0o644)
        output = net(tensors["source"])
        tensors[f"{name}.output"] = output.detach()
        gradients = torch.autograd.grad((output**2).sum(), [net.get_parameter(weight) for weight in watched])
        tensors.update({f"{name}.gradient.{weight}": gradient for weight, gradient in zip(watched, gradients)})
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, FIXTURES / "values.safetensors")
    (FIXTURES / "values.safetensors").chmod(0o644)
