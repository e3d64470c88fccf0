"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from core.registry import Registry

# Tests run in parallel; one thread each is fastest, in training too (`core.processor`).
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
