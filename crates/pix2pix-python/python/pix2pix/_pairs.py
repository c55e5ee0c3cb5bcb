"""The pairs of a run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from . import _pix2pix


class Pair(NamedTuple):
    """A pair of pictures; arrays of shape ``(height, width, channels)``.

    Where its files have no data, by value or tag, the pictures have the middle of their range, or the first class of a label
    map, as the networks see it. ``mask`` says where that is.
    """

    name: str
    source: NDArray[Any]
    target: NDArray[Any]
    #: of shape ``(height, width)``: the pixels that have data in both; None if all have
    mask: NDArray[np.bool_] | None


class Pairs(Sequence[Pair]):
    """The pairs of a run's or a checkpoint's own data set, at the input size of its networks. They are read one by one."""

    def __init__(self, model: str | os.PathLike[str], split: str) -> None:
        self._opened = _pix2pix.Pairs(model, split)

    def __len__(self) -> int:
        return len(self._opened)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        places = range(len(self))[index]
        if isinstance(places, range):
            return [Pair(*self._opened.read(place)) for place in places]
        return Pair(*self._opened.read(places))

    def __repr__(self) -> str:
        return f"<pix2pix.Pairs, {len(self)}>"
