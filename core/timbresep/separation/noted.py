"""Score-informed separation: notes as an estimator beside the network.

In each window, the notes of everyone who plays explain the mixture (`notes.factorisation`). Each
stem then has of a bin what its notes claim there, times a root of what the network claims for its
instrument: notes say where a tone is, the network how it is blown, bowed and sung. Parts that
nobody asks for claim their share, too. What neither explains stays in the residual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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

EPS = 1e-10


def share_by_notes(
    model: NoteModel,
    signal: Tensor,
    names: Sequence[str],
    network: Mapping[str, Tensor],
    start: float,
    *,
    semitones: float = 0.0,
    unasked: Tensor | None = None,
) -> Tensor:
    """Stems in one signal.

    Args:
        model: explains signals by notes.
        signal: what all share, ``(channels, samples)``.
        names: of those that are in it: stems of the score, and other instruments.
        network: instrument → what the network gives for it in the mixture, as `signal`. One that is
            not in the score has to be there.
        start: second of the recording at which the signal starts.
        semitones: how far the recording is above A4 = 440 Hz.
        unasked: what else is in the signal ``(others, channels, samples)``.

    Returns:
        ``(names, channels, samples)``.
    """
    stft, notes = model.stft, model.notes
    spectrum = stft(signal)
    mixture = spectrum.abs()
    heard = {name: stft(wave).abs() for name, wave in network.items()}
    hidden = mixture.new_zeros(0, *mixture.shape) if unasked is None else stft(unasked).abs()
    claims = {name: heard[name] for name in names if notes.of(name) is None}
    beside = sum(claims.values(), hidden.sum(dim=0))
    written = [stem for name in names if (stem := notes.of(name)) is not None]
    found = model.claims(mixture, written, start, semitones=semitones, others=beside)
    claims |= {stem.stem: claim for stem, claim in zip(written, found, strict=True)}
    players = {stem.stem: stem.instrument for stem in written}
    told = [heard.get(players.get(name, name), claims[name]) for name in names]
    own = torch.stack([claims[name] for name in names])
    masks = shares(own, torch.stack(told), mixture, hidden)
    return stft.inverse(masks * spectrum, signal.shape[-1])


def shares(claims: Tensor, network: Tensor, mixture: Tensor, others: Tensor) -> Tensor:
    """What each stem has of each bin, 0 to 1.

    Args:
        claims: magnitudes that notes claim ``(stems, channels, bins, frames)``.
        network: what the network claims for their instruments, as `claims`; the notes' own claim
            where it knows nothing of an instrument.
        mixture: magnitudes ``(channels, bins, frames)``.
        others: magnitudes of what else sounds ``(others, channels, bins, frames)``, or none.
    """
    power = NOTES_POWER + NETWORK_POWER
    told = network + NETWORK_FLOOR * mixture
    own = (claims + EPS) ** NOTES_POWER * (told + EPS) ** NETWORK_POWER
    rest = (others**power).sum(dim=0) + (UNEXPLAINED * mixture + EPS) ** power
    return own / (own.sum(dim=0) + rest)
