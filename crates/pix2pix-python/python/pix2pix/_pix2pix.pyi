import os
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Generator", "__version__", "run"]

__version__: str

@final
class Generator:
    """A trained generator. Several threads may use it at the same time.

    ``path`` is a checkpoint file (.safetensors), or a run folder to load its newest checkpoint. Raises ``OSError`` if
    there is no checkpoint or it is damaged.
    """

    def __new__(cls, path: str | os.PathLike[str]) -> Generator: ...
    def __call__(
        self,
        picture: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32],
        *,
        dropout: bool = True,
        seed: int = 0,
    ) -> NDArray[Any]:
        """Translates a picture of any size.

        ``picture`` has the shape ``(height, width, channels)``, or ``(height, width)`` for one channel. Black and white
        are 0 and the largest value for uint8 and uint16, and 0 and 1 for float32, unless the model was trained with
        another range for this type. The result has the shape ``(height, width, channels)``, with the channels and the
        type of the model's targets. With ``dropout``, as in the paper, another ``seed`` gives a different output.
        Raises ``ValueError`` if the model does not accept the picture.
        """

    @property
    def source_channels(self) -> int:
        """Number of channels of the input pictures."""

    @property
    def target_channels(self) -> int:
        """Number of channels of the output pictures."""

    @property
    def step(self) -> int:
        """Number of training steps done; 0 for imported weights."""

    def __repr__(self) -> str: ...

def run(arguments: list[str]) -> int:
    """Runs the ``pix2pix`` command with these arguments, the first of which is the program's name; returns its exit code."""
