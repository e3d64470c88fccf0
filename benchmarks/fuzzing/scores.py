"""Scores: MIDI, MusicXML and MXL, Humdrum, MEI."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

from benchmarks.fuzzing import documents, mutations
from benchmarks.fuzzing.datasets import NOTES
from benchmarks.fuzzing.target import Target, of_file
from timbresep.notes.midi import read_stems
from timbresep.notes.reading import read


def _note(step: str, more: str = "", duration: int = 4) -> str:
    pitch = f"<pitch><step>{step}</step><octave>4</octave></pitch>"
    return f"<note>{pitch}<duration>{duration}</duration>{more}</note>"


def _musicxml() -> bytes:
    """Two parts with repeats, endings, a tempo, a tuplet, ties, grace notes, jumps and drums."""
    attributes = (
        "<attributes><divisions>4</divisions><key><fifths>2</fifths></key>"
        "<time><beats>3</beats><beat-type>4</beat-type></time><clef><sign>G</sign><line>2</line></clef>"
        "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose></attributes>"
    )
    tempo = (
        "<direction><direction-type><metronome><beat-unit>quarter</beat-unit>"
        "<per-minute>90</per-minute></metronome></direction-type><sound tempo='90'/></direction>"
    )
    tuplet = (
        "<time-modification><actual-notes>3</actual-notes>"
        "<normal-notes>2</normal-notes></time-modification>"
    )
    begins = "<barline location='left'><repeat direction='forward'/></barline>"
    first = "<barline location='left'><ending number='1' type='start'/></barline>"
    back = (
        "<barline location='right'><ending number='1' type='stop'/>"
        "<repeat direction='backward' times='2'/></barline>"
    )
    jump = "<direction><direction-type><words>D.C. al Fine</words></direction-type></direction>"
    grace = "<note><grace/><pitch><step>B</step><octave>3</octave></pitch></note>"
    chord = "<note><chord/><pitch><step>E</step><alter>-1</alter><octave>4</octave></pitch>"
    bars = (
        attributes + tempo + begins + _note("C", "<tie type='start'/>") * 3,
        _note("C", "<tie type='stop'/>") + grace + _note("D", tuplet, 2) * 3,
        first + _note("E") + chord + "<duration>4</duration></note>" + _note("F") + back,
        "<note><rest measure='yes'/><duration>12</duration></note>" + jump,
    )
    drum = (
        "<note><unpitched><display-step>C</display-step><display-octave>5</display-octave>"
        "</unpitched><duration>4</duration><instrument id='P2-I1'/></note>"
    )
    two = "<backup><duration>12</duration></backup><forward><duration>4</duration></forward>"
    parts = {
        "P1": bars,
        "P2": (attributes + drum * 3, drum * 3 + two + drum, drum * 3, drum * 3),
    }
    listed = "".join(
        f"<score-part id='{name}'><part-name>{label}</part-name><midi-instrument id='{name}-I1'>"
        "<midi-channel>1</midi-channel><midi-program>41</midi-program>"
        "<midi-unpitched>39</midi-unpitched></midi-instrument></score-part>"
        for name, label in (("P1", "Violin"), ("P2", "Drums"))
    )
    text = "".join(
        f"<part id='{name}'>"
        + "".join(f"<measure number='{n}'>{bar}</measure>" for n, bar in enumerate(bars, 1))
        + "</part>"
        for name, bars in parts.items()
    )
    whole = f"<score-partwise version='4.0'><part-list>{listed}</part-list>{text}</score-partwise>"
    return f'<?xml version="1.0" encoding="UTF-8"?>{whole}'.encode()


HUMDRUM = b"""**kern\t**kern
*Ivioln\t*Iflt
*M3/4\t*M3/4
*MM90\t*MM90
=1\t=1
4c\t4.e
[4d\t8f
4d]\t4r
=2:|!\t=2:|!
6c\t2.g
6d\t.
6e\t.
==\t==
*-\t*-
"""
MEI = b"""<mei xmlns="http://www.music-encoding.org/ns/mei"><music><body><mdiv><score>
<scoreDef meter.count="3" meter.unit="4"><staffGrp><staffDef n="1" lines="5" clef.shape="G"
clef.line="2"/></staffGrp></scoreDef><section><measure n="1"><staff n="1"><layer n="1">
<note pname="c" oct="4" dur="4"/><chord dur="4" dots="1"><note pname="e" oct="4"/>
<note pname="g" oct="4"/></chord><rest dur="8"/><tuplet num="3" numbase="2">
<note pname="c" oct="4" dur="8"/><note pname="d" oct="4" dur="8"/><note pname="e" oct="4" dur="8"/>
</tuplet></layer></staff></measure></section></score></mdiv></body></music></mei>"""


def midi(scratch: Path) -> Target:
    """A Standard MIDI File as a score."""
    return of_file(scratch / "a.mid", [NOTES], documents.midi, read)


def midi_of_stems(scratch: Path) -> Target:
    """A MIDI file of `notes`, as `evaluate` and training read it."""
    return of_file(scratch / "notes.mid", [NOTES], documents.midi, read_stems)


def musicxml(scratch: Path) -> Target:
    """MusicXML."""
    return of_file(scratch / "a.musicxml", [_musicxml()], documents.xml_text, read)


def compressed(scratch: Path) -> Target:
    """MusicXML in an archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        rootfile = '<rootfile full-path="score.xml"/>'
        archive.writestr(
            "META-INF/container.xml",
            f"<container><rootfiles>{rootfile}</rootfiles></container>",
        )
        archive.writestr("score.xml", _musicxml())
    return of_file(scratch / "a.mxl", [file.getvalue()], documents.archive, read)


def humdrum(scratch: Path) -> Target:
    """Humdrum."""
    return of_file(scratch / "a.krn", [HUMDRUM], mutations.raw, read)


def mei(scratch: Path) -> Target:
    """MEI."""
    ElementTree.register_namespace("", "http://www.music-encoding.org/ns/mei")
    return of_file(scratch / "a.mei", [MEI], documents.xml_text, read)
