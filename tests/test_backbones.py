"""The conformance kit for backbones: every registered one passes it."""

from __future__ import annotations

import pytest
import torch

from timbresep.adaptation import reserve, train_only
from timbresep.backbone import Backbone
from timbresep.film import FiLM
from timbresep.losses import waveform_loss
from timbresep.registry.registry import Registry

DIM = 12
SMALL = {
    "rnn_mask": {"n_fft": 1024, "hop": 256, "width": 24, "hidden": 16, "layers": 1},
    "unet_mask": {"n_fft": 1024, "hop": 512, "width": 6, "hidden": 8, "embedding": 10},
}
SPECS = {spec.name: spec for spec in Registry.load().backbones()}
KIT = {name: (name, SMALL.get(name, {})) for name in sorted(SPECS)}
KIT["rnn_mask, encoded"] = ("rnn_mask", {**SMALL["rnn_mask"], "embedding": 10})
KIT["rnn_mask, second look"] = ("rnn_mask", {**SMALL["rnn_mask"], "embedding": 10, "second": 16})


@pytest.fixture(params=KIT)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    torch.manual_seed(0)
    name, arguments = KIT[request.param]
    return SPECS[name].build(DIM, **arguments)


def mixture(backbone: Backbone, seconds: float = 0.3, batch: int = 2) -> torch.Tensor:
    samples = int(seconds * backbone.sample_rate)
    return 0.1 * torch.randn(batch, backbone.channels, samples)


def awake(backbone: Backbone) -> Backbone:
    """A network whose FiLM layers have left the identity."""
    for module in backbone.modules():
        if isinstance(module, FiLM):
            torch.nn.init.normal_(module.generator.weight, std=0.3)
    return backbone.eval()


def test_declares_the_contract(backbone: Backbone) -> None:
    assert backbone.condition_dim == DIM
    assert backbone.sample_rate >= 8000
    assert backbone.channels in (1, 2)
    assert 0 <= backbone.context < backbone.chunk
    assert isinstance(backbone.causal, bool)


@pytest.mark.parametrize("samples", [1, 1023, 5000])
def test_shape_and_length(backbone: Backbone, samples: int) -> None:
    x = torch.randn(1, backbone.channels, samples)
    out = backbone.eval()(x, torch.rand(1, 3, DIM))
    assert out.shape == (1, 3, backbone.channels, samples)
    assert torch.isfinite(out).all()


def test_swapping_conditions_changes_the_output(backbone: Backbone) -> None:
    x, conditions = mixture(backbone, batch=1), torch.rand(1, 2, DIM)
    out = awake(backbone)(x, conditions)
    swapped = backbone(x, conditions.flip(1))
    torch.testing.assert_close(out.flip(1), swapped)
    assert (out[:, 0] - out[:, 1]).abs().max() > 1e-3 * out.abs().max()


def test_many_instruments_at_once_equal_one_at_a_time(backbone: Backbone) -> None:
    x, conditions = mixture(backbone), torch.rand(2, 3, DIM)
    together = awake(backbone)(x, conditions)
    apart = torch.cat([backbone(x, conditions[:, k : k + 1]) for k in range(3)], dim=1)
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)


def test_mono_is_welcome_and_equals_twin_channels(backbone: Backbone) -> None:
    mono = mixture(backbone, batch=1)[:, :1]
    conditions = torch.rand(1, 2, DIM)
    out = awake(backbone)(mono, conditions)
    twins = backbone(mono.expand(1, backbone.channels, -1), conditions)
    torch.testing.assert_close(out.expand_as(twins), twins, atol=1e-5, rtol=1e-4)


def test_batch_items_do_not_see_each_other(backbone: Backbone) -> None:
    x, conditions = mixture(backbone), torch.rand(2, 1, DIM)
    together = awake(backbone)(x, conditions)
    torch.testing.assert_close(together[1:], backbone(x[1:], conditions[1:]), atol=1e-5, rtol=1e-4)


def without_gradient(backbone: Backbone, loss: torch.Tensor) -> set[str]:
    backbone.zero_grad()
    loss.backward()
    return {
        name
        for name, parameter in backbone.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    }


def test_every_parameter_gets_a_gradient(backbone: Backbone) -> None:
    x, conditions = mixture(backbone), torch.rand(2, 2, DIM)
    still = without_gradient(backbone.train(), backbone(x, conditions).square().mean())
    films = [name for name, module in backbone.named_modules() if isinstance(module, FiLM)]
    assert not [name for name in still if name.startswith(tuple(films))]
    # What lies between conditions and FiLM layers has one once those have left the identity.
    torch.optim.SGD(backbone.parameters(), lr=1.0).step()
    assert without_gradient(backbone, backbone(x, conditions).square().mean()) == set()


@pytest.mark.parametrize("sharing", [0.0, 1.0])
def test_its_loss_is_that_of_its_waveforms(backbone: Backbone, sharing: float) -> None:
    x, conditions = mixture(backbone), torch.rand(2, 2, DIM)
    part = 0.5 + 0.4 * torch.sin(torch.arange(x.shape[-1]) / 1000)
    targets = torch.stack([part * x, (1 - part) * x], dim=1)
    awake(backbone)
    loss = backbone.loss(x, conditions, targets, sharing)
    expected = waveform_loss(backbone(x, conditions), targets, x, sharing)
    assert loss.item() == pytest.approx(expected.item(), abs=0.3)
    (gradient,) = torch.autograd.grad(loss, next(backbone.parameters()))
    assert torch.isfinite(gradient).all()


def test_film_exists_before_the_optimizer_and_is_the_identity(backbone: Backbone) -> None:
    films = [module for module in backbone.modules() if isinstance(module, FiLM)]
    assert films
    owned = {id(parameter) for parameter in backbone.parameters()}
    assert all(id(parameter) in owned for film in films for parameter in film.parameters())
    x = mixture(backbone, batch=1)
    out = backbone.eval()(x, torch.rand(1, 2, DIM))
    torch.testing.assert_close(out[:, 0], out[:, 1], atol=0, rtol=0)


def test_adapting_one_instrument_leaves_the_others_to_the_last_bit(backbone: Backbone) -> None:
    x, conditions = mixture(backbone, batch=1), torch.rand(1, 2, DIM)
    before = awake(backbone)(x, conditions)
    reserve(backbone, 1)
    second = torch.tensor([0.0, 1.0])[None, :, None]  # (1, instruments, places)
    own = train_only(backbone, 0)
    for parameter in own:
        torch.nn.init.normal_(parameter, std=0.3)
    after = backbone(x, torch.cat([conditions, second], dim=-1))
    assert torch.equal(after[:, 0], before[:, 0])
    assert (after[:, 1] - before[:, 1]).abs().max() > 1e-3 * before.abs().max()
    after.square().mean().backward()
    trained = [parameter for parameter in backbone.parameters() if parameter.grad is not None]
    assert {id(parameter) for parameter in trained} == {id(parameter) for parameter in own}
    assert all(parameter.grad.any() for parameter in own)


def test_silence_in_silence_out(backbone: Backbone) -> None:
    x = torch.zeros(1, backbone.channels, 4000)
    assert awake(backbone)(x, torch.rand(1, 2, DIM)).abs().max() == 0


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_mistyped_argument_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="mistyped"):
        SPECS[name].build(DIM, mistyped=2)
