"""From solo recordings to a trained model, and on from an interruption."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from timbresep.ddsp import prepared
from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.training import TrainSettings, Upkeep, train
from timbresep.errors import CheckpointError, DataError

RANGE = (100.0, 1000.0)
TINY = DecoderConfig(rnn_channels=8, channels=8, n_harmonics=12, n_noise=9)
QUICK = TrainSettings(config=TINY, batch=2, seconds=0.4)


def solo(path: Path, rate: int = 44_100, notes: tuple[float, ...] = (220, 330, 440, 550)) -> Path:
    """Plucked notes of one second, each with a silence of 0.2 s behind it."""
    time = np.arange(rate) / rate
    parts = []
    for hz in notes:
        wave = sum(np.sin(2 * np.pi * hz * k * time) / k**2 for k in range(1, 8))
        parts += [0.3 * wave * np.exp(-2 * time), np.zeros(rate // 5)]
    soundfile.write(path, np.concatenate(parts).astype(np.float32), rate)
    return path


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("solos")
    files = [solo(folder / "a.wav"), solo(folder / "b.wav", 16_000, (275, 495, 660))]
    return prepared.prepare(files, RANGE, folder / "solos.safetensors")


def test_prepared_solos_hold_audio_and_features_on_one_grid(ready: Path) -> None:
    data = prepared.load(ready)
    assert data.audio.dtype == torch.int16
    assert len(data.audio) == 64 * data.frames
    assert data.ends.tolist() == [1200, 2100]
    assert data.metadata["files"] == ["a.wav", "b.wav"]
    note = data.f0_hz[30:200]
    assert (1200 * torch.log2(note / 220)).abs().median() < 20
    falls = data.loudness_db[40] - data.loudness_db[140]  # e^(−2 · 0.4 s) is −6.9 dB
    assert float(falls) == pytest.approx(6.9, abs=0.5)


def test_passages_keep_to_one_file_and_to_what_sounds(ready: Path) -> None:
    data = prepared.load(ready)
    starts = data.windows(250)
    assert len(starts) > 10
    assert not ((starts < 1200) & (starts + 250 > 1200)).any()


def test_preparing_again_changes_nothing_until_the_solos_do(tmp_path: Path) -> None:
    out, file = tmp_path / "s.safetensors", solo(tmp_path / "a.wav", 16_000, (220,))
    before = prepared.prepare([file], RANGE, out).stat().st_mtime_ns
    assert prepared.prepare([file], RANGE, out).stat().st_mtime_ns == before
    solo(file, 16_000, (330,))
    assert prepared.prepare([file], RANGE, out).stat().st_mtime_ns != before


def test_training_lowers_the_loss_and_reports(ready: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    report = train(
        ready,
        tmp_path / "m.safetensors",
        replace(QUICK, steps=100, learning_rate=1e-2),
        metadata={"licence": "CC0"},
        upkeep=Upkeep(on_step=lambda step, steps, loss: seen.append(step)),
    )
    assert report.steps == 100
    assert seen == list(range(1, 101))
    assert report.last_loss < 0.7 * report.first_loss
    model = DdspModel.load(tmp_path / "m.safetensors")
    assert model.metadata["licence"] == "CC0"
    assert model.metadata["training"]["steps"] == 100
    low, high = model.trained_range.f0_hz
    assert low == pytest.approx(220, rel=0.02)
    assert high == pytest.approx(660, rel=0.02)
    assert model.trained_range.loudness_db == tuple(sorted(model.trained_range.loudness_db))


def test_the_same_seed_gives_the_same_model_also_after_an_interruption(
    ready: Path, tmp_path: Path
) -> None:
    def weights(name: str) -> torch.Tensor:
        model = DdspModel.load(tmp_path / name)
        return torch.cat([value.flatten() for value in model.state_dict().values()])

    class InterruptedRunError(RuntimeError):
        pass

    def stop(step: int, steps: int, loss: float) -> None:
        if step == 3:
            raise InterruptedRunError

    state = tmp_path / "state.safetensors"
    six = replace(QUICK, steps=6)
    train(ready, tmp_path / "a", six)
    train(ready, tmp_path / "b", six)
    train(ready, tmp_path / "c", replace(six, seed=1))
    assert torch.equal(weights("a"), weights("b"))
    assert not torch.equal(weights("a"), weights("c"))

    with pytest.raises(InterruptedRunError):
        train(ready, tmp_path / "d", six, upkeep=Upkeep(state, every=2, on_step=stop))
    report = train(ready, tmp_path / "d", six, upkeep=Upkeep(state, resume=True))
    assert report.steps == 6
    assert torch.allclose(weights("a"), weights("d"), atol=2e-3)


def test_resuming_with_other_sizes_is_refused(ready: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.safetensors"
    train(ready, tmp_path / "a", replace(QUICK, steps=1), upkeep=Upkeep(state))
    other = replace(QUICK, steps=2, config=DecoderConfig(rnn_channels=4, channels=8))
    with pytest.raises(CheckpointError, match=r"state\.safetensors"):
        train(ready, tmp_path / "b", other, upkeep=Upkeep(state, resume=True))


def test_unusable_solos_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no solo"):
        prepared.prepare([], RANGE, tmp_path / "x")
    with pytest.raises(DataError, match=r"nowhere\.wav"):
        prepared.prepare([tmp_path / "nowhere.wav"], RANGE, tmp_path / "x")
    ready = prepared.prepare([solo(tmp_path / "a.wav", 16_000)], RANGE, tmp_path / "a")
    with pytest.raises(DataError, match=r"longest solo lasts 4\.8 s, a passage 10 s"):
        train(ready, tmp_path / "m", replace(QUICK, seconds=10.0))
    (tmp_path / "cut").write_bytes(ready.read_bytes()[:5000])
    with pytest.raises(DataError, match="cut"):
        train(tmp_path / "cut", tmp_path / "m", QUICK)
