"""Parts of scores are taken for instruments: by choice, company, name, program."""

from __future__ import annotations

from pathlib import Path

import pytest

from timbresep.errors import ConfigError, UnknownNameError
from timbresep.instrument import InstrumentConfig
from timbresep.notes.casting import assign, cast, parse_choice
from timbresep.notes.midi import write
from timbresep.notes.reading import read
from timbresep.notes.score import Note, Part, Score, StemNotes
from timbresep.registry.registry import Registry

INSTRUMENTS = [instrument.config for instrument in Registry.load().instruments()]
NOTE = (Note(0, 1, 60),)


def part(name: str = "", program: int | None = None, *, pitched: bool = True) -> Part:
    return Part(name, NOTE, program, pitched)


def taken(*parts: Part, **chosen: list[int]) -> list[str]:
    return [stem.instrument for stem in cast(Score(parts), INSTRUMENTS, chosen)]


NAMES = {
    "Violin I": "violin",
    "Vln. 2": "violin",
    "2nd Violins": "violin",
    "II. Violine": "violin",
    "Violino secondo": "violin",
    "Violons": "violin",
    "Solo Violin": "violin",
    "Flöte": "flute",
    "FLÖTEN 1": "flute",
    "Floete": "flute",
    "Flauto traverso": "flute",
    "Flute/Piccolo": "flute",
    "Alto Flute": "flute",
    "Soprano": "vocals",
    "Mezzo-soprano": "vocals",
    "Violoncello": "cello",
    "Vc.": "cello",
    "Celli": "cello",
    "Contrabass": "double_bass",
    "Kontrabaß": "double_bass",
    "DoubleBass": "double_bass",
    "Bass": "bass",
    "Bass Guitar": "bass",
    "E-Bass": "bass",
    "Tenor Sax": "saxophone",
    "Sax tenor": "saxophone",
    "Altsaxophon": "saxophone",
    "Clarinet in B♭ 1": "clarinet",
    "B♭ Clarinet": "clarinet",
    "Clarinetto in Si bemolle": "clarinet",
    "Clarinette en si♭": "clarinet",
    "Bass Clarinet": "clarinet",
    "Trompete in C": "trumpet",
    "Piano (left hand)": "piano",
    "Piano LH": "piano",
    "Klavier": "piano",
    "E-Gitarre": "electric_guitar",
    "Gitarre 1": "acoustic_guitar",
    "Drumset": "drums",
    "Schlagzeug": "drums",
    "Bass Trombone": "bass_trombone",
    "Viola": "viola",
    "Altus": "altus",
    "Bassoon 2": "bassoon",
    "Horn in F": "horn",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_of_parts(name: str) -> None:
    assert taken(part(name)) == [NAMES[name]]


def test_every_bundled_name_and_alias_means_its_instrument() -> None:
    for each in INSTRUMENTS:
        for name in [each.name, *each.aliases]:
            assert taken(part(name.replace("_", " ").title())) == [each.name], name


def test_every_bundled_instrument_has_programs_of_its_own() -> None:
    programs = [program for each in INSTRUMENTS for program in each.programs]
    assert all(each.programs for each in INSTRUMENTS)
    assert len(programs) == len(set(programs))
    for each in INSTRUMENTS:
        assert taken(*[part("", program) for program in each.programs]) == (
            [each.name] * len(each.programs)
        )


def test_a_choirs_parts_are_voices_where_they_stand_together() -> None:
    choir = [part(name) for name in ("Soprano 1", "Alto", "Tenor", "Bass")]
    assert taken(*choir) == ["vocals"] * 4
    assert taken(*map(part, "SATB")) == ["vocals"] * 4
    assert taken(part("Violon"), part("Alto"), part("Violoncelle"))[1] == "alto"  # a viola
    assert taken(part("Soprano"), part("Piano"), part("Bass", 33)) == ["vocals", "piano", "bass"]


def test_a_program_decides_where_instruments_share_a_name() -> None:
    assert taken(part("Bass", 43), part("Guitar", 30)) == ["double_bass", "electric_guitar"]
    assert taken(part("Violin", 0)) == ["violin"]  # many programs write 0 for all parts


def test_two_parts_of_one_instrument_are_numbered_in_order() -> None:
    quartet = Score((part("Violin I"), part("Violin II"), part("Viola"), part("Cello")))
    assert [stem.stem for stem in cast(quartet, INSTRUMENTS)] == [
        "violin_1",
        "violin_2",
        "viola",
        "cello",
    ]
    roles = assign(quartet, INSTRUMENTS)
    assert [role.reason for role in roles] == ["name", "name", "none", "name"]
    assert [role.number for role in roles] == [1, 2, 3, 4]


def test_what_no_plugin_fits_keeps_a_valid_name() -> None:
    names = ["Oboe 1", "Oboe 2", "", "尺八", "all", "../../x", "9", "Very " * 30]
    found = cast(Score(tuple(map(part, names))), INSTRUMENTS)
    assert [stem.stem for stem in found[:3]] == ["oboe_1", "oboe_2", "part_1"]
    for stem in found:
        InstrumentConfig.model_validate(  # its name is one that an instrument can have
            {
                "name": stem.stem,
                "f0_range": None,
                "licences": {"weights": "MIT", "data": []},
            }
        )
    assert len({stem.stem for stem in found}) == len(found)


def test_parts_without_pitch() -> None:
    kit = part("", pitched=False)
    assert cast(Score((kit,)), INSTRUMENTS) == [StemNotes("drums", "drums", NOTE, pitched=False)]
    [named] = cast(Score((part("Drums"),)), INSTRUMENTS)
    assert not named.pitched
    none = [each for each in INSTRUMENTS if each.f0_range]
    assert cast(Score((kit,)), none) == [StemNotes("part", "part", NOTE, pitched=False)]


def test_choice_goes_first() -> None:
    parts = (part("Violin"), part("Melody", 73), part("Drums"))
    assert taken(*parts, vocals=[1, 2]) == ["vocals", "vocals", "drums"]
    assert taken(*parts, voice=[2]) == ["violin", "vocals", "drums"]
    assert parse_choice(["vocals=1, 2", "piano=3", "vocals=4"]) == {
        "vocals": [1, 2, 4],
        "piano": [3],
    }


@pytest.mark.parametrize("given", ["vocals", "vocals=", "=1", "vocals=one", "vocals=1;2", "v=-1"])
def test_what_is_no_choice_is_told(given: str) -> None:
    with pytest.raises(ConfigError, match="no INSTRUMENT=NUMBER"):
        parse_choice([given])


def test_wrong_choices_are_told() -> None:
    score = Score((part("Violin"), part("Flute")))
    with pytest.raises(ConfigError, match="no part 3 — parts 1 to 2"):
        assign(score, INSTRUMENTS, {"vocals": [3]})
    with pytest.raises(ConfigError, match="no part 0"):
        assign(score, INSTRUMENTS, {"vocals": [0]})
    with pytest.raises(ConfigError, match="part 1 is already chosen for vocals"):
        assign(score, INSTRUMENTS, {"vocals": [1], "piano": [1]})
    with pytest.raises(UnknownNameError, match="did you mean 'vocals'"):
        assign(score, INSTRUMENTS, {"vocal_s": [1]})


def test_notes_outside_the_range_are_counted() -> None:
    low = Part("Violin", (Note(0, 1, 30), Note(1, 2, 55), Note(2, 3, 70)))
    [role] = assign(Score((low,)), INSTRUMENTS)
    assert role.outside == 1


def test_stems_written_as_midi_are_the_same_when_they_are_read_and_cast(tmp_path: Path) -> None:
    notes = {"violin_1": 76.0, "violin_2": 69.0, "viola": 60.0, "vocals": 62.0, "drums": 38.0}
    stems = [
        StemNotes(name, name.rstrip("_12"), (Note(0.25, 1.5, pitch, 90),), pitched=name != "drums")
        for name, pitch in notes.items()
    ]
    write(tmp_path / "stems.mid", stems)
    found = cast(read(tmp_path / "stems.mid"), INSTRUMENTS)
    assert [(s.stem, s.instrument, s.pitched) for s in found] == [
        (s.stem, s.instrument, s.pitched) for s in stems
    ]
    for one, other in zip(found, stems, strict=True):
        assert one.notes[0].start == pytest.approx(other.notes[0].start, abs=0.002)
        assert one.notes[0].pitch == other.notes[0].pitch
