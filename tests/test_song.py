"""`song`: Spleeter's real weights before the bundled network, on real music."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from timbresep import audio
from timbresep.metrics import si_sdr
from timbresep.registry.chain import NO_TRANSCRIBER
from timbresep.registry.registry import REGISTRY_FILE
from timbresep.separation.load import open_separator
from timbresep.separation.options import SeparationOptions

DEMO = REGISTRY_FILE.parent / "data" / "starter" / "demo" / "mixture.flac"


@pytest.fixture(scope="module")
def excerpt() -> dict[str, np.ndarray]:
    """Six seconds of a real song (MUSDB18's, from the package stempeg): stems (channels, n)."""
    if shutil.which("ffprobe") is None:
        pytest.skip("needs ffmpeg")
    import stempeg

    file = next((Path(stempeg.__file__).parent / "data").glob("*.stem.mp4"))
    stems, _ = stempeg.read_stems(str(file), dtype=np.float32)
    return dict(
        zip(("mixture", "drums", "bass", "other", "vocals"), stems.transpose(0, 2, 1), strict=True)
    )


def test_a_singer_is_found_and_nothing_else_is_lost(excerpt: dict[str, np.ndarray]) -> None:
    asked = ["vocals", "drums", "bass"]
    mixture = sum(excerpt[name] for name in (*asked, "other"))
    scores = {}
    for name in ("universal", "song"):
        alone = SeparationOptions(transcriber=NO_TRANSCRIBER if name == "universal" else None)
        stems = open_separator(asked, separator=name, options=alone).separate(mixture, 44_100)
        scores[name] = {one: float(si_sdr(excerpt[one], stems[one])) for one in asked}
    assert scores["song"]["vocals"] > scores["universal"]["vocals"] + 3
    for one in ("drums", "bass"):
        assert scores["song"][one] > scores["universal"][one] - 0.3


def test_an_ensemble_that_the_network_knows_is_left_to_it() -> None:
    """Spleeter takes part of the bundled chorale's violin and choir for a singer: -8 dB of it."""
    wave, rate = audio.read(DEMO)
    wave = wave[:, : 8 * rate]
    song, universal = (
        open_separator(["violin", "vocals"], separator=name).separate(wave, rate)
        for name in ("song", "universal")
    )
    for name, stem in universal.items():
        np.testing.assert_array_equal(song[name], stem)


def test_in_a_song_the_transcriber_changes_nothing(excerpt: dict[str, np.ndarray]) -> None:
    """Spleeter's singer counts, and what a source model has found stays as it is."""
    mixture = sum(excerpt[name] for name in ("vocals", "drums", "bass", "other"))
    alone = SeparationOptions(transcriber=NO_TRANSCRIBER)
    both = [
        open_separator(["vocals", "bass"], separator="song", options=options).separate(
            mixture, 44_100
        )
        for options in (SeparationOptions(), alone)
    ]
    for name, stem in both[0].items():
        np.testing.assert_array_equal(stem, both[1][name])
