"""The desk of a server: what stays open from one job to the next, and what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import PLAIN, RATE, GainBackbone, loaded
from timbresep import audio
from timbresep.separation.separator import Separator
from timbresep.server import work
from timbresep.server.settings import ServerSettings
from timbresep.server.work import Desk, Upload, Wish

NOTES = ("reference-0.wav",)


def test_the_notes_of_a_recording_count_for_it_and_for_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, ...]] = []

    def open_one(_: list[str], **how: Any) -> Separator:
        opened.append(tuple(how["reference"]))
        return Separator(loaded(GainBackbone(1), loud=0.5), options=PLAIN)

    monkeypatch.setattr(work, "open_separator", open_one)
    monkeypatch.setattr(work.reference, "from_files", lambda _: np.zeros(1, np.float32))
    desk = Desk(ServerSettings(folder=tmp_path, plugins=tmp_path / "made", device="cpu"))
    for number, notes in enumerate([(), NOTES, (), NOTES]):
        folder = tmp_path / str(number)
        audio.write(folder / "recording.wav", np.full((1, RATE), 0.1, np.float32), RATE)
        upload = Upload("recording.wav", "song", None, "loud" if notes else "", notes)
        desk.separate(folder, upload, Wish(instruments=("loud",)), lambda _: None)
    assert opened == [(), ("loud",), ("loud",)]  # without notes, the first stays open
