"""An instrument's own recordings are enough: a part of them is held out to validate on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from timbresep import audio
from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.mixer import MixtureDataset
from timbresep.data.skipped import Skipped
from timbresep.data.sounding import check_sound
from timbresep.data.track import Split, Track
from timbresep.data.validation_split import with_both_sides
from timbresep.errors import DataError
from timbresep.registry.registry import Registry
from timbresep.training.loop import fit
from tiny_runs import RATE, request, silent, write_tones


def track(name: str, split: Split, *stems: str, piece: str = "", loose: bool = True) -> Track:
    files = {stem: Path(f"{name}-{stem}.wav") for stem in stems or ("violin",)}
    return Track(name, piece or name, "own", "CC0", files, 100_000, 1000, split, by_chance=loose)


def names_on(tracks: list[Track], side: Split) -> set[str]:
    return {track.name for track in tracks if track.split == side}


def test_nothing_changes_where_both_sides_are() -> None:
    tracks = [track("a", "train"), track("b", "valid"), track("c", "test")]
    assert with_both_sides(tracks, ["violin"], 4.0) == (tracks, [])


def test_a_tenth_of_the_pieces_is_held_out_with_all_their_tracks() -> None:
    tracks = [track(f"{p}-{k}", "train", piece=f"p{p}") for p in range(20) for k in range(2)]
    placed, said = with_both_sides(tracks, ["violin"], 4.0)
    assert len(names_on(placed, "valid")) == 4
    assert len({t.piece for t in placed if t.split == "valid"}) == 2
    assert not {t.piece for t in placed if t.split == "valid"} & {
        t.piece for t in placed if t.split == "train"
    }
    assert len(said) == 1
    assert "held out" in said[0]
    shuffled, _ = with_both_sides(tracks[::-1], ["violin"], 4.0)
    assert names_on(shuffled, "valid") == names_on(placed, "valid"), "names alone decide"


def test_takes_of_one_piece_are_held_out_one_by_one() -> None:
    tracks = [track(f"take{k}", "train", piece="take") for k in range(3)]
    placed, _ = with_both_sides(tracks, ["violin"], 4.0)
    assert len(names_on(placed, "valid")) == 1
    assert len(names_on(placed, "train")) == 2


def test_of_a_single_recording_the_end_is_held_out() -> None:
    whole = track("only", "train")
    (begin, end), said = with_both_sides([whole], ["violin"], 4.0)
    assert (begin.first, begin.frames, begin.split) == (0, 90_000, "train")
    assert (end.first, end.frames, end.split) == (90_000, 10_000, "valid")
    assert "last 10.0 s of 'only'" in said[0]
    (begin, end), _ = with_both_sides([replace(whole, frames=20_000)], ["violin"], 4.0)
    assert end.frames == 4000, "a mixture, where a tenth is less"
    (begin, end), _ = with_both_sides([replace(whole, frames=6000)], ["violin"], 4.0)
    assert end.frames == 3000, "no more than a half"


def test_nobody_loses_what_it_is_trained_on() -> None:
    tracks = [track("duo", "train", "violin", "flute"), track("solo", "train", "violin")]
    placed, _ = with_both_sides([*tracks, track("v", "valid", "flute")], ["violin", "flute"], 4.0)
    assert "duo" in names_on(placed, "train")
    assert names_on(placed, "valid") == {"solo", "v"}


@pytest.mark.parametrize("side", ["valid", "test"])
def test_recordings_that_chance_put_elsewhere_are_trained_on(side: Split) -> None:
    placed, said = with_both_sides([track("a", side), track("b", side)], ["violin"], 4.0)
    assert len(names_on(placed, "train")) == len(names_on(placed, "valid")) == 1
    assert "trained on" in said[0]


def test_a_side_that_somebody_stated_is_never_trained_on() -> None:
    tracks = [track("a", "test", loose=False), track("b", "valid", loose=False)]
    assert with_both_sides(tracks, ["violin"], 4.0) == (tracks, [])


def test_no_mixture_reaches_into_the_other_part(tmp_path: Path) -> None:
    rate, frames = 8000, 80_000
    wave = np.full((1, frames), 0.1, np.float32)
    wave[:, 72_000:] = 0.5
    audio.write(tmp_path / "violin.wav", wave, rate, "PCM_16")
    files = {"violin": tmp_path / "violin.wav"}
    whole = Track("only", "only", "own", "CC0", files, frames, rate, "train", by_chance=True)
    begin, end = with_both_sides([whole], ["violin"], 0.5)[0]
    config = MixConfig(seconds=0.5, rate=rate, channels=1, level_db=None).plain()
    zeros = np.zeros(1, np.float32)
    for part, level in ((begin, 0.1), (end, 0.5)):
        data = MixtureDataset(
            [part], ["violin"], config, size=30, seed=0, conditions=lambda *_: zeros
        )
        heard = np.stack([data[k]["mixture"].numpy() for k in range(30)])
        np.testing.assert_allclose(heard, level, atol=1e-4)


@pytest.mark.parametrize("split", ["train", "valid"])
def test_a_silent_side_is_told_before_training(
    registry: Registry, tmp_path: Path, split: str
) -> None:
    write_tones(tmp_path / "tones")
    use = "validate" if split == "valid" else "train"
    for k, side in enumerate(["train", "train", "valid"]):
        if side == split:
            path = tmp_path / "tones" / f"track{k}" / "flute.wav"
            audio.write(path, np.zeros((1, 2 * RATE), np.float32), RATE, overwrite=True)
    with pytest.raises(DataError, match=rf"nothing to {use} flute on: .*flute.wav is silent"):
        fit(registry, request(tmp_path / "tones", tmp_path / "run"), silent)
    assert not (tmp_path / "run").exists()


def test_a_stem_that_sounds_at_its_end_is_none(tmp_path: Path) -> None:
    wave = np.zeros((1, 300_000), np.float32)
    wave[:, -1] = 0.1
    audio.write(tmp_path / "a.wav", wave, 8000)
    one = Track("a", "a", "own", "CC0", {"violin": tmp_path / "a.wav"}, 300_000, 8000, "valid")
    check_sound([one], ["violin"], "validate", Skipped())
    (tmp_path / "a.wav").write_bytes(b"no audio")
    with pytest.raises(DataError, match=r"nothing to validate violin on: .*a\.wav"):
        check_sound([one], ["violin"], "validate", Skipped())


def test_own_recordings_alone_train(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They, and a best checkpoint, which is there whatever its scores are."""
    time = np.arange(3 * RATE) / RATE
    for k in range(3):
        wave = 0.2 * np.sin(2 * np.pi * (300 + 40 * k) * time)[None].astype(np.float32)
        (tmp_path / "flute").mkdir(exist_ok=True)
        audio.write(tmp_path / "flute" / f"take {k}.wav", wave, RATE)
    takes = tmp_path / "flute"
    asked = request(
        takes, tmp_path / "run", instruments=("flute",), roots={"flute": takes}, max_steps=2
    )
    result = fit(registry, asked, silent)
    assert result.best.is_file()
    assert set(result.scores) == {"flute"}


def test_a_best_checkpoint_worse_than_silence_is_told(registry: Registry, tmp_path: Path) -> None:
    """An untrained mask is about a half everywhere: too much for an instrument that is quiet."""
    tones = write_tones(tmp_path / "tones")
    for path in tones.glob("*/flute.wav"):
        wave, rate = audio.read(path)
        audio.write(path, wave / 20, rate, overwrite=True)
    result = fit(
        registry, request(tones, tmp_path / "run", max_steps=1, learning_rate=1e-9), silent
    )
    assert result.scores["bass"]["sdr"] > 0 > result.scores["flute"]["sdr"]
    assert "worse than silence" in result.notes[-1]
    assert f"flute {result.scores['flute']['sdr']:.1f}" in result.notes[-1]
    assert "bass" not in result.notes[-1]
