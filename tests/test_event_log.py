"""Events are TensorBoard's, are in the file at once, and an error of the disk is told as one."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from timbresep.errors import OutputError
from timbresep.training.event_log import EventLog


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_tensorboard_reads_what_is_logged_at_once(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "log")
    assert not (tmp_path / "log").exists()
    before = threading.active_count()
    log.scalars({"loss": 1.5, "rate": 0.1}, 3)
    log.audio("heard", torch.zeros(1, 800), 3, 8000)
    log.image("seen", np.zeros((4, 6, 3), np.uint8), 3)
    assert threading.active_count() == before
    events = read(tmp_path / "log")  # it is not closed yet
    assert events.Tags()["scalars"] == ["loss", "rate"]
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(3, 1.5)]
    assert events.Audio("heard")[0].sample_rate == 8000
    assert (events.Images("seen")[0].width, events.Images("seen")[0].height) == (6, 4)
    log.close()


def test_a_run_that_goes_on_forgets_what_came_after(tmp_path: Path) -> None:
    first = EventLog(tmp_path)
    for step in (1, 2, 3):
        first.scalars({"loss": 0.0}, step)
    first.close()
    second = EventLog(tmp_path, after=2)
    second.scalars({"loss": 1.0}, 3)
    second.close()
    found = [(e.step, e.value) for e in read(tmp_path).Scalars("loss")]
    assert found == [(1, 0.0), (2, 0.0), (3, 1.0)]


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no disk that is always full")
def test_what_the_disk_refuses_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*file"):
        EventLog(tmp_path / "file").scalars({"loss": 1.0}, 1)
    full = EventLog(tmp_path)
    full._file = Path("/dev/full").open("wb")  # noqa: SIM115
    with pytest.raises(OutputError, match=f"cannot write {tmp_path}: No space left on device"):
        full.scalars({"loss": 1.0}, 1)


def test_tensorflow_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('imported')\n")
    code = (
        "from pathlib import Path; from timbresep.training.event_log import EventLog; "
        f"EventLog(Path({str(tmp_path)!r})).scalars({{'x': 1.0}}, 1)"
    )
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(1, {str(tmp_path)!r}); {code}"],
        cwd=Path(__file__).parents[1],
        check=True,
    )
