"""A run folder."""

from __future__ import annotations

import base64
import html
import json
import os
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from . import _pix2pix
from ._networks import summary
from ._pairs import Pairs

if TYPE_CHECKING:
    from typing_extensions import NotRequired

SHEET = "step_*.png"


class Losses(TypedDict):
    """The losses of a logged step, as in ``metrics.jsonl``."""

    step: int
    epoch: int
    #: of the discriminator, on real pairs and on generated ones
    d_real: float
    d_fake: float
    #: adversarial loss of the generator
    g_gan: float
    #: mean absolute difference of output and target, in units of [-1, 1], without its weight
    g_l1: float
    #: learning rate; runs of the first versions do not have it
    lr: NotRequired[float]


class Scores(TypedDict):
    """Mean scores on the held-out pairs at a step, as in ``scores.jsonl``. None for a score that the pictures do not have."""

    step: int
    #: mean absolute difference, of 255
    l1: float
    #: peak signal-to-noise ratio in dB; in runs of earlier versions None if an output equals its target
    psnr: float | None
    ssim: float | None
    #: the number of pairs that ssim is of, and of all; missing if all have 11x11 pixels with data, or none has
    ssim_of: NotRequired[list[int]]
    #: sliced Wasserstein distance, in thousandths
    swd: NotRequired[float | None]
    #: distance of the power spectra in dB
    spectrum: NotRequired[float | None]
    #: the number of pairs that swd and spectrum are of, and of all; missing if all their pixels have data
    whole: NotRequired[list[int]]
    lpips: NotRequired[float | None]
    #: share of the pixels with the right class, and mean intersection over union, of label maps
    accuracy: NotRequired[float | None]
    iou: NotRequired[float | None]
    #: whether the checkpoint was kept as the best so far
    best: NotRequired[bool]


class Warned(TypedDict):
    """A sign of failure that the training has seen, as in ``warnings.jsonl``."""

    step: int
    warning: str


class Run:
    """A run folder, which ``train`` or the command ``pix2pix train`` made. The run may still be going on. Functions that take a
    path take a run too.

    Raises ``pix2pix.Error`` if ``path`` is not a run folder. A notebook shows a run as its losses and newest samples.
    """

    path: pathlib.Path

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = pathlib.Path(path)
        self._history()

    def __fspath__(self) -> str:
        return str(self.path)

    def _history(self) -> dict[str, Any]:
        history: dict[str, Any] = json.loads(_pix2pix.history(self.path))
        return history

    @property
    def config(self) -> dict[str, Any]:
        """Every setting, as in ``config.toml``."""
        config: dict[str, Any] = self._history()["config"]
        return config

    @property
    def state(self) -> Literal["running", "stopped", "done"]:
        """Whether a process trains it, steps are left, or it is done."""
        state: Literal["running", "stopped", "done"] = self._history()["state"]
        return state

    @property
    def step(self) -> int:
        """The newest known step."""
        return int(self._history()["step"])

    @property
    def losses(self) -> list[Losses]:
        """The losses of every logged step: ``pandas.DataFrame(run.losses).set_index("step")``."""
        losses: list[Losses] = self._history()["metrics"]
        return losses

    @property
    def scores(self) -> list[Scores]:
        """The scores on held-out pairs at every contact sheet; empty if no pairs are held out."""
        scores: list[Scores] = self._history()["scores"]
        return scores

    @property
    def warnings(self) -> list[Warned]:
        """Signs of failure, in plain language, with advice."""
        warnings: list[Warned] = self._history()["warnings"]
        return warnings

    @property
    def sample_steps(self) -> list[int]:
        """The steps that have a contact sheet."""
        return sorted(int(path.stem.removeprefix("step_")) for path in (self.path / "samples").glob(SHEET))

    def sample(self, step: int | None = None) -> NDArray[np.uint8]:
        """The contact sheet of a step, by default the newest: input, output and target of a few pairs.

        An array of shape ``(height, width, 3)``. Raises ``pix2pix.Error`` if the step has none.
        """
        sheet: NDArray[np.uint8] = _pix2pix.read_picture(self._sheet(step))
        return sheet

    def samples(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Every contact sheet with its step, read one by one; ``dict(run.samples())`` reads all."""
        for step in self.sample_steps:
            yield step, self.sample(step)

    def _sheet(self, step: int | None) -> pathlib.Path:
        steps = self.sample_steps
        if step is None and not steps:
            raise _pix2pix.Error(f"{self.path}: there is no contact sheet yet")
        return self.path / "samples" / f"step_{steps[-1] if step is None else step:07}.png"

    def pairs(self, split: Literal["train", "val", "test"] = "val") -> Pairs:
        """The run's pairs of a split, by default the held-out ones.

        Raises ``pix2pix.Error`` if the data set is no longer there, has changed, or has no such split.
        """
        return Pairs(self.path, split)

    def generator(self, *, best: bool = False) -> _pix2pix.Generator:
        """The generator of the newest checkpoint, or of the best one (``train(..., keep_best="ssim")``).

        Raises ``pix2pix.Error`` if there is none.
        """
        return _pix2pix.Generator(_pix2pix.best(self) if best else self)

    def summary(self, network: Literal["generator", "discriminator", "composite"] = "generator") -> str:
        """The layers of a network with shapes and parameters, as a table."""
        return summary(network, self.path)

    def __repr__(self) -> str:
        return f"<pix2pix.Run {str(self.path)!r}, {self.state} at step {self.step}>"

    def _repr_html_(self) -> str:
        """The losses and the newest contact sheet, for a notebook."""

        def shown(picture: bytes, style: str) -> str:
            return f'<img src="data:image/png;base64,{base64.b64encode(picture).decode()}" style="display: block; {style}">'

        said = [f"{self.path}: {self.state} at step {self.step}"]
        said += [f"warning at step {line['step']}: {line['warning']}" for line in self.warnings[-1:]]
        curves = [shown(curve, "width: 420px") for curve in _pix2pix.curves(self.path)]
        sheet = [shown(self._sheet(None).read_bytes(), "max-width: 100%")] if self.sample_steps else []
        return "\n".join(
            [*(f"<p>{html.escape(line)}</p>" for line in said)]
            + ['<div style="display: flex; flex-wrap: wrap; gap: 12px"><div>', *curves, "</div>"]
            + ['<div style="max-height: 580px; overflow: auto">', *sheet, "</div></div>"]
        )
