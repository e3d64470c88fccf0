"""Who plays what: the parts of a score are taken for instruments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from timbresep.errors import ConfigError, UnknownNameError, nearest
from timbresep.instrument import InstrumentConfig
from timbresep.instrument_name import plain
from timbresep.notes.part_names import bare, joined, match, own_name
from timbresep.notes.score import Part, Score, StemNotes
from timbresep.units import hz_to_midi

Reason = Literal["chosen", "together", "name", "alias", "program", "unpitched", "none"]
"""Why a part is taken for an instrument; `none` where no plugin fits."""


@dataclass(frozen=True)
class Role:
    """A part and what it is taken for.

    Attributes:
        number: of the part in the score, from 1.
        part: its notes.
        instrument: name of the instrument; the part's own where no plugin fits.
        stem: name of its stem.
        reason: why.
        pitched: whether its notes are pitches.
        outside: how many of its notes lie outside the instrument's range.
    """

    number: int
    part: Part
    instrument: str
    stem: str
    reason: Reason
    pitched: bool
    outside: int

    @property
    def notes(self) -> StemNotes:
        """The notes of its stem."""
        return StemNotes(self.stem, self.instrument, self.part.notes, self.pitched)


def cast(
    score: Score,
    instruments: Iterable[InstrumentConfig],
    chosen: Mapping[str, Sequence[int]] | None = None,
) -> list[StemNotes]:
    """The stems of a score; arguments and errors as `assign`."""
    return [role.notes for role in assign(score, instruments, chosen)]


def assign(
    score: Score,
    instruments: Iterable[InstrumentConfig],
    chosen: Mapping[str, Sequence[int]] | None = None,
) -> list[Role]:
    """Take each part for an instrument, in the order of the score.

    What was chosen counts first, then names that stand together, then an instrument's name or
    alias in the part's name, then its General MIDI program. A part without pitch is taken for the
    instrument without pitch, if there is one only. What is left keeps its own name.

    Args:
        score: the parts.
        instruments: what there is to be taken for.
        chosen: instrument → numbers of parts, from 1.

    Raises:
        ConfigError: a part is chosen that is not there, or one is chosen twice.
        UnknownNameError: an instrument is chosen that is not there.
    """
    casting = _Casting(list(instruments))
    by_choice = casting.choice(chosen or {}, len(score.parts))
    by_company = casting.company(score.parts)
    found = [
        by_choice.get(k) or by_company.get(k) or casting.of(part)
        for k, part in enumerate(score.parts, 1)
    ]
    stems = _stems([taken.instrument for taken in found])
    return [
        casting.role(k, part, taken, stem)
        for k, (part, taken, stem) in enumerate(zip(score.parts, found, stems, strict=True), 1)
    ]


def parse_choice(given: Iterable[str]) -> dict[str, list[int]]:
    """What `--part` says, such as ``oboe=1,2``: instrument → numbers of parts.

    Raises:
        ConfigError: something else is given.
    """
    chosen: dict[str, list[int]] = {}
    for item in given:
        name, _, numbers = item.partition("=")
        if not (name.strip() and re.fullmatch(r"\s*\d{1,6}(\s*,\s*\d{1,6})*\s*", numbers)):
            raise ConfigError(
                f"--part {item}: no INSTRUMENT=NUMBER[,NUMBER…]",
                "`score show` lists the parts and their numbers",
            )
        chosen.setdefault(name.strip(), []).extend(map(int, numbers.split(",")))
    return chosen


@dataclass(frozen=True)
class _Taken:
    instrument: str
    reason: Reason


@dataclass
class _Casting:
    """What the parts can be taken for: `names` holds, as parts are spelled, a name or alias and
    its instrument; `programs` the instrument of a General MIDI program."""

    instruments: Sequence[InstrumentConfig]
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    programs: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in self.instruments:
            self.names.update({joined(alias): (alias, each.name) for alias in each.aliases})
            self.programs = {**dict.fromkeys(each.programs, each.name), **self.programs}
        self.names.update({joined(each.name): (each.name,) * 2 for each in self.instruments})
        self.by_name = {each.name: each for each in self.instruments}

    def of(self, part: Part) -> _Taken:
        """What a part is taken for by itself."""
        if named := self.named(part):
            return named
        if part.pitched and part.program in self.programs:
            return _Taken(self.programs[part.program], "program")
        unpitched = [each.name for each in self.instruments if each.f0_range is None]
        if not part.pitched and len(unpitched) == 1:
            return _Taken(unpitched[0], "unpitched")
        return _Taken(own_name(part.name), "none")

    def named(self, part: Part) -> _Taken | None:
        """What a part's name says; where instruments share that name, its program decides.

        So a plain noun gives way to the instrument whose name is this noun and one word more.
        """
        spelled = match(part.name, self.names)
        if spelled is None:
            return None
        called, instrument = self.names[spelled]
        other = self.programs.get(part.program) if part.program is not None else None
        if other not in {None, instrument} and f"_{called}_" in f"_{other}_":
            return _Taken(str(other), "program")
        return _Taken(instrument, "name" if called == instrument else "alias")

    def company(self, parts: Sequence[Part]) -> dict[int, _Taken]:
        """Parts whose names mean an instrument because they stand together, by number.

        A part that both its name and its program call something else is left out.
        """
        taken: dict[int, _Taken] = {}
        spelled = {k: "".join(bare(part.name)) for k, part in enumerate(parts, 1)}
        for each in self.instruments:
            together = {joined(name) for name in each.together}
            among = {k: name for k, name in spelled.items() if name in together}
            if len(set(among.values())) > 1:
                for k in among:
                    named, program = self.named(parts[k - 1]), parts[k - 1].program
                    other = self.programs.get(program) if program is not None else None
                    if named is None or other != named.instrument:
                        taken.setdefault(k, _Taken(each.name, "together"))
        return taken

    def choice(self, chosen: Mapping[str, Sequence[int]], parts: int) -> dict[int, _Taken]:
        """What was chosen, by number of the part."""
        taken: dict[int, _Taken] = {}
        for name, numbers in chosen.items():
            instrument = self._asked(name)
            for k in numbers:
                if not 1 <= k <= parts:
                    raise ConfigError(
                        f"--part {name}={k}: the score has no part {k}", f"parts 1 to {parts}"
                    )
                if k in taken:
                    raise ConfigError(
                        f"--part {name}={k}: part {k} is already chosen for {taken[k].instrument}"
                    )
                taken[k] = _Taken(instrument, "chosen")
        return taken

    def _asked(self, name: str) -> str:
        wanted = plain(name)
        for each in self.instruments:
            if wanted == each.name:
                return each.name
        for each in self.instruments:
            if wanted in each.aliases:
                return each.name
        raise UnknownNameError(
            f"--part: no instrument named '{name}'", nearest(wanted, self.by_name)
        )

    def role(self, number: int, part: Part, taken: _Taken, stem: str) -> Role:
        """The part as it is played by what it is taken for."""
        instrument = self.by_name.get(taken.instrument)
        span = instrument.f0_range if instrument else None
        pitched = part.pitched and not (instrument is not None and span is None)
        outside = 0
        if span and pitched:
            low, high = (hz_to_midi(edge) for edge in span)
            outside = sum(not low - 0.5 <= note.pitch <= high + 0.5 for note in part.notes)
        return Role(number, part, taken.instrument, stem, taken.reason, pitched, outside)


def _stems(instruments: Sequence[str]) -> list[str]:
    """A name for each part's stem: its instrument's, numbered where several parts have it."""
    often, count = Counter(instruments), Counter[str]()
    taken = {name for name, times in often.items() if times == 1}
    stems: list[str] = []
    for name in instruments:
        stem = name
        while often[name] > 1 and (stem == name or stem in taken):
            count[name] += 1
            stem = f"{name}_{count[name]}"
        stems.append(stem)
    return stems
