"""Reading, writing and resampling audio."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from disks import full_disk
from timbresep import audio
from timbresep.audio.writer import AudioWriter
from timbresep.errors import AudioError, OutputExistsError


def noise(channels: int = 2, samples: int = 4000, level: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (level * rng.standard_normal((channels, samples))).astype(np.float32)


def tone(hz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hz * time))[None].astype(np.float32)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_integers_survive_exactly(tmp_path: Path, name: str, subtype: str) -> None:
    whole = np.random.default_rng(0).integers(-(2**15), 2**15, (2, 1000))
    wave = (whole / 2**15).astype(np.float32)
    audio.write(tmp_path / name, wave, 44100, subtype)
    back, rate = audio.read(tmp_path / name)
    assert rate == 44100
    assert np.array_equal(back, wave)


def test_float_wav_is_exact_even_beyond_one(tmp_path: Path) -> None:
    wave = noise(level=3.0)
    audio.write(tmp_path / "a.wav", wave, 48000)
    assert soundfile.info(tmp_path / "a.wav").subtype == "FLOAT"
    assert np.array_equal(audio.read(tmp_path / "a.wav")[0], wave)


def test_clipping_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        audio.write(tmp_path / "a.flac", 1.5 * tone(440, 8000) / 0.5, 8000)
    assert "1.500" in caplog.text
    assert "clipped" in caplog.text
    assert np.abs(audio.read(tmp_path / "a.flac")[0]).max() <= 1.0


def test_a_window_is_that_part_of_the_whole(tmp_path: Path) -> None:
    wave = noise()
    audio.write(tmp_path / "a.wav", wave, 8000)
    part, _ = audio.read(tmp_path / "a.wav", start=100, frames=50)
    assert np.array_equal(part, wave[:, 100:150])
    for start, frames in ((3990, 50), (-1, 10), (4000, -1), (0, 0)):
        with pytest.raises(AudioError, match="4000"):
            audio.read(tmp_path / "a.wav", start, frames)


def test_blocks_make_up_the_file(tmp_path: Path) -> None:
    wave = noise()
    audio.write(tmp_path / "a.wav", wave, 8000)
    blocks = list(audio.read_blocks(tmp_path / "a.wav", block=333))
    assert max(block.shape[1] for block in blocks) == 333
    assert np.array_equal(np.concatenate(blocks, axis=1), wave)


def test_info_reads_no_samples(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", noise(1, 16000), 8000)
    about = audio.info(tmp_path / "a.wav")
    assert (about.rate, about.channels, about.frames, about.duration) == (8000, 1, 16000, 2.0)


def test_unusable_files_are_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "noise.wav").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "song.xyz").write_bytes(b"not audio" * 100)
    (tmp_path / "bare.raw").write_bytes(bytes(1000))
    soundfile.write(tmp_path / "none.wav", np.zeros((0, 1)), 8000)
    audio.write(tmp_path / "long.wav", noise(), 8000)
    data = (tmp_path / "long.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[: len(data) // 2])
    reasons = {
        "missing.wav": "No such file",
        ".": "folder",
        "empty.wav": "empty",
        "noise.wav": "not readable",
        "song.xyz": "not readable",
        "bare.raw": "not readable",
        "none.wav": "no samples",
        "cut.wav": "cut short",
    }
    for name, reason in reasons.items():
        with pytest.raises(AudioError, match=reason) as caught:
            audio.read(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_cut_flac_is_never_taken_for_whole(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.flac", noise(1, 100_000), 8000)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match="cut short"):
        audio.read(tmp_path / "cut.flac")


def test_an_mp3_may_lack_its_last_frame_and_no_more(tmp_path: Path) -> None:
    """Encoders' headers count a frame that decoders do not always give."""
    path = tmp_path / "song.mp3"
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
    soundfile.write(path, tone, 44_100)
    whole, _ = audio.read(path)
    data = path.read_bytes()
    path.write_bytes(data[:-100])
    short, _ = audio.read(path)
    assert short.shape == whole.shape
    end = whole.shape[1] - 2 * audio.MP3_FRAME
    np.testing.assert_allclose(short[:, :end], whole[:, :end], atol=1e-4)
    assert not short[:, -100:].any()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match="header says"):
        audio.read(path)


def test_a_header_that_does_not_know_the_size_is_fine(tmp_path: Path) -> None:
    wave = noise(1, 1000)
    soundfile.write(tmp_path / "a.wav", wave.T, 8000, subtype="PCM_16")
    data = bytearray((tmp_path / "a.wav").read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"  # what a program that writes to a pipe leaves
    (tmp_path / "a.wav").write_bytes(bytes(data))
    assert audio.read(tmp_path / "a.wav")[0].shape == (1, 1000)


def test_the_time_of_a_nan_is_named(tmp_path: Path) -> None:
    wave = noise(2, 16000)
    wave[1, 12000] = np.nan
    soundfile.write(tmp_path / "a.wav", wave.T, 8000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"1\.500 s"):
        audio.read(tmp_path / "a.wav")
    with pytest.raises(AudioError, match=r"1\.500 s"):
        audio.write(tmp_path / "b.wav", wave, 8000)
    assert not (tmp_path / "b.wav").exists()


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    first, second = noise(), noise(level=0.2)
    audio.write(tmp_path / "a.wav", first, 8000)
    with pytest.raises(OutputExistsError):
        audio.write(tmp_path / "a.wav", second, 8000)
    assert np.array_equal(audio.read(tmp_path / "a.wav")[0], first)
    audio.write(tmp_path / "a.wav", second, 8000, overwrite=True)
    assert np.array_equal(audio.read(tmp_path / "a.wav")[0], second)


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.mp4", None), ("a.flac", "FLOAT"), ("a.wav", "VORBIS")]
)
def test_formats_that_are_not_written(tmp_path: Path, name: str, subtype: str | None) -> None:
    with pytest.raises(AudioError, match="use one of"):
        audio.write(tmp_path / name, noise(), 8000, subtype)
    assert list(tmp_path.iterdir()) == []


def test_a_wav_beyond_four_gigabytes_is_rf64(tmp_path: Path) -> None:
    frames = 10 * 3600 * 44100
    with AudioWriter(tmp_path / "part", tmp_path / "a.wav", 44100, 2, frames=frames) as writer:
        writer.write(noise())
    assert (tmp_path / "part").read_bytes()[:4] == b"RF64"


@pytest.mark.parametrize(("old", "new"), [(48000, 44100), (8000, 44100), (44100, 16000)])
def test_resampling_keeps_a_tone_and_its_timing(old: int, new: int) -> None:
    out = audio.resample(tone(440, old), old, new)
    assert out.dtype == np.float32
    assert out.shape == (1, new)
    inner = slice(new // 10, -new // 10)
    assert np.abs(out - tone(440, new))[:, inner].max() < 1e-3


def test_equal_rates_are_the_identity() -> None:
    wave = noise()
    assert audio.resample(wave, 44100, 44100) is wave


@pytest.mark.parametrize("samples", [1, 2, 7])
def test_resampling_a_few_samples(samples: int) -> None:
    assert audio.resample(noise(2, samples), 8000, 44100).shape == (2, -(-samples * 441 // 80))
    assert audio.resample(noise(2, samples), 44100, 8000).shape[1] >= 1


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_the_same_sound_is_the_same_bytes_at_any_time(tmp_path: Path, suffix: str) -> None:
    wave = 0.1 * np.random.default_rng(0).standard_normal((2, 30_000)).astype(np.float32)
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    audio.write(first, wave, 44_100)
    if suffix == ".wav":
        assert b"PEAK" not in first.read_bytes()  # which would hold the second of writing
    audio.write(second, wave, 44_100)
    assert first.read_bytes() == second.read_bytes()
    again, rate = audio.read(second)
    assert (again.shape, rate) == (wave.shape, 44_100)


def test_a_disk_without_room_for_a_header_is_told(tmp_path: Path) -> None:
    with full_disk(0), pytest.raises(AudioError, match=r"a\.wav: File too large"):
        audio.write(tmp_path / "a.wav", np.zeros((1, 10), np.float32), 8000)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_not_utf8_is_written_and_read(tmp_path: Path) -> None:
    wave = np.full((1, 100), 0.5, np.float32)
    path = tmp_path / os.fsdecode(b"caf\xe9") / os.fsdecode(b"\xff.wav")
    audio.write(path, wave, 8000)
    assert np.array_equal(audio.read(path)[0], wave)
