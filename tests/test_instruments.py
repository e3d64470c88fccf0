"""Every bundled instrument keeps the contract, and all of them together are told apart."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pydantic
import pytest
import yaml

from timbresep.instrument import InstrumentConfig
from timbresep.registry.registry import Registry
from timbresep.testing import InstrumentConformance

INSTRUMENTS = {instrument.name: instrument for instrument in Registry.load().instruments()}

globals().update(  # a class an instrument
    {
        f"Test_{name}": type(f"Test_{name}", (InstrumentConformance,), {"folder": item.folder})
        for name, item in INSTRUMENTS.items()
    }
)


def test_instruments_are_pairwise_distinct() -> None:
    for one, two in itertools.combinations(INSTRUMENTS.values(), 2):
        distance = np.sqrt(np.mean((one.condition() - two.condition()) ** 2))
        assert distance > 0.05, f"{one.name} and {two.name}"


def test_names_and_aliases_are_unambiguous() -> None:
    names = [name for i in INSTRUMENTS.values() for name in (i.name, *i.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("line", "expected"),
    [("f0_range: null", None), ("f0_range: [100.0, 200.0]", (100.0, 200.0))],
)
def test_pitch_range_may_be_null(line: str, expected: tuple[float, float] | None) -> None:
    assert InstrumentConfig.model_validate(described(line)).f0_range == expected


@pytest.mark.parametrize("line", ["", "f0_range: [200.0, 100.0]", "f0_range: [0.0, 100.0]"])
def test_pitch_range_must_be_stated_and_in_order(line: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="f0_range"):
        InstrumentConfig.model_validate(described(line))


def described(line: str) -> dict[str, object]:
    """An `instrument.yaml` with the given line."""
    return yaml.safe_load(f"name: gong\nlicences: {{weights: MIT, data: []}}\n{line}\n")


def test_the_bundled_conditions_are_those_that_separators_were_trained_with() -> None:
    """Whoever measures them anew, trains the shipped separator anew, and changes this digest."""
    vectors = b"".join(INSTRUMENTS[name].condition().tobytes() for name in sorted(INSTRUMENTS))
    assert hashlib.sha256(vectors).hexdigest()[:16] == "736c80770d7f5cbb"
