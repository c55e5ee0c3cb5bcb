"""Paired image-to-image translation with conditional adversarial networks (Isola et al., CVPR 2017).

``train`` trains a model on pairs of pictures and returns its ``Run``; ``Run(path)`` opens one. ``Generator`` translates
NumPy arrays, ``evaluate`` scores a model, ``summary`` describes its networks.
"""

from ._evaluate import Evaluation, evaluate
from ._networks import receptive_field, summary
from ._options import EvaluateOptions, ReceptiveFieldOptions, SummaryOptions, TrainOptions
from ._pairs import Pair, Pairs
from ._pix2pix import Error, Generator, __version__, read_picture
from ._run import Losses, Run, Scores, Warned
from ._train import Event, resume, train

__all__ = [
    "Error",
    "EvaluateOptions",
    "Evaluation",
    "Event",
    "Generator",
    "Losses",
    "Pair",
    "Pairs",
    "ReceptiveFieldOptions",
    "Run",
    "Scores",
    "SummaryOptions",
    "TrainOptions",
    "Warned",
    "__version__",
    "evaluate",
    "read_picture",
    "receptive_field",
    "resume",
    "summary",
    "train",
]
