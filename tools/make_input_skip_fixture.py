#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/input-skip.safetensors: PyTorch's reference values for a U-Net whose last layer sees the
source itself (--input-skip on).

Set-up:  python3 -m venv .venv && .venv/bin/pip install torch numpy safetensors
Run:     .venv/bin/python tools/make_input_skip_fixture.py

Of the network what tools/make_option_fixtures.py writes.
"""
import torch
from make_option_fixtures import FIXTURES, Unet, init, weights
from safetensors.torch import save_file
from torch import nn


class JoinedUnet(Unet):
    def __init__(self):
        super().__init__(nn.BatchNorm2d, False)
        convs = {"first": nn.Conv2d(3, 2, 3, 1, 1, bias=False), "last": nn.Conv2d(2, 3, 3, 1, 1, bias=False)}
        self.input_skip = nn.ModuleDict(convs | {"norm": nn.BatchNorm2d(2)})

    def forward(self, x):
        before = []
        hook = self.output.register_forward_hook(lambda _, __, output: before.append(output))
        super().forward(x)
        hook.remove()
        detail = nn.functional.leaky_relu(self.input_skip["norm"](self.input_skip["first"](x)), 0.2)
        return torch.tanh(before[0] + self.input_skip["last"](detail))


if __name__ == "__main__":
    torch.manual_seed(0)
    net = init(JoinedUnet())
    source = torch.rand(2, 3, 32, 32) * 2 - 1
    output = net(source)
    (gradient,) = torch.autograd.grad((output**2).sum(), net.first())
    name = "unet-input-skip"
    tensors = {f"{name}.weights.{key}": value for key, value in weights(net).items()}
    tensors |= {"source": source, f"{name}.output": output.detach(), f"{name}.gradient": gradient}
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, FIXTURES / "input-skip.safetensors")
    (FIXTURES / "input-skip.safetensors").chmod(0o644)
