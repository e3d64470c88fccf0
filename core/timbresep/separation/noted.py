"""Notes as an estimator beside the network, of a score or transcribed.

In each window, the notes of everyone who plays explain the mixture (`notes.factorisation`). Each
stem then has of a bin what its notes claim there, times a root of what the network claims for its
instrument: notes say where a tone is, the network how it is blown, bowed and sung. Those whom
nobody asks for claim their share, too. What neither explains stays in the residual.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from timbresep.joint_mask import NEW_CLAIM, presence
from timbresep.separation.note_model import NoteModel

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
        beside: names of other instruments that may play, too.
        unsure: whether instruments need not play: each counts by how likely it does.
        new: names of instruments that the network was not trained on: it claims too little for
            them, as in `timbresep.joint_mask`.
    """

    model: NoteModel
    asked: Sequence[str]
    beside: Sequence[str] = ()
    unsure: bool = False
    new: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """Everyone who shares the mixture: whose notes are known, and who is asked for."""
        return list(dict.fromkeys((*self.model.notes.names, *self.beside, *self.asked)))

    def instrument(self, name: str) -> str:
        """The instrument of a stem."""
        return self.model.notes.instrument(name)

    def stems(self, signal: Tensor, start: float, network: Estimates) -> Tensor:
        """The stems asked for, ``(asked, channels, samples)``.

        Args:
            signal: the mixture ``(channels, samples)``.
            start: second of the recording at which it starts.
            network: what else is known of it; of instruments without notes, it has to be there.
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
        if not self.model.notes.trust.in_sources:
            return torch.stack([chained.stems[name] for name in self.asked])

        def place(name: str) -> int | None:
            number = holder(self.instrument(name))
            return number if number in counted else None

        found: dict[str, Tensor] = {}
        for where in dict.fromkeys(place(name) for name in self.names):
            here = [name for name in self.names if place(name) == where]
            if not set(here) & set(self.model.notes.names):
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
        if self.unsure:
            heard = _likely(mixture, {name: heard[self.instrument(name)] for name in names})
        window = self.model.window(mixture.shape[-1], start, network.semitones)
        played = notes.played(signal, [name for name in names if name in notes.names], window)
        # Strokes say when, but not what: there the network knows better.
        played = [each for each in played if each.pitched or each.instrument not in heard]
        players = {each.stem for each in played}
        claims = {name: heard[self.instrument(name)] for name in names if name not in players}
        beside = sum(claims.values(), torch.zeros_like(mixture))
        found, rest = self.model.claims(mixture, played, semitones=network.semitones, others=beside)
        claims |= {each.stem: claim for each, claim in zip(played, found, strict=True)}
        told = [heard.get(self.instrument(name), claims[name]) for name in names]
        own = torch.stack([claims[name] for name in names])
        more = own.new_tensor([NEW_CLAIM if name in self.new else 1.0 for name in names])
        own = own * more[:, None, None, None]
        masks = shares(own, torch.stack(told), mixture, [rest], notes.trust.powers)
        waves = stft.inverse(masks * spectrum, signal.shape[-1])
        return dict(zip(names, waves, strict=True))


def _likely(mixture: Tensor, claims: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Claims of instruments, by how likely each of them plays; magnitudes as `mixture`."""
    stacked = torch.stack(list(claims.values()))[None]  # (1, instruments, channels, bins, frames)
    likely = presence(mixture[None], stacked, stacked.sum(dim=1))
    return dict(zip(claims, (likely * stacked)[0], strict=True))


def shares(
    claims: Tensor,
    network: Tensor,
    mixture: Tensor,
    others: Sequence[Tensor],
    powers: tuple[float, float],
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
