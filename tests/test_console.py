"""What long operations tell about themselves."""

from __future__ import annotations

import logging

import pytest

from core import console


@pytest.mark.parametrize(
    ("first", "expected"), [(0.0, "0:10 left"), (0.4, "0:50 left")], ids=["fresh", "resumed"]
)
def test_time_left_counts_from_where_it_began(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, first: float, expected: str
) -> None:
    clock = iter([0.0, 0.0, 10.0])  # made, first report, second report
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(console, "LINE_EVERY", 5.0)
    logger = logging.getLogger("core")
    monkeypatch.setattr(logger, "propagate", True)
    update = console._lines("training")
    with caplog.at_level(logging.INFO, logger="core"):
        update(first, "")
        update(0.5, "")
    assert expected in caplog.text
