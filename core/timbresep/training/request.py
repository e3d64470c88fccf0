"""What a training is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from timbresep.checkpoint import Conditioning
from timbresep.training.setup import Precision

Arguments = Mapping[str, int | float | bool | str]  # of a backbone


@dataclass(frozen=True)
class TrainRequest:
    """What to train; None takes the registry's default.

    Attributes:
        instruments: names or aliases.
        out: run folder: checkpoints, state and TensorBoard log.
        sources: names of recipe sources; None takes each recipe's own choice.
        roots: source name → folder, in place of the recipe's.
        max_minutes: stop after this much training time, if `max_steps` is not reached before.
        arguments: arguments of the backbone.
        hold_out: names or aliases of instruments that are no targets, whatever `instruments`
            says; their stems still accompany.
        conditioning: what steers the network: the plugins' harmonic distributions, or for
            comparison one-hot vectors, vectors learned with the network, or nothing.
        adapt: fine-tune the one instrument within `start_from` and leave all others as they are.
        resume: go on with the run in `out`.
        start_from: a trained checkpoint whose weights are the first ones of this run; its backbone
            and arguments hold.
        mix: settings of `MixConfig` that differ from its defaults.
        precision: `bf16` computes convolutions and matrix products in 16 bits, which pays on
            processors with AVX-512 BF16; `auto` does so on CUDA alone.
        canonical: share of training conditions that are the plugin's own vector; the rest are
            drawn anew from random notes of the instrument.
        sharing: weight, 0 to 1, of the loss after the estimates have shared the mixture among
            them (`timbresep.stft.share`), in mixtures whose targets are all that sounds.
    """

    instruments: tuple[str, ...]
    out: Path
    hold_out: tuple[str, ...] = ()
    conditioning: Conditioning = "harmonic"
    adapt: bool = False
    backbone: str | None = None
    arguments: Arguments = field(default_factory=dict)
    sources: tuple[str, ...] | None = None
    roots: Mapping[str, Path] = field(default_factory=dict)
    max_steps: int | None = None
    max_minutes: float | None = None
    batch_size: int | None = None
    targets: int | None = None
    seconds: float | None = None
    learning_rate: float | None = None
    validate_every: int | None = None
    workers: int | None = None
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"
    resume: bool = False
    start_from: Path | None = None
    mix: Arguments = field(default_factory=dict)
    canonical: float = 0.5
    sharing: float = 0.0
    ema: float = 0.999
