"""Every bundled backbone keeps the contract, and so does one that knows nothing but it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from timbresep.backbone import MaskBackbone
from timbresep.film import FiLM
from timbresep.hookspecs import BackboneSpec
from timbresep.registry.registry import Registry
from timbresep.testing import BackboneConformance, TranscriberConformance

SPECS = {spec.name: spec for spec in Registry.load().backbones()}
SMALL = {"n_fft": 1024, "hop": 256, "width": 24, "hidden": 16, "layers": 1}


class TestRnnMask(BackboneConformance):
    spec = SPECS["rnn_mask"]
    arguments = SMALL


class TestRnnMaskWithEncoder(TestRnnMask):
    arguments = {**SMALL, "embedding": 10}


class TestRnnMaskWithRefinement(TestRnnMask):
    arguments = {**SMALL, "embedding": 10, "refinement": 16}


class TestUnetMask(BackboneConformance):
    spec = SPECS["unet_mask"]
    arguments = {"n_fft": 1024, "hop": 512, "width": 6, "hidden": 8, "embedding": 10}


class OwnEncoder(MaskBackbone):
    """A third party's network: it trusts that conditions have `condition_dim` values, no more."""

    def __init__(self, condition_dim: int) -> None:
        super().__init__(512, 256)
        self.sample_rate, self.channels, self.causal = 8000, 2, False
        self.condition_dim, self.chunk, self.context = condition_dim, 8000, 512
        self.encode = nn.Linear(self.stft.bins, 16)
        self.encode_condition = nn.Sequential(nn.Linear(condition_dim, 8), nn.Tanh())
        self.film = FiLM(8, 16)
        self.decode = nn.Linear(16, self.stft.bins)

    def trunk(self, magnitude: Tensor) -> Tensor:
        level: Tensor = self.encode((magnitude + 1e-4).log10().transpose(-1, -2))
        return level.unsqueeze(1)  # (batch, 1, channels, frames, 16)

    def masks(self, features: Tensor, conditions: Tensor) -> Tensor:
        codes = self.encode_condition(conditions)
        decoded = self.decode(torch.tanh(self.film(features, codes)))
        return torch.sigmoid(decoded).transpose(-1, -2)


class TestThirdParty(BackboneConformance):
    spec = BackboneSpec("own_encoder", "a third party's", OwnEncoder, {})


def test_every_bundled_backbone_is_tried() -> None:
    own = {name for name, spec in SPECS.items() if not spec.packages and spec.answers == "audio"}
    assert own == {kit.spec.name for kit in (TestRnnMask, TestUnetMask)}


def test_a_transcriber_has_a_kit_of_its_own() -> None:
    with pytest.raises(TypeError, match=r"'note_net' answers with notes.*TranscriberConformance"):
        type("TestNoteNet", (BackboneConformance,), {"spec": SPECS["note_net"]})
    with pytest.raises(TypeError, match=r"'rnn_mask' answers with audio.*BackboneConformance"):
        type("TestRnnMask", (TranscriberConformance,), {"spec": SPECS["rnn_mask"]})
