"""Times a training step or an inference in PyTorch; prints one line of JSON."""
import contextlib

import torch
from measure import arguments, measure
from torch_networks import Discriminator, Generator, Trainer, init

o = arguments("train-nchw", "train-nhwc", "infer-nchw", "infer-nhwc")
torch.set_num_threads(o.threads)
torch.manual_seed(0)
layout = torch.channels_last if o.what.endswith("nhwc") else torch.contiguous_format
cast = contextlib.nullcontext
if o.precision == "bf16":
    cast = lambda: torch.autocast("cpu", torch.bfloat16)
g, d = (init(net).to(memory_format=layout) for net in (Generator(), Discriminator()))
a, b = ((torch.rand(o.batch, 3, o.size, o.size) * 2 - 1).to(memory_format=layout) for _ in range(2))
if o.what.startswith("train"):
    trainer = Trainer(g, d)
    measure(o, lambda: trainer.step(a, b, cast))
else:
    def infer():
        with torch.no_grad(), cast():
            return g(a)
    measure(o, infer)
