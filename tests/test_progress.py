"""What long operations tell about themselves."""

from __future__ import annotations

import logging

import pytest

from timbresep.commands import progress


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
