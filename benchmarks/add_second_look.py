"""Give an rnn_mask separator a second look, to train it on.

    python benchmarks/add_second_look.py CHECKPOINT OUT [--hidden 256]

The second look adds nothing at first, so that the new separator gives what the old one gave; then
go on with `train --start-from OUT`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from core import checkpoint
from core.condition import conditioner
from core.config import parse
from core.registry import Registry


def main() -> None:
    """Add and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--hidden", type=int, default=256, help="LSTM units in each direction")
    given = parser.parse_args()
    registry = Registry.load()
    old = checkpoint.load(given.checkpoint, registry.backbone)
    about = old.metadata
    arguments = {**about.arguments, "second": given.hidden}
    torch.manual_seed(0)
    dim = conditioner.length(about.condition_version)
    new = registry.backbone(about.backbone).build(dim, **arguments)
    new.load_state_dict({**new.state_dict(), **old.model.state_dict()})
    for parameter in new.second_look.decode.parameters():
        torch.nn.init.zeros_(parameter)
    changed = about.model_dump() | {"arguments": arguments}
    metadata = parse(changed, checkpoint.Metadata, str(given.checkpoint))
    checkpoint.save(given.out, new.eval(), old.conditions, metadata)


if __name__ == "__main__":
    main()
