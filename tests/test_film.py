"""FiLM is the identity at first, acts on features, and every parameter learns."""

from __future__ import annotations

import torch

from timbresep.film import FiLM


def test_identity_at_initialisation() -> None:
    x = torch.randn(2, 1, 5, 8)
    out = FiLM(4, 8)(x, torch.randn(2, 3, 4))
    assert out.shape == (2, 3, 5, 8)
    assert torch.equal(out, x.expand(2, 3, 5, 8))


def test_scales_features_not_time() -> None:
    film = FiLM(4, 8)
    torch.nn.init.normal_(film.generator.weight)
    out = film(torch.ones(1, 1, 5, 8), torch.rand(1, 1, 4))
    assert torch.equal(out, out[:, :, :1].expand_as(out)), "every frame is treated alike"
    assert out[0, 0, 0].std() > 0, "features are treated differently"


def test_every_parameter_has_a_gradient_from_the_first_step() -> None:
    film = FiLM(4, 8)
    film(torch.randn(2, 1, 5, 8), torch.rand(2, 3, 4)).square().sum().backward()
    for name, parameter in film.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad.abs().sum(dim=-1) > 0).all(), name
