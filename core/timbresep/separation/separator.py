"""Separate a mixture into instruments: as a stream, so that its length costs no memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import torch

from timbresep.audio.writer import Wave
from timbresep.checkpoint import Checkpoint
from timbresep.errors import CheckpointError
from timbresep.joint_mask import consistent_spectra
from timbresep.notes.score import StemNotes
from timbresep.running.device import enough_memory
from timbresep.separation.cascade import Cascade
from timbresep.separation.masking import shared
from timbresep.separation.network import Network
from timbresep.separation.note_model import NoteModel, Notes, transform
from timbresep.separation.noted import Chained, Heard, Noted
from timbresep.separation.options import DEFAULTS, SeparationOptions
from timbresep.separation.query import Query, Vector, query
from timbresep.separation.sources import Sources
from timbresep.separation.streaming import Pair, Rows, check_loudness, made_consistent
from timbresep.separation.windows import Estimate, Stream, Windows, in_memory, windowed
from timbresep.tuning import tuning_of


@dataclass(frozen=True)
class Look:
    """What the network finds in a window.

    Attributes:
        mixture: ``(batch, model channels, samples)``.
        sources: what the source model gave, ``(batch, sources, model channels, samples)``.
        estimates: of all rows of the query, ``(batch, rows, model channels, samples)``.
        semitones: how far the window is above A4 = 440 Hz.
    """

    mixture: torch.Tensor
    sources: torch.Tensor
    estimates: torch.Tensor
    semitones: float


NOTES_S = 30.0
"""Seconds of a window with notes: its templates are learned from the notes in it."""


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
        self.notes: Notes | None = None
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
        """Names of everything that can be asked for: of a score, the checkpoint, and others."""
        written = self.notes.names if self.notes else ()
        return tuple(dict.fromkeys((*written, *self.trained, *self._conditions)))

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

    def with_notes(self, stems: Sequence[StemNotes]) -> Separator:
        """The same separator, which knows what is played, and is asked for all who play.

        Args:
            stems: notes in seconds of the recording. An instrument that the separator has no
                condition of is separated by its notes alone.

        Raises:
            ScoreError: no notes.
        """
        other = copy(self)
        other.notes = Notes.of_voices(stems, self._conditions)
        other.asked = other.notes.names
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
        names = tuple(self.asked if instruments is None else instruments)
        return in_memory(wave, rate, names, lambda stream: self._stream(stream, names))

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
        return self._stream(Stream(blocks, rate, channels, name), instruments)

    def _stream(self, stream: Stream, instruments: Sequence[str]) -> Iterator[Pair]:
        model = self.checkpoint.model
        chunk = model.chunk if self.notes is None else round(NOTES_S * model.sample_rate)
        windows = Windows(model.sample_rate, chunk, model.context)
        estimate = self._estimate(instruments)
        stage = None if self.first is None else self.first.stage
        pairs = windowed(stream, estimate, len(instruments), windows, stage)
        for mixture, parts in made_consistent(pairs) if self.options.mixture_consistency else pairs:
            check_loudness(parts, stream.name)
            yield mixture, parts

    def _estimate(self, instruments: Sequence[str]) -> Estimate:
        """What gives the stems of a window."""
        if self.notes is not None:
            stems = self._noted(self.notes, instruments)
        else:
            stems = self._unnoted(*self._query(instruments))

        @torch.inference_mode()
        def estimate(parts: Rows, start: float) -> torch.Tensor:
            with enough_memory(self.network.device):
                found = stems(parts, start)
            if not torch.isfinite(found).all():
                raise CheckpointError(
                    f"{self.checkpoint.path} gives values that are not finite",
                    hint="its weights are damaged; train it again or use another separator",
                )
            return found.transpose(0, 1)  # (instruments, batch, model channels, n)

        return estimate

    def _unnoted(self, asked: Query, cascade: Cascade | None) -> Estimate:
        """What gives the stems of a window without notes."""
        return lambda parts, _: self._stems(parts, asked, cascade)

    def _noted(self, notes: Notes, instruments: Sequence[str]) -> Estimate:
        """What gives the stems of a window by notes, beside the network."""
        rate, device = self.checkpoint.model.sample_rate, self.network.device
        noted = Noted(NoteModel(notes, rate, transform(rate).to(device)), tuple(instruments))
        played = dict.fromkeys(noted.instrument(name) for name in noted.names)
        heard = [name for name in played if name in self._conditions or name in instruments]
        if not heard:
            return lambda parts, start: noted.stems(_waves(parts[0], device), start, Heard({}))[
                None
            ]
        asked, cascade = self._query(heard, masked=False)

        def stems(parts: Rows, start: float) -> torch.Tensor:
            signal, look = _waves(parts[0], device), self._look(parts, asked)
            told = Heard(_named(heard, look.estimates[:, list(asked.rows)]), look.semitones)
            if cascade is None:
                return noted.stems(signal, start, told)[None]
            counts = cascade.counts_in(
                self.network.stft, look.mixture, look.sources, look.estimates
            )
            known = _named(cascade.names, look.estimates)
            chained = Chained(
                sources=look.sources.transpose(0, 1).flatten(1, 2),
                counts=counts.tolist(),
                stems=_named(heard, self._share(look, asked, cascade)),
                unwritten={name: wave for name, wave in known.items() if name not in played},
            )
            holder = cascade.places.holder
            return noted.stems_of_sources(signal, start, told, chained, holder)[None]

        return stems

    def _query(
        self, instruments: Sequence[str], *, masked: bool = True
    ) -> tuple[Query, Cascade | None]:
        """What to ask the network about each window, and where the instruments are.

        Args:
            instruments: those asked for.
            masked: whether joint masking needs the instruments of the training, too.
        """
        known = self.checkpoint.jointly_masked() if (self._masks and masked) or self.first else {}
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

    def _look(self, parts: Rows, asked: Query) -> Look:
        """The network's estimates in the window (1 + sources, channels, n)."""
        mixture, *sources = [self.network.batch(part) for part in parts]
        semitones = self._semitones_above(parts[0])
        estimates = self.network.estimate(mixture, asked.calls, semitones)
        by_source = torch.stack(sources, dim=1) if sources else mixture.unsqueeze(1)[:, :0]
        return Look(mixture, by_source, estimates, semitones)

    def _share(self, look: Look, asked: Query, cascade: Cascade | None) -> torch.Tensor:
        """The stems asked for, (batch, instruments, channels, n)."""
        stft = self.network.stft
        if cascade is None:
            return shared(stft, look.mixture, look.estimates, asked)
        return cascade.stems(
            stft,
            look.mixture,
            look.sources,
            look.estimates,
            lambda signal: self.network.estimate(signal, asked.calls, look.semitones),
        )

    def _stems(self, parts: Rows, asked: Query, cascade: Cascade | None) -> torch.Tensor:
        """The stems asked for, of (1 + sources, channels, n): (batch, instruments, channels, n)."""
        look = self._look(parts, asked)
        stems = self._share(look, asked, cascade)
        if not self.options.mixture_consistency:
            return stems
        stft = self.network.stft
        whole = consistent_spectra(stft(look.mixture), stft(stems))
        return stft.inverse(whole, look.mixture.shape[-1])

    def _semitones_above(self, window: Rows) -> float:
        """How far a window is above the tuning that the network knows."""
        if not self.options.retune:
            return 0.0
        return tuning_of(torch.from_numpy(window), self.checkpoint.model.sample_rate) / 100


def _waves(window: Rows, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(window).to(device)


def _named(names: Sequence[str], rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """Rows (batch, rows, model channels, n) by name, with the channels of the window."""
    count = len(names)
    return dict(zip(names, rows[:, :count].transpose(0, 1).flatten(1, 2), strict=True))
