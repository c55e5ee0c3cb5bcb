#!/usr/bin/env python3
"""Makes crates/pix2pix/tests/fixtures/plateau.json: the learning rates of PyTorch's ReduceLROnPlateau, with the arguments
of the public port, for some sequences of scores.

Set-up:  python3 -m venv .venv && .venv/bin/pip install torch
Run:     .venv/bin/python tools/make_plateau_fixture.py
"""
import json
import pathlib
import random

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "crates/pix2pix/tests/fixtures/plateau.json"


def rates(mode, lr, values):
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = ReduceLROnPlateau(optimizer, mode=mode, factor=0.2, threshold=0.01, patience=5)
    found = []
    for value in values:
        scheduler.step(value)
        found.append(optimizer.param_groups[0]["lr"])
    return found


random.seed(0)
cases = [
    ("min", 2e-4, [0.0] * 60),  # what the port itself feeds: the rate falls until the falls are too small
    ("min", 2e-4, [40 * 0.97**n for n in range(20)] + [22.0 + random.random() for _ in range(20)]),
    ("min", 2e-4, [30.0] + [30.0 * (1 - 0.0099 * (n % 2)) for n in range(14)]),  # better, but by less than a hundredth
    ("max", 1e-3, [0.3 + 0.02 * n for n in range(10)] + [0.48 + 0.004 * (n % 3) for n in range(15)]),
]
made = [{"mode": mode, "lr": lr, "values": values, "rates": rates(mode, lr, values)} for mode, lr, values in cases]
FIXTURE.write_text(json.dumps(made) + "\n")
print([case["rates"][-1] for case in made])
