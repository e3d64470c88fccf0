"""What is asked of `separate`: a preset, instruments, mixtures without some, in any combination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from timbresep.asked import ALL
from timbresep.commands.options import split_names
from timbresep.errors import UnknownNameError, nearest
from timbresep.instrument_name import plain
from timbresep.registry.registry import Registry
from timbresep.separation.options import DEFAULTS, QUALITIES, SeparationOptions
from timbresep.separation.parts import Wanted

if TYPE_CHECKING:
    from timbresep.separation.streams import StreamSeparator


@dataclass(frozen=True)
class Wish:
    """What is asked of a separator.

    Attributes:
        stems: names or aliases whose stems are wanted.
        minus: groups of names or aliases that a mixture is wanted without.
        separator: name of a listed separator; None for the default one.
        minus_each, residual: as in `Wanted`.
    """

    stems: tuple[str, ...]
    minus: tuple[tuple[str, ...], ...]
    separator: str | None
    minus_each: bool = False
    residual: bool = False

    @property
    def everyone(self) -> bool:
        """Whether all instruments are asked for."""
        return any(plain(name) == ALL for name in self.stems)

    @property
    def names(self) -> list[str]:
        """The names and aliases that a separator is opened for."""
        return list(dict.fromkeys((*self.stems, *(n for group in self.minus for n in group))))

    def wanted(self, *, residual: bool, keep_absent: bool) -> Wanted:
        """What is written besides stems; the groups are found when the separator is open."""
        return Wanted(
            minus_each=self.minus_each,
            residual=residual or self.residual,
            keep_absent=keep_absent or not self.everyone,
        )

    def found(
        self, model: StreamSeparator, registry: Registry
    ) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """The stems, and the groups of `minus`, by the separator's names.

        Raises:
            UnknownNameError: a name that it does not know.
        """
        groups = tuple(
            tuple(dict.fromkeys(name for one in group for name in _known(one, model, registry)))
            for group in self.minus
        )
        if self.everyone or not groups:
            return model.asked, groups
        stems = dict.fromkeys(name for one in self.stems for name in _known(one, model, registry))
        return tuple(stems), groups


def wished(
    registry: Registry,
    preset: str | None,
    instruments: Sequence[str] | None,
    minus: Sequence[str] | None,
    *,
    separator: str | None,
    checkpoint: Path | None,
) -> Wish:
    """What options ask for; those that name instruments or a separator go before a preset.

    Raises:
        UnknownNameError: no such preset.
    """
    groups = tuple(tuple(split_names([group])) for group in minus or ())
    given = split_names(instruments) if instruments else None
    if preset is None:
        return Wish(tuple(given or ([] if groups else [ALL])), groups, separator)
    ready = registry.separators.preset(preset)
    if separator is None and checkpoint is None:
        separator = registry.separators.first_ready(ready.separators).name
    return Wish(
        tuple(given or ready.instruments), groups, separator, ready.minus_each, ready.residual
    )


def of_quality(quality: str, told: SeparationOptions) -> SeparationOptions:
    """Options of a quality; those that were told to differ from the defaults go first."""
    own = {
        field.name: getattr(told, field.name)
        for field in fields(told)
        if getattr(told, field.name) != getattr(DEFAULTS, field.name)
    }
    return replace(DEFAULTS, **{**QUALITIES[quality], **own})


def _known(given: str, model: StreamSeparator, registry: Registry) -> list[str]:
    """The stems that a name or alias stands for."""
    name = plain(given)
    stems = model.notes.stems if model.notes else ()
    if written := [stem.stem for stem in stems if name in (stem.stem, stem.instrument)]:
        return written
    if name in model.asked:
        return [name]
    name = registry.instruments([given])[0].name
    if written := [stem.stem for stem in stems if stem.instrument == name]:
        return written
    if name not in model.asked:
        raise UnknownNameError(f"no stem of '{given}'", nearest(name, model.asked))
    return [name]
