"""The text of a score file: unpacked, decoded and checked before anything parses it.

Nothing is fetched, no entity is expanded, and no number or size that a file states is believed.
"""

from __future__ import annotations

import io
import lzma
import re
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib
from xml.parsers import expat

from timbresep.errors import DataError

LARGEST_TEXT = 64 << 20
"""Bytes of a score, unpacked; an opera in MusicXML has about 40 MB."""

MOST_ELEMENTS = 3_000_000
"""XML elements of a score, which need memory."""

MOST_WRITTEN = 250_000
"""Notes, bars and signs of a score in XML; a symphony in all its parts has about 100,000."""

_CONTAINER = "META-INF/container.xml"
_ENCODING = re.compile(rb"""^<\?xml[^>]{0,200}?encoding=["']([A-Za-z0-9._-]{1,40})["']""")
_DECLARATION = re.compile(r"^<\?xml[^>]{0,400}\?>")
_LARGEST = {  # what a score says in numbers: more is no music, and costs memory or time
    "divisions": 1_000_000,
    "duration": 100_000_000,
    **dict.fromkeys(("beats", "beat-type", "fret", "string"), 256),
    **dict.fromkeys(("staves", "staff", "staff-lines", "line"), 64),
    **dict.fromkeys(("fifths", "cancel"), 24),
    **dict.fromkeys(("octave", "alter", "key-alter", "key-octave", "clef-octave-change"), 12),
    **dict.fromkeys(("chromatic", "diatonic"), 60),
    "octave-change": 6,
    "multiple-rest": 10_000,
    **dict.fromkeys(("actual-notes", "normal-notes"), 1000),
}
_LARGEST_OTHER = 100_000
"""What any other element may say from the first bar on, and what its attributes may."""
_NAMED = frozenset(("measure", "note", "instrument", "part", "lyric"))
"""Elements whose attributes are names, which may look like numbers."""
_WORDS = frozenset(("words", "text", "rehearsal", "display-text", "footnote"))
_PLACES = ("default-", "relative-", "bezier-")
"""How attributes begin that say where something is drawn."""
_LARGEST_ATTRIBUTES = {  # those of MEI
    "meter.count": 256,
    "meter.unit": 256,
    "count": 256,
    "unit": 256,
    "dots": 8,
    "num": 1000,
    "numbase": 1000,
    "oct": 12,
}
LARGEST_HUMDRUM = 256 << 10
"""Characters of a score in Humdrum: music21's time grows with their square."""

_LARGEST_IN_TEXT = 100_000
_LONG = re.compile(r"(\d{6,12})")
_ASIDE = re.compile(r"^!.*$", re.MULTILINE)
"""Comments of Humdrum."""
_WRITTEN = frozenset(("note", "rest", "chord", "measure", "part", "staff", "direction", "harmony"))
_WRITTEN |= {"barline", "attributes", "sound", "backup", "forward", "score-part", "tie"}
_ROOTS = {"musicxml": ("score-partwise",), "mei": ("mei",)}


def unpack(data: bytes) -> bytes:
    """The score in a compressed MusicXML file.

    Raises:
        DataError: it is no archive, holds no score, or one that is larger than `LARGEST_TEXT`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _unpacked(archive, _score_in(archive))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(f"damaged archive ({error})") from error
    except (RuntimeError, KeyError, ValueError, OSError, lzma.LZMAError) as error:
        raise DataError(f"an archive that cannot be read ({error})") from error


def _score_in(archive: zipfile.ZipFile) -> str:
    """The name of the score, as the archive's container says, or of its first score."""
    names = archive.namelist()
    if _CONTAINER in names:
        container = decode(_unpacked(archive, _CONTAINER))
        check_xml(container, ())
        for element in ElementTree.fromstring(container).iter():  # noqa: S314 — has no entities
            path = element.get("full-path", "")
            if element.tag.endswith("rootfile") and path in names:
                return path
    for name in names:
        if name.endswith((".musicxml", ".xml")) and not name.startswith("META-INF/"):
            return name
    raise DataError("the archive holds no score")


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        data = file.read(LARGEST_TEXT + 1)
    if len(data) > LARGEST_TEXT:
        raise DataError(f"its score is larger than {LARGEST_TEXT >> 20} MiB when unpacked")
    return data


def decode(data: bytes) -> str:
    """The text of a score file, whose encoding its first bytes say; otherwise UTF-8.

    Raises:
        DataError: it is no text in that encoding.
    """
    declared = _ENCODING.match(data)
    encoding = declared[1].decode() if declared else "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif data.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    try:
        return _DECLARATION.sub("", data.decode(encoding))  # or it would be decoded again
    except (UnicodeError, LookupError) as error:
        raise DataError(f"no text in {encoding}") from error


def check_text(text: str, kind: str) -> None:
    """Refuse what cannot be a score of that kind, and what would never end.

    Args:
        text: the file's.
        kind: `musicxml`, `mei` or `humdrum`.

    Raises:
        DataError: says why.
    """
    if not text.strip():
        raise DataError("the file is empty")
    if kind in _ROOTS:
        check_xml(text, _ROOTS[kind])
    elif "**kern" not in text:
        raise DataError("no notes in **kern")
    elif len(text) > LARGEST_HUMDRUM:
        raise DataError(f"more than {LARGEST_HUMDRUM >> 10} KiB of Humdrum")
    elif any(int(run) > _LARGEST_IN_TEXT for run in _LONG.findall(_ASIDE.sub("", text))):
        raise DataError(f"a number in it is larger than {_LARGEST_IN_TEXT}")


def check_xml(text: str, roots: tuple[str, ...]) -> None:
    """Go through an XML text without keeping it.

    Args:
        text: the XML.
        roots: what its root may be called; empty if anything.

    Raises:
        DataError: it is not XML, has entities or another root, or numbers and notes beyond
            what music has.
    """
    parser = expat.ParserCreate()
    check = _Check(roots)
    parser.EntityDeclHandler = parser.SkippedEntityHandler = check.entity
    parser.StartElementHandler = check.start
    parser.EndElementHandler = check.end
    parser.CharacterDataHandler = check.text
    try:
        parser.Parse(text, True)  # noqa: FBT003 — the whole text at once
    except expat.ExpatError as error:
        raise DataError(f"it is not XML: {error}") from error


class _Check:
    """Handlers of an XML parser that refuse what is no score."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self.roots = roots
        self.depth = self.elements = self.written = 0
        self.in_bars = False
        self.number = ""  # the text of an element that holds a number
        self.asked: int | None = None

    def entity(self, *declared: object) -> None:
        raise DataError("it has XML entities, which no score needs")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self.depth and self.roots and name not in self.roots:
            raise DataError(f"it is a file of <{name}>, not of <{self.roots[0]}>")
        self.depth += 1
        self.elements += 1
        if self.elements > MOST_ELEMENTS:
            raise DataError(f"more than {MOST_ELEMENTS} XML elements are in it")
        if self.depth > 100:
            raise DataError("its elements lie more than 100 deep")
        self.written += 100 if name == "ending" else name in _WRITTEN  # brackets take long
        if self.written > MOST_WRITTEN:
            raise DataError(f"more than {MOST_WRITTEN} notes, bars and signs are written in it")
        self.in_bars |= name == "measure"
        any_number = self.in_bars and name not in _WORDS
        self.number, self.asked = "", _LARGEST.get(name, _LARGEST_OTHER if any_number else None)
        for key, value in attributes.items() if any_number and name not in _NAMED else ():
            if ":" not in key and not key.startswith(_PLACES):
                self._check_number(value, _LARGEST_OTHER)
        if name in {"ending", "repeat"} and max(map(len, attributes.values()), default=0) > 40:
            raise DataError(f"<{name}> says more than music has")
        for key in attributes.keys() & _LARGEST_ATTRIBUTES:
            self._check_number(attributes[key], _LARGEST_ATTRIBUTES[key])
        if name == "repeat":
            self._check_number(attributes.get("times", ""), 100)
        if name == "ending":
            for number in re.findall(r"\d+", attributes.get("number", "")):
                self._check_number(number, 100)

    def text(self, text: str) -> None:
        if self.asked is not None and len(self.number) < 40:
            self.number += text

    def end(self, name: str) -> None:
        self.depth -= 1
        if self.asked is not None:
            self._check_number(self.number, self.asked)
            self.asked = None

    @staticmethod
    def _check_number(text: str, largest: int) -> None:
        for part in re.split(r"[+\s]+", text.strip()):
            try:
                fits = not part or abs(float(part)) <= largest
            except ValueError:
                return  # words: the parser's to judge
            if not fits:
                raise DataError(f"a number in it, {text.strip()[:20]}, is larger than {largest}")
