#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/: what PyTorch computes for a small pix2pix (oracle.safetensors)
and how Pillow resizes (resize.safetensors).

Set-up:  python3 -m venv .venv && .venv/bin/pip install torch numpy pillow safetensors
Run:     .venv/bin/python tools/make_fixtures.py

The networks are the paper's (256x256 pixels, eight levels, 70x70 patches, no dropout) with 4 base
filters. The file holds their weights before and after one and two full training steps, an input, the
forward pass's output and logits, and, in its metadata, the losses of both steps. The names of tensors are
those of our checkpoints, so that the test needs no table of its own.
"""
import json
import pathlib

import numpy
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "crates/pix2pix/tests/fixtures"
FILTERS, DEPTH, LEVELS = 4, 8, 4


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        width = [FILTERS * min(2**level, 8) for level in range(DEPTH)]
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        before = 3
        for level, after in enumerate(width):
            block = nn.ModuleDict({"conv": nn.Conv2d(before, after, 4, 2, 1, bias=False)})
            if 0 < level < DEPTH - 1:
                block["norm"] = nn.BatchNorm2d(after)
            self.encoder.append(block)
            before = after
        for after in reversed(width[:-1]):
            self.decoder.append(nn.ModuleDict({
                "conv": nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
                "norm": nn.BatchNorm2d(after),
            }))
            before = 2 * after
        self.output = nn.ConvTranspose2d(before, 3, 4, 2, 1)

    def forward(self, x):
        skips = []
        for block in self.encoder[:-1]:
            x = block["conv"](x)
            if "norm" in block:
                x = block["norm"](x)
            x = nn.functional.leaky_relu(x, 0.2)
            skips.append(x)
        x = torch.relu(self.encoder[-1]["conv"](x))
        for block in self.decoder:
            x = torch.relu(torch.cat([block["norm"](block["conv"](x)), skips.pop()], 1))
        return torch.tanh(self.output(x))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList()
        before = 6
        for level in range(LEVELS):
            after, stride = FILTERS * min(2**level, 8), 2 if level < LEVELS - 1 else 1
            block = nn.ModuleDict({"conv": nn.Conv2d(before, after, 4, stride, 1, bias=level == 0)})
            if level > 0:
                block["norm"] = nn.BatchNorm2d(after)
            self.blocks.append(block)
            before = after
        self.output = nn.Conv2d(before, 1, 4, 1, 1)

    def forward(self, source, image):
        x = torch.cat([source, image], 1)
        for block in self.blocks:
            x = block["conv"](x)
            if "norm" in block:
                x = block["norm"](x)
            x = nn.functional.leaky_relu(x, 0.2)
        return self.output(x)


def init(net):
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
    return net


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
    g, d = init(Generator()), init(Discriminator())
    g_adam = torch.optim.Adam(g.parameters(), 2e-4, (0.5, 0.999))
    d_adam = torch.optim.Adam(d.parameters(), 2e-4, (0.5, 0.999))
    bce = nn.BCEWithLogitsLoss()
    a8, b8 = (torch.randint(0, 256, (1, 3, 256, 256), dtype=torch.uint8) for _ in range(2))
    a, b = (t.float() / 127.5 - 1 for t in (a8, b8))

    tensors = {"source": a8, "target": b8} | state("0.generator", g) | state("0.discriminator", d)
    losses = []
    for step in (1, 2):
        fake = g(a)
        d.requires_grad_(True)
        real_logits, fake_logits = d(a, b), d(a, fake.detach())
        if step == 1:
            tensors |= {"image": fake.detach().clone(), "logits": real_logits.detach().clone()}
        d_real = bce(real_logits, torch.ones_like(real_logits))
        d_fake = bce(fake_logits, torch.zeros_like(fake_logits))
        d_adam.zero_grad()
        ((d_real + d_fake) * 0.5).backward()
        d_adam.step()
        d.requires_grad_(False)
        logits = d(a, fake)
        g_gan, g_l1 = bce(logits, torch.ones_like(logits)), (fake - b).abs().mean()
        g_adam.zero_grad()
        (g_gan + 100 * g_l1).backward()
        g_adam.step()
        losses.append({"d_real": d_real.item(), "d_fake": d_fake.item(), "g_gan": g_gan.item(), "g_l1": g_l1.item()})
        tensors |= state(f"{step}.generator", g) | state(f"{step}.discriminator", d)
    save_file(tensors, FIXTURES / "oracle.safetensors", {"losses": json.dumps(losses), "torch": torch.__version__})


if __name__ == "__main__":
    FIXTURES.mkdir(parents=True, exist_ok=True)
    oracle()
    resize()
