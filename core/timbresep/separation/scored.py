"""Open a separator that knows the score of a recording."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from timbresep.asked import ALL, Vector
from timbresep.errors import ConfigError, TimbresepError, UnknownNameError
from timbresep.instrument_name import plain
from timbresep.notes.alignment import Alignment, align
from timbresep.notes.casting import cast
from timbresep.notes.reading import read
from timbresep.notes.score import StemNotes
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator
from timbresep.separation.notes_only import NotesOnly
from timbresep.separation.options import DEFAULTS, SeparationOptions
from timbresep.separation.streams import StreamSeparator

NONE = "none"
"""In place of a separator's name: notes alone."""


@dataclass(frozen=True)
class ScoreRequest:
    """A score, and how it is to be used.

    Attributes:
        file: the score.
        parts: instrument → numbers of parts, from 1, that are taken for it.
        repeats: play repeats as they are written.
        aligned: its times are those of the recording already.
        anyway: use it even if it seems to be of another piece.
        partial: others play, too, whose parts it does not have.
    """

    file: Path
    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    repeats: bool = True
    aligned: bool = False
    anyway: bool = False
    partial: bool = False


@dataclass(frozen=True)
class Scored:
    """A separator that knows a score.

    Attributes:
        separator: its `asked` are the stems of the score that were asked for, and others.
        alignment: where the score is in the recording; None if it was said to fit.
        remarks: what was assumed, and what is left out, for people.
    """

    separator: StreamSeparator
    alignment: Alignment | None
    remarks: tuple[str, ...]


def open_with_score(
    request: ScoreRequest,
    recording: Path,
    instruments: Sequence[str] = (ALL,),
    *,
    separator: str | None = None,
    checkpoint: Path | None = None,
    options: SeparationOptions = DEFAULTS,
    registry: Registry | None = None,
    reference: Mapping[str, Vector] | None = None,
) -> Scored:
    """Load a separator for a recording whose score is known.

    Args:
        request: the score.
        recording: what it is the score of.
        instruments: stems of the score, instruments that are in it or not, or "all" for every stem.
        separator: as for `open_separator`, or "none" for notes alone. By default, the first of the
            registry's default separators without a source model: a whole score knows better than
            one. If an instrument is asked for that the score does not have, its default one.
        checkpoint, options, registry, reference: as for `open_separator`.

    Raises:
        DataError: the score cannot be read, has no notes, or is of another piece.
        AudioError: the recording cannot be read.
        ConfigError: a part is chosen that is not there.
        UnknownNameError: an instrument that neither the score nor the separator has.
        TimbresepError: as `open_separator`.
    """
    registry = registry or Registry.load()
    score = read(request.file, repeats=request.repeats)
    stems = cast(score, [each.config for each in registry.instruments()], request.parts)
    asked, outside = _chosen(stems, instruments, registry)
    network = None
    if separator is None and checkpoint is None and not outside:
        separator = registry.separators.plain().name
    if separator == NONE:
        _check_alone(outside, checkpoint, reference)
    else:
        network = open_separator(
            [ALL, *outside],
            also=[stem.instrument for stem in stems],
            separator=separator,
            checkpoint=checkpoint,
            options=options,
            registry=registry,
            reference=reference,
        )
    alignment, remarks = None, list(score.assumed)
    if not request.aligned:
        alignment = align(stems, recording, anyway=request.anyway or request.partial)
        if left_out := alignment.left_out(stems):
            remarks.append(f"{left_out} notes of the score are not in the recording")
        stems = alignment.applied(stems)
    if network is not None:
        model = network.with_notes(stems, [*asked, *outside], partial=request.partial)
        return Scored(model, alignment, tuple(remarks))
    alone = NotesOnly(stems, _conditions(registry), options, asked, partial=request.partial)
    return Scored(alone, alignment, tuple(remarks))


def _check_alone(
    outside: Sequence[str], checkpoint: Path | None, reference: Mapping[str, Vector] | None
) -> None:
    """Refuse what only a network can do."""
    wanted = [f"'{name}' is not in the score" for name in outside]
    wanted += ["--checkpoint names one"] * (checkpoint is not None)
    wanted += ["--reference is for one"] * bool(reference)
    if wanted:
        raise ConfigError(f"--separator {NONE} has no network, and {wanted[0]}", "leave it out")


def _chosen(
    stems: Sequence[StemNotes], instruments: Sequence[str], registry: Registry
) -> tuple[list[str], list[str]]:
    """The stems that are asked for, and instruments that the score does not have."""
    chosen: dict[str, None] = {}
    outside: dict[str, None] = {}
    for asked in instruments:
        name = plain(asked)
        if name == ALL:
            chosen.update(dict.fromkeys(stem.stem for stem in stems))
            continue
        if not any(name in (stem.stem, stem.instrument) for stem in stems):
            with contextlib.suppress(UnknownNameError):
                name = registry.instruments([asked])[0].name
        found = [stem.stem for stem in stems if name in (stem.stem, stem.instrument)]
        chosen.update(dict.fromkeys(found))
        if not found:
            outside[name] = None
    return list(chosen), list(outside)


def _conditions(registry: Registry) -> dict[str, Vector]:
    """The conditions of all plugins that have one."""
    found = {}
    for item in registry.instruments():
        with contextlib.suppress(TimbresepError):  # `list` says what is wrong with it
            found[item.name] = item.condition()
    return found
