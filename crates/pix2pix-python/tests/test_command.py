"""Tests the `pix2pix` command that the wheel installs. `tools/check_wheel` runs this."""

import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAIRS = ROOT / "crates/pix2pix/data/earth"
INSTALLED = [str(pathlib.Path(sys.executable).parent / "pix2pix")]
SMALL = ["--filters", "2", "--crop-size", "64", "--load-size", "72", "--log-every", "1"]


@pytest.mark.parametrize("command", [INSTALLED, [sys.executable, "-m", "pix2pix"]])
def test_it_is_the_program(command: list[str]) -> None:
    def says(program: list[str], *arguments: str) -> tuple[int, bytes, bytes]:
        done = subprocess.run([*program, *arguments], capture_output=True)
        return done.returncode, done.stdout, done.stderr

    program = [str(ROOT / "target/release/pix2pix")]
    for arguments in (["--version"], ["train", "--help"], ["summary", "generator"], ["train"], ["inspect", "nowhere"]):
        assert says(command, *arguments) == says(program, *arguments)


def test_it_trains_and_ctrl_c_saves(tmp_path: pathlib.Path) -> None:
    run = tmp_path / "run"
    arguments = ["train", str(PAIRS), "--out", str(run), *SMALL, "--steps", "100000"]
    training = subprocess.Popen(
        [*INSTALLED, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # in the background of a script, the tests were started to ignore it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 60
        metrics = run / "metrics.jsonl"
        while not (metrics.exists() and metrics.read_text()):
            assert training.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        training.send_signal(signal.SIGINT)
        assert training.wait(60) == 130
    finally:
        training.kill()
    assert list((run / "checkpoints").glob("*.safetensors"))


def test_a_closed_pipe_ends_it_quietly() -> None:
    first = subprocess.run(f"{INSTALLED[0]} train --help | head -1", shell=True, capture_output=True)
    assert first.returncode == 0 and first.stdout.startswith(b"Train a model") and not first.stderr
