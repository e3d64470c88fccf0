"""The options of `train` and `adapt`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from timbresep.commands.numbers import MANY, MOST_PROCESSES, number, whole
from timbresep.commands.panels import MIXTURES, NETWORK, RUN

Plugins = Annotated[
    list[str],
    typer.Option(
        "--plugin",
        "-p",
        help="Train the separator for these instruments: names or aliases, separated by "
        "commas, or 'all'.",
    ),
]
AdaptedPlugin = Annotated[
    str, typer.Option("--plugin", "-p", help="Adapt the separator to this one instrument.")
]
BackboneName = Annotated[
    str | None,
    typer.Option(
        help="Train this backbone. The default is training.backbone in registry.yaml.",
        rich_help_panel=NETWORK,
    ),
]
BackboneValues = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="NAME=VALUE: build the backbone with this argument instead of its default; "
        "repeatable. docs/reference/backbones.md lists the arguments.",
        rich_help_panel=NETWORK,
    ),
]
MixValues = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME=VALUE: make training mixtures with this setting instead of its default; "
        "repeatable. docs/reference/mixing.md lists the settings.",
        rich_help_panel=MIXTURES,
    ),
]
HoldOut = Annotated[
    list[str] | None,
    typer.Option(
        help="Never make these instruments a target; they only accompany. This tests how "
        "well they are separated without training. None by default.",
        rich_help_panel=MIXTURES,
    ),
]
ConditioningKind = Annotated[
    Literal["harmonic", "onehot", "learned", "none"],
    typer.Option(
        help="Steer the network by the plugins' conditions (harmonic). For comparison: by "
        "one-hot vectors, by vectors that are learned with the network, or by nothing.",
        rich_help_panel=NETWORK,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Write checkpoints, state and log to this folder. The default is a new folder "
        "in runs/, named after the time and the instruments."
    ),
]
MaxSteps = Annotated[
    int | None,
    whole(
        help="Stop after this many optimizer steps. The default of train is "
        "training.max_steps in registry.yaml.",
        least=1,
        most=MANY,
        rich_help_panel=RUN,
    ),
]
Batch = Annotated[
    int | None,
    whole(
        "--batch-size",
        help="Learn from this many mixtures in each step. The default is training.batch_size"
        " in registry.yaml.",
        least=1,
        most=4096,
        rich_help_panel=MIXTURES,
    ),
]
Targets = Annotated[
    int | None,
    whole(
        help="Ask for this many instruments of each mixture. The default is training.targets"
        " in registry.yaml.",
        least=1,
        most=1000,
        rich_help_panel=MIXTURES,
    ),
]
Seconds = Annotated[
    float | None,
    number(
        help="Length of a training mixture in seconds. The default is training.seconds in "
        "registry.yaml.",
        least=0.1,
        most=600,
        rich_help_panel=MIXTURES,
    ),
]
LearningRate = Annotated[
    float | None,
    number(
        help="Peak of the learning rate, which rises to it and falls from there. The default"
        " of train is training.learning_rate in registry.yaml.",
        least=1e-9,
        most=1,
        rich_help_panel=RUN,
    ),
]
ValidateEvery = Annotated[
    int | None,
    whole(
        help="Validate and write checkpoints at intervals of this many steps. The default is "
        "training.validate_every in registry.yaml.",
        least=1,
        most=MANY,
        rich_help_panel=RUN,
    ),
]
Workers = Annotated[
    int | None,
    whole(
        help="Make mixtures in this many processes beside the one that trains. The default "
        "is training.workers in registry.yaml.",
        least=0,
        most=MOST_PROCESSES,
        rich_help_panel=MIXTURES,
    ),
]
StartFrom = Annotated[
    Path | None,
    typer.Option(
        readable=False,
        help="Start from the network and weights of this checkpoint; all other settings may "
        "differ from those it was trained with. The default is random weights.",
        rich_help_panel=NETWORK,
    ),
]
PrecisionKind = Annotated[
    Literal["auto", "bf16", "32"],
    typer.Option(
        help="Compute in 32-bit floats, or do convolutions and matrix products in 16 bits "
        "(bf16), which is faster on hardware that supports it. auto is bf16 on CUDA and"
        " 32 elsewhere.",
        rich_help_panel=RUN,
    ),
]
ConsistencyWeight = Annotated[
    float,
    number(
        help="Weight of a second loss, that of the stems with mixture consistency; the loss "
        "of each stem by itself has the rest of the weight. 0 leaves the second loss "
        "out.",
        least=0,
        most=1,
        rich_help_panel=RUN,
    ),
]
Devices = Annotated[
    int,
    whole(
        help="Share each step among this many cards of a machine, or processes on its cores. "
        "--batch-size counts the mixtures of all. More than one needs the extra 'distributed'.",
        least=1,
        most=MOST_PROCESSES,
        rich_help_panel=RUN,
    ),
]
Nodes = Annotated[
    int,
    whole(
        help="Share each step among this many machines with --devices each. torchrun or srun "
        "starts the processes.",
        least=1,
        most=4096,
        rich_help_panel=RUN,
    ),
]
StrategyKind = Annotated[
    Literal["ddp", "fsdp"],
    typer.Option(
        help="Give each process the whole network (ddp), or between two steps a part of its "
        "weights, gradients and optimizer state (fsdp, for networks that are too large "
        "for one card).",
        rich_help_panel=RUN,
    ),
]
AutoResume = Annotated[
    bool,
    typer.Option(
        "--auto-resume",
        help="Continue the run in --out if it has been started, otherwise start it: one command "
        "for batch systems that start it again.",
        rich_help_panel=RUN,
    ),
]
