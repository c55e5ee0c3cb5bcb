"""Scores of models."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _pix2pix
from ._options import EvaluateOptions
from ._run import Run

if TYPE_CHECKING:
    from typing_extensions import Unpack


def _scores(picture: dict[str, Any]) -> dict[str, Any]:
    """The scores of a picture, from JSON."""
    # of label maps, there is no PSNR
    return {**picture, "psnr": float(picture["psnr"])} if "psnr" in picture else picture


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Scores of a model on a data set; as text, the table of ``pix2pix evaluate``."""

    #: the model, and its number of training steps
    model: str
    step: int
    #: the split of the data set that was measured
    split: str
    #: the scores of each picture: ``pandas.DataFrame(evaluation.pictures)``; PSNR is infinite if it equals its target. Label
    #: maps have those of classes alone
    pictures: list[dict[str, Any]]
    #: the mean of each score over the pictures that have it
    means: dict[str, float]
    #: half the width of the 95% confidence interval of each mean; None for a single picture, or an infinite mean
    margins: dict[str, float | None]
    #: scores of all pictures together: swd, spectrum, fid, kid, accuracy, mean_iou; None for those that were not measured
    whole: dict[str, float | None]
    #: everything, as ``pix2pix evaluate --json`` prints it: "Infinity" is a text
    json: dict[str, Any]
    table: str

    def __str__(self) -> str:
        return self.table

    def __repr__(self) -> str:
        return f"<pix2pix.Evaluation of {self.model} at step {self.step}, {len(self.pictures)} pairs of {self.split}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The table, for a notebook."""
        printer.text(self.table)


def evaluate(
    model: Run | str | os.PathLike[str],
    data: str | os.PathLike[str],
    **options: Unpack[EvaluateOptions],
) -> Evaluation:
    """Translates every pair of a data set and scores the output against the target.

    ``model`` is a run, its folder, or a checkpoint file. ``data`` is a data set in any of the forms that ``train`` takes.
    The options are those of ``pix2pix evaluate``: see ``help(pix2pix.EvaluateOptions)``. What may mislead is a warning.
    Raises ``ValueError`` for an option, ``pix2pix.Error`` for a file that cannot be read.
    """
    path = model.path if isinstance(model, Run) else model
    text, table, notes = _pix2pix.evaluate(path, data, dict(options))
    for note in notes:
        warnings.warn(note.removeprefix("note: "), stacklevel=2)
    found = json.loads(text)
    whole = {
        "swd": found["realism"]["swd"],
        "spectrum": found["realism"]["spectrum"],
        "fid": found["fid"],
        "kid": found["kid"],
        "accuracy": found.get("accuracy"),
        "mean_iou": found.get("mean_iou"),
    }
    return Evaluation(
        model=found["model"],
        step=found["step"],
        split=found["split"],
        pictures=[_scores(picture) for picture in found["pictures"]],
        means={name: float(mean["mean"]) for name, mean in found["means"].items()},
        margins={name: mean["margin"] for name, mean in found["means"].items()},
        whole=whole,
        json=found,
        table=table,
    )
