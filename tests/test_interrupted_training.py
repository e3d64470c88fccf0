"""Wherever a training is stopped, it goes on to the very same weights, or is begun again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.optim.swa_utils import AveragedModel

from disks import full_disk
from timbresep import checkpoint, files
from timbresep.checkpoint import read_json
from timbresep.errors import OutputError, OutputExistsError, TrainingError
from timbresep.files import claim
from timbresep.registry.registry import Registry
from timbresep.running.optimizer_state import KEY
from timbresep.training import data as training_data
from timbresep.training.data import TrainingData
from timbresep.training.loop import fit
from timbresep.training.run import TrainingRun
from timbresep.training.state import RunState
from timbresep.training.validation import Validation
from tiny_runs import TINY, request, silent, write_tones

SMALL = {**TINY, "bands": 8, "width": 4, "hidden": 4}
STEPS = {
    **{"max_steps": 4, "validate_every": 2, "batch_size": 2, "seconds": 0.2},
    **{"conditioning": "onehot", "arguments": SMALL},
}


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tones(tmp_path_factory.mktemp("tones"))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few validation mixtures; Python's own handler of Ctrl-C, also behind a shell's `&`."""
    monkeypatch.setattr(training_data, "VALIDATION_MIXTURES", 2)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def whole(
    registry: Registry, tones: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, torch.Tensor]]:
    """What an uninterrupted run leaves."""
    out = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_data, "VALIDATION_MIXTURES", 2)
        fit(registry, request(tones, out, **STEPS), silent)
    return kept(out)


def kept(out: Path) -> dict[str, dict[str, torch.Tensor]]:
    return {name: load_file(out / f"{name}.safetensors") for name in ("best", "last", "resume")}


def same(one: dict[str, dict[str, torch.Tensor]], two: dict[str, dict[str, torch.Tensor]]) -> bool:
    return all(
        one[file].keys() == two[file].keys()
        and all(torch.equal(tensor, two[file][name]) for name, tensor in one[file].items())
        for file in one
    )


POINTS: dict[str, tuple[object, str, int, int]] = {  # a function, which call of it, steps by then
    "mixing": (TrainingData, "batches", 1, 0),
    "before the loss": (TrainingRun, "_step", 3, 3),
    "before the weights move": (torch.optim.AdamW, "step", 3, 3),
    "before the average follows": (AveragedModel, "update_parameters", 3, 3),
    "in a validation": (Validation, "scores", 1, 2),
    "before the last checkpoint": (checkpoint, "save", 1, 2),
    "before the best checkpoint": (checkpoint, "save", 2, 2),
    "before the state": (TrainingRun, "keep_state", 2, 2),
}


@pytest.mark.parametrize("point", POINTS)
def test_an_interrupted_run_goes_on_to_the_very_same_weights(
    registry: Registry,
    tones: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: dict[str, dict[str, torch.Tensor]],
    point: str,
) -> None:
    owner, name, call, steps = POINTS[point]
    with monkeypatch.context() as patch:
        stop(patch, owner, name, call, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            fit(registry, request(tones, tmp_path, **STEPS), silent)
    assert read_json(tmp_path / "resume.safetensors", KEY)["progress"]["step"] == steps
    fit(registry, request(tones, tmp_path, resume=True, **STEPS), silent)
    assert same(kept(tmp_path), whole)
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"{name}.safetensors" for name in whole),
        "log",
    }


def stop(
    patch: pytest.MonkeyPatch, owner: object, name: str, call: int, how: Callable[[], object]
) -> None:
    """Have something happen just before the given call of a function."""
    original, calls = getattr(owner, name), []

    def stopped(*given: object, **options: object) -> object:
        calls.append(name)
        if len(calls) == call:
            how()
        return original(*given, **options)

    patch.setattr(owner, name, stopped)


def test_whenever_a_run_is_killed_one_of_the_two_commands_goes_on(
    registry: Registry,
    tones: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: dict[str, dict[str, torch.Tensor]],
) -> None:
    """A kill leaves the folder as it is between the placing of two files."""
    out, place = tmp_path / "run", files._place
    left: list[Path] = []

    def placed(temporary: Path, path: Path, *, replace: bool) -> None:
        left.append(tmp_path / f"{len(left)} before {path.name}")
        shutil.copytree(out, left[-1])
        place(temporary, path, replace=replace)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_place", placed)
        fit(registry, request(tones, out, **STEPS), silent)
    assert len(left) >= 6
    for folder in left:
        resume = (folder / "resume.safetensors").exists()
        fit(registry, request(tones, folder, resume=resume, **STEPS), silent)
        assert same(kept(folder), whole), folder.name
        assert not list(folder.glob(".*")), folder.name


A_SLOW_RUN = """
import sys, time
from pathlib import Path
from test_interrupted_training import STEPS
from tiny_runs import request, silent
from timbresep.registry.registry import Registry
from timbresep.training import data, loop, run
data.VALIDATION_MIXTURES = 2
step = run.TrainingRun.step
run.TrainingRun.step = lambda *given: (time.sleep(0.3), step(*given))[1]
tones, out = map(Path, sys.argv[1:])
resume = (out / "resume.safetensors").exists()
loop.fit(Registry.load(), request(tones, out, resume=resume, **{**STEPS, "workers": 2}), silent)
"""


def test_a_run_that_is_killed_with_its_mixing_processes_goes_on_to_the_very_same_weights(
    registry: Registry,
    tones: Path,
    tmp_path: Path,
    whole: dict[str, dict[str, torch.Tensor]],
) -> None:
    """`benchmarks/interrupted_runs.py` does so for longer, with all signals."""
    state, root = tmp_path / "resume.safetensors", Path(__file__).parents[1]
    path = os.pathsep.join(map(str, (root / "core", root / "tests")))

    def steps() -> int:
        return int(read_json(state, KEY)["progress"]["step"]) if state.exists() else -1

    for kept_step in (0, 2):
        deadline = time.monotonic() + 60
        process = subprocess.Popen(
            [sys.executable, "-c", A_SLOW_RUN, tones, tmp_path],
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
        while steps() < kept_step and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert steps() >= kept_step
    fit(registry, request(tones, tmp_path, resume=True, **STEPS), silent)
    assert same(kept(tmp_path), whole)


def test_a_hidden_file_of_a_dead_run_blocks_no_new_one(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    (tmp_path / ".last-abc.safetensors").write_text("half")
    (tmp_path / "mine.safetensors").write_text("precious")
    fit(registry, request(tones, tmp_path, **STEPS), silent)
    names = {"best.safetensors", "last.safetensors", "resume.safetensors", "log"}
    assert {path.name for path in tmp_path.iterdir()} == {*names, "mine.safetensors"}
    (tmp_path / "resume.safetensors").unlink()
    with pytest.raises(OutputExistsError, match="already holds a run — choose another --out"):
        fit(registry, request(tones, tmp_path, **STEPS), silent)
    with pytest.raises(TrainingError, match=r"--start-from .*best\.safetensors"):
        fit(registry, request(tones, tmp_path, resume=True, **STEPS), silent)


def test_a_folder_has_one_run_at_a_time(registry: Registry, tones: Path, tmp_path: Path) -> None:
    with claim(tmp_path / "run"), pytest.raises(OutputError, match="at work in another run"):
        fit(registry, request(tones, tmp_path / "run", **STEPS), silent)
    with pytest.raises(TrainingError, match="nothing to resume"):
        fit(registry, request(tones, tmp_path / "run", resume=True, **STEPS), silent)
    assert list(tmp_path.iterdir()) == [], "what was made for nothing is gone"


@pytest.fixture(scope="module")
def started(
    registry: Registry, tones: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, object]]:
    """A run of one step, and its settings."""
    out = tmp_path_factory.mktemp("started")
    settings = {**STEPS, "conditioning": "harmonic", "max_steps": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_data, "VALIDATION_MIXTURES", 2)
        fit(registry, request(tones, out, **settings), silent)
    return out, settings


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seconds": 0.3}, r"seconds = 0\.2, not 0\.3"),
        ({"learning_rate": 0.01}, r"learning_rate = 0\.005, not 0\.01"),
        ({"batch_size": 3}, "batch_size = 2, not 3"),
        ({"targets": 1}, "targets = 2, not 1"),
        ({"seed": 1}, "seed = 0, not 1"),
        ({"mix": {"coherent_share": 0.9}}, r"coherent_share = 0\.5, not 0\.9"),
        ({"mix": {"gain_db": [-4, 4]}}, "gain_db = "),
        ({"consistency_weight": 0.5}, r"consistency_weight = 0\.0, not 0\.5"),
        ({"stored_share": 1.0}, r"stored_share = 0\.5, not 1\.0"),
        ({"precision": "bf16"}, "precision = auto, not bf16"),
        ({"instruments": ("bass",)}, "instruments = "),
        ({"conditioning": "onehot"}, "conditioning = harmonic, not onehot"),
    ],
)
def test_settings_that_make_a_run_what_it_is_do_not_change(
    registry: Registry,
    tones: Path,
    started: tuple[Path, dict[str, object]],
    changed: dict[str, object],
    named: str,
) -> None:
    out, settings = started
    before = kept(out)
    with pytest.raises(TrainingError, match=f"started with {named}.*--start-from"):
        fit(registry, request(tones, out, resume=True, **{**settings, **changed}), silent)
    assert same(kept(out), before)


def test_a_run_of_a_version_with_other_settings_does_not_go_on(
    started: tuple[Path, dict[str, object]],
) -> None:
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters())
    path = started[0] / "resume.safetensors"
    known = read_json(path, KEY)["identity"]
    assert isinstance(known, dict)
    now = {name: value for name, value in known.items() if name != "coherent_share"}
    with pytest.raises(TrainingError, match=r"earlier version.*'coherent_share'.*--start-from"):
        RunState(model, model, optimizer, now).load(path)


def test_neither_do_the_tracks_wherever_they_are(
    registry: Registry, tones: Path, tmp_path: Path, started: tuple[Path, dict[str, object]]
) -> None:
    out, settings = tmp_path / "run", {**started[1], "max_steps": 2}
    shutil.copytree(started[0], out)
    moved = tmp_path / "tones"
    shutil.copytree(tones, moved)
    shutil.copytree(moved / "track0", moved / "track9")
    with pytest.raises(TrainingError, match="started with other tracks"):
        fit(registry, request(moved, out, resume=True, **settings), silent)
    shutil.rmtree(moved / "track9")
    free = {"validate_every": 7, "max_minutes": 60.0, "mix": {"memory_mb": 1}}
    fit(registry, request(moved, out, resume=True, **{**settings, **free}), silent)


def test_an_error_between_two_steps_keeps_the_state_and_one_within_does_not(
    registry: Registry, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")

    for point, kept_step in (("in a validation", 2), ("before the average follows", 2)):
        out = tmp_path / point
        owner, name, *_ = POINTS[point]
        with monkeypatch.context() as patch:
            stop(patch, owner, name, 3 if "average" in point else 1, fail)
            with pytest.raises(TrainingError, match=r"mixing process ended.*--resume and fewer"):
                fit(registry, request(tones, out, **STEPS), silent)
        assert read_json(out / "resume.safetensors", KEY)["progress"]["step"] == kept_step


def test_a_full_disk_is_one_error_and_leaves_the_old_files_whole(
    registry: Registry, tones: Path, tmp_path: Path, started: tuple[Path, dict[str, object]]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(started[0], out)
    before = kept(out)
    again = {**started[1], "max_steps": 2, "validate_every": 1}
    for size in (1000, 10_000):  # the log; a checkpoint
        with full_disk(size), pytest.raises(OutputError, match=f"cannot write {out}"):
            fit(registry, request(tones, out, resume=True, **again), silent)
        assert same(kept(out), before)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_want_of_memory_is_one_line_and_goes_on_from_the_last_state(
    registry: Registry,
    tones: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: dict[str, dict[str, torch.Tensor]],
    error: Exception,
) -> None:
    def fail() -> None:
        raise error

    with monkeypatch.context() as patch:
        stop(patch, torch.optim.AdamW, "step", 4, fail)
        with pytest.raises(TrainingError, match=r"not enough memory.*--batch-size or --seconds"):
            fit(registry, request(tones, tmp_path, **STEPS), silent)
    assert read_json(tmp_path / "resume.safetensors", KEY)["progress"]["step"] == 2
    fit(registry, request(tones, tmp_path, resume=True, **STEPS), silent)
    assert same(kept(tmp_path), whole)


def test_a_run_that_diverges_at_once_names_no_best_checkpoint(
    registry: Registry, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(self: TrainingRun, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return sum(p.sum() for p in self.model.parameters()) * torch.nan

    monkeypatch.setattr(TrainingRun, "_loss", nothing)
    long = {**STEPS, "max_steps": 50, "validate_every": 40}
    with pytest.raises(TrainingError, match="not finite for 20 steps") as told:
        fit(registry, request(tones, tmp_path, **long), silent)
    assert str(tmp_path / "resume.safetensors") in str(told.value)
    assert "best" not in str(told.value)
    assert not (tmp_path / "best.safetensors").exists()


def test_a_best_checkpoint_that_is_gone_is_made_again_before_it_is_named(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    fit(registry, request(tones, tmp_path, **STEPS), silent)
    (tmp_path / "best.safetensors").unlink()
    result = fit(registry, request(tones, tmp_path, resume=True, **STEPS), silent)
    assert result.best.exists()


def test_what_a_network_draws_in_a_step_is_the_same_in_a_resumed_run(
    registry: Registry, tones: Path, tmp_path: Path
) -> None:
    run = TrainingRun(request(tones, tmp_path, **STEPS).resolve(registry))
    drawn = []
    for step in (3, 4, 3):
        run.position.step = step
        run._seed_step()
        drawn.append(float(torch.rand(1)))
    assert drawn[0] == drawn[2] != drawn[1]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere SIGTERM ends workers")
def test_a_signal_to_the_whole_group_is_one_line_and_the_way_on(
    tones: Path, tmp_path: Path
) -> None:
    """As batch systems, `systemctl stop`, Ctrl-C and closed terminals do, workers included."""
    root, out = Path(__file__).parents[1], tmp_path / "run"
    command = ["train", "--plugin", "bass,flute", "--data", f"tones={tones}", "--out", str(out)]
    command += ["--max-steps", "1000", "--workers", "2", "--device", "cpu", "--seconds", "0.2"]
    command += ["--conditioning", "onehot", "--batch-size", "2"]
    command += [word for pair in SMALL.items() for word in ("--set", "=".join(map(str, pair)))]
    process = subprocess.Popen(
        [sys.executable, root / "cli.py", *command],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list((out / "log").glob("events*")) and time.monotonic() < deadline:
        time.sleep(0.05)  # until twenty steps are logged
    os.killpg(process.pid, signal.SIGTERM)
    os.killpg(process.pid, signal.SIGHUP)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    lines = [line for line in told.splitlines() if " left  " not in line]
    assert len(lines) == 1, "no traceback, from no process"
    assert lines[0].startswith(f"error: interrupted, the run is kept in {out} — go on with: python")
    assert lines[0].endswith(" --resume")
    assert read_json(out / "resume.safetensors", KEY)["progress"]["step"] >= 20
