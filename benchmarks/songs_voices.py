"""Who sings and bows in the sets of `songs.py`: recorded clips, recorded notes, a synthetic singer.

Recordings lie side by side in one folder, each as its makers publish it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from xml.etree import ElementTree as Xml

import numpy as np
from numpy.typing import NDArray

from songs_desk import Wave
from timbresep import audio
from timbresep.data.rendering.midi import Event
from timbresep.data.rendering.sampler import Layers, play
from timbresep.data.rendering.waveform import RATE
from timbresep.errors import DataError, MissingToolError
from timbresep.units import hz_to_midi

NOTES = "spectmorph-instruments"
CLIPS = {  # folder → how to get it, licence
    NOTES: (
        "git clone https://github.com/swesterfeld/spectmorph-instruments",
        "CC0, public domain",
    ),
    "basic_pitch-0.4.0": (
        "pip download --no-deps --no-binary :all: basic-pitch==0.4.0, unpacked",
        "CC BY 4.0",
    ),
    "sms-tools-materials": (
        "git clone https://github.com/MTG/sms-tools-materials",
        "CC BY 4.0",
    ),
}
SINSY = 'pip install "setuptools<82" six; pip install --no-deps pysinsy==0.0.5'
DIVISIONS = 24  # of a quarter note, in the score for the synthetic singer
TEMPO = 120
SYLLABLES = "ら", "り", "る", "れ", "ろ", "ま", "な", "た", "み", "の"
STEPS = tuple(zip("CCDDEFFGGAAB", (0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0), strict=True))
SUNG = (60, 79)  # the synthetic singer's range
CHROMA_FFT = 8192
CHROMA_HZ = (80.0, 2000.0)


class Performer(Protocol):
    """Who plays or sings a tune."""

    @property
    def licence(self) -> str:
        """Terms of the recordings or the voice."""

    def perform(self, tune: Sequence[Event], seconds: float) -> Wave:
        """The tune, (1, samples) at 44.1 kHz.

        Raises:
            MissingToolError: its recordings or its program are not there.
        """


@dataclass(frozen=True)
class Notes:
    """Recorded notes of one player or singer.

    Attributes:
        root: the folder of recordings.
        folders: of the collection, one for each vowel or string; the notes take turns.
    """

    root: Path
    folders: tuple[str, ...]
    licence: str = CLIPS[NOTES][1]

    def perform(self, tune: Sequence[Event], seconds: float) -> Wave:
        """As `Performer.perform`; what lies out of range is moved by octaves."""
        layers = [self._layers(folder) for folder in self.folders]
        wave = np.zeros(round(seconds * RATE), np.float32)
        low = max(min(notes) for notes in layers)
        high = min(max(notes) for notes in layers)
        for k, notes in enumerate(layers):
            own = [folded(event, low, high) for event in tune[k :: len(layers)]]
            sound = play(own, notes, seconds)
            wave += sound / max(float(np.abs(sound).max()), 1e-6)
        return wave[None]

    def _layers(self, name: str) -> Layers:
        folder = recording(self.root, NOTES) / name
        found: dict[int, list[Path]] = {}
        for path in sorted(folder.glob("*.flac")):
            found.setdefault(int(path.stem.rpartition("-")[2]), []).append(path)
        if not found:
            raise DataError(f"{folder}: no notes")
        return found


@dataclass(frozen=True)
class Sinsy:
    """The synthetic singer of pysinsy: Japanese syllables from a score."""

    licence: str = "CC BY 3.0 (HTS voice nitech_jp_song070_f001)"

    def perform(self, tune: Sequence[Event], seconds: float) -> Wave:
        """As `Performer.perform`; what lies out of range is moved by octaves."""
        try:
            import pysinsy  # type: ignore[import-untyped]
        except ImportError as error:
            raise MissingToolError("pysinsy, the singer, is not installed", SINSY) from error
        with tempfile.TemporaryDirectory(prefix="timbresep-") as folder:
            path = Path(folder) / "tune.xml"
            path.write_bytes(score([folded(event, *SUNG) for event in tune], seconds))
            samples, rate = pysinsy.synthesize(str(path))
        sung = np.asarray(samples, np.float32)[None] / np.float32(2**15)
        whole = np.zeros((1, round(seconds * RATE)), np.float32)
        sung = audio.resample(sung, rate, RATE)[:, : whole.shape[1]]
        whole[:, : sung.shape[1]] = sung
        return whole


def recording(root: Path, name: str) -> Path:
    """A published recording's place in the folder of recordings.

    Raises:
        MissingToolError: it is not there.
    """
    path = root / name
    if not path.exists():
        raise MissingToolError(f"{path} is not there", CLIPS[Path(name).parts[0]][0])
    return path


def folded(event: Event, low: int, high: int) -> Event:
    """An event moved by octaves into a range."""
    midi = event.midi
    while midi > high:
        midi -= 12
    while midi < low:
        midi += 12
    return replace(event, midi=midi)


def score(tune: Sequence[Event], seconds: float) -> bytes:
    """MusicXML of a tune in one long bar, a syllable a note.

    Source: MusicXML 4.0 (W3C Music Notation Community Group, 2021).
    """
    root = Xml.Element("score-partwise")
    names = Xml.SubElement(Xml.SubElement(root, "part-list"), "score-part", id="P1")
    Xml.SubElement(names, "part-name").text = "voice"
    bar = Xml.SubElement(Xml.SubElement(root, "part", id="P1"), "measure", number="1")
    attributes = Xml.SubElement(bar, "attributes")
    Xml.SubElement(attributes, "divisions").text = str(DIVISIONS)
    time = Xml.SubElement(attributes, "time")
    Xml.SubElement(time, "beats").text = str(round(seconds * TEMPO / 60))
    Xml.SubElement(time, "beat-type").text = "4"
    Xml.SubElement(Xml.SubElement(bar, "direction"), "sound", tempo=str(TEMPO))
    at = 0
    for k, event in enumerate(tune):
        start, end = (round(t * TEMPO / 60 * DIVISIONS) for t in (event.start, event.end))
        start = max(at, start)
        if end <= start:
            continue
        if start > at:
            _note(bar, start - at)
        _note(bar, end - start, event.midi, SYLLABLES[k % len(SYLLABLES)])
        at = end
    _note(bar, DIVISIONS)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="utf-8")


def _note(bar: Xml.Element, divisions: int, midi: int | None = None, syllable: str = "") -> None:
    """Append a note, or a rest."""
    note = Xml.SubElement(bar, "note")
    if midi is None:
        Xml.SubElement(note, "rest")
    else:
        step, sharp = STEPS[midi % 12]
        pitch = Xml.SubElement(note, "pitch")
        Xml.SubElement(pitch, "step").text = step
        Xml.SubElement(pitch, "alter").text = str(sharp)
        Xml.SubElement(pitch, "octave").text = str(midi // 12 - 1)
    Xml.SubElement(note, "duration").text = str(divisions)
    if syllable:
        Xml.SubElement(Xml.SubElement(note, "lyric"), "text").text = syllable


def chroma(wave: Wave) -> NDArray[np.float64]:
    """How much of a waveform is in each pitch class, (12,)."""
    mono = wave.mean(axis=0)
    frames = np.lib.stride_tricks.sliding_window_view(mono, CHROMA_FFT)[:: CHROMA_FFT // 2]
    power = np.abs(np.fft.rfft(frames * np.hanning(CHROMA_FFT))).sum(axis=0)
    hz = np.fft.rfftfreq(CHROMA_FFT, 1 / RATE)
    inside = (hz > CHROMA_HZ[0]) & (hz < CHROMA_HZ[1])
    classes = np.round(hz_to_midi(hz[inside])).astype(int) % 12
    return np.bincount(classes, power[inside], minlength=12).astype(np.float64)


def fitting(heard: NDArray[np.float64], tune: NDArray[np.float64]) -> int:
    """The semitones, −5 to 6, by which a tune's pitch classes fit what is heard best."""
    shifts = sorted(range(-5, 7), key=abs)
    return max(shifts, key=lambda k: float(np.corrcoef(heard, np.roll(tune, k))[0, 1]))
