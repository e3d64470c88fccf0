"""`evaluate --score`: the separator is given each track's notes, disturbed and found again."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import cli
from fakes import PLAIN, RATE, GainBackbone, loaded, plugin, saved
from test_evaluation_folder import DIM, noise, stem
from timbresep.errors import DataError, OutputExistsError
from timbresep.evaluation.informed import Informed
from timbresep.evaluation.plan import Plan
from timbresep.evaluation.result import Evaluation
from timbresep.evaluation.run import evaluate_folder
from timbresep.evaluation.score import Scorer
from timbresep.evaluation.tracks import Tracks, tracks_in
from timbresep.metrics import sdr
from timbresep.notes import midi
from timbresep.notes.disturbance import Disturbance, late
from timbresep.notes.score import Note, StemNotes
from timbresep.registry.registry import Registry
from timbresep.separation.separator import Separator
from timbresep.units import midi_to_hz

NOTES = tuple(Note(k / 10, (10 * k + 8) / 100, 60 + k) for k in range(15))
STEMS = [
    StemNotes("violin_1", "violin", NOTES),
    StemNotes("violin_2", "violin", NOTES[::2]),
    StemNotes("flute", "flute", NOTES[:4]),
]
GAINS = {"violin_1": 0.5, "violin_2": 0.25, "flute": 0.125}


def rounded(stem: StemNotes) -> StemNotes:
    notes = (replace(n, start=round(n.start, 6), end=round(n.end, 6)) for n in stem.notes)
    return replace(stem, notes=tuple(notes))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[list[StemNotes]]:
    """What separators are told; each stem of one that is told is a part of the mixture."""
    calls: list[list[StemNotes]] = []

    def with_notes(
        self: Separator, stems: Sequence[StemNotes], *, partial: bool = False
    ) -> Separator:
        calls.append([rounded(one) for one in stems])
        gains = {one.stem: GAINS[one.stem] for one in stems}
        return Separator(loaded(GainBackbone(DIM), **gains), options=self.options)

    monkeypatch.setattr(Separator, "with_notes", with_notes, raising=False)
    return calls


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths of the mixtures in which notes are looked for; they are always a second later."""
    lengths: list[int] = []

    class Found:
        def applied(self, stems: Sequence[StemNotes]) -> list[StemNotes]:
            return late(stems, 1.0)

    def align(
        stems: Sequence[StemNotes], recording: np.ndarray, rate: int, *, anyway: bool = False
    ) -> Found:
        assert rate == RATE
        lengths.append(recording.shape[1])
        return Found()

    module = ModuleType("timbresep.notes.alignment")
    module.align = align
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return lengths


@pytest.fixture(autouse=True)
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint, and two tracks of two violins and a flute, with their notes."""
    monkeypatch.setenv("TIMBRESEP_PLUGINS", str(plugin(tmp_path / "plugins")))
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "model.safetensors", DIM, violin=0.9, flute=0.9)
    for seed, track in enumerate(("one", "two")):
        for k, name in enumerate(GAINS):
            stem(track, name, noise(10 * seed + k))
        midi.write(Path("tracks", track, "notes.mid"), STEMS)


def run(informed: Informed, out: str = "out", instruments: Sequence[str] = ("all",)) -> Evaluation:
    plan = Plan(
        checkpoint=Path("model.safetensors"),
        instruments=tuple(instruments),
        options=PLAIN,
        trust=True,
        informed=informed,
    )
    tracks = Tracks(Path("tracks"), notes=True)
    return evaluate_folder(plan, tracks, Registry.load().instruments(), out=Path(out))


def test_of_a_partial_score_the_separator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    known = Separator.with_notes

    def with_notes(
        self: Separator, stems: Sequence[StemNotes], *, partial: bool = False
    ) -> Separator:
        seen.append(partial)
        return known(self, stems, partial=partial)

    monkeypatch.setattr(Separator, "with_notes", with_notes)
    run(Informed(aligned=True, partial=True))
    assert seen
    assert all(seen)


def test_two_players_of_an_instrument_are_scored_apart(told: list[list[StemNotes]]) -> None:
    result = run(Informed(aligned=True))
    assert result.instruments == ("flute", "violin_1", "violin_2")
    own = {(row.track, row.instrument): row for row in result.rows if row.method == "separator"}
    assert len(own) == 6
    truth = noise(11)
    estimate = GAINS["violin_2"] * (noise(10) + noise(11) + noise(12))
    assert own["two", "violin_2"].sdr == pytest.approx(sdr(truth, estimate), abs=0.01)
    methods = {row.method for row in result.rows}
    assert {"separator", "oracle", "mixture", "silence"} <= methods
    assert not methods & {"swapped", "independent", "consistent"}
    assert not result.swaps
    assert told == [STEMS, STEMS]


def test_without_numbers_they_are_one_stem() -> None:
    instruments = Registry.load().instruments()
    assert set(tracks_in(Path("tracks"), instruments)[0].stems) == {"violin", "flute"}
    assert tracks_in(Path("tracks"), instruments)[0].notes is None
    (first, _) = tracks_in(Path("tracks"), instruments, notes=True)
    assert set(first.stems) == set(GAINS)
    assert first.notes == Path("tracks/one/notes.mid")


def test_only_stems_of_the_instruments_asked_for_are_scored_and_all_are_told(
    told: list[list[StemNotes]],
) -> None:
    result = run(Informed(aligned=True), instruments=["violin"])
    assert result.instruments == ("violin_1", "violin_2")
    assert told == [STEMS, STEMS]


def test_notes_are_disturbed_in_each_track_in_its_own_way(told: list[list[StemNotes]]) -> None:
    disturbance = Disturbance(bend=0.2, missing=20)
    run(Informed(disturbance, aligned=True), "a")
    run(Informed(disturbance, aligned=True), "b")
    assert told[:2] == told[2:]
    assert told[0] != told[1]
    for stems in told:
        assert sum(len(one.notes) for one in stems) == round(0.8 * (15 + 8 + 4))


def test_notes_are_looked_for_in_the_mixture(
    told: list[list[StemNotes]], searched: list[int]
) -> None:
    run(Informed(Disturbance(shift=0.06)))
    assert searched == [2 * RATE, 2 * RATE]
    for before, after in zip(STEMS, told[0], strict=True):
        starts = [note.start + 1.06 for note in before.notes]
        assert [note.start for note in after.notes] == pytest.approx(starts)


def test_other_notes_are_scored_anew_and_other_disturbances_are_other_settings(
    told: list[list[StemNotes]],
) -> None:
    run(Informed(aligned=True))
    run(Informed(aligned=True))
    assert len(told) == 2
    fewer = [replace(one, notes=one.notes[1:]) for one in STEMS]
    midi.write(Path("tracks/two/notes.mid"), fewer)
    run(Informed(aligned=True))
    assert told[2:] == [fewer]
    with pytest.raises(OutputExistsError, match="notes"):
        run(Informed(Disturbance(wrong=5), aligned=True))


def test_notes_may_lie_beside_the_tracks_folder(told: list[list[StemNotes]]) -> None:
    for track in ("one", "two"):
        shutil.move(f"tracks/{track}/notes.mid", f"tracks/{track}.mid")
    assert len(run(Informed(aligned=True)).tracks) == 2


def test_a_score_names_instruments_as_people_do(told: list[list[StemNotes]]) -> None:
    names = {"violin_1": "Violino I", "violin_2": "Violino II", "flute": "Flutes"}
    for track in ("one", "two"):
        Path("tracks", track, "notes.mid").unlink()
        midi.write(Path(f"tracks/{track}.mid"), [replace(s, stem=names[s.stem]) for s in STEMS])
    result = run(Informed(aligned=True))
    assert result.instruments == ("flute", "violin_1", "violin_2")
    assert [(s.stem, s.instrument) for s in told[0]] == [(s.stem, s.instrument) for s in STEMS]


def test_a_track_without_notes_is_skipped_with_one_line(
    told: list[list[StemNotes]], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("tracks/one/notes.mid").unlink()
    arguments = ["evaluate", "tracks", "--checkpoint", "model.safetensors", "--score", "--aligned"]
    assert cli.main([*arguments, "-o", "out"]) == 1
    shown = capsys.readouterr()
    assert shown.err.count("has no notes") == 1
    assert "notes.mid" in shown.err
    assert "1 of 2 tracks scored" in shown.out


def test_notes_of_other_stems_are_an_error_that_names_both(told: list[list[StemNotes]]) -> None:
    for track in ("one", "two"):
        others = [replace(one, stem=f"gong {'abc'[k]}") for k, one in enumerate(STEMS)]
        midi.write(Path("tracks", track, "notes.mid"), others)
    with pytest.raises(DataError, match="could be scored"):
        run(Informed(aligned=True))
    (track, _) = tracks_in(Path("tracks"), Registry.load().instruments(), notes=True)
    separator = Separator(loaded(GainBackbone(DIM), violin=0.5), options=PLAIN)
    with pytest.raises(DataError, match=r"gong.*violin_1"):
        Informed(aligned=True).of(track, separator)


@pytest.mark.parametrize("option", [["--bend", "0.2"], ["--missing", "5"], ["--aligned"]])
def test_what_disturbs_notes_needs_notes(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", "tracks", *option]) == 1
    assert "need --score" in capsys.readouterr().err


def test_the_command_line_says_how_notes_are_disturbed(told: list[list[StemNotes]]) -> None:
    arguments = ["evaluate", "tracks", "--checkpoint", "model.safetensors", "--score", "--aligned"]
    arguments += ["--bend", "0.1", "--shift", "-0.02", "--wrong", "5", "--missing", "20"]
    assert cli.main([*arguments, "-o", "out", "--limit", "1"]) == 0
    disturbance = Disturbance(bend=0.1, shift=-0.02, wrong=5, missing=20)
    run(Informed(disturbance, aligned=True), "again")
    assert told[0] == told[1]


def played(stem: StemNotes, seconds: float) -> np.ndarray:
    """Notes as tones of four overtones, (2, samples)."""
    wave = np.zeros(round(seconds * RATE))
    for note in stem.notes:
        span = slice(round(note.start * RATE), round(note.end * RATE))
        time = np.arange(span.stop - span.start) / RATE
        tones = (np.sin(2 * np.pi * midi_to_hz(note.pitch) * k * time) / k for k in range(1, 5))
        wave[span] += 0.1 * np.hanning(len(time)) ** 0.3 * sum(tones)
    return np.repeat(wave[None], 2, axis=0).astype(np.float32)


def test_two_players_of_one_instrument_are_told_apart_by_their_notes() -> None:
    pitches = ((72, 75, 79, 77, 74, 72), (67, 66, 71, 72, 70, 64))
    duet = [
        StemNotes(
            f"violin_{number}",
            "violin",
            tuple(Note(0.5 * k, 0.5 * k + 0.4, pitch) for k, pitch in enumerate(own)),
        )
        for number, own in enumerate(pitches, 1)
    ]
    for one in duet:
        stem("duet", one.stem, played(one, 3.2))
    midi.write(Path("tracks/duet/notes.mid"), duet)
    instruments = Registry.load().instruments()
    (track,) = [t for t in tracks_in(Path("tracks"), instruments, notes=True) if t.name == "duet"]
    model = GainBackbone(DIM, chunk=8 * RATE, context=RATE)
    separator = Separator(loaded(model, violin=0.5), options=PLAIN)
    known = tuple(one.config for one in instruments)
    scorer = Scorer(separator, ("violin",), informed=Informed(aligned=True, known=known))
    found, _ = scorer.score(track)
    own = {row.instrument: row for row in found.rows if row.method == "separator"}
    assert set(own) == {"violin_1", "violin_2"}
    for row in own.values():
        assert row.si_sdr_improvement is not None
        assert row.si_sdr_improvement > 10
        assert row.sdr > 8
