"""What gives the stems of a window: a network, refined or not, or notes beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from timbresep.joint_mask import consistent_spectra
from timbresep.separation.cascade import Cascade
from timbresep.separation.masking import shared
from timbresep.separation.network import Network
from timbresep.separation.noted import Chained, Estimates, Noted
from timbresep.separation.options import SeparationOptions
from timbresep.separation.query import Query
from timbresep.separation.refinement import Refinement
from timbresep.streaming import Rows
from timbresep.tuning import semitones_above


@dataclass(frozen=True)
class Look:
    """What the network finds in a window.

    Attributes:
        mixture: ``(batch, model channels, samples)``.
        sources: what the source model gave, ``(batch, sources, model channels, samples)``.
        estimates: of all rows of the query, ``(batch, rows, model channels, samples)``.
        semitones: how far the window is above A4 = 440 Hz.
    """

    mixture: Tensor
    sources: Tensor
    estimates: Tensor
    semitones: float


@dataclass(frozen=True)
class ByNetwork:
    """Stems by a network, after a source model or not.

    Attributes:
        network: the network.
        asked: what it is asked.
        cascade: where the instruments asked for are looked for; None without a source model.
        options: how to separate.
    """

    network: Network
    asked: Query
    cascade: Cascade | None
    options: SeparationOptions

    def stems(self, parts: Rows, _: float) -> Tensor:
        """The stems asked for, ``(instruments, batch, model channels, samples)``.

        Args:
            parts: the window and its sources (1 + sources, channels, samples).
        """
        return self.found(self.look(parts)).transpose(0, 1)

    def found(self, look: Look) -> Tensor:
        """The stems asked for, ``(batch, instruments, model channels, samples)``."""
        stems = self.shared(look)
        if not self.options.mixture_consistency:
            return stems
        stft = self.network.stft
        whole = consistent_spectra(stft(look.mixture), stft(stems))
        return stft.inverse(whole, look.mixture.shape[-1])

    def look(self, parts: Rows) -> Look:
        """The network's estimates; argument as for `stems`."""
        mixture, *sources = [self.network.batch(part) for part in parts]
        rate = self.network.model.sample_rate
        semitones = semitones_above(parts[0], rate) if self.options.retune else 0.0
        estimates = self.network.estimate(mixture, self.asked.calls, semitones)
        by_source = torch.stack(sources, dim=1) if sources else mixture.unsqueeze(1)[:, :0]
        return Look(mixture, by_source, estimates, semitones)

    def shared(self, look: Look) -> Tensor:
        """What its estimates give each stem, ``(batch, instruments, model channels, samples)``."""
        stft = self.network.stft
        if self.cascade is None:
            return shared(stft, look.mixture, look.estimates, self.asked)
        return self.cascade.stems(
            stft,
            look.mixture,
            look.sources,
            look.estimates,
            lambda signal: self.network.estimate(signal, self.asked.calls, look.semitones),
        )


@dataclass(frozen=True)
class Refined:
    """Stems by a network, refined.

    Attributes:
        network: asked for everyone who shares the mixture, and for others.
        refinement: refines stems.
        names: of the stems that the network is asked for.
        sharing: names of those that share the mixture.
        asked: names of the stems that are wanted.
    """

    network: ByNetwork
    refinement: Refinement
    names: Sequence[str]
    sharing: Sequence[str]
    asked: Sequence[str]

    def stems(self, parts: Rows, _: float) -> Tensor:
        """The stems asked for, ``(stems, channels, samples)``; argument as for `ByNetwork`."""
        look = self.network.look(parts)
        stems = _named(self.names, self.network.found(look))
        signal = torch.from_numpy(parts[0]).to(look.mixture)
        shared = {name: stems[name] for name in self.sharing}
        stems |= self.refinement.refined(signal, shared, semitones=look.semitones)
        return torch.stack([stems[name] for name in self.asked])


@dataclass(frozen=True)
class ByNotes:
    """Stems by notes, beside a network or alone.

    Attributes:
        groups: those who share the mixture; each group gives some of the stems.
        asked: names of the stems that are wanted.
        device: where to compute.
        network: asked for `heard`; None for notes alone.
        heard: instruments that the network is asked for.
    """

    groups: Sequence[Noted]
    asked: Sequence[str]
    device: torch.device
    network: ByNetwork | None = None
    heard: Sequence[str] = ()

    def stems(self, parts: Rows, start: float) -> Tensor:
        """The stems asked for, ``(stems, channels, samples)``.

        Args:
            parts: the window and its sources (1 + sources, channels, samples).
            start: second of the recording at which it starts.
        """
        signal = torch.from_numpy(parts[0]).to(self.device)
        found: dict[str, Tensor] = {}
        estimates, chained = self._estimates(parts)
        for noted in self.groups:
            if chained is None or self.network is None or self.network.cascade is None:
                stems = noted.stems(signal, start, estimates)
            else:
                holder = self.network.cascade.places.holder
                stems = noted.stems_of_sources(signal, start, estimates, chained, holder)
            found |= dict(zip(noted.asked, stems, strict=True))
        return torch.stack([found[name] for name in self.asked])

    def _estimates(self, parts: Rows) -> tuple[Estimates, Chained | None]:
        """What the network says of a window, and what a source model and the network say."""
        if self.network is None:
            return Estimates({}, semitones_above(parts[0], self.groups[0].model.rate)), None
        look, asked, cascade = self.network.look(parts), self.network.asked, self.network.cascade
        heard = Estimates(_named(self.heard, look.estimates[:, list(asked.rows)]), look.semitones)
        if cascade is None:
            return heard, None
        stft = self.network.network.stft
        counts = cascade.counts_in(stft, look.mixture, look.sources, look.estimates)
        chained = Chained(
            sources=look.sources.transpose(0, 1).flatten(1, 2),
            counts=counts.tolist(),
            stems=_named(self.heard, self.network.shared(look)),
        )
        return heard, chained


def _named(names: Sequence[str], rows: Tensor) -> dict[str, Tensor]:
    """The first rows (batch, rows, model channels, samples) by name, with the window's channels."""
    count = len(names)
    return dict(zip(names, rows[:, :count].transpose(0, 1).flatten(1, 2), strict=True))
