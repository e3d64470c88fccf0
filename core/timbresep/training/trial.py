"""A trial before a training: faults of the first step, and networks too large for the memory."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager

import numpy as np
import torch

from timbresep.data.mixing.config import MixConfig
from timbresep.errors import TrainingError
from timbresep.formats.rebuild import bounded
from timbresep.training.task import Task

SECONDS = 0.5  # of a trial's mixtures, at most
MOST_WEIGHTS = 500_000_000  # 10 GB with gradients, AdamW's moments and the average
MOST_TENSORS = 4000
MOST_BYTES = 4 * 2**30  # of a step's audio


def of_bounded_size() -> AbstractContextManager[None]:
    """A context that refuses to build a network too large to be trained.

    Raises:
        TrainingError: at the first parameter too many, before it is filled.
    """

    def refuse(what: str) -> TrainingError:
        return TrainingError(
            f"the network has more than {MOST_WEIGHTS // 10**6} million weights, or than "
            f"{MOST_TENSORS} tensors of them (at {what})",
            "make it smaller with --set",
        )

    return bounded(MOST_TENSORS, MOST_WEIGHTS, refuse)


def try_step(task: Task, config: MixConfig) -> None:
    """Compute the loss of a short batch on a copy of the network, which stays as it is.

    Args:
        task: the network as it will be trained, and its conditions.
        config: how mixtures are made.

    Raises:
        TrainingError: a step's audio is beyond all memory, or the network cannot make it.
    """
    name, batch_size = task.settings.spec.name, task.settings.batch_size
    targets = min(config.targets, len(task.vectors))
    size = 4 * batch_size * (1 + targets) * config.channels * config.samples
    if size > MOST_BYTES:
        raise TrainingError(
            f"just the audio of a step would take {size / 2**30:.0f} GiB ({batch_size} mixtures "
            f"of {config.seconds:g} s)",
            "lower --batch-size or --seconds",
        )
    task.train_mode()
    model = copy.deepcopy(task.model)
    samples = min(config.samples, round(SECONDS * config.rate))
    count = min(batch_size, 2)
    vector = torch.from_numpy(np.asarray(next(iter(task.vectors.values()))))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        mixture = 0.01 * torch.randn(count, config.channels, samples)
        parts = mixture[:, None].expand(count, targets, *mixture.shape[1:]) / targets
        conditions = vector.expand(count, targets, -1)
        try:
            if task.settings.spec.answers == "notes":
                parts = torch.zeros_like(model(mixture, conditions))
            model.loss(mixture, conditions, parts)
        except (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError) as error:
            reason = str(error).split("\n")[0]
            single = batch_size * targets == 1
            raise TrainingError(
                f"backbone '{name}' cannot make a step of {batch_size} × {targets} "
                f"targets: {reason}",
                "use --batch-size 2 or more" if single else "change --set or --mix",
            ) from error
