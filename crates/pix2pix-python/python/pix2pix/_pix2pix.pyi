import os
from collections.abc import Callable, Mapping
from typing import Any, Literal, SupportsIndex, final, overload

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Error",
    "Generator",
    "Pairs",
    "__version__",
    "best",
    "command",
    "curves",
    "evaluate",
    "history",
    "options",
    "read_picture",
    "receptive_field",
    "resume",
    "summary",
    "train",
]

__version__: str

class Error(OSError):
    """A file that cannot be read or written, data that cannot be used as it is, a device that fails, or a training that cannot
    go on."""

@final
class Generator:
    """A trained generator. Several threads may use it at the same time, and processes that are forked. A process that starts anew
    may be given it: it then reads the same checkpoint again, which must still be there.

    ``path`` is a checkpoint file (.safetensors), a run or its folder to load its newest checkpoint, or ``"earth"``, the
    built-in model. Raises ``pix2pix.Error`` if there is no checkpoint or it is damaged.
    """

    def __new__(cls, path: str | os.PathLike[str]) -> Generator: ...
    def __call__(
        self,
        picture: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32],
        *,
        dropout: bool = True,
        seed: SupportsIndex = 0,
        scale: Literal["native", "train"] = "native",
        tile: SupportsIndex | None = None,
        overlap: SupportsIndex | None = None,
        norm_stats: Literal["tile", "image", "frozen"] = "tile",
    ) -> NDArray[Any]:
        """Translates a picture of any size from 16 pixels a side.

        ``picture`` has the shape ``(height, width, channels)``, or ``(height, width)`` for one channel. Black and white
        are 0 and the largest value for uint8 and uint16, and 0 and 1 for float32, unless the model was trained with
        another range for this type. The result has the shape ``(height, width, channels)``, with the channels and the
        type of the model's targets. With ``dropout``, as in the paper, another ``seed`` gives a different output.
        With ``scale="train"`` the picture is resized as the training pictures were, and the result is resized back; imported
        models do not know how they were, and refuse it.
        ``tile``, ``overlap`` and ``norm_stats`` are the options of ``pix2pix translate`` for large pictures: the side of the
        tiles that it is cut into (None for 1024 where there are more than 2 million pixels, 0 for no tiles), their
        overlap (None for a quarter), and whose statistics normalize a tile. Ctrl-C ends it before the next tile.
        Raises ``ValueError`` if the model does not accept the picture, if the picture has values of another type or masked
        ones, or if an option is out of its range.
        """

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures that it was trained on."""

    @property
    def source_channels(self) -> int:
        """Number of channels of the input pictures."""

    @property
    def target_channels(self) -> int:
        """Number of channels of the output pictures."""

    @property
    def source_dtype(self) -> np.dtype[Any]:
        """Type of the input pictures' samples that it was trained on."""

    @property
    def target_dtype(self) -> np.dtype[Any]:
        """Type of the output pictures' samples."""

    @property
    def source_ranges(self) -> list[tuple[float, float]]:
        """Black and white in the input pictures: one pair for all channels, or one for each."""

    @property
    def target_ranges(self) -> list[tuple[float, float]]:
        """Black and white in the output pictures: one pair for all channels, or one for each."""

    @property
    def source_classes(self) -> list[tuple[str, tuple[int, int, int]]] | None:
        """Names and colors of the classes, if the input pictures are label maps."""

    @property
    def target_classes(self) -> list[tuple[str, tuple[int, int, int]]] | None:
        """Names and colors of the classes, if the output pictures are label maps."""

    @property
    def source_nodata(self) -> float | Literal["tag"] | None:
        """The value of pixels without data in the input pictures, or "tag" for the one that each file names; None if all have
        data."""

    @property
    def target_nodata(self) -> float | Literal["tag"] | None:
        """The value of pixels without data in the output pictures, or "tag" for that of the input; None if all have data."""

    @property
    def step(self) -> int:
        """Number of training steps done; 0 for imported weights."""

    def __repr__(self) -> str: ...
    def __reduce__(self) -> tuple[type[Generator], tuple[str | os.PathLike[str]]]: ...

@final
class Pairs:
    def __new__(cls, model: _Path, split: str) -> Pairs: ...
    def __len__(self) -> int: ...
    def read(self, index: int) -> tuple[str, NDArray[Any], NDArray[Any], NDArray[np.bool_] | None]: ...

@overload
def read_picture(path: str | os.PathLike[str], *, pages: Literal["first", "channels"] | None = None) -> NDArray[Any]:
    """Reads a picture file: PNG, JPEG, WebP, BMP, TIFF, npy or NIfTI, of 8 or 16 bits or floating point.

    An array of shape ``(height, width, channels)``. Of a file with several pages or slices, ``pages`` says which to read:
    "first", "channels" (all, as the channels of one picture) or "each", which gives a list of arrays. Raises
    ``pix2pix.Error`` if the file cannot be read, or has several and ``pages`` is None.
    """

@overload
def read_picture(path: str | os.PathLike[str], *, pages: Literal["each"]) -> list[NDArray[Any]]: ...

def command(arguments: list[str]) -> int:
    """Runs the ``pix2pix`` command with these arguments, the first of which is the program's name; returns its exit code."""

def options(command: str) -> list[tuple[str, str, str, list[str]]]:
    """The options of a command as keyword arguments: name, description, what it takes, and the words that it may be."""

_Path = str | os.PathLike[str]
_Arguments = Mapping[str, object]
_Tell = Callable[[str, str, NDArray[np.uint8] | None], bool]

def train(data: _Path, out: _Path, arguments: _Arguments, tell: _Tell) -> None: ...
def resume(run: _Path, data: _Path | None, arguments: _Arguments, tell: _Tell) -> None: ...
def evaluate(model: _Path, data: _Path, arguments: _Arguments) -> tuple[str, str, list[str]]: ...
def summary(network: str, model: _Path | None, arguments: _Arguments) -> str: ...
def receptive_field(model: _Path | None, arguments: _Arguments) -> str: ...
def best(run: _Path) -> _Path: ...
def history(run: _Path) -> str: ...
def curves(run: _Path) -> list[bytes]: ...
