"""The conformance kit for backbones that separate: one that passes can be trained and adapted."""

from __future__ import annotations

from typing import ClassVar

import torch

from timbresep.backbone import Answer, Backbone
from timbresep.losses import waveform_loss
from timbresep.testing.conditioned import ConditionedConformance, noise


class BackboneConformance(ConditionedConformance):
    """What every backbone that answers with audio keeps (`timbresep.backbone.Backbone`).

    A plugin's test is a subclass, for example::

        from my_plugin import SPEC
        from timbresep.testing import BackboneConformance


        class TestMyNetwork(BackboneConformance):
            spec = SPEC
            arguments = {"hidden": 16}

    Attributes:
        spec: the backbone on offer.
        arguments: those that differ from its defaults; small sizes make the tests quick.
        condition_dim: length of the condition vectors that it is tried with.
    """

    answers: ClassVar[Answer] = "audio"

    def shape(self, network: Backbone, samples: int) -> tuple[int, ...]:
        """A stem is as long as the mixture: ``(channels, samples)``."""
        return network.channels, samples

    def test_silence_in_silence_out(self) -> None:
        """Where nothing sounds, no stem does."""
        network = self.trained()
        x = torch.zeros(1, network.channels, 4000)
        assert network(x, self.conditions()).abs().max() == 0

    def test_its_loss_is_that_of_its_waveforms(self) -> None:
        """A loss of its own means the same, with mixture consistency and without."""
        network = self.trained()
        x, conditions = noise(network, batch=2), self.conditions(2, 2)
        part = 0.5 + 0.4 * torch.sin(torch.arange(x.shape[-1]) / 1000)
        targets = torch.stack([part * x, (1 - part) * x], dim=1)
        for weight in (0.0, 1.0):
            loss = network.loss(x, conditions, targets, weight)
            expected = waveform_loss(network(x, conditions), targets, x, weight)
            assert abs(loss.item() - expected.item()) < 0.3, "dB"
            (gradient,) = torch.autograd.grad(loss, next(network.parameters()))
            assert torch.isfinite(gradient).all()
