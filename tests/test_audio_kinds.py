"""What a file is, whatever its name says; what libsndfile does not read goes through ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from timbresep import audio
from timbresep.audio.reading import program
from timbresep.errors import AudioError

RATE = 44_100
Encode = Callable[..., Path]
ADTS = bytes([0xFF, 0xF1, 0x50, 0x80, 0x02, 0x1F, 0xFC]) + bytes(9)  # a frame of 16 bytes

needs_ffmpeg = pytest.mark.skipif(not program.installed(), reason="ffmpeg is not installed")


def music(seconds: float = 2.0) -> np.ndarray:
    """(samples, 2), whole numbers of 24 bits."""
    wave = 0.1 * np.random.default_rng(0).standard_normal((round(seconds * RATE), 2))
    return np.rint(wave * 2**23) / 2**23


@pytest.fixture
def encoded(tmp_path: Path) -> Encode:
    """Encodes the music with ffmpeg into a file of the test's folder."""

    def encode(name: str, *options: str) -> Path:
        source, target = tmp_path / "source.wav", tmp_path / name
        soundfile.write(source, music(), RATE, "PCM_24")
        program_ = shutil.which("ffmpeg")
        assert program_ is not None
        command = [program_, "-nostdin", "-v", "error", "-y", "-i", str(source), *options]
        subprocess.run([*command, f"file:{target}"], check=True)
        return target

    return encode


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!DOCTYPE html><html><body>404</body></html>" * 20, "a web page"),
        (b"\xef\xbb\xbf\n <HTML>\n" + b"x" * 500, "a web page"),
        (b'{"error": "not found"}', "text"),
        ("Не найдено. ".encode() * 300, "text"),
        ("nothing here".encode("utf-16"), "text"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "a PDF document"),
        (b"PK\x03\x04" + bytes(100), "a ZIP archive"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100), "a JPEG picture"),
        (b"MThd\x00\x00\x00\x06" + bytes(100), "a MIDI file"),
        (b"#EXTM3U\nother.mp3\n", "a playlist"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(100), "a WebP picture"),
        (b"\xff\xfb\x90\x64" + bytes(2000), "no MPEG frames"),
        (b"ID3\x03\x00\x00\x00\x00\x00\x05hello" + bytes(2000), "no MPEG frames"),
        (np.random.default_rng(0).bytes(5000), "no MPEG frames"),
    ],
)
@pytest.mark.parametrize("name", ["song.mp3", "song.wav"])
def test_what_is_no_audio_is_called_by_its_name(
    tmp_path: Path, name: str, data: bytes, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AudioError) as caught:
        audio.info(tmp_path / name)
    assert said in str(caught.value) or (name == "song.wav" and "not readable" in str(caught.value))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x00\x00\x00\x1cftypM4A " + bytes(100), "MPEG-4 file (M4A, audio in AAC"),
        (ADTS * 10, "an AAC file"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x05hello" + ADTS * 10, "an AAC file"),
        (b"\x1a\x45\xdf\xa3" + bytes(100), "Matroska"),
        (b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(100), "AVI"),
    ],
)
def test_without_ffmpeg_the_way_out_is_told(
    tmp_path: Path, data: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program.shutil, "which", lambda _: None)
    path = tmp_path / "song.mp3"
    path.write_bytes(data)
    with pytest.raises(AudioError, match=r"although it is named \.mp3") as caught:
        audio.info(path)
    assert said in caught.value.message
    assert "ffmpeg" in caught.value.hint


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [("a.m4a", ["-c:a", "alac"]), ("a.mka", ["-c:a", "flac"]), ("a.mov", ["-c:a", "pcm_s24le"])],
)
def test_lossless_formats_lose_nothing(encoded: Encode, name: str, options: list[str]) -> None:
    path = encoded(name, *options)
    wave, rate = audio.read(path)
    assert rate == RATE
    np.testing.assert_array_equal(wave.T, music().astype(np.float32))
    about = audio.info(path)
    assert (about.frames, about.channels, about.notes) == (len(music()), 2, ())
    np.testing.assert_array_equal(audio.read(path, 70_001, 999)[0], wave[:, 70_001:71_000])
    with pytest.raises(AudioError, match="inside of the file"):
        audio.read(path, len(music()) - 5, 10)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.m4a", "a.aac", "a.webm", "a.wma", "a.mka", "a.mp4"])
def test_what_ffmpeg_reads_is_whole_or_refused(encoded: Encode, name: str) -> None:
    path = encoded(name)
    about = audio.info(path)
    assert about.duration == pytest.approx(2.0, abs=0.1)
    assert audio.read(path)[0].shape == (about.channels, about.frames)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match="get a whole copy"):
        audio.info(path)


@needs_ffmpeg
def test_a_wrong_name_is_told(encoded: Encode, tmp_path: Path) -> None:
    wrong = encoded("a.m4a").rename(tmp_path / "song.mp3")
    (note,) = audio.info(wrong).notes
    assert "MPEG-4" in note
    assert "named .mp3" in note


@needs_ffmpeg
@pytest.mark.parametrize("name", ["-i.m4a", "http:x.m4a", "a%d b'\".m4a", "concat:a|b.m4a"])
def test_names_are_no_options_or_addresses(
    encoded: Encode,
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoded("a.m4a").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert audio.info(name).duration == pytest.approx(2.0, abs=0.1)


@needs_ffmpeg
def test_no_other_file_is_opened(encoded: Encode, tmp_path: Path) -> None:
    """A list of files behind the mark of a format that ffmpeg is asked about."""
    secret = encoded("secret.m4a")
    for text in (f"ffconcat version 1.0\nfile {secret}\n", f"#EXTM3U\n#EXTINF:2,\n{secret}\n"):
        path = tmp_path / "list.m4a"
        path.write_text(text)
        with pytest.raises(AudioError, match="not readable"):
            audio.info(path)
        with pytest.raises(AudioError):
            program.probe(path)


@needs_ffmpeg
def test_reading_may_end_early(encoded: Encode) -> None:
    path = encoded("a.m4a")
    blocks = audio.read_blocks(path, 1000)
    assert next(blocks).shape == (2, 1000)
    blocks.close()
    decoder = program.Decoder(path, program.probe(path))
    decoder.read(10)
    decoder.close()
    assert decoder._running.poll() is not None


def test_a_file_that_changes_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, music(1.0), RATE)
    first = audio.info(path).frames
    soundfile.write(path, music(2.0), RATE)
    assert audio.info(path).frames == 2 * first
