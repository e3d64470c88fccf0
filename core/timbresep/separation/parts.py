"""What is written of a mixture: stems, the mixture less some stems, and the residual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from timbresep.audio.writer import Wave
from timbresep.errors import ConfigError
from timbresep.streaming import Rows, check_loudness

RESIDUAL = "residual"


@dataclass(frozen=True)
class Part:
    """A file that is written of a mixture.

    Attributes:
        name: of the file, without ending.
        stem: the stem that it holds; None for the mixture less some stems.
        without: those stems.
        optional: whether it is left out if its instrument does not seem to play.
    """

    name: str
    stem: str | None = None
    without: tuple[str, ...] = ()
    optional: bool = False

    @property
    def stems(self) -> tuple[str, ...]:
        """The stems that it is made of."""
        return self.without if self.stem is None else (self.stem,)

    def of(self, mixture: Rows, stems: Rows, names: Sequence[str], called: str) -> Wave:
        """Its samples (channels, samples).

        Args:
            mixture: (channels, samples).
            stems: (instruments, channels, samples).
            names: of the stems.
            called: what errors call the mixture.

        Raises:
            AudioError: a difference too large to be computed with.
        """
        if self.stem is not None:
            return np.asarray(stems[names.index(self.stem)])
        chosen = [names.index(name) for name in self.without]
        with np.errstate(over="ignore", invalid="ignore"):
            left: Wave = mixture - stems[chosen].sum(axis=0)
        check_loudness(left, called)
        return left


@dataclass(frozen=True)
class Wanted:
    """What is wanted besides stems.

    Attributes:
        minus: each of these groups gives the mixture without its instruments.
        minus_each: each instrument gives the mixture without it, in place of its stem.
        residual: the mixture without all instruments is wanted.
        keep_absent: instruments that do not seem to play give their files, too.
    """

    minus: tuple[tuple[str, ...], ...] = ()
    minus_each: bool = False
    residual: bool = False
    keep_absent: bool = True


STEMS = Wanted()
"""Stems, and nothing else."""


def parts_of(instruments: Sequence[str], wanted: Wanted) -> list[Part]:
    """What is written for some instruments.

    Raises:
        ConfigError: nothing is.
    """
    optional = not wanted.keep_absent
    if wanted.minus_each:
        parts = [Part(_minus([n]), without=(n,), optional=optional) for n in instruments]
    else:
        parts = [Part(name, name, optional=optional) for name in instruments]
    names = {part.name for part in parts}
    groups = [group for group in wanted.minus if group and _minus(group) not in names]
    parts += [Part(_minus(group), without=tuple(group)) for group in groups]
    if wanted.residual:
        parts.append(Part(RESIDUAL, without=tuple(instruments)))
    if not parts:
        raise ConfigError("nothing to write", "name instruments")
    return parts


def _minus(group: Sequence[str]) -> str:
    return "minus-" + "-".join(group)


def asked_of(parts: Sequence[Part]) -> tuple[str, ...]:
    """The stems that some parts need, each once."""
    return tuple(dict.fromkeys(name for part in parts for name in part.stems))
