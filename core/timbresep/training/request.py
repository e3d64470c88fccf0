"""The request for a training, and the settings of its run: all defaults are filled in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, TypeVar

from timbresep.checkpoint import Conditioning, Metadata, read_metadata
from timbresep.config import parse
from timbresep.data.mixing.config import MixConfig
from timbresep.errors import ConfigError, TrainingError
from timbresep.hookspecs import Argument, BackboneSpec
from timbresep.instrument import Instrument
from timbresep.registry.registry import Registry
from timbresep.training.setup import Precision

Strategy = Literal["ddp", "fsdp"]
Arguments = Mapping[str, Argument]
Value = TypeVar("Value", int, float)


@dataclass(frozen=True, kw_only=True)
class _Plain:
    """Settings that a run takes from its request unchanged.

    Attributes:
        out: run folder: checkpoints, state and TensorBoard log.
        conditioning: what steers the network: the plugins' harmonic distributions, or for
            comparison one-hot vectors, vectors learned with the network, or nothing.
        adapt: fine-tune the one instrument within `start_from` and leave all others as they are.
        start_from: a trained checkpoint whose weights are the first ones of this run; its backbone
            and arguments hold.
        resume: go on with the run in `out`.
        sources: names of recipe sources; None takes each recipe's own choice.
        roots: source name → folder, in place of the recipe's.
        max_minutes: stop after this much training time, if `max_steps` is not reached before.
        seed: of the weights and of the mixtures.
        device: cpu, cuda, mps, or auto.
        precision: `bf16` computes convolutions and matrix products in 16 bits, which pays on
            processors with AVX-512 BF16; `auto` does so only on CUDA.
        stored_share: share of training conditions that are the plugin's stored vector; the rest
            are drawn anew from random notes of the instrument.
        consistency_weight: weight, 0 to 1, of the loss after mixture consistency, in mixtures
            whose targets are all that sounds (`timbresep.losses`).
        ema: decay of the moving average of the weights, which is what is validated and kept.
        devices: processes on each machine, which share every step; each has a card of its own, or
            a part of the processor's cores.
        nodes: machines.
        strategy: how they share: `ddp`, a whole network each; `fsdp`, weights, gradients and
            optimizer state in parts.
    """

    out: Path
    conditioning: Conditioning = "harmonic"
    adapt: bool = False
    start_from: Path | None = None
    resume: bool = False
    sources: tuple[str, ...] | None = None
    roots: Mapping[str, Path] = field(default_factory=dict)
    max_minutes: float | None = None
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"
    stored_share: float = 0.5
    consistency_weight: float = 0.0
    ema: float = 0.999
    devices: int = 1
    nodes: int = 1
    strategy: Strategy = "ddp"

    @property
    def processes(self) -> int:
        """How many make each step together."""
        return self.devices * self.nodes


@dataclass(frozen=True, kw_only=True)
class RunSettings(_Plain):
    """A run: every setting that is in effect.

    Attributes:
        instruments: the targets.
        hold_out: names of instruments that are no targets, though they may accompany.
        everyone: all enabled instruments: what may accompany.
        spec, arguments: the backbone and what it is built with.
        mix: how mixtures are made; at the network's sample rate once that is known.
        batch_size: mixtures in a step, of all processes together.
        workers: mixing processes, beside each that trains.
        learning_rate: AdamW's, at its peak.
        max_steps: optimizer steps.
        validate_every: steps between validations.
    """

    instruments: tuple[Instrument, ...]
    hold_out: tuple[str, ...]
    everyone: tuple[Instrument, ...]
    spec: BackboneSpec
    arguments: Arguments
    mix: MixConfig
    batch_size: int
    workers: int
    learning_rate: float
    max_steps: int
    validate_every: int

    def identity(self) -> dict[str, object]:
        """What must be equal in a resumed run, besides its network and data."""
        return {
            "conditioning": self.conditioning,
            "hold_out": list(self.hold_out),
            "adapt": self.instruments[0].name if self.adapt else None,
            "backbone": self.spec.name,
            "arguments": dict(self.arguments),
            "learning_rate": self.learning_rate,
            "precision": self.precision,
            "stored_share": self.stored_share,
            "consistency_weight": self.consistency_weight,
            "ema": self.ema,
            "seed": self.seed,
            "batch_size": self.batch_size,
            **self.mix.model_dump(mode="json", exclude={"rate", "memory_mb"}),
        }


@dataclass(frozen=True, kw_only=True)
class TrainRequest(_Plain):
    """What to train; None takes the registry's default.

    Attributes:
        instruments: names or aliases.
        hold_out: names or aliases of instruments that are no targets, whatever `instruments`
            says; their stems still accompany.
        backbone: its name.
        arguments: arguments of the backbone that differ from the defaults.
        mix: settings of `MixConfig` that differ from its defaults.
        targets: instruments asked of each mixture.
        seconds: length of a mixture.
        batch_size, workers, learning_rate, max_steps, validate_every: as in `RunSettings`.
    """

    instruments: tuple[str, ...]
    hold_out: tuple[str, ...] = ()
    backbone: str | None = None
    arguments: Arguments = field(default_factory=dict)
    mix: Arguments = field(default_factory=dict)
    targets: int | None = None
    seconds: float | None = None
    batch_size: int | None = None
    workers: int | None = None
    learning_rate: float | None = None
    max_steps: int | None = None
    validate_every: int | None = None

    def resolve(self, registry: Registry) -> RunSettings:
        """The run that this request is, with the registry's plugins and defaults.

        Raises:
            UnknownNameError: a plugin that is not there.
            ConfigError: a setting of the mixer that cannot be.
            CheckpointError: the checkpoint to start from is missing, damaged or not ours.
            TrainingError: instruments, options and checkpoint do not go together.
        """
        defaults = registry.config.training
        start = read_metadata(self.start_from) if self.start_from else None
        spec, arguments = self._backbone(registry, start)
        instruments, hold_out = self._instruments(registry, start)
        mix = {
            "seconds": _given(self.seconds, defaults.seconds),
            "channels": defaults.channels,
            "targets": _given(self.targets, defaults.targets),
            **self.mix,
        }
        if "rate" in self.mix:
            raise ConfigError("mixtures have the sample rate of the network", "leave 'rate' out")
        batch_size = _given(self.batch_size, defaults.batch_size)
        self._check_shares(batch_size)
        return RunSettings(
            **{each.name: getattr(self, each.name) for each in fields(_Plain)},
            instruments=instruments,
            hold_out=hold_out,
            everyone=tuple(registry.instruments()),
            spec=spec,
            arguments=arguments,
            mix=parse(mix, MixConfig, "mixing settings (--mix)"),
            batch_size=batch_size,
            workers=_given(self.workers, defaults.workers),
            learning_rate=_given(self.learning_rate, defaults.learning_rate),
            max_steps=_given(self.max_steps, defaults.max_steps),
            validate_every=_given(self.validate_every, defaults.validate_every),
        )

    def _check_shares(self, batch_size: int) -> None:
        if batch_size % self.processes:
            more = -(-batch_size // self.processes) * self.processes
            raise TrainingError(
                f"the {batch_size} mixtures of a step are not to be shared evenly among "
                f"{self.processes} processes",
                f"use --batch-size {more}, or other --devices",
            )

    def _backbone(
        self, registry: Registry, start: Metadata | None
    ) -> tuple[BackboneSpec, Arguments]:
        """The network: that of the checkpoint to start from, or else the one asked for."""
        if start is None:
            defaults = registry.config.training
            spec = registry.backbone(self.backbone or defaults.backbone)
            return spec, {**spec.defaults, **defaults.arguments, **self.arguments}
        spec = registry.backbone(start.backbone)
        if self.backbone not in (None, spec.name):
            raise TrainingError(
                f"{self.start_from} is a '{spec.name}', not a '{self.backbone}'",
                "leave the backbone out, or train from scratch",
            )
        return spec, {**spec.current_arguments(start.arguments), **self.arguments}

    def _instruments(
        self, registry: Registry, start: Metadata | None
    ) -> tuple[tuple[Instrument, ...], tuple[str, ...]]:
        """The targets, and the names of those held out."""
        if start:
            self._check_harmonic(start)
        if self.adapt:
            self._check_adaptation(start)
        hold_out = tuple(item.name for item in registry.instruments(self.hold_out))
        chosen = registry.instruments(self.instruments)
        instruments = tuple(item for item in chosen if item.name not in hold_out)
        if not instruments:
            raise TrainingError(
                f"every instrument is held out: {', '.join(hold_out)}", "name more with --plugin"
            )
        if self.adapt and len(instruments) != 1:
            names = ", ".join(item.name for item in instruments)
            raise TrainingError(f"one instrument is adapted at a time, not {names}", "name one")
        if start:
            self._check_held_out(start, hold_out)
        return instruments, hold_out

    def _check_harmonic(self, start: Metadata) -> None:
        if (start.conditioning, self.conditioning) != ("harmonic", "harmonic"):
            raise TrainingError(
                f"{self.start_from} has {start.conditioning} conditions and {self.conditioning} "
                "ones are asked for: only harmonic ones mean the same in another run",
                "train from scratch",
            )

    def _check_adaptation(self, start: Metadata | None) -> None:
        if start is None:
            raise TrainingError("nothing to adapt", "name a trained checkpoint to start from")
        if self.backbone or self.arguments or self.hold_out:
            raise TrainingError(
                "adapting leaves the network as it is: it takes no backbone, arguments or "
                "hold-outs",
                "leave them out, or train instead",
            )

    def _check_held_out(self, start: Metadata, hold_out: Sequence[str]) -> None:
        """An instrument is only held out if the first weights were not trained on it either."""
        for name in hold_out:
            first_hand = "start_from" not in start.training or name in start.hold_out
            if name in start.instruments or not first_hand:
                knows = "was" if name in start.instruments else "may have been"
                raise TrainingError(
                    f"'{name}' cannot be held out: {self.start_from} {knows} trained on it",
                    "train from scratch, or start from a checkpoint that held it out",
                )


def _given(asked: Value | None, default: Value) -> Value:
    return default if asked is None else asked
