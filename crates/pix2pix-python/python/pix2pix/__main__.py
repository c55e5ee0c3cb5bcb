"""The ``pix2pix`` command, also as ``python -m pix2pix``."""

import sys

from ._pix2pix import run


def main() -> int:
    return run(["pix2pix", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
