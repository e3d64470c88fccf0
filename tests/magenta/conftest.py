"""Tests that run Magenta's own code; without it they are skipped (`make test-magenta` has it)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from timbresep.ddsp.magenta import environment

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip all of them where Magenta is not installed."""
    missing = [name for name in ("tensorflow", "ddsp") if importlib.util.find_spec(name) is None]
    for item in items:
        if HERE in item.path.parents:
            reason = f"needs {' and '.join(missing)}: make test-magenta"
            item.add_marker(pytest.mark.skipif(bool(missing), reason=reason))


@pytest.fixture(scope="session", autouse=True)
def magenta() -> None:
    """TensorFlow, imported as ddsp needs it."""
    environment.load()
