"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from core.registry import Registry

torch.set_num_threads(1)  # tests run in parallel; one thread each is fastest
os.environ.pop("TIMBRESEP_PLUGINS", None)


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The bundled plugins."""
    return Registry.load()


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[1]
