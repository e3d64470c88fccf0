"""A score is found in a recording: where, how surely, and not at all when it is another piece."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from timbresep import audio
from timbresep.commands.app import main
from timbresep.errors import AudioError, DataError, OutputExistsError
from timbresep.notes import midi
from timbresep.notes.alignment import align
from timbresep.notes.alignment.picture import draw
from timbresep.notes.alignment.semitones import FRAMES_PER_S, levels_of
from timbresep.notes.alignment.warping import CELLS, SLANT, warp
from timbresep.notes.score import Note, StemNotes
from timbresep.units import midi_to_hz

RATE = 16_000
BEAT = 0.5
TUNE = (67, 69, 71, 72, 74, 72, 71, 67, 64, 65, 67, 71, 74, 76, 74, 71, 69, 67, 66, 67)
BASS = (43, 50, 55, 48, 43, 45, 50, 43, 48, 50, 47, 55, 50, 48, 43, 47, 50, 45, 38, 43)
ELSE = (61, 58, 66, 63, 70, 61, 65, 58, 66, 70, 63, 61, 68, 65, 73, 70, 66, 63, 61, 58)

Times = NDArray[np.float64]


def piece(*lines: tuple[int, ...]) -> list[StemNotes]:
    """Lines of notes of half a second."""
    return [
        StemNotes(
            f"line_{k}",
            "line",
            tuple(Note(n * BEAT, (n + 1) * BEAT, pitch) for n, pitch in enumerate(line)),
        )
        for k, line in enumerate(lines, start=1)
    ]


SCORE = piece(TUNE, BASS)


def sound(stems: list[StemNotes], seconds: float, cents: float = 0.0) -> NDArray[np.float32]:
    """Struck tones with six partials that fade: (1, samples)."""
    wave = 1e-4 * np.random.default_rng(0).standard_normal(round(seconds * RATE))
    for note in (note for stem in stems for note in stem.notes):
        first, last = (min(len(wave), max(0, round(t * RATE))) for t in (note.start, note.end))
        time = np.arange(last - first) / RATE
        release = np.clip((note.end - note.start - time) / 0.02, 0, 1)
        envelope = np.exp(-2 * time) * np.minimum(1, time / 0.01) * release
        hz = midi_to_hz(note.pitch + cents / 100)
        for k in range(1, 7):
            wave[first:last] += 0.1 / k * envelope * np.sin(2 * np.pi * k * hz * time + k)
    return wave[None].astype(np.float32)


def bent(stems: list[StemNotes], start: float = 0.0) -> list[StemNotes]:
    """At a tempo that swings by 20 %, from a second on."""

    def at(time: float) -> float:
        return start + time + 0.2 / 0.8 * (1 - np.cos(0.8 * time))

    return [
        replace(s, notes=tuple(replace(n, start=at(n.start), end=at(n.end)) for n in s.notes))
        for s in stems
    ]


def onsets(stems: list[StemNotes]) -> Times:
    return np.array([note.start for stem in stems for note in stem.notes])


def test_what_is_played_as_written_stays_where_it_is() -> None:
    found = align(SCORE, sound(SCORE, 10.5), RATE)
    assert np.abs(onsets(found.applied(SCORE)) - onsets(SCORE)).max() < 0.02
    assert found.agreement > 0.95
    assert found.transposition == 0
    assert abs(found.tuning) < 4
    assert found.unsure() == []
    assert found.left_out(SCORE) == 0


@pytest.mark.parametrize("start", [0.0, 3.0])
def test_bent_tempo_and_silence_before_are_found(start: float) -> None:
    played = bent(SCORE, start)
    found = align(SCORE, sound(played, 13.5), RATE)
    error = np.abs(onsets(found.applied(SCORE)) - onsets(played))
    assert np.median(error) < 0.02
    assert error.max() < 0.08


def test_ends_of_notes_follow_too() -> None:
    played = bent(SCORE, 1.0)
    found = align(SCORE, sound(played, 12.0), RATE).applied(SCORE)
    for one, other in zip(found, played, strict=True):
        ends = np.array([(a.end, b.end) for a, b in zip(one.notes, other.notes, strict=True)])
        assert np.median(np.abs(ends[:, 0] - ends[:, 1])) < 0.03


def test_noise_around_the_music_is_not_taken_for_it() -> None:
    wave = sound(bent(SCORE, 4.0), 20.0)
    noise = 0.05 * np.random.default_rng(1).standard_normal(wave.shape).astype(np.float32)
    noise[:, 4 * RATE : -5 * RATE] *= 0.01
    found = align(SCORE, wave + noise, RATE)
    assert found.at_ends()[0] == pytest.approx(4.0, abs=0.1)
    assert found.at_ends()[1] == pytest.approx(14.5, abs=0.7)
    assert found.confidence[:2].max() == found.confidence[17:].max() == 0
    assert found.confidence[6:13].min() > 0.8


def test_a_recording_that_stops_early_has_not_all_notes() -> None:
    found = align(SCORE, sound(SCORE, 7.0), RATE)
    assert found.left_out(SCORE) == pytest.approx(12, abs=2)
    kept = [note for stem in found.applied(SCORE) for note in stem.notes]
    assert max(note.end for note in kept) <= 7.0
    assert all(note.end > note.start >= 0 for note in kept)
    error = [
        abs(note.start - written.start)
        for stem, whole in zip(found.applied(SCORE), SCORE, strict=True)
        for note, written in zip(stem.notes, whole.notes, strict=False)
    ]
    assert max(error[:-2]) < 0.04


def test_a_recording_that_goes_on() -> None:
    some = [replace(stem, notes=stem.notes[:12]) for stem in SCORE]
    found = align(some, sound(SCORE, 10.5), RATE)
    assert np.abs(onsets(found.applied(some)) - onsets(some)).max() < 0.03
    assert found.at_ends()[1] == pytest.approx(6.0, abs=0.5)


def test_a_recording_that_begins_later_in_the_score() -> None:
    wave = sound(SCORE, 10.5)[:, 4 * RATE :]
    found = align(SCORE, wave, RATE)
    assert found.left_out(SCORE) == pytest.approx(16, abs=2)
    late = np.linspace(5, 9.5, 10)
    assert np.abs(found.at(late) - (late - 4)).max() < 0.03


@pytest.mark.parametrize("cents", [-40.0, 25.0])
def test_another_tuning(cents: float) -> None:
    found = align(SCORE, sound(SCORE, 10.5, cents), RATE)
    assert found.tuning == pytest.approx(cents, abs=6)
    assert found.transposition == 0
    assert np.abs(onsets(found.applied(SCORE)) - onsets(SCORE)).max() < 0.03


def test_a_semitone_below_is_another_key() -> None:
    found = align(SCORE, sound(SCORE, 10.5, -101.0), RATE)
    assert found.transposition == -1
    assert abs(found.tuning) < 6
    assert found.applied(SCORE)[0].notes[0].pitch == TUNE[0] - 1


def test_another_piece_is_refused_with_its_cost() -> None:
    wrong = piece(ELSE)
    with pytest.raises(DataError, match=r"another piece: .* fit \d+% of the time") as refused:
        align(wrong, sound(SCORE, 10.5), RATE)
    assert "--anyway" in refused.value.hint
    found = align(wrong, sound(SCORE, 10.5), RATE, anyway=True)
    assert found.agreement < 0.7


def test_where_another_piece_is_played_it_is_unsure() -> None:
    others = piece((*TUNE, *ELSE, *TUNE), (*BASS, *ELSE[::-1], *BASS))
    score = piece(TUNE * 3, BASS * 3)
    found = align(score, sound(others, 30.5), RATE, anyway=True)
    assert found.confidence[2:8].mean() > 0.9 < found.confidence[22:28].mean()
    assert found.confidence[12:18].mean() < 0.4
    assert any(start < 15 < end for start, end in found.unsure())


def test_unpitched_parts_follow_the_others() -> None:
    drums = StemNotes("beats", "beats", (Note(1.0, 1.1, 38), Note(4.0, 4.1, 36)), pitched=False)
    found = align([*SCORE, drums], sound(bent(SCORE, 2.0), 13.0), RATE)
    moved = found.applied([drums])[0]
    expected = bent([drums], 2.0)[0]
    assert [note.pitch for note in moved.notes] == [38, 36]
    for one, other in zip(moved.notes, expected.notes, strict=True):
        assert one.start == pytest.approx(other.start, abs=0.04)


@pytest.mark.parametrize(
    "stems",
    [[], [StemNotes("a", "a", ())], [StemNotes("a", "a", (Note(0, 1, 38),), pitched=False)]],
)
def test_nothing_to_align_by(stems: list[StemNotes]) -> None:
    with pytest.raises(DataError, match="no notes with a pitch"):
        align(stems, sound(SCORE, 2.0), RATE)


@pytest.mark.parametrize("samples", [1, 50, 3000])
def test_a_recording_of_next_to_nothing_is_refused(samples: int) -> None:
    with pytest.raises(DataError, match="another piece"):
        align(SCORE, np.zeros((2, samples), np.float32), RATE)


def test_notes_out_of_reach_do_not_matter() -> None:
    strange = StemNotes("odd", "odd", (Note(0, 1, 0), Note(1, 2, 127), Note(9.99, 10, 3)))
    found = align([*SCORE, strange], sound(SCORE, 10.5), RATE)
    assert np.abs(onsets(found.applied(SCORE)) - onsets(SCORE)).max() < 0.03


def test_one_note_is_found() -> None:
    note = [StemNotes("a", "a", (Note(0.0, 1.0, 64),))]
    played = [StemNotes("a", "a", (Note(1.5, 2.5, 64),))]
    found = align(note, sound(played, 4.0), RATE)
    assert found.at(np.array([0.0]))[0] == pytest.approx(1.5, abs=0.04)


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100])
@pytest.mark.parametrize("block", [100, 4096, 1 << 20])
def test_levels_do_not_depend_on_blocks(rate: int, block: int) -> None:
    wave = np.random.default_rng(2).standard_normal((2, rate)).astype(np.float32)

    def blocks() -> Iterator[NDArray[np.float32]]:
        return (wave[:, start : start + block] for start in range(0, rate, block))

    whole, parts = levels_of([wave], rate, 0.0), levels_of(blocks(), rate, 0.0)
    assert whole.slow.shape == parts.quick.shape
    assert len(whole.slow) in {FRAMES_PER_S, FRAMES_PER_S + 1}
    np.testing.assert_allclose(whole.slow, parts.slow, rtol=1e-4)
    np.testing.assert_allclose(whole.quick, parts.quick, rtol=1e-4)


def cheapest(one: NDArray[np.float32], other: NDArray[np.float32], skip: float) -> float:
    """The cost of the best path, cell by cell."""
    cost = 1 - one @ other.T
    best = np.full(cost.shape, np.inf)
    rows, columns = cost.shape
    ends = [np.inf]
    for i in range(rows):
        for j in range(columns):
            ways = [skip * (i + j) + 2 * cost[i, j]] if 0 in {i, j} else []
            if i and j:
                ways.append(best[i - 1, j - 1] + 2 * cost[i, j])
            ways += [best[i - 1, j] + cost[i, j] + SLANT] if i else []
            ways += [best[i, j - 1] + cost[i, j] + SLANT] if j else []
            best[i, j] = min(ways)
            if i == rows - 1 or j == columns - 1:
                ends.append(best[i, j] + skip * (rows - 1 - i + columns - 1 - j))
    return float(min(ends))


def vectors(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    found = np.abs(rng.standard_normal((count, 5))).astype(np.float32) ** 3
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def noisy(found: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    found = found + 0.05 * np.abs(rng.standard_normal(found.shape)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(6))
def test_the_path_is_the_cheapest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = vectors(rng, int(rng.integers(1, 30))), vectors(rng, int(rng.integers(1, 30)))
    path = warp(one, other)
    skip = 0.9 * float(np.median(1 - one @ other.T))
    assert path.total == pytest.approx(cheapest(one, other, skip), rel=1e-4)
    steps = np.diff(np.stack([path.rows, path.columns]), axis=1)
    assert set(map(tuple, steps.T.tolist())) <= {(0, 1), (1, 0), (1, 1)}


def test_a_long_path_through_a_band_is_that_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two walks on the same way, one of them faster: in a band as in the whole."""
    rng = np.random.default_rng(3)
    places = np.repeat(vectors(rng, 60), 20, axis=0)
    around = vectors(rng, 90), places[::2], vectors(rng, 50)
    one, other = (noisy(walk, rng) for walk in (places, np.concatenate(around)))
    assert len(one) * len(other) < CELLS
    whole = warp(one, other)
    monkeypatch.setattr("timbresep.notes.alignment.warping.CELLS", 2000)
    banded = warp(one, other)
    assert banded.total == pytest.approx(whole.total, rel=0.01)
    at = np.arange(100, 1100)
    np.testing.assert_allclose(
        np.interp(at, banded.rows, banded.columns),
        np.interp(at, whole.rows, whole.columns),
        atol=12,
    )


def test_picture_and_midi_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    played = bent(SCORE, 1.0)
    audio.write(tmp_path / "quartet.wav", sound(played, 12.5), RATE)
    midi.write(tmp_path / "quartet.mid", SCORE)
    command = ["score", "align", str(tmp_path / "quartet.wav"), str(tmp_path / "quartet.mid")]
    command += ["-o", str(tmp_path / "out")]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert re.search(r"found from 0:01 to 0:1[12] of 0:1[23]", said)
    assert "unsure: nowhere" in said
    assert "cents" in said
    found = midi.read_stems(tmp_path / "out/quartet.mid")
    assert np.median(np.abs(onsets(found) - onsets(played))) < 0.02
    assert (tmp_path / "out/quartet.png").read_bytes().startswith(b"\x89PNG")
    assert main(command) == 1
    assert "exists" in capsys.readouterr().err
    assert main([*command, "--overwrite", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["agreement"] > 0.9
    assert len(told["written"]) == len(told["sounding"]) >= len(TUNE)
    midi.write(tmp_path / "other.mid", piece(ELSE))
    assert main([*command[:3], str(tmp_path / "other.mid"), "-o", str(tmp_path / "no")]) == 1
    said = capsys.readouterr().err
    assert "another piece" in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "no").exists()


def test_errors_of_files(tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        align(SCORE, tmp_path / "missing.wav")
    found = align(SCORE, sound(SCORE, 10.5), RATE)
    draw(found, SCORE, tmp_path / "a.png")
    with pytest.raises(OutputExistsError):
        draw(found, SCORE, tmp_path / "a.png")
    with pytest.raises(DataError, match="PNG"):
        draw(found, SCORE, tmp_path / "a.pdf")
