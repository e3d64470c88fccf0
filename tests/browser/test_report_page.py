"""The page of a file that was separated, in a browser: it plays in sync and needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import until

from timbresep import audio
from timbresep.notes.score import Note, StemNotes
from timbresep.report.separated import Origin, write_page
from timbresep.separation.one_file import FileReport
from timbresep.separation.presence import Presence

RATE = 44_100
SECONDS = 4


@pytest.fixture
def report(tmp_path: Path) -> Path:
    time = np.arange(SECONDS * RATE) / RATE
    stems = {
        name: 0.2 * np.sin(2 * np.pi * hz * time)[None] for name, hz in (("a", 220), ("b", 660))
    }
    audio.write(tmp_path / "song.wav", sum(stems.values()).astype(np.float32), RATE)
    for name, wave in stems.items():
        audio.write(tmp_path / f"{name}.wav", wave.astype(np.float32), RATE)
    notes = StemNotes("a", "a", (Note(0.5, 1.5, 57), Note(2.0, 3.0, 60)))
    everyone = (Presence("a", -3.0, plays=True, notes=notes), Presence("b", -3.0, plays=True))
    outputs = tuple(tmp_path / f"{name}.wav" for name in stems)
    done = FileReport(
        *(tmp_path / "song.wav", outputs, float(SECONDS), 1.0, ()),
        folder=tmp_path,
        everyone=everyone,
    )
    return write_page(done, Origin("a network", {}, {"weights": "MIT"}))


def state(page: Any) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("window.timbresepMixers[0].state()")
    return found


def test_tracks_play_on_one_clock_with_solo_mute_and_level(page: Any, report: Path) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url[:60]))
    page.goto(report.as_uri())
    assert state(page)["gains"] == [0, 1, 1]  # the mixture is muted
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, "window.timbresepMixers[0].state().position > 0.3")
    lengths = state(page)["lengths"]
    assert max(lengths) - min(lengths) < 0.02
    assert lengths[0] == pytest.approx(SECONDS, abs=0.06)
    page.get_by_role("button", name="Solo a").click()
    assert state(page)["gains"] == [0, 1, 0]
    page.get_by_role("button", name="Solo a").click()
    page.get_by_role("button", name="Mute b").click()
    assert state(page)["gains"] == [0, 1, 0]
    page.get_by_label("Level of a in dB").fill("-20")
    assert state(page)["gains"] == pytest.approx([0, 0.1, 0])
    page.get_by_role("button", name="Pause").click()
    assert not state(page)["playing"]
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []


def test_what_is_decoded_is_in_sync_within_20_ms(page: Any, report: Path) -> None:
    page.goto(report.as_uri())
    page.evaluate("window.timbresepMixers[0].load()")
    starts = page.evaluate(
        """window.timbresepMixers[0].tracks.map((track) => {
            const samples = track.buffer.getChannelData(0);
            const loud = samples.findIndex((sample) => Math.abs(sample) > 0.05);
            return loud / track.buffer.sampleRate;
        })"""
    )
    assert max(starts) - min(starts) < 0.02
    assert max(starts) < 0.06


def test_the_keyboard_is_enough(page: Any, report: Path) -> None:
    page.goto(report.as_uri())
    page.keyboard.press("2")
    assert state(page)["gains"] == [0, 1, 0]
    page.keyboard.press("ArrowRight")
    assert state(page)["position"] == pytest.approx(SECONDS, abs=0.01)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press(" ")
    until(page, "window.timbresepMixers[0].state().playing")


def test_it_fits_a_phone(page: Any, report: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto(report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Notes").click()
    assert page.locator(".roll rect").count() == 2
    assert page.locator(".roll").first.is_visible()
