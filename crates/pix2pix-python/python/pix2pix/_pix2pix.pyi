import os
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Generator", "__version__"]

__version__: str

@final
class Generator:
    """A trained generator, which may be used by several threads at once.

    ``path`` is a checkpoint file (.safetensors) or a run folder, whose newest checkpoint is taken. Raises ``OSError``
    when there is none, or it is damaged.
    """

    def __new__(cls, path: str | os.PathLike[str]) -> Generator: ...
    def __call__(
        self,
        picture: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32],
        *,
        dropout: bool = True,
        seed: int = 0,
    ) -> NDArray[Any]:
        """Translates a picture, ``(height, width, channels)`` or, of one channel, ``(height, width)``.

        8 and 16 bits are from 0 to their largest value, floats from 0 to 1 or as the model's sources are. The result
        is ``(height, width, channels)`` of the model's targets and their type. As in the paper dropout acts; another
        ``seed`` makes another picture. Raises ``ValueError`` when the model does not take such pictures.
        """

    @property
    def source_channels(self) -> int:
        """Channels of the pictures that it translates."""

    @property
    def target_channels(self) -> int:
        """Channels of the pictures that it makes."""

    @property
    def step(self) -> int:
        """Training steps behind it; 0 when another program has trained it."""

    def __repr__(self) -> str: ...
