"""Separate a mixture into instruments: as a stream, so that its length costs no memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import torch

from timbresep.asked import Vector
from timbresep.checkpoint import Checkpoint
from timbresep.errors import CheckpointError
from timbresep.notes.score import StemNotes
from timbresep.registry.chain import NO_TRANSCRIBER
from timbresep.running.device import enough_memory
from timbresep.separation.cascade import Cascade
from timbresep.separation.corrected import Corrected
from timbresep.separation.estimators import ByNetwork, ByNotes, Refined
from timbresep.separation.network import Network
from timbresep.separation.note_model import NoteModel, NoteSource, transform
from timbresep.separation.note_sources import Notes, Transcribed
from timbresep.separation.noted import Noted
from timbresep.separation.options import DEFAULTS, SeparationOptions
from timbresep.separation.query import query
from timbresep.separation.refinement import Refinement
from timbresep.separation.sources import Sources
from timbresep.separation.streams import Plan, StreamSeparator
from timbresep.separation.windows import Estimate, Windows
from timbresep.streaming import Rows, Stream
from timbresep.transcription.hearing import Hearing
from timbresep.transcription.transcribe import transcribe

NOTES_S = 30.0
"""Seconds of a window with notes: its templates are learned from the notes in it."""


class Separator(StreamSeparator):
    """A loaded checkpoint, ready to separate any number of signals.

    Args:
        checkpoint: network and the conditions it was trained with.
        extra: conditions (dim,) of instruments that the network was not trained on.
        options: how to separate.
        asked: the instruments to separate unless a call names others; all by default.
        first: a source model that the mixture goes through first.
        hearing: a transcriber that is asked beside the network. What each stem is then follows
            from notes, too, where stems share the mixture.

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
        *,
        hearing: Hearing | None = None,
    ) -> None:
        self.checkpoint, self.options, self.first = checkpoint, options, first
        self.hearing = hearing
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
    def known(self) -> tuple[str, ...]:
        """Names of those that it has a condition of."""
        return tuple(self._conditions)

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

    def with_notes(
        self,
        stems: Sequence[StemNotes],
        asked: Sequence[str] | None = None,
        *,
        partial: bool = False,
    ) -> Separator:
        """The same separator, which knows what is played.

        Args:
            stems: notes in seconds of the recording. An instrument that the separator has no
                condition of is separated by its notes alone.
            asked: the stems, or instruments without notes, to separate unless a call names others;
                all stems by default.
            partial: whether others play, too, whose notes are not known.

        Raises:
            DataError: no notes, or two stems of one name.
        """
        other = copy(self)
        other.notes = Notes.of_voices(stems, self._conditions, partial=partial)
        other.asked = tuple(asked or other.notes.names)
        return other

    def with_conditions(self, more: Mapping[str, Vector], like: Mapping[str, str]) -> Separator:
        """The same separator with more conditions (dim,) to ask for.

        Args:
            more: conditions by name.
            like: of some of them, the instrument in whose source they are looked for.
        """
        first = self.first and self.first.placed_like(like)
        conditions = {**more, **self._conditions}
        hearing = self.hearing and self.hearing.with_conditions(more)
        other = Separator(
            self.checkpoint, conditions, self.options, self.asked, first, hearing=hearing
        )
        other.notes = self.notes
        return other

    def noted(self, instruments: Sequence[str]) -> list[str]:
        """See `StreamSeparator.noted`."""
        written = super().noted(instruments)
        if self.hearing is None:
            return written
        others = [name for name in instruments if name not in written]
        ear = Transcribed.of_voices(self.hearing, self._conditions, others)
        return [name for name in instruments if name in (*written, *ear.names)]

    def notes_in(self, stream: Stream, names: Sequence[str]) -> list[StemNotes]:
        """See `StreamSeparator.notes_in`; those that no score has are transcribed."""
        written = super().notes_in(stream, names)
        others = [name for name in names if name not in {stem.stem for stem in written}]
        if self.hearing is None or not others:
            return written
        hearing, rate, channels = self.hearing, stream.rate, stream.channels
        heard = transcribe(hearing, stream.blocks, rate, channels, others, name=stream.name)
        return [*written, *heard.stems]

    def plan(self, instruments: Sequence[str]) -> Plan:
        """How instruments are separated; errors as `separate`."""
        model = self.checkpoint.model
        # A source model decides anew in each window whether its sources count: songs change.
        by_notes = self.notes is not None or (self._listens and self.first is None)
        chunk = round(NOTES_S * model.sample_rate) if by_notes else model.chunk
        windows = Windows(model.sample_rate, chunk, model.context)
        stage = None if self.first is None else self.first.stage
        return Plan(self._estimate(instruments), windows, stage)

    def _estimate(self, instruments: Sequence[str]) -> Estimate:
        """What gives the stems of a window."""
        way: ByNetwork | ByNotes | Refined
        if self.notes is not None:
            way = self._by_score(self.notes, instruments)
        elif self._listens and self.hearing is not None:
            way = self._by_ear(self.hearing, instruments)
        elif self.options.refine:
            way = self._refined(instruments)
        else:
            way = self._by_network(instruments, masked=self._masks)

        @torch.inference_mode()
        def estimate(parts: Rows, start: float) -> torch.Tensor:
            with enough_memory(self.network.device):
                found = way.stems(parts, start)
            if not torch.isfinite(found).all():
                raise CheckpointError(
                    f"{self.checkpoint.path} gives values that are not finite",
                    hint="its weights are damaged; train it again or use another separator",
                )
            return found

        return estimate

    def _by_score(self, notes: Notes, instruments: Sequence[str]) -> ByNotes:
        """Stems by a score and by ear, beside the network where it knows who plays."""
        source: NoteSource = notes
        if self._listens and self.hearing is not None:
            names = dict.fromkeys(map(notes.instrument, (*notes.names, *instruments)))
            source = Corrected(
                notes, Transcribed.of_voices(self.hearing, self._conditions, list(names))
            )
        noted = Noted(self._model(source), tuple(instruments))
        played = dict.fromkeys(noted.instrument(name) for name in noted.names)
        unwritten = [name for name in instruments if notes.of(name) is None]
        heard = [name for name in played if name in self._conditions or name in unwritten]
        network = self._by_network(heard, masked=False) if heard else None
        return ByNotes([noted], instruments, self.network.device, network, heard)

    def _by_ear(self, hearing: Hearing, instruments: Sequence[str]) -> ByNotes:
        """Stems by what a transcriber hears, beside the network.

        Where not all who play are named, the instruments of the training share the mixture, and
        each new one shares it with them: no stem depends on which others are asked for.
        """
        sure = self.options.mixture_consistency
        known = list(instruments if sure else self.checkpoint.jointly_masked())
        sharing = {tuple(known): [name for name in instruments if name in known]}
        sharing |= {(*known, name): [name] for name in instruments if name not in known}
        groups = []
        for names, asked in sharing.items():
            source = Transcribed.of_voices(hearing, self._conditions, names)
            if asked:
                new = () if sure else [name for name in names if name not in known]
                groups.append(Noted(self._model(source), asked, names, not sure, new))
        heard = list(dict.fromkeys((*known, *instruments)))
        network = self._by_network(heard, masked=False)
        return ByNotes(groups, instruments, self.network.device, network, heard)

    def _model(self, notes: NoteSource) -> NoteModel:
        rate = self.checkpoint.model.sample_rate
        return NoteModel(notes, rate, transform(rate).to(self.network.device))

    def _refined(self, instruments: Sequence[str]) -> Refined:
        """Stems by the network, refined; what a source model has a source for stays as it is."""
        all_play = self.options.mixture_consistency
        sharing = list(instruments if all_play else self.checkpoint.jointly_masked())
        names = list(dict.fromkeys((*sharing, *instruments)))
        network = self._by_network(names, masked=self._masks)
        held = {n for n in sharing if self.first and self.first.places.holder(n) is not None}
        rate, device = self.checkpoint.model.sample_rate, self.network.device
        refinement = Refinement.of_voices(
            {name: self._conditions[name] for name in sharing if name not in held},
            rate,
            device,
            all_play=all_play,
        )
        return Refined(network, refinement, names, sharing, tuple(instruments))

    def _by_network(self, instruments: Sequence[str], *, masked: bool) -> ByNetwork:
        """Stems by the network.

        Args:
            instruments: those asked for.
            masked: whether joint masking needs the instruments of the training, too.
        """
        known = self.checkpoint.jointly_masked() if masked or self.first else {}
        asked = query(self.checkpoint, self._conditions, instruments, known)
        cascade = None
        if self.first is not None:
            names = list(known) if asked.same.shape[1] else []
            cascade = Cascade.of(asked, instruments, names, self.first.places, joint=self._masks)
        return ByNetwork(self.network, asked, cascade, self.options)

    @property
    def _listens(self) -> bool:
        """Whether a transcriber is asked: of stems that share the mixture, unless refined."""
        wanted = self.options.transcriber != NO_TRANSCRIBER and not self.options.refine
        shared = self.joint or self.options.mixture_consistency or self.notes is not None
        return self.hearing is not None and wanted and shared

    @property
    def _masks(self) -> bool:
        """Whether stems share a signal by joint masking."""
        return self.joint and not self.options.mixture_consistency
