#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/public/: small networks in the layout of the public PyTorch port, in all its file
formats, and PyTorch's output for a picture, every fourth pixel.

Set-up:  python3 -m venv .venv && .venv/bin/pip install torch numpy safetensors
Run:     .venv/bin/python tools/make_import_fixtures.py     (reads the port's layout from ../shared/reference)
"""
import collections
import functools
import pathlib
import sys

import torch
from safetensors.torch import save_file
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT.parent / "shared/reference"))
import pix2pix_torch as port

FOLDER = ROOT / "crates/pix2pix/tests/fixtures/public"


class ResnetBlock(nn.Module):
    def __init__(self, channels, norm, dropout, bias):
        super().__init__()
        conv = lambda: [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=bias), norm(channels)]
        self.conv_block = nn.Sequential(*conv(), nn.ReLU(), *([nn.Dropout(0.5)] if dropout else []), *conv())

    def forward(self, x):
        return x + self.conv_block(x)


class ResnetGenerator(nn.Module):
    """The port's names: model.1, model.4 ..., model.10.conv_block.1 ..."""

    def __init__(self, norm, dropout, blocks, f=4):
        super().__init__()
        bias = norm is nn.InstanceNorm2d
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, f, 7, bias=bias), norm(f), nn.ReLU()]
        for n in (1, 2):
            layers += [nn.Conv2d(f * n, 2 * f * n, 3, 2, 1, bias=bias), norm(2 * f * n), nn.ReLU()]
        layers += [ResnetBlock(4 * f, norm, dropout, bias) for _ in range(blocks)]
        for n in (4, 2):
            up = nn.ConvTranspose2d(f * n, f * n // 2, 3, 2, 1, output_padding=1, bias=bias)
            layers += [up, norm(f * n // 2), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(f, 3, 7), nn.Tanh())

    def forward(self, x):
        return self.model(x)


class PixelGan(nn.Module):
    """The port's PixelDiscriminator: with batch norm, only its first convolution has a bias."""

    def __init__(self, norm, f=2):
        super().__init__()
        bias = norm is nn.InstanceNorm2d
        layers = [nn.Conv2d(6, f, 1), nn.LeakyReLU(0.2), nn.Conv2d(f, 2 * f, 1, bias=bias), norm(2 * f), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*layers, nn.Conv2d(2 * f, 1, 1, bias=bias))

    def forward(self, x):
        return self.net(x)


def instance_unet(downs):
    """The port's U-Net with instance norm: its convolutions have a bias."""
    net = port.Unet(downs=downs, ngf=2, dropout=0.0)

    def change(module):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.InstanceNorm2d(child.num_features))
            elif isinstance(child, nn.Conv2d):
                setattr(module, name, nn.Conv2d(child.in_channels, child.out_channels, 4, 2, 1))
            elif isinstance(child, nn.ConvTranspose2d):
                setattr(module, name, nn.ConvTranspose2d(child.in_channels, child.out_channels, 4, 2, 1))
            else:
                change(child)

    change(net)
    return net


def init(net):
    for parameter in net.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, 0.0, 0.1)
        else:
            nn.init.uniform_(parameter, 0.5, 1.5)
    return net


def wave(channels, side):
    """The test's picture; it is no file, so that the fixtures stay small."""
    count = channels * side * side
    return torch.sin(torch.arange(count, dtype=torch.float64) * 0.37).float().reshape(1, channels, side, side)


def still(net):
    """As trained, but without dropout: the output is then a function of the input."""
    net.train()
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return net


if __name__ == "__main__":
    torch.manual_seed(0)
    FOLDER.mkdir(exist_ok=True)
    batch = nn.BatchNorm2d
    legacy = functools.partial(torch.save, _use_new_zipfile_serialization=False)
    outputs = {}
    for name, net, side, change, save in [
        ("unet_256", port.Unet(ngf=2), 256, lambda state: state, torch.save),
        ("unet_128-legacy-module", port.Unet(ngf=2, downs=7), 128, lambda s: collections.OrderedDict((f"module.{k}", v) for k, v in s.items()), legacy),
        ("unet_128-instance", instance_unet(7), 128, lambda state: state, torch.save),
        ("unet_64-half", port.Unet(ngf=2, downs=6), 64, lambda s: collections.OrderedDict((k, v.half() if v.is_floating_point() else v) for k, v in s.items()), torch.save),
        ("resnet_6blocks-instance", ResnetGenerator(nn.InstanceNorm2d, False, 6), 64, lambda state: state, legacy),
        ("resnet_9blocks-dropout", ResnetGenerator(batch, True, 9), 64, lambda state: state, torch.save),
    ]:
        still(init(net))
        source = wave(3, side)
        with torch.no_grad():
            if name.endswith("half"):
                net.load_state_dict({k: v.half().float() if v.is_floating_point() else v for k, v in net.state_dict().items()})
            net(source)  # running statistics move
            outputs[name] = net(source)[..., ::4, ::4]
        state = net.state_dict()  # has `_metadata`
        save(change(state), FOLDER / f"{name}_net_G.pth")
        if name == "unet_256":
            save_file({k: v.contiguous() for k, v in state.items()}, FOLDER / "unet_256_net_G.safetensors")
    for name, net in [
        ("basic", lambda: port.PatchGan(ndf=2, layers=3)),
        ("n_layers_1", lambda: port.PatchGan(ndf=2, layers=1)),
        ("n_layers_5", lambda: port.PatchGan(ndf=2, layers=5)),
        ("pixel", lambda: PixelGan(batch)),
        ("pixel-instance", lambda: PixelGan(nn.InstanceNorm2d)),
    ]:
        # in this order: making a network draws numbers too
        net = still(init(net()))
        torch.save(net.state_dict(), FOLDER / f"{name}_net_D.pth")
        with torch.no_grad():
            output = net(wave(6, 128))
        outputs[name] = output[..., ::4, ::4] if name.startswith("pixel") else output
    save_file({k: v.contiguous() for k, v in outputs.items()}, FOLDER / "outputs.safetensors")
    for file in FOLDER.iterdir():
        file.chmod(0o644)
