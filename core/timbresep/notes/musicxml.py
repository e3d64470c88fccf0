"""MusicXML made ready for music21, which overlooks some of what is played.

It plays cue notes, takes jumps from words alone, forgets which sound of a kit an unpitched note is,
and spends much of its time on what only looks: slurs, lyrics, beams.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

_LOOKS = frozenset(
    ("notations", "lyric", "beam", "stem", "notehead", "accidental", "print", "credit", "defaults")
)
_JUMPS = {"dacapo": "D.C.", "dalsegno": "D.S.", "fine": "Fine", "tocoda": "To Coda"}
_STEPS = "C C D D E F F G G A A B".split()  # noqa: SIM905 — an octave, as one reads it
_RAISED = frozenset((1, 3, 6, 8, 10))
_PERCUSSION = "10"


def prepare(text: str) -> str:
    """The same score for music21, with what it plays and without what only looks.

    Ties that stand only as curves become ties, jumps that stand only for playback become words,
    cue notes rests, and unpitched notes the keys that they play, in a part on MIDI channel 10.

    Args:
        text: a partwise score that `notation_text.check_text` let pass.
    """
    root = ElementTree.fromstring(text)  # noqa: S314 — checked: has no entities
    kits = _Kits(root)
    for part in root.findall("part"):
        for measure in part.findall("measure"):
            for note in measure.findall("note"):
                if note.find("cue") is not None:
                    _silence(measure, note)
                elif note.find("tie") is None:
                    _tie(note)
            _spell_jumps(measure)
        kits.prepare(part)
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in _LOOKS]:
            parent.remove(child)
    return ElementTree.tostring(root, encoding="unicode")


def _silence(measure: ElementTree.Element, note: ElementTree.Element) -> None:
    """Make a cue note a rest; more of its chord goes, and grace notes do."""
    if note.find("chord") is not None or note.find("grace") is not None:
        measure.remove(note)
        return
    for sounding in ("cue", "pitch", "unpitched", "rest", "tie"):
        for child in note.findall(sounding):
            note.remove(child)
    note.insert(0, ElementTree.Element("rest"))


def _tie(note: ElementTree.Element) -> None:
    for curve in note.findall("notations/tied"):
        if curve.get("type") in {"start", "stop"}:
            note.append(ElementTree.Element("tie", type=curve.get("type", "")))


def _spell_jumps(measure: ElementTree.Element) -> None:
    """Add words for the jumps that the bar's `sound` elements state."""
    jumps = [
        _JUMPS[name] for sound in measure.iter("sound") for name in _JUMPS if name in sound.attrib
    ]
    for words in jumps:
        direction = ElementTree.SubElement(measure, "direction")
        kind = ElementTree.SubElement(direction, "direction-type")
        ElementTree.SubElement(kind, "words").text = words


class _Kits:
    """The keys of General MIDI's drum map that the instruments of a part play."""

    def __init__(self, root: ElementTree.Element) -> None:
        self.listed = {part.get("id"): part for part in root.iter("score-part")}

    def prepare(self, part: ElementTree.Element) -> None:
        """Turn the unpitched notes of a part into the keys that they play, if it says which."""
        listed = self.listed.get(part.get("id"))
        keys = dict(_keys(listed)) if listed is not None else {}
        if listed is None or not keys:
            return
        for note in part.iter("note"):
            unpitched, player = note.find("unpitched"), note.find("instrument")
            key = keys.get(player.get("id", "")) if player is not None else None
            if unpitched is not None and key is not None:
                _play_key(unpitched, key)
        for midi in listed.findall("midi-instrument"):
            for channel in midi.findall("midi-channel"):
                midi.remove(channel)
            midi.insert(0, ElementTree.Element("midi-channel"))
            midi[0].text = _PERCUSSION


def _keys(listed: ElementTree.Element) -> Iterator[tuple[str, int]]:
    """Instrument of a part → its key; MusicXML counts keys from 1."""
    for midi in listed.findall("midi-instrument"):
        number = (midi.findtext("midi-unpitched") or "").strip()
        if number.isdecimal() and 1 <= int(number) <= 128:
            yield midi.get("id", ""), int(number) - 1


def _play_key(unpitched: ElementTree.Element, key: int) -> None:
    unpitched.clear()
    unpitched.tag = "pitch"
    ElementTree.SubElement(unpitched, "step").text = _STEPS[key % 12]
    if key % 12 in _RAISED:
        ElementTree.SubElement(unpitched, "alter").text = "1"
    ElementTree.SubElement(unpitched, "octave").text = str(key // 12 - 1)
