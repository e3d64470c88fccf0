"""What a run trains: a network, the instruments it is asked for, and the vectors that ask.

Three tasks share one loop: a network that follows harmonic conditions or labels, whole; a network
together with its conditions; and one instrument of a trained separator, everything else frozen.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import nn

from timbresep.adaptation import adapted_network, addressed, hold_still, train_only
from timbresep.backbone import Backbone
from timbresep.checkpoint import Conditioning, Metadata
from timbresep.condition.vector import as_version, length
from timbresep.errors import ConfigError, TrainingError
from timbresep.hookspecs import BackboneSpec
from timbresep.instrument import Instrument
from timbresep.registry.registry import Registry
from timbresep.training.labels import LearnedConditions, labels, mean_size
from timbresep.training.parent import Parent
from timbresep.training.request import Arguments, TrainRequest

log = logging.getLogger(__name__)

Vectors = dict[str, NDArray[np.float32]]


@dataclass
class Task:
    """A network that is trained whole.

    Attributes:
        spec, arguments: the backbone and what it is built with.
        version: of the condition vectors.
        instruments: the targets.
        held_out: names of instruments that are kept from being targets.
        vectors: what the network is given for each target, (dim,) each.
        model: the network.
        parent: what it starts from.
        conditioning: what the vectors are.
    """

    spec: BackboneSpec
    arguments: Arguments
    version: int
    instruments: list[Instrument]
    held_out: list[str]
    vectors: Vectors
    model: Backbone
    parent: Parent | None
    conditioning: Conditioning

    @property
    def varied(self) -> bool:
        """Whether training draws variations of the vectors."""
        return self.conditioning == "harmonic"

    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""
        return list(self.model.parameters())

    def train_mode(self) -> None:
        """Make the network ready for a step."""
        self.model.train()

    def deployed(self, model: Backbone) -> tuple[Backbone, Vectors]:
        """A trained state of the network, and the conditions, as a separator needs them."""
        return model, self.vectors

    def describe(self, scores: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
        """What the checkpoint's metadata say about instruments and conditions."""
        return {
            "instruments": list(self.vectors),
            "condition_version": self.version,
            "conditioning": self.conditioning,
            "hold_out": self.held_out,
            "scores": scores,
        }

    def identity(self) -> dict[str, object]:
        """What must be the same in a run that goes on, besides the backbone and the data."""
        return {
            "conditioning": self.conditioning,
            "hold_out": self.held_out,
            "adapt": None,
        }


class LearnedTask(Task):
    """A network whose conditions are trained with it."""

    def deployed(self, model: Backbone) -> tuple[Backbone, Vectors]:
        """The network alone, and the vectors that were learned."""
        learned = cast(LearnedConditions, model)
        return learned.network, dict(zip(self.vectors, learned.vectors(), strict=True))


class AdaptationTask(Task):
    """One instrument's own modulations in a trained network; all else is frozen."""

    parent: Parent

    @property
    def varied(self) -> bool:
        """Never: the modulations belong to the one vector that is stored."""
        return False

    @property
    def name(self) -> str:
        """The instrument that is adapted."""
        return self.instruments[0].name

    @property
    def before(self) -> Metadata:
        """What the adapted separator says about itself."""
        return self.parent.checkpoint.metadata

    @property
    def adapted(self) -> list[str]:
        """The instruments with modulations of their own, this one included."""
        return _with(self.before.adapted, self.name)

    def parameters(self) -> list[nn.Parameter]:
        """The instrument's own γ and β in every FiLM layer.

        Raises:
            TrainingError: the network has no such layer.
        """
        own = train_only(self.model, self.adapted.index(self.name))
        if not own:
            raise TrainingError(
                f"backbone '{self.spec.name}' has no FiLM layer to adapt", "train it instead"
            )
        return list(own)

    def train_mode(self) -> None:
        """Nothing frozen may move, running statistics included."""
        hold_still(self.model)

    def deployed(self, model: Backbone) -> tuple[Backbone, Vectors]:
        """The network with every condition it had and the new one."""
        dim = length(self.version)
        return model, {
            **self.parent.checkpoint.conditions,
            self.name: self.vectors[self.name][:dim],
        }

    def describe(self, scores: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
        """As the separator was, and this instrument."""
        return {
            **super().describe({**self.before.scores, **scores}),
            "instruments": _with(self.before.instruments, self.name),
            "hold_out": [name for name in self.before.hold_out if name != self.name],
            "adapted": self.adapted,
            "rivals": self.before.instruments if self.before.rivals is None else self.before.rivals,
        }

    def identity(self) -> dict[str, object]:
        """As `Task.identity`."""
        return {**super().identity(), "adapt": self.name}


def make_task(registry: Registry, request: TrainRequest) -> Task:
    """The task that a request describes.

    Raises:
        TimbresepError: plugins, options or a checkpoint to start from that do not go together.
    """
    parent = Parent.load(request.start_from, registry) if request.start_from else None
    if parent:
        _check_harmonic(parent, request.conditioning)
    if request.adapt:
        return _adaptation(registry, request, parent)
    held_out = [item.name for item in registry.instruments(request.hold_out)]
    chosen = registry.instruments(request.instruments)
    instruments = [item for item in chosen if item.name not in held_out]
    if not instruments:
        raise TrainingError(
            f"every instrument is held out: {', '.join(held_out)}", "name more with --plugin"
        )
    if parent:
        _check_unheard(parent, held_out)
    start = parent.checkpoint.metadata if parent else None
    settings = registry.config.training
    spec = registry.backbone(request.backbone or (start.backbone if start else settings.backbone))
    given = start.arguments if start else {**spec.defaults, **settings.arguments}
    arguments = {**given, **request.arguments}
    versions = {item.measured().version for item in instruments}
    version = max(min(versions), start.condition_version if start else 1)
    harmonic = {item.name: as_version(item.condition(), version) for item in instruments}
    vectors = harmonic
    if request.conditioning != "harmonic":
        vectors = labels(request.conditioning, harmonic)
    model = _build(spec, length(version), arguments)
    kind = Task
    if parent:
        parent.give_weights(model)
    if request.conditioning == "learned":
        kind, model = LearnedTask, LearnedConditions(model, len(vectors), mean_size(harmonic))
    return kind(
        spec,
        arguments,
        version,
        instruments,
        held_out,
        vectors,
        model,
        parent,
        request.conditioning,
    )


def _adaptation(registry: Registry, request: TrainRequest, parent: Parent | None) -> AdaptationTask:
    if parent is None:
        raise TrainingError("nothing to adapt", "name a trained checkpoint to start from")
    if request.backbone or request.arguments or request.hold_out:
        raise TrainingError(
            "adapting leaves the network as it is: it takes no backbone, arguments or hold-outs",
            "leave them out, or train instead",
        )
    instruments = registry.instruments(request.instruments)
    if len(instruments) != 1:
        names = ", ".join(item.name for item in instruments)
        raise TrainingError(f"one instrument is adapted at a time, not {names}", "name one")
    loaded, name = parent.checkpoint, instruments[0].name
    version = loaded.metadata.condition_version
    if name in loaded.conditions:
        vector = loaded.conditions[name]
    else:
        vector = as_version(instruments[0].condition(), version)
    adapted = _with(loaded.metadata.adapted, name)
    return AdaptationTask(
        registry.backbone(loaded.metadata.backbone),
        loaded.metadata.arguments,
        version,
        instruments,
        [],
        {name: addressed(vector, adapted, name)},
        adapted_network(loaded.model, len(adapted)),
        parent,
        "harmonic",
    )


def _check_harmonic(parent: Parent, asked: Conditioning) -> None:
    had = parent.checkpoint.metadata.conditioning
    if (had, asked) != ("harmonic", "harmonic"):
        raise TrainingError(
            f"{parent.checkpoint.path} has {had} conditions and {asked} ones are asked for: only "
            "harmonic ones mean the same in another run",
            "train from scratch",
        )


def _check_unheard(parent: Parent, held_out: Sequence[str]) -> None:
    """An instrument is only held out if the first weights do not know it either."""
    before = parent.checkpoint.metadata
    for name in held_out:
        first_hand = "start_from" not in before.training or name in before.hold_out
        if name in before.instruments or not first_hand:
            knows = "was" if name in before.instruments else "may have been"
            raise TrainingError(
                f"'{name}' cannot be held out: {parent.checkpoint.path} {knows} trained on it",
                "train from scratch, or start from a checkpoint that held it out",
            )


def _with(names: Sequence[str], name: str) -> list[str]:
    return [*names, *([] if name in names else [name])]


def _build(spec: BackboneSpec, dim: int, arguments: Arguments) -> Backbone:
    try:
        return spec.make(dim, arguments)
    except ConfigError as error:
        raise TrainingError(error.message, error.hint) from error
