"""A singing synthesiser as a renderer: notes in, one sung waveform out (package `pysinsy`).

Sinsy sings MusicXML with Japanese lyrics in the voice that its package brings, NIT SONG070 F001
(Nagoya Institute of Technology, CC BY 3.0).
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import soxr

from core.data.fluidsynth import RATE
from core.data.midi import Event
from core.errors import MissingToolError

TICKS = 96  # a second
LEAD_S = 1.0  # the synthesiser wants a rest first
BREATH_S = 0.2  # shorter gaps are sung through
SYLLABLES = ("ら", "あ", "る", "ま", "の", "さ", "い", "え", "だ", "と", "み", "ほ")
_STEPS = (("C", 0), ("C", 1), ("D", 0), ("D", 1), ("E", 0), ("F", 0))
_STEPS += (("F", 1), ("G", 0), ("G", 1), ("A", 0), ("A", 1), ("B", 0))
_ONE_AT_A_TIME = threading.Lock()


def music_xml(events: Sequence[Event], rng: np.random.Generator) -> bytes:
    """One voice as MusicXML at 60 quarters a minute, with a random syllable a note.

    Args:
        events: notes in seconds, ordered; a note ends where the next begins.
        rng: source of the syllables.
    """
    root = ElementTree.Element("score-partwise", version="2.0")
    parts = ElementTree.SubElement(root, "part-list")
    ElementTree.SubElement(ElementTree.SubElement(parts, "score-part", id="P1"), "part-name")
    measure = ElementTree.SubElement(ElementTree.SubElement(root, "part", id="P1"), "measure")
    measure.set("number", "1")
    attributes = ElementTree.SubElement(measure, "attributes")
    ElementTree.SubElement(attributes, "divisions").text = str(TICKS)
    time = ElementTree.SubElement(attributes, "time")
    ElementTree.SubElement(time, "beats").text = "4"
    ElementTree.SubElement(time, "beat-type").text = "4"
    ElementTree.SubElement(ElementTree.SubElement(measure, "direction"), "sound", tempo="60")
    now = 0
    for k, event in enumerate(events):
        start = round((event.start + LEAD_S) * TICKS)
        end = round((event.end + LEAD_S) * TICKS)
        if k + 1 < len(events):
            following = round((events[k + 1].start + LEAD_S) * TICKS)
            end = following if following - end < BREATH_S * TICKS else end
        if start > now:
            _rest(measure, start - now)
        if end - max(start, now) > 4:
            _note(measure, event.midi, end - max(start, now), SYLLABLES[int(rng.integers(12))])
            now = end
        else:
            now = max(now, start)
    _rest(measure, TICKS)
    xml: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return xml


def _rest(measure: ElementTree.Element, ticks: int) -> None:
    note = ElementTree.SubElement(measure, "note")
    ElementTree.SubElement(note, "rest")
    ElementTree.SubElement(note, "duration").text = str(ticks)


def _note(measure: ElementTree.Element, midi: int, ticks: int, syllable: str) -> None:
    note = ElementTree.SubElement(measure, "note")
    pitch = ElementTree.SubElement(note, "pitch")
    step, alter = _STEPS[midi % 12]
    ElementTree.SubElement(pitch, "step").text = step
    if alter:
        ElementTree.SubElement(pitch, "alter").text = str(alter)
    ElementTree.SubElement(pitch, "octave").text = str(midi // 12 - 1)
    ElementTree.SubElement(note, "duration").text = str(ticks)
    lyric = ElementTree.SubElement(note, "lyric")
    ElementTree.SubElement(lyric, "syllabic").text = "single"
    ElementTree.SubElement(lyric, "text").text = syllable


def sing(events: Sequence[Event], rng: np.random.Generator) -> np.ndarray:
    """Sing notes one after another.

    Args:
        events: notes in seconds, ordered, within the voice's range.
        rng: source of the syllables.
    Returns:
        mono float32 waveform at 44.1 kHz, shape (samples,).
    Raises:
        MissingToolError: pysinsy is not installed.
    """
    try:
        import pysinsy
    except ImportError as missing:
        raise MissingToolError(
            "this recipe sings, and pysinsy is not installed",
            hint="pip install pysinsy 'setuptools<82', or remove `singers` from the recipe",
        ) from missing
    with tempfile.TemporaryDirectory(prefix="timbresep-") as folder:
        score = Path(folder) / "score.xml"
        score.write_bytes(music_xml(events, rng))
        with _ONE_AT_A_TIME:  # the package keeps one synthesiser for all threads
            samples, rate = pysinsy.synthesize(str(score))
    wave = np.asarray(samples, dtype=np.float32) / np.float32(32768)
    sung: np.ndarray = soxr.resample(wave[round(LEAD_S * rate) :], rate, RATE)
    return sung
