"""Bands from Standard MIDI Files: a stretch of one, part by part, with any soundfont in stereo.

What the file says of tempo, volume, place, bends and pedals is kept; only notes are left out.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import songs_smf as smf
from songs_desk import Wave
from timbresep import audio
from timbresep.data.rendering.midi import PERCUSSION_CHANNEL, Event
from timbresep.data.rendering.renderer import find_soundfont
from timbresep.data.rendering.waveform import RATE, find_program
from timbresep.errors import DataError

STEMS = {  # General MIDI programs → stem; the rest of the band is OTHER, a choir does not sing here
    "piano": (0, 1),
    "acoustic_guitar": (24, 25),
    "electric_guitar": range(26, 32),
    "double_bass": (32,),
    "bass": range(33, 40),
    "violin": (40, 110),
    "cello": (42,),
    "trumpet": (56, 59),
    "saxophone": range(64, 68),
    "clarinet": (71,),
    "flute": (73,),
    "": (52, 53, 54, 85, 91),
}
OTHER = "rest"
PERCUSSION_NAME = "drums"
NAMED = {program: stem for stem, programs in STEMS.items() for program in programs}
LOW = ("bass", "double_bass")
LONGEST_S = 60  # fluidsynth plays on while a note is held
HOP_S = 1.0  # stretches start on whole seconds
FEWEST_NOTES = 8  # of a stem that counts as playing
MELODY = (48, 84)  # pitches of a part that can be sung

Part = tuple[int, int]
"""A channel counted from 0, and a program."""


@dataclass(frozen=True)
class Note:
    """A sounding note: its part, its seconds in the file, MIDI pitch, velocity; `at` is the place
    of its note-on among the file's events."""

    part: Part
    start: float
    end: float
    midi: int
    velocity: int
    at: int

    @property
    def stem(self) -> str:
        """Whose it is; empty for a choir's."""
        if self.part[0] == PERCUSSION_CHANNEL:
            return PERCUSSION_NAME
        return NAMED.get(self.part[1], OTHER)


class Song:
    """A MIDI file.

    Raises:
        DataError: it is none.
    """

    def __init__(self, path: Path) -> None:
        self.ticks, self.messages = smf.read(path)
        self.notes = self._notes()

    def _notes(self) -> list[Note]:
        programs: dict[int, int] = defaultdict(int)
        held: dict[tuple[int, int], tuple[int, int]] = {}  # place, program
        found = []
        for at, message in enumerate(self.messages):
            if message.kind == smf.PROGRAM:
                programs[message.channel] = message.data[1]
            if message.kind not in (smf.NOTE_ON, smf.NOTE_OFF):
                continue
            channel, (_, pitch, velocity) = message.channel, message.data
            if begun := held.pop((channel, pitch), None):
                place, program = begun
                on = self.messages[place]
                part, end = (channel, program), message.second
                found.append(Note(part, on.second, end, pitch, on.data[2], place))
            if message.kind == smf.NOTE_ON and velocity:
                held[channel, pitch] = at, programs[channel]
        return sorted(found, key=lambda note: note.start)

    def within(self, start: float, seconds: float) -> list[Note]:
        """The notes that begin in a stretch."""
        return [note for note in self.notes if start <= note.start < start + seconds - 0.1]

    def fullest(self, seconds: float, wanted: Collection[str]) -> float:
        """The second at which the stretch begins in which most of the wanted stems play."""
        last = max(note.start for note in self.notes)

        def playing(start: float) -> tuple[int, int]:
            counts: dict[str, int] = defaultdict(int)
            for note in self.within(start, seconds):
                counts[note.stem] += 1
            full = [n for stem, n in counts.items() if stem and n >= FEWEST_NOTES]
            asked = sum(counts[stem] >= FEWEST_NOTES for stem in wanted)
            return asked, len(full)

        return max(np.arange(0, max(1, last - seconds), HOP_S).tolist(), key=playing)

    def melody(self, start: float, seconds: float) -> tuple[Part, list[Event]] | None:
        """The part of a stretch that is most like a tune: one note at a time, much of the time.

        Its events count their seconds from the start of the stretch.
        """
        parts: dict[Part, list[Note]] = defaultdict(list)
        for note in self.within(start, seconds):
            if note.stem not in (PERCUSSION_NAME, *LOW):
                parts[note.part].append(note)
        best: tuple[float, Part] | None = None
        for part, notes in parts.items():
            alone = [a.end <= b.start + 0.05 for a, b in pairwise(notes)]
            fit = np.mean([MELODY[0] <= note.midi <= MELODY[1] for note in notes])
            if len(notes) < FEWEST_NOTES or np.mean(alone) < 0.8 or fit < 0.9:
                continue
            covered = sum(note.end - note.start for note in notes)
            if best is None or covered > best[0]:
                best = covered, part
        if best is None:
            return None
        notes = parts[best[1]]
        ends = [*(note.start for note in notes[1:]), start + seconds]
        return best[1], [
            Event(n.start - start, min(n.end, end) - n.start, n.midi, n.velocity)
            for n, end in zip(notes, ends, strict=True)
            if min(n.end, end) - n.start > 0.03
        ]

    def chroma(self, start: float, seconds: float) -> NDArray[np.float64]:
        """How long each pitch class sounds in a stretch, (12,)."""
        notes = [n for n in self.within(start, seconds) if n.stem not in ("", PERCUSSION_NAME)]
        classes = [note.midi % 12 for note in notes]
        lengths = [note.end - note.start for note in notes]
        return np.bincount(classes, lengths, minlength=12).astype(np.float64)

    def play(
        self,
        start: float,
        seconds: float,
        soundfont: str,
        *,
        without: Part | None = None,
        semitones: int = 0,
    ) -> dict[str, Wave]:
        """The stems of a stretch, (2, samples) each at 44.1 kHz; percussion is not transposed."""
        stems: dict[str, list[Note]] = defaultdict(list)
        for note in self.within(start, seconds):
            if note.stem and note.part != without:
                stems[note.stem].append(note)
        found = {}
        for stem, notes in stems.items():
            kept = {note.at for note in notes}
            wave = render(self._file(kept, start, start + seconds, semitones), soundfont)
            fitted = np.zeros((2, round(seconds * RATE)), np.float32)
            fitted[:, : wave.shape[1]] = wave[:, : fitted.shape[1]]
            fitted[:, -RATE // 20 :] *= np.linspace(1, 0, RATE // 20, dtype=np.float32)
            if np.abs(fitted).max() > 1e-3:
                found[stem] = fitted
        return found

    def _file(self, kept: Collection[int], start: float, end: float, semitones: int) -> bytes:
        """A MIDI file of some notes; what was set before the start is set at once."""
        first = next((m.tick for m in self.messages if m.second >= start), 0)
        events = []
        for at, message in enumerate(self.messages):
            if message.second > end:
                break
            data = message.data
            if message.kind in (smf.NOTE_ON, smf.NOTE_OFF):
                if message.kind == smf.NOTE_ON and data[2] and at not in kept:
                    continue
                if message.channel != PERCUSSION_CHANNEL:
                    pitch = min(127, max(0, data[1] + semitones))
                    data = bytes([data[0], pitch, data[2]])
            events.append((max(0, message.tick - first), data))
        last = events[-1][0] if events else 0
        silence = [bytes([smf.CONTROL | c, smf.ALL_SOUND_OFF, 0]) for c in range(16)]
        return smf.written(self.ticks, events + [(last, data) for data in silence])


def render(midi: bytes, soundfont: str) -> Wave:
    """Play a MIDI file in stereo, without reverberation.

    Raises:
        MissingToolError: fluidsynth or the soundfont is not installed.
        DataError: fluidsynth failed.
    """
    font, program = find_soundfont(soundfont), find_program("fluidsynth")
    with tempfile.TemporaryDirectory(prefix="timbresep-") as folder:
        source, target = Path(folder) / "in.mid", Path(folder) / "out.wav"
        source.write_bytes(midi)
        command = [program, "-n", "-i", "-q", "-g", "0.3", "-r", str(RATE), "-C", "0", "-R", "0"]
        command += ["-T", "wav", "-O", "float", "-F", str(target), str(font), str(source)]
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=LONGEST_S
        )
        if result.returncode != 0 or not target.is_file():
            raise DataError(f"fluidsynth could not play with {font}: {result.stderr[-200:]}")
        return audio.read(target)[0]
