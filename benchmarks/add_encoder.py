"""Give a separator that was trained before conditions were encoded an encoder, to train it on.

    python benchmarks/add_encoder.py CHECKPOINT OUT [--size 128] [--steps 3000]

Everything but the FiLM layers' generators stays. The encoder and new generators learn, without
audio, to make of any variation of an instrument's condition the γ and β that the old generators
made of the instrument's own vector. Prints how far they are apart, as a share of the variance over
instruments; then go on with `train --start-from OUT`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from core import checkpoint
from core.adaptation import films
from core.condition import conditioner
from core.config import parse
from core.film import ConditionEncoder
from core.registry import Registry

DRAWS = 400  # of each instrument


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=128, help="length of a code")
    parser.add_argument("--steps", type=int, default=3000)
    given = parser.parse_args()
    registry = Registry.load()
    old = checkpoint.load(given.checkpoint, registry.backbone)
    about = old.metadata
    arguments = {**about.arguments, "embedding": given.size}
    torch.manual_seed(0)
    spec = registry.backbone(about.backbone)
    new = spec.build(conditioner.length(about.condition_version), **arguments)
    kept = {key: value for key, value in old.model.state_dict().items() if "generator" not in key}
    new.load_state_dict({**new.state_dict(), **kept})
    encoder = next(part for part in new.modules() if isinstance(part, ConditionEncoder))
    generators = [film.generator for film in films(new)]

    vectors, owners = _variations(registry, about.instruments, about.condition_version)
    own = torch.from_numpy(np.stack([old.conditions[name] for name in about.instruments]))
    with torch.no_grad():
        wanted = torch.cat([film.generator(own) for film in films(old.model)], dim=1)
    spread = wanted.var(dim=0).mean()
    parameters = [*encoder.parameters(), *(p for g in generators for p in g.parameters())]
    optimizer = torch.optim.Adam(parameters, 1e-3)
    encoder.train()
    for step in range(given.steps):
        chosen = torch.randint(len(vectors), (256,))
        codes = encoder(vectors[chosen][None])[0]
        made = torch.cat([generator(codes) for generator in generators], dim=1)
        loss = (made - wanted[owners[chosen]]).square().mean() / spread
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 500 == 0 or step == given.steps - 1:
            print(f"step {step}: {loss.item():.4f} of the variance", flush=True)
    changed = about.model_dump() | {"arguments": arguments}
    metadata = parse(changed, checkpoint.Metadata, str(given.checkpoint))
    checkpoint.save(given.out, new.eval(), old.conditions, metadata)


def _variations(
    registry: Registry, names: list[str], version: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Conditions as training draws them, and whose each one is."""
    rng = np.random.default_rng(0)
    vectors, owners = [], []
    for place, item in enumerate(registry.instruments(names)):
        table = conditioner.build(item.ddsp_file, item.f0_range)
        own = conditioner.as_version(item.condition(), version)
        drawn = [conditioner.draw(table, rng, version) for _ in range(DRAWS)]
        vectors += [*drawn, *[own] * (DRAWS // 2)]
        owners += [place] * (DRAWS + DRAWS // 2)
    return torch.from_numpy(np.stack(vectors)), torch.tensor(owners)


if __name__ == "__main__":
    main()
