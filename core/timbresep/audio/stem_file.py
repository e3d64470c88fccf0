"""STEM files: a mixture and its four stems in one MP4, as DJ programs play them.

Native Instruments' format: five AAC streams, the mixture first, and the names and colours of the
stems as JSON in a box ``moov/udta/stem`` (Stem creator tools specification, 2015). The program
ffmpeg encodes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from timbresep.errors import AudioError, MissingToolError
from timbresep.files import atomic_write

STEMS = 4
ENDING = ".stem.mp4"
BITRATE = "256k"
COLOURS = ("#009E73", "#D55E00", "#CC79A7", "#56B4E9")
RATE = 44_100
"""Hz, of all streams: what players of the format expect."""

TIMEOUT_S = 3600
DSP = {
    "compressor": {"enabled": False, "input_gain": 0.0, "output_gain": 0.0, "dry_wet": 50},
    "limiter": {"enabled": False, "threshold": 0.0, "ceiling": -0.3, "release": 0.05},
}
"""What a player does to the sum of the stems: nothing."""


def write_stem_file(path: Path, mixture: Path, stems: Sequence[Path], *, overwrite: bool) -> None:
    """Write a mixture and its stems as one file.

    Args:
        path: ends in .stem.mp4.
        mixture: the recording.
        stems: four files, whose names are those of the stems.
        overwrite: replace a file that is there.

    Raises:
        AudioError: not four stems, or ffmpeg cannot read a file.
        MissingToolError: there is no ffmpeg.
        OutputExistsError: the file is there, and may not be replaced.
    """
    if len(stems) != STEMS:
        raise AudioError(
            f"a STEM file holds {STEMS} stems, and there are {len(stems)}",
            "use --preset 4stems, or name instruments",
        )
    program = shutil.which("ffmpeg")
    if program is None:
        raise MissingToolError("STEM files need the program ffmpeg", "install ffmpeg")
    with atomic_write(path, replace=overwrite) as temporary:
        _encode(program, temporary, [mixture, *stems])
        _describe(temporary, [stem.stem for stem in stems])


def _encode(program: str, out: Path, sources: Sequence[Path]) -> None:
    inputs = [word for source in sources for word in ("-i", f"file:{source}")]
    maps = [word for number in range(len(sources)) for word in ("-map", f"{number}:a:0")]
    titles = ["mixture", *(source.stem for source in sources[1:])]
    told = [
        word
        for number, title in enumerate(titles)
        for word in (f"-metadata:s:a:{number}", f"title={title}")
    ]
    how = ["-c:a", "aac", "-b:a", BITRATE, "-ac", "2", "-ar", str(RATE)]
    shown = ["-disposition:a", "0", "-disposition:a:0", "default", "-f", "mp4", "-y"]
    command = [program, "-v", "error", "-nostdin", *inputs, *maps, *how, *told, *shown, str(out)]
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise AudioError(f"ffmpeg cannot write a STEM file: {said[-1] if said else 'no reason'}")


def _describe(path: Path, names: Sequence[str]) -> None:
    """Add the box of names and colours to a file whose ``moov`` box is the last, as ffmpeg's is."""
    stems = [{"name": n, "color": c} for n, c in zip(names, COLOURS, strict=True)]
    told = json.dumps({"version": 1, "mastering_dsp": DSP, "stems": stems}).encode()
    start, size = _last_moov(path)
    with path.open("r+b") as file:
        file.seek(start)
        moov = file.read(size)
        file.seek(start)
        file.write(_with_child(moov, (b"udta", b"stem"), told))


def _last_moov(path: Path) -> tuple[int, int]:
    """Where the box ``moov`` begins, and its size in bytes."""
    end, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at + 16 <= end:
            file.seek(at)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 1:  # a large box
                size = int.from_bytes(head[8:16], "big")
            if head[4:8] == b"moov" and at + size == end:
                return at, size
            if size < 8:
                break
            at += size
    raise AudioError("ffmpeg has written an unusual MP4 file", "use another version of ffmpeg")


def _with_child(box: bytes, way: Sequence[bytes], content: bytes) -> bytes:
    """A box with a box inside it, and inside that another and so on, which holds the content."""
    name, *further = way
    at = 8
    while at < len(box):
        size = int.from_bytes(box[at : at + 4], "big")
        if further and box[at + 4 : at + 8] == name and size >= 8:
            inner = _with_child(box[at : at + size], further, content)
            return _box(box[4:8], box[8:at] + inner + box[at + size :])
        at += max(size, 8)
    new = _with_child(_box(name, b""), further, content) if further else _box(name, content)
    return _box(box[4:8], box[8:] + new)


def _box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content
