"""The options of `train` and `adapt`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from timbresep.commands.numbers import MANY, MOST_PROCESSES, number, whole


class Precision(StrEnum):
    """Numbers to compute with."""

    auto = "auto"
    bf16 = "bf16"
    full = "32"


class Conditioning(StrEnum):
    """What steers a network."""

    harmonic = "harmonic"
    onehot = "onehot"
    learned = "learned"
    none = "none"


Plugins = Annotated[
    list[str],
    typer.Option(
        "--plugin",
        "-p",
        help="Train the separator for these instruments: names or aliases with commas between, "
        "or 'all'.",
    ),
]
AdaptedPlugin = Annotated[
    str, typer.Option("--plugin", "-p", help="Adapt the separator to this one instrument.")
]
BackboneName = Annotated[
    str | None,
    typer.Option(help="Train this network. The default is registry.yaml's training.backbone."),
]
BackboneValues = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="NAME=VALUE: build the network with this argument in place of its default; "
        "repeatable.",
    ),
]
MixValues = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME=VALUE: make mixtures with this setting in place of its default; repeatable. "
        "docs/reference/mixing.md lists the settings."
    ),
]
HoldOut = Annotated[
    list[str] | None,
    typer.Option(
        help="Let these instruments accompany others without ever being a target: they can be "
        "asked for untrained. None by default."
    ),
]
ConditioningKind = Annotated[
    Conditioning,
    typer.Option(
        help="Steer the network by the plugins' harmonic distributions; or, to compare with, by "
        "one-hot vectors, by vectors learned with the network, or by nothing."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Write checkpoints, state and log into this folder. The default is a new one under "
        "runs/, named by time and instruments."
    ),
]
MaxSteps = Annotated[
    int | None,
    whole(
        help="Stop after this many optimizer steps. The default of train is registry.yaml's "
        "training.max_steps.",
        least=1,
        most=MANY,
    ),
]
Batch = Annotated[
    int | None,
    whole(
        "--batch-size",
        help="Learn from this many mixtures in a step. The default is registry.yaml's "
        "training.batch_size.",
        least=1,
        most=4096,
    ),
]
Targets = Annotated[
    int | None,
    whole(
        help="Ask for this many instruments of each mixture. The default is registry.yaml's "
        "training.targets.",
        least=1,
        most=1000,
    ),
]
Seconds = Annotated[
    float | None,
    number(
        help="Make mixtures this many seconds long. The default is registry.yaml's "
        "training.seconds.",
        least=0.1,
        most=600,
    ),
]
LearningRate = Annotated[
    float | None,
    number(
        help="Let the learning rate rise to this peak and fall from there. The default of train is "
        "registry.yaml's training.learning_rate.",
        least=1e-9,
        most=1,
    ),
]
ValidateEvery = Annotated[
    int | None,
    whole(
        help="Validate and write checkpoints every so many steps. The default is registry.yaml's "
        "training.validate_every.",
        least=1,
        most=MANY,
    ),
]
Workers = Annotated[
    int | None,
    whole(
        help="Mix in this many processes beside the one that trains. The default is "
        "registry.yaml's training.workers.",
        least=0,
        most=MOST_PROCESSES,
    ),
]
StartFrom = Annotated[
    Path | None,
    typer.Option(
        readable=False,
        help="Begin with the weights of this checkpoint, and with its network; data, mixtures and "
        "learning rate may be others. By default weights are drawn at random.",
    ),
]
PrecisionKind = Annotated[
    Precision,
    typer.Option(
        help="Compute in 32 bits, or with bf16 convolutions and matrix products in 16: faster on "
        "CPUs that have it. auto is bf16 on CUDA and 32 elsewhere."
    ),
]
ConsistencyWeight = Annotated[
    float,
    number(
        help="Mix two losses: that of the stems by themselves and, by this share, that of the "
        "stems with mixture consistency. 0 takes only the first.",
        least=0,
        most=1,
    ),
]
