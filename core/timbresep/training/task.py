"""What a run trains: the network, its instruments and their conditions.

Three tasks share one loop: a network that follows harmonic conditions or labels, whole; a network
together with its conditions; and one instrument of a trained separator, everything else frozen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch import nn

from timbresep.adaptation import adapted_network, addressed, hold_still, train_only
from timbresep.backbone import Backbone
from timbresep.checkpoint import Metadata
from timbresep.condition.vector import as_version, length
from timbresep.errors import ConfigError, TrainingError
from timbresep.hookspecs import BackboneSpec
from timbresep.training.labels import LearnedConditions, labels, mean_size
from timbresep.training.parent import Parent
from timbresep.training.request import Arguments, RunSettings

Vectors = dict[str, NDArray[np.float32]]
Facts = dict[str, str | int | float]


@dataclass
class Task:
    """A network that is trained whole.

    Attributes:
        settings: of the run.
        version: of the condition vectors.
        vectors: what the network is given for each target, (dim,) each.
        model: the network.
        parent: what it starts from.
    """

    settings: RunSettings
    version: int
    vectors: Vectors
    model: Backbone
    parent: Parent | None

    @property
    def varied(self) -> bool:
        """Whether training draws variations of the vectors."""
        return self.settings.conditioning == "harmonic"

    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""
        return list(self.model.parameters())

    def train_mode(self) -> None:
        """Make the network ready for a step."""
        self.model.train()

    def deployed(self, model: Backbone) -> tuple[Backbone, Vectors]:
        """A trained state of the network, and the conditions, as a separator needs them."""
        return model, self.vectors

    def metadata(
        self,
        model: Backbone,
        *,
        scores: Mapping[str, dict[str, float]],
        ledger: list[Facts],
        training: Facts,
    ) -> Metadata:
        """What the checkpoint says about itself.

        Args:
            model: the network as it is deployed.
            scores: of this run, in dB, by instrument.
            ledger: what all its weights learned from.
            training: where it comes from.
        """
        about = Metadata(
            backbone=self.settings.spec.name,
            arguments=dict(self.settings.arguments),
            instruments=list(self.vectors),
            condition_version=self.version,
            conditioning=self.settings.conditioning,
            hold_out=list(self.settings.hold_out),
            sample_rate=model.sample_rate,
            channels=model.channels,
            ledger=ledger,
            training=training,
            scores=dict(scores),
        )
        return about.model_copy(update=self._differing(scores))

    def _differing(self, scores: Mapping[str, dict[str, float]]) -> dict[str, object]:
        """What the metadata of this kind of task has instead."""
        return {}


class LearnedTask(Task):
    """A network whose conditions are trained with it."""

    def deployed(self, model: Backbone) -> tuple[Backbone, Vectors]:
        """The network without the table, and the vectors that were learned."""
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
        return self.settings.instruments[0].name

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
                f"backbone '{self.settings.spec.name}' has no FiLM layer to adapt",
                "train it instead",
            )
        return list(own)

    def train_mode(self) -> None:
        """Nothing frozen may move, running statistics included."""
        hold_still(self.model)

    def deployed(self, model: Backbone) -> tuple[Backbone, Vectors]:
        """The network with every condition it had and the new one."""
        own = self.vectors[self.name][: length(self.version)]
        return model, {**self.parent.checkpoint.conditions, self.name: own}

    def _differing(self, scores: Mapping[str, dict[str, float]]) -> dict[str, object]:
        before = self.before
        return {
            "instruments": _with(before.instruments, self.name),
            "hold_out": [name for name in before.hold_out if name != self.name],
            "adapted": self.adapted,
            "rivals": before.instruments if before.rivals is None else before.rivals,
            "scores": {**before.scores, **scores},
        }


def make_task(settings: RunSettings) -> Task:
    """The task of a run: its network, with the first weights, and its conditions.

    Raises:
        TimbresepError: plugins, options or a checkpoint to start from that do not go together.
    """
    parent = Parent.load(settings.start_from, settings.spec) if settings.start_from else None
    if parent and settings.adapt:
        return _adaptation(settings, parent)
    instruments = settings.instruments
    first = parent.checkpoint.metadata.condition_version if parent else 1
    version = max(min(item.measured().version for item in instruments), first)
    harmonic = {item.name: as_version(item.condition(), version) for item in instruments}
    vectors = harmonic
    if settings.conditioning != "harmonic":
        vectors = labels(settings.conditioning, harmonic)
    model = _build(settings.spec, length(version), settings.arguments)
    if parent:
        parent.give_weights(model)
    if settings.conditioning == "learned":
        model = LearnedConditions(model, len(vectors), mean_size(harmonic))
        return LearnedTask(settings, version, vectors, model, parent)
    return Task(settings, version, vectors, model, parent)


def _adaptation(settings: RunSettings, parent: Parent) -> AdaptationTask:
    loaded, (instrument,) = parent.checkpoint, settings.instruments
    name, version = instrument.name, loaded.metadata.condition_version
    if name in loaded.conditions:
        vector = loaded.conditions[name]
    else:
        vector = as_version(instrument.condition(), version)
    adapted = _with(loaded.metadata.adapted, name)
    model = adapted_network(loaded.model, len(adapted))
    return AdaptationTask(
        settings, version, {name: addressed(vector, adapted, name)}, model, parent
    )


def _with(names: Sequence[str], name: str) -> list[str]:
    return [*names, *([] if name in names else [name])]


def _build(spec: BackboneSpec, dim: int, arguments: Arguments) -> Backbone:
    try:
        return spec.make(dim, arguments)
    except ConfigError as error:
        raise TrainingError(error.message, error.hint) from error
