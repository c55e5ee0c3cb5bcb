"""Tests the Python module as installed from its wheel. `tools/check_wheel` runs this."""

import _thread
import copy
import multiprocessing
import pathlib
import pickle
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pix2pix
from forked import in_a_fork

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
        ({"overlap": 16}, "^overlap is that of tiles; give tile too$"),
        ({"tile": 0, "overlap": 16}, "^overlap is that of tiles, and tile 0 never cuts;"),
        ({"norm_stats": "mine"}, "^norm_stats: unknown statistics; use tile, image or frozen"),
        ({"scale": "mine"}, "^scale: unknown scale; use native or train"),
        ({"scale": "train"}, "^scale is train, but the model does not know the size of its training pictures"),
    ]
    for options, told in bad:
        with pytest.raises(ValueError, match=told):
            generator(source, **options)


def test_it_translates_at_the_scale_of_training_as_the_program_does(tmp_path: pathlib.Path) -> None:
    run = tmp_path / "run"
    pix2pix.train("earth", run, quiet=True, steps=1, filters=2, crop_size=64)
    generator = pix2pix.Generator(run)
    source = picture(256, 300)
    scaled = generator(source, scale="train")
    assert np.array_equal(scaled, by_program(run, source, "--scale", "train"))
    assert not np.array_equal(scaled, generator(source, scale="native"))


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


def test_it_takes_other_orders_of_bytes_and_values_that_are_not_aligned(model: pathlib.Path) -> None:
    generator = pix2pix.Generator(model)
    words = picture().astype(np.uint16) * 257
    floats = picture().astype(np.float32) / np.float32(255)
    sources: list[Any] = [words, floats]
    for source in sources:
        expected = generator(source)
        assert np.array_equal(generator(source.astype(source.dtype.newbyteorder("S"))), expected)
        memory = np.frombuffer(b"\0" + source.tobytes(), np.uint8)
        shifted = memory[1:].view(source.dtype).reshape(source.shape)
        assert not shifted.flags.aligned
        assert np.array_equal(generator(shifted), expected)


def test_masked_values_are_refused(model: pathlib.Path) -> None:
    generator = pix2pix.Generator(model)
    source = picture()
    assert np.array_equal(generator(np.ma.masked_array(source)), generator(source))
    masked: Any = np.ma.masked_array(source, source > 100)
    with pytest.raises(ValueError, match=r"^the picture has masked values; give them a value: picture.filled\(0\)$"):
        generator(masked)
    assert np.array_equal(generator(masked.filled(0)), generator(np.where(source > 100, 0, source).astype(np.uint8)))


def test_numbers_that_are_out_of_range_are_named(model: pathlib.Path) -> None:
    generator = pix2pix.Generator(model)
    source = picture()
    bad: list[tuple[dict[str, Any], str]] = [
        ({"seed": -1}, "^seed is -1; it must be from 0 to 18446744073709551615$"),
        ({"seed": np.int64(-1)}, "^seed is -1; it must be"),
        ({"seed": 2**64}, "^seed is 18446744073709551616; it must be"),
        ({"tile": -1}, "^tile is -1; it must be from 0 to 4294967295$"),
        ({"tile": 2**40}, "^tile is 1099511627776; it must be from 0 to 4294967295$"),
        ({"tile": 128, "overlap": -3}, "^overlap is -3; it must be from 0 to 4294967295$"),
    ]
    for options, told in bad:
        with pytest.raises(ValueError, match=told):
            generator(source, **options)
    for name in ("seed", "tile", "overlap"):
        with pytest.raises(TypeError, match=f"^{name} must be a whole number, not of the type <class 'float'>$"):
            given: dict[str, Any] = {name: 1.5}
            generator(source, **given)
    assert np.array_equal(generator(source, seed=np.int64(3)), generator(source, seed=3))
    assert not np.array_equal(generator(source, seed=2**64 - 1), generator(source))


def test_it_says_what_it_is(model: pathlib.Path) -> None:
    generator = pix2pix.Generator(model)
    assert (generator.source_channels, generator.target_channels, generator.step) == (3, 3, 0)
    assert repr(generator) == "<pix2pix.Generator from 3 channels, 8-bit to 3 channels, 8-bit, step 0>"
    assert pix2pix.__version__


def test_it_says_what_its_pictures_are(model: pathlib.Path, tmp_path: pathlib.Path) -> None:
    generator = pix2pix.Generator(model)
    assert generator.source_dtype == np.uint8
    assert generator.source_ranges == generator.target_ranges == [(0.0, 255.0)]
    assert generator.source_classes is generator.target_classes is None
    assert generator.source_nodata is generator.target_nodata is None
    heights = picture(64, 64)[:, :, :1].astype(np.float32) / np.float32(30)
    heights[:4] = -1
    sides: dict[str, NDArray[Any]] = {"A": picture(64, 64)[:, :, :1] % 2, "B": heights}
    for side, values in sides.items():
        (tmp_path / "data" / side).mkdir(parents=True)
        np.save(tmp_path / "data" / side / "0.npy", values)
    options: pix2pix.TrainOptions = {
        "filters": 2,
        "load_size": 64,
        "crop_size": 64,
        "steps": 1,
        "labels_a": 2,
        "range_b": "0,9",
        "nodata_b": -1,
    }
    generator = pix2pix.train(tmp_path / "data", tmp_path / "run", quiet=True, **options).generator()
    assert generator.target_dtype == np.float32
    assert generator.target_ranges == [(0.0, 9.0)]
    assert (generator.source_nodata, generator.target_nodata) == (None, -1.0)
    assert generator.target_classes is None
    classes = generator.source_classes or []
    assert [name for name, _ in classes] == ["class 0", "class 1"]
    assert all(len(color) == 3 for _, color in classes)


def test_copies_are_read_from_the_same_checkpoint(
    model: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent)
    generator = pix2pix.Generator(model.name)
    monkeypatch.chdir(tmp_path)
    source = picture()
    expected = generator(source)
    for other in (copy.copy(generator), copy.deepcopy(generator), pickle.loads(pickle.dumps(generator))):
        assert np.array_equal(other(source), expected)
    # a process that starts anew, as on macOS and Windows
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        [translated] = pool.map(generator, [source])
    assert np.array_equal(translated, expected)
    # of the built-in model, whatever is called so where it is unpacked
    sent = pickle.dumps(pix2pix.Generator("earth"))
    (tmp_path / "earth").write_text("no model")
    assert pickle.loads(sent).step == 3000


def test_errors_are_those_of_python(model: pathlib.Path) -> None:
    with pytest.raises(OSError, match="nowhere.safetensors"):
        pix2pix.Generator("nowhere.safetensors")
    generator = pix2pix.Generator(model)
    bad: list[tuple[Any, str]] = [
        (np.zeros((64, 64, 5), np.uint8), "5 channels"),
        (np.zeros((0, 64, 3), np.uint8), "64x0 pixels"),
        (np.zeros((15, 64, 3), np.uint8), "64x15 pixels; it must have at least 16 on every side"),
        (np.zeros((1, 64, 64, 3), np.uint8), "4 dimensions"),
        (np.zeros((64, 64, 3), np.int64), r"uint8, uint16 or float32, not of int64; .astype\(numpy.uint8\) converts"),
        (np.zeros((64, 64, 3), ">i4"), "not of >i4; "),
        (np.zeros((64, 64, 3)), r"not of float64; .astype\(numpy.float32\) converts it \(0 is black and 1 white, unless"),
        (np.zeros((64, 64, 3), np.bool_), r"not of bool; .astype\(numpy.uint8\) makes classes"),
        (np.zeros((64, 64, 3), np.complex64), "not of complex64; convert it$"),
        (np.zeros((64, 64, 3), np.uint8).tolist(), "not <class 'list'>; numpy.asarray converts"),
        ("photo.png", "uint8, uint16 or float32, not <class 'str'>; pix2pix.read_picture reads a file$"),
    ]
    for given, told in bad:
        with pytest.raises(ValueError, match=told):
            generator(given)


def test_a_forked_process_translates(model: pathlib.Path) -> None:
    generator = pix2pix.Generator(model)
    source = picture()
    expected = generator(source)
    for _ in range(2):
        assert np.array_equal(in_a_fork(lambda: generator(source)), expected)
    # as does one that is forked from it, and a generator that is loaded there
    assert np.array_equal(in_a_fork(lambda: in_a_fork_of(generator, source)), expected)
    assert np.array_equal(in_a_fork(lambda: pix2pix.Generator(model)(source)), expected)


def in_a_fork_of(generator: pix2pix.Generator, source: NDArray[np.uint8]) -> Any:
    """What a process returns that is forked after a translation."""
    generator(source)
    return in_a_fork(lambda: generator(source))


def test_a_forked_process_says_that_it_cannot_train(model: pathlib.Path, tmp_path: pathlib.Path) -> None:
    pix2pix.Generator(model)(picture())

    def refused(work: Callable[[], object]) -> str:
        with pytest.raises(pix2pix.Error) as raised:
            work()
        return str(raised.value)

    told = "this process was forked from one that computes, whose threads it does not have; start a new process"
    for work in (
        lambda: pix2pix.train("earth", tmp_path / "run", steps=1, quiet=True),
        lambda: pix2pix.evaluate("earth", "earth"),
    ):
        assert in_a_fork(lambda: refused(work)).startswith(told)
    assert not (tmp_path / "run").exists()


def test_an_interrupt_ends_a_translation() -> None:
    """As Ctrl-C does: all of these tiles would take minutes, to be thrown away then."""
    generator = pix2pix.Generator("earth")
    large = picture(4096, 4096)
    begun = time.monotonic()
    threading.Timer(0.5, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        generator(large, tile=256, norm_stats="image")
    assert time.monotonic() - begun < 60
    assert generator(picture()).shape == (128, 150, 3)


def test_help_says_how_to_call_it() -> None:
    """Python shows no text of ``__call__``."""
    text = pix2pix.Generator.__doc__ or ""
    for name in ("path", "earth", "picture", "dropout", "seed", "scale", "tile", "overlap", "norm_stats", "frozen"):
        assert name in text
    assert "pages" in (pix2pix.read_picture.__doc__ or "")


def test_pages_of_a_file_are_chosen(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "stack.tif"
    stack = [picture(20, 16), picture(20, 16)[::-1]]
    file.write_bytes(tiff(stack))
    with pytest.raises(pix2pix.Error, match="it has 2 pages; choose with pages which to read: first"):
        pix2pix.read_picture(file)
    assert np.array_equal(pix2pix.read_picture(file, pages="first"), stack[0])
    assert np.array_equal(pix2pix.read_picture(file, pages="channels"), np.concatenate(stack, axis=2))
    assert np.array_equal(pix2pix.read_picture(file, pages="each"), stack)
    wrong: Any = "last"
    with pytest.raises(ValueError, match="^pages: unknown pages; use first, channels or each"):
        pix2pix.read_picture(file, pages=wrong)


def tiff(pages: list[NDArray[np.uint8]]) -> bytes:
    """An uncompressed TIFF of RGB pages."""
    data = b"II*\0" + struct.pack("<I", 8)
    for index, page in enumerate(pages):
        height, width, channels = page.shape
        entries = 9
        pixels = len(data) + 2 + 12 * entries + 4 + 6  # behind the directory and the bits of the samples
        values = [
            (256, 4, 1, width),
            (257, 4, 1, height),
            (258, 3, 3, pixels - 6),
            (259, 3, 1, 1),
            (262, 3, 1, 2),
            (273, 4, 1, pixels),
            (277, 3, 1, channels),
            (278, 4, 1, height),
            (279, 4, 1, page.nbytes),
        ]
        after = pixels + page.nbytes if index + 1 < len(pages) else 0
        data += struct.pack("<H", entries) + b"".join(struct.pack("<HHII", *value) for value in values)
        data += struct.pack("<I3H", after, 8, 8, 8) + page.tobytes()
    return data


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
