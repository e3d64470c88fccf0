"""Metrics against their definitions, and an evaluation whose scores are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import dataset_trees as trees
from dataset_trees import read_stems
from fakes import PLAIN, RATE, GainBackbone, loaded
from timbresep import audio
from timbresep.errors import DataError, UnknownNameError
from timbresep.evaluation.record import as_data
from timbresep.evaluation.result import Evaluation
from timbresep.evaluation.run import evaluate
from timbresep.evaluation.summary import by_instrument, overall
from timbresep.evaluation.table import leak_table, swap_table, table
from timbresep.evaluation.tracks import named_folder, tracks_in
from timbresep.metrics import Moments, sdr, si_sdr
from timbresep.registry.registry import Registry
from timbresep.separation.separator import Separator


def noise(seed: int, channels: int = 1, samples: int = 24_000) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal((channels, samples))).astype(np.float32)


def tone(hz: float, samples: int = 24_000) -> np.ndarray:
    return 0.2 * np.sin(2 * np.pi * hz * np.arange(samples) / RATE)[None].astype(np.float32)


def test_sdr_is_signal_over_error() -> None:
    s = noise(0)
    assert sdr(s, np.zeros_like(s)) == pytest.approx(0.0, abs=1e-6)
    assert sdr(s, 0.9 * s) == pytest.approx(20.0, abs=1e-3)
    assert sdr(s, s) == 100.0
    assert sdr(s, -s) == pytest.approx(-6.02, abs=0.01)


def test_si_sdr_ignores_gain_and_needs_the_signal() -> None:
    s, n = noise(0), noise(1)
    n -= float(np.sum(n * s) / np.sum(s * s)) * s  # what is left has nothing of s
    estimate = s + 0.1 * np.linalg.norm(s) / np.linalg.norm(n) * n
    assert si_sdr(s, estimate) == pytest.approx(20.0, abs=1e-3)
    assert si_sdr(s, 7 * estimate) == pytest.approx(20.0, abs=1e-3)
    assert si_sdr(s, n) < -60
    assert si_sdr(s, np.zeros_like(s)) == -100.0
    assert si_sdr(s, 0.3 * s) == pytest.approx(100.0)


def test_blocks_add_up_to_the_whole() -> None:
    s, e = noise(0, 2), noise(1, 2)
    parts = Moments(1, 1)
    for at in range(0, s.shape[1], 777):
        parts.add(s[None, :, at : at + 777], e[None, :, at : at + 777])
    assert parts.sdr()[0, 0] == pytest.approx(sdr(s, e), abs=1e-9)
    assert parts.si_sdr()[0, 0] == pytest.approx(si_sdr(s, e), abs=1e-9)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        sdr(noise(0), noise(0, 2))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two tracks: oboe (a tone) and accompaniment; in the second one the oboe rests."""
    for name, oboe in (("one", tone(440)), ("two", np.zeros((1, 24_000), np.float32))):
        folder = tmp_path / "tracks" / name
        folder.mkdir(parents=True)
        audio.write(folder / "oboe.wav", oboe, RATE)
        audio.write(folder / "harp.wav", np.repeat(tone(1500), 2, axis=0), RATE)
        audio.write(folder / "hiss.wav", 0.1 * noise(3), RATE)
        (folder / "track.yaml").write_text(f"split: {'test' if name == 'one' else 'train'}\n")
    return tmp_path / "tracks"


@pytest.fixture
def result(root: Path) -> Evaluation:
    """A separator that gives half of the mixture for the oboe and nothing for the harp."""
    separator = Separator(loaded(GainBackbone(3), oboe=0.5, harp=0.0), options=PLAIN)
    return evaluate(separator, read_stems(root))


def test_every_score_has_its_baselines(result: Evaluation) -> None:
    found = {(row.track, row.instrument, row.method) for row in result.rows}
    for track, name in (("one", "oboe"), ("one", "harp"), ("two", "harp")):
        for method in ("separator", "swapped", "oracle", "mixture", "silence"):
            assert (track, name, method) in found
    assert not any(row[:2] == ("two", "oboe") for row in found)  # it rests: nothing to score


def test_stems_share_the_mixture_only_where_all_are_asked_for(result: Evaluation) -> None:
    assert "consistent" not in {row.method for row in result.rows}, "nobody asks for the hiss"


def test_all_stems_at_once_gain_from_one_another(tmp_path: Path) -> None:
    folder = tmp_path / "tracks" / "one"
    folder.mkdir(parents=True)
    audio.write(folder / "oboe.wav", tone(440), RATE)
    audio.write(folder / "harp.wav", tone(1500), RATE)
    separator = Separator(loaded(GainBackbone(3), oboe=0.2, harp=0.8), options=PLAIN)
    found = evaluate(separator, read_stems(tmp_path / "tracks"))
    mixture = tone(440) + tone(1500)
    shared = separator.with_options(mixture_consistency=True).separate(
        mixture, RATE, ["oboe", "harp"]
    )
    by = {(row.instrument, row.method): row.sdr for row in found.rows}
    for name, hz in (("oboe", 440), ("harp", 1500)):
        assert by[name, "consistent"] == pytest.approx(sdr(tone(hz), shared[name]), abs=0.05)
        assert by[name, "consistent"] != by[name, "separator"]


def test_scores_are_those_of_the_stems(result: Evaluation, root: Path) -> None:
    oboe, harp, hiss = (
        audio.read(root / "one" / f"{name}.wav")[0] for name in ("oboe", "harp", "hiss")
    )
    centre = np.repeat(oboe, 2, axis=0)
    mixture = centre + harp + hiss
    by = {(row.instrument, row.method): row for row in result.rows if row.track == "one"}
    own = by["oboe", "separator"]
    assert own.sdr == pytest.approx(sdr(centre, 0.5 * mixture), abs=1e-3)
    assert own.si_sdr == pytest.approx(si_sdr(centre, mixture), abs=1e-3)
    assert own.sdr_improvement == pytest.approx(own.sdr - sdr(centre, mixture), abs=1e-3)
    assert own.si_sdr_improvement == pytest.approx(0.0, abs=1e-3)
    assert by["oboe", "mixture"].si_sdr_improvement == 0.0
    silence = by["oboe", "silence"]
    assert (silence.sdr, silence.si_sdr) == (0.0, None)
    assert silence.sdr_improvement == pytest.approx(-sdr(centre, mixture), abs=1e-3)
    # the harp's condition gives silence, so that is what swapping makes of the oboe
    assert by["oboe", "swapped"].sdr == pytest.approx(0.0, abs=1e-6)
    assert by["harp", "swapped"].si_sdr == pytest.approx(si_sdr(harp, mixture), abs=1e-3)


def test_an_oracle_parts_two_tones(result: Evaluation) -> None:
    oracle = [row for row in result.rows if row.method == "oracle"]
    assert all(row.si_sdr is not None and row.si_sdr > 20 for row in oracle)


def test_what_sounds_for_an_absent_instrument_is_a_leak(result: Evaluation) -> None:
    (leak,) = result.leaks
    assert (leak.track, leak.instrument) == ("two", "oboe")
    assert leak.level == pytest.approx(20 * np.log10(0.5), abs=1e-6)


def test_tables_and_json(result: Evaluation) -> None:
    assert table(result).row_count == 2 + 5
    assert swap_table(result).row_count == 2
    assert leak_table(result).row_count == 1
    data = json.loads(json.dumps(as_data(result)))
    assert data["mean"]["silence"]["sdr"] == 0.0
    assert data["mean"]["silence"]["si_sdr"] is None
    assert data["instruments"]["oboe"]["separator"]["si_sdr_improvement"] == pytest.approx(
        0.0, abs=1e-3
    )


def test_each_instrument_counts_once_in_the_mean(result: Evaluation) -> None:
    one = by_instrument(result, "separator")
    mean = overall(result, "separator")
    assert mean["sdr"] == pytest.approx((one["oboe"]["sdr"] + one["harp"]["sdr"]) / 2)


def test_a_single_instrument_has_no_swaps(root: Path) -> None:
    separator = Separator(loaded(GainBackbone(3), oboe=0.5, harp=0.0), options=PLAIN)
    result = evaluate(separator, read_stems(root)[:1], ["oboe"])
    assert result.swaps == []
    assert table(result).row_count == 1 + 4


def test_tracks_without_the_instruments_are_refused(root: Path) -> None:
    separator = Separator(loaded(GainBackbone(3), tuba=0.5), options=PLAIN)
    with pytest.raises(DataError, match="tuba"):
        evaluate(separator, read_stems(root))


def test_one_side_of_the_split(root: Path) -> None:
    assert [track.name for track in tracks_in(root, [], "test")] == ["one"]
    with pytest.raises(DataError, match="valid"):
        tracks_in(root, [], "valid")


def test_sides_of_a_split_may_be_folders_and_a_name_counts_once(tmp_path: Path) -> None:
    for side, name in (("train", "one"), ("test", "one"), ("test", "two")):
        audio.write(tmp_path / side / name / "oboe.wav", tone(440), RATE)
    with pytest.raises(DataError, match="one: another track has this name"):
        tracks_in(tmp_path, [])
    skipped: list[str] = []
    found = tracks_in(tmp_path, [], skip=lambda name, _: skipped.append(name))
    assert [(track.name, track.split) for track in found] == [("one", "train"), ("two", "test")]
    assert skipped == ["one"]
    assert [track.name for track in tracks_in(tmp_path, [], "test")] == ["one", "two"]


def test_a_mixture_above_full_scale_is_not_clipped(tmp_path: Path) -> None:
    for name, hz in (("oboe", 440.0), ("harp", 660.0)):
        (tmp_path / "loud").mkdir(exist_ok=True)
        audio.write(tmp_path / "loud" / f"{name}.wav", 4.5 * tone(hz), RATE, "PCM_16")
    separator = Separator(loaded(GainBackbone(3), oboe=0.5, harp=0.5), options=PLAIN)
    result = evaluate(separator, tracks_in(tmp_path, []))
    for row in result.rows:
        if row.method == "mixture":
            assert row.sdr == pytest.approx(0.0, abs=0.01)  # clipped, it would be less


def test_published_datasets_are_read_as_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    instruments = Registry.load().instruments()
    trees.musdb18(tmp_path / "mp4", "A - One", side="test")
    (track,) = tracks_in(tmp_path / "mp4", instruments, "test")
    assert set(track.stems) == {"bass", "drums", "vocals", "other"}
    assert track.mixture is not None
    with pytest.raises(DataError, match="none of its 1 tracks is on the side 'train'"):
        tracks_in(tmp_path / "mp4", instruments, "train")
    slakh = tmp_path / "slakh"
    for number in (1, 2):
        trees.slakh(slakh, "test", number, {"S00": "Distortion Guitar", "S01": "Drums"})
    (slakh / "test" / "Track00002" / "stems" / "S01.flac").unlink()
    skipped: list[str] = []
    (track,) = tracks_in(slakh, instruments, skip=lambda name, _: skipped.append(name))
    assert set(track.stems) == {"electric_guitar", "drums"}
    assert skipped == ["Track00002"]
    with pytest.raises(DataError, match="Track00002: 1 of 2 stems are missing"):
        tracks_in(slakh, instruments)


def test_a_source_says_what_stems_are_called(tmp_path: Path) -> None:
    for name, wave in (("guitar", noise(0)), ("song", noise(1))):
        (tmp_path / "one").mkdir(exist_ok=True)
        audio.write(tmp_path / "one" / f"{name}.wav", wave, RATE)
    instruments = Registry.load().instruments()
    assert named_folder(f"muldjord={tmp_path}") == ("muldjord", tmp_path)
    assert named_folder(str(tmp_path)) == ("", tmp_path)
    (track,) = tracks_in(tmp_path, instruments)
    assert set(track.stems) == {"acoustic_guitar", "song"}
    (track,) = tracks_in(tmp_path, instruments, source="muldjord")
    assert set(track.stems) == {"electric_guitar", "band"}
    with pytest.raises(UnknownNameError, match="muldyord"):
        tracks_in(tmp_path, instruments, source="muldyord")
    audio.write(tmp_path / "one" / "song.wav", noise(1)[:, :-5], RATE, overwrite=True)
    with pytest.raises(DataError, match=r"song.wav: 23995 samples .* guitar.wav has 24000"):
        tracks_in(tmp_path, instruments, source="muldjord")
