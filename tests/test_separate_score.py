"""`separate --score`: the parts of a score are the stems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cli
from fakes import RATE, plugin, saved
from score_files import musicxml, note
from timbresep import audio
from timbresep.condition.vector import length
from timbresep.errors import ConfigError
from timbresep.metrics import sdr
from timbresep.notes import midi
from timbresep.notes.score import Note, StemNotes
from timbresep.registry.registry import Registry
from timbresep.separation.ledger import LEDGER
from timbresep.separation.scored import ScoreRequest, open_with_score
from tones import REED, condition, line, played

TUNE = (67, 69, 71, 72, 74, 72, 71, 67, 64, 65, 67, 71)
SECOND = (62, 65, 62, 67, 65, 69, 67, 64, 60, 62, 59, 62)
ELSE = (61, 58, 66, 63, 70, 61, 65, 58, 66, 70, 63, 61)
PARTS = [line("Violin I", TUNE), line("Violin II", SECOND)]
SECONDS = 6.0


def write_score(name: str, parts: Sequence[StemNotes]) -> None:
    midi.write(Path(name), parts)


def truth(number: int) -> np.ndarray:
    """What the first or second violin plays, in stereo."""
    return np.tile(played(PARTS[number - 1], SECONDS, RATE), (2, 1))


@pytest.fixture(autouse=True)
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network that knows a violin and a flute, a duet of two violins, and its score."""
    monkeypatch.setenv("TIMBRESEP_PLUGINS", str(plugin(tmp_path / "plugins")))
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "model.safetensors", length(1), violin=0.5, flute=0.1)
    audio.write(tmp_path / "duet.wav", truth(1) + truth(2), RATE)
    write_score("duet.mid", PARTS)
    return tmp_path


def separate(*arguments: str, score: str = "duet.mid") -> int:
    """With the network."""
    network = ("--checkpoint", "model.safetensors")
    return cli.main(["separate", "duet.wav", "--score", score, *network, *arguments])


def alone(*arguments: str, score: str = "duet.mid") -> int:
    """By notes alone, which fit."""
    options = ("--separator", "none", "--aligned")
    return cli.main(["separate", "duet.wav", "--score", score, *options, *arguments])


def stem(name: str) -> np.ndarray:
    return audio.read(Path("out/duet", name))[0]


def written() -> list[str]:
    files = (path for path in Path().rglob("out/**/*") if path.is_file())
    return sorted(path.name for path in files if path.name != LEDGER)


def error(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that says what is wrong, after which nothing was written."""
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1, said
    assert not written()
    return said


def test_a_score_is_found_and_its_players_are_told_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert separate("--residual") == 0
    assert written() == ["residual.wav", "violin_1.wav", "violin_2.wav"]
    assert sdr(truth(1), stem("violin_1.wav")) > 10
    assert sdr(truth(2), stem("violin_2.wav")) > 10
    whole = sum(stem(name) for name in written())
    np.testing.assert_allclose(whole, stem_of_mixture(), atol=1e-5)
    said = capsys.readouterr().out
    assert "score: duet.mid, for violin_1, violin_2" in said
    assert "unsure: nowhere" in said
    assert "violin_1.wav, violin_2.wav, residual.wav" in said


def stem_of_mixture() -> np.ndarray:
    return audio.read(Path("duet.wav"))[0]


def test_a_score_that_begins_later_is_found_there() -> None:
    early = [
        replace(p, notes=tuple(replace(n, start=n.start + 3, end=n.end + 3) for n in p.notes))
        for p in PARTS
    ]
    write_score("later.mid", early)
    assert separate(score="later.mid") == 0
    assert sdr(truth(1), stem("violin_1.wav")) > 8


@pytest.mark.parametrize("cents", [-30, 55, -55, 100])
def test_a_recording_in_another_tuning_is_separated_as_well(cents: float) -> None:
    """More than half a semitone away, the nearest keys are not those of the score."""
    first, second = (np.tile(played(p, SECONDS, RATE, cents=cents), (2, 1)) for p in PARTS)
    Path("duet.wav").unlink()
    audio.write(Path("duet.wav"), first + second, RATE)
    assert separate() == 0
    assert sdr(first, stem("violin_1.wav")) > 11


def test_notes_alone_need_no_network() -> None:
    assert alone("--residual") == 0
    assert written() == ["residual.wav", "violin_1.wav", "violin_2.wav"]
    assert sdr(truth(2), stem("violin_2.wav")) > 10
    whole = sum(stem(name) for name in written())
    np.testing.assert_allclose(whole, stem_of_mixture(), atol=1e-5)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("all", ["violin_1.wav", "violin_2.wav"]),
        ("violin", ["violin_1.wav", "violin_2.wav"]),
        ("fiddle", ["violin_1.wav", "violin_2.wav"]),
        ("violin_2", ["violin_2.wav"]),
        ("Violin 2,violin_2", ["violin_2.wav"]),
    ],
)
def test_stems_of_the_score_are_chosen(asked: str, found: list[str]) -> None:
    assert alone("-i", asked) == 0
    assert written() == found


def test_an_instrument_outside_the_score_comes_from_the_network() -> None:
    assert separate("--aligned", "-i", "violin_1,flute") == 0
    assert written() == ["flute.wav", "violin_1.wav"]
    assert np.abs(stem("flute.wav")).max() > 0


def test_parts_are_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert alone("--part", "flute=2") == 0
    assert written() == ["flute.wav", "violin.wav"]
    assert sdr(truth(2), stem("flute.wav")) > 10
    assert cli.main(["separate", "duet.wav", "--score", "duet.mid", "--part", "flute=3"]) == 1
    assert "the score has no part 3" in capsys.readouterr().err


@pytest.mark.parametrize("way", [alone, lambda *a, **k: separate("--aligned", *a, **k)])
def test_a_part_that_no_plugin_fits_is_a_stem_of_its_own_name(way: object) -> None:
    write_score("odd.mid", [PARTS[0], replace(PARTS[1], stem="Ophicleide")])
    assert way(score="odd.mid") == 0  # type: ignore[operator]
    assert written() == ["ophicleide.wav", "violin.wav"]
    assert sdr(truth(2), stem("ophicleide.wav")) > 9


def test_a_part_that_the_network_cannot_be_told_of_is_separated_by_notes() -> None:
    """Conditions of the checkpoint's version say nothing of drums."""
    hits = StemNotes("Drums", "drums", tuple(Note(t, t + 0.1, 38) for t in range(6)), pitched=False)
    write_score("drums.mid", [*PARTS, hits])
    assert separate("--aligned", score="drums.mid") == 0
    assert written() == ["drums.wav", "violin_1.wav", "violin_2.wav"]


def test_an_instrument_of_the_score_that_the_network_was_not_trained_on_is_no_news(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_score("piano.mid", [PARTS[0], replace(PARTS[1], stem="Piano")])
    assert separate("--aligned", score="piano.mid") == 0
    assert capsys.readouterr().err == ""
    assert sdr(truth(2), stem("piano.wav")) > 10


def test_the_notes_are_written_beside_the_stems_and_read_back() -> None:
    assert alone("--midi", "--residual", "-i", "violin_2") == 0
    assert written() == ["residual.wav", "violin_2.mid", "violin_2.wav"]
    (read,) = midi.read_stems(Path("out/duet/violin_2.mid"))
    assert (read.stem, read.instrument) == ("violin_2", "violin")
    for found, note_ in zip(read.notes, PARTS[1].notes, strict=True):
        assert found.pitch == note_.pitch
        assert (found.start, found.end) == pytest.approx((note_.start, note_.end), abs=1e-3)


def test_notes_beside_the_stems_have_the_times_of_the_recording() -> None:
    halved = [
        replace(p, notes=tuple(replace(n, start=n.start / 2, end=n.end / 2) for n in p.notes))
        for p in PARTS
    ]
    write_score("quick.mid", halved)
    assert separate("--midi", score="quick.mid") == 0
    (read,) = midi.read_stems(Path("out/duet/violin_1.mid"))
    starts = np.array([n.start for n in read.notes])
    np.testing.assert_allclose(starts, [n.start for n in PARTS[0].notes], atol=0.08)


@pytest.mark.parametrize("name", ["violin_2.wav", "violin_2.mid"])
def test_what_is_there_is_not_overwritten(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out/duet").mkdir(parents=True)
    Path("out/duet", name).write_text("mine")
    assert alone("--midi") == 1
    assert name in capsys.readouterr().err
    assert written() == [name]
    assert Path("out/duet", name).read_text() == "mine"
    assert alone("--midi", "--overwrite") == 0
    assert len(written()) == 4
    assert Path("out/duet", name).read_bytes() != b"mine"


def test_a_score_is_of_one_recording(capsys: pytest.CaptureFixture[str]) -> None:
    assert alone("duet.wav") == 1
    assert "--score is of one recording, and 2 are given" in error(capsys)


@pytest.mark.parametrize(
    "option", [["--part", "violin=1"], ["--no-repeats"], ["--aligned"], ["--anyway"]]
)
def test_what_tells_of_a_score_needs_one(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["separate", "duet.wav", "--checkpoint", "model.safetensors", *option]) == 1
    said = error(capsys)
    assert option[0] in said
    assert "add --score" in said


def test_without_a_score_there_is_no_separator_named_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["separate", "duet.wav", "--separator", "none"]) == 1
    assert "none" in error(capsys)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("-i", "flute"), "--separator none has no network, and 'flute' is not in the score"),
        (("-i", "hurdy"), "'hurdy' is not in the score"),
        (("--checkpoint", "model.safetensors"), "--checkpoint names one"),
        (("--part", "hurdy=1"), "no instrument named 'hurdy'"),
        (("--part", "violin"), "no INSTRUMENT=NUMBER"),
    ],
)
def test_what_notes_alone_cannot_do_is_refused(
    arguments: Sequence[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert alone(*arguments) == 1
    assert reason in error(capsys)


def test_notes_alone_take_no_recordings(registry: Registry) -> None:
    request, vectors = ScoreRequest(Path("duet.mid")), {"flute": condition(REED)}
    with pytest.raises(ConfigError, match="--reference is for one"):
        open_with_score(
            request, Path("duet.wav"), separator="none", registry=registry, reference=vectors
        )


def test_an_instrument_that_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert separate("-i", "hurdy") == 1
    assert "'hurdy'" in error(capsys)


def test_the_score_of_another_piece_is_refused_unless_it_is_wanted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_score("other.mid", [line("Violin I", ELSE)])
    assert separate(score="other.mid") == 1
    assert "another piece" in error(capsys)
    assert separate("--anyway", score="other.mid") == 0
    assert written() == ["violin.wav"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("none.mid", None, "No such file"),
        ("empty.mid", b"", "the file is empty"),
        ("cut.mid", b"MThd\x00\x00\x00\x06\x00\x01\x00", "cut.mid cannot be read as a score"),
        ("noise.xml", b"\xff\x00noise", "noise.xml cannot be read as a score"),
        ("rests.musicxml", musicxml({"Violin": [""]}).encode(), "no notes"),
        ("score.txt", b"C D E", "is no score that can be read"),
    ],
)
def test_what_is_no_score_is_one_line(
    name: str, content: bytes | None, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    for way in (separate, alone):
        assert way(score=name) == 1
        said = error(capsys)
        assert name in said
        assert reason in said


def test_what_was_assumed_of_a_score_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plain.musicxml").write_text(musicxml({"Violin": [note("C5"), note("D5"), note("E5")]}))
    assert alone(score="plain.musicxml") == 0
    assert "note: it says no tempo" in capsys.readouterr().err


def test_a_score_longer_or_shorter_than_the_recording_is_used_where_it_is() -> None:
    longer = [replace(p, notes=(*p.notes, Note(20.0, 21.0, 60))) for p in PARTS]
    write_score("longer.mid", longer)
    assert alone(score="longer.mid") == 0
    assert sdr(truth(1), stem("violin_1.wav")) > 10
    write_score("shorter.mid", [replace(p, notes=p.notes[:4]) for p in PARTS])
    assert alone("--overwrite", "--residual", score="shorter.mid") == 0
    rest = slice(round(2.5 * RATE), None)
    np.testing.assert_allclose(stem("residual.wav")[:, rest], stem_of_mixture()[:, rest], atol=1e-4)


def test_a_recording_that_cannot_be_read_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("duet.wav").write_bytes(b"RIFF")
    assert separate() == 1
    assert "duet.wav" in error(capsys)


def test_a_whole_score_is_separated_by_a_network_without_a_source_model(
    monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    """A source model is asked only where the score does not have everything asked for."""
    opened: list[object] = []

    class OpenedError(Exception):
        pass

    def open_separator(names: Sequence[str], **how: object) -> None:
        opened.append(how["separator"])
        raise OpenedError

    monkeypatch.setattr("timbresep.separation.scored.open_separator", open_separator)
    request = ScoreRequest(Path("duet.mid"), aligned=True)
    assert registry.separators.get().source_model is not None
    for names in (["all"], ["violin_1", "vocals"]):
        with pytest.raises(OpenedError):
            open_with_score(request, Path("duet.wav"), names, registry=registry)
    assert opened == [registry.separators.plain().name, None]
    assert registry.separators.plain().source_model is None
