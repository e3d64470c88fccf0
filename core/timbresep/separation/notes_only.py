"""Separation by notes alone, without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from timbresep.asked import Vector
from timbresep.errors import UnknownNameError, nearest
from timbresep.notes.score import StemNotes
from timbresep.running.device import device_of
from timbresep.separation.estimators import ByNotes
from timbresep.separation.note_model import NoteModel, transform
from timbresep.separation.note_sources import Notes
from timbresep.separation.noted import Noted
from timbresep.separation.options import DEFAULTS, SeparationOptions
from timbresep.separation.streams import Plan, StreamSeparator
from timbresep.separation.windows import Windows

RATE = 44_100
WINDOWS = Windows(RATE, 30 * RATE, RATE)


class NotesOnly(StreamSeparator):
    """Knows what is played, and asks no network.

    Args:
        stems: notes in seconds of the recording.
        conditions: harmonic conditions (dim,) by instrument, of which first spectra are made.
        options: the device, and mixture consistency; no other counts.
        asked: the stems to separate unless a call names others; all by default.
        partial: whether others play, too, whose notes are not known.

    Raises:
        DataError: no notes.
        TimbresepError: no such device.
    """

    def __init__(
        self,
        stems: Sequence[StemNotes],
        conditions: Mapping[str, Vector],
        options: SeparationOptions = DEFAULTS,
        asked: Sequence[str] | None = None,
        *,
        partial: bool = False,
    ) -> None:
        self.notes: Notes = Notes.of_voices(stems, conditions, partial=partial)
        self.instruments = self.notes.names
        self.asked = tuple(asked or self.instruments)
        self.options = options
        self._device = device_of(options.device)

    def plan(self, instruments: Sequence[str]) -> Plan:
        """How stems are separated; errors as `separate`."""
        for name in instruments:
            if name not in self.instruments:
                raise UnknownNameError(
                    f"the score has no part for '{name}'", nearest(name, self.instruments)
                )
        noted = Noted(NoteModel(self.notes, RATE, transform(RATE).to(self._device)), instruments)
        way = ByNotes([noted], instruments, self._device)
        return Plan(torch.inference_mode()(way.stems), WINDOWS)
