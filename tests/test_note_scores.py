"""Scores of notes: what is late, wrong, missing or told of the wrong instrument."""

from __future__ import annotations

import csv
import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cli
import fakes
from timbresep import audio
from timbresep.data.track import Track
from timbresep.evaluation.notes.measures import KEYS, LEVELS, agreement, together
from timbresep.evaluation.notes.record import as_data
from timbresep.evaluation.notes.result import NoteEvaluation, NoteRow
from timbresep.evaluation.notes.score import NoteScorer, compared
from timbresep.evaluation.notes.summary import (
    by_instrument,
    overall,
    swap_losses,
    without_labels,
)
from timbresep.evaluation.notes.table import precision_table, swap_table, table
from timbresep.evaluation.notes.truth import true_notes
from timbresep.notes import midi
from timbresep.notes.score import Note, StemNotes
from timbresep.registry.registry import Registry
from tone_transcriber import ToneTranscriber, melody, metadata, plugin, saved

DIM, RATE = 164, 16_000
TUNE = [Note(0.5, 1.0, 69), Note(1.2, 2.0, 74), Note(2.0, 2.2, 72)]
BASS = [Note(0.5, 2.2, 45)]


def moved(notes: list[Note], seconds: float = 0.0, end: float | None = None) -> list[Note]:
    """Notes that begin later, and end later by as much or by `end`."""
    late = seconds if end is None else end
    return [replace(note, start=note.start + seconds, end=note.end + late) for note in notes]


def f(true: list[Note], heard: list[Note]) -> list[float]:
    found = agreement(true, heard)
    return [found[f"{level}_f"] for level in LEVELS]


def test_perfect_notes_score_one() -> None:
    assert set(agreement(TUNE, TUNE).values()) == {1.0}
    assert list(agreement(TUNE, TUNE)) == list(KEYS)


@pytest.mark.parametrize("seconds", [0.04, -0.04])
def test_a_beginning_within_50_ms_is_right(seconds: float) -> None:
    frames, notes, ends = f(TUNE, moved(TUNE, seconds))
    assert (notes, ends) == (1.0, 1.0)
    # of 150 frames, 4 of each note are elsewhere; no two notes share a pitch
    assert frames == pytest.approx(1 - 3 * 4 / 150)


@pytest.mark.parametrize("seconds", [0.06, -0.06])
def test_a_beginning_60_ms_away_is_wrong(seconds: float) -> None:
    assert f(TUNE, moved(TUNE, seconds, end=0.0))[1:] == [0.0, 0.0]


def test_an_end_may_be_away_by_50_ms_or_a_fifth_of_the_note() -> None:
    late = moved(TUNE, 0.0, end=0.06)  # a fifth is 100, 160 and 40 ms
    found = agreement(TUNE, late)
    assert found["note_f"] == 1.0
    assert found["offset_f"] == pytest.approx(2 / 3)


def test_an_octave_is_an_error() -> None:
    octave = [replace(note, pitch=note.pitch + 12) for note in TUNE]
    assert f(TUNE, octave) == [0.0, 0.0, 0.0]
    both = agreement(TUNE, TUNE + octave)
    for level in LEVELS:
        assert both[f"{level}_recall"] == 1.0
        assert both[f"{level}_precision"] == 0.5


def test_half_a_note_is_half_its_frames() -> None:
    found = agreement([Note(0.0, 1.0, 60)], [Note(0.0, 0.5, 60)])
    assert found["frame_precision"] == 1.0
    assert found["frame_recall"] == 0.5
    assert (found["note_f"], found["offset_f"]) == (1.0, 0.0)


def test_a_note_heard_twice_is_right_once() -> None:
    found = agreement([Note(0.0, 1.0, 60)], [Note(0.0, 0.5, 60), Note(0.02, 1.0, 60)])
    assert found["note_precision"] == 0.5
    assert found["note_recall"] == 1.0


def test_nothing_true_or_nothing_heard_is_zero_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for true, heard in ((TUNE, []), ([], TUNE), ([], [])):
            assert set(agreement(true, heard).values()) == {0.0}


def test_scores_are_those_of_mir_eval_for_all_pitches_at_once() -> None:
    from mir_eval import multipitch, transcription

    rng = np.random.default_rng(0)

    def played(notes: int) -> list[Note]:
        starts, lengths = rng.integers(0, 300, notes) / 10, rng.integers(1, 20, notes) / 10
        pitches = rng.integers(60, 66, notes)
        return [
            Note(float(start) + 0.005, float(start + length) + 0.005, int(pitch))
            for start, length, pitch in zip(starts, lengths, pitches, strict=True)
        ]

    def shaken(note: Note) -> Note:
        late, longer = rng.integers(-8, 9, 2) / 100
        start = max(0.005, note.start + late)
        return replace(note, start=start, end=max(start + 0.01, note.end + longer))

    def hertz(notes: list[Note]) -> np.ndarray:
        return np.array([440 * 2 ** ((note.pitch - 69) / 12) for note in notes])

    def spans(notes: list[Note]) -> np.ndarray:
        return np.array([(note.start, note.end) for note in notes])

    true = played(80)
    heard = [shaken(note) for note in true[:60]] + played(20)
    found = agreement(true, heard)
    for level, ratio in (("note", None), ("offset", 0.2)):
        expected = transcription.precision_recall_f1_overlap(
            spans(true), hertz(true), spans(heard), hertz(heard), offset_ratio=ratio
        )[:3]
        ours = [found[f"{level}_{score}"] for score in ("precision", "recall", "f")]
        assert ours == pytest.approx(expected)
        assert 0 < ours[2] < 1

    times = np.arange(3300) / 100

    def sounding(notes: list[Note]) -> list[np.ndarray]:
        return [
            np.unique(hertz([note for note in notes if note.start <= time < note.end]))
            for time in times
        ]

    precision, recall = multipitch.metrics(times, sounding(true), times, sounding(heard))[:2]
    assert found["frame_precision"] == pytest.approx(precision)
    assert found["frame_recall"] == pytest.approx(recall)


def test_unisons_are_one_note_without_labels() -> None:
    other = moved(TUNE[:1], 0.03)
    assert together([TUNE, other]) == [replace(TUNE[0], end=1.03), *TUNE[1:]]
    assert len(together([TUNE, moved(TUNE[:1], 0.3)])) == 4, "struck again"


def track(name: str = "one", seconds: float = 3.0) -> Track:
    frames = round(seconds * RATE)
    return Track(name, name, "tones", "", {}, frames, RATE, "test")


def evaluated(truth: dict[str, list[Note]], heard: dict[str, list[Note]]) -> NoteEvaluation:
    return NoteEvaluation(tuple(heard), [compared(track(), truth, heard)])


def test_swapped_instruments_are_a_fault_of_labels_only() -> None:
    truth = {"violin": TUNE, "cello": BASS}
    right = evaluated(truth, {"violin": TUNE, "cello": BASS, "flute": []})
    wrong = evaluated(truth, {"violin": BASS, "cello": TUNE, "flute": []})
    for result, score in ((right, 1.0), (wrong, 0.0)):
        assert set(overall(result, "transcriber").values()) == {score}
        assert set(without_labels(result, "transcriber").values()) == {1.0}
    assert swap_losses(right) == {"violin": 1.0, "cello": 1.0}
    assert swap_losses(wrong) == {"violin": -0.5, "cello": -0.5}, "mean of two conditions"


def test_what_is_not_heard_at_all_is_missing_without_labels_too() -> None:
    result = evaluated({"violin": TUNE, "cello": BASS}, {"violin": TUNE, "cello": []})
    assert overall(result, "transcriber")["note_f"] == 0.5
    assert without_labels(result, "transcriber")["note_recall"] == 3 / 4
    assert without_labels(result, "transcriber")["note_precision"] == 1.0


def test_baselines_and_absent_instruments() -> None:
    result = evaluated({"violin": TUNE, "cello": BASS}, {"violin": TUNE, "flute": TUNE[:1]})
    assert by_instrument(result, "unlabelled")["violin"]["note_recall"] == 1.0
    assert by_instrument(result, "unlabelled")["violin"]["note_precision"] == 3 / 4
    assert set(by_instrument(result, "silence")["violin"].values()) == {0.0}
    assert [(one.instrument, one.per_minute) for one in result.absent] == [("flute", 20.0)]
    assert result.tracks[0].remarks == [
        "cello play, too, and are not asked for: without labels, their notes count as missed"
    ]
    assert table(result).row_count == 1 + 4 + 2
    assert precision_table(result).row_count == 3
    assert swap_table(result).row_count == 1


def test_an_earlier_transcriber_stands_beside() -> None:
    truth = {"violin": TUNE}
    scores = compared(track(), truth, {"violin": TUNE}, {"violin": TUNE[:1]})
    result = NoteEvaluation(("violin",), [scores])
    assert by_instrument(result, "earlier")["violin"]["note_recall"] == 1 / 3
    assert as_data(result)["gain_over_earlier"] == {"violin": 0.5}
    assert without_labels(result, "earlier")["note_f"] == 0.5


# ---- from recordings ----


def lay(name: str, stems: dict[str, list[Note]], extra: list[StemNotes] | None = None) -> Path:
    """A track of pure tones with its notes; `_` in a stem's name numbers its players."""
    folder = Path("tracks") / name
    folder.mkdir(parents=True, exist_ok=True)
    for stem, notes in stems.items():
        heard = [(note.start, note.end, int(note.pitch)) for note in notes]
        audio.write(folder / f"{stem}.wav", melody(heard, 3.0, RATE), RATE, overwrite=True)
    parts = [StemNotes(stem, stem, tuple(notes)) for stem, notes in stems.items()]
    midi.write(folder / "notes.mid", [*parts, *(extra or [])])
    return folder


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A transcriber that hears all notes as the violin's, and two tracks."""
    monkeypatch.setenv("TIMBRESEP_PLUGINS", str(plugin(tmp_path / "plugins")))
    monkeypatch.chdir(tmp_path)
    saved(Path("tones.safetensors"), DIM, violin=1.0, flute=0.1, drums=1.0)
    lay("one", {"violin": TUNE[:2]})
    lay("two", {"violin": TUNE[:1], "flute": [Note(1.2, 2.0, 76)]})
    return tmp_path


def evaluate(*arguments: str) -> int:
    return cli.main(["evaluate", "tracks", "--checkpoint", "tones.safetensors", *arguments])


def scores() -> dict[str, dict[str, dict[str, float]]]:
    found: dict[str, dict[str, dict[str, float]]] = json.loads(Path("out/scores.json").read_text())
    return found


@pytest.mark.usefixtures("given")
def test_the_notes_of_two_players_are_one_instruments() -> None:
    from timbresep.evaluation.tracks import Tracks

    drums = StemNotes("drums", "drums", (Note(0.0, 0.1, 38),), pitched=False)
    lay("one", {"fiddle_1": TUNE[:1], "violin_2": TUNE[1:], "flute": BASS}, [drums])
    instruments = Registry.load().instruments()
    (found, _) = Tracks(Path("tracks"), notes=True).find(instruments)
    truth = true_notes(found, [one.config for one in instruments])
    assert {name: len(notes) for name, notes in truth.items()} == {"violin": 3, "flute": 1}
    assert [note.start for note in truth["violin"]] == pytest.approx([0.5, 1.2, 2.0])


@pytest.mark.usefixtures("given")
def test_a_checkpoint_that_transcribes_is_scored_by_its_notes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert evaluate("-o", "out", "--swaps") == 0
    said = capsys.readouterr().out
    assert "notes by tones.safetensors on tracks" in said
    assert "Frame F by condition" in said
    assert "2 of 2 tracks scored" in said
    assert "drums" not in said, "without pitch"
    found = scores()
    violin, flute = found["instruments"]["violin"], found["instruments"]["flute"]
    # every note is heard, all as the violin's: a fault of labels
    assert violin["transcriber"]["note_recall"] == 1.0
    assert violin["transcriber"]["note_precision"] == pytest.approx((1 + 1 / 2) / 2)
    assert flute["transcriber"]["note_f"] == 0.0
    assert found["without_labels"]["transcriber"]["note_f"] == 1.0
    assert found["without_labels"]["transcriber"]["frame_f"] > 0.9
    assert found["without_labels"]["silence"]["frame_f"] == 0.0
    with Path("out/scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found["rows"]) + len(found["everyone"])
    assert set(rows[0]) == set(NoteRow.__dataclass_fields__)
    assert Path("out/instruments.csv").is_file()
    assert evaluate("-o", "out", "--json") == 0
    assert json.loads(capsys.readouterr().out) == found


@pytest.mark.usefixtures("given")
def test_a_rerun_goes_on_and_workers_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert evaluate("-o", "out") == 0
    first = Path("out/scores.json").read_bytes()
    Path("out/tracks/two.json").unlink()
    scored, score = [], NoteScorer.score
    monkeypatch.setattr(
        NoteScorer,
        "score",
        lambda self, track, *rest: (scored.append(track.name), score(self, track, *rest))[1],
    )
    assert evaluate("-o", "out") == 0
    assert scored == ["two"]
    assert Path("out/scores.json").read_bytes() == first
    assert evaluate("-o", "spread", "--workers", "2", "--trust") == 0
    assert Path("spread/scores.json").read_bytes() == first


@pytest.mark.usefixtures("given")
def test_other_settings_need_another_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("-o", "out") == 0
    fakes.saved(Path("stems.safetensors"), DIM, violin=0.5)
    assert cli.main(["evaluate", "tracks", "--checkpoint", "stems.safetensors", "-o", "out"]) == 1
    assert "other settings" in capsys.readouterr().err


@pytest.mark.usefixtures("given")
def test_a_track_without_notes_is_skipped_and_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tracks/one/notes.mid").unlink()
    assert evaluate("-i", "violin,flute") == 1
    said = capsys.readouterr()
    assert "track 'one' has no notes" in said.err
    assert "1 of 2 tracks scored; 1 skipped" in said.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--tta", "2", "--score"], "--score, --tta: only for separators"),
        (["--separator", "universal"], "--separator: only for separators"),
        (["--transcriber", "notes"], "exclude each other"),
        (["-i", "drums"], "drums: without pitch"),
        (["-i", "clarinet"], "no track has notes of clarinet"),
    ],
)
@pytest.mark.usefixtures("given")
def test_wrong_options_are_one_line(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(*arguments) == 1
    lines = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    assert len(lines) == 1
    assert expected in lines[0]


@pytest.mark.usefixtures("given")
def test_notes_of_a_separator_cannot_be_scored(capsys: pytest.CaptureFixture[str]) -> None:
    fakes.saved(Path("stems.safetensors"), DIM, violin=0.5)
    arguments = ["evaluate", "tracks", "--notes", "--checkpoint", "stems.safetensors"]
    assert cli.main(arguments) == 1
    assert "stems.safetensors separates" in capsys.readouterr().err


@pytest.mark.usefixtures("given")
def test_against_another_transcriber(capsys: pytest.CaptureFixture[str]) -> None:
    saved(Path("deaf.safetensors"), DIM, violin=0.1, flute=0.1)
    assert evaluate("-i", "violin", "--against", "deaf.safetensors") == 0
    assert "mean: earlier transcriber" in capsys.readouterr().out


@pytest.mark.usefixtures("given")
def test_ablation_of_a_transcriber(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["ablate", "tones.safetensors", "tracks", "-o", "ablated"]
    assert cli.main(command) == 0
    assert "notes by tones.safetensors on tracks" in capsys.readouterr().out
    record = json.loads(Path("ablated/ablation.json").read_text())
    assert record["score"] == "F-measure of frames"
    violin, flute = record["instruments"]
    assert violin["true"] > 0.7, "in one track it is given the flute's notes, too"
    assert violin["swapped"]["flute"] == violin["zero"] == 0.0
    assert flute["true"] == 0.0
    assert flute["swapped"]["violin"] > 0.6
    assert violin["oracle"] is None
    assert Path("ablated/ablation.png").is_file()


@pytest.mark.usefixtures("given")
def test_ablation_of_one_hot_conditions() -> None:
    """Their values say nothing but which instrument is meant."""
    from timbresep import checkpoint

    told = metadata(["violin", "flute"]).model_copy(update={"conditioning": "onehot"})
    conditions = {"violin": np.float32([1, 0]), "flute": np.float32([0, 1])}
    checkpoint.save(Path("one-hot.safetensors"), ToneTranscriber(2), conditions, told)
    assert cli.main(["ablate", "one-hot.safetensors", "tracks", "-o", "ablated"]) == 0
    record = json.loads(Path("ablated/ablation.json").read_text())
    assert record["conditioning"] == "onehot"
    violin, flute = record["instruments"]
    assert violin["true"] > 0.7
    assert flute["true"] == violin["swapped"]["flute"] == 0.0


def test_the_benchmark_counts_each_instrument_once() -> None:
    from transcription import EVERYONE, Row, tables

    def row(track: str, instrument: str, heard: list[Note]) -> Row:
        return Row("set", track, "ours", instrument, agreement(TUNE, heard), 1.0, 3.0)

    rows = [row("one", "violin", TUNE), row("two", "violin", TUNE), row("two", "cello", [])]
    rows += [row(track, EVERYONE, TUNE) for track in ("one", "two")]
    said = tables(rows, ["ours", "theirs"])
    assert "| without labels | set (2 tracks) | × real time |" in said
    assert "| ours | 1.00 · 1.00 · 1.00 | 3.0 |" in said
    assert "| with labels | set (2 tracks) |" in said
    assert "| ours | 0.50 · 0.50 · 0.50 |" in said
    assert "| ours | 0.00 | 1.00 |" in said, "cello, violin"
    assert "| theirs | – · – · – | – |" in said
