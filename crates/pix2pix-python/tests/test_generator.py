"""Tests the Python module as installed from its wheel. `tools/check_wheel` runs this."""

import pathlib
import shutil
import subprocess
import threading
import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pix2pix

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "target/release/pix2pix"
PUBLIC = ROOT / "crates/pix2pix/tests/fixtures/public/unet_128-legacy-module_net_G.pth"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    subprocess.run([PROGRAM, "import", PUBLIC, "--out", path], check=True)
    return path


def picture(height: int = 128, width: int = 150) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def by_program(model: pathlib.Path, source: NDArray[np.uint8], *options: str) -> NDArray[np.uint8]:
    folder = model.parent
    np.save(folder / "source.npy", source)
    files = map(str, (PROGRAM, "translate", model, folder / "source.npy", "--out", folder / "out"))
    subprocess.run([*files, *options], check=True, capture_output=True)
    translated: NDArray[np.uint8] = np.load(folder / "out/source.npy")
    return translated


def test_earth_is_the_built_in_model(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "m.safetensors"
    shutil.copy(ROOT / "crates/pix2pix/data/earth.safetensors", file)
    monkeypatch.chdir(tmp_path)
    generator = pix2pix.Generator("earth")
    source = picture(200, 256)
    assert np.array_equal(generator(source), by_program(file, source))
    assert generator.step == 3000
    # what is really called so comes first
    (tmp_path / "earth").write_text("no model")
    with pytest.raises(pix2pix.Error, match="earth"):
        pix2pix.Generator("earth")


def test_it_translates_as_the_program_does(model: pathlib.Path) -> None:
    generator = pix2pix.Generator(str(model))
    source = picture()
    translated = generator(source)
    assert translated.shape == source.shape
    assert translated.dtype == np.uint8
    assert np.array_equal(translated, by_program(model, source))
    calm = generator(source, dropout=False)
    assert np.array_equal(calm, by_program(model, source, "--dropout", "off"))
    assert not np.array_equal(calm, translated)
    assert np.array_equal(generator(source, seed=3), by_program(model, source, "--seed", "3"))


def test_it_translates_in_tiles_as_the_program_does(model: pathlib.Path) -> None:
    generator = pix2pix.Generator(model)
    assert generator.size == (128, 128)
    source = picture(200, 300)
    tiles = by_program(model, source, "--tile", "128", "--overlap", "32", "--norm-stats", "image")
    assert np.array_equal(generator(source, tile=128, overlap=32, norm_stats="image"), tiles)
    assert np.array_equal(generator(source, tile=128), by_program(model, source, "--tile", "128"))
    assert np.array_equal(generator(source, tile=0), generator(source))
    bad: list[tuple[dict[str, Any], str]] = [
        ({"tile": 60}, "^tile is 60"),
        ({"tile": 128, "overlap": 70}, "^overlap is 70; it may be up to half of tile 128"),
        ({"overlap": 16}, "give the side of a tile too"),
        ({"norm_stats": "mine"}, "^norm_stats: unknown statistics; use tile, image or frozen"),
    ]
    for options, told in bad:
        with pytest.raises(ValueError, match=told):
            generator(source, **options)


def test_it_takes_arrays_of_any_layout_and_type(model: pathlib.Path) -> None:
    generator = pix2pix.Generator(model)
    source = picture()
    expected = generator(source)
    assert np.array_equal(generator(np.asfortranarray(source)), expected)
    wide = np.concatenate([source, source], axis=1)
    assert np.array_equal(generator(wide[:, : source.shape[1]]), expected)
    assert np.array_equal(generator(source.astype(np.uint16) * 257), expected)
    assert np.array_equal(generator(source.astype(np.float32) / np.float32(255)), expected)
    assert np.array_equal(generator(source[:, :, 0]), generator(np.repeat(source[:, :, :1], 3, axis=2)))


def test_it_says_what_it_is(model: pathlib.Path) -> None:
    generator = pix2pix.Generator(model)
    assert (generator.source_channels, generator.target_channels, generator.step) == (3, 3, 0)
    assert repr(generator) == "<pix2pix.Generator from 3 channels, 8-bit to 3 channels, 8-bit, step 0>"
    assert pix2pix.__version__


def test_errors_are_those_of_python(model: pathlib.Path) -> None:
    with pytest.raises(OSError, match="nowhere.safetensors"):
        pix2pix.Generator("nowhere.safetensors")
    generator = pix2pix.Generator(model)
    for bad, told in [
        (np.zeros((64, 64, 5), np.uint8), "5 channels"),
        (np.zeros((0, 64, 3), np.uint8), "64x0 pixels"),
        (np.zeros((15, 64, 3), np.uint8), "64x15 pixels; it must have at least 16 on every side"),
        (np.zeros((1, 64, 64, 3), np.uint8), "4 dimensions"),
        (np.zeros((64, 64, 3), np.int64), "uint8, uint16 or float32"),
        ("photo.png", "uint8, uint16 or float32"),
    ]:
        with pytest.raises(ValueError, match=told):
            generator(bad)  # type: ignore[arg-type]


def test_other_threads_run_while_it_translates(model: pathlib.Path) -> None:
    """Another thread ticks during a translation, which it could not if the translation held the interpreter lock."""
    generator = pix2pix.Generator(model)
    large = picture(1024, 1024)
    begun, done = threading.Event(), threading.Event()

    def translate() -> None:
        begun.set()
        generator(large)
        done.set()

    thread = threading.Thread(target=translate)
    thread.start()
    begun.wait()
    ticks = 0
    while not done.is_set():
        time.sleep(0.001)
        ticks += 1
    thread.join()
    assert ticks > 10
