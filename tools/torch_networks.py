"""The paper's networks (256x256 pixels, 70x70 patches) and their training step in PyTorch, for our
fixtures and for comparing speed."""
import contextlib

import torch
from torch import nn

DEPTH, LEVELS = 8, 4


class Generator(nn.Module):
    def __init__(self, filters=64, dropout=0.5, norm=nn.BatchNorm2d):
        super().__init__()
        self.dropout = dropout
        width = [filters * min(2**level, 8) for level in range(DEPTH)]
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        before = 3
        for level, after in enumerate(width):
            block = nn.ModuleDict({"conv": nn.Conv2d(before, after, 4, 2, 1, bias=False)})
            if 0 < level < DEPTH - 1:
                block["norm"] = norm(after)
            self.encoder.append(block)
            before = after
        for after in reversed(width[:-1]):
            self.decoder.append(nn.ModuleDict({
                "conv": nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
                "norm": norm(after),
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
        for level, block in enumerate(self.decoder):
            x = block["norm"](block["conv"](x))
            if level < 3 and self.dropout:
                x = nn.functional.dropout(x, self.dropout)  # on in training and at inference
            x = torch.relu(torch.cat([x, skips.pop()], 1))
        return torch.tanh(self.output(x))


class Discriminator(nn.Module):
    def __init__(self, filters=64):
        super().__init__()
        self.blocks = nn.ModuleList()
        before = 6
        for level in range(LEVELS):
            after, stride = filters * min(2**level, 8), 2 if level < LEVELS - 1 else 1
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


class Trainer:
    """One step: D on a real and a generated pair (halved), then G through D with 100 x L1."""

    def __init__(self, g, d, **adam):
        self.g, self.d = g, d
        self.g_adam = torch.optim.Adam(g.parameters(), 2e-4, (0.5, 0.999), **adam)
        self.d_adam = torch.optim.Adam(d.parameters(), 2e-4, (0.5, 0.999), **adam)
        self.bce = nn.BCEWithLogitsLoss()

    def adversarial(self, logits, real):
        logits = logits.float()
        return self.bce(logits, torch.full_like(logits, float(real)))

    def step(self, a, b, forward=contextlib.nullcontext):
        """Losses before the updates. The forward passes run in `forward()`, such as an autocast."""
        return {name: loss.item() for name, loss in self.updates(a, b, forward).items()}

    def updates(self, a, b, forward=contextlib.nullcontext):
        """As `step`, without waiting for the losses."""
        with forward():
            fake = self.g(a)
            self.d.requires_grad_(True)
            d_real = self.adversarial(self.d(a, b), True)
            d_fake = self.adversarial(self.d(a, fake.detach()), False)
        self.d_adam.zero_grad()
        ((d_real + d_fake) * 0.5).backward()
        self.d_adam.step()
        with forward():
            self.d.requires_grad_(False)
            g_gan, g_l1 = self.adversarial(self.d(a, fake), True), (fake.float() - b).abs().mean()
        self.g_adam.zero_grad()
        (g_gan + 100 * g_l1).backward()
        self.g_adam.step()
        return {"d_real": d_real, "d_fake": d_fake, "g_gan": g_gan, "g_l1": g_l1}
