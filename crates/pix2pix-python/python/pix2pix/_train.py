"""Training."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypedDict

import numpy as np
from numpy.typing import NDArray

from . import _pix2pix
from ._options import TrainOptions, Word
from ._run import Run

if TYPE_CHECKING:
    from typing_extensions import Required, Unpack


class Event(TypedDict, total=False):
    """An event of a training. Its ``kind`` says which keys it has:

    - ``"step"``, for each logged step: ``step``, ``epoch``, the losses ``d_real``, ``d_fake``, ``g_gan`` and ``g_l1``, and
      the learning rate ``lr``, as in ``Run.losses``;
    - ``"sample"``, for each contact sheet: ``step`` and ``sheet``, an array of shape ``(height, width, 3)``;
    - ``"scores"``, for each contact sheet of held-out pairs: the keys of ``Run.scores``;
    - ``"checkpoint"``: ``path``;
    - ``"warning"``, a sign of failure: ``step`` and ``warning``.
    """

    kind: Required[Literal["step", "sample", "scores", "checkpoint", "warning"]]
    step: int
    epoch: int
    d_real: float
    d_fake: float
    g_gan: float
    g_l1: float
    lr: float
    sheet: NDArray[np.uint8]
    l1: float
    psnr: float | None
    ssim: float | None
    ssim_of: list[int]
    swd: float | None
    spectrum: float | None
    whole: list[int]
    lpips: float | None
    accuracy: float | None
    iou: float | None
    best: bool
    path: str
    warning: str


#: Receives the events of a training; False ends it.
Callback = Callable[[Event], object]


class _Screen:
    """Prints the lines of a training. In a notebook and on a terminal, each line of progress replaces the one before."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._in_notebook = type(sys.stdout).__module__.startswith("ipykernel")
        #: what shows the progress in a notebook
        self._handle: Any = None
        #: the text of the progress in a terminal's last line
        self._progress = ""

    def show(self, kind: str, text: str) -> None:
        if self._quiet:
            return
        if kind == "progress" and self._in_notebook:
            self._display(text)
        elif kind == "progress" and sys.stdout.isatty():
            # a longer one would go to the next line
            text = text[: shutil.get_terminal_size().columns - 1]
            print("\r" + text.ljust(len(self._progress)), end="", flush=True)
            self._progress = text
        else:
            self.end()
            print(text, flush=True)

    def _display(self, text: str) -> None:
        # a notebook has IPython; nothing else needs it
        display: Any = importlib.import_module("IPython.display").display
        shown = {"text/plain": text}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)

    def end(self) -> None:
        if self._progress:
            print()
        self._progress = ""


def _watched(train: Callable[[Callable[..., bool]], None], callback: Callback | None, quiet: bool) -> None:
    screen = _Screen(quiet)

    def tell(kind: str, text: str, sheet: NDArray[np.uint8] | None) -> bool:
        values: Any = json.loads(text)
        if kind in ("line", "progress"):
            screen.show(kind, values)
            return True
        if callback is None:
            return True
        event: Any = {"kind": kind, **values}
        if sheet is not None:
            event["sheet"] = sheet
        answer = callback(event)
        # False, or that of NumPy, and no other value such as None
        return not (isinstance(answer, (bool, np.bool_)) and not answer)

    try:
        train(tell)
    finally:
        screen.end()


def train(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    callback: Callback | None = None,
    quiet: bool = False,
    **options: Unpack[TrainOptions],
) -> Run:
    """Trains a model on pairs of pictures, in this process, and returns its run.

    ``data`` is a folder, a manifest or an archive of pairs, or ``"earth"``, the built-in pairs. ``out`` is a new folder for
    the run. The options are those of ``pix2pix train``, with its defaults: ``train(data, out, steps=1000, batch_size=4,
    lambda_=50)``; ``help(pix2pix.TrainOptions)`` has them all.

    ``callback`` receives each ``Event``. If it returns False, the training ends after the step of this event, whatever its
    kind, with a checkpoint and a contact sheet. If it raises, the same, and the error is raised here. So does
    ``KeyboardInterrupt`` (Ctrl-C, or a notebook's stop button). ``resume`` continues such a run. ``quiet`` prints nothing.
    Other threads of Python run during the training.

    On Linux, freed memory stays with this process until its last training ends, which is faster; then it goes back to the
    system, and the allocator of glibc has its initial settings. Variables such as ``MALLOC_ARENA_MAX`` come first.

    Raises ``ValueError`` or ``TypeError`` for an option, and ``pix2pix.Error`` if a file cannot be read or written, the data
    cannot be used as it is, or the losses are no longer finite. The number of threads is set once for a process: ``threads``
    cannot change.
    """
    arguments = dict(options)
    _watched(lambda tell: _pix2pix.train(data, out, arguments, tell), callback, quiet)
    return Run(out)


def resume(
    run: Run | str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    steps: SupportsIndex | None = None,
    epochs: SupportsIndex | None = None,
    time: str | None = None,
    patience: SupportsIndex | None = None,
    report: bool = False,
    tensorboard: bool = False,
    device: Word | None = None,
    precision: Literal["f32", "tf32", "bf16"] | None = None,
    threads: SupportsIndex | None = None,
    workers: SupportsIndex | None = None,
    cache: Literal["ram", "disk", "off"] | None = None,
    recompute: bool = False,
    moments: Literal["f32", "bf16"] | None = None,
    log_every: SupportsIndex | None = None,
    sample_every: SupportsIndex | None = None,
    save_every: SupportsIndex | None = None,
    keep: SupportsIndex | None = None,
    callback: Callback | None = None,
    quiet: bool = False,
) -> Run:
    """Resumes a run that was stopped, and returns it; the result is bit for bit that of an uninterrupted run.

    Give ``steps``, ``epochs``, ``time`` or ``patience`` only to train for longer, and ``data`` only if the pairs have moved.
    The options from ``device`` to ``moments`` are for a run that continues on another machine. The rest is as for ``train``.
    """
    path = run.path if isinstance(run, Run) else run
    arguments = {
        "steps": steps,
        "epochs": epochs,
        "time": time,
        "patience": patience,
        "report": report,
        "tensorboard": tensorboard,
        "device": device,
        "precision": precision,
        "threads": threads,
        "workers": workers,
        "cache": cache,
        "recompute": recompute,
        "moments": moments,
        "log_every": log_every,
        "sample_every": sample_every,
        "save_every": save_every,
        "keep": keep,
    }
    _watched(lambda tell: _pix2pix.resume(path, data, arguments, tell), callback, quiet)
    return Run(path)
