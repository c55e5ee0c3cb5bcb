#!/usr/bin/env python3
"""Trains the PyTorch reference and saves its generator, for tools/compare_quality.

    train_reference.py REFERENCE DATA --steps N --seed N --out FOLDER [--threads N]

Writes latest_net_G.pth, and prints the seconds of the training as JSON.
"""
import argparse
import importlib.util
import json
import pathlib
import time

import torch

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("reference")
parser.add_argument("data", type=pathlib.Path)
parser.add_argument("--steps", type=int, required=True)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=pathlib.Path, required=True)
parser.add_argument("--threads", type=int, default=2)
o = parser.parse_args()

spec = importlib.util.spec_from_file_location("reference", o.reference)
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)

torch.set_num_threads(o.threads)
torch.manual_seed(o.seed)
networks = [reference.init(network) for network in (reference.Unet(), reference.PatchGan())]
trainer, pairs, order = reference.Trainer(*networks), reference.load(o.data / "train"), []
started = time.time()
least = float("inf")
for _ in range(o.steps):
    begun = time.time()
    if not order:
        order = torch.randperm(len(pairs)).tolist()
    trainer.step(*reference.jitter(*pairs[order.pop()]))
    least = min(least, time.time() - begun)
seconds = time.time() - started
o.out.mkdir(parents=True, exist_ok=True)
torch.save(networks[0].state_dict(), o.out / "latest_net_G.pth")
print(json.dumps({"seconds": round(seconds, 1), "least_step": least}))
