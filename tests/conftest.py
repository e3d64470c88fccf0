"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from timbresep.registry.arrival import Arrivals
from timbresep.registry.registry import Registry

# Tests run in parallel; one thread each is fastest, in training too (`timbresep.training.setup`).
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("TIMBRESEP_PLUGINS", None)


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The bundled plugins."""
    return Registry.load()


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def trusted_fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake backbone of `fakes.plugin` may run, as if registry.yaml trusted its folder."""
    told = Arrivals._trusted

    def trusted(arrivals: Arrivals, folder: Path) -> bool:
        return folder.name == "gain" or told(arrivals, folder)

    monkeypatch.setattr(Arrivals, "_trusted", trusted)
