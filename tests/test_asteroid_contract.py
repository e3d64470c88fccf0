"""Asteroid's networks keep the contract of backbones."""

from __future__ import annotations

import pytest

from test_asteroid import SMALL
from timbresep.registry.registry import Registry
from timbresep.testing import BackboneConformance

pytest.importorskip("asteroid_filterbanks")
SPEC = Registry.load().backbone


class TestConvTasNet(BackboneConformance):
    spec = SPEC("asteroid_convtasnet")
    arguments = SMALL["asteroid_convtasnet"]


class TestDPRNN(BackboneConformance):
    spec = SPEC("asteroid_dprnn")
    arguments = SMALL["asteroid_dprnn"]


class TestSuDORMRF(BackboneConformance):
    spec = SPEC("asteroid_sudormrf")
    arguments = SMALL["asteroid_sudormrf"]


def test_every_network_of_asteroids_is_tried() -> None:
    offered = {spec.name for spec in Registry.load().backbones() if "asteroid" in spec.packages}
    assert offered == {kit.spec.name for kit in (TestConvTasNet, TestDPRNN, TestSuDORMRF)}
