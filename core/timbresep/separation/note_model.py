"""What the notes of a score claim of a mixture, window by window."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from timbresep.asked import Vector
from timbresep.errors import DataError
from timbresep.notes.activations import near, onsets, sounding
from timbresep.notes.factorisation import Player, factorise
from timbresep.notes.score import StemNotes
from timbresep.notes.templates import Overtones, templates
from timbresep.stft import STFT

TRANSFORM_S = 0.093
"""Length of the transform: notes have to lie in bins of their own."""

ANY_PITCH = range(28, 97)
"""Notes that unknown players may play, MIDI numbers: E1 to C7."""

FAINT = 0.05
"""How loud they and noise are at first, against the notes that are known."""


@dataclass(frozen=True)
class Notes:
    """What a separator knows of a piece.

    Attributes:
        stems: notes of everyone who plays, in seconds of the recording.
        overtones: of the instruments, by name; those of no instrument for all others.
        partial: whether others play, too, whose notes are not known.
    """

    stems: tuple[StemNotes, ...]
    overtones: Mapping[str, Overtones]
    partial: bool = False

    @classmethod
    def of_voices(
        cls,
        stems: Sequence[StemNotes],
        conditions: Mapping[str, Vector],
        *,
        partial: bool = False,
    ) -> Notes:
        """Notes, and overtones of instruments from their conditions.

        The overtones of an instrument are the mean of its own voice and of all voices: one voice is
        one specimen of its kind, and the recording has another.

        Args:
            stems: notes in seconds of the recording.
            conditions: harmonic conditions (dim,) by name of the instrument; others say nothing.
            partial: whether others play, too.

        Raises:
            DataError: no notes, or two stems of one name.
        """
        if not any(stem.notes for stem in stems):
            raise DataError("the score has no notes", "give one of what is played")
        names = [stem.stem for stem in stems]
        if len(set(names)) < len(names):
            raise DataError(f"two stems have one name: {', '.join(names)}", "name each once")
        voices = {}
        for name, condition in conditions.items():
            with contextlib.suppress(DataError):  # one-hot: it says nothing of overtones
                voices[name] = Overtones.of(condition)
        mean = Overtones.mean(list(voices.values()))
        written = {stem.instrument for stem in stems}
        own = {name: voices[name].with_half(mean) if name in voices else mean for name in written}
        return cls(tuple(stems), own, partial)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the stems."""
        return tuple(stem.stem for stem in self.stems)

    def of(self, name: str) -> StemNotes | None:
        """The notes of a stem; None if the score has none of this name."""
        return next((stem for stem in self.stems if stem.stem == name), None)


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

    notes: Notes
    rate: int
    stft: STFT
    heard: dict[tuple[str, float | None], Tensor] = field(default_factory=dict)

    def claims(
        self,
        mixture: Tensor,
        stems: Sequence[StemNotes],
        start: float,
        *,
        semitones: float = 0.0,
        others: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Magnitudes that notes claim of a window, and what is left to noise and unknown players.

        Args:
            mixture: magnitudes ``(channels, bins, frames)``.
            stems: some of those of `notes`.
            start: second of the recording at which the window starts.
            semitones: how far the recording is above A4 = 440 Hz.
            others: magnitudes of what else sounds, as `mixture`.

        Returns:
            ``(stems, channels, bins, frames)``, and the rest ``(channels, bins, frames)``.
        """
        n_fft, hop = self.stft.n_fft, self.stft.hop
        # The first frame ends a hop after the window's start.
        first = start + (hop - n_fft / 2) / self.rate
        times = first + np.arange(mixture.shape[-1]) * hop / self.rate
        models = mixture.new_zeros(len(stems) + 1, *mixture.shape)
        players: dict[int, Player] = {}
        labels: list[list[tuple[str, float | None]]] = []
        for number, stem in enumerate(stems):
            played = near(stem.notes, times)
            pitches = sorted({note.pitch for note in played})
            rows = np.concatenate([sounding(played, pitches, times), onsets(played, times)])
            if rows.any():
                keys = [(stem.stem, pitch) for pitch in (*pitches, None)]
                spectra = self._templates(stem, [pitch + semitones for pitch in pitches])
                before = torch.stack(
                    [self.heard.get(key, torch.zeros(self.stft.bins)) for key in keys]
                )
                tensors = (spectra, torch.from_numpy(rows), before)
                players[number] = Player(*(tensor.to(mixture) for tensor in tensors))
                labels.append(keys)
        players[len(stems)] = self._rest(mixture)
        fit = factorise(mixture, list(players.values()), others=others)
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

    def _templates(self, stem: StemNotes, pitches: Sequence[float]) -> Tensor:
        """A template for each pitch and one for onsets, (pitches + 1, bins)."""
        bins = self.stft.bins
        flat = np.full((1, bins), 1 / bins, np.float32)
        own = np.repeat(flat, len(pitches), axis=0)
        if stem.pitched:
            overtones = self.notes.overtones.get(stem.instrument, Overtones.plain())
            own = templates(pitches, overtones, n_fft=self.stft.n_fft, rate=self.rate)
        return torch.from_numpy(np.concatenate([own, flat]))
