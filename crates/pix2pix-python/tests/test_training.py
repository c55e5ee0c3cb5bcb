"""Tests training, runs and scores of the Python module as installed from its wheel. `tools/check_wheel` runs this."""

import _thread
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import typing
from typing import Any

import numpy as np
import pytest

import pix2pix
from forked import in_a_fork

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "target/release/pix2pix"
EARTH = ROOT / "crates/pix2pix/data/earth"
SMALL: pix2pix.TrainOptions = {"filters": 2, "crop_size": 64, "load_size": 72, "log_every": 1, "threads": 2}
TWO: pix2pix.TrainOptions = {**SMALL, "steps": 2}


def small(out: pathlib.Path, *, steps: int, data: str | pathlib.Path = "earth", **more: Any) -> pix2pix.Run:
    return pix2pix.train(data, out, quiet=True, steps=steps, **{**SMALL, **more})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> pix2pix.Run:
    return small(tmp_path_factory.mktemp("trained") / "run", steps=4, sample_every=2)


def lines(run: pathlib.Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / name).read_text().splitlines()]


def test_it_trains_as_the_program_does(trained: pix2pix.Run, tmp_path: pathlib.Path) -> None:
    other = tmp_path / "run"
    options = ["--filters=2", "--crop-size=64", "--load-size=72", "--log-every=1", "--threads=2", "--sample-every=2"]
    command = [str(PROGRAM), "train", "earth", "--out", str(other), "--steps=4", "--quiet", *options]
    subprocess.run(command, check=True, cwd=tmp_path)
    weights = "checkpoints/step_0000004.safetensors"
    assert (trained.path / weights).read_bytes() == (other / weights).read_bytes()
    for name in ("config.toml", "metrics.jsonl", "scores.jsonl", "samples/step_0000004.png"):
        assert (trained.path / name).read_bytes() == (other / name).read_bytes(), name


def test_a_run_tells_what_its_files_hold(trained: pix2pix.Run) -> None:
    assert trained.losses == lines(trained.path, "metrics.jsonl")
    assert [line["step"] for line in trained.losses] == [1, 2, 3, 4]
    assert trained.scores == lines(trained.path, "scores.jsonl")
    assert trained.warnings == []
    assert (trained.state, trained.step) == ("done", 4)
    assert (trained.config["steps"], trained.config["generator"]["filters"]) == (4, 2)
    assert repr(trained) == f"<pix2pix.Run {str(trained.path)!r}, done at step 4>"
    assert pix2pix.Run(str(trained.path)).losses == trained.losses


def test_samples_are_the_pictures_of_the_folder(trained: pix2pix.Run) -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    assert trained.sample_steps == [2, 4]
    sheet = trained.sample(2)
    assert sheet.dtype == np.uint8 and sheet.ndim == 3 and sheet.shape[2] == 3
    read = plt.imread(trained.path / "samples/step_0000002.png")
    assert np.array_equal(sheet, np.round(read[:, :, :3] * 255).astype(np.uint8))
    assert np.array_equal(trained.sample(), trained.sample(4))
    assert [step for step, _ in trained.samples()] == [2, 4]
    with pytest.raises(pix2pix.Error, match="step_0000003.png"):
        trained.sample(3)


def test_pairs_and_translations_are_those_of_the_scores(trained: pix2pix.Run) -> None:
    found = pix2pix.evaluate(trained, "earth")
    pairs = trained.pairs()
    assert len(pairs) == len(found.pictures) == 8 and len(list(pairs)) == 8
    generator = trained.generator()
    for (name, source, target, mask), scores in zip(pairs, found.pictures):
        assert mask is None and name == scores["name"] and source.shape == target.shape == (64, 64, 3)
        difference = np.abs(generator(source).astype(float) - target.astype(float))
        assert math.isclose(difference.mean(), scores["l1"], rel_tol=1e-6)
    assert math.isclose(found.means["l1"], np.mean([scores["l1"] for scores in found.pictures]))
    assert np.array_equal(pairs[-1][1], pairs[7][1])
    assert [pair.name for pair in pairs[6:]] == [pairs[6].name, pairs[7].name]
    with pytest.raises(IndexError):
        pairs[8]
    with pytest.raises(pix2pix.Error, match="no test pairs, only"):
        trained.pairs("test")


def arrays(folder: pathlib.Path, **sides: list[np.ndarray[Any, Any]]) -> pathlib.Path:
    """A data set of NumPy files, in folders ``A`` and ``B``."""
    for side, pictures in sides.items():
        (folder / side).mkdir(parents=True)
        for index, picture in enumerate(pictures):
            np.save(folder / side / f"{index}.npy", picture)
    return folder


def test_pairs_say_which_pixels_have_data(tmp_path: pathlib.Path) -> None:
    numbers = np.random.default_rng(0)
    pictures = [numbers.integers(1, 255, (64, 64, 3), np.uint8) for _ in range(4)]
    pictures[3][10:30, 40:] = 0
    data = arrays(tmp_path / "data", A=pictures[:2], B=pictures[2:])
    whole, gaps = small(tmp_path / "run", steps=1, data=data, nodata_b=0).pairs("train")
    assert whole.mask is None and np.array_equal(whole.target, pictures[2])
    assert gaps.mask is not None and gaps.mask.dtype == np.bool_
    assert np.array_equal(gaps.mask, (pictures[3] > 0).all(axis=2)) and not gaps.mask.all()
    assert np.array_equal(gaps.source, pictures[1])
    assert np.array_equal(gaps.target[gaps.mask], pictures[3][gaps.mask]) and (gaps.target[~gaps.mask] > 0).all()


def test_label_maps_have_scores_of_classes(tmp_path: pathlib.Path) -> None:
    numbers = np.random.default_rng(0)
    sources = [numbers.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(2)]
    data = arrays(tmp_path / "data", A=sources, B=[source[:, :, 0] // 128 for source in sources])
    run = small(tmp_path / "run", steps=1, data=data, labels_b=2)
    with pytest.warns(UserWarning, match="trained on pairs with these names"):
        found = pix2pix.evaluate(run, data)
    for picture in found.pictures:
        assert {"name", "accuracy", "iou"} <= picture.keys()
        assert not {"l1", "rmse", "psnr", "ssim", "ms_ssim"} & picture.keys()


def test_a_forked_process_reads_pairs(trained: pix2pix.Run) -> None:
    names = [pair.name for pair in trained.pairs()]
    assert in_a_fork(lambda: [pair.name for pair in trained.pairs()]) == names


def test_scores_are_those_of_the_program(trained: pix2pix.Run) -> None:
    found = pix2pix.evaluate(trained.path, EARTH, dropout=False, seed=1)
    command = [str(PROGRAM), "evaluate", str(trained.path), str(EARTH), "--dropout", "off", "--seed", "1", "--json"]
    printed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert found.json == printed[0]
    assert "L1 (of 255)" in str(found) and found.whole["fid"] is None
    assert (found.split, found.step) == (printed[0]["split"], 4)


def test_what_may_mislead_is_a_warning(tmp_path: pathlib.Path) -> None:
    run = small(tmp_path / "run", steps=1, data=EARTH / "val")
    with pytest.warns(UserWarning, match="trained on pairs with these names"):
        pix2pix.evaluate(run, EARTH / "val")


def test_networks_are_described_as_by_the_program(trained: pix2pix.Run) -> None:
    def printed(*arguments: object) -> str:
        return subprocess.run([PROGRAM, *map(str, arguments)], check=True, capture_output=True, text=True).stdout

    assert trained.summary() == printed("summary", "generator", trained.path)
    assert trained.summary("composite") == printed("summary", "composite", trained.path)
    assert pix2pix.summary("discriminator", patch="16") == printed("summary", "discriminator", "--patch", "16")
    assert pix2pix.receptive_field(patch="286") == printed("receptive-field", "--patch", "286")


def test_a_run_is_taken_for_its_path(trained: pix2pix.Run) -> None:
    assert os.fspath(trained) == str(trained.path)
    assert pix2pix.Generator(trained).step == 4
    assert pix2pix.summary(model=trained) == trained.summary()
    assert pix2pix.receptive_field(trained) == pix2pix.receptive_field(trained.path)
    assert pix2pix.Run(trained).path == trained.path


def test_a_callback_sees_the_events(tmp_path: pathlib.Path) -> None:
    events: list[pix2pix.Event] = []
    run = pix2pix.train("earth", tmp_path / "run", callback=events.append, quiet=True, **TWO)
    kinds = [event["kind"] for event in events]
    assert kinds == ["step", "step", "checkpoint", "scores", "sample"]
    steps = [{key: value for key, value in event.items() if key != "kind"} for event in events if event["kind"] == "step"]
    assert steps == run.losses
    assert np.array_equal(events[4]["sheet"], run.sample(2))
    assert events[2]["path"] == str(run.path / "checkpoints/step_0000002.safetensors")


def test_options_of_a_resumed_run_have_the_types_of_a_new_one() -> None:
    new, resumed = (typing.get_type_hints(taker) for taker in (pix2pix.TrainOptions, pix2pix.resume))
    of_length = ("steps", "epochs", "time", "patience")
    of_machine = ("device", "precision", "threads", "workers", "cache", "moments")
    of_files = ("log_every", "sample_every", "save_every", "keep")
    for name in of_length + of_machine + of_files:
        assert resumed[name] == new[name] | None, name


def test_remedies_are_calls(tmp_path: pathlib.Path) -> None:
    run = small(tmp_path / "run", steps=1)
    with pytest.raises(ValueError, match=r"no keep_best.*a new run from it: `pix2pix\.train\(DATA, NEW, from_=\".*run\"\)`"):
        pix2pix.resume(run, patience=3)


def test_a_callback_ends_the_run_which_can_be_resumed(tmp_path: pathlib.Path) -> None:
    def two(event: pix2pix.Event) -> bool:
        return not (event["kind"] == "step" and event["step"] == 2)

    run = small(tmp_path / "run", steps=4, recompute=True, callback=two)
    assert (run.state, run.step, run.sample_steps) == ("stopped", 2, [2])
    run = pix2pix.resume(run, quiet=True)
    assert (run.state, run.step) == ("done", 4)
    whole = small(tmp_path / "whole", steps=4, recompute=True)
    assert run.losses == whole.losses
    weights = "checkpoints/step_0000004.safetensors"
    assert (run.path / weights).read_bytes() == (whole.path / weights).read_bytes()
    longer = pix2pix.resume(run.path, steps=5, workers=2, keep=1, quiet=True)
    assert longer.step == 5
    config = (longer.path / "config.toml").read_text()
    # what is not given stays
    for line in ("workers = 2", "keep = 1", "recompute = true"):
        assert f"\n{line}\n" in config, line


@pytest.mark.parametrize(("answer", "steps"), [(False, 1), (np.bool_(False), 1), (np.bool_(True), 2), (0, 2), (None, 2)])
def test_false_ends_the_run_and_no_other_answer(tmp_path: pathlib.Path, answer: object, steps: int) -> None:
    assert small(tmp_path / "run", steps=2, callback=lambda event: answer).step == steps


@pytest.mark.parametrize("kind", ["step", "checkpoint", "scores", "sample", "warning"])
@pytest.mark.parametrize(("save_every", "sample_every"), [(2, 2), (2, 200), (200, 2)])
def test_the_step_of_any_event_that_ends_the_run_is_its_last(
    tmp_path: pathlib.Path, kind: str, save_every: int, sample_every: int
) -> None:
    kinds: list[str] = []

    def ends(event: pix2pix.Event) -> bool:
        kinds.append(event["kind"])
        return event["kind"] != kind

    out = tmp_path / "run"
    options: Any = {"save_every": save_every, "sample_every": sample_every, "log_every": 2}
    # the first outputs without normalization are flat, which is a warning
    run = small(out, steps=6, callback=ends, norm="none", **options)
    last = 1 if kind == "step" else 2
    if (kind, save_every) == ("checkpoint", 200) or (kind in ("scores", "sample", "warning") and sample_every == 200):
        last = 6
    assert (run.step, run.state) == (last, "done" if last == 6 else "stopped")
    assert run.sample_steps[-1] == last
    # nothing is done twice
    steps = [*range(2, last, 2), last]
    assert kinds.count("checkpoint") == (len(steps) if save_every == 2 else 1)
    assert last == 6 or kinds.count("warning") == 1
    assert kinds.count("sample") == kinds.count("scores") == (len(steps) if sample_every == 2 else 1)


def test_an_interrupt_while_it_plans_begins_no_run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(screen: object, kind: str, text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pix2pix._train._Screen.show", interrupted)
    with pytest.raises(KeyboardInterrupt):
        small(tmp_path / "run", steps=100_000)
    assert not (tmp_path / "run").exists()


def test_pairs_of_a_run_are_those_that_it_could_read(tmp_path: pathlib.Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(EARTH / "val", data)
    broken = sorted(data.glob("*.jpg"))[0]
    broken.write_bytes(b"no picture")
    run = small(tmp_path / "run", steps=1, data=data, on_error="skip")
    names = [pair.name for pair in run.pairs("train")]
    assert len(names) == 7 and broken.stem not in " ".join(names)
    with pytest.warns(UserWarning, match="trained on pairs with these names"):
        assert len(pix2pix.evaluate(run, data).pictures) == 7
    # its configuration is enough
    shutil.rmtree(run.path / "checkpoints")
    assert [pair.name for pair in pix2pix.Run(run.path).pairs("train")] == names


def test_an_error_of_the_callback_ends_the_run_and_is_raised(tmp_path: pathlib.Path) -> None:
    seen: list[str] = []

    def fails(event: pix2pix.Event) -> None:
        seen.append(event["kind"])
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        small(tmp_path / "run", steps=4, callback=fails)
    assert seen == ["step"]
    run = pix2pix.Run(tmp_path / "run")
    assert (run.state, run.step) == ("stopped", 1)


@pytest.mark.parametrize("listens", [True, False])
def test_an_interrupt_ends_the_run_and_is_raised(tmp_path: pathlib.Path, listens: bool) -> None:
    """As a notebook's stop button does, whether Python code runs at that moment or not."""

    def interrupt() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if (tmp_path / "run/metrics.jsonl").exists():
                _thread.interrupt_main()
                return
            time.sleep(0.01)

    # a daemon: where the training fails before, the file never appears
    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        small(tmp_path / "run", steps=100_000, callback=(lambda event: None) if listens else None)
    thread.join()
    run = pix2pix.Run(tmp_path / "run")
    assert run.state == "stopped" and 0 < run.step < 100_000
    assert pix2pix.resume(run, steps=run.step + 1, quiet=True).state == "done"


def test_lines_are_printed_through_python(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    pix2pix.train("earth", tmp_path / "run", **TWO)
    out, err = capsys.readouterr()
    printed = out.splitlines()
    assert printed[0].startswith("data: ") and not err
    assert any(line.startswith("step 2/2  ") for line in printed)
    assert printed[-1].startswith("samples: ")
    small(tmp_path / "quiet", steps=1)
    assert capsys.readouterr() == ("", "")


def on_a_terminal(code: str) -> str:
    """What a program writes to its terminal of 60 columns."""
    pytest.importorskip("pty")
    ours, its = os.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stdout=its, stderr=its, env={**os.environ, "COLUMNS": "60"}):
        os.close(its)
        written = b""
        try:
            while part := os.read(ours, 4096):
                written += part
        except OSError:
            pass  # the end of a terminal
    os.close(ours)
    return written.decode()


def test_an_evaluation_prints_nothing(trained: pix2pix.Run) -> None:
    code = f"import pix2pix; pix2pix.evaluate({str(trained.path)!r}, 'earth')"
    assert on_a_terminal(code) == ""


def test_a_terminal_has_one_line_of_progress(tmp_path: pathlib.Path) -> None:
    written = on_a_terminal(f"import pix2pix; pix2pix.train('earth', {str(tmp_path / 'run')!r}, steps=3, **{SMALL!r})")
    lines = written.split("\r\n")
    progress = [line for line in lines if "step 3/3" in line]
    assert len(progress) == 1 and progress[0].count("\rstep ") == 3
    assert all(len(text) < 60 for text in progress[0].split("\r"))


def test_bad_options_are_errors_of_python(tmp_path: pathlib.Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"batch_size": 0}, "^batch_size is 0; it must be at least 1$"),
        ({"batch_size": "many"}, "invalid value 'many' for 'batch_size <N>'"),
        ({"lambda_": -1}, "lambda_ is -1"),
        ({"gan": "best"}, "invalid value 'best' for 'gan <GAN>'.*bce"),
        ({"epochs": 2}, r"'steps <N>' cannot be used with 'epochs <N>'; see `help\(pix2pix.TrainOptions\)`$"),
        ({"batchsize": 1}, "^batchsize is not an option of train$"),
        ({"serve": True}, "^serve is not an option of train$"),
        ({"sync_norm": True}, "^sync_norm is not an option of train$"),
        ({"no_mirror": 3}, "no_mirror"),
        ({"lr": True}, "^lr cannot have the value true$"),
        ({"seed": 2**64}, "^invalid value '18446744073709551616' for 'seed <SEED>'"),
        ({"seed": -(2**64)}, "^invalid value '-18446744073709551616' for 'seed <SEED>'"),
        ({"threads": 3}, "^threads is 3, but this process already computes with 2, which is fixed; start a new process$"),
    ]
    for options, told in cases:
        with pytest.raises(ValueError, match=told):
            small(tmp_path / "run", **{"steps": 1, **options})
    with pytest.raises(TypeError, match="lr cannot be of the type <class 'dict'>"):
        pix2pix.train("earth", tmp_path / "run", lr={})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="^val_fraction is 2; it must be from 0 to 0.999$"):
        pix2pix.train(EARTH, tmp_path / "run", val_fraction=2)
    assert not (tmp_path / "run").exists()


def test_data_that_cannot_be_used_as_it_is_is_no_option(tmp_path: pathlib.Path) -> None:
    for side in ("A", "B"):
        (tmp_path / "data" / side).mkdir(parents=True)
        np.save(tmp_path / "data" / side / "x.npy", np.linspace(0, 9, 48 * 48, dtype=np.float32).reshape(48, 48))
    told = "the floating-point pictures of A have values from 0 to 9, not from 0 to 1; .* black and white: range_a 0,9$"
    with pytest.raises(pix2pix.Error, match=told):
        pix2pix.train(tmp_path / "data", tmp_path / "run", steps=1, quiet=True)
    with pytest.raises(ValueError, match="^range_a has 2 ranges, but A has 1 channel"):
        pix2pix.train(tmp_path / "data", tmp_path / "run", range_a="0:9,0:9", steps=1, quiet=True)


def test_files_that_cannot_be_read_are_errors(trained: pix2pix.Run, tmp_path: pathlib.Path) -> None:
    assert issubclass(pix2pix.Error, OSError)
    with pytest.raises(pix2pix.Error, match="nowhere"):
        pix2pix.train("nowhere", tmp_path / "run")
    with pytest.raises(pix2pix.Error, match=r"the folder is not empty.*`pix2pix.resume\(\".*\"\)`, or choose another out"):
        small(trained.path, steps=1)
    with pytest.raises(ValueError, match="the run is done"):
        pix2pix.resume(trained)
    with pytest.raises(pix2pix.Error, match="not a run folder"):
        pix2pix.Run(tmp_path)
    with pytest.raises(pix2pix.Error, match="nowhere"):
        pix2pix.evaluate("nowhere", "earth")
    with pytest.raises(pix2pix.Error, match="has kept no best checkpoint; omit best, or give a run .* with keep_best$"):
        trained.generator(best=True)
    assert small(tmp_path / "best", steps=1, keep_best="l1").generator(best=True).step == 1
    with pytest.raises(pix2pix.Error, match="nowhere.png"):
        pix2pix.read_picture("nowhere.png")


def test_values_of_numpy_and_paths_are_options(tmp_path: pathlib.Path) -> None:
    # mypy checks the types of these
    options: pix2pix.TrainOptions = {
        **SMALL,
        "steps": np.uint16(1),
        "lr": np.float32(0.5),
        "seed": np.int64(3),
        "diff_augment": ["color", "cutout"],
        "range": (0, np.int16(200)),
        "no_mirror": True,
    }
    more: Any = {"turn": np.bool_(True)}
    config = pix2pix.train("earth", tmp_path / "run", quiet=True, **options, **more).config
    assert (config["optimizer"]["lr"], config["seed"]) == (0.5, 3)
    assert config["objective"]["diff_augment"] == ["color", "cutout"]
    assert (config["jitter"]["mirror"], config["jitter"]["turn"]) == (False, True)
    assert config["source"]["range"] == [0, 200]
    for largest in (2**63 - 1, np.uint64(2**63 - 1)):
        assert small(tmp_path / type(largest).__name__, steps=1, seed=largest).config["seed"] == 2**63 - 1
    file = tmp_path / "options.toml"
    file.write_text("lambda = 7\nseed = 1\n")
    config = small(tmp_path / "other", steps=1, config=file, seed=2).config
    assert (config["optimizer"]["lambda"], config["seed"]) == (7, 2)


def test_other_threads_run_while_it_trains(tmp_path: pathlib.Path) -> None:
    done = threading.Event()
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            time.sleep(0.001)
            ticks += 1

    thread = threading.Thread(target=tick)
    thread.start()
    small(tmp_path / "run", steps=5)
    done.set()
    thread.join()
    assert ticks > 10


def test_a_notebook_shows_a_run(trained: pix2pix.Run, tmp_path: pathlib.Path) -> None:
    shown = trained._repr_html_()
    assert shown.count("data:image/png;base64,") == 3 and "done at step 4" in shown
    short = small(tmp_path / "run", steps=1)
    assert short._repr_html_().count("data:image/png;base64,") == 1
