"""A transcriber that listens to a recording: activity of each instrument, window by window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch import Tensor

from timbresep.adaptation import plain_network
from timbresep.asked import Vector
from timbresep.audio.speed import transpose
from timbresep.checkpoint import Checkpoint
from timbresep.errors import CheckpointError, UnknownNameError, nearest
from timbresep.level import gains
from timbresep.running.device import device_of, enough_memory
from timbresep.streaming import Fifo, Rows, Stream, check_loudness, resampled
from timbresep.transcriber import KINDS, Transcriber
from timbresep.tuning import semitones_above
from timbresep.units import pitch_ratio


@dataclass(frozen=True)
class _Window:
    """A stretch (channels, samples) of a recording, and which of its frames are kept."""

    signal: Rows
    kept: slice


class Hearing:
    """A loaded transcriber, ready to listen to any number of recordings.

    Args:
        checkpoint: network and the conditions it was trained with.
        extra: conditions (dim,) of instruments that the network was not trained on.
        asked: the instruments to hear unless a call names others; all by default.
        device: where to compute: cpu, cuda, mps, or auto.

    Attributes:
        checkpoint: as given.
        asked: as given, by the transcriber's names.
        instruments: names of everything that can be asked for.
        rate: Hz, of the signals that `window` takes.
        hop: samples from one frame to the next; frame ``k`` is centred on sample ``k · hop``.
        lowest: MIDI number of the lowest pitch.
        pitches: how many semitones from there.

    Raises:
        TimbresepError: no such device.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        extra: Mapping[str, Vector] | None = None,
        asked: Sequence[str] | None = None,
        device: str = "auto",
    ) -> None:
        network = plain_network(checkpoint.model)
        assert isinstance(network, Transcriber)  # noqa: S101 (`load` sees to it)
        self.checkpoint = checkpoint
        self.rate, self.hop = network.sample_rate, network.hop
        self.lowest, self.pitches = network.lowest, network.pitches
        self._chunk = max(1, network.chunk // network.hop)  # frames
        self._context = ceil(network.context / network.hop)
        self._conditions = {**(extra or {}), **checkpoint.conditions}
        self.instruments = tuple(dict.fromkeys((*checkpoint.conditions, *self._conditions)))
        self.asked = tuple(asked or self.instruments)
        self.device = device_of(device)
        self._model = checkpoint.model.to(self.device).eval()

    def with_conditions(self, more: Mapping[str, Vector]) -> Hearing:
        """The same transcriber with more conditions (dim,) to ask for; others are left out."""
        dim = self.checkpoint.condition_dim
        extra = {name: vector for name, vector in more.items() if vector.shape == (dim,)}
        return Hearing(self.checkpoint, {**self._conditions, **extra}, self.asked, str(self.device))

    @property
    def frame_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop / self.rate

    def condition(self, instrument: str) -> Vector:
        """The vector (dim,) that an instrument out of `instruments` is asked for with."""
        return self._conditions[instrument]

    def frames(self, samples: int) -> int:
        """Frames of so many samples at `rate`."""
        return -(-samples // self.hop)

    @torch.inference_mode()
    def window(
        self,
        signal: Rows | Tensor,
        names: Sequence[str] | None = None,
        semitones_above: float = 0.0,
    ) -> Tensor:
        """What is heard in a window of a recording, at the level that networks are trained at.

        Args:
            signal: (channels, samples) at `rate`, one or two channels.
            names: instruments out of `instruments`; those of `asked` by default.
            semitones_above: how far the music is above A4 = 440 Hz, which the network knows
                (`timbresep.tuning`).

        Returns:
            probabilities ``(instruments, 2, pitches, frames)``, of sounding and of beginning, on
            the CPU. Frame ``k`` is centred on sample ``k · hop`` of the signal as it came.

        Raises:
            UnknownNameError: an instrument that it does not know, or none.
            CheckpointError: its weights are damaged.
        """
        conditions = self._stacked(self.asked if names is None else names)
        wave = torch.as_tensor(signal, dtype=torch.float32).cpu()
        count = self.frames(wave.shape[-1])
        if not wave.any():  # digital silence holds no note
            return torch.zeros(len(conditions), KINDS, self.pitches, count)
        if semitones_above:
            played = transpose(wave.numpy(), self.rate, -semitones_above)
            wave = torch.from_numpy(played)
        if len(wave) > self._model.channels:
            wave = wave.mean(dim=0, keepdim=True)
        with enough_memory(self.device):
            found = self._model(wave[None].to(self.device), conditions[None].to(self.device))
        activity: Tensor = found[0].float().cpu()
        if not torch.isfinite(activity).all():
            raise CheckpointError(
                f"{self.checkpoint.path} gives values that are not finite",
                hint="its weights are damaged; train it again or use another transcriber",
            )
        return activity if not semitones_above else _in_time(activity, count, semitones_above)

    def stream(
        self,
        blocks: Iterable[Rows],
        rate: int,
        channels: int,
        names: Sequence[str] | None = None,
        *,
        retune: bool = True,
        name: str = "the recording",
    ) -> Iterator[Tensor]:
        """What is heard in a recording of any length, in memory that does not grow with it.

        Each window sees more on both sides than what is kept of it.

        Args:
            blocks: the recording (channels, samples), in blocks of any length.
            rate: Hz.
            channels: one or two.
            names: as for `window`.
            retune: whether music that is not tuned to A4 = 440 Hz is brought there.
            name: what errors call the recording.

        Yields:
            Stretches ``(instruments, 2, pitches, frames)``, one after the other, as `window` gives
            them. Frame ``k`` of them all is centred on second ``k · hop / rate``.

        Raises:
            AudioError: more than two channels, or a recording too loud to be computed with.
            UnknownNameError, CheckpointError: as `window`.
        """
        stream = Stream(blocks, rate, channels, name)
        own = resampled(stream.blocks, stream.rate, self.rate, stream.channels)
        for window in self._windows(own, channels):
            check_loudness(window.signal, name)
            level = (window.signal * gains(window.signal, self.rate)).astype(np.float32)
            above = semitones_above(level, self.rate) if retune else 0.0
            yield self.window(level, names, above)[..., window.kept]

    def _windows(self, blocks: Iterable[Rows], channels: int) -> Iterator[_Window]:
        """Windows of a stream, whose kept frames follow each other."""
        source, held = iter(blocks), Fifo(channels)
        before, ended = 0, False  # frames of context that are held
        whole = (self._chunk + 2 * self._context) * self.hop
        while True:
            while not ended and len(held) <= whole:
                block = next(source, None)
                ended = block is None
                if block is not None:
                    held.push(block)
            left = self.frames(len(held)) - before
            if left <= 0:
                return
            last = ended and left <= self._chunk
            count = left if last else self._chunk
            seen = held.peek((before + count + self._context) * self.hop)
            yield _Window(seen, slice(before, before + count))
            if last:
                return
            again = min(self._context, before + count)
            held.take((before + count - again) * self.hop)
            before = again

    def _stacked(self, names: Sequence[str]) -> Tensor:
        """The conditions (instruments, dim) of some instruments, as the network takes them."""
        if not names:
            raise UnknownNameError("no instrument asked for", nearest("", self.instruments))
        for name in names:
            if name not in self._conditions:
                raise UnknownNameError(
                    f"{self.checkpoint.path.name} knows no instrument '{name}'",
                    nearest(name, self.instruments),
                )
        vectors = [self.checkpoint.addressed(self._conditions[name], name) for name in names]
        return torch.from_numpy(np.stack(vectors))


def _in_time(activity: Tensor, frames: int, semitones: float) -> Tensor:
    """Activity of music that was played lower, at the times of the music as it is.

    Args:
        activity: ``(…, frames of what was played)``.
        frames: of the music as it is.
        semitones: by how much it was played lower, and so slower.
    """
    place = torch.arange(frames) * pitch_ratio(semitones)
    place = place.clamp(max=activity.shape[-1] - 1)
    before = place.floor().long()
    after = (before + 1).clamp(max=activity.shape[-1] - 1)
    return torch.lerp(activity[..., before], activity[..., after], place - before)
