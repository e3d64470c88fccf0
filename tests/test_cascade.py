"""A separator that has a source model before its network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fakes import PLAIN, RATE, GainBackbone, loaded
from timbresep.separation.separator import Separator
from timbresep.separation.sources import Sources, SourceStage, places
from timbresep.source_model import SourceModel


class Shares(SourceModel):
    """Gives the singer 0.6 of every sample and the rest 0.4."""

    sources, sample_rate, channels, chunk, context = ("vocals", "rest"), RATE, 2, 8000, 100

    def forward(self, mixture: Tensor) -> Tensor:
        return mixture.unsqueeze(1) * torch.tensor([0.6, 0.4])[:, None, None]


@pytest.mark.parametrize("changes", [{}, {"mixture_consistency": True}])
def test_stems_estimated_by_themselves_come_from_their_sources(changes: dict[str, bool]) -> None:
    found, _ = places({"vocals": ["vocals"], "bass": ["rest"]}, Shares.sources, "rest")
    first = Sources(SourceStage(Shares(), "shares", "cpu"), Path(), found)
    checkpoint = loaded(GainBackbone(3), vocals=0.5, bass=0.5)
    separator = Separator(checkpoint, {}, PLAIN, first=first).with_options(**changes)
    wave = np.random.default_rng(0).normal(0, 0.1, (2, 2 * RATE)).astype(np.float32)
    stems = separator.separate(wave, RATE, ["vocals", "bass"])
    if changes:
        np.testing.assert_allclose(stems["vocals"] + stems["bass"], wave, atol=1e-4)
    else:
        np.testing.assert_allclose(stems["vocals"], 0.6 * wave, atol=1e-4)
        np.testing.assert_allclose(stems["bass"], 0.5 * 0.4 * wave, atol=1e-4)
