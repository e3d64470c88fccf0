"""The GRU of the decoder is torch's, only its gradient is computed another way."""

from __future__ import annotations

import torch

from timbresep.ddsp.gru import Gru


def test_states_and_gradients_are_those_of_torch() -> None:
    torch.manual_seed(0)
    gru = Gru(5, 7).double()
    x = torch.randn(3, 20, 5, dtype=torch.float64, requires_grad=True)
    given = [x, *gru.parameters()]
    upstream = torch.randn(3, 20, 7, dtype=torch.float64)
    expected = gru(x)[0]
    found = gru.sequence(x)
    assert torch.allclose(found, expected)
    for ours, theirs in zip(
        torch.autograd.grad(found, given, upstream),
        torch.autograd.grad(expected, given, upstream),
        strict=True,
    ):
        assert torch.allclose(ours, theirs)
    with torch.no_grad():
        assert torch.equal(gru.sequence(x), gru(x)[0])
