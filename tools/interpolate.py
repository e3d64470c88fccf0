"""Weights between two checkpoints of one network, the second trained on from the first.

    python tools/interpolate.py FIRST SECOND OUT [--share 0.5]

Between the two, a network often keeps what it knew and has most of what it learned (Wortsman et
al., "Robust Fine-Tuning of Zero-Shot Models", CVPR 2022). All but the weights is the second's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from timbresep import checkpoint
from timbresep.registry.registry import Registry


def main() -> None:
    """Interpolate and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the second")
    given = parser.parse_args()
    registry = Registry.load()
    first = checkpoint.load(given.first, registry.backbone).model.state_dict()
    second = checkpoint.load(given.second, registry.backbone)
    mixed = {
        name: torch.lerp(first[name], value, given.share) if value.is_floating_point() else value
        for name, value in second.model.state_dict().items()
    }
    second.model.load_state_dict(mixed)
    checkpoint.save(given.out, second.model, second.conditions, second.metadata)


if __name__ == "__main__":
    main()
