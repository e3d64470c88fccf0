"""A source model as a first stage: options of all kinds, and mixtures that cannot be computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fakes import PLAIN, RATE, GainBackbone, loaded
from timbresep.errors import AudioError, TimbresepError
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


@pytest.mark.parametrize("own", [RATE, RATE // 2])
def test_a_mixture_at_the_limit_of_floats_is_too_loud(own: int) -> None:
    model = Quarters()
    model.sample_rate = own
    with pytest.raises(AudioError, match="the mixture is too loud"):
        separator(model, "vocals", "drums").separate(noise(3.4e38), 6 * RATE)


def test_a_device_without_memory_is_one_line() -> None:
    with pytest.raises(TimbresepError, match="not enough memory on cpu"):
        separator(Full(), "vocals", "drums").separate(noise(), RATE)
