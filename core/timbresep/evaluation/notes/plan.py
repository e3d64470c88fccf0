"""The settings of an evaluation of notes, from which every process opens the transcribers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import timbresep
from timbresep.asked import ALL
from timbresep.evaluation.notes.measures import mir_eval_version
from timbresep.evaluation.notes.result import METHODS
from timbresep.evaluation.notes.score import NoteScorer
from timbresep.files import sha256_of
from timbresep.registry.registry import Registry
from timbresep.transcription.hearing import Hearing
from timbresep.transcription.load import open_transcriber
from timbresep.transcription.pitched import pitched


@dataclass(frozen=True)
class NotePlan:
    """The settings of an evaluation of notes, from which every process opens the transcribers.

    Attributes:
        transcriber: name of the listed transcriber to score; the default one unless given.
        checkpoint: file of a transcriber to score in its place.
        instruments: the instruments to ask it for, or "all" that it knows; those without pitch are
            left out.
        earlier: another transcriber to score beside it: the name of a listed one, or a checkpoint.
        device: where to compute.
        plugins: folders of plugin folders, besides the usual ones.
        trust: run the Python in them.
        reference: conditions of recordings, as for `open_transcriber`.
    """

    transcriber: str | None = None
    checkpoint: Path | None = None
    instruments: tuple[str, ...] = (ALL,)
    earlier: str | Path | None = None
    device: str = "auto"
    plugins: tuple[Path, ...] = ()
    trust: bool = False
    reference: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def open(self) -> NoteScorer:
        """Load the checkpoints; errors as `open_transcriber`.

        Raises:
            ConfigError: none of the instruments has a pitch.
        """
        registry = Registry.load(self.plugins, trust=self.trust)
        opened = partial(
            open_transcriber, registry=registry, reference=self.reference, device=self.device
        )
        hearing = opened(self.instruments, transcriber=self.transcriber, checkpoint=self.checkpoint)
        known = registry.instruments()
        names = tuple(pitched(hearing.asked, known))
        earlier = None
        if isinstance(self.earlier, Path):
            earlier = opened(names, checkpoint=self.earlier)
        elif self.earlier is not None:
            earlier = opened(names, transcriber=self.earlier)
        return NoteScorer(hearing, names, tuple(one.config for one in known), earlier)

    def settings(self, scorer: NoteScorer) -> dict[str, object]:
        """Everything that the scores depend on, besides the tracks."""
        return {
            "version": timbresep.__version__,
            "scores": "notes",
            **_transcriber(scorer.hearing, scorer.names),
            "instruments": list(scorer.names),
            "earlier": _transcriber(scorer.earlier, scorer.names) if scorer.earlier else None,
            "methods": list(METHODS),
            "mir_eval": mir_eval_version(),
        }


def _transcriber(hearing: Hearing, names: Sequence[str]) -> dict[str, object]:
    """A transcriber's file and conditions, with their hashes."""
    vectors = (hearing.condition(name).tobytes() for name in names)
    path = hearing.checkpoint.path
    return {
        "checkpoint": path.name,
        "sha256": sha256_of(path),
        "conditions": hashlib.sha256(b"".join(vectors)).hexdigest(),
    }
