"""Descriptions of networks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from . import _pix2pix
from ._options import ReceptiveFieldOptions, SummaryOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack


def summary(
    network: Literal["generator", "discriminator", "composite"] = "generator",
    model: str | os.PathLike[str] | None = None,
    **options: Unpack[SummaryOptions],
) -> str:
    """The layers of a network with shapes and parameters, as a table.

    The network is that of ``model``, a run, its folder or a checkpoint file, or the one that the options describe: see
    ``help(pix2pix.SummaryOptions)``. Raises ``ValueError`` for an option, ``pix2pix.Error`` for a model that cannot be read.
    """
    return _pix2pix.summary(network, model, dict(options))


def receptive_field(
    model: str | os.PathLike[str] | None = None, **options: Unpack[ReceptiveFieldOptions]
) -> str:
    """What each layer of a discriminator sees of the picture, as a table. Arguments and errors as those of ``summary``."""
    return _pix2pix.receptive_field(model, dict(options))
