"""Open a separator for some instruments, given by name or alias."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from timbresep import checkpoint as checkpoints
from timbresep.asked import ALL, Vector, ask, possible
from timbresep.checkpoint import Checkpoint
from timbresep.errors import CheckpointError
from timbresep.registry import pretrained
from timbresep.registry.chain import Chain
from timbresep.registry.registry import Registry
from timbresep.running.loading import loading
from timbresep.separation.options import DEFAULTS, SeparationOptions
from timbresep.separation.separator import Separator
from timbresep.separation.sources import Sources, SourceStage, places
from timbresep.transcription.hearing import Hearing
from timbresep.transcription.load import open_transcriber

log = logging.getLogger(__name__)


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
    chain = registry.separators.get(separator, checkpoint).beside(options.transcriber)
    loading(f"network {chain.checkpoint.name}")
    loaded = checkpoints.load(chain.checkpoint, registry.backbone)
    _check_separates(loaded)
    found = ask(loaded, instruments, registry, reference)
    extra = {**possible(also, loaded, registry), **found.extra}
    first = _sources(chain, {**loaded.conditions, **extra}, found.names, registry, options.device)
    hearing = _hearing(chain, extra, registry, options, reference)
    return Separator(loaded, extra, options, found.names, first, hearing=hearing)


def _hearing(
    chain: Chain,
    extra: Iterable[str],
    registry: Registry,
    options: SeparationOptions,
    reference: Mapping[str, Vector] | None,
) -> Hearing | None:
    """The transcriber that is asked beside the network, None for none."""
    if chain.transcriber is None or not (options.joint or options.mixture_consistency):
        return None
    return open_transcriber(
        also=extra,
        transcriber=chain.transcriber,
        registry=registry,
        reference=reference,
        device=options.device,
    )


def _check_separates(loaded: Checkpoint) -> None:
    """Refuse the checkpoint of a transcriber."""
    if loaded.model.answers != "audio":
        raise CheckpointError(
            f"'{loaded.path}' transcribes: it answers with {loaded.model.answers}, not audio",
            hint="use it with `notes --checkpoint`; a separator has another one",
        )


def _sources(
    chain: Chain, known: Iterable[str], asked: Sequence[str], registry: Registry, device: str
) -> Sources | None:
    """What comes before the network; a notice for instruments that no source is said to hold."""
    spec = chain.source_model
    if spec is None:
        return None
    loading(f"source model {spec.name}")
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
