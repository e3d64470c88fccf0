"""Terms that follow the data into the weights are told."""

from __future__ import annotations

import pytest

from timbresep.data import licences
from timbresep.data.sources.kinds import KINDS


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC BY-NC-SA 4.0", True),
        ("Creative Commons NonCommercial", True),
        ("for academic purposes", True),
        (KINDS["musdb"].licence, True),
        (KINDS["medleydb"].licence, True),
        (KINDS["moisesdb"].licence, True),
        (KINDS["slakh"].licence, False),
        ("MIT (rendered with FluidR3 GM)", False),
        ("CC BY-SA 3.0", False),
        ("GPL-2+ with an exception for music, FreePats", False),
        ("CC0, INC.", False),
    ],
)
def test_non_commercial_terms_are_recognised(licence: str, expected: bool) -> None:
    assert licences.is_non_commercial(licence) is expected


def test_each_kind_of_terms_is_told_once_with_its_sources() -> None:
    ledger = [
        {"sound_source": "MUSDB18", "licence": "CC BY-NC 4.0", "tracks": 86},
        {"sound_source": "Muldjord", "licence": "CC BY-SA 3.0"},
        {"sound_source": "mine", "licence": "unknown"},
        {"sound_source": "FluidR3", "licence": "MIT"},
    ]
    commercial, share, unknown = licences.warnings(ledger)
    assert "non-commercial" in commercial
    assert "MUSDB18 (CC BY-NC 4.0)" in commercial
    assert "Muldjord" in share
    assert "mine (unknown)" in unknown
    assert licences.warnings(ledger[3:]) == []
