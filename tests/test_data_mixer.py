"""Mixtures are exact sums, targets go by name, and everything follows from the seed."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
import torch

from timbresep import audio
from timbresep.data.mixing.augmentation import augment
from timbresep.data.mixing.config import MixConfig
from timbresep.data.mixing.mixer import MixtureDataset
from timbresep.data.reader import StemReader
from timbresep.data.track import Track
from timbresep.errors import DataError
from timbresep.level import LEVEL_DB

RATE = 16_000
HZ = {"accordion": 200.0, "bass": 330.0, "violin": 440.0, "zither": 700.0}
BARE = {"eq_share": 0.0, "reverb_share": 0.0, "pitch_share": 0.0, "centred_share": 1.0}
BARE |= {"absent_share": 0.0, "level_db": None}


def conditions(index: int, rng: np.random.Generator) -> np.ndarray:
    return np.full(3, index + rng.random(), dtype=np.float32)


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> list[Track]:
    """Four tracks of 3 s; in each, every stem is a sine at the frequency of its name."""
    root = tmp_path_factory.mktemp("tracks")
    time = np.arange(3 * RATE) / RATE
    made = []
    for k in range(4):
        stems = {}
        for name, hz in HZ.items():
            stems[name] = root / f"{k}-{name}.wav"
            wave = 0.1 * np.sin(2 * np.pi * hz * time + k)[None].astype(np.float32)
            audio.write(stems[name], wave, RATE, "FLOAT")
        made.append(Track(f"t{k}", f"p{k}", "sines", "MIT", stems, 3 * RATE, RATE, "train"))
    return made


def dataset(
    tracks: list[Track], names: list[str], seed: int = 0, size: int = 40, **options: object
) -> MixtureDataset:
    config = MixConfig.model_validate({"seconds": 1.0, "rate": RATE, **options})
    return MixtureDataset(tracks, names, config, size=size, seed=seed, conditions=conditions)


def peak_hz(wave: torch.Tensor) -> float:
    spectrum = torch.fft.rfft(wave * torch.hann_window(len(wave)), n=16 * len(wave)).abs()
    return float(spectrum.argmax()) * RATE / (16 * len(wave))


@pytest.mark.parametrize("coherent", [0.0, 1.0])
def test_targets_are_picked_by_name(tracks: list[Track], coherent: float) -> None:
    """By sorted index, the only name asked for would be the accordion, an accompaniment."""
    data = dataset(tracks, ["violin"], coherent_share=coherent, **BARE)
    for k in range(len(data)):
        item = data[k]
        assert item["instruments"].tolist() == [0]
        assert peak_hz(item["targets"][0, 0]) == pytest.approx(HZ["violin"], abs=1.0)


@pytest.mark.parametrize("channels", [1, 2])
def test_mixture_is_the_sum_of_its_stems(tracks: list[Track], channels: int) -> None:
    options = {"channels": channels, "targets": 4, "stems": (2, 4), "gain_db": (0.0, 20.0)}
    data = dataset(tracks, list(HZ), **options)
    for k in range(len(data)):
        item = data[k]
        assert item["mixture"].shape == (channels, RATE)
        assert item["targets"].shape == (4, channels, RATE)
        assert len(set(item["instruments"].tolist())) == 4
        error = item["mixture"] - item["targets"].sum(0)
        assert float(error.abs().max()) < 1e-6
        assert float(item["mixture"].abs().max()) <= 1.0


def test_item_follows_from_seed_and_number_only(tracks: list[Track]) -> None:
    data, again = dataset(tracks, list(HZ)), dataset(tracks, list(HZ), size=10, memory_mb=0)
    other = dataset(tracks, list(HZ), seed=1)
    data[3]  # what was drawn before makes no difference
    first, second, third = data[7], again[7], other[7]
    assert first["instruments"].tolist() == second["instruments"].tolist()
    torch.testing.assert_close(first["conditions"], second["conditions"], rtol=0, atol=0)
    torch.testing.assert_close(first["mixture"], second["mixture"], rtol=0, atol=0)
    assert not torch.equal(first["mixture"], third["mixture"])
    with pytest.raises(IndexError):
        again[10]


def test_coherent_mixtures_are_one_track_and_incoherent_ones_are_not(tracks: list[Track]) -> None:
    data = dataset(tracks, list(HZ), coherent_share=1.0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        picks = data.planner.picks("violin", present=True, rng=rng)
        assert len({(pick.track.name, pick.start, pick.semitones) for pick in picks}) == 1
    data = dataset(tracks, list(HZ), coherent_share=0.0)
    origins = {
        p.track.name for _ in range(20) for p in data.planner.picks("violin", present=True, rng=rng)
    }
    assert len(origins) == 4


def test_share_of_absent_targets(tracks: list[Track]) -> None:
    data = dataset(
        tracks, ["violin"], size=300, coherent_share=0.5, targets=1, **BARE | {"absent_share": 0.3}
    )
    items = [data[k] for k in range(300)]
    silent = np.mean([not item["targets"].any() for item in items])
    assert 0.2 < silent < 0.4
    assert all(item["mixture"].any() for item in items)


@pytest.mark.parametrize("semitones", [2.0, -2.0])
def test_pitch_shift_moves_a_tone_by_its_semitones(
    tracks: list[Track], monkeypatch: pytest.MonkeyPatch, semitones: float
) -> None:
    data = dataset(tracks, ["violin"], **BARE)
    monkeypatch.setattr(data.planner, "_semitones", lambda rng: semitones)
    expected = HZ["violin"] * 2 ** (semitones / 12)
    assert peak_hz(data[0]["targets"][0, 0]) == pytest.approx(expected, abs=0.5)


def test_stems_of_a_mixture_are_out_of_tune_by_themselves(tracks: list[Track]) -> None:
    options = BARE | {"detune_cents": 40.0, "coherent_share": 1.0, "stems": (2, 2), "targets": 2}
    data = dataset(tracks, ["bass", "violin"], **options)
    cents = []
    for item in (data[k] for k in range(len(data))):
        if item["targets"].any(dim=(1, 2)).all():
            names = [data.names[i] for i in item["instruments"].tolist()]
            found = [peak_hz(wave[0]) for wave in item["targets"]]
            shift = [np.log2(hz / HZ[name]) for hz, name in zip(found, names, strict=True)]
            cents.append(1200 * np.array(shift))
    assert len(cents) > 5
    assert 20 < np.abs(cents).max() < 45
    assert np.abs(np.diff(cents, axis=1)).max() > 10


def test_gain_and_pan_stay_in_bounds(tracks: list[Track]) -> None:
    options = {"gain_db": (-6.0, 3.0), "pan": 0.5, "stems": (2, 2)}
    data = dataset(tracks, ["violin"], targets=1, **BARE | {"centred_share": 0.0} | options)
    ratios = []
    for k in range(len(data)):
        power = data[k]["targets"][0].square().mean(dim=1)  # (2,)
        gain_db = 10 * float(torch.log10(power.sum() / 2 / (0.1**2 / 2)))
        assert -6.1 < gain_db < 3.1
        ratios.append(float(torch.atan2(power[1].sqrt(), power[0].sqrt()) / (np.pi / 4) - 1))
    assert max(ratios) <= 0.51
    assert min(ratios) >= -0.51
    assert max(ratios) - min(ratios) > 0.5


def test_augmentation_keeps_the_tone_and_bounds_its_level(tracks: list[Track]) -> None:
    data = dataset(
        tracks, ["violin"], targets=1, **BARE | {"eq_share": 1.0, "eq_db": 6.0, "gain_db": (0, 0)}
    )
    levels = []
    for k in range(len(data)):
        target = data[k]["targets"][0, 0]
        assert peak_hz(target) == pytest.approx(HZ["violin"], abs=1.0)
        middle = target[RATE // 4 : -RATE // 4]
        levels.append(10 * float(torch.log10(middle.square().mean() / (0.1**2 / 2))))
    assert max(np.abs(levels)) < 6.5
    assert np.std(levels) > 0.5


def test_mixtures_have_the_level_that_music_is_separated_at(tracks: list[Track]) -> None:
    data, natural = (
        dataset(tracks, ["violin"], targets=1, **BARE | {"stems": (2, 2), "level_db": level})
        for level in (LEVEL_DB, None)
    )
    for k in range(5):
        power = data[k]["mixture"].square().mean()
        assert 10 * float(torch.log10(power)) == pytest.approx(LEVEL_DB, abs=0.01)
        share = data[k]["targets"].square().mean() / power
        expected = natural[k]["targets"].square().mean() / natural[k]["mixture"].square().mean()
        assert float(share) == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("semitones", [-4.0, 4.0])
def test_moved_resonances_leave_pitch_and_level(semitones: float) -> None:
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal(2 * RATE))
    hz = np.fft.rfftfreq(2 * RATE, 1 / RATE)
    body = 10 ** (-((12 * np.log2(np.maximum(hz, 1) / 1000)) ** 2) / 200)  # resonance at 1 kHz
    tone = 0.02 * np.sin(2 * np.pi * 500 * np.arange(2 * RATE) / RATE)
    wave = (np.fft.irfft(spectrum * body) + tone)[None].astype(np.float32)
    moved = augment(wave, RATE, rng, formants=semitones)

    def centre(x: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(x[0])) ** 2
        return float((np.log2(hz[1:]) * power[1:]).sum() / power[1:].sum())

    assert 12 * (centre(moved) - centre(wave)) == pytest.approx(semitones, rel=0.3)
    assert 10 * np.log10((moved**2).mean() / (wave**2).mean()) == pytest.approx(0, abs=0.5)
    around = (hz > 480) & (hz < 520)
    assert hz[around][np.abs(np.fft.rfft(moved[0]))[around].argmax()] == pytest.approx(500, abs=1)


def test_plain_mixtures_are_whole_tracks_in_balance(tracks: list[Track]) -> None:
    config = MixConfig(seconds=1.0, rate=RATE, targets=4, level_db=None).plain()
    item = MixtureDataset(tracks, list(HZ), config, size=3, seed=0, conditions=conditions)[1]
    rms = item["targets"].square().mean(dim=(1, 2)).sqrt()
    torch.testing.assert_close(rms, torch.full((4,), 0.1 / 2**0.5), rtol=0.02, atol=0)
    assert torch.equal(item["mixture"][0], item["mixture"][1])


def test_a_track_at_another_rate_is_resampled(tracks: list[Track]) -> None:
    data = dataset(tracks, ["violin"], **BARE | {"rate": 2 * RATE})
    target = data[0]["targets"][0, 0]
    assert target.shape == (2 * RATE,)
    assert 2 * peak_hz(target) == pytest.approx(HZ["violin"], abs=1.0)


def test_a_window_longer_than_the_track_ends_in_silence(tracks: list[Track]) -> None:
    item = dataset(tracks, ["violin"], **BARE | {"seconds": 4.0})[0]
    assert not item["mixture"][:, round(3.1 * RATE) :].any()


def test_reader_reads_the_same_from_memory_and_disk(tracks: list[Track]) -> None:
    path = tracks[0].stems["bass"]
    kept, sought = StemReader(10.0), StemReader(0.0)
    for start in (0, 1234, 3 * RATE - 100):
        a, b = (reader.window(path, start, 400, 3 * RATE) for reader in (kept, sought))
        assert a.shape == (1, 400)
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_a_name_without_stems_is_refused(tracks: list[Track]) -> None:
    with pytest.raises(DataError, match="'flute'"):
        dataset(tracks, ["violin", "flute"])


def test_solos_are_mixed_with_others_and_never_alone(tracks: list[Track]) -> None:
    """A coherent mixture of a single stem would be its own target and teach nothing."""
    solos = [
        Track(f"{t.name}-{name}", t.name, "solo", "MIT", {name: path}, t.frames, RATE, "train")
        for t in tracks
        for name, path in t.stems.items()
    ]
    data = dataset(solos, ["violin"], coherent_share=1.0, **BARE)
    for k in range(12):
        item = data[k]
        rest = item["mixture"] - item["targets"][0]
        assert float(rest.abs().max()) > 0.01
    absent = dataset(solos, ["violin"], coherent_share=1.0, **{**BARE, "absent_share": 1.0})
    assert not absent[0]["targets"].any()
    assert absent[0]["mixture"].any()


def test_every_setting_has_a_sentence_of_its_own() -> None:
    """The reference of settings is made of the docstring."""
    text = inspect.cleandoc(MixConfig.__doc__ or "").partition("Attributes:\n")[2]
    entries = dict(re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", text, re.MULTILINE))
    assert list(entries) == list(MixConfig.model_fields)
    assert all(sentence.endswith(".") for sentence in entries.values())
