"""Score-informed separation: notes as an estimator beside the network.

In each window, the notes of everyone who plays explain the mixture (`notes.factorisation`). Each
stem then has of a bin what its notes claim there, times a root of what the network claims for its
instrument: notes say where a tone is, the network how it is blown, bowed and sung. Parts that
nobody asks for claim their share, too. What neither explains stays in the residual.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from timbresep.separation.note_model import NoteModel

NOTES_POWER = 1.5
"""Exponent of what notes claim."""

NETWORK_POWER = 0.25
"""Exponent of what the network claims."""

NETWORK_FLOOR = 0.1
"""Share of the mixture that the network claims for everyone at least: notes know better."""

UNEXPLAINED = 0.05
"""Share of the mixture that stays in the residual against what notes and network claim."""

HALF = 0.5
EPS = 1e-10


@dataclass(frozen=True)
class Estimates:
    """What the network estimates in a window.

    Attributes:
        stems: instrument → its estimate in the mixture ``(channels, samples)``.
        semitones: how far the recording is above A4 = 440 Hz.
    """

    stems: Mapping[str, Tensor]
    semitones: float = 0.0


@dataclass(frozen=True)
class Chained:
    """What a source model, and the network after it, say of a window.

    Attributes:
        sources: ``(sources, channels, samples)``.
        counts: how much each of them counts, 0 to 1.
        stems: instrument → its stem without notes ``(channels, samples)``.
    """

    sources: Tensor
    counts: Sequence[float]
    stems: Mapping[str, Tensor]


@dataclass
class Noted:
    """Separates the windows of one stream by notes.

    Attributes:
        model: explains signals by notes.
        asked: names of the stems, and of other instruments, that are wanted.
    """

    model: NoteModel
    asked: Sequence[str]

    @property
    def names(self) -> list[str]:
        """Everyone who shares the mixture: who is written, and who is asked for."""
        return list(dict.fromkeys((*self.model.notes.names, *self.asked)))

    def instrument(self, name: str) -> str:
        """The instrument of a stem."""
        stem = self.model.notes.of(name)
        return name if stem is None else stem.instrument

    def stems(self, signal: Tensor, start: float, network: Estimates) -> Tensor:
        """The stems asked for, ``(asked, channels, samples)``.

        Args:
            signal: the mixture ``(channels, samples)``.
            start: second of the recording at which it starts.
            network: what else is known of it; of instruments not in the score, it has to be there.
        """
        found = self._shared(signal, self.names, start, network)
        return torch.stack([found[name] for name in self.asked])

    def stems_of_sources(
        self,
        signal: Tensor,
        start: float,
        network: Estimates,
        chained: Chained,
        holder: Callable[[str], int | None],
    ) -> Tensor:
        """As `stems`, each in the source that holds its instrument.

        A source that counts for less than a half, and what no source is for, stays in the mixture.

        Args:
            signal, start, network: as for `stems`.
            chained: what comes before the network.
            holder: the number of the source that is there for an instrument, None if none is.
        """
        counted = [number for number, count in enumerate(chained.counts) if count > HALF]
        if not counted:
            return self.stems(signal, start, network)

        def place(name: str) -> int | None:
            number = holder(self.instrument(name))
            return number if number in counted else None

        found: dict[str, Tensor] = {}
        for where in dict.fromkeys(place(name) for name in self.names):
            here = [name for name in self.names if place(name) == where]
            written = [name for name in here if self.model.notes.of(name) is not None]
            if not written:
                found |= {name: chained.stems[name] for name in here}
            elif where is not None and len(here) == 1:
                found[here[0]] = chained.sources[where]
            else:
                left = signal - chained.sources[counted].sum(dim=0)
                own = left if where is None else chained.sources[where]
                found |= self._shared(own, here, start, network)
        return torch.stack([found[name] for name in self.asked])

    def _shared(
        self,
        signal: Tensor,
        names: Sequence[str],
        start: float,
        network: Estimates,
    ) -> dict[str, Tensor]:
        """The stems of those who share a signal."""
        stft, notes = self.model.stft, self.model.notes
        spectrum = stft(signal)
        mixture = spectrum.abs()
        heard = {name: stft(wave).abs() for name, wave in network.stems.items()}
        written = [stem for name in names if (stem := notes.of(name)) is not None]
        # Strokes say when, but not what: there the network knows better.
        written = [stem for stem in written if stem.pitched or stem.instrument not in heard]
        players = {stem.stem for stem in written}
        claims = {name: heard[self.instrument(name)] for name in names if name not in players}
        beside = sum(claims.values(), torch.zeros_like(mixture))
        found, rest = self.model.claims(
            mixture, written, start, semitones=network.semitones, others=beside
        )
        claims |= {stem.stem: claim for stem, claim in zip(written, found, strict=True)}
        told = [heard.get(self.instrument(name), claims[name]) for name in names]
        own = torch.stack([claims[name] for name in names])
        masks = shares(own, torch.stack(told), mixture, [rest])
        waves = stft.inverse(masks * spectrum, signal.shape[-1])
        return dict(zip(names, waves, strict=True))


def shares(
    claims: Tensor,
    network: Tensor,
    mixture: Tensor,
    others: Sequence[Tensor] = (),
    powers: tuple[float, float] = (NOTES_POWER, NETWORK_POWER),
) -> Tensor:
    """What each stem has of each bin, 0 to 1.

    Args:
        claims: magnitudes that notes claim ``(stems, channels, bins, frames)``.
        network: what the network claims for their instruments, as `claims`; the notes' own claim
            where it knows nothing of an instrument.
        mixture: magnitudes ``(channels, bins, frames)``.
        others: magnitudes of what else sounds, as `mixture` each.
        powers: exponents of `claims` and `network`.
    """
    power = sum(powers)
    told = network + NETWORK_FLOOR * mixture
    own = (claims + EPS) ** powers[0] * (told + EPS) ** powers[1]
    rest = sum((other**power for other in others), (UNEXPLAINED * mixture + EPS) ** power)
    return own / (own.sum(dim=0) + rest)
