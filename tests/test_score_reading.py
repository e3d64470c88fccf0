"""Scores are read as they sound: MIDI as it is played, notation as it is written."""

from __future__ import annotations

import builtins
import io
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import mido
import pytest

from score_files import (
    BACK,
    CONTAINER,
    FORTH,
    change,
    drum,
    ending,
    grace,
    musicxml,
    named,
    note,
    off,
    on,
    program,
    sign,
    tempo,
    words,
    write_midi,
    write_mxl,
)
from timbresep.errors import DataError, MissingToolError
from timbresep.notes import midi_score
from timbresep.notes.playing_order import Bar, playing_order
from timbresep.notes.reading import read
from timbresep.notes.score import Note, Score

NAMES = "C.D.EF.G.A.B"


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Score]:
    """Reads the MusicXML that is given."""

    def of(text: str, *, repeats: bool = True) -> Score:
        path = tmp_path / "score.musicxml"
        path.write_text(text, encoding="utf-8")
        return read(path, repeats=repeats)

    return of


def letters(score: Score, part: int = 0) -> str:
    return "".join(NAMES[int(note.pitch) % 12] for note in score.parts[part].notes)


C, D, E, F, G, A = map(note, ["C4", "D4", "E4", "F4", "G4", "A4"])
ORDERS = {
    "plain": ([C, D, E], "CDE", "CDE"),
    "repeat": ([C, FORTH + D, E + BACK, F], "CDEDEF", "CDEF"),
    "two from the start of each": ([C, D + BACK, E, F + BACK], "CDCDEFEF", "CDEF"),
    "endings": ([C, ending("1", D, back=True), ending("2", E, back=False), F], "CDCEF", "CEF"),
    "three times": (
        [C, ending("1, 2", D, back=True), ending("3", E, back=False), F],
        "CDCDCEF",
        "CEF",
    ),
    "one bracket only": ([C, ending("1", D, back=True), E], "CDCE", "CDE"),
    "after endings": (
        [C, ending("1", D, back=True), ending("2", E, back=False), F, G + BACK],
        "CDCEFGFG",
        "CEFG",
    ),
    "times": ([C, D + BACK.replace("/>", ' times="3"/>'), E], "CDCDCDE", "CDE"),
    "da capo al fine": ([C, D + words("Fine"), E + words("D.C. al Fine")], "CDECD", "CDE"),
    "no repeats after da capo": (
        [C, D + BACK, E + words("Fine"), F + words("D.C. al Fine")],
        "CDCDEFCDE",
        "CDEF",
    ),
    "last ending after da capo": (
        [C, ending("1", D, back=True), ending("2", E, back=False), F + words("D.C.")],
        "CDCEFCEF",
        "CEF",
    ),
    "dal segno al coda": (
        [
            C,
            sign("segno") + D,
            E + words("To Coda"),
            F + words("D.S. al Coda"),
            sign("coda") + G,
            A,
        ],
        "CDEFDEGA",
        "CDEFGA",
    ),
}


@pytest.mark.parametrize("case", ORDERS)
def test_bars_are_played_in_order_in_every_part(case: str, written: Callable[..., Score]) -> None:
    bars, played, once = ORDERS[case]
    text = musicxml({"signs here": bars, "none here": [C] * len(bars)})
    score = written(text)
    assert letters(score) == played
    assert len(score.parts[1].notes) == len(played)  # where the other part has no signs
    assert score.duration == pytest.approx(2 * len(played))
    assert letters(written(text, repeats=False)) == once


def test_random_signs_end() -> None:
    """Whatever the signs say, the order ends or is refused."""
    dice = random.Random(0)
    for _ in range(2000):
        bars = [
            Bar(
                4.0 * k,
                opens=dice.random() < 0.2,
                closes=dice.choice([0, 0, 0, 2, 3]),
                endings=frozenset(dice.sample([1, 2, 3], dice.choice([0, 0, 0, 1, 2]))),
                segno=dice.random() < 0.1,
                coda=dice.random() < 0.2,
                fine=dice.random() < 0.1,
                jump=dice.choice([None, None, None, "capo", "segno"]),
            )
            for k in range(dice.randint(1, 12))
        ]
        assert len(playing_order(bars)) < 3000
        assert len(playing_order(bars, repeats=False)) <= len(bars)


def test_ties_join_also_over_a_repeat(written: Callable[..., Score]) -> None:
    start, stop = '<tie type="start"/>', '<tie type="stop"/>'
    both = stop + start
    score = written(
        musicxml({"it": [note("C4", 4, start), note("C4", 4, both), note("C4", 2, stop)]})
    )
    assert score.parts[0].notes == (Note(0.0, 5.0, 60.0),)
    bars = [note("C4", 2) + note("D4", 2, start), note("D4", 2, stop) + note("E4", 2) + BACK]
    assert [n.end - n.start for n in written(musicxml({"it": bars})).parts[0].notes] == [
        1.0, 2.0, 1.0, 1.0, 2.0, 1.0,
    ]  # fmt: skip


def test_tempo_marks_are_seconds_also_of_bars_played_again(written: Callable[..., Score]) -> None:
    bars = [tempo(60) + note("C4"), tempo(120) + note("D4", 2) + tempo(240) + note("E4", 2) + BACK]
    score = written(musicxml({"it": bars}))
    starts = [n.start for n in score.parts[0].notes]
    assert starts == pytest.approx([0, 4, 5, 5.5, 9.5, 10.5])
    assert score.duration == pytest.approx(11)
    assert score.assumed == ()


def test_no_tempo_is_told(written: Callable[..., Score]) -> None:
    assert "120 quarter notes a minute" in written(musicxml({"it": [C]})).assumed[0]


OCTAVE = "<octave-change>-1</octave-change>"


def transpose(inside: str) -> str:
    return f"<attributes><transpose><diatonic>0</diatonic>{inside}</transpose></attributes>"


def test_instruments_sound_where_they_sound(written: Callable[..., Score]) -> None:
    up, down = map(transpose, ["<chromatic>-2</chromatic>", "<chromatic>0</chromatic>" + OCTAVE])
    score = written(musicxml({"in B flat": [up + note("C5")], "an octave": [down + note("E3")]}))
    assert [part.notes[0].pitch for part in score.parts] == [70, 40]


def test_grace_notes_are_short_and_before_the_beat(written: Callable[..., Score]) -> None:
    bar = note("C4", 2) + grace("E4") + grace("F4") + note("G4", 2)
    score = written(musicxml({"it": [bar]}))
    found = [(n.pitch, round(n.start, 3), round(n.end, 3)) for n in score.parts[0].notes]
    assert found == [(60, 0, 1), (64, 0.86, 0.93), (65, 0.93, 1.0), (67, 1, 2)]
    assert any("2 grace notes" in line for line in score.assumed)


def test_staves_and_voices_of_one_player_are_one_part(written: Callable[..., Score]) -> None:
    staves = "<attributes><staves>2</staves></attributes>"
    right = note("C5", 4, "<voice>1</voice><staff>1</staff>")
    second = note("E4", 4, "<voice>2</voice><staff>1</staff>")
    left = note("C3", 4, "<voice>5</voice><staff>2</staff>")
    back = "<backup><duration>16</duration></backup>"
    chord = note("G4", 4, "<staff>1</staff>").replace("<note>", "<note><chord/>")
    bar = staves + right + chord + back + second + back + left
    score = written(musicxml({"two hands": [bar], "other": [C]}))
    assert [part.name for part in score.parts] == ["two hands", "other"]
    assert [n.pitch for n in score.parts[0].notes] == [48, 64, 67, 72]


def test_percussion_is_unpitched(written: Callable[..., Score]) -> None:
    both = drum("C", 5, 2) + drum("F", 4, 2).replace("<note>", "<note><chord/>")
    score = written(musicxml({"kit": [drum("F", 4, 2) + both], "it": [C]}))
    assert [part.pitched for part in score.parts] == [False, True]
    assert [n.pitch for n in score.parts[0].notes] == [36, 36, 38]


def test_unpitched_notes_are_the_keys_that_the_score_says(written: Callable[..., Score]) -> None:
    listed, played = "", ""
    for key in (36, 42, 51):
        listed += f'<score-instrument id="K{key}"><instrument-name>it</instrument-name>'
        listed += "</score-instrument>"
        played += f'<midi-instrument id="K{key}"><midi-unpitched>{key + 1}</midi-unpitched>'
        played += "</midi-instrument>"
    bar = "".join(drum("G", 5, 1, f'<instrument id="K{key}"/>') for key in (51, 36, 42, 42))
    [part] = written(musicxml({"kit": [bar]}, {"kit": listed + played})).parts
    assert not part.pitched
    assert [n.pitch for n in part.notes] == [51, 36, 42, 42]


def test_cue_notes_are_not_played(written: Callable[..., Score]) -> None:
    cue = note("E4", 2).replace("<note>", "<note><cue/>")
    chord = note("G4", 2).replace("<note>", "<note><cue/><chord/>")
    [part] = written(musicxml({"it": [note("C4", 2) + cue, cue + chord + note("D4", 2)]})).parts
    assert [(n.pitch, n.start) for n in part.notes] == [(60, 0), (62, 3)]


def test_jumps_and_ties_that_stand_in_one_form_only(written: Callable[..., Score]) -> None:
    sounds = ['<sound fine="yes"/>', '<direction><sound dacapo="yes"/></direction>']
    score = written(musicxml({"it": [C, D + sounds[0], E + sounds[1]]}))
    assert letters(score) == "CDECD"
    curves = [f'<notations><tied type="{kind}"/></notations>' for kind in ("start", "stop")]
    score = written(musicxml({"it": [note("C4", 4, curves[0]), note("C4", 4, curves[1])]}))
    assert [n.end for n in score.parts[0].notes] == [4.0]


def test_programs_are_those_that_the_score_states(written: Callable[..., Score]) -> None:
    parts = {"Violin": [C], "Oboe": [D]}
    assert [p.program for p in written(musicxml(parts)).parts] == [None, None]
    told = written(musicxml(parts, {"Violin": program(40), "Oboe": program(68)}))
    assert [p.program for p in told.parts] == [40, 68]


def test_dynamics_are_velocities(written: Callable[..., Score]) -> None:
    quiet, loud = (
        sign("dynamics").replace("dynamics/", f"dynamics><{d}/></dynamics") for d in "pf"
    )
    score = written(musicxml({"it": [quiet + note("C4", 2) + loud + note("D4", 2), E]}))
    low, high, after = (n.velocity for n in score.parts[0].notes)
    assert low < 80 < high == after


def test_what_is_compressed_or_in_another_encoding_is_the_same(tmp_path: Path) -> None:
    text = musicxml({"Flöte": [C, D]})
    (tmp_path / "a.musicxml").write_text(text, encoding="utf-8")
    (tmp_path / "b.xml").write_bytes(text.replace("UTF-8", "UTF-16").encode("utf-16"))
    (tmp_path / "c.xml").write_bytes(text.replace("UTF-8", "ISO-8859-1").encode("latin-1"))
    write_mxl(tmp_path / "d.mxl", text, "within/it.xml")
    scores = [read(tmp_path / name) for name in ("a.musicxml", "b.xml", "c.xml", "d.mxl")]
    assert scores[0].parts[0].name == "Flöte"
    assert all(score == scores[0] for score in scores)


MEI = """<?xml version="1.0"?><mei xmlns="http://www.music-encoding.org/ns/mei"><music><body><mdiv>
<score><scoreDef meter.count="4" meter.unit="4"><staffGrp><staffDef n="1" lines="5" clef.shape="G"
clef.line="2"/></staffGrp></scoreDef><section>
<measure n="1"><staff n="1"><layer n="1"><note pname="c" oct="4" dur="1"/></layer></staff></measure>
<measure n="2"><staff n="1"><layer n="1"><note pname="d" oct="4" dur="1"/></layer></staff></measure>
</section></score></mdiv></body></music></mei>"""


def test_other_notations_are_read(tmp_path: Path) -> None:
    (tmp_path / "b.krn").write_text(
        "!!!number: 12345678\n**kern\t**kern\n*M4/4\t*M4/4\n=1\t=1\n1C\t1c\n=2\t=2\n1D\t1d\n"
        "==\t==\n*-\t*-\n"
    )
    assert [letters(read(tmp_path / "b.krn"), k) for k in (0, 1)] == ["CD", "CD"]
    (tmp_path / "c.mei").write_text(MEI)
    assert letters(read(tmp_path / "c.mei")) == "CD"


# MIDI


def test_midi_is_in_seconds_of_its_tempo_map_and_not_quantised(tmp_path: Path) -> None:
    tempos = [mido.MetaMessage("set_tempo", tempo=500_000)]
    tempos.append(mido.MetaMessage("set_tempo", tempo=1_000_000, time=480))
    notes = [named("Violine 1"), change(40), on(60, 7), off(60, 473), on(62, 1), off(62, 480)]
    score = read(write_midi(tmp_path / "a.mid", tempos, notes))
    [part] = score.parts
    assert (part.name, part.program, part.pitched) == ("Violine 1", 40, True)
    assert part.notes[0].start == pytest.approx(7 / 960)
    assert part.notes[1].start == pytest.approx(0.5 + 1 / 480)
    assert part.notes[1].end == pytest.approx(0.5 + 481 / 480)


def test_a_track_or_a_channel_is_a_part(tmp_path: Path) -> None:
    first = [named("one"), on(60), off(60, 480)]
    second = [named("two"), on(64), off(64, 480), on(38, 0, 9), off(38, 10, 9)]
    score = read(write_midi(tmp_path / "a.mid", first, second))
    assert [(p.name, p.pitched) for p in score.parts] == [("one", True), ("", True), ("", False)]
    conductor = [change(40, 0), change(73, 1)]
    score = read(write_midi(tmp_path / "c.mid", conductor, first, [on(72, 0, 1), off(72, 9, 1)]))
    assert [part.program for part in score.parts] == [40, 73]
    channels = [named("a piece"), change(40, 0), change(42, 3)]
    channels += [on(60, 0, 0), on(48, 0, 3), off(60, 480, 0), off(48, 0, 3)]
    score = read(write_midi(tmp_path / "b.mid", channels, kind=0))
    assert [(p.name, p.program) for p in score.parts] == [("", 40), ("", 42)]
    assert score.assumed == ()


def test_all_on_one_channel_is_one_part_and_told(tmp_path: Path) -> None:
    score = read(write_midi(tmp_path / "a.mid", [on(60), on(48), off(60, 9), off(48, 9)], kind=0))
    assert len(score.parts) == 1
    assert "one part" in score.assumed[0]


def test_notes_without_end_or_length(tmp_path: Path) -> None:
    track = [on(60), on(60, 480, velocity=0), on(62), off(62, 0), on(64), on(64, 240), off(64, 240)]
    track += [mido.MetaMessage("end_of_track", time=480)]
    score = read(write_midi(tmp_path / "a.mid", track))
    found = [(n.pitch, round(n.start, 3), round(n.end, 3)) for n in score.parts[0].notes]
    assert found == [(60, 0, 0.5), (62, 0.5, 0.55), (64, 0.5, 1.0), (64, 0.75, 1.5)]
    assert any("1 notes without length" in line for line in score.assumed)


def test_frames_a_second_are_a_division_too(tmp_path: Path) -> None:
    path = write_midi(tmp_path / "a.mid", [on(60), off(60, 500)])
    data = bytearray(path.read_bytes())
    data[12:14] = struct.pack(">bB", -25, 40)  # a tick is a millisecond
    path.write_bytes(data)
    assert read(path).duration == pytest.approx(0.5)


# Bad input

BOMB = (
    '<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><score-partwise>&b;'
    "</score-partwise>"
)
OUTSIDE = (
    '<!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/passwd">]><score-partwise>&a;</score-partwise>'
)
UNKNOWN = '<!DOCTYPE s SYSTEM "http://127.0.0.1:9/a.dtd"><score-partwise>&a;</score-partwise>'
GOOD = musicxml({"it": [C]})


def packed(container: str, score: str) -> bytes:
    """A compressed score; both have a document type elsewhere."""
    dtd = '<!DOCTYPE s SYSTEM "http://127.0.0.1:9/a.dtd">'
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("META-INF/container.xml", dtd + container)
        archive.writestr("a.xml", score)
    return file.getvalue()


BAD = {
    "empty.mid": (b"", "empty"),
    "empty.musicxml": (b"", "empty"),
    "noise.mid": (random.Random(0).randbytes(500), "MThd"),
    "noise.mxl": (b"PK" + random.Random(0).randbytes(500), "archive"),
    "noise.xml": (random.Random(0).randbytes(500), "text"),
    "other.xml": (b"<html><body/></html>", "<html>"),
    "cut.xml": (GOOD.encode()[:-40], "XML"),
    "score.pdf": (b"%PDF", "known: .mid"),
    "bomb.xml": (BOMB.encode(), "entities"),
    "outside.xml": (OUTSIDE.encode(), "entities"),
    "unknown.xml": (UNKNOWN.encode(), "entities"),
    "unknown.mxl": (packed(CONTAINER.format("&a;a.xml"), UNKNOWN), "entities"),
    "deep.xml": (b"<score-partwise>" + b"<a>" * 500, "deep"),
    "beats.xml": (GOOD.replace("<beats>4", "<beats>400000000").encode(), "larger than 256"),
    "times.xml": (
        musicxml({"it": [C + BACK.replace("/>", ' times="999999999"/>')]}).encode(),
        "larger than 100",
    ),
    "long.xml": (GOOD.replace("<duration>16", "<duration>90000000").encode(), "hours"),
    "silent.xml": (
        musicxml({"it": ["<note><rest/><duration>16</duration></note>"]}).encode(),
        "no notes",
    ),
    "number.krn": (b"**kern\n999999999c\n*-\n", "larger"),
    "long.krn": (b"**kern\n" + b"4c\n" * 100_000 + b"*-\n", "more than 256 KiB"),
    "other.krn": (b"nothing of the kind", r"no notes in \*\*kern"),
    "count.mei": (MEI.replace('count="4"', 'count="99999999"').encode(), "larger than 256"),
    "dots.mei": (MEI.replace('dur="1"', 'dur="1" dots="99999999"').encode(), "larger than 8"),
    "elements.xml": (b"<score-partwise>" + b"<a/>" * 3_000_001, "XML elements"),
    "number.mid": (
        b"MThd" + struct.pack(">IHHH4sI", 6, 0, 1, 480, b"MTrk", 1 << 20) + b"\xff" * (1 << 20),
        "without end",
    ),
    "patterns.mid": (b"MThd" + struct.pack(">IHHH", 6, 2, 0, 480), "patterns"),
    "still.mid": (b"MThd" + struct.pack(">IHHH", 6, 1, 0, 480), "no notes"),
    "zero.mid": (b"MThd" + struct.pack(">IHHH", 6, 1, 0, 0), "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line(name: str, tmp_path: Path) -> None:
    data, reason = BAD[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=reason) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.mid.*No such file"):
        read(tmp_path / "none.mid")
    (tmp_path / "folder.mid").mkdir()
    with pytest.raises(DataError, match=r"folder\.mid"):
        read(tmp_path / "folder.mid")


def test_what_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.mxl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("score.xml", b"<score-partwise>" + b" " * (100 << 20))
    assert path.stat().st_size < 1 << 18
    with pytest.raises(DataError, match="larger than 64 MiB when unpacked"):
        read(path)


def test_millions_of_notes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = tmp_path / "many.xml"
    many.write_bytes(b"<score-partwise>" + b"<note/>" * 5_000_000 + b"</score-partwise>")
    with pytest.raises(DataError, match="more than 250000 notes, bars"):
        read(many)
    huge = tmp_path / "huge.mid"
    huge.write_bytes(b"MThd" + bytes(60_000_000))  # ten million notes of six bytes
    with pytest.raises(DataError, match="larger than 4 MiB"):
        read(huge)
    monkeypatch.setattr(midi_score, "MOST_NOTES", 2)
    with pytest.raises(DataError, match="more than 2 notes"):
        read(write_midi(tmp_path / "a.mid", [on(60), off(60, 9), on(60), off(60, 9)] * 2))


def test_damaged_midi_never_fails_otherwise(tmp_path: Path) -> None:
    track = [named("it"), change(3), on(60), off(60, 480), on(64, 9, 9), off(64, 480, 9)]
    good = write_midi(tmp_path / "a.mid", track).read_bytes()
    dice = random.Random(0)
    read_at_all, refused = 0, list[str]()
    for _ in range(300):
        data = bytearray(good[: dice.randint(10, len(good))])
        for _ in range(dice.randint(0, 3)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        (tmp_path / "b.mid").write_bytes(data)
        try:
            read_at_all += bool(read(tmp_path / "b.mid").parts)
        except DataError as error:
            refused.append(str(error))
    assert read_at_all
    assert refused
    assert all("b.mid" in line for line in refused)


def test_damaged_notation_never_fails_otherwise(tmp_path: Path) -> None:
    good = ORDERS["dal segno al coda"][0]
    refused = list[str]()
    text = musicxml({"Violin": good, "kit": [drum("C", 5, 4)] * 6})
    dice = random.Random(0)
    for _ in range(60):
        words = text.split("<")
        for _ in range(2):
            k = dice.randrange(3, len(words))
            words[k] = dice.choice([words[dice.randrange(3, len(words))], words[k][:-1] + "0"])
        (tmp_path / "b.xml").write_text("<".join(words))
        try:
            read(tmp_path / "b.xml")
        except DataError as error:
            refused.append(str(error))
    assert refused
    assert all("b.xml" in line for line in refused)


def test_without_music21_midi_is_read_and_notation_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def lacking(name: str, *rest: object) -> object:
        if name.partition(".")[0] == "music21":
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", lacking)
    assert read(write_midi(tmp_path / "a.mid", [on(60), off(60, 480)])).parts
    (tmp_path / "a.xml").write_text(GOOD)
    with pytest.raises(MissingToolError, match=r"\[scores\]"):
        read(tmp_path / "a.xml")


def test_nothing_is_fetched_for_a_document_type(written: Callable[..., Score]) -> None:
    """MusicXML names its DTD on the web; nothing here may look for it."""
    dtd = '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD" "http://127.0.0.1:9/partwise.dtd">'
    assert written(GOOD.replace("?>", f"?>{dtd}", 1)).parts


@pytest.mark.parametrize(
    "inside",
    [
        "<attributes><key><fifths>-99999999</fifths></key></attributes>",
        "<attributes><key><cancel>1e9</cancel><fifths>0</fifths></key></attributes>",
        "<attributes><transpose><diatonic>99999999</diatonic></transpose></attributes>",
        "<attributes><clef><clef-octave-change>99999999</clef-octave-change></clef></attributes>",
        "<attributes><measure-style><slash><x>99999999</x></slash></measure-style></attributes>",
        "<direction><direction-type><octave-shift size='99999999'/></direction-type></direction>",
        "<direction><offset>1e300</offset></direction>",
        "<direction><sound tempo='99999999'/></direction>",
    ],
)
def test_no_number_in_a_bar_is_larger_than_music_has(inside: str, tmp_path: Path) -> None:
    """music21 counts up to some of them, one by one: a few bytes would take minutes."""
    (tmp_path / "a.xml").write_text(musicxml({"it": [inside + C]}))
    with pytest.raises(DataError, match=r"a number in it, .* is larger than"):
        read(tmp_path / "a.xml")


def test_words_names_and_places_may_look_like_numbers(written: Callable[..., Score]) -> None:
    lyric = "<lyric number='99999999' xml:lang='nan'><text>Nan</text></lyric>"
    marked = words("19991231").replace("<direction>", "<direction default-x='12345678'>")
    assert written(musicxml({"it": [marked + note("C4", 4, lyric)]})).parts
