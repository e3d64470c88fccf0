"""What notes claim of a mixture, window by window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from timbresep.notes.activations import Played
from timbresep.notes.factorisation import Player, factorise
from timbresep.notes.templates import Overtones, templates
from timbresep.stft import STFT

TRANSFORM_S = 0.093
"""Length of the transform: notes have to lie in bins of their own."""

ANY_PITCH = range(28, 97)
"""Notes that unknown players may play, MIDI numbers: E1 to C7."""

FAINT = 0.05
"""How loud they and noise are at first, against the notes that are known."""


@dataclass(frozen=True)
class Trust:
    """How far notes are trusted.

    Attributes:
        iterations: of the factorisation: with templates as they are, and fitted to the mixture.
        powers: exponents of what notes, and the network beside them, claim of a bin.
        in_sources: whether they are used in what a source model gives, too.
    """

    iterations: tuple[int, int]
    powers: tuple[float, float]
    in_sources: bool


class NoteSource(Protocol):
    """Who plays what: by a score, or by ear."""

    @property
    def names(self) -> tuple[str, ...]:
        """The stems whose notes it knows."""

    @property
    def overtones(self) -> Mapping[str, Overtones]:
        """Overtones of instruments, by name; those of no instrument for all others."""

    @property
    def partial(self) -> bool:
        """Whether others play, too, whose notes are not known."""

    @property
    def trust(self) -> Trust:
        """How far its notes are trusted."""

    def instrument(self, name: str) -> str:
        """The instrument of a stem; of another name, the name itself."""

    def played(self, signal: Tensor, names: Sequence[str], window: Window) -> list[Played]:
        """What some of the stems play in a signal.

        Args:
            signal: ``(channels, samples)``.
            names: out of `names`.
            window: where it is.
        """


@dataclass(frozen=True)
class Window:
    """A stretch of a recording.

    Attributes:
        start: second of the recording at which it starts.
        times: middles of its frames, in seconds from there (frames,).
        rate: Hz.
        semitones: how far the recording is above A4 = 440 Hz.
    """

    start: float
    times: NDArray[np.float64]
    rate: int
    semitones: float = 0.0


def transform(rate: int) -> STFT:
    """The transform to explain mixtures in, whose length is a power of two."""
    n_fft = 2 ** round(float(np.log2(TRANSFORM_S * rate)))
    return STFT(n_fft, n_fft // 4)


@dataclass
class NoteModel:
    """Explains the windows of one stream, one after the other.

    Templates are fitted to all that was heard so far.

    Attributes:
        notes: who plays what.
        rate: Hz.
        stft: the transform.
        heard: stem and pitch → what it has had of each bin so far; of onsets, the pitch is None.
    """

    notes: NoteSource
    rate: int
    stft: STFT
    heard: dict[tuple[str, float | None], Tensor] = field(default_factory=dict)

    def claims(
        self,
        mixture: Tensor,
        played: Sequence[Played],
        *,
        semitones: float = 0.0,
        others: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Magnitudes that notes claim of a window, and what is left to noise and unknown players.

        Args:
            mixture: magnitudes ``(channels, bins, frames)``.
            played: what each player plays in it.
            semitones: how far the recording is above A4 = 440 Hz.
            others: magnitudes of what else sounds, as `mixture`.

        Returns:
            ``(players, channels, bins, frames)``, and the rest ``(channels, bins, frames)``.
        """
        models = mixture.new_zeros(len(played) + 1, *mixture.shape)
        players: dict[int, Player] = {}
        labels: list[list[tuple[str, float | None]]] = []
        for number, each in enumerate(played):
            if each.rests:
                continue
            keys = [(each.stem, pitch) for pitch in (*each.pitches, None)]
            rows = np.concatenate([each.sounding, each.onsets])
            spectra = self._templates(each, semitones)
            before = torch.stack([self.heard.get(key, torch.zeros(self.stft.bins)) for key in keys])
            tensors = (spectra, torch.from_numpy(rows), before)
            players[number] = Player(*(tensor.to(mixture) for tensor in tensors))
            labels.append(keys)
        players[len(played)] = self._rest(mixture)
        fit = factorise(
            mixture,
            list(players.values()),
            others=others,
            iterations=self.notes.trust.iterations,
        )
        models[list(players)] = fit.models
        for keys, spectra in zip(labels, fit.heard[:-1], strict=True):
            self.heard.update(zip(keys, spectra.cpu(), strict=True))
        return models[:-1], models[-1]

    def _rest(self, mixture: Tensor) -> Player:
        """Noise, which may sound at any time, and players whose notes are not known.

        It is learned anew in each window.
        """
        rows = np.full((1, self.stft.bins), 1 / self.stft.bins, np.float32)
        if self.notes.partial:
            every, size = Overtones.plain(), self.stft.n_fft
            rows = np.concatenate([rows, templates(ANY_PITCH, every, n_fft=size, rate=self.rate)])
        spectra = torch.from_numpy(rows).to(mixture)
        faint = mixture.new_full((len(spectra), mixture.shape[-1]), FAINT)
        return Player(spectra, faint, torch.zeros_like(spectra))

    def window(self, frames: int, start: float, semitones: float) -> Window:
        """A window of so many frames of the transform; arguments as in `Window`."""
        n_fft, hop = self.stft.n_fft, self.stft.hop
        # The first frame ends a hop after the window's start.
        times = (hop - n_fft / 2 + np.arange(frames) * hop) / self.rate
        return Window(start, times, self.rate, semitones)

    def _templates(self, played: Played, semitones: float) -> Tensor:
        """A template for each pitch and one for onsets, (pitches + 1, bins)."""
        bins = self.stft.bins
        flat = np.full((1, bins), 1 / bins, np.float32)
        own = np.repeat(flat, len(played.pitches), axis=0)
        if played.pitched:
            overtones = self.notes.overtones.get(played.instrument, Overtones.plain())
            pitches = [pitch + semitones for pitch in played.pitches]
            own = templates(pitches, overtones, n_fft=self.stft.n_fft, rate=self.rate)
        return torch.from_numpy(np.concatenate([own, flat]))
