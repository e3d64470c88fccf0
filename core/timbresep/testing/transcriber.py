"""The conformance kit for transcribers: one that passes can be trained, adapted and chained."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from timbresep.backbone import Answer, Backbone
from timbresep.testing.conditioned import ConditionedConformance, close, noise
from timbresep.transcriber import KINDS, PRESENT_WEIGHT, SOUNDING, Transcriber
from timbresep.units import midi_to_hz

STEPS, ROUNDS = 8, 5  # a tone is learned in so many steps, in so many rounds at most


class TranscriberConformance(ConditionedConformance):
    """What every backbone that answers with notes keeps (`timbresep.transcriber.Transcriber`).

    A plugin's test is a subclass, for example::

        from my_plugin import SPEC
        from timbresep.testing import TranscriberConformance


        class TestMyTranscriber(TranscriberConformance):
            spec = SPEC
            arguments = {"width": 8}

    Attributes:
        spec: the transcriber on offer.
        arguments: those that differ from its defaults; small sizes make the tests quick.
        condition_dim: length of the condition vectors that it is tried with.
    """

    answers: ClassVar[Answer] = "notes"

    def network(self) -> Transcriber:
        """The network as it is at the start of every training."""
        return transcriber(super().network())

    def trained(self) -> Transcriber:
        """A network whose FiLM layers have left the identity, in eval mode."""
        return transcriber(super().trained())

    def shape(self, network: Backbone, samples: int) -> tuple[int, ...]:
        """Probabilities ``(2, pitches, frames)``: the last frame begins before the end."""
        network = transcriber(network)
        return KINDS, network.pitches, -(-samples // network.hop)

    def test_its_frames_and_pitches_are_those_of_music(self) -> None:
        """It says which frames and pitches it hears, and counts frames as it answers."""
        network = self.network()
        assert 0 < network.hop <= network.chunk
        assert network.lowest >= 0
        assert network.pitches > 0
        assert network.lowest + network.pitches <= 128, "keys of MIDI"
        for samples in (1, network.hop, network.hop + 1):
            assert network.frames(samples) == -(-samples // network.hop)

    def test_it_answers_with_probabilities(self) -> None:
        """From 0 to 1, and those of its log odds; of silence, too."""
        network = self.trained()
        for x in (noise(network), torch.zeros(1, network.channels, 4000)):
            conditions = self.conditions()
            answers = network(x, conditions)
            assert answers.dtype == torch.float32
            assert answers.min() >= 0
            assert answers.max() <= 1
            close(answers, torch.sigmoid(network.logits(x, conditions).float()))

    def test_its_loss_is_the_cross_entropy_of_its_answers(self) -> None:
        """Summed over pitches, the mean over frames, with what is there weighted."""
        network = self.trained()
        x, conditions = noise(network, batch=2), self.conditions(2, 2)
        odds = network.logits(x, conditions).float()
        targets = torch.rand(odds.shape) * (torch.rand(odds.shape) < 0.1)
        there, absent = targets * logsigmoid(odds), (1 - targets) * logsigmoid(-odds)
        expected = -(PRESENT_WEIGHT * there + absent).sum(dim=3).mean()
        loss = network.loss(x, conditions, targets)
        torch.testing.assert_close(loss, expected, atol=1e-4, rtol=1e-4)
        (gradient,) = torch.autograd.grad(loss, next(network.parameters()))
        assert torch.isfinite(gradient).all()

    def test_it_learns_a_tone(self) -> None:
        """A few steps on one tone: the loss falls, and its pitch rises above the others."""
        network = self.network()
        pitch = network.pitches // 2
        x, conditions = tone(network, network.lowest + pitch), self.conditions(2, 1)
        before = network.eval()(x, conditions)[:, :, SOUNDING].mean(dim=(0, 1, 3))
        targets = torch.zeros_like(network(x, conditions))
        targets[:, :, SOUNDING, pitch] = 1.0
        optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
        losses: list[float] = []
        rise = torch.zeros_like(before)  # (pitches,)
        for _ in range(ROUNDS):
            losses += steps(network, x, conditions, targets, optimizer)
            rise = network.eval()(x, conditions)[:, :, SOUNDING].mean(dim=(0, 1, 3)) - before
            if rise[pitch] > 0 and int(rise.argmax()) == pitch:
                break
        assert losses[-1] < losses[0], "the loss does not fall"
        assert rise[pitch] > 0, "the pitch of the tone does not rise"
        assert int(rise.argmax()) == pitch, "another pitch rises more"

    def test_what_is_farther_than_its_context_changes_nothing(self) -> None:
        """A part of a recording is answered as in the whole, but for its first and last frames."""
        network = self.trained()
        for parameter in network.parameters():
            if not parameter.any():  # a layer that does nothing yet sees nothing
                torch.nn.init.normal_(parameter, std=0.1)
        hop, margin = network.hop, network.frames(network.context)
        start, length = margin + 3, 2 * margin + 8  # frames
        whole = noise(network, (2 * start + length) * hop / network.sample_rate)
        part = whole[..., start * hop : (start + length) * hop]
        conditions = self.conditions(1, 1)
        kept = slice(margin, length - margin)
        alone = network.logits(part, conditions)[..., kept]
        within = network.logits(whole, conditions)[..., start : start + length][..., kept]
        assert (alone - within).abs().max() <= 1e-3 * within.std()


def transcriber(network: Backbone) -> Transcriber:
    """The same network, once it is known to be a transcriber."""
    assert isinstance(network, Transcriber), "it is a timbresep.transcriber.Transcriber"
    return network


def steps(
    network: Transcriber,
    x: Tensor,
    conditions: Tensor,
    targets: Tensor,
    optimizer: torch.optim.Optimizer,
) -> list[float]:
    """A few steps of training on one batch; gives their losses."""
    network.train()
    losses = []
    for _ in range(STEPS):
        loss = network.loss(x, conditions, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def tone(network: Backbone, pitch: int) -> Tensor:
    """Two mixtures ``(2, channels, samples)`` of one second of a tone with four harmonics."""
    time = torch.arange(network.sample_rate) / network.sample_rate
    hz = midi_to_hz(pitch)
    wave = sum(torch.sin(2 * torch.pi * n * hz * time) / n for n in range(1, 5))
    return 0.2 * torch.as_tensor(wave).expand(2, network.channels, -1)
