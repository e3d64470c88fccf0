"""The conformance kit for backbones: a network that passes can be trained and adapted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from timbresep.adaptation import AdaptedNetwork, films, train_only
from timbresep.backbone import Backbone
from timbresep.hookspecs import Argument, BackboneSpec
from timbresep.losses import waveform_loss

INSTRUMENTS = 3


class BackboneConformance:
    """What every backbone keeps (`timbresep.backbone.Backbone`).

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

    spec: ClassVar[BackboneSpec]
    arguments: ClassVar[Mapping[str, Argument]] = {}
    condition_dim: ClassVar[int] = 12

    def network(self) -> Backbone:
        """The network as it is at the start of every training."""
        torch.manual_seed(0)
        return self.spec.make(self.condition_dim, {**self.spec.defaults, **self.arguments})

    def trained(self) -> Backbone:
        """A network whose FiLM layers have left the identity, in eval mode."""
        network = self.network()
        for film in films(network):
            torch.nn.init.normal_(film.generator.weight, std=0.3)
        return network.eval()

    def conditions(self, batch: int = 1, instruments: int = INSTRUMENTS) -> Tensor:
        """Conditions ``(batch, instruments, condition_dim)``."""
        return torch.rand(batch, instruments, self.condition_dim)

    def test_it_declares_the_contract(self) -> None:
        """Its attributes are those of `Backbone`."""
        network = self.network()
        assert network.condition_dim == self.condition_dim
        assert network.sample_rate >= 8000
        assert network.channels in (1, 2)
        assert 0 <= network.context < network.chunk
        assert isinstance(network.causal, bool)

    def test_stems_are_as_long_as_the_mixture(self) -> None:
        """Of any length, ``(batch, instruments, channels, samples)`` comes back."""
        network = self.network().eval()
        for samples in (1, 1023, 5000):
            x = torch.randn(1, network.channels, samples)
            stems = network(x, self.conditions())
            assert stems.shape == (1, INSTRUMENTS, network.channels, samples)
            assert torch.isfinite(stems).all()

    def test_silence_in_silence_out(self) -> None:
        """Where nothing sounds, no stem does."""
        network = self.trained()
        x = torch.zeros(1, network.channels, 4000)
        assert network(x, self.conditions()).abs().max() == 0

    def test_swapped_conditions_swap_the_stems(self) -> None:
        """Only the condition decides which instrument comes out."""
        network = self.trained()
        x, conditions = noise(network), self.conditions(1, 2)
        stems = network(x, conditions)
        torch.testing.assert_close(stems.flip(1), network(x, conditions.flip(1)))
        assert (stems[:, 0] - stems[:, 1]).abs().max() > 1e-3 * stems.abs().max()

    def test_many_instruments_at_once_equal_one_at_a_time(self) -> None:
        """N instruments in one call are N calls."""
        network = self.trained()
        x, conditions = noise(network, batch=2), self.conditions(2)
        apart = [network(x, conditions[:, k : k + 1]) for k in range(INSTRUMENTS)]
        close(network(x, conditions), torch.cat(apart, dim=1))

    def test_mixtures_of_a_batch_do_not_see_each_other(self) -> None:
        """A batch is as many calls."""
        network = self.trained()
        x, conditions = noise(network, batch=2), self.conditions(2)
        close(network(x, conditions)[1:], network(x[1:], conditions[1:]))

    def test_mono_equals_twin_channels(self) -> None:
        """A mixture of one channel is welcome."""
        network = self.trained()
        mono, conditions = noise(network)[:, :1], self.conditions()
        twins = network(mono.expand(1, network.channels, -1), conditions)
        close(network(mono, conditions).expand_as(twins), twins)

    def test_film_is_there_at_the_start_and_is_the_identity(self) -> None:
        """The optimizer owns all of it, and a new network treats all conditions alike."""
        network = self.network().eval()
        owned = {id(parameter) for parameter in network.parameters()}
        assert films(network), "the condition reaches the network through timbresep.film.FiLM"
        assert all(id(p) in owned for film in films(network) for p in film.parameters())
        stems = network(noise(network), self.conditions(1, 2))
        difference = (stems[:, 0] - stems[:, 1]).abs().max()
        assert difference <= 1e-5 * stems.abs().max(), "rows of a batch may be rounded differently"

    def test_every_parameter_gets_a_gradient(self) -> None:
        """FiLM's from the first step on; what lies before it, once it has left the identity."""
        network = self.network().train()
        x, conditions = noise(network, batch=2), self.conditions(2, 2)
        still = without_gradient(network, network(x, conditions).square().mean())
        own = {id(parameter) for film in films(network) for parameter in film.parameters()}
        assert not [n for n, p in network.named_parameters() if n in still and id(p) in own]
        torch.optim.SGD(network.parameters(), lr=1.0).step()
        assert without_gradient(network, network(x, conditions).square().mean()) == set()

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

    def test_adapting_one_instrument_leaves_the_others_to_the_last_bit(self) -> None:
        """An adapted network adds to one instrument's modulations, and nothing else changes."""
        network = self.trained()
        x, conditions = noise(network), self.conditions(1, 2)
        before = network(x, conditions)
        adapted = AdaptedNetwork(network, 1)
        own = train_only(adapted, 0)
        for parameter in own:
            torch.nn.init.normal_(parameter, std=0.3)
        whose = torch.tensor([0.0, 1.0])[None, :, None]  # (1, instruments, places)
        addressed = torch.cat([conditions, whose], dim=-1)
        after = adapted(x, addressed)
        assert torch.equal(after[:, 0], before[:, 0])
        assert (after[:, 1] - before[:, 1]).abs().max() > 1e-3 * before.abs().max()
        adapted.loss(x, addressed, after.detach() / 2).backward()
        moved = {id(p) for p in network.parameters() if p.grad is not None and p.grad.any()}
        assert moved == {id(parameter) for parameter in own}

    def test_its_weights_make_it_again(self) -> None:
        """A network of the same arguments and weights is the same."""
        network, other = self.trained(), self.network().eval()
        other.load_state_dict(network.state_dict())
        x, conditions = noise(network), self.conditions()
        assert torch.equal(network(x, conditions), other(x, conditions))

    def test_a_mistyped_argument_is_refused(self) -> None:
        """An argument that it does not know is an error."""
        try:
            self.spec.build(self.condition_dim, mistyped=2)
        except TypeError:
            return
        raise AssertionError("build takes an argument that does not exist")


def noise(network: Backbone, seconds: float = 0.3, batch: int = 1) -> Tensor:
    """A mixture ``(batch, channels, samples)``."""
    return 0.1 * torch.randn(batch, network.channels, int(seconds * network.sample_rate))


def close(found: Tensor, expected: Tensor) -> None:
    """Equal but for what other orders of summation change."""
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def without_gradient(network: Backbone, loss: Tensor) -> set[str]:
    """Names of the parameters that a loss does not move."""
    network.zero_grad()
    loss.backward()
    return {n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()}
