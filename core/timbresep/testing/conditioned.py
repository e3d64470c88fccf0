"""What the kits of all conditioned networks try, whatever these answer with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from timbresep.adaptation import AdaptedNetwork, films, train_only
from timbresep.backbone import Answer, Backbone
from timbresep.hookspecs import Argument, BackboneSpec

INSTRUMENTS = 3
KITS: dict[Answer, str] = {"audio": "BackboneConformance", "notes": "TranscriberConformance"}


class ConditionedConformance(ABC):
    """What every conditioned network keeps; the kits of the kinds of answers have the rest.

    Attributes:
        spec: the network on offer.
        arguments: those that differ from its defaults; small sizes make the tests quick.
        condition_dim: length of the condition vectors that it is tried with.
        answers: what networks of this kit answer with.
    """

    spec: ClassVar[BackboneSpec]
    arguments: ClassVar[Mapping[str, Argument]] = {}
    condition_dim: ClassVar[int] = 12
    answers: ClassVar[Answer]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a spec of another kind.

        Raises:
            TypeError: the spec says that its network answers with something else.
        """
        super().__init_subclass__(**kwargs)
        spec = getattr(cls, "spec", None)
        if spec is not None and spec.answers != cls.answers:
            raise TypeError(
                f"backbone '{spec.name}' answers with {spec.answers}, not {cls.answers}: "
                f"try it with timbresep.testing.{KITS[spec.answers]}"
            )

    @abstractmethod
    def shape(self, network: Backbone, samples: int) -> tuple[int, ...]:
        """Shape of the answer for one instrument in one mixture."""

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
        """Its attributes are those of `Backbone`, and it answers as its spec says."""
        network = self.network()
        assert network.answers == self.spec.answers
        assert network.condition_dim == self.condition_dim
        assert network.sample_rate >= 8000
        assert network.channels in (1, 2)
        assert 0 <= network.context < network.chunk
        assert isinstance(network.causal, bool)

    def test_mixtures_of_any_length_are_answered(self) -> None:
        """Of one sample, too: ``(batch, instruments, …)`` comes back, and all of it is finite."""
        network = self.trained()
        for samples in (1, 1023, 5000):
            answers = network(torch.randn(1, network.channels, samples), self.conditions())
            assert answers.shape == (1, INSTRUMENTS, *self.shape(network, samples))
            assert torch.isfinite(answers).all()

    def test_swapped_conditions_swap_the_answers(self) -> None:
        """Only the condition decides whose answer comes out."""
        network = self.trained()
        x, conditions = noise(network), self.conditions(1, 2)
        answers = network(x, conditions)
        torch.testing.assert_close(answers.flip(1), network(x, conditions.flip(1)))
        assert (answers[:, 0] - answers[:, 1]).abs().max() > 1e-3 * answers.abs().max()

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
        answers = network(noise(network), self.conditions(1, 2))
        difference = (answers[:, 0] - answers[:, 1]).abs().max()
        assert difference <= 1e-5 * answers.abs().max(), "rows of a batch may be rounded otherwise"

    def test_every_parameter_gets_a_gradient(self) -> None:
        """FiLM's from the first step on; what lies before it, once it has left the identity."""
        network = self.network().train()
        x, conditions = noise(network, batch=2), self.conditions(2, 2)
        still = without_gradient(network, network(x, conditions).square().mean())
        own = {id(parameter) for film in films(network) for parameter in film.parameters()}
        assert not [n for n, p in network.named_parameters() if n in still and id(p) in own]
        torch.optim.SGD(network.parameters(), lr=1.0).step()
        assert without_gradient(network, network(x, conditions).square().mean()) == set()

    def test_adapting_one_instrument_leaves_the_others_to_the_last_bit(self) -> None:
        """An adapted network adds to one instrument's modulations, and nothing else changes."""
        network = self.trained()
        network.requires_grad_(requires_grad=False)  # with a gradient, products may round otherwise
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
