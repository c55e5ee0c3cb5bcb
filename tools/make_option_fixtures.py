#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/options.safetensors: PyTorch's reference values for small networks with the
options beyond the paper.

Set-up:  python3 -m venv .venv && .venv/bin/pip install torch numpy safetensors
Run:     .venv/bin/python tools/make_option_fixtures.py

Of each network NAME: its weights under our names (NAME.weights.*), the output for `source` (NAME.output), and
the gradient of the output's sum of squares by the first layer's weights (NAME.gradient).
"""
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "crates/pix2pix/tests/fixtures"
FILTERS = 4


def group(channels):
    return nn.GroupNorm(max(n for n in range(1, 33) if channels % n == 0), channels)


class ResizeConv(nn.Module):
    def __init__(self, before, after, bias):
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, 1, 1, bias=bias)

    def forward(self, x):
        return self.conv(nn.functional.interpolate(x, scale_factor=2, mode="nearest"))


class Unet(nn.Module):
    """Of four levels."""

    def __init__(self, norm, resize):
        super().__init__()
        up = (lambda i, o, b: ResizeConv(i, o, b)) if resize else (lambda i, o, b: nn.ConvTranspose2d(i, o, 4, 2, 1, bias=b))
        width = [FILTERS * min(2**level, 8) for level in range(4)]
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        before = 3
        for level, after in enumerate(width):
            block = nn.ModuleDict({"conv": nn.Conv2d(before, after, 4, 2, 1, bias=False)})
            if 0 < level < 3:
                block["norm"] = norm(after)
            self.encoder.append(block)
            before = after
        for after in reversed(width[:-1]):
            self.decoder.append(nn.ModuleDict({"conv": up(before, after, False), "norm": norm(after)}))
            before = 2 * after
        self.output = up(before, 3, True)

    def first(self):
        return self.encoder[0]["conv"].weight

    def forward(self, x):
        skips = []
        for block in self.encoder[:-1]:
            x = block["conv"](x)
            x = nn.functional.leaky_relu(block["norm"](x) if "norm" in block else x, 0.2)
            skips.append(x)
        x = torch.relu(self.encoder[-1]["conv"](x))
        for block in self.decoder:
            x = torch.relu(torch.cat([block["norm"](block["conv"](x)), skips.pop()], 1))
        return torch.tanh(self.output(x))


class Resnet(nn.Module):
    """Of two blocks; as `ResnetGenerator` of the public port."""

    def __init__(self, norm):
        super().__init__()
        f = FILTERS
        layer = lambda conv, channels: nn.ModuleDict({"conv": conv, "norm": norm(channels)})
        self.first = layer(nn.Conv2d(3, f, 7, bias=False), f)
        self.down = nn.ModuleList([layer(nn.Conv2d(f * n, 2 * f * n, 3, 2, 1, bias=False), 2 * f * n) for n in (1, 2)])
        part = lambda: layer(nn.Conv2d(4 * f, 4 * f, 3, bias=False), 4 * f)
        self.blocks = nn.ModuleList([nn.ModuleDict({"first": part(), "second": part()}) for _ in range(2)])
        self.up = nn.ModuleList(
            [layer(nn.ConvTranspose2d(2 * f * n, f * n, 3, 2, 1, output_padding=1, bias=False), f * n) for n in (2, 1)]
        )
        self.output = nn.Conv2d(f, 3, 7)

    def forward(self, x):
        pad = lambda x, n: nn.functional.pad(x, (n, n, n, n), mode="reflect")
        run = lambda layer, x: layer["norm"](layer["conv"](x))
        x = torch.relu(run(self.first, pad(x, 3)))
        for layer in self.down:
            x = torch.relu(run(layer, x))
        for block in self.blocks:
            y = torch.relu(run(block["first"], pad(x, 1)))
            x = x + run(block["second"], pad(y, 1))
        for layer in self.up:
            x = torch.relu(run(layer, x))
        return torch.tanh(self.output(pad(x, 3)))


class PatchGan(nn.Module):
    """Of 16x16 pixels."""

    def __init__(self, norm, spectral=False):
        super().__init__()
        wrap = nn.utils.spectral_norm if spectral else (lambda conv: conv)
        f = FILTERS
        self.blocks = nn.ModuleList([
            nn.ModuleDict({"conv": wrap(nn.Conv2d(6, f, 4, 2, 1))}),
            nn.ModuleDict({"conv": wrap(nn.Conv2d(f, 2 * f, 4, 1, 1, bias=norm is None))}),
        ])
        if norm is not None:
            self.blocks[1]["norm"] = norm(2 * f)
        self.output = wrap(nn.Conv2d(2 * f, 1, 4, 1, 1))

    def forward(self, source, image):
        x = torch.cat([source, image], 1)
        for block in self.blocks:
            x = block["conv"](x)
            x = nn.functional.leaky_relu(block["norm"](x) if "norm" in block else x, 0.2)
        return self.output(x)


def init(net):
    for parameter in net.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, 0.0, 0.2)
        else:
            nn.init.uniform_(parameter, 0.5, 1.5)
    return net


def weights(net):
    """Under the names of our checkpoints."""
    named = {}
    for name, tensor in net.state_dict().items():
        if name.endswith(("num_batches_tracked", "weight_v")):
            continue
        name = name.replace("norm.weight", "norm.gamma").replace("norm.bias", "norm.beta")
        name = name.replace("weight_orig", "weight").replace("weight_u", "spectral.u")
        name = name.replace("conv.conv.", "conv.").replace("output.conv.", "output.")
        named[name] = tensor.clone()
    return named


if __name__ == "__main__":
    torch.manual_seed(0)
    tensors = {"source": torch.rand(2, 3, 32, 32) * 2 - 1, "image": torch.rand(2, 3, 32, 32) * 2 - 1}
    source, image = tensors["source"], tensors["image"]
    for name, net in {
        "unet-instance": Unet(nn.InstanceNorm2d, False),
        "unet-group": Unet(group, False),
        "unet-resize": Unet(nn.BatchNorm2d, True),
        "resnet-batch": Resnet(nn.BatchNorm2d),
        "resnet-instance": Resnet(nn.InstanceNorm2d),
        "resnet-group": Resnet(group),
        "patch-spectral": PatchGan(None, True),
        "patch-instance": PatchGan(nn.InstanceNorm2d),
    }.items():
        init(net)
        tensors.update({f"{name}.weights.{key}": value for key, value in weights(net).items()})
        is_generator = isinstance(net, (Unet, Resnet))
        output = net(source) if is_generator else net(source, image)
        first = net.first["conv"].weight if isinstance(net, Resnet) else net.first() if is_generator else None
        if first is None:
            conv = net.blocks[0]["conv"]
            first = conv.weight_orig if hasattr(conv, "weight_orig") else conv.weight
        (gradient,) = torch.autograd.grad((output**2).sum(), first)
        tensors[f"{name}.output"], tensors[f"{name}.gradient"] = output.detach(), gradient
        if name == "patch-spectral":
            tensors[f"{name}.u"] = net.blocks[0]["conv"].weight_u.clone()
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, FIXTURES / "options.safetensors")
    (FIXTURES / "options.safetensors").chmod(0o644)
