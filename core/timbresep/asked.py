"""The conditions of the instruments that a checkpoint is asked for, by name or alias."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timbresep.backbone import Answer
from timbresep.checkpoint import Checkpoint
from timbresep.condition.vector import as_version
from timbresep.errors import CheckpointError, TimbresepError, UnknownNameError, nearest
from timbresep.instrument_name import check_name, plain
from timbresep.registry.registry import Registry

log = logging.getLogger(__name__)

Vector = NDArray[np.float32]

ALL = "all"
REFERENCE_WEIGHT = 0.5
"""Share of its reference recordings in the condition of an instrument that the network was trained
on. Chosen on validation tracks of a separator among 0, a half and 1."""

KINDS: dict[Answer, tuple[str, str]] = {
    "audio": ("separator", "separates"),
    "notes": ("transcriber", "hears"),
}
"""What people call a network by what it answers with, and what it does with an instrument."""


@dataclass(frozen=True)
class Asked:
    """What a checkpoint is asked for.

    Attributes:
        names: of the instruments, each once, by the checkpoint's names.
        extra: conditions (dim,) of those that the network was not trained on.
    """

    names: tuple[str, ...]
    extra: dict[str, Vector]


def ask(
    loaded: Checkpoint,
    instruments: Sequence[str],
    registry: Registry,
    reference: Mapping[str, Vector] | None = None,
) -> Asked:
    """Find out what is asked for; a notice for each instrument that was not in the training.

    Args:
        loaded: the checkpoint. Conditions of it that have reference recordings move towards them.
        instruments: names or aliases, or "all" for every instrument that it was trained on.
        registry: the plugins, which give aliases and conditions of new instruments.
        reference: name or alias → condition measured on reference recordings
            (`timbresep.condition.reference`), of the current version. An instrument of the
            checkpoint gets the mean of this condition and its own. Any other instrument gets this
            condition alone; its name may be new.

    Raises:
        CheckpointError: conditions are of a later version than a plugin's; or there are reference
            recordings but the conditions are not harmonic.
        UnknownNameError: neither the checkpoint, nor a plugin, nor `reference` has an instrument.
        ConfigError: a name in `reference` is not a valid name.
    """
    new = _take_reference(loaded, reference or {}, registry)
    chosen: dict[str, Vector] = {}
    for asked in instruments:
        if asked.strip().lower() == ALL:
            chosen.update({**loaded.conditions, **new})
        elif plain(asked) in new:
            chosen[plain(asked)] = new[plain(asked)]
        else:
            name, vector = _condition(asked, loaded, registry)
            chosen[name] = new.get(name, vector)
    extra = {name: vector for name, vector in chosen.items() if name not in loaded.conditions}
    _check_lengths(loaded, extra)
    _say_untrained(loaded, extra, new)
    return Asked(tuple(chosen), extra)


def possible(names: Iterable[str], loaded: Checkpoint, registry: Registry) -> dict[str, Vector]:
    """The conditions of those instruments that the network can be told of."""
    found: dict[str, Vector] = {}
    for asked in names:
        with contextlib.suppress(TimbresepError):
            name, vector = _condition(asked, loaded, registry)
            if len(vector) == loaded.condition_dim:
                found[name] = vector
    return found


def _say_untrained(loaded: Checkpoint, extra: Iterable[str], new: Collection[str]) -> None:
    """A notice for each instrument that was not in the training; `new` have recordings."""
    kind, does = KINDS[loaded.model.answers]
    for name in extra:
        log.warning(
            "'%s' was not in this %s's training: only the condition of %s %s it",
            name,
            kind,
            "its recordings" if name in new else "its plugin",
            does,
        )


def _check_lengths(loaded: Checkpoint, vectors: Mapping[str, Vector]) -> None:
    """Refuse a checkpoint whose own conditions are not of the version that it states."""
    dim = loaded.condition_dim
    if any(len(vector) != dim for vector in vectors.values()):
        raise CheckpointError(
            f"{loaded.path}: its conditions have {dim} values, not those of version "
            f"{loaded.metadata.condition_version}",
            hint="ask it for the instruments that it knows, or train one anew",
        )


def _take_reference(
    loaded: Checkpoint, reference: Mapping[str, Vector], registry: Registry
) -> dict[str, Vector]:
    """Move the checkpoint's conditions towards the recordings'; gives those of new instruments."""
    if reference and loaded.metadata.conditioning != "harmonic":
        kind, _ = KINDS[loaded.model.answers]
        raise CheckpointError(
            f"{loaded.path} was trained with '{loaded.metadata.conditioning}' conditions, which "
            "cannot be measured on recordings",
            hint=f"use a {kind} that was trained with harmonic conditions",
        )
    version = loaded.metadata.condition_version
    measured = {asked: as_version(vector, version) for asked, vector in reference.items()}
    _check_lengths(loaded, measured)
    new: dict[str, Vector] = {}
    for asked, vector in measured.items():
        name = plain(asked)
        if name not in loaded.conditions:
            with contextlib.suppress(UnknownNameError):
                name = registry.instruments([asked])[0].name
        check_name(name, f"the instrument '{asked}' of the reference recordings")
        if name in loaded.conditions:
            own = loaded.conditions[name]
            loaded.conditions[name] = own + np.float32(REFERENCE_WEIGHT) * (vector - own)
        else:
            new[name] = vector
    return new


def _condition(asked: str, loaded: Checkpoint, registry: Registry) -> tuple[str, Vector]:
    """(stored name, condition) of one instrument; the checkpoint's own goes first."""
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
        kind, _ = KINDS[loaded.model.answers]
        raise CheckpointError(
            f"{loaded.path} was trained with '{loaded.metadata.conditioning}' conditions, which "
            f"say nothing about '{instrument.name}'",
            hint=f"it knows {', '.join(loaded.conditions)}; a new instrument needs a {kind} "
            "trained with harmonic conditions",
        )
    version, expected = instrument.measured().version, loaded.metadata.condition_version
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
