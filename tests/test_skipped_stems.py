"""A stem that cannot be read where it is drawn is skipped, told once and counted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from timbresep import audio
from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.feed import feed
from timbresep.data.mixing.mixer import MixtureDataset
from timbresep.data.skipped import Skipped
from timbresep.data.track import Track
from timbresep.errors import DataError

RATE = 16_000
SECONDS = 4
NAMES = ("bass", "flute")


def conditions(index: int, rng: np.random.Generator) -> np.ndarray:
    return np.full(3, index + rng.random(), dtype=np.float32)


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: 2 * len(data) // 3])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for k in range(len(data) // 2, len(data) // 2 + 40):
        data[k] ^= 0xFF
    path.write_bytes(data)


def spoil(value: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        wave, rate = audio.read(path)
        wave[:, wave.shape[1] // 2] = value
        path.unlink()
        soundfile.write(path.with_suffix(".wav"), wave.T, rate, subtype="FLOAT")
        path.with_suffix(".wav").rename(path)

    return write


DAMAGE = {"cut": cut, "flipped": flip, "nan": spoil(np.nan), "huge": spoil(3e38)}


@pytest.fixture
def tracks(tmp_path: Path) -> list[Track]:
    """Three tracks of noise in FLAC."""
    made = []
    for k in range(3):
        rng = np.random.default_rng(k)
        stems = {name: tmp_path / f"{k}-{name}.flac" for name in NAMES}
        for path in stems.values():
            wave = 0.1 * rng.standard_normal((1, SECONDS * RATE))
            audio.write(path, wave.astype(np.float32), RATE, "PCM_16")
        made.append(Track(f"t{k}", f"p{k}", "noise", "MIT", stems, SECONDS * RATE, RATE, "train"))
    return made


def dataset(tracks: list[Track], size: int = 64, **options: object) -> MixtureDataset:
    config = MixConfig.model_validate({"seconds": 2.0, "rate": RATE, **options})
    return MixtureDataset(tracks, NAMES, config, size=size, seed=0, conditions=conditions)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("workers", [0, 1])
def test_mixing_goes_on_and_the_file_is_told_once(
    tracks: list[Track], damage: str, workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    DAMAGE[damage](tracks[0].stems["bass"])
    skipped = Skipped()
    with caplog.at_level(logging.WARNING, "timbresep"):
        batches = list(feed(dataset(tracks), 4, skipped, workers))
    assert len(batches) == 16
    for batch in batches:
        assert batch["mixture"].shape[0] == 4
        assert all(torch.isfinite(tensor).all() for tensor in batch.values())
        assert (batch["mixture"].abs().amax(dim=(1, 2)) > 0.01).all()
    assert [r.message.count("0-bass.flac") for r in caplog.records] == [1]
    assert list(skipped.reasons) == [tracks[0].stems["bass"]]
    assert skipped.mixtures.total() > 1
    assert f"1 stems could not be read, {skipped.mixtures.total()} times" in skipped.summary()


@pytest.mark.parametrize("memory_mb", [0.0, 512.0])
def test_what_is_skipped_follows_from_the_number_only(
    tracks: list[Track], memory_mb: float
) -> None:
    """A resumed run, and one with other memory, mixes what the first one did."""
    cut(tracks[0].stems["bass"])
    spoil(np.nan)(tracks[1].stems["flute"])
    whole = [dataset(tracks)[k] for k in range(64)]
    resumed = dataset(tracks, memory_mb=memory_mb)
    for k in range(32, 64):
        for key, tensor in resumed[k].items():
            assert torch.equal(tensor, whole[k][key]), (k, key)


def test_undamaged_windows_of_a_damaged_file_are_heard(tracks: list[Track]) -> None:
    spoil(np.nan)(tracks[0].stems["bass"])
    only = dataset([tracks[0]], coherent_share=1.0, absent_share=0.0, pitch_share=0.0)
    heard = [only[k]["targets"][:, 0].any() for k in range(24)]
    assert all(heard)


@pytest.mark.parametrize("workers", [0, 1])
def test_nothing_but_damage_is_one_clear_line(tracks: list[Track], workers: int) -> None:
    for track in tracks:
        for path in track.stems.values():
            path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"no mixture for '\w+'.*flac") as caught:
        list(feed(dataset(tracks), 4, Skipped(), workers))
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_file_that_vanishes_is_skipped(tracks: list[Track]) -> None:
    gone = replace(tracks[0], stems={**tracks[0].stems, "bass": Path("nowhere.flac")})
    data = dataset([gone, *tracks[1:]])
    assert all(data[k]["mixture"].any() for k in range(24))
    assert list(data.skipped.reasons) == [Path("nowhere.flac")]
