"""What long operations tell about themselves."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from terminals import on_a_terminal
from timbresep.commands import progress
from timbresep.running.loading import loading, told_of_loading


@pytest.mark.parametrize(
    ("first", "expected"), [(0.0, "0:10 left"), (0.4, "0:50 left")], ids=["fresh", "resumed"]
)
def test_time_left_counts_from_where_it_began(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, first: float, expected: str
) -> None:
    now = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    monkeypatch.setattr(logging.getLogger("timbresep"), "propagate", True)
    update = progress._lines("training")
    with caplog.at_level(logging.INFO, logger="timbresep"):
        now = 107.0  # loading takes its time, and is no part of the pace
        update(first, "")
        assert "left" not in caplog.text  # nothing is known yet
        now = 117.0
        update(0.5, "")
    assert expected in caplog.text


def test_clock() -> None:
    assert [progress.clock(s) for s in (0.4, 61, 3725)] == ["0:00", "1:01", "1:02:05"]


def test_the_parts_that_are_loaded_are_told() -> None:
    from timbresep.separation.load import open_separator

    parts = list[str]()
    with told_of_loading(parts.append):
        open_separator(["violin"], separator="universal")
    assert parts == ["network universal.safetensors", "transcriber notes.safetensors"]
    loading("nothing that anyone waits for")
    assert len(parts) == 2


WAITING = """
import time
from timbresep.commands.console import be_quiet
from timbresep.commands.progress import working
from timbresep.running.loading import loading
be_quiet({quiet})
with working("loading"):
    time.sleep(0.2)
    loading("network best.safetensors")
    time.sleep(0.2)
"""


def test_a_terminal_shows_what_is_loaded(root: Path) -> None:
    shown, _ = on_a_terminal(WAITING.format(quiet=False), root, stdout_too=True)
    assert "loading …" in shown
    assert "loading network best.safetensors …" in shown
    quiet, _ = on_a_terminal(WAITING.format(quiet=True), root, stdout_too=True)
    assert "loading" not in quiet
