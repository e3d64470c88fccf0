"""A source model as a first stage: options of all kinds, and mixtures that cannot be computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fakes import PLAIN, RATE, GainBackbone, loaded
from timbresep.errors import AudioError, TimbresepError
from timbresep.evaluation.plan import Plan
from timbresep.evaluation.score import Scorer
from timbresep.separation.separator import Separator
from timbresep.separation.settings import settings_of
from timbresep.separation.sources import Sources, SourceStage, places
from timbresep.source_model import SourceModel

PARTS = (0.4, 0.3, 0.2, 0.1)


class Quarters(SourceModel):
    """Gives four sources their parts of every sample."""

    sources, sample_rate, channels = ("vocals", "drums", "bass", "other"), RATE, 2
    chunk, context = 8000, 100

    def forward(self, mixture: Tensor) -> Tensor:
        return mixture.unsqueeze(1) * torch.tensor(PARTS)[:, None, None]


class Full(Quarters):
    """Has no memory left."""

    def forward(self, mixture: Tensor) -> Tensor:
        raise torch.OutOfMemoryError


def separator(model: SourceModel, *instruments: str) -> Separator:
    found, _ = places({name: [name] for name in instruments}, model.sources, "other")
    first = Sources(SourceStage(model, "quarters", "cpu"), Path(), found)
    conditions = dict.fromkeys(instruments, 0.5)
    return Separator(loaded(GainBackbone(3), **conditions), {}, PLAIN, first=first)


def noise(level: float = 0.1) -> np.ndarray:
    wave = np.random.default_rng(0).normal(0, 1, (2, 2 * RATE))
    return (level * wave / np.abs(wave).max()).astype(np.float32)


def test_stems_of_many_sources_are_estimated_by_themselves() -> None:
    stems = separator(Quarters(), "vocals", "drums", "flute").separate(noise(), RATE)
    np.testing.assert_allclose(stems["vocals"], 0.4 * noise(), atol=1e-4)
    np.testing.assert_allclose(stems["drums"], 0.3 * noise(), atol=1e-4)


def settings_in(folder: Path, *, weights: bytes, place: str) -> tuple[object, object]:
    """The settings of an evaluation, and those of stems, by a chain."""
    given = separator(Quarters(), "vocals", "drums")
    file = folder / "weights"
    file.write_bytes(weights)
    where, _ = places({"drums": [place]}, Quarters.sources, "other")
    assert given.first
    first = Sources(given.first.stage, file, where)
    (folder / "network").write_bytes(b"1")
    checkpoint = replace(given.checkpoint, path=folder / "network")
    model = Separator(checkpoint, {}, PLAIN, first=first)
    names = ("vocals", "drums")
    return Plan().settings(Scorer(model, names)), settings_of(model, names)


def test_scores_and_stems_depend_on_the_source_model_and_its_places(tmp_path: Path) -> None:
    one = settings_in(tmp_path, weights=b"1", place="drums")
    assert one == settings_in(tmp_path, weights=b"1", place="drums")
    others = [
        settings_in(tmp_path, weights=b"1", place="other"),
        settings_in(tmp_path, weights=b"2", place="drums"),
    ]
    for of_scores, of_stems in others:
        assert of_scores != one[0]
        assert of_stems != one[1]


@pytest.mark.parametrize("own", [RATE, RATE // 2])
def test_stems_of_sources_at_another_rate_are_in_time(own: int) -> None:
    model = Quarters()
    model.sample_rate = own
    time = np.arange(2 * RATE + 1) / (6 * RATE)
    wave = np.stack([np.sin(300 * time), np.cos(700 * time)]).astype(np.float32)
    stems = separator(model, "vocals", "drums").separate(wave, 6 * RATE)
    inside = slice(2000, -2000)
    np.testing.assert_allclose(stems["drums"][:, inside], 0.3 * wave[:, inside], atol=1e-3)


@pytest.mark.parametrize("own", [RATE, RATE // 2])
def test_a_mixture_at_the_limit_of_floats_is_too_loud(own: int) -> None:
    model = Quarters()
    model.sample_rate = own
    with pytest.raises(AudioError, match="the mixture is too loud"):
        separator(model, "vocals", "drums").separate(noise(3.4e38), 6 * RATE)


def test_a_device_without_memory_is_one_line() -> None:
    with pytest.raises(TimbresepError, match="not enough memory on cpu"):
        separator(Full(), "vocals", "drums").separate(noise(), RATE)
