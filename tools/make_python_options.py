#!/usr/bin/env python3
"""Writes the keyword arguments of the Python package, with their types and descriptions, from the command line's options.

Usage: cargo build --release && tools/make_python_options.py
With --check, it writes nothing, asks the installed package, and fails if the file is another.
"""

import importlib.machinery
import importlib.util
import pathlib
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILE = ROOT / "crates/pix2pix-python/python/pix2pix/_options.py"
HEAD = '''"""Keyword arguments, which are the options of the command line. Made by `tools/make_python_options.py`."""

import os
from collections.abc import Sequence
from typing import Literal, SupportsFloat, SupportsIndex, TypedDict

#: A value as the command line has it, or the number or the path that it is, or its parts. Numbers may be NumPy's.
Word = str | SupportsFloat | os.PathLike[str] | Sequence[str] | Sequence[SupportsFloat]
'''
CHECK = "--check" in sys.argv[1:]
TYPES = {
    "nothing": "bool",
    "whole": "SupportsIndex",
    "number": "SupportsFloat",
    "path": "str | os.PathLike[str]",
    "words": "Sequence[str]",
    "text": "str",
    "word": "Word",
}


def type_of(takes: str, words: list[str]) -> str:
    if takes != "one of":
        return TYPES[takes]
    # what is on or off may be True or False, and numbers may be given as such
    extra = " | bool" if set(words) == {"on", "off"} else ""
    literals = [repr(word).replace(chr(39), chr(34)) for word in words] + [word for word in words if word.isdigit()]
    return f"Literal[{', '.join(literals)}]{extra}"


def package():
    if CHECK:
        from pix2pix import _pix2pix

        return _pix2pix
    loader = importlib.machinery.ExtensionFileLoader("_pix2pix", str(ROOT / "target/release/libpix2pix_python.so"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("_pix2pix", loader))
    loader.exec_module(module)
    return module


def class_of(name: str, command: str, options: list[tuple[str, str, str, list[str]]]) -> str:
    lines = [f"class {name}(TypedDict, total=False):", f'    """Options of ``pix2pix {command}``, all of which may be left out.', ""]
    for option, about, _, _ in options:
        text = f"{option}: {' '.join(about.split())}"
        lines += textwrap.wrap(text, 120, initial_indent="    - ", subsequent_indent="      ", break_on_hyphens=False)
    lines += ['    """', ""]
    lines += [f"    {option}: {type_of(takes, words)}" for option, _, takes, words in options]
    return "\n".join(lines) + "\n"


CLASSES = {
    "TrainOptions": "train",
    "EvaluateOptions": "evaluate",
    "SummaryOptions": "summary",
    "ReceptiveFieldOptions": "receptive-field",
}
options = package().options
text = "\n\n".join([HEAD, *(class_of(name, command, options(command)) for name, command in CLASSES.items())])
if not CHECK:
    FILE.write_text(text)
elif FILE.read_text() != text:
    sys.exit(f"{FILE}: not those of the command line; run tools/make_python_options.py")
