"""Runs the example notebook. `tools/check_wheel` runs this."""

import pathlib
from typing import Any

import nbclient
import nbformat

NOTEBOOK = pathlib.Path(__file__).resolve().parents[1] / "examples/train.ipynb"


def kept() -> Any:
    return nbformat.reads(NOTEBOOK.read_text(), as_version=4)  # type: ignore[no-untyped-call]


def executed(steps: int, folder: pathlib.Path) -> Any:
    notebook = kept()
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = f"STEPS = {steps}\nFOLDER = {str(folder)!r}"
    return nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()


def test_the_notebook_runs_and_shows_pictures(tmp_path: pathlib.Path) -> None:
    notebook = executed(6, tmp_path)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    shown = [output.data for output in outputs if "data" in output]
    # the run; three figures
    assert sum("data:image/png;base64," in data.get("text/html", "") for data in shown) == 1
    assert sum("image/png" in data for data in shown) == 3
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "checkpoint: " in printed and "Total" in printed
    # one line, which each step replaces
    assert [data for data in shown if data["text/plain"].startswith("step 6/6")] and "step 1" not in printed


def test_it_is_kept_without_outputs() -> None:
    assert not any(cell.get("outputs") for cell in kept().cells)
