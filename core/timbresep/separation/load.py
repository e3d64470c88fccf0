"""Open a separator for some instruments, given by name or alias."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from timbresep import checkpoint as checkpoints
from timbresep.checkpoint import Checkpoint
from timbresep.condition.vector import as_version
from timbresep.errors import CheckpointError, TimbresepError, UnknownNameError, nearest
from timbresep.instrument_name import check_name, plain
from timbresep.registry import pretrained
from timbresep.registry.chain import Chain
from timbresep.registry.registry import Registry
from timbresep.separation.options import DEFAULTS, SeparationOptions
from timbresep.separation.query import Vector
from timbresep.separation.separator import Separator
from timbresep.separation.sources import Sources, SourceStage, places

log = logging.getLogger(__name__)

ALL = "all"
REFERENCE_WEIGHT = 0.5
"""Share of its reference recordings in the condition of an instrument that the separator was
trained on. Chosen on validation tracks among 0, a half and 1."""


def open_separator(
    instruments: Sequence[str] = (ALL,),
    *,
    also: Sequence[str] = (),
    separator: str | None = None,
    checkpoint: Path | None = None,
    options: SeparationOptions = DEFAULTS,
    registry: Registry | None = None,
    reference: Mapping[str, Vector] | None = None,
) -> Separator:
    """Load a separator for some instruments.

    An instrument that the separator was not trained on is separated with the condition of its
    plugin or of its reference recordings, and a notice says so.

    Args:
        instruments: names or aliases, or "all" for every instrument that it was trained on.
        also: names of more instruments that it gets to know, as far as it can.
        separator: name of a separator that the registry lists; by default, its default one.
        checkpoint: file of a trained network in place of a listed separator; beside the name of a
            chain, in place of the network in it.
        options: how to separate.
        registry: the plugins, which give aliases, conditions of new instruments, and the backbone;
            the bundled ones and those in `TIMBRESEP_PLUGINS` unless given.
        reference: name or alias → condition measured on reference recordings
            (`timbresep.condition.reference`), of the current version. An instrument of the
            checkpoint is separated with the mean of this condition and its own. Any other
            instrument is separated with this condition alone; its name may be new.

    Returns:
        The separator. Its `asked` lists the instruments, each once, by the separator's names.

    Raises:
        CheckpointError: the file is missing or damaged, is that of a transcriber, or its conditions
            are of a later version than a plugin's; or there are reference recordings but its
            conditions are not harmonic.
        UnknownNameError: neither the checkpoint, nor a plugin, nor `reference` has an instrument.
        MissingToolError: the separator's source model lacks a package, or its weights.
        ConfigError: a name in `reference` is not a valid name.
    """
    registry = registry or Registry.load()
    chain = registry.separators.get(separator, checkpoint)
    loaded = checkpoints.load(chain.checkpoint, registry.backbone)
    _check_separates(loaded)
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
    _say_untrained(extra, new)
    extra = {**_possible(also, loaded, registry), **extra}
    first = _sources(chain, {**loaded.conditions, **extra}, list(chosen), registry, options.device)
    return Separator(loaded, extra, options, list(chosen), first)


def _check_separates(loaded: Checkpoint) -> None:
    """Refuse the checkpoint of a transcriber."""
    if loaded.model.answers != "audio":
        raise CheckpointError(
            f"'{loaded.path}' transcribes: it answers with {loaded.model.answers}, not audio",
            hint="leave --checkpoint out, or name that of a separator",
        )


def _sources(
    chain: Chain, known: Iterable[str], asked: Sequence[str], registry: Registry, device: str
) -> Sources | None:
    """What comes before the network; a notice for instruments that no source is said to hold."""
    spec = chain.source_model
    if spec is None:
        return None
    stage = SourceStage(pretrained.load(spec, chain.weights), spec.name, device)
    weights = chain.weights or pretrained.weights_file(spec)
    said = {item.name: item.config.sources for item in registry.instruments()}
    found, unplaced = places({name: said.get(name, []) for name in known}, spec.sources, spec.rest)
    for name in unplaced:
        if name in asked:
            log.warning(
                "'%s' names no source of %s (%s): it is looked for in what its other sources leave",
                name,
                spec.name,
                ", ".join(spec.sources),
            )
    return Sources(stage, weights, found)


def _say_untrained(extra: Iterable[str], new: Collection[str]) -> None:
    """A notice for each instrument that was not in the training; `new` have recordings."""
    for name in extra:
        log.warning(
            "'%s' was not in this separator's training: only the condition of %s separates it",
            name,
            "its recordings" if name in new else "its plugin",
        )


def _possible(names: Iterable[str], loaded: Checkpoint, registry: Registry) -> dict[str, Vector]:
    """The conditions of those instruments that the network can be told of."""
    found: dict[str, Vector] = {}
    for asked in names:
        with contextlib.suppress(TimbresepError):
            name, vector = _condition(asked, loaded, registry)
            if len(vector) == loaded.condition_dim:
                found[name] = vector
    return found


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
        raise CheckpointError(
            f"{loaded.path} was trained with '{loaded.metadata.conditioning}' conditions, which "
            "cannot be measured on recordings",
            hint="use a separator that was trained with harmonic conditions",
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
        raise CheckpointError(
            f"{loaded.path} was trained with '{loaded.metadata.conditioning}' conditions, which "
            f"say nothing about '{instrument.name}'",
            hint=f"it knows {', '.join(loaded.conditions)}; a new instrument needs a separator "
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
