"""Times a training step or an inference in PyTorch; prints one line of JSON."""
import contextlib

import torch
import torch._inductor.config
from measure import arguments, measure
from torch_networks import Discriminator, Generator, Trainer, init

layouts = ("nchw", "nhwc", "nchw-compiled", "nhwc-compiled", "nhwc-graph")
o = arguments(*(f"{mode}-{layout}" for mode in ("train", "infer") for layout in layouts))
torch.set_num_threads(o.threads)
torch.manual_seed(0)
layout = torch.channels_last if "nhwc" in o.what else torch.contiguous_format
cast = contextlib.nullcontext
if o.precision == "bf16":
    cast = lambda: torch.autocast(o.device.split(":")[0], torch.bfloat16)
torch.backends.cudnn.benchmark = True  # takes the fastest convolution for each shape
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = o.precision != "f32"
g, d = (init(net).to(o.device, memory_format=layout) for net in (Generator(), Discriminator()))
a, b = ((torch.rand(o.batch, 3, o.size, o.size) * 2 - 1).to(o.device, memory_format=layout) for _ in range(2))
captured = o.what.endswith("graph")
if captured or o.what.endswith("compiled"):
    # weights as constants of the compiled program: they are packed once
    torch._inductor.config.freezing = o.what.startswith("infer")
    g, d = torch.compile(g), torch.compile(d)


def infer():
    with torch.no_grad(), cast():
        return g(a)


def as_graph(work):
    """`work` as one CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def waited(work):
    """`work`, and waiting for its end."""
    def both():
        work()
        if a.is_cuda:
            torch.cuda.synchronize()
    return both


if o.what.startswith("train"):
    trainer = Trainer(g, d, fused=True, capturable=True) if captured else Trainer(g, d)
    work = (lambda: trainer.updates(a, b, cast)) if captured else (lambda: trainer.step(a, b, cast))
else:
    work = infer
measure(o, waited(as_graph(work) if captured else work))
