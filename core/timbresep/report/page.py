"""From a page's contents to one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from timbresep import __version__
from timbresep.errors import OutputExistsError
from timbresep.files import write_text
from timbresep.formats.text import shown, shown_lines
from timbresep.running.provenance import today

ASSETS = files("timbresep.report") / "assets"
SCRIPTS = ("wavesurfer.min.js", "mixer.js")
GENERATOR = '<meta name="generator" content="timbresep'
"""What every page of ours begins with: such a page may be replaced by its successor."""


@dataclass(frozen=True)
class Track:
    """A track of the players.

    Attributes:
        name: what people call it.
        src: address of an audio file that browsers play, or the file as a data address.
        peaks: of its waveform, from 0 to 1, evenly in time.
        duration: seconds.
        image: a spectrogram as a data address; None for none.
        notes: start and end in seconds, MIDI number and velocity of each; None if nobody listened.
        muted: whether it is silent at first.
    """

    name: str
    src: str
    peaks: Sequence[float]
    duration: float
    image: str | None = None
    notes: Sequence[tuple[float, float, float, int]] | None = None
    muted: bool = False


@dataclass(frozen=True)
class Grid:
    """A table; `numbers` are the columns that are aligned to the right."""

    rows: Sequence[Sequence[str]]
    head: Sequence[str] = ()
    caption: str = ""
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Picture:
    """A figure.

    Attributes:
        name: of its file, without an ending.
        png: the contents of a PNG file.
        alt: what it shows in words.
        caption: below it.
    """

    name: str
    png: bytes
    alt: str
    caption: str = ""

    @property
    def text(self) -> str:
        """The PNG file in base64."""
        return base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Section:
    """A part of a page: sentences, players, tables, figures."""

    title: str
    text: Sequence[str] = ()
    tracks: Sequence[Track] = ()
    tables: Sequence[Grid] = ()
    figures: Sequence[Picture] = ()


@dataclass(frozen=True)
class Page:
    """What a page shows."""

    title: str
    about: str
    sections: Sequence[Section] = field(default_factory=list)

    def html(self) -> str:
        """The page as HTML, with its scripts and style; no name in it can become markup."""
        import jinja2

        place = jinja2.Environment(
            autoescape=True, undefined=jinja2.StrictUndefined, finalize=_seen
        )
        place.filters["json"] = _json
        scripts = [_asset(name) for name in SCRIPTS] if self._plays else []
        return place.from_string(_asset("page.html")).render(
            page=self,
            version=__version__,
            date=today(),
            style=_asset("style.css"),
            scripts=scripts,
            policy=policy(scripts),
        )

    def write(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the page; one of ours that is there is replaced.

        Raises:
            OutputExistsError: another file is there, and may not be replaced.
            OutputError: the file system refuses it.
        """
        if not overwrite and path.exists() and not is_ours(path):
            raise OutputExistsError(f"{path} exists", "choose another name, or use --overwrite")
        write_text(path, self.html())

    @property
    def pictures(self) -> list[Picture]:
        """All figures of the page."""
        return [figure for section in self.sections for figure in section.figures]

    @property
    def _plays(self) -> bool:
        return any(section.tracks for section in self.sections)


def policy(scripts: Sequence[str]) -> str:
    """The content security policy of a page: its own scripts, and nothing from elsewhere."""
    own = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in scripts
    )
    return (
        f"default-src 'none'; script-src {own or chr(39) + 'none' + chr(39)}; "
        "style-src 'unsafe-inline'; img-src data: blob:; media-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def is_ours(path: Path) -> bool:
    """Whether a file is a page that was written here."""
    with path.open("rb") as file:
        return GENERATOR.encode() in file.read(400)


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _seen(value: object) -> object:
    """Text of a page with what would not be seen, or would turn the text around it, escaped."""
    return shown_lines(value) if type(value) is str else value


def _json(tracks: Sequence[Track]) -> Markup:
    """JSON within a script element: nothing in it can end the element."""
    named = [{**asdict(track), "name": shown(track.name)} for track in tracks]
    text = json.dumps(named, separators=(",", ":"))
    for sign, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(sign, escape)
    return Markup(text)  # noqa: S704 (escaped above)
