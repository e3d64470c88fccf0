"""Scores to perform: chorales, tunes and quartets of the music21 corpus, parsed once and kept."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from timbresep.errors import ConfigError, MissingToolError
from timbresep.files import write_text
from timbresep.formats.notation import parse_json

if TYPE_CHECKING:
    from music21 import stream as music21

log = logging.getLogger(__name__)

CACHE_VERSION = 2
TUNES = 150
QUARTETS = ("haydn", "mozart", "beethoven")

Music = Literal["chorales", "tunes", "quartets"]


@dataclass(frozen=True)
class Note:
    """One note: `start` and `duration` in quarter notes, `midi` pitch, `velocity` 1–127."""

    start: float
    duration: float
    midi: int
    velocity: int = 90

    @property
    def end(self) -> float:
        """Quarter note at which the note ends."""
        return self.start + self.duration


Part = tuple[Note, ...]


@dataclass(frozen=True)
class Score:
    """A piece and its parts, highest first.

    `family` is the same for all settings of one melody, so that a split by family keeps
    two harmonisations of a tune on the same side. `bar` is the length of a bar and `upbeat` that
    of the notes before the first whole one, in quarter notes. `music` is what kind it is of.
    """

    piece: str
    family: str
    parts: tuple[Part, ...]
    bar: float = 4.0
    upbeat: float = 0.0
    music: Music = "chorales"

    @property
    def length(self) -> float:
        """Length in quarter notes."""
        return max(note.end for part in self.parts for note in part)

    def until(self, quarters: float) -> Score:
        """The score's first `quarters` quarter notes; notes that cross the end are shortened."""
        parts = tuple(
            tuple(
                Note(n.start, min(n.duration, quarters - n.start), n.midi, n.velocity)
                for n in part
                if n.start < quarters - 0.1
            )
            for part in self.parts
        )
        return replace(self, parts=parts)

    def since(self, quarters: float) -> Score:
        """The score from a time on, in quarter notes; a note that is held then begins there."""
        parts = tuple(
            tuple(
                Note(
                    max(0.0, n.start - quarters), n.end - max(n.start, quarters), n.midi, n.velocity
                )
                for n in part
                if n.end > quarters + 0.1
            )
            for part in self.parts
        )
        return replace(self, parts=parts, upbeat=(self.upbeat - quarters) % self.bar)


def family_of(melody: Part) -> str:
    """A name for a melody from its first six non-zero intervals: transposed or re-rhythmed
    settings of one tune share it."""
    pitches = [note.midi for note in melody]
    moves = [b - a for a, b in itertools.pairwise(pitches) if a != b][:6]
    return hashlib.sha256(json.dumps(moves).encode()).hexdigest()[:12]


def chorales(cache: Path) -> list[Score]:
    """Bach's four-part chorales, the highest part first.

    Args:
        cache: folder where the parsed scores are kept (the first call parses for minutes).
    Raises:
        MissingToolError: music21 is not installed and nothing is cached.
    """
    return _cached(cache / f"scores-chorales-v{CACHE_VERSION}.json", _parse_chorales)


def tunes(cache: Path, count: int = TUNES) -> list[Score]:
    """Some one-part dance tunes (Ryan's Mammoth Collection, 1883), drawn at random.

    Args:
        cache: as for `chorales`.
        count: how many are drawn; with more the first ones stay the same.
    """
    path = cache / f"scores-tunes-v{CACHE_VERSION}-{count}-0.json"
    found = _cached(path, partial(_parse_tunes, count))
    return [replace(tune, music="tunes") for tune in found]


def quartets(cache: Path) -> list[Score]:
    """Movements of string quartets by Haydn, Mozart and Beethoven, highest part first."""
    found = _cached(cache / f"scores-quartets-v{CACHE_VERSION}.json", _parse_quartets)
    return [replace(movement, music="quartets") for movement in found]


def _cached(path: Path, parse: Callable[[], Iterable[Score]]) -> list[Score]:
    if path.is_file():
        try:
            rows = parse_json(path.read_text(encoding="utf-8"), str(path))
            return [_from_json(row) for row in rows]
        except (ConfigError, OSError, ValueError, KeyError, TypeError):
            log.warning("%s is damaged: its scores are parsed again", path)
    scores = list(parse())
    write_text(path, json.dumps([_to_json(score) for score in scores]))
    return scores


def _to_json(score: Score) -> dict[str, object]:
    parts = [[[n.start, n.duration, n.midi] for n in part] for part in score.parts]
    about = {"piece": score.piece, "family": score.family, "parts": parts}
    return {**about, "bar": score.bar, "upbeat": score.upbeat}


def _from_json(row: dict[str, Any]) -> Score:
    parts = tuple(tuple(Note(s, d, m) for s, d, m in part) for part in row["parts"])
    return Score(row["piece"], row["family"], parts, row["bar"], row["upbeat"])


def _corpus() -> ModuleType:
    try:
        from music21 import corpus
    except ImportError as missing:
        raise MissingToolError(
            "rendering needs scores from music21, which is not installed",
            hint=".venv/bin/python -m pip install -c constraints.txt -e '.[render]'",
        ) from missing
    module: ModuleType = corpus  # typed here: the check is the same without music21
    return module


def _parse_chorales() -> Iterator[Score]:
    corpus = _corpus()
    for path in sorted(corpus.getComposer("bach")):
        piece = f"bach/{path.name.removesuffix('.mxl')}"
        yield from parse(corpus, path, piece, n_parts=4)


def _parse_quartets() -> Iterator[Score]:
    corpus = _corpus()
    for composer in QUARTETS:
        for path in sorted(corpus.getComposer(composer)):
            work = path.parent.name
            if path.suffix == ".mxl" and work != composer:  # a movement, not a whole work
                yield from parse(corpus, path, f"{composer}/{work}/{path.stem}", n_parts=4)


def _parse_tunes(count: int) -> Iterator[Score]:
    corpus = _corpus()
    paths = sorted(corpus.getComposer("ryansMammoth"))
    order = np.random.default_rng(0).permutation(len(paths))[:count]
    for index in order:
        path = paths[int(index)]
        yield from parse(corpus, path, f"ryan/{path.name.removesuffix('.abc')}", n_parts=1)


def parse(corpus: ModuleType, path: Path, piece: str, n_parts: int) -> list[Score]:
    """Read one file of the corpus.

    Args:
        corpus: the module `music21.corpus`.
        path: the file.
        piece: what to call it.
        n_parts: parts that it must have.
    Returns:
        the score as a list of one; an empty list when it has other parts, or does not parse (a
        handful of the corpus's files do not).
    """
    from music21.exceptions21 import Music21Exception

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            stream = corpus.parse(path)
        except (Music21Exception, ValueError, KeyError, IndexError, AttributeError):
            return []
        streams = list(getattr(stream, "parts", []))
        if len(streams) != n_parts:
            return []
        parts = tuple(_part(part) for part in streams)
        bar, upbeat = _bars(streams[0])
    if any(len(part) < 8 for part in parts):
        return []
    return [Score(piece, family_of(parts[0]), parts, bar, upbeat)]


def _bars(stream: music21.Part) -> tuple[float, float]:
    """Length of the first bar by its time signature, and of the upbeat, in quarter notes."""
    first = next(iter(stream.getElementsByClass("Measure")), None)
    if first is None or first.timeSignature is None:
        return 4.0, 0.0
    bar = float(first.timeSignature.barDuration.quarterLength)
    return bar, (bar - float(first.paddingLeft)) % bar


def _part(stream: music21.Part) -> Part:
    """The notes of one music21 part, tied notes joined, the top note of a chord."""
    notes = []
    for element in stream.stripTies().flatten().notes:
        if not hasattr(element, "pitches") or not element.pitches or not element.quarterLength:
            continue
        pitch = max(p.midi for p in element.pitches)
        notes.append(Note(float(element.offset), float(element.quarterLength), int(pitch)))
    return tuple(notes)
