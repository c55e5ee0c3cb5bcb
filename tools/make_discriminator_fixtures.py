#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/discriminators.safetensors: PyTorch's reference values for several discriminators at
scales with feature matching, and for a U-Net discriminator.

Set-up:  python3 -m venv .venv && .venv/bin/pip install torch numpy safetensors
Run:     .venv/bin/python tools/make_discriminator_fixtures.py

Of each discriminator NAME: its weights under our names (NAME.weights.*), its maps of a generated pair (NAME.map.N), its losses
[d_real, d_fake, g_gan, feature matching] with the sums over maps (NAME.losses), the gradient of the discriminator's loss by
weights (NAME.gradient.*), and that of the generator's by the picture (NAME.image).
"""
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "crates/pix2pix/tests/fixtures"
FILTERS = 2


def leaky(x):
    return F.leaky_relu(x, 0.2)


class PatchGan(nn.Module):
    """`strided` blocks that halve the picture, one that keeps its size, and the 1-channel convolution."""

    def __init__(self, strided, norm):
        super().__init__()
        width = [FILTERS * min(2**index, 8) for index in range(strided + 1)]
        self.blocks, before = nn.ModuleList(), 6
        for index, after in enumerate(width):
            block = nn.ModuleDict({"conv": nn.Conv2d(before, after, 4, 2 if index < strided else 1, 1, bias=index == 0)})
            if index > 0:
                block["norm"] = norm(after)
            self.blocks.append(block)
            before = after
        self.output = nn.Conv2d(before, 1, 4, 1, 1)

    def features(self, x):
        found = []
        for block in self.blocks:
            x = block["conv"](x)
            x = leaky(block["norm"](x) if "norm" in block else x)
            found.append(x)
        return found


class Scales(PatchGan):
    """As `MultiscaleDiscriminator` of NVIDIA/pix2pixHD."""

    def __init__(self, scales, strided, norm):
        super().__init__(strided, norm)
        self.coarser = nn.ModuleList([PatchGan(strided, norm) for _ in range(scales - 1)])

    def forward(self, source, image):
        pair = torch.cat([source, image], 1)
        maps, features = [], []
        for network in [self, *self.coarser]:
            found = network.features(pair)
            features.append(found)
            maps.append(network.output(found[-1]))
            pair = F.avg_pool2d(pair, 3, stride=2, padding=1, count_include_pad=False)
        return maps, features


class Unet(PatchGan):
    """The encoder is a PatchGAN; the decoder begins at its last block that halves the picture."""

    def __init__(self, strided, norm):
        super().__init__(strided, norm)
        width = [FILTERS * min(2**index, 8) for index in range(strided)]
        self.decoder = nn.ModuleDict({"blocks": nn.ModuleList()})
        before = width[-1]
        for after in reversed(width[:-1]):
            conv = nn.Conv2d(before, after, 3, 1, 1, bias=False)
            self.decoder["blocks"].append(nn.ModuleDict({"conv": conv, "norm": norm(after)}))
            before = 2 * after
        self.decoder["output"] = nn.Conv2d(before, 1, 3, 1, 1)

    def forward(self, source, image):
        features = self.features(torch.cat([source, image], 1))
        double = lambda x: F.interpolate(x, scale_factor=2, mode="nearest")
        *skips, x = features[:-1]
        for block in self.decoder["blocks"]:
            x = leaky(block["norm"](block["conv"](double(x))))
            x = torch.cat([x, skips.pop()], 1)
        return [self.output(features[-1]), self.decoder["output"](double(x))], [features]


def named(net):
    """The weights under the names of our checkpoints."""
    found = {}
    for name, tensor in net.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            found[name.replace("norm.weight", "norm.gamma").replace("norm.bias", "norm.beta")] = tensor.clone()
    return found


def matching(fake, real):
    """As `Pix2PixHDModel.forward`, with the block of one channel left out."""
    loss = 0
    for ours, theirs in zip(fake, real):
        weight = 4.0 / len(ours) / len(fake)
        loss = loss + weight * sum(F.l1_loss(a, b.detach()) for a, b in zip(ours, theirs))
    return loss


if __name__ == "__main__":
    torch.manual_seed(0)
    tensors = {}
    least_squares = lambda map, target: F.mse_loss(map, torch.full_like(map, target))
    soft = lambda map, target: F.binary_cross_entropy_with_logits(map, torch.full_like(map, target))
    for name, net, loss, size in [
        ("scales", Scales(3, 1, nn.InstanceNorm2d), least_squares, (40, 36)),
        ("unet", Unet(3, nn.BatchNorm2d), soft, (32, 48)),
    ]:
        for parameter in net.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, 0.0, 0.2)
            else:
                nn.init.uniform_(parameter, 0.5, 1.5)
        tensors |= {f"{name}.weights.{key}": value for key, value in named(net).items()}
        source, image, target = [torch.rand(2, 3, *size) * 2 - 1 for _ in range(3)]
        tensors |= {f"{name}.source": source, f"{name}.generated": image, f"{name}.target": target}
        real, real_features = net(source, target)
        fake, _ = net(source, image)
        d_real, d_fake = sum(loss(map, 1.0) for map in real), sum(loss(map, 0.0) for map in fake)
        parameters = {key: p for key, p in net.named_parameters() if p.dim() > 1}
        found = torch.autograd.grad((d_real + d_fake) / 2, parameters.values(), retain_graph=True)
        tensors |= {f"{name}.gradient.{key}": gradient for key, gradient in zip(parameters, found)}
        image = image.clone().requires_grad_(True)
        maps, features = net(source, image)
        g_gan, distance = sum(loss(map, 1.0) for map in maps), matching(features, real_features)
        tensors[f"{name}.image"] = torch.autograd.grad(g_gan + 10 * distance, image)[0]
        tensors |= {f"{name}.map.{index}": map.detach() for index, map in enumerate(maps)}
        tensors[f"{name}.losses"] = torch.stack([d_real, d_fake, g_gan, distance]).detach()
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, FIXTURES / "discriminators.safetensors")
    (FIXTURES / "discriminators.safetensors").chmod(0o644)
