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
from timbresep.errors import AudioError, CheckpointError
from timbresep.joint_mask import consistent_spectra
from timbresep.level import gains
from timbresep.running.device import enough_memory
from timbresep.separation.cascade import Cascade
from timbresep.separation.masking import shared
from timbresep.separation.network import Network
from timbresep.separation.options import DEFAULTS, SeparationOptions
from timbresep.separation.query import Query, Vector, query
from timbresep.separation.sources import Sources
from timbresep.separation.streaming import (
    Fifo,
    Pair,
    Rows,
    check_loudness,
    made_consistent,
    overlap_add,
    resampled,
)
from timbresep.tuning import tuning_of

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
        asked, cascade = self._query(instruments)
        model, count = self.checkpoint.model, len(instruments)
        waiting = Fifo(channels)

        def tapped() -> Iterator[Rows]:
            for block in blocks:
                waiting.push(block)
                yield block

        def process(window: Rows) -> Rows:
            check_loudness(window, name)
            return self._window(window, channels, asked, cascade)

        slow, rows = resampled(tapped(), rate, model.sample_rate, channels), channels
        if self.first is not None:
            slow = self.first.stage.stream(slow, model.sample_rate, channels, name=name)
            rows = channels * (1 + len(self.first.places.sources))
        fade = min(model.context, model.chunk // 32)
        stems = overlap_add(
            slow, process, rows, chunk=model.chunk, context=model.context, fade=fade
        )
        back = resampled(stems, model.sample_rate, rate, count * channels)

        pairs = _aligned(back, waiting, count)
        for mixture, parts in made_consistent(pairs) if self.options.mixture_consistency else pairs:
            check_loudness(parts, name)
            yield mixture, parts

    def _query(self, instruments: Sequence[str]) -> tuple[Query, Cascade | None]:
        """What to ask the network about each window, and where the instruments are."""
        known = self.checkpoint.jointly_masked() if self._masks or self.first else {}
        asked = query(self.checkpoint, self._conditions, instruments, known)
        if self.first is None:
            return asked, None
        known_names = list(known) if asked.same.shape[1] else []
        places = self.first.places
        return asked, Cascade.of(asked, instruments, known_names, places, joint=self._masks)

    @property
    def _masks(self) -> bool:
        """Whether stems share a signal by joint masking."""
        return self.joint and not self.options.mixture_consistency

    @torch.inference_mode()
    def _window(self, window: Rows, channels: int, asked: Query, cascade: Cascade | None) -> Rows:
        """All instruments of one window.

        Args:
            window: (channels · (1 + sources), n), the mixture and its sources.
            channels: of the mixture.
            asked: what to ask the network.
            cascade: where the instruments are, if there are sources.

        Returns:
            (instruments · channels, n).
        """
        samples = window.shape[1]
        if not window[:channels].any():  # digital silence holds no instrument
            return np.zeros((len(asked.rows) * channels, samples), np.float32)
        gain = gains(window[:channels], self.checkpoint.model.sample_rate)
        window = (window * gain).astype(np.float32)
        with enough_memory(self.network.device):
            stems = self._stems(window.reshape(-1, channels, samples), asked, cascade)
        if not torch.isfinite(stems).all():
            raise CheckpointError(
                f"{self.checkpoint.path} gives values that are not finite",
                hint="its weights are damaged; train it again or use another separator",
            )
        stems = stems.transpose(0, 1)  # (instruments, batch, model channels, n)
        flat: Rows = stems.reshape(-1, samples).float().cpu().numpy()
        with np.errstate(over="ignore"):  # `stream` reports it
            return (flat / gain).astype(np.float32)

    def _stems(self, parts: Rows, asked: Query, cascade: Cascade | None) -> torch.Tensor:
        """The stems asked for, of (1 + sources, channels, n): (batch, instruments, channels, n)."""
        network, stft = self.network, self.network.stft
        mixture, *sources = [network.batch(part) for part in parts]
        semitones = self._semitones_above(parts[0])
        estimates = network.estimate(mixture, asked.calls, semitones)
        if cascade is None:
            stems = shared(stft, mixture, estimates, asked)
        else:
            stems = cascade.stems(
                stft,
                mixture,
                torch.stack(sources, dim=1),
                estimates,
                lambda signal: network.estimate(signal, asked.calls, semitones),
            )
        if not self.options.mixture_consistency:
            return stems
        whole = consistent_spectra(stft(mixture), stft(stems))
        return stft.inverse(whole, mixture.shape[-1])

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
