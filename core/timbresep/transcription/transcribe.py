"""From a recording to notes, of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from timbresep.notes.decoding import Decoder, in_order
from timbresep.notes.score import Note, StemNotes
from timbresep.streaming import Rows
from timbresep.transcription.hearing import Hearing
from timbresep.transcription.loudness import Loudness


@dataclass(frozen=True)
class Transcript:
    """What was heard in a recording.

    Attributes:
        stems: the notes of each instrument, in seconds of the recording; an instrument that is not
            heard has none.
        silent: whether there was nothing to hear.
    """

    stems: tuple[StemNotes, ...]
    silent: bool


def transcribe(
    hearing: Hearing,
    blocks: Iterable[Rows],
    rate: int,
    channels: int,
    names: Sequence[str] | None = None,
    *,
    name: str = "the recording",
    report: Callable[[float], None] | None = None,
) -> Transcript:
    """The notes that instruments play in a recording.

    Args:
        hearing: the transcriber.
        blocks: the recording (channels, samples), in blocks of any length.
        rate: Hz.
        channels: one or two.
        names: instruments that the transcriber knows; those of its `asked` by default.
        name: what errors call the recording.
        report: called with how many seconds of it are done.

    Raises:
        AudioError, UnknownNameError, CheckpointError: as `Hearing.stream`.
    """
    names = hearing.asked if names is None else names
    decoders = [Decoder(hearing.lowest, hearing.frame_s) for _ in names]
    found: list[list[Note]] = [[] for _ in names]
    loudness = Loudness(blocks, rate, channels)
    frames = 0
    for activity in hearing.stream(loudness, rate, channels, names, name=name):
        for notes, decoder, heard in zip(found, decoders, activity.numpy(), strict=True):
            notes += decoder.push(heard)
        frames += activity.shape[-1]
        if report is not None:
            report(frames * hearing.frame_s)
    for notes, decoder in zip(found, decoders, strict=True):
        notes += decoder.finish()
    stems = [
        StemNotes(stem, stem, tuple(in_order(notes)))
        for stem, notes in zip(names, found, strict=True)
    ]
    return Transcript(tuple(loudness.told(stems)), loudness.silent)
