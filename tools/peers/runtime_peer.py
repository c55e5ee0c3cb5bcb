"""Times an inference in ONNX Runtime or OpenVINO; prints one line of JSON.

The network is exported without dropout, with instance normalization, which equals batch normalization for one
picture: the inference of pix2pix without its noise."""
import pathlib
import tempfile

import torch
from measure import arguments, measure
from torch import nn
from torch_networks import Generator, init

o = arguments("onnxruntime", "openvino")
assert o.batch == 1, "instance normalization equals batch normalization only for one picture"
torch.manual_seed(0)
g = init(Generator(dropout=0, norm=lambda channels: nn.InstanceNorm2d(channels, affine=True)))
x = torch.rand(1, 3, o.size, o.size) * 2 - 1
with tempfile.TemporaryDirectory() as folder:
    path = str(pathlib.Path(folder) / "generator.onnx")
    torch.onnx.export(g, (x,), path, dynamo=False, input_names=["source"], training=torch.onnx.TrainingMode.PRESERVE)
    if o.what == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = o.threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        source = x.numpy()
        measure(o, lambda: session.run(None, {"source": source}))
    else:
        import openvino

        settings = {"INFERENCE_NUM_THREADS": o.threads, "INFERENCE_PRECISION_HINT": o.precision}
        compiled = openvino.Core().compile_model(path, "CPU", settings)
        source = x.numpy()
        measure(o, lambda: compiled(source))
