"""Lengths that lie: what can be read is read to its end, and what is cut is refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from timbresep import audio
from timbresep.audio.reading.promise import among_chunks
from timbresep.errors import AudioError

RATE = 44_100
SECONDS = 2
Change = Callable[[bytes], bytes]
ID3 = b"ID3\x03\x00\x00\x00\x00\x1f\x00"  # says that 31 · 128 bytes follow
TAG = ID3 + b"APIC" + b"\xff\xfb\x90\x64" * 991  # a cover that looks like frames
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 832, 1, 0) + bytes(8 + 800)
INFO = 417  # bytes of an Info frame at 44.1 kHz and 128 kbit/s


def music(loud_first: bool = True) -> np.ndarray:
    """Noise and near silence (samples, 2): what a variable bit rate is made for."""
    wave = 0.3 * np.random.default_rng(0).standard_normal((SECONDS * RATE, 2))
    half = slice(RATE, None) if loud_first else slice(0, RATE)
    wave[half] *= 1e-4
    return np.clip(wave, -1, 1)


def mp3(path: Path, loud_first: bool = True) -> bytes:
    soundfile.write(
        path, music(loud_first), RATE, compression_level=0.3, bitrate_mode="VARIABLE", format="MP3"
    )
    data = path.read_bytes()
    at = max(data.find(b"Xing"), data.find(b"Info"))
    assert at == 36
    return data


def bare(data: bytes) -> bytes:
    """The same MP3 without the frame that counts the others."""
    second = data.index(data[:2], 4)
    return data[second:]


def counting(data: bytes, factor: float) -> bytes:
    """The same MP3 with another count of frames, but the right count of bytes."""
    (frames,) = struct.unpack(">I", data[44:48])
    return data[:44] + struct.pack(">I", int(frames * factor)) + data[48:]


@pytest.mark.parametrize("loud_first", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        bare,
        lambda data: TAG + bare(data),
        lambda data: TAG + data,
        lambda data: TAG + TAG + bare(data) + APE + b"TAG" + bytes(125),
        lambda data: bytes(3000) + bare(data),
        lambda data: counting(data, 0.5),
        lambda data: counting(data, 2),
        lambda data: b"ID3\x03\x00\x00\x7f\x7f\x7f\x7f" + bare(data),
        lambda data: bare(data) + b"\0" * 5000,
    ],
    ids=["bare", "tag", "counted tag", "tags", "zeros", "few", "many", "wrong tag", "padded"],
)
def test_an_mp3_is_as_long_as_its_frames(tmp_path: Path, change: Change, loud_first: bool) -> None:
    whole = tmp_path / "whole.mp3"
    data = mp3(whole, loud_first)
    path = tmp_path / "a.mp3"
    path.write_bytes(change(data))
    wave, rate = audio.read(path)
    assert audio.info(path).frames == wave.shape[1]
    assert rate == RATE
    assert SECONDS * RATE <= wave.shape[1] <= SECONDS * RATE + 3 * audio.MP3_FRAME
    reference = audio.read(whole)[0][0]
    probe = 20_000 if loud_first else 64_000  # where it is loud
    found = np.correlate(wave[0], reference[probe : probe + 1000])
    delay = int(np.argmax(found)) - probe
    assert 0 <= delay <= 3 * audio.MP3_FRAME
    aligned = wave[0][delay : delay + len(reference)]
    np.testing.assert_allclose(aligned, reference[: len(aligned)], atol=2e-3)
    part, _ = audio.read(path, start=70_000, frames=1000)
    np.testing.assert_allclose(part, wave[:, 70_000:71_000], atol=1e-6)


def test_mp3_files_joined_are_read_to_the_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = mp3(tmp_path / "one.mp3")
    (tmp_path / "two.mp3").write_bytes(data + TAG + data)
    about = audio.info(tmp_path / "two.mp3")
    assert about.duration == pytest.approx(2 * SECONDS, abs=0.1)
    assert audio.read(tmp_path / "two.mp3")[0].shape[1] == about.frames
    assert "counts" in about.notes[0]
    assert capfd.readouterr().err == ""  # nothing of a decoder's own


def test_an_mp3_that_is_cut_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    data = mp3(path)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match="cut short"):
        audio.info(path)
    data = bare(data)
    path.write_bytes(data[:9000] + b"\x55" * 2000 + data[11_000:])
    about = audio.info(path)
    assert "damaged bytes" in about.notes[0]
    assert audio.read(path)[0].shape[1] == about.frames
    path.write_bytes(data[:2000] + b"\x55" * 90_000 + data[2000:9000])
    with pytest.raises(AudioError, match="no MPEG frames"):
        audio.info(path)


def test_an_mp3_that_becomes_another_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "mono.mp3", music()[:, 0], 22_050, format="MP3")
    (tmp_path / "a.mp3").write_bytes(
        bare(mp3(tmp_path / "stereo.mp3")) + (tmp_path / "mono.mp3").read_bytes()
    )
    with pytest.raises(AudioError, match="changes from 44100 Hz stereo to 22050 Hz mono"):
        audio.info(tmp_path / "a.mp3")


def wav(
    tmp_path: Path, size: int | None = None, outer: int | None = None, after: bytes = b""
) -> Path:
    """A WAV of 1000 stereo frames in 16 bits, whose header tells these sizes."""
    soundfile.write(tmp_path / "a.wav", music()[:1000], RATE, "PCM_16")
    data = bytearray((tmp_path / "a.wav").read_bytes() + after)
    assert data[36:40] == b"data"
    if size is not None:
        data[40:44] = struct.pack("<I", size)
    if outer is not None:
        data[4:8] = struct.pack("<I", outer)
    (tmp_path / "a.wav").write_bytes(data)
    return tmp_path / "a.wav"


LIST = b"LIST" + struct.pack("<I", 14) + b"INFOINAM\x02\x00\x00\x00hi"
FULL = 4000


@pytest.mark.parametrize(
    ("size", "outer", "after", "noted"),
    [
        (FULL, None, b"", False),
        (FULL, FULL + 36 + 22, LIST, False),
        (FULL, None, LIST, False),
        (FULL, None, LIST[:-5], False),
        (FULL, None, b"\0", False),
        (FULL, None, b"junk" * 100, True),
        (FULL + 4, None, b"", True),
        (FULL + 36, None, b"", True),
        (FULL - 4, None, b"", True),
        (FULL - 8, FULL + 36 + 22, LIST, True),
        (FULL + 4, FULL + 36 + 22, LIST, True),
        (0, None, b"", True),
        (0, 0, b"", True),
        (100, None, b"", True),
        (2**32 - 1, 2**32 - 1, b"", True),
        (2**31 - 1, None, b"", True),
        (0x7FFFF000, 0x7FFFF024, b"", True),
    ],
)
def test_a_wav_whose_sizes_are_wrong(
    tmp_path: Path, size: int, outer: int | None, after: bytes, noted: bool
) -> None:
    path = wav(tmp_path, size, outer, after)
    wave, _ = audio.read(path)
    np.testing.assert_allclose(wave.T, music()[:1000], atol=1 / 2**15)
    about = audio.info(path)
    assert about.frames == 1000
    assert bool(about.notes) == noted


def test_a_size_that_passed_four_gigabytes() -> None:
    real = 5 * 2**30
    found = among_chunks(
        "x", 44, real % 2**32, 44 + real, outer=36 + real % 2**32, follows=lambda _: False
    )
    assert found.length == real
    assert "4 GiB" in found.note
    assert among_chunks("x", 44, 1000, 1044, outer=1036, follows=lambda at: at == 1044).note == ""


@pytest.mark.parametrize("mark", [b"BW64", b"RF64"])
@pytest.mark.parametrize("known", [True, False])
def test_large_wav_formats(tmp_path: Path, mark: bytes, known: bool) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, music(), RATE, "PCM_24", format="RF64")
    data = bytearray(path.read_bytes())
    data[:4] = mark
    at = data.index(b"ds64")
    if not known:
        data[at + 8 : at + 24] = bytes(16)
    path.write_bytes(data)
    wave, _ = audio.read(path)
    np.testing.assert_allclose(wave.T, music(), atol=1 / 2**22)
    if known:
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(AudioError, match="cut short"):
            audio.info(path)


@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "IMA_ADPCM"),
        ("WAVEX", "FLOAT"),
        ("RF64", "PCM_24"),
        ("W64", "PCM_16"),
        ("AIFF", "PCM_24"),
        ("AIFF", "FLOAT"),
        ("AU", "PCM_16"),
        ("CAF", "PCM_16"),
        ("CAF", "ALAC_16"),
        ("VOC", "PCM_16"),
        ("NIST", "PCM_16"),
        ("MAT4", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("FLAC", "PCM_24"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", "MPEG_LAYER_III"),
    ],
)
def test_half_a_file_is_refused(tmp_path: Path, form: str, subtype: str) -> None:
    path = tmp_path / f"a.{form.lower()}"
    rate = 48_000 if subtype == "OPUS" else RATE
    soundfile.write(path, music(), rate, subtype, format=form)
    about = audio.info(path)
    assert about.frames == audio.read(path)[0].shape[1] >= 2 * RATE
    assert about.notes == ()
    data = path.read_bytes()
    for part in (0.5, 0.97):
        path.write_bytes(data[: int(len(data) * part)])
        with pytest.raises(AudioError, match="cut short"):
            audio.info(path)


def test_flac_whose_header_does_not_know_its_length(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, music(), RATE, "PCM_16")
    data = path.read_bytes()
    for told in (0, 30_000):
        header = data[:21] + bytes([data[21] & 0xF0]) + struct.pack(">I", told)
        path.write_bytes(header + data[26:] + b"TAG" + bytes(125))
        wave, _ = audio.read(path)
        np.testing.assert_allclose(wave.T, music(), atol=1 / 2**15)
        (note,) = audio.info(path).notes
        assert "length" in note or "longer" in note


@pytest.mark.parametrize("samples", [1, 100, 4096, 4097, 8192, 60_001])
@pytest.mark.parametrize("silent", [True, False])
def test_a_whole_flac_of_any_length_is_whole(tmp_path: Path, samples: int, silent: bool) -> None:
    wave = music()[:samples] * (not silent)
    soundfile.write(tmp_path / "a.flac", wave, RATE, "PCM_16")
    about = audio.info(tmp_path / "a.flac")
    assert (about.frames, about.notes) == (samples, ())


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_chain_of_ogg_streams_is_one_recording(tmp_path: Path, subtype: str) -> None:
    one, two, path = (tmp_path / f"{name}.ogg" for name in ("one", "two", "chain"))
    rate = 48_000
    soundfile.write(one, music(), rate, subtype, format="OGG")
    soundfile.write(two, music(loud_first=False), rate, subtype, format="OGG")
    path.write_bytes(one.read_bytes() + two.read_bytes() + b"junk")
    wave, _ = audio.read(path)
    parts = [audio.read(part)[0] for part in (one, two)]
    np.testing.assert_array_equal(wave, np.concatenate(parts, axis=1))
    start = parts[0].shape[1] - 100
    np.testing.assert_allclose(
        audio.read(path, start, 200)[0], wave[:, start : start + 200], atol=1e-3
    )
    soundfile.write(two, music()[:, 0], rate, subtype, format="OGG")
    path.write_bytes(one.read_bytes() + two.read_bytes())
    with pytest.raises(AudioError, match="different rates or channels"):
        audio.info(path)


@pytest.mark.parametrize(("form", "at", "code"), [("AU", 8, ">I"), ("CAF", 4, ">q")])
def test_sizes_left_open(tmp_path: Path, form: str, at: int, code: str) -> None:
    path = tmp_path / "a"
    soundfile.write(path, music(), RATE, "PCM_16", format=form)
    data = bytearray(path.read_bytes())
    at += data.index(b"data") if form == "CAF" else 0
    data[at : at + struct.calcsize(code)] = struct.pack(code, 0)
    path.write_bytes(data)
    assert audio.info(path).frames == SECONDS * RATE
    assert "length" in audio.info(path).notes[0]


def test_mp3_in_a_wav(tmp_path: Path) -> None:
    sound = bare(mp3(tmp_path / "a.mp3"))
    form = struct.pack("<HHIIHHHIHHH", 0x55, 2, RATE, 16_000, 1, 0, 12, 1, 2, 417, 1)
    inner = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data"
    inner += struct.pack("<I", len(sound)) + sound
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(inner)) + inner)
    about = audio.info(path)
    assert about.duration == pytest.approx(SECONDS, abs=0.1)
    assert audio.read(path)[0].shape[1] == about.frames
