#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/sampling.safetensors: PyTorch's reference values for generators with bilinear
upsampling.

Set-up:  python3 -m venv .venv && .venv/bin/pip install torch numpy safetensors
Run:     .venv/bin/python tools/make_sampling_fixture.py

Of each network NAME what tools/make_option_fixtures.py writes. `bilinear` is PyTorch's own bilinear upsampling of `plane`,
which a resize and the filter must equal.
"""
import torch
from make_option_fixtures import FIXTURES, ResizeConv, Resnet, Unet, init, weights
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional


def smooth(x):
    """The filter 1-2-1 of each channel; pixels at a border count as their own neighbors beyond it."""
    line = torch.tensor([1.0, 2.0, 1.0]) / 4
    filters = torch.outer(line, line).expand(x.shape[1], 1, 3, 3)
    return functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), filters, groups=x.shape[1])


class BilinearConv(nn.Module):
    def __init__(self, before, after, bias):
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, 1, 1, bias=bias)

    def forward(self, x):
        return smooth(self.conv(functional.interpolate(x, scale_factor=2, mode="nearest")))


def bilinear(net):
    """The same network with other upsampling. The U-Net's last layer keeps a resize."""
    for name, part in list(net.named_modules()):
        if isinstance(part, nn.ConvTranspose2d):
            parent, _, last = name.rpartition(".")
            kind = ResizeConv if name == "output" else BilinearConv
            other = kind(part.in_channels, part.out_channels, part.bias is not None)
            holder = net.get_submodule(parent)
            if isinstance(holder, nn.ModuleDict):
                holder[last] = other
            else:
                setattr(holder, last, other)
    return net


if __name__ == "__main__":
    torch.manual_seed(0)
    tensors = {"source": torch.rand(2, 3, 32, 32) * 2 - 1, "plane": torch.rand(1, 2, 5, 3) * 2 - 1}
    tensors["bilinear"] = functional.interpolate(tensors["plane"], scale_factor=2, mode="bilinear", align_corners=False)
    doubled = functional.interpolate(tensors["plane"], scale_factor=2, mode="nearest")
    assert torch.allclose(smooth(doubled), tensors["bilinear"], atol=1e-6)
    for name, net in {
        "unet-bilinear": bilinear(Unet(nn.BatchNorm2d, False)),
        "resnet-bilinear": bilinear(Resnet(nn.InstanceNorm2d)),
    }.items():
        init(net)
        tensors.update({f"{name}.weights.{key}": value for key, value in weights(net).items()})
        output = net(tensors["source"])
        first = net.first["conv"].weight if isinstance(net, Resnet) else net.first()
        (gradient,) = torch.autograd.grad((output**2).sum(), first)
        tensors[f"{name}.output"], tensors[f"{name}.gradient"] = output.detach(), gradient
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, FIXTURES / "sampling.safetensors")
    (FIXTURES / "sampling.safetensors").chmod(0o644)
