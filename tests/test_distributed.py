"""Two processes make a step together: it is that of one, and so is all that comes of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from test_training_notes import noted
from timbresep import checkpoint
from timbresep.errors import TrainingError
from timbresep.registry.registry import Registry
from timbresep.running import ranks
from timbresep.training.group import consistency_share
from timbresep.training.loop import fit
from timbresep.training.run import TrainingRun
from tiny_runs import request, silent, write_tones
from two_ranks import (
    NETWORK,
    RICHER,
    STEPS,
    a_run,
    a_transcription,
    few_mixtures,
    gradients,
    half,
)

pytest.importorskip("lightning_fabric")
ROOT = Path(__file__).parents[1]
ROUNDING = 1e-5
FILES = ("best", "last", "resume")
PORT = ranks._free_port()


@pytest.fixture(scope="module")
def root(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes have left; and the run of one that it is to be compared with."""
    root = tmp_path_factory.mktemp("ranks")
    spoil(write_tones(root / "tones") / "track0" / "bass.wav")
    noted(root / "noted")
    with pytest.MonkeyPatch.context() as patch:
        few_mixtures(patch)
        notes = fit(registry, a_run(root, "one"), silent).notes
        (root / "notes.json").write_text(json.dumps(notes))
        half(registry, a_run(root, "one-then-two"))
        both = [
            _as_by_srun(rank, str(ROOT / "tests" / "two_ranks.py"), str(root)) for rank in (0, 1)
        ]
        assert [process.wait() for process in both] == [0, 0]
        fit(registry, a_run(root, "two-then-one", resume=True), silent)
    return root


def spoil(path: Path) -> None:
    """Put a stretch into a stem that cannot be used: what hits it is left out, and counted."""
    wave, rate = soundfile.read(path, dtype="float32")
    wave[rate // 2 : rate] = np.nan
    soundfile.write(path, wave, rate, subtype="FLOAT")


def _as_by_srun(rank: int, *command: str) -> subprocess.Popen[bytes]:
    """Start one of the two tasks of a step, as SLURM's `srun` does."""
    about = {
        **{"SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "train", "SLURM_STEP_ID": "0"},
        **{"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "1"},
        **{"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank), "SLURM_NODEID": "0"},
        **{"SLURM_NODELIST": "127.0.0.1", "MASTER_PORT": str(PORT), "GLOO_SOCKET_IFNAME": "lo"},
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "core", ROOT / "tests"))),
    }
    return subprocess.Popen([sys.executable, *command], env={**os.environ, **about})


@pytest.mark.parametrize(
    ("about", "rank"),
    [
        ({}, None),
        ({"SLURM_STEP_ID": "0", "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, None),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, None),  # a batch script, without srun
        ({"SLURM_STEP_ID": "0", "SLURM_NTASKS": "4", "SLURM_PROCID": "3"}, 3),
        ({"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "4", "RANK": "2"}, 2),
        ({"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "1", "RANK": "0"}, None),
        ({ranks.LAUNCHER: "1", "RANK": "1"}, 1),
    ],
)
def test_who_has_started_a_process(
    monkeypatch: pytest.MonkeyPatch, about: dict[str, str], rank: int | None
) -> None:
    for name in list(os.environ):
        if name.startswith(("SLURM_", "TORCHELASTIC", "RANK", "WORLD_SIZE")):
            monkeypatch.delenv(name)
    for name, value in about.items():
        monkeypatch.setenv(name, value)
    assert ranks.started_by_others() == (rank is not None)
    assert ranks.rank_here() == (rank or 0)


@pytest.fixture(scope="module")
def seen(root: Path) -> list[dict[str, list[object]]]:
    """What each of the two processes saw."""
    return [json.loads((root / f"seen{rank}.json").read_text()) for rank in range(2)]


def close(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor], tolerance: float) -> None:
    """Tensors are the same but for rounding, as a share of the largest value of each."""
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        size = max(float(tensor.abs().max()), 1e-3)
        apart = float((tensor - two[name]).abs().max()) / size
        assert apart <= tolerance, f"{name}: {apart}"


@pytest.mark.parametrize("kind", ["separator", "transcriber"])
def test_gradients_are_those_of_one_process_with_all_mixtures(
    registry: Registry, root: Path, kind: str
) -> None:
    made = {"separator": a_run, "transcriber": a_transcription}[kind]
    run = TrainingRun(made(root, kind, arguments=RICHER[kind]).resolve(registry))
    found = gradients(run)
    assert any(name.startswith("statistic") for name in found)
    close(found, load_file(root / f"{kind}.gradients"), ROUNDING)


def test_complete_mixtures_may_be_one_process_alone() -> None:
    """(1−w)·A + w·B, with three complete mixtures of four here and none there."""
    means, complete = (1.0, 3.0), (5.0, 0.0)  # A of each; B, where there is one
    shares = [consistency_share(0.25, mine, 1.5) for mine in (3, 0)]
    losses = [
        share.scale * ((1 - share.weight) * a + share.weight * b)
        for share, a, b in zip(shares, means, complete, strict=True)
    ]
    assert sum(losses) / 2 == pytest.approx(0.75 * 2.0 + 0.25 * 5.0)
    assert consistency_share(0.25, 0, 0).scale == 1
    assert consistency_share(1.0, 0, 1).scale == 0


@pytest.mark.parametrize("run", ["two", "one-then-two", "two-then-one", "sharded"])
def test_a_run_is_that_of_one_process_but_for_rounding(root: Path, run: str) -> None:
    for name in FILES:
        one, two = (load_file(root / each / f"{name}.safetensors") for each in ("one", run))
        close(one, two, 2e-4)
    one, two = (checkpoint.read_metadata(root / each / "last.safetensors") for each in ("one", run))
    for name, scores in one.scores.items():
        assert two.scores[name] == pytest.approx(scores, abs=1e-3)
    assert two.training["steps"] == STEPS
    assert two.training.get("processes") == (None if run == "two-then-one" else 2)


def test_validation_is_that_of_one_process(
    registry: Registry,
    root: Path,
    seen: list[dict[str, object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few_mixtures(monkeypatch)
    shutil.copytree(root / "two", root / "again")
    run = TrainingRun(a_run(root, "again", resume=True).resolve(registry))
    scores = run.validate()
    assert scores == seen[0]["scores"] == seen[1]["scores"], "to the last bit"
    assert scores == checkpoint.read_metadata(root / "two" / "last.safetensors").scores


def test_each_mixture_is_made_once_and_by_one_process(seen: list[dict[str, list[int]]]) -> None:
    first, second = (one["mixed"] for one in seen)
    assert first[:4] == [0, 1, 4, 5]
    assert second[:4] == [2, 3, 6, 7]
    assert sorted(first + second) == list(range(4 * STEPS))


def test_only_the_first_process_writes(root: Path, seen: list[dict[str, list[str]]]) -> None:
    assert seen[1]["written"] == []
    written = {Path(path).relative_to(root).parts[0] for path in seen[0]["written"]}
    assert written >= {"two", "one-then-two", "two-then-one", "sharded"}
    assert {path.name for path in (root / "two").iterdir()} == {
        *(f"{name}.safetensors" for name in FILES),
        "log",
    }
    assert len(list((root / "two" / "log").iterdir())) == 1


def test_what_any_process_could_not_read_is_counted_by_the_first(
    root: Path, seen: list[dict[str, list[str]]]
) -> None:
    notes = json.loads((root / "notes.json").read_text())
    assert "1 stems could not be read" in notes[0]
    assert [one["notes"] for one in seen] == [notes, []]


def test_parameters_may_be_unused(seen: list[dict[str, object]]) -> None:
    assert [one["unused"] for one in seen] == [True, True]


def command(root: Path, out: Path, *more: str) -> list[str]:
    words = ["train", "--plugin", "bass,flute", "--data", f"tones={root / 'tones'}"]
    words += ["--out", str(out), "--max-steps", "100000", "--validate-every", "5"]
    words += ["--workers", "1", "--device", "cpu", "--seconds", "0.2", "--batch-size", "4"]
    words += [word for pair in NETWORK.items() for word in ("--set", "=".join(map(str, pair)))]
    return [sys.executable, str(ROOT / "cli.py"), *words, "--devices", "2", *more]


def stopped(given: list[str], out: Path, stop: Callable[[int], None]) -> tuple[int, list[str]]:
    """Start a command, stop it once its state is of some steps, and see what it says."""
    began = time.time()
    process = subprocess.Popen(given, stderr=subprocess.PIPE, text=True, start_new_session=True)
    state, deadline = out / "last.safetensors", time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if state.exists() and state.stat().st_mtime > began:
            break
        time.sleep(0.05)
    stop(process.pid)
    _, told = process.communicate(timeout=60)
    lines = [line for line in told.splitlines() if "error" in line or "Traceback" in line]
    assert not _alive(process.pid), "no process outlives the run"
    return process.returncode, lines


def _children(pid: int) -> list[int]:
    """The processes that a process has started, in their order."""
    tasks = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in tasks.split()]


def _alive(session: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_stop_and_a_dead_process_are_one_line_and_the_way_on(root: Path) -> None:
    out = root / "cut"
    code, lines = stopped(
        command(root, out, "--auto-resume"), out, lambda pid: os.kill(pid, signal.SIGTERM)
    )
    assert code == 130
    assert len(lines) == 1
    assert f"the run is kept in {out} — go on with: python" in lines[0]
    before = checkpoint.read_json(out / "resume.safetensors", "timbresep_run")["progress"]["step"]
    assert before >= 5

    def kill_one(pid: int) -> None:
        os.kill(_children(pid)[1], signal.SIGKILL)

    code, lines = stopped(command(root, out, "--auto-resume"), out, kill_one)
    assert code == 1
    assert len(lines) == 1
    assert "process 1 of 2 was ended by SIGKILL, perhaps for want of memory" in lines[0]
    assert "go on with" in lines[0]
    after = checkpoint.read_json(out / "resume.safetensors", "timbresep_run")["progress"]["step"]
    assert after > before, "it had gone on"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"devices": 3}, r"4 mixtures .* evenly among 3 .*--batch-size 6"),
        ({"devices": 2, "device": "mps"}, "cpu or cuda, not on 'mps'"),
        ({"devices": 2}, "this is one process, and the run is one of 2"),
    ],
)
def test_what_cannot_be_shared_is_one_line(
    registry: Registry, root: Path, options: dict[str, object], reason: str
) -> None:
    with pytest.raises(TrainingError, match=reason):
        fit(registry, request(root / "tones", root / "never", **options), silent)
    assert not (root / "never").exists()


def test_one_process_does_not_know_of_fabric() -> None:
    code = (
        "import sys, timbresep.training.loop, timbresep.commands.training; "
        "sys.exit(any(name.partition('.')[0] == 'lightning_fabric' for name in sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "core")}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
