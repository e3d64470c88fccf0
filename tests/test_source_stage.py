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


def test_an_evaluation_depends_on_where_instruments_are_looked_for(tmp_path: Path) -> None:
    given = separator(Quarters(), "vocals", "drums")
    weights = tmp_path / "weights"
    weights.write_bytes(b"1")
    checkpoint = replace(given.checkpoint, path=weights)
    found = []
    for place in ("drums", "other"):
        where, _ = places({"drums": [place]}, Quarters.sources, "other")
        assert given.first
        first = Sources(given.first.stage, weights, where)
        scorer = Scorer(Separator(checkpoint, {}, PLAIN, first=first), ("vocals", "drums"))
        found.append(Plan().settings(scorer))
    assert found[0]["source_model"] == found[1]["source_model"] == "quarters"
    assert found[0] != found[1]


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
