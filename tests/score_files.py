"""Scores as files: MusicXML from a few words, MIDI from messages."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import mido

FOUR_FOUR = (
    "<attributes><divisions>4</divisions>"
    "<time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
)
BACK = '<barline location="right"><repeat direction="backward"/></barline>'
FORTH = '<barline location="left"><repeat direction="forward"/></barline>'
CONTAINER = "<container><rootfiles><rootfile full-path='{}'/></rootfiles></container>"  # of an .mxl


def note(pitch: str, quarters: float = 4, inside: str = "") -> str:
    """A note such as C4 or B-3; `inside` is more of its XML, after the duration."""
    alter = {"#": "<alter>1</alter>", "-": "<alter>-1</alter>"}.get(pitch[1:-1], "")
    spelled = f"<step>{pitch[0]}</step>{alter}<octave>{pitch[-1]}</octave>"
    duration = f"<duration>{round(quarters * 4)}</duration>"
    return f"<note><pitch>{spelled}</pitch>{duration}{inside}</note>"


def grace(pitch: str) -> str:
    return (
        f"<note><grace/><pitch><step>{pitch[0]}</step><octave>{pitch[-1]}</octave></pitch></note>"
    )


def drum(step: str, octave: int, quarters: float, instrument: str = "") -> str:
    where = f"<display-step>{step}</display-step><display-octave>{octave}</display-octave>"
    duration = f"<duration>{round(quarters * 4)}</duration>"
    return f"<note><unpitched>{where}</unpitched>{duration}{instrument}</note>"


def words(text: str) -> str:
    return f"<direction><direction-type><words>{text}</words></direction-type></direction>"


def sign(name: str) -> str:
    return f"<direction><direction-type><{name}/></direction-type></direction>"


def tempo(quarters: float) -> str:
    mark = f"<beat-unit>quarter</beat-unit><per-minute>{quarters:g}</per-minute>"
    return f"<direction><direction-type><metronome>{mark}</metronome></direction-type></direction>"


def ending(number: str, bar: str, *, back: bool) -> str:
    """A bar under a bracket; `back` repeats after it."""
    sign = '<repeat direction="backward"/>' if back else ""
    kind = "stop" if back else "discontinue"
    return (
        f'<barline location="left"><ending number="{number}" type="start"/></barline>{bar}'
        f'<barline location="right"><ending number="{number}" type="{kind}"/>{sign}</barline>'
    )


def musicxml(parts: dict[str, Sequence[str]], midi: dict[str, str] | None = None) -> str:
    """A score of parts, each a list of bars; `midi` is XML for the part list, by part."""
    listed, played = "", ""
    for k, (name, bars) in enumerate(parts.items(), 1):
        about = (midi or {}).get(name, "")
        listed += f'<score-part id="P{k}"><part-name>{name}</part-name>{about}</score-part>'
        body = "".join(
            f'<measure number="{n}">{FOUR_FOUR if n == 1 else ""}{bar}</measure>'
            for n, bar in enumerate(bars, 1)
        )
        played += f'<part id="P{k}">{body}</part>'
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return (
        f'{head}<score-partwise version="4.0"><part-list>{listed}</part-list>'
        f"{played}</score-partwise>"
    )


def program(number: int) -> str:
    """XML of the part list: a General MIDI program, counted from 0."""
    return (
        '<score-instrument id="I1"><instrument-name>it</instrument-name></score-instrument>'
        f'<midi-instrument id="I1"><midi-program>{number + 1}</midi-program></midi-instrument>'
    )


def write_mxl(path: Path, text: str, name: str = "score.musicxml") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER.format(name))
        archive.writestr(name, text)
    return path


def write_midi(path: Path, *tracks: Sequence[mido.Message], kind: int = 1) -> Path:
    """A MIDI file of 480 ticks a quarter note; messages have delta times."""
    file = mido.MidiFile(type=kind, ticks_per_beat=480)
    file.tracks.extend(mido.MidiTrack(track) for track in tracks)
    file.save(path)
    return path


def on(pitch: int, time: int = 0, channel: int = 0, velocity: int = 64) -> mido.Message:
    return mido.Message("note_on", note=pitch, time=time, channel=channel, velocity=velocity)


def off(pitch: int, time: int, channel: int = 0) -> mido.Message:
    return mido.Message("note_off", note=pitch, time=time, channel=channel)


def named(name: str) -> mido.MetaMessage:
    return mido.MetaMessage("track_name", name=name)


def change(number: int, channel: int = 0) -> mido.Message:
    return mido.Message("program_change", program=number, channel=channel)
