"""Separate a mixture into instruments: as a stream, so that its length costs no memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from timbresep.audio import check_finite
from timbresep.audio_writer import BLOCK, Wave
from timbresep.backbone import Backbone, MaskBackbone
from timbresep.checkpoint import Checkpoint
from timbresep.errors import AudioError, CheckpointError, TimbresepError, UnknownNameError, nearest
from timbresep.level import gains
from timbresep.separation.joint_mask import compete
from timbresep.separation.streaming import Fifo, Pair, Rows, consistent, overlap_add, resampled
from timbresep.separation.tta import SEMITONES, transpose, transpose_back
from timbresep.separation.tuning import tuning_of
from timbresep.stft import STFT, share

MAX_CHANNELS = 2


class Separator:
    """A loaded checkpoint, ready to separate any number of signals.

    Args:
        checkpoint: network and the conditions it was trained with.
        extra: conditions (dim,) of instruments that the network was not trained on.
        device: where to compute: cpu, cuda, mps, or auto for the best there is.
        competing: whether all instruments that the network was trained on claim their sound first
            (`joint_mask`): better, and slower where few are asked for.
        passes: over each window, transposed (`tta`): better, and as much slower; 1 to 5.
        tuned: whether music that is not tuned to 440 Hz is brought there for the network, and its
            stems back again (`timbresep.separation.tuning`).

    Raises:
        CheckpointError: an extra condition has another length than the checkpoint's.
        TimbresepError: no such device, or more passes than there are.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        extra: Mapping[str, NDArray[np.float32]] | None = None,
        device: str = "cpu",
        competing: bool = False,
        passes: int = 1,
        tuned: bool = False,
    ) -> None:
        if not 1 <= passes <= len(SEMITONES):
            raise TimbresepError(f"{passes} passes", hint=f"ask for 1 to {len(SEMITONES)}")
        self._transpositions, self._tuned = SEMITONES[:passes], tuned
        self.model = checkpoint.model
        self.checkpoint = checkpoint
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
        self.device = _device(device)
        self.model.to(self.device).eval()
        self.stft = own_stft(self.model).to(self.device)
        self._rivals = checkpoint.rivals() if competing else {}

    @property
    def competing(self) -> bool:
        """Whether instruments compete for the mixture."""
        return len(self._rivals) > 1

    def alone(self) -> Separator:
        """The same separator with each stem estimated by itself."""
        other = copy(self)
        other._rivals = {}
        return other

    @property
    def instruments(self) -> tuple[str, ...]:
        """Names of everything that can be asked for, those of the checkpoint first."""
        return self.trained + tuple(name for name in self._conditions if name not in self.trained)

    def condition(self, instrument: str) -> NDArray[np.float32]:
        """The vector (dim,) that an instrument out of `instruments` is asked for with."""
        return self._conditions[instrument]

    def separate(
        self, wave: Wave, rate: int, instruments: Sequence[str], consistent: bool = False
    ) -> dict[str, Wave]:
        """Separate a waveform that is in memory.

        Args:
            wave: (channels, samples), one or two channels.
            rate: Hz; converted to the network's rate and back where it differs.
            instruments: names out of `instruments`.
            consistent: make the stems share the mixture, bin by bin (`stft.share`), so that
                they sum to it. Better than each by itself when everything that sounds is named.

        Returns:
            Name → (channels, samples), with the rate, length and channels of the input.

        Raises:
            AudioError: more than two channels, no samples, or one that is not finite.
            UnknownNameError: an instrument that the separator does not know.
        """
        if wave.ndim != 2 or wave.shape[1] == 0:
            raise AudioError(f"expected a waveform (channels, samples), got shape {wave.shape}")
        check_finite(wave, rate, "the mixture")
        blocks = (wave[:, at : at + BLOCK] for at in range(0, wave.shape[1], BLOCK))
        parts = list(self.stream(blocks, rate, wave.shape[0], instruments, consistent))
        stems = np.concatenate(parts, axis=2)  # (instruments, channels, samples)
        return dict(zip(instruments, stems, strict=True))

    def stream(
        self,
        blocks: Iterable[Rows],
        rate: int,
        channels: int,
        instruments: Sequence[str],
        consistent: bool = False,
    ) -> Iterator[Rows]:
        """Separate a stream of blocks (channels, samples).

        Yields:
            Blocks (instruments, channels, samples); in all, as many samples as came in.
        """
        for _, stems in self.pairs(blocks, rate, channels, instruments, consistent):
            yield stems

    def pairs(
        self,
        blocks: Iterable[Rows],
        rate: int,
        channels: int,
        instruments: Sequence[str],
        make_consistent: bool = False,
        name: str = "the mixture",
    ) -> Iterator[Pair]:
        """As `stream`, but each block of stems comes with its stretch of the mixture.

        Errors call the mixture by its `name`.
        """
        if not 1 <= channels <= MAX_CHANNELS:
            raise AudioError(
                f"{channels} channels; mono and stereo are supported",
                hint="mix it down to stereo first",
            )
        asked = self._ask(instruments, make_consistent)
        model, count = self.model, len(instruments)
        waiting = Fifo(channels)

        def tapped() -> Iterator[Rows]:
            for block in blocks:
                waiting.push(block)
                yield block

        def process(window: Rows) -> Rows:
            _check_loudness(window, name)
            return self._process(window, asked)

        slow = resampled(tapped(), rate, model.sample_rate, channels)
        fade = min(model.context, model.chunk // 32)
        stems = overlap_add(slow, process, channels, model.chunk, model.context, fade)
        back = resampled(stems, model.sample_rate, rate, count * channels)

        def aligned() -> Iterator[Pair]:
            for block in back:
                mixture = waiting.take(block.shape[1])
                kept = block[:, : mixture.shape[1]]  # rounding at the end of the last block
                if kept.shape[1]:
                    yield mixture, kept.reshape(count, channels, -1)

        for mixture, parts in consistent(aligned()) if make_consistent else aligned():
            _check_loudness(parts, name)
            yield mixture, parts

    def _ask(self, instruments: Sequence[str], consistent: bool) -> _Asked:
        """The conditions as the network takes them, and those of rivals where some compete."""
        if not instruments:
            raise UnknownNameError("no instrument asked for", hint=nearest("", self.instruments))
        for name in instruments:
            if name not in self._conditions:
                raise UnknownNameError(
                    f"{self.checkpoint.path.name} knows no instrument '{name}'",
                    hint=nearest(name, self.instruments),
                )
        vectors = {n: self.checkpoint.addressed(self._conditions[n], n) for n in instruments}
        adapted = set(self.checkpoint.metadata.adapted)
        sharing = [n in self._rivals or n not in adapted for n in instruments]
        rivals = self._rivals if self.competing and any(sharing) and not consistent else {}
        rest = [n for n in vectors if n not in rivals or (vectors[n] != rivals[n]).any()]
        calls = [[vectors[name] for name in rest]]
        if rivals:  # what else is asked for must not change a bit of what any call gives
            calls = [list(rivals.values()), *([vectors[name]] for name in rest)]
        return _Asked(
            [torch.from_numpy(np.stack(call)).to(self.device) for call in calls],
            [
                len(rivals) + rest.index(n) if n in rest else list(rivals).index(n)
                for n in instruments
            ],
            torch.tensor([[name == rival for rival in rivals] for name in instruments]),
            torch.tensor(sharing),
            consistent,
        )

    @torch.inference_mode()
    def _process(self, window: Rows, asked: _Asked) -> Rows:
        """All instruments of one window in one call: (channels, n) → (instruments·channels, n)."""
        channels, samples = window.shape
        if not window.any():  # digital silence holds no instrument
            return np.zeros((len(asked.rows) * channels, samples), np.float32)
        gain = gains(window, self.model.sample_rate)
        window = (window * gain).astype(np.float32)
        try:
            off = self._off(window)
            passes = [self._pass(window, asked, step - off) for step in self._transpositions]
            estimate = passes[0] if len(passes) == 1 else torch.stack(passes).mean(dim=0)
            stems = self._together(self._mixture(window), estimate, asked)
        except torch.OutOfMemoryError as error:
            raise TimbresepError(
                f"not enough memory on {self.device}", hint="use --device cpu"
            ) from error
        if not torch.isfinite(stems).all():
            raise CheckpointError(
                f"{self.checkpoint.path} gives values that are not finite",
                hint="its weights are damaged; train it again or use another separator",
            )
        stems = stems.transpose(0, 1)  # (instruments, batch, model channels, n)
        flat: Rows = stems.reshape(-1, samples).float().cpu().numpy()
        with np.errstate(over="ignore"):  # `pairs` tells it
            return (flat / gain).astype(np.float32)

    def _mixture(self, window: Rows) -> torch.Tensor:
        """(1, channels, n); a mono network hears each channel by itself: (channels, 1, n)."""
        mixture = torch.from_numpy(window).to(self.device)
        return mixture.unsqueeze(1 if len(window) > self.model.channels else 0)

    def _off(self, window: Rows) -> float:
        """Semitones by which a window is above the tuning that the network knows."""
        if not self._tuned:
            return 0.0
        return tuning_of(torch.from_numpy(window), self.model.sample_rate) / 100

    def _pass(self, window: Rows, asked: _Asked, semitones: float) -> torch.Tensor:
        """Every row of all calls by itself, (batch, rows, model channels, n)."""
        rate, samples = self.model.sample_rate, window.shape[1]
        mixture = self._mixture(transpose(window, rate, semitones) if semitones else window)
        calls = (self.model(mixture, c.expand(len(mixture), -1, -1)) for c in asked.calls)
        stems = torch.cat(list(calls), dim=1)
        if not semitones:
            return stems
        flat = stems.flatten(0, 2).float().cpu().numpy()
        back = torch.from_numpy(transpose_back(flat, rate, semitones, samples))
        return back.to(self.device).reshape(*stems.shape[:3], samples)

    def _together(self, mixture: torch.Tensor, stems: torch.Tensor, asked: _Asked) -> torch.Tensor:
        """The stems asked for, as what is known of one another makes them.

        An adapted instrument that is no rival stays as it is: its claim needs no help, and the
        others were not trained beside it.
        """
        own, samples = stems[:, asked.rows], mixture.shape[-1]
        if asked.consistent:
            return self.stft.inverse(share(self.stft(mixture), self.stft(own)), samples)
        rivals = asked.same.shape[1]
        if not rivals:
            return own
        spectra = self.stft(stems)
        competed = compete(
            self.stft(mixture), spectra[:, asked.rows], spectra[:, :rivals], asked.same
        )
        shares = asked.shares[:, None, None].to(own.device)  # (instruments, 1, 1)
        return torch.where(shares, self.stft.inverse(competed, samples), own)


@dataclass
class _Asked:
    """What the network is asked about each window.

    Attributes:
        calls: conditions (rows, dim) of one call after the other. Where instruments compete, those
            of all rivals come first, then each of the others asked for.
        rows: of the instruments asked for, among the rows of all calls.
        same: which rival, in the first rows, is which instrument itself: (instruments, rivals).
        shares: which instruments share the mixture with the rivals: (instruments,).
        consistent: whether the stems share the mixture instead.
    """

    calls: list[torch.Tensor]
    rows: list[int]
    same: torch.Tensor
    shares: torch.Tensor
    consistent: bool


def _check_loudness(rows: Rows, name: str) -> None:
    """Numbers near the largest float overflow where a signal is filtered."""
    if not np.isfinite(rows).all():
        raise AudioError(
            f"{name} is too loud to be computed with",
            hint="save it with samples between -1 and 1",
        )


def own_stft(model: Backbone) -> STFT:
    """The network's own transform where it has one: no other suits its stems better."""
    if isinstance(model, MaskBackbone):
        return STFT(model.stft.n_fft, model.stft.hop)
    return STFT(2048, 512)


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise TimbresepError(f"device '{name}' cannot be used", hint="use --device cpu") from error
    return device
