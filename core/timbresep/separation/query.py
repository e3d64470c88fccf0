"""The instruments asked for, as the conditions that the network gets for each window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from timbresep.asked import Vector
from timbresep.checkpoint import Checkpoint
from timbresep.errors import UnknownNameError, nearest


@dataclass(frozen=True)
class Query:
    """The instruments asked for, as the network and the joint mask take them.

    Attributes:
        calls: conditions (rows, dim) of one call of the network after the other. With joint
            masking, those of all known instruments come first, then each of the others asked for.
        rows: where each instrument asked for is among the rows of all calls.
        same: whether a known instrument, in the first rows, is the one asked for: booleans
            (instruments, known); no columns without joint masking.
        masked: whether an instrument asked for takes part in joint masking: (instruments,).
    """

    calls: tuple[torch.Tensor, ...]
    rows: tuple[int, ...]
    same: torch.Tensor
    masked: torch.Tensor


def query(
    checkpoint: Checkpoint,
    conditions: Mapping[str, Vector],
    instruments: Sequence[str],
    known: Mapping[str, Vector],
) -> Query:
    """Ask for instruments.

    Args:
        checkpoint: of the network.
        conditions: of all instruments that can be asked for.
        instruments: those that are.
        known: conditions of the instruments of joint masking, as the network takes them; empty
            where each stem is estimated by itself.

    Raises:
        UnknownNameError: an instrument without a condition, or none at all.
    """
    if not instruments:
        raise UnknownNameError("no instrument asked for", hint=nearest("", conditions))
    for name in instruments:
        if name not in conditions:
            raise UnknownNameError(
                f"{checkpoint.path.name} knows no instrument '{name}'",
                hint=nearest(name, conditions),
            )
    vectors = {name: checkpoint.addressed(conditions[name], name) for name in instruments}
    # An adapted instrument that is not among the known ones is not masked: it was trained to
    # claim enough, and the known ones were not trained beside it.
    adapted = set(checkpoint.metadata.adapted)
    masked = [name in known or name not in adapted for name in instruments]
    known = known if any(masked) else {}
    rest = [n for n in vectors if n not in known or (vectors[n] != known[n]).any()]
    calls = [[vectors[name] for name in rest]]
    if known:  # a call each: no stem may depend on which others are asked for
        calls = [list(known.values()), *([vectors[name]] for name in rest)]
    return Query(
        tuple(torch.from_numpy(np.stack(call)) for call in calls),
        tuple(
            len(known) + rest.index(n) if n in rest else list(known).index(n) for n in instruments
        ),
        torch.tensor([[n == other for other in known] for n in instruments], dtype=torch.bool),
        torch.tensor(masked),
    )
