"""A source model, then the network: which signal each instrument is looked for in.

A source model finds something of each source in any music. So a source counts as far as it is loud
enough, and as far as the network does not know better: where the network is sure that what the
source took is instruments of other sources, it stays in the mixture.

A source that counts is taken out of the mixture. Where it is there for one instrument only, it is
that instrument's stem. Instruments that have a source in common share it, and all others share what
is left of the mixture, as they would share a mixture; but if the network finds next to nothing of
the others beside one instrument, all that is left is this instrument's stem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from timbresep.joint_mask import UNCLAIMED
from timbresep.separation.masking import shared
from timbresep.separation.query import Query
from timbresep.separation.sources import Places
from timbresep.stft import STFT

LEAST_DB = -18.0
"""Level of a source, relative to the mixture, at which it counts half."""
LESS_DB, LESS_KNOWN_DB = -6.0, -3.5
"""Level of a source, relative to what the network claims for its instruments, at which it counts
half: in music that the network knows, it finds a known instrument more wholly. The second is for
a source that it recognises."""
SLOPE_DB = 0.7
TAKEN, TAKEN_SLOPE = 0.5, 0.02
"""Part of a source at which it counts half: the part that the network gives to the instruments of
other sources, each bin to the one that claims most of it."""
TAKEN_PER_DB, LOUD_DB = 0.012, -8.0
"""The fainter a source is, the less of it may be given to them: `TAKEN` is for a loud one."""
TAKEN_KNOWN, KNOWN, KNOWN_SLOPE = 0.19, 0.72, 0.02
"""In place of `TAKEN`, where the network recognises more of a source than a part `KNOWN`: this is
like the music of its training, in which it is to be believed."""
CERTAIN = 0.1
"""A source counts wholly, or not at all, if it does so but for this."""
LEAD_DB, LEAD_SLOPE_DB = 6.5, 0.5
"""How far the level of an instrument is above that of every other in what the sources leave, where
it is half sure that it is the only one."""
LEADER_DB = -9.0
"""Least level of such an instrument, relative to what the sources leave."""
FEW = 2
"""What a model of so many sources leaves is a whole band, and never one instrument."""
UNASKED_DB = 4.0
"""An instrument that nobody asks for counts as so much softer here: who asks knows what plays."""
EPS = 1e-9
Look = Callable[[Tensor], Tensor]
"""Gives the network's estimates ``(batch, rows, channels, samples)`` in another signal."""


@dataclass(frozen=True)
class Cascade:
    """Where to look for each instrument.

    Attributes:
        query: the instruments asked for, and those of joint masking.
        places: the sources.
        asked: of each instrument asked for, the number of the source that is there for it.
        known: the same of each instrument of joint masking.
        members: how many instruments can be meant by each source.
        joint: whether instruments share by joint masking; if not, each is estimated by itself.
    """

    query: Query
    places: Places
    asked: tuple[int | None, ...]
    known: tuple[int | None, ...]
    members: tuple[int, ...]
    joint: bool = True

    @classmethod
    def of(
        cls,
        query: Query,
        instruments: Sequence[str],
        known: Sequence[str],
        places: Places,
        *,
        joint: bool = True,
    ) -> Cascade:
        """Place instruments: those asked for, and those of joint masking."""
        names = {name: places.holder(name) for name in (*known, *instruments)}
        held = [number for name, number in names.items() if name not in places.stand_ins]
        return cls(
            query,
            places,
            tuple(names[name] for name in instruments),
            tuple(names[name] for name in known),
            tuple(held.count(number) for number in range(len(places.sources))),
            joint,
        )

    def counts(self, mixture: Tensor, sources: Tensor, claims: Tensor) -> Tensor:
        """How much each source counts, (sources,), 0 to 1; 0 for the rest.

        Args:
            mixture: magnitudes ``(batch, channels, bins, frames)``.
            sources: the same of the sources ``(batch, sources, channels, bins, frames)``.
            claims: the same of the instruments of joint masking, found in the mixture.
        """
        power = claims.square()
        shares = power / (torch.maximum(power.sum(dim=1), mixture.square()) + EPS).unsqueeze(1)
        total = mixture.square().sum()
        counts = torch.zeros(len(self.places.sources))
        for number, name in enumerate(self.places.sources):
            if name == self.places.rest:
                continue
            energy = sources[:, number].square()
            held = torch.tensor([holder == number for holder in self.known], dtype=torch.bool)
            claimed = (shares[:, held].sum(dim=1) * mixture.square()).sum()
            level = _db(energy.sum(), total)
            parts = [_largest(shares[:, some]) * energy for some in (held, ~held)]
            own, taken = (part.sum() / (energy.sum() + EPS) for part in parts)
            known = torch.sigmoid((own + taken - KNOWN) / KNOWN_SLOPE)
            least = LESS_DB + known * (LESS_KNOWN_DB - LESS_DB)
            loud = torch.minimum(level - LEAST_DB, _db(energy.sum(), claimed) - least)
            most = TAKEN + known * (TAKEN_KNOWN - TAKEN)
            most = most + TAKEN_PER_DB * (level - LOUD_DB).clamp(max=0)
            kept = torch.sigmoid((most - taken) / TAKEN_SLOPE)
            counts[number] = torch.sigmoid(loud / SLOPE_DB) * kept
        counts[counts < CERTAIN] = 0.0
        counts[counts > 1 - CERTAIN] = 1.0
        return counts

    def counts_in(self, stft: STFT, mixture: Tensor, sources: Tensor, estimates: Tensor) -> Tensor:
        """`counts` of waveforms; arguments as for `stems`."""
        claims = stft(estimates)[:, : len(self.known)].abs()  # there may be none
        return self.counts(stft(mixture).abs(), stft(sources).abs(), claims).to(mixture)

    def stems(
        self, stft: STFT, mixture: Tensor, sources: Tensor, estimates: Tensor, look: Look
    ) -> Tensor:
        """The stems asked for.

        Args:
            stft: the transform to mask in.
            mixture: ``(batch, channels, samples)``.
            sources: ``(batch, sources, channels, samples)``.
            estimates: of all rows of the query, in the mixture.
            look: gives them in another signal.

        Returns:
            ``(batch, instruments, channels, samples)``.
        """
        counts = self.counts_in(stft, mixture, sources, estimates)
        if not counts.any():
            return self._masked(stft, mixture, estimates)
        left = mixture - (counts[:, None, None] * sources).sum(dim=1)
        again = look(left) if self._in_left(counts) else torch.zeros_like(estimates)
        absent = [1.0 if n is None else 1.0 - float(counts[n]) for n in self.known]
        claiming = torch.tensor(absent).to(mixture)
        estimates_left = self._both(estimates, again)
        if len(self.places.sources) > FEW:
            stems = self._shared(stft, left, estimates_left, claiming, LEAD_DB)
        else:
            stems = self._masked(stft, left, estimates_left, claiming)
        for number, count in enumerate(counts.tolist()):
            mine = [i for i, holder in enumerate(self.asked) if holder == number]
            if not mine or not count:
                continue
            found = sources[:, number : number + 1]
            if self.members[number] > 1:
                inside = torch.tensor([float(n == number) for n in self.known]).to(mixture)
                source = sources[:, number]
                inner = estimates if self._all_masked else self._both(estimates, look(source))
                found = self._shared(stft, source, inner, inside, 0.0)[:, mine]
            stems[:, mine] = count * found + (1 - count) * stems[:, mine]
        return stems

    @property
    def _all_masked(self) -> bool:
        return self.joint and bool(self.known) and bool(self.query.masked.all())

    def _both(self, estimates: Tensor, again: Tensor) -> Tensor:
        """The mean of two looks where it makes claims; the second where it is the stem itself."""
        if not self.joint:
            return again
        if self._all_masked:
            return (estimates + again) / 2
        both = again.clone()
        known = slice(len(self.known))
        both[:, known] = (estimates[:, known] + again[:, known]) / 2
        return both

    def _masked(
        self,
        stft: STFT,
        signal: Tensor,
        estimates: Tensor,
        claiming: Tensor | None = None,
        unclaimed: float = UNCLAIMED,
    ) -> Tensor:
        """The stems asked for, masked jointly or each by itself."""
        if not self.joint:
            return estimates[:, list(self.query.rows)]
        return shared(stft, signal, estimates, self.query, claiming=claiming, unclaimed=unclaimed)

    def _shared(
        self, stft: STFT, signal: Tensor, estimates: Tensor, claiming: Tensor, lead: float
    ) -> Tensor:
        """The stems asked for, in a signal that is not sure to hold more than one instrument."""
        unclaimed = UNCLAIMED if lead > 0 else 0.0  # a source holds nothing but its instruments
        stems = self._masked(stft, signal, estimates, claiming, unclaimed)
        if not self.joint:
            return stems
        sure = self.alone(stft(signal).abs(), stft(estimates).abs(), claiming, lead)
        sure = sure[None, :, None, None].to(signal)
        return sure * signal.unsqueeze(1) + (1 - sure) * stems

    def alone(self, signal: Tensor, estimates: Tensor, claiming: Tensor, lead: float) -> Tensor:
        """How sure it is that an instrument asked for is the only one in a signal.

        Args:
            signal: magnitudes ``(batch, channels, bins, frames)``.
            estimates: the same of all rows of the query ``(batch, rows, channels, bins, frames)``.
            claiming: how likely each instrument of joint masking is in there, ``(known,)``.
            lead: how far its level must be above that of every other, in dB.

        Returns:
            (instruments,), 0 to 1.
        """
        known = estimates[:, : len(self.known)] * claiming[:, None, None, None]
        unasked = ~self.query.same.any(dim=0)  # (known,)
        sure = []
        for row, same in zip(self.query.rows, self.query.same, strict=True):
            claims = torch.cat([estimates[:, row : row + 1], known[:, ~same]], dim=1)
            most = torch.maximum(claims.sum(dim=1), signal).unsqueeze(1) + EPS
            parts = (claims / most * signal.unsqueeze(1)).square().sum(dim=(0, 2, 3, 4))
            level = _db(parts, signal.square().sum())
            others = level[1:] - UNASKED_DB * unasked[~same].to(level)
            # Without another instrument to compare with, nothing is sure.
            above = (level[0] - others.amax()) if len(others) else level.new_tensor(-torch.inf)
            sure.append(
                torch.sigmoid((above - lead) / LEAD_SLOPE_DB)
                * torch.sigmoid((level[0] - LEADER_DB) / LEAD_SLOPE_DB)
            )
        return torch.stack(sure)

    def _in_left(self, counts: Tensor) -> bool:
        """Whether an instrument asked for can be in what the sources leave of the mixture."""
        return any(n is None or counts[n] < 1 for n in self.asked)


def _largest(shares: Tensor) -> Tensor:
    """The largest share of each bin, of (batch, instruments, …); 0 where there is no instrument."""
    return shares.amax(dim=1) if shares.shape[1] else torch.zeros_like(shares.sum(dim=1))


def _db(energy: Tensor, reference: Tensor) -> Tensor:
    return 10 * ((energy + EPS) / (reference + EPS)).log10()
