"""STEM files: what is written is what the format's readers find."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from timbresep import audio
from timbresep.audio.stem_file import write_stem_file
from timbresep.data.sources.stem_mp4 import read_stream, stream_info
from timbresep.errors import AudioError, OutputExistsError

RATE = 44_100
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture
def stems(tmp_path: Path) -> list[Path]:
    time = np.arange(RATE) / RATE
    waves = [
        0.1 * np.sin(2 * np.pi * hz * time)[None].repeat(2, axis=0) for hz in (220, 330, 440, 550)
    ]
    for name, wave in zip(("mixture", "a", "b", "c", "d"), [sum(waves), *waves], strict=True):
        audio.write(tmp_path / f"{name}.wav", np.asarray(wave, np.float32), RATE)
    return [tmp_path / f"{name}.wav" for name in "abcd"]


@needs_ffmpeg
def test_readers_find_the_mixture_and_four_named_stems(stems: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "song.stem.mp4"
    write_stem_file(path, tmp_path / "mixture.wav", stems, overwrite=False)
    assert len(stream_info(path)) == 5
    for stream, hz in ((1, 220), (4, 550)):
        wave = read_stream(path, stream)
        wave = wave.T if wave.shape[0] > wave.shape[1] else wave
        spectrum = np.abs(np.fft.rfft(wave[0][:RATE]))
        assert spectrum.argmax() == pytest.approx(hz, abs=2)
    data = path.read_bytes()
    at = data.index(b"stem", data.index(b"udta"))
    size = int.from_bytes(data[at - 4 : at], "big")
    told = json.loads(data[at + 4 : at - 4 + size])
    assert [stem["name"] for stem in told["stems"]] == ["a", "b", "c", "d"]
    with pytest.raises(OutputExistsError):
        write_stem_file(path, tmp_path / "mixture.wav", stems, overwrite=False)


@needs_ffmpeg
def test_what_ffmpeg_cannot_read_leaves_nothing(stems: list[Path], tmp_path: Path) -> None:
    stems[1].write_bytes(b"no audio")
    with pytest.raises(AudioError, match="ffmpeg"):
        write_stem_file(tmp_path / "x.stem.mp4", tmp_path / "mixture.wav", stems, overwrite=False)
    assert not list(tmp_path.glob("*.mp4*"))


def test_it_takes_four_stems(stems: list[Path], tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="4 stems, and there are 3"):
        write_stem_file(tmp_path / "x.stem.mp4", stems[0], stems[1:], overwrite=False)
