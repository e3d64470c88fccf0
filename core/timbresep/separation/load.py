"""Open a checkpoint for some instruments, by whatever names they are asked for."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbresep import checkpoint as checkpoints
from timbresep.checkpoint import Checkpoint
from timbresep.condition.vector import as_version
from timbresep.errors import CheckpointError, UnknownNameError, nearest
from timbresep.instrument import check_name, plain
from timbresep.registry.registry import Registry
from timbresep.separation.separator import Separator

log = logging.getLogger(__name__)

ALL = "all"
OWN_NOTES = 0.5
"""Share of its notes in the condition of an instrument that the separator was trained on. Chosen on
validation tracks among 0, a half and 1."""


def open_separator(
    path: Path,
    registry: Registry,
    names: Sequence[str],
    device: str = "cpu",
    competing: bool = False,
    passes: int = 1,
    tuned: bool = False,
    heard: Mapping[str, NDArray[np.float32]] | None = None,
) -> tuple[Separator, list[str]]:
    """Load a checkpoint for some instruments.

    An instrument that the checkpoint was not trained on is separated with the condition of its
    plugin, or the one that was heard, and a notice says so.

    Args:
        path: the checkpoint.
        registry: the plugins: aliases, conditions of new instruments, the backbone.
        names: names or aliases, or "all" for every instrument in the checkpoint.
        device, competing, passes, tuned: as for `Separator`.
        heard: conditions of the current version that were measured on an instrument's own notes
            (`timbresep.condition.reference`): name or alias → vector. The mean of it and its own
            condition asks for an instrument of the checkpoint; others, whose names may be new, are
            asked for with the vector alone.

    Returns:
        The separator, and the names asked for, each once, as it calls them.

    Raises:
        CheckpointError: the file is missing, damaged or of a later condition version than a plugin;
            or notes were heard, and its conditions are no harmonic ones.
        UnknownNameError: an instrument known to neither the checkpoint, a plugin nor by its notes.
        ConfigError: a name of what was heard cannot be one.
    """
    loaded = checkpoints.load(path, registry.backbone)
    new = _hear(loaded, heard or {}, registry)
    chosen: dict[str, NDArray[np.float32]] = {}
    for asked in names:
        if asked.strip().lower() == ALL:
            chosen.update({**loaded.conditions, **new})
        elif plain(asked) in new:
            chosen[plain(asked)] = new[plain(asked)]
        else:
            name, vector = _condition(asked, loaded, registry)
            chosen[name] = new.get(name, vector)
    extra = {name: vector for name, vector in chosen.items() if name not in loaded.conditions}
    _check_lengths(loaded, extra)
    for name in extra:
        log.warning(
            "'%s' was not in this separator's training: it is separated by %s condition alone",
            name,
            "its notes'" if name in new else "its plugin's",
        )
    return Separator(loaded, extra, device, competing, passes, tuned), list(chosen)


def _check_lengths(loaded: Checkpoint, vectors: Mapping[str, NDArray[np.float32]]) -> None:
    """Refuse a checkpoint whose own conditions are not of the version that it states."""
    dim = loaded.model.condition_dim
    if any(len(vector) != dim for vector in vectors.values()):
        raise CheckpointError(
            f"{loaded.path}: its conditions have {dim} values, not those of version "
            f"{loaded.metadata.condition_version}",
            hint="ask it for the instruments that it knows, or train one anew",
        )


def _hear(
    loaded: Checkpoint, heard: Mapping[str, NDArray[np.float32]], registry: Registry
) -> dict[str, NDArray[np.float32]]:
    """Move the checkpoint's conditions towards what was heard; gives those of the others."""
    if heard and loaded.metadata.conditioning != "harmonic":
        raise CheckpointError(
            f"{loaded.path} was trained with '{loaded.metadata.conditioning}' conditions, which "
            "no notes can tell",
            hint="use a separator that was trained with harmonic conditions",
        )
    version = loaded.metadata.condition_version
    told_of = {asked: as_version(vector, version) for asked, vector in heard.items()}
    _check_lengths(loaded, told_of)
    new: dict[str, NDArray[np.float32]] = {}
    for asked, told in told_of.items():
        name = plain(asked)
        if name not in loaded.conditions:
            with contextlib.suppress(UnknownNameError):
                name = registry.instruments([asked])[0].name
        check_name(name, f"the instrument '{asked}' of the notes")
        if name in loaded.conditions:
            own = loaded.conditions[name]
            loaded.conditions[name] = own + np.float32(OWN_NOTES) * (told - own)
        else:
            new[name] = told
    return new


def _condition(
    asked: str, loaded: Checkpoint, registry: Registry
) -> tuple[str, NDArray[np.float32]]:
    """(canonical name, condition) of one instrument; the checkpoint's own goes first."""
    wanted = plain(asked)
    if wanted in loaded.conditions:
        return wanted, loaded.conditions[wanted]
    try:
        instrument = registry.instruments([asked])[0]
    except UnknownNameError as error:
        known = {*loaded.conditions, *(item.name for item in registry.instruments())}
        raise UnknownNameError(error.message, nearest(wanted, known)) from error
    if instrument.name in loaded.conditions:
        return instrument.name, loaded.conditions[instrument.name]
    if loaded.metadata.conditioning != "harmonic":
        raise CheckpointError(
            f"{loaded.path} was trained with '{loaded.metadata.conditioning}' conditions, which "
            f"say nothing about '{instrument.name}'",
            hint=f"it knows {', '.join(loaded.conditions)}; a new instrument needs a separator "
            "trained with harmonic conditions",
        )
    version, expected = instrument.config.condition.version, loaded.metadata.condition_version
    if version < expected:
        raise CheckpointError(
            f"'{instrument.name}' has a condition of version {version}, "
            f"{loaded.path} expects {expected}",
            hint=f"rebuild it with `condition build {instrument.name}`",
        )
    vector = as_version(instrument.condition(), expected)
    if not vector.any():
        raise CheckpointError(
            f"{loaded.path} takes conditions of version {expected}, which say nothing about "
            f"'{instrument.name}'",
            hint=f"train one that knows it: `train --plugin {instrument.name}`",
        )
    return instrument.name, vector
