"""What a file is, by its first bytes: its name says little (an AAC file or a web page as .mp3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from timbresep.audio.reading.mpeg_frames import id3_size
from timbresep.audio.reading.pieces import Data


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        name: in words, to follow "is".
        suffixes: that its files usually have.
        audio: whether ffmpeg finds audio in it.
    """

    name: str
    suffixes: tuple[str, ...] = ()
    audio: bool = False


MP4 = Kind(
    "an MPEG-4 file (M4A, audio in AAC or ALAC)",
    (".m4a", ".mp4", ".m4b", ".mov", ".3gp"),
    audio=True,
)
ADTS = Kind("an AAC file", (".aac",), audio=True)
MATROSKA = Kind("a Matroska or WebM file", (".mka", ".mkv", ".webm"), audio=True)

_BY_START = (
    (b"\x1a\x45\xdf\xa3", MATROSKA),
    (
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
        Kind("a Windows Media file", (".wma", ".wmv", ".asf"), audio=True),
    ),
    (b"ADIF", ADTS),
    (b"\x0b\x77", Kind("an AC-3 file", (".ac3", ".eac3"), audio=True)),
    (b"\x7f\xfe\x80\x01", Kind("a DTS file", (".dts",), audio=True)),
    (b"wvpk", Kind("a WavPack file", (".wv",), audio=True)),
    (b"TTA1", Kind("a TTA file", (".tta",), audio=True)),
    (b"MAC ", Kind("a Monkey's Audio file", (".ape",), audio=True)),
    (b"MPCK", Kind("a Musepack file", (".mpc",), audio=True)),
    (b"MP+", Kind("a Musepack file", (".mpc",), audio=True)),
    (b"tBaK", Kind("a TAK file", (".tak",), audio=True)),
    (b"DSD ", Kind("a DSD file", (".dsf",), audio=True)),
    (b"FRM8", Kind("a DSD file", (".dff",), audio=True)),
    (b"#!AMR", Kind("an AMR file", (".amr",), audio=True)),
    (b"FLV\x01", Kind("a Flash video", (".flv",), audio=True)),
    (b".RMF", Kind("a RealMedia file", (".rm", ".ra"), audio=True)),
    (b"\x00\x00\x01\xba", Kind("an MPEG video", (".mpg", ".mpeg", ".vob"), audio=True)),
    (b"MThd", Kind("a MIDI file, notes without sound")),
    (b"%PDF", Kind("a PDF document")),
    (b"PK\x03\x04", Kind("a ZIP archive")),
    (b"\x1f\x8b", Kind("a gzip archive")),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7-Zip archive")),
    (b"Rar!", Kind("a RAR archive")),
    (b"\x89PNG", Kind("a PNG picture")),
    (b"\xff\xd8\xff", Kind("a JPEG picture")),
    (b"GIF8", Kind("a GIF picture")),
    (b"version https://git-lfs", Kind("a pointer of Git LFS to a file that is not here")),
    (b"#EXTM3U", Kind("a playlist, the names of other files")),
)
_RIFF = {
    b"AVI ": Kind("an AVI video", (".avi",), audio=True),
    b"RMID": Kind("a MIDI file, notes without sound"),
    b"WEBP": Kind("a WebP picture"),
}
_QUICKTIME = (b"ftyp", b"moov", b"mdat", b"wide")
_WEB = re.compile(
    rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)?<(!doctype html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
_LOOKED_AT = 2048


def after_tags(data: Data) -> int:
    """Where a file begins behind the ID3 tags in front of it."""
    at = 0
    while (size := id3_size(data[at : at + 10])) and at + size < len(data):
        at += size  # a tag that says to fill the file is wrong about itself
    return at


def foreign(data: Data, start: int) -> Kind | None:
    """What a file is whose bytes begin at ``start``, when libsndfile is not the one to ask."""
    head = data[start : start + _LOOKED_AT]
    for mark, kind in _BY_START:
        if head.startswith(mark):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] in _QUICKTIME:
        return MP4
    if _adts(data, start):
        return ADTS
    if head[:1] == b"\x47" and all(data[start + k : start + k + 1] == b"\x47" for k in (188, 376)):
        return Kind("an MPEG transport stream", (".ts", ".m2ts"), audio=True)
    if _WEB.match(head):
        return Kind("a web page (HTML)")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") and head.count(0) * 3 > len(head):
        return Kind("text")
    written = head[: len(head) - 3].decode("utf-8", "replace").rstrip("\ufffd")  # cut in a letter
    return Kind("text") if written and not _CONTROL.search(written) else None


def _adts(data: Data, at: int) -> bool:
    """Whether frames of AAC follow each other here."""
    for _ in range(3):
        head = data[at : at + 7]
        if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
            return False
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        if size < 7:
            return False
        at += size
    return True
