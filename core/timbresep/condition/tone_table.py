"""Tables of an instrument's steady tones, of which conditions are made.

numpy only, until a model has to play: workers that mix training data import this module.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from timbresep.errors import DataError
from timbresep.units import hz_to_midi, midi_to_hz, pitch_ratio

if TYPE_CHECKING:
    from torch import Tensor, nn

    from timbresep.ddsp.decoder import Controls, DecoderConfig
    from timbresep.ddsp.model import TrainedRange

Array = npt.NDArray[np.float32]

TOLERANCE = 0.3
"""Semitones by which a pitch may lie outside of a range and still belong to it."""

NYQUIST = 8000.0
BANDS = 16
"""Bands of noise, of equal width on the mel scale from 0 Hz to Nyquist."""

UNIFORM_POWER = 1 / 3
"""Power of the synthesiser's noise before its filter: uniform from −1 to 1."""

REST, DECAY_DB = 0.1, 60.0
"""An unpitched instrument is asked for a stroke: seconds of silence, then a fall of dB a second."""

MOMENTS = (0.0, 0.05, 0.25, 0.6)
"""Seconds after a stroke between which its attack, body and tail are averaged."""


class Voice(Protocol):
    """What can play tones: a DDSP model, or a blend of several."""

    config: DecoderConfig
    trained_range: TrainedRange

    def controls(self, f0_hz: Tensor, loudness_db: Tensor) -> Controls:
        """Controls for f0 in Hz and loudness in dB, each (batch, frames)."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Its weights, which are on the device where it answers."""


@dataclass(frozen=True)
class ToneTable:
    """An instrument's tones over pitch and loudness, each as shares of a whole: gain is not in it.

    A pitched instrument has a tone for each semitone. One without pitch has the three moments of
    a stroke in their place, and no harmonics.

    Attributes:
        pitches: MIDI numbers (pitches,), ascending; empty for an instrument without pitch.
        levels: loudness in dB (levels,): quartiles of what the model was trained on.
        distributions: shares of the harmonics (levels, pitches, harmonics), summing to 1.
        noise: shares of a tone's power that lie in bands of its noise (levels, tones, 16); what
            is missing to 1 is the power of the harmonics.
    """

    pitches: Array
    levels: Array
    distributions: Array
    noise: Array

    @classmethod
    def from_model(cls, model: Voice, f0_range: tuple[float, float] | None) -> ToneTable:
        """Ask a model for its tones.

        Pitched: a second at each semitone and level; the last half is averaged. Semitones outside
        of the range that the model was trained on are left out.

        Args:
            model: a trained DDSP model, or another voice.
            f0_range: the instrument's lowest and highest fundamental in Hz; None for one without
                pitch.

        Raises:
            DataError: the range has no semitone that the model was trained on.
        """
        levels = np.asarray(model.trained_range.loudness_db, dtype=np.float32)
        if f0_range is None:
            return cls._strokes(model, levels)
        pitches = _semitones(model.trained_range.f0_hz, f0_range)
        frames = model.config.frame_rate
        hz = np.tile(midi_to_hz(pitches), len(levels))
        loudness = np.repeat(levels, len(pitches))
        answer = _ask(model, np.tile(hz[:, None], frames), np.tile(loudness[:, None], frames))
        settled = answer.distribution[:, frames // 2 :].mean(dim=1).cpu().numpy()  # (tones, K)
        noise = _noise_shares(answer)[:, frames // 2 :].mean(axis=1)  # (tones, bands)
        shape = len(levels), len(pitches), -1
        return cls(pitches, levels, settled.reshape(shape), noise.reshape(shape))

    @classmethod
    def _strokes(cls, model: Voice, levels: Array) -> ToneTable:
        """The table of an instrument without pitch: f0 = 0 Hz, loudness that decays."""
        rate = model.config.frame_rate
        moments = [round((REST + second) * rate) for second in MOMENTS]
        after = np.arange(moments[-1]) / rate - REST
        fall = levels[:, None] - DECAY_DB * after
        loudness = np.where(after < 0, -80.0, np.maximum(fall, -80.0))  # (levels, frames)
        answer = _ask(model, np.zeros_like(loudness), loudness)
        shares = _noise_shares(answer, pitched=False)  # (levels, frames, bands)
        spans = [shares[:, a:b].mean(axis=1) for a, b in itertools.pairwise(moments)]
        noise = np.stack(spans, axis=1)  # (levels, moments, bands)
        nothing = np.zeros((len(levels), 0, model.config.n_harmonics), np.float32)
        return cls(np.zeros(0, np.float32), levels, nothing, noise)

    def checked(self) -> ToneTable:
        """The table itself, after a check of its values.

        Raises:
            ValueError: arrays that do not belong together, or numbers that are no tones.
        """
        tones = len(self.pitches) or len(MOMENTS) - 1
        levels, harmonics = len(self.levels), self.distributions.shape[-1:]
        shapes = (
            (self.pitches, (len(self.pitches),)),
            (self.levels, (levels,)),
            (self.distributions, (levels, len(self.pitches), *harmonics)),
            (self.noise, (levels, tones, BANDS)),
        )
        if not levels or not harmonics or not harmonics[0]:
            raise ValueError("no level or no harmonic")
        if any(array.shape != shape or not np.isfinite(array).all() for array, shape in shapes):
            raise ValueError("arrays that do not belong together")
        shares = (self.distributions, self.noise)
        if any(array.size and not 0 <= array.min() <= array.max() <= 1.01 for array in shares):
            raise ValueError("shares that are not between 0 and 1")
        if np.any(np.diff(self.pitches) <= 0) or np.any(np.diff(self.levels) < 0):
            raise ValueError("pitches or levels out of order")
        return self

    @property
    def pitched(self) -> bool:
        """Whether the instrument has pitches at all."""
        return len(self.pitches) > 0

    def nearest(self, notes: Sequence[float]) -> npt.NDArray[np.intp]:
        """Places of the semitones nearest to notes (MIDI numbers), each once, ascending.

        Raises:
            DataError: no notes, one that is not a finite number, or an instrument without pitch.
        """
        wanted = np.asarray(list(notes), dtype=np.float64)
        if wanted.size == 0 or not np.isfinite(wanted).all():
            raise DataError(
                "a condition needs at least one note", "give MIDI note numbers, such as 60 for C4"
            )
        if not self.pitched:
            raise DataError("this instrument has no pitch, so it has no notes", "leave them out")
        return np.unique(np.abs(self.pitches[None] - wanted[:, None]).argmin(axis=1))

    def only(self, index: npt.NDArray[np.intp]) -> ToneTable:
        """The table of some of its pitches, by place; one without pitch stays whole."""
        if not self.pitched:
            return self
        return replace(
            self,
            pitches=self.pitches[index],
            distributions=self.distributions[:, index],
            noise=self.noise[:, index],
        )

    def at_level(self, level: float) -> ToneTable:
        """The table at one loudness in dB, interpolated; at the outermost level beyond them."""
        place = float(np.interp(level, self.levels, np.arange(len(self.levels))))
        below = int(place)
        above = min(below + 1, len(self.levels) - 1)
        share = np.float32(place - below)

        def mix(values: Array) -> Array:
            between: Array = (1 - share) * values[below] + share * values[above]
            return between[None]

        levels = mix(self.levels)
        return replace(
            self, levels=levels, distributions=mix(self.distributions), noise=mix(self.noise)
        )


def tones_of_model(model_file: Path, f0_range: tuple[float, float] | None) -> ToneTable:
    """Read a DDSP model and tabulate its tones.

    Args:
        model_file: safetensors file of a trained model.
        f0_range: the instrument's lowest and highest fundamental in Hz; None without pitch.

    Raises:
        CheckpointError: the file is missing, cut or of another kind.
        DataError: the range has no semitone that the model was trained on.
    """
    from timbresep.ddsp.model import DdspModel

    return ToneTable.from_model(DdspModel.load(model_file), f0_range)


def band_edges() -> npt.NDArray[np.float64]:
    """Edges (17,) of the noise bands in Hz: equal steps of ``2595 log10(1 + f / 700)``."""
    steps = np.linspace(0, math.log10(1 + NYQUIST / 700), BANDS + 1)
    edges: npt.NDArray[np.float64] = 700 * (10**steps - 1)
    return edges


def _semitones(trained: tuple[float, float], f0_range: tuple[float, float]) -> Array:
    """MIDI numbers of the semitones that two ranges in Hz have in common."""
    lowest, highest = trained
    low = max(f0_range[0], lowest)
    high = min(f0_range[1], highest)
    if low <= high * pitch_ratio(2 * TOLERANCE):
        first, last = (
            math.ceil(hz_to_midi(low) - TOLERANCE),
            math.floor(hz_to_midi(high) + TOLERANCE),
        )
        if first <= last:
            return np.arange(first, last + 1, dtype=np.float32)
    raise DataError(
        f"the DDSP model was trained on {lowest:.0f} to {highest:.0f} Hz, which has no note of the "
        f"f0 range {f0_range[0]:.0f} to {f0_range[1]:.0f} Hz",
        "correct f0_range in instrument.yaml, or train the model on fitting solos",
    )


def _ask(
    model: Voice, f0_hz: npt.NDArray[np.floating], loudness_db: npt.NDArray[np.floating]
) -> Controls:
    """The model's controls for courses of pitch and loudness (tones, frames)."""
    import torch

    device = next(model.parameters()).device

    def tensor(values: npt.NDArray[np.floating]) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(device)

    with torch.no_grad():
        return model.controls(tensor(f0_hz), tensor(loudness_db))


def _noise_shares(answer: Controls, *, pitched: bool = True) -> Array:
    """Share of the whole power in each band of the noise (tones, frames, 16).

    Harmonic k has the power ``(a dₖ)² / 2``; noise with the filter gain m has ``m² / 3``, spread
    evenly from 0 Hz to Nyquist. The gain is that of the windowed filter: a Hann window of the
    impulse response smooths the magnitudes by ¼, ½, ¼. Without pitch, the noise is the whole.
    """
    given = answer.noise.cpu().numpy().astype(np.float64)
    beside = np.pad(given, ((0, 0), (0, 0), (1, 1)), mode="reflect")
    gains = 0.5 * given + 0.25 * (beside[..., :-2] + beside[..., 2:])
    density = UNIFORM_POWER * gains**2  # (tones, frames, magnitudes)
    noise = density @ _pooling(density.shape[-1]).T  # (tones, frames, bands)
    whole = noise.sum(axis=-1, keepdims=True)
    if pitched:
        partials = (answer.amplitude * answer.distribution).cpu().numpy().astype(np.float64)
        whole = whole + np.square(partials).sum(axis=-1, keepdims=True) / 2
    shares: Array = (noise / np.maximum(whole, 1e-20)).astype(np.float32)
    return shares


def _pooling(magnitudes: int) -> npt.NDArray[np.float64]:
    """What part of the spectrum each magnitude gives to each band (16, magnitudes); sums to 1.

    A magnitude speaks for the frequencies nearer to it than to its neighbours.
    """
    centres = np.linspace(0, 1, magnitudes)
    middle = (centres[1:] + centres[:-1]) / 2
    lower, upper = np.concatenate([[0.0], middle]), np.concatenate([middle, [1.0]])
    edges = band_edges() / NYQUIST
    overlap = np.minimum(upper, edges[1:, None]) - np.maximum(lower, edges[:-1, None])
    shares: npt.NDArray[np.float64] = np.maximum(overlap, 0)
    return shares
