"""Datasets with notes: those of each stem, and recordings that have notes but no stems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import dataset_trees as trees
from timbresep.data.build import build_tracks
from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.mixer import Annotations, MixtureDataset
from timbresep.data.note_targets import Grid, NoteTargets
from timbresep.data.sources.adapter import Location
from timbresep.data.sources.kinds import KINDS
from timbresep.data.sources.listing import Listing, list_tracks
from timbresep.data.sources.naming import Naming
from timbresep.data.sources.prepared import prepare
from timbresep.data.track import Track
from timbresep.errors import DataError
from timbresep.evaluation.tracks import tracks_in
from timbresep.notes import midi
from timbresep.notes.labels import read_labels
from timbresep.notes.midi import TRACK_NOTES
from timbresep.notes.score import Note, StemNotes
from timbresep.registry.registry import Registry
from timbresep.training.run import TrainingRun
from timbresep.transcriber import SOUNDING
from tiny_runs import request, write_tones

GRID = Grid(trees.RATE, 80, 40, 60)
NAMES = {"violin": "violin", "fiddle": "violin", "drums": "drums", "program_40": "violin"}


def look(kind: str, root: Path) -> Listing:
    return list_tracks(kind, KINDS[kind], Location(root, Naming(NAMES), "terms"))


def tracks_of(listing: Listing, tmp_path: Path) -> list[Track]:
    assert listing.problems == []
    return prepare(listing, tmp_path / "cache")


def heard(track: Track, label: str, grid: Grid = GRID) -> list[int]:
    """The pitches of a stem."""
    samples = round(track.seconds * grid.rate)
    roll = NoteTargets(grid).of(track, label, 0, semitones=0.0, samples=samples)
    return (np.flatnonzero(roll[SOUNDING].any(axis=1)) + grid.lowest).tolist()


def test_slakh_has_the_notes_of_each_stem(tmp_path: Path) -> None:
    stems = {"S00": "Violin", "S01": "Drums", "S02": "Fiddle", "S03": "Viola"}
    trees.slakh(tmp_path / "slakh", "train", 1, stems)
    (track,) = tracks_of(look("slakh", tmp_path / "slakh"), tmp_path)
    assert NoteTargets(GRID).known(track)
    assert heard(track, "violin") == [60, 62], "two stems of one instrument"
    assert heard(track, "drums") == []
    assert heard(track, "viola") == [63]
    (tmp_path / "slakh/train/Track00001/MIDI/S02.mid").unlink()
    (track,) = tracks_of(look("slakh", tmp_path / "slakh"), tmp_path)
    assert set(track.written) == {"drums", "viola"}
    assert not NoteTargets(GRID).known(track), "a part of an instrument's notes is not enough"


def test_files_of_one_instrument_have_the_notes_of_all(tmp_path: Path) -> None:
    names = {"violin": 60, "violin 2": 62, "fiddle": 64}
    for name in names:
        trees.write(tmp_path / "t" / f"{name}.wav", trees.tone(200.0))
    notes = [StemNotes(name, name, (Note(0.0, 0.5, key),)) for name, key in names.items()]
    midi.write(tmp_path / "t" / TRACK_NOTES, notes)
    (track,) = tracks_of(look("stems", tmp_path), tmp_path)
    assert heard(track, "violin") == [60, 62, 64]
    assert not track.mixed


def recording(root: Path, name: str, split: str, keys: dict[str, list[int]]) -> None:
    """A mixture without stems: each half second another note of each instrument."""
    rate = trees.RATE
    wave = np.zeros((1, 0), np.float32)
    count = max(map(len, keys.values()))
    for k in range(count):
        tones = [trees.tone(440 * 2 ** ((row[k] - 69) / 12), 0.5) for row in keys.values()]
        wave = np.concatenate([wave, np.sum(tones, axis=0)], axis=1)
    trees.write(root / name / "mixture.wav", wave, rate, "FLOAT")
    (root / name / "track.yaml").write_text(f"split: {split}\nlicence: CC0\n")
    parts = [
        StemNotes(who, who, tuple(Note(k / 2, k / 2 + 0.5, key) for k, key in enumerate(row)))
        for who, row in keys.items()
    ]
    midi.write(root / name / TRACK_NOTES, parts)


def test_a_mixture_with_notes_is_a_track_of_those_who_play(tmp_path: Path) -> None:
    recording(tmp_path, "duo", "train", {"fiddle": [60, 62], "harp": [50, 52]})
    recording(tmp_path, "solo", "train", {"violin": [70]})
    duo, solo = tracks_of(look("stems", tmp_path), tmp_path)
    assert (duo.mixed, solo.mixed) == (True, False), "a soloist is a stem"
    assert set(duo.stems.values()) == {tmp_path / "duo" / "mixture.wav"}
    assert (heard(duo, "violin"), heard(duo, "harp")) == ([60, 62], [50, 52])


def test_parts_without_a_name_are_told(tmp_path: Path) -> None:
    recording(tmp_path, "duo", "train", {"": [60, 62], "harp": [50, 52]})
    (problem,) = look("stems", tmp_path).problems
    assert "notes in a track without a name" in str(problem)


def test_recordings_are_mixed_with_nothing(tmp_path: Path) -> None:
    """What sounds is the recording; what is asked for are those who play in it, or do not."""
    recording(tmp_path, "duo", "train", {"violin": [60, 62, 64, 65], "harp": [50, 52, 53, 55]})
    for name, hz in (("violin", 300.0), ("drums", 100.0)):
        trees.write(tmp_path / "apart" / f"{name}.wav", trees.tone(hz, 2.0))
    parts = [StemNotes(n, n, (Note(0.0, 2.0, 62),), n != "drums") for n in ("violin", "drums")]
    midi.write(tmp_path / "apart" / TRACK_NOTES, parts)
    tracks = tracks_of(look("stems", tmp_path), tmp_path)
    config = MixConfig(
        seconds=0.4, rate=trees.RATE, channels=1, targets=2, level_db=None, coherent_share=0.5,
        absent_share=0.2, eq_share=0.0, reverb_share=0.0, formant_share=0.0, pitch_share=0.0,
        detune_cents=0.0, gain_db=(0, 0), stems=(1, 2),
    )  # fmt: skip
    names = ["violin", "harp", "drums"]
    data = MixtureDataset(
        tracks,
        names,
        config,
        size=60,
        seed=0,
        conditions=lambda *_: np.zeros(1, np.float32),
        annotations=Annotations(notes=NoteTargets(GRID)),
    )
    together = 0
    for item in (data[k] for k in range(len(data))):
        notes = {
            names[index]: (np.flatnonzero(roll[SOUNDING].sum(dim=1) > 12) + GRID.lowest).tolist()
            for index, roll in zip(item["instruments"].tolist(), item["notes"], strict=True)
        }
        if item["targets"].any():
            assert not notes.get("harp"), "the harp is in the recording alone"
            continue
        together += 1
        spectrum = torch.fft.rfft(item["mixture"][0] * torch.hann_window(3200), 32_000).abs()
        for keys in notes.values():
            for hz in (440 * 2 ** ((key - 69) / 12) for key in keys):
                at = round(hz * 32_000 / trees.RATE)
                assert spectrum[at - 12 : at + 13].max() > 0.05 * spectrum.max()
        assert not notes.get("drums")
    assert 10 < together < 50


def test_musicnet_is_split_by_composition_and_named_by_program(tmp_path: Path) -> None:
    root = tmp_path / "musicnet"
    for side, number in (("train", 1727), ("train", 1728), ("test", 2303), ("train", 9)):
        trees.musicnet(root, side, number, {41: 60, 42: 50})
    rows = ["id,composer,composition", *(f"{n},Someone,Trio" for n in (1727, 1728))]
    (root / "musicnet_metadata.csv").write_text("\n".join(rows))
    (root / "train_labels" / "9.csv").unlink()
    listing = look("musicnet", root)
    (problem,) = listing.problems
    assert "9.csv" in str(problem)
    one, two, test = prepare(listing, tmp_path / "cache")
    assert (one.piece, one.split) == (two.piece, two.split) == ("Someone Trio", one.split)
    assert test.split == "test"
    assert one.split in {"train", "valid"}
    assert one.mixed
    assert (heard(one, "violin"), heard(one, "program_41")) == ([60], [50])
    assert NoteTargets(GRID).known(one)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no column start_time, end_time, instrument, note"),
        ("start_time,end_time,instrument\n", "no column note"),
        ("start_time,end_time,instrument,note\n", "holds no notes"),
        ("start_time,end_time,instrument,note\n0,9,41,60\n5,5,41,60\n", "line 3: no note"),
        ("start_time,end_time,instrument,note\n0,9,0,60\n", "line 2: no note"),
        ("start_time,end_time,instrument,note\n0,9,41\n", "line 2: no note"),
        ("start_time,end_time,instrument,note\n0,9,41,high\n", "line 2: no note"),
        ("\xff", "no text"),
    ],
)
def test_labels_that_are_none_are_one_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "1.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=rf"1\.csv.*{reason}"):
        read_labels(path)


def test_only_a_transcriber_learns_from_them(
    registry: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "scored"
    for split in ("train", "valid"):
        recording(root, split, split, {"bass": [40, 43, 45], "flute": [72, 74, 76]})
    chosen = registry.instruments(["bass", "flute"])
    assert build_tracks(chosen, (), None, {"scored": root}) == []
    assert "2 tracks are left out: they have notes, but no stems" in caplog.text
    with pytest.raises(DataError, match="no training track has a stem named bass, flute"):
        TrainingRun(request(root, tmp_path / "separator").resolve(registry))
    small = {"width": 8, "blocks": 1, "head": 6, "head_blocks": 1, "embedding": 8}
    asked = request(root, tmp_path / "run", backbone="note_net", arguments=small)
    run = TrainingRun(asked.resolve(registry))
    assert run.ledger()[0]["minutes"] == pytest.approx(1.5 / 60, abs=0.1)
    batch = next(run.data.batches(0, 1))
    assert batch["notes"][:, :, SOUNDING].any()
    assert run.step(batch, 1e-3) is not None
    assert set(run.validate()) == {"bass", "flute"}


def test_an_evaluation_needs_stems(registry: Registry, tmp_path: Path) -> None:
    write_tones(tmp_path)
    recording(tmp_path, "duo", "train", {"bass": [40, 43], "flute": [72, 74]})
    skipped: list[str] = []
    found = tracks_in(
        tmp_path, registry.instruments(), skip=lambda name, error: skipped.append(f"{name} {error}")
    )
    assert [track.name for track in found] == ["track0", "track1", "track2"]
    assert len(skipped) == 1
    assert "duo a mixture without stems" in skipped[0]
