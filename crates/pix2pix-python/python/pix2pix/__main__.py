"""The ``pix2pix`` command, also as ``python -m pix2pix``."""

import signal
import sys

from ._pix2pix import command


def main() -> int:
    # the command handles Ctrl-C; Python's own handler would raise an error when it has ended
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return command(["pix2pix", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
