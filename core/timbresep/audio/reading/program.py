"""What libsndfile does not read is decoded by the ffmpeg program, as a stream of floats.

It may open the one file that it is given and nothing else: no network, no other file that a
playlist names, and no format but those that hold audio.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from timbresep.errors import AudioError

_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,iff,loas,matroska,webm,mov,mp4,m4a,"
    "3gp,mp3,mpc,mpc8,mpeg,mpegts,ogg,rm,tak,tta,voc,w64,wav,wv"
)
_SAFE = ["-v", "error", "-protocol_whitelist", "file,pipe", "-format_whitelist", _FORMATS]

_GUESSED = {"aac", "ac3", "amr", "dts", "eac3", "loas", "mp3", "mpeg", "mpegts"}
"""Formats without a length, for which ffprobe only guesses one."""

_TOLERANCE = 0.25  # seconds between what a container says and its last packet

_DAMAGE = re.compile(
    r"partial file|ended prematurely|incomplete frame|Error (while decoding|submitting)"
    r"|Input/output error|Invalid data found|truncat",
    re.IGNORECASE,
)

_PICTURES = ("[mjpeg", "[png", "[bmp", "[gif", "[webp")


@dataclass(frozen=True)
class Stream:
    """The audio in a file: its number among the streams, codec, rate in Hz, and channels."""

    index: int
    codec: str
    rate: int
    channels: int
    seconds: float | None


def installed() -> bool:
    """Whether there are ffmpeg and ffprobe."""
    return shutil.which("ffmpeg") is not None and shutil.which("ffprobe") is not None


def probe(path: Path) -> Stream:
    """The file's best audio stream: the one it marks as such, else the first.

    Raises:
        AudioError: ffmpeg finds no audio in it.
    """
    wanted = "stream=index,codec_type,codec_name,sample_rate,channels,duration"
    wanted += ":stream_disposition=default,attached_pic:format=duration,format_name"
    command = ["ffprobe", *_SAFE, "-show_entries", wanted, "-of", "json", f"file:{path.absolute()}"]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    try:
        found: dict[str, Any] = json.loads(done.stdout or b"{}")
    except ValueError:
        found = {}
    streams = found.get("streams", [])
    known = [s for s in streams if s.get("codec_name", "none") not in ("none", "unknown")]
    sound = [s for s in known if int(s.get("channels", 0)) and int(s.get("sample_rate", 0))]
    if done.returncode or not sound:
        reason = _reason(done.stderr, path) if done.returncode else "ffmpeg knows no audio in it"
        raise AudioError(
            f"{path}: not readable as audio ({reason})",
            hint="the file is cut or corrupt, or has no audio; get a whole copy",
        )
    best = next((s for s in sound if _marked(s, "default")), sound[0])
    alone = all(s is best or _marked(s, "attached_pic") for s in streams)
    about = found.get("format", {})
    seconds = best.get("duration") or (about.get("duration") if alone else None)
    if _GUESSED & set(about.get("format_name", "").split(",")):
        seconds = None
    return Stream(
        int(best["index"]),
        str(best["codec_name"]),
        int(best["sample_rate"]),
        int(best["channels"]),
        float(seconds) if seconds else None,
    )


def _marked(stream: dict[str, Any], as_what: str) -> bool:
    return bool(stream.get("disposition", {}).get(as_what))


class Decoder:
    """A running ffmpeg, read to its end or closed before.

    Args:
        path: the file.
        stream: of `probe`.
    """

    def __init__(self, path: Path, stream: Stream) -> None:
        self._path, self._stream = path, stream
        self._frames = 0
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the rest
        command = ["ffmpeg", "-nostdin", *_SAFE, "-i", f"file:{path.absolute()}"]
        command += ["-map", f"0:{stream.index}", "-c:a", "pcm_f32le", "-ar", str(stream.rate)]
        command += ["-ac", str(stream.channels), "-f", "f32le", "pipe:1"]
        self._running = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._said
        )

    def read(self, frames: int) -> npt.NDArray[np.float32]:
        """The next frames (frames, channels), none at the end.

        Raises:
            AudioError: what was read is not the whole file.
        """
        width = 4 * self._stream.channels
        assert self._running.stdout is not None  # noqa: S101 - it is a pipe
        data = self._running.stdout.read(frames * width)
        if len(data) < frames * width:
            self._check(self._frames + len(data) // width)
        self._frames += len(data) // width
        usable = len(data) - len(data) % width
        return np.frombuffer(data[:usable], "<f4").reshape(-1, self._stream.channels)

    def _check(self, frames: int) -> None:
        """Raise AudioError if ffmpeg reported damage, or the end came too early."""
        code = self._running.wait()
        self._said.seek(0)
        said = self._said.read(2**16)
        seconds, promised = frames / self._stream.rate, self._stream.seconds
        if promised is not None and seconds < promised - _TOLERANCE:
            raise AudioError(
                f"{self._path}: ends at {seconds:.3f} s, but its header says {promised:.3f} s",
                hint="the file is cut or corrupt; get a whole copy",
            )
        if code or any(_DAMAGE.search(line) for line in _lines(said)):
            raise AudioError(
                f"{self._path}: unreadable after {seconds:.3f} s ({_reason(said, self._path)})",
                hint="the file is cut or corrupt; get a whole copy",
            )

    def close(self) -> None:
        """Stop ffmpeg, if it still runs."""
        if self._running.poll() is None:
            self._running.kill()
        assert self._running.stdout is not None  # noqa: S101 - it is a pipe
        self._running.stdout.close()
        self._running.wait()
        self._said.close()


def _lines(said: bytes) -> list[str]:
    """The messages of ffmpeg, without those on cover pictures."""
    lines = (line.strip() for line in said.decode("utf-8", "replace").splitlines())
    return [line for line in lines if line and not line.startswith(_PICTURES)]


def _reason(said: bytes, path: Path) -> str:
    """ffmpeg's last line that tells of damage, without addresses and the file's name."""
    lines = _lines(said) or ["no reason given"]
    telling = [line for line in lines if _DAMAGE.search(line)] or lines
    line = re.sub(r"^\[[^]]*\] ", "", telling[-1])
    return line.replace(f"file:{path.absolute()}: ", "").rstrip(".")
