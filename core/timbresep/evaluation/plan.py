"""The settings of an evaluation, from which every process opens the separators by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import timbresep
from timbresep.evaluation.bsseval import Extent, museval_version
from timbresep.evaluation.estimates import Estimates
from timbresep.evaluation.informed import Informed
from timbresep.evaluation.result import METHODS
from timbresep.evaluation.score import Scorer
from timbresep.files import sha256_of
from timbresep.registry.chain import Chain
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator
from timbresep.separation.options import DEFAULTS, SeparationOptions
from timbresep.separation.separator import Separator

ALL = ("all",)


@dataclass(frozen=True)
class Plan:
    """The settings of an evaluation, from which every process opens the separators by itself.

    Attributes:
        separator: name of the listed separator to score; the default one unless given.
        checkpoint: file of a network to score, as for `open_separator`.
        instruments: the instruments to ask it for, or "all" that it knows.
        earlier: another separator to score beside it: the name of a listed one, or a checkpoint.
        bsseval: whose stems BSSEval measures; None measures none.
        options: how to separate.
        plugins: folders of plugin folders, besides the usual ones.
        trust: run the Python in them.
        reference: conditions of recordings, as for `timbresep.separation.load.open_separator`.
        informed: how the separators are given the notes of each track; None gives none. Of stems
            with notes, those of `instruments` are scored.
        estimates: other systems' stems of the same tracks, to score beside.
    """

    separator: str | None = None
    checkpoint: Path | None = None
    instruments: tuple[str, ...] = ALL
    earlier: str | Path | None = None
    bsseval: Extent | None = None
    options: SeparationOptions = DEFAULTS
    plugins: tuple[Path, ...] = ()
    trust: bool = False
    reference: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    informed: Informed | None = None
    estimates: tuple[Estimates, ...] = ()

    def chain(self, registry: Registry) -> Chain:
        """The separator: with notes, the default one is a network alone, as in `separate`."""
        if self.informed is not None and self.separator is None and self.checkpoint is None:
            return registry.separators.plain()
        chain = registry.separators.get(self.separator, self.checkpoint)
        return chain.beside(self.options.transcriber)

    def open(self) -> Scorer:
        """Load the checkpoints; errors as `timbresep.separation.load.open_separator`."""
        registry = Registry.load(self.plugins, trust=self.trust)
        opened = partial(
            open_separator, options=self.options, registry=registry, reference=self.reference
        )
        name = self.chain(registry).name if self.checkpoint is None else self.separator
        separator = opened(self.instruments, separator=name, checkpoint=self.checkpoint)
        earlier = None
        if isinstance(self.earlier, Path):
            earlier = opened(separator.asked, checkpoint=self.earlier)
        elif self.earlier is not None:
            earlier = opened(separator.asked, separator=self.earlier)
        informed = self.informed
        if informed is not None:
            known = tuple(one.config for one in registry.instruments())
            chosen = None if self.instruments == ALL else separator.asked
            informed = replace(informed, known=known, instruments=chosen)
        return Scorer(separator, separator.asked, earlier, self.bsseval, informed)

    def settings(self, scorer: Scorer) -> dict[str, object]:
        """Everything that the scores depend on, besides the tracks."""
        notes = {"notes": self.informed.settings()} if self.informed else {}
        return {
            "version": timbresep.__version__,
            **notes,
            **_estimators(scorer.separator, scorer.names),
            "instruments": list(scorer.names),
            "earlier": _estimators(scorer.earlier, scorer.names) if scorer.earlier else None,
            "methods": list(METHODS),
            "joint": self.options.joint,
            "mixture_consistency": self.options.mixture_consistency,
            "tta": self.options.tta,
            "retune": self.options.retune,
            "refine": self.options.refine,
            "bsseval": self.bsseval,
            "museval": museval_version() if self.bsseval else None,
        }


def _estimators(separator: Separator, names: Sequence[str]) -> dict[str, object]:
    """What a separator is made of: its network, conditions and source model, with their hashes,
    and in which source each instrument is looked for."""
    vectors = (separator.condition(name).tobytes() for name in names)
    path, first = separator.checkpoint.path, separator.first
    return {
        "checkpoint": path.name,
        "sha256": sha256_of(path),
        "conditions": hashlib.sha256(b"".join(vectors)).hexdigest(),
        "source_model": first.stage.name if first else None,
        "source_model_sha256": sha256_of(first.weights) if first else None,
        "sources": dict(sorted(first.places.of.items())) if first else None,
    }
