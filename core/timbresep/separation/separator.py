"""Separate a mixture into instruments: as a stream, so that its length costs no memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from timbresep.audio import check_finite
from timbresep.audio.writer import BLOCK, Wave
from timbresep.checkpoint import Checkpoint
from timbresep.errors import AudioError, CheckpointError, TimbresepError
from timbresep.joint_mask import consistent_spectra, joint_mask
from timbresep.level import gains
from timbresep.separation.cascade import Part, Sure, parts_of, presence
from timbresep.separation.network import Network
from timbresep.separation.options import DEFAULTS, SeparationOptions
from timbresep.separation.query import Vector
from timbresep.separation.sources import Sources
from timbresep.separation.streaming import Fifo, Pair, Rows, made_consistent, overlap_add, resampled
from timbresep.separation.tuning import tuning_of

MAX_CHANNELS = 2


class Separator:
    """A loaded checkpoint, ready to separate any number of signals.

    Args:
        checkpoint: network and the conditions it was trained with.
        extra: conditions (dim,) of instruments that the network was not trained on.
        options: how to separate.
        asked: the instruments to separate unless a call names others; all by default.
        first: a source model that the mixture goes through first.

    Raises:
        CheckpointError: an extra condition has another length than the checkpoint's.
        TimbresepError: no such device.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        extra: Mapping[str, Vector] | None = None,
        options: SeparationOptions = DEFAULTS,
        asked: Sequence[str] | None = None,
        first: Sources | None = None,
    ) -> None:
        self.checkpoint, self.options, self.first = checkpoint, options, first
        self._conditions = {**(extra or {}), **checkpoint.conditions}
        self.trained = tuple(checkpoint.conditions)
        dim = len(next(iter(checkpoint.conditions.values())))
        for name, vector in self._conditions.items():
            if vector.shape != (dim,):
                raise CheckpointError(
                    f"the condition of '{name}' has shape {vector.shape}, "
                    f"{checkpoint.path} expects ({dim},)",
                    hint=f"rebuild it with `condition build {name}`",
                )
        self.network = Network(checkpoint.model, options.device, options.tta)
        self.asked = tuple(asked or self.instruments)

    @property
    def instruments(self) -> tuple[str, ...]:
        """Names of everything that can be asked for, those of the checkpoint first."""
        return self.trained + tuple(name for name in self._conditions if name not in self.trained)

    @property
    def joint(self) -> bool:
        """Whether stems are masked jointly."""
        return self.options.joint and len(self.checkpoint.jointly_masked()) > 1

    def condition(self, instrument: str) -> Vector:
        """The vector (dim,) that an instrument out of `instruments` is asked for with."""
        return self._conditions[instrument]

    def with_options(self, **changes: Any) -> Separator:
        """The same separator with other options (not another device or `tta`)."""
        other = copy(self)
        other.options = replace(self.options, **changes)
        return other

    def with_conditions(self, more: Mapping[str, Vector], like: Mapping[str, str]) -> Separator:
        """The same separator with more conditions (dim,) to ask for.

        Args:
            more: conditions by name.
            like: of some of them, the instrument in whose source they are looked for.
        """
        first = self.first and self.first.placed_like(like)
        conditions = {**more, **self._conditions}
        return Separator(self.checkpoint, conditions, self.options, self.asked, first)

    def separate(
        self, wave: Wave, rate: int, instruments: Sequence[str] | None = None
    ) -> dict[str, Wave]:
        """Separate a waveform that is in memory.

        Args:
            wave: (channels, samples), one or two channels.
            rate: Hz; converted to the network's rate and back where it differs.
            instruments: names out of `instruments`; those of `asked` by default.

        Returns:
            Name → (channels, samples), with the rate, length and channels of the input.

        Raises:
            AudioError: more than two channels, no samples, or one that is not finite.
            UnknownNameError: an instrument that the separator does not know.
        """
        if wave.ndim != 2 or wave.shape[1] == 0:
            raise AudioError(f"expected a waveform (channels, samples), got shape {wave.shape}")
        check_finite(wave, rate, "the mixture")
        names = self.asked if instruments is None else instruments
        blocks = (wave[:, at : at + BLOCK] for at in range(0, wave.shape[1], BLOCK))
        parts = [stems for _, stems in self.stream(blocks, rate, wave.shape[0], names)]
        stems = np.concatenate(parts, axis=2)  # (instruments, channels, samples)
        return dict(zip(names, stems, strict=True))

    def stream(
        self,
        blocks: Iterable[Rows],
        rate: int,
        channels: int,
        instruments: Sequence[str],
        *,
        name: str = "the mixture",
    ) -> Iterator[Pair]:
        """Separate a stream of blocks (channels, samples).

        Args:
            blocks: the mixture, in blocks of any length.
            rate: Hz.
            channels: one or two.
            instruments: names out of `instruments`.
            name: what errors call the mixture.

        Yields:
            Stretches of the mixture (channels, samples), each with its stems (instruments,
            channels, samples); in all, as many samples as came in.

        Raises:
            As `separate`.
        """
        if not 1 <= channels <= MAX_CHANNELS:
            raise AudioError(
                f"{channels} channels; mono and stereo are supported",
                hint="mix it down to stereo first",
            )
        asked = self._parts(instruments)
        model, count = self.checkpoint.model, len(instruments)
        waiting = Fifo(channels)

        def tapped() -> Iterator[Rows]:
            for block in blocks:
                waiting.push(block)
                yield block

        def process(window: Rows) -> Rows:
            _check_loudness(window, name)
            return self._window(window, channels, asked)

        slow, rows = resampled(tapped(), rate, model.sample_rate, channels), channels
        if self.first is not None:
            slow = self.first.stage.stream(slow, model.sample_rate, channels)
            rows = channels * (1 + len(self.first.places.sources))
        fade = min(model.context, model.chunk // 32)
        stems = overlap_add(
            slow, process, rows, chunk=model.chunk, context=model.context, fade=fade
        )
        back = resampled(stems, model.sample_rate, rate, count * channels)

        pairs = _aligned(back, waiting, count)
        for mixture, parts in made_consistent(pairs) if self.options.mixture_consistency else pairs:
            _check_loudness(parts, name)
            yield mixture, parts

    def _parts(self, instruments: Sequence[str]) -> list[Part]:
        """What to ask the network about each window."""
        joint = self.joint and not self.options.mixture_consistency
        known = self.checkpoint.jointly_masked() if joint else {}
        places = self.first.places if self.first else None
        return parts_of(self.checkpoint, self._conditions, instruments, known, places)

    @torch.inference_mode()
    def _window(self, window: Rows, channels: int, asked: Sequence[Part]) -> Rows:
        """All instruments of one window.

        Args:
            window: (channels · (1 + sources), n), the mixture and its sources.
            channels: of the mixture.
            asked: where to look for the instruments.

        Returns:
            (instruments · channels, n).
        """
        rows = window.reshape(-1, channels, window.shape[1])
        stems = np.zeros((len(asked[0].stems), *rows.shape[1:]), np.float32)
        if not rows[0].any():  # digital silence holds no instrument
            return stems.reshape(-1, window.shape[1])
        gain = gains(rows[0], self.checkpoint.model.sample_rate)
        rows = (rows * gain).astype(np.float32)
        mixture, sources = rows[0], rows[1:]
        sure = presence(mixture, sources, self.first.places) if self.first else np.zeros(0)
        try:
            for part in asked:
                share = part.share(sure)  # (instruments of the part,)
                if share.any():
                    found = self._stems(part.signal(mixture, sources, sure), part, sure)
                    stems[list(part.stems)] += share[:, None, None].astype(np.float32) * found
            if self.options.mixture_consistency:
                stems = self._consistent(mixture, stems)
        except torch.OutOfMemoryError as error:
            raise TimbresepError(
                f"not enough memory on {self.network.device}", hint="use --device cpu"
            ) from error
        if not np.isfinite(stems).all():
            raise CheckpointError(
                f"{self.checkpoint.path} gives values that are not finite",
                hint="its weights are damaged; train it again or use another separator",
            )
        with np.errstate(over="ignore"):  # `stream` reports it
            return (stems.reshape(-1, window.shape[1]) / gain).astype(np.float32)

    def _stems(self, signal: Rows, part: Part, sure: Sure) -> Rows:
        """A part's instruments, looked for in its signal: (instruments, channels, n)."""
        asked = part.query
        if asked is None:
            return signal[None]
        estimates = self.network.estimate(signal, asked.calls, self._semitones_above(signal))
        own = estimates[:, list(asked.rows)]
        known = asked.same.shape[1]
        if known:
            stft = self.network.stft
            spectra, mixture = stft(estimates), stft(self.network.batch(signal))
            masked = joint_mask(
                mixture, spectra[:, list(asked.rows)], spectra[:, :known], asked.same
            )
            chosen = asked.masked[:, None, None].to(own.device)  # (instruments, 1, 1)
            own = torch.where(chosen, stft.inverse(masked, signal.shape[1]), own)
        return self._as_rows(own, signal)

    def _consistent(self, mixture: Rows, stems: Rows) -> Rows:
        """Stems (instruments, channels, n) that share the whole mixture."""
        stft = self.network.stft
        whole = stft(self.network.batch(mixture))
        parts = stft(torch.stack([self.network.batch(stem) for stem in stems], dim=1))
        made = stft.inverse(consistent_spectra(whole, parts), mixture.shape[1])
        return self._as_rows(made, mixture)

    def _as_rows(self, stems: torch.Tensor, like: Rows) -> Rows:
        """(batch, instruments, model channels, n) as (instruments, channels, n)."""
        rows: Rows = stems.transpose(0, 1).reshape(-1, *like.shape).float().cpu().numpy()
        return rows

    def _semitones_above(self, window: Rows) -> float:
        """How far a window is above the tuning that the network knows."""
        if not self.options.retune:
            return 0.0
        return tuning_of(torch.from_numpy(window), self.checkpoint.model.sample_rate) / 100


def _aligned(stems: Iterable[Rows], mixture: Fifo, count: int) -> Iterator[Pair]:
    """Each stretch of the mixture that waits, with the stems (instruments, channels, samples)."""
    for block in stems:
        waited = mixture.take(block.shape[1])
        kept = block[:, : waited.shape[1]]  # rounding at the end of the last block
        if kept.shape[1]:
            yield waited, kept.reshape(count, len(waited), -1)


def _check_loudness(rows: Rows, name: str) -> None:
    """Refuse samples that are not finite: a filter overflows on numbers near the largest float."""
    if not np.isfinite(rows).all():
        raise AudioError(
            f"{name} is too loud to be computed with",
            hint="save it with samples between -1 and 1",
        )
