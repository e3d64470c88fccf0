"""Open a transcriber for some instruments, given by name or alias."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from timbresep import checkpoint as checkpoints
from timbresep.asked import ALL, Vector, ask, possible
from timbresep.errors import CheckpointError
from timbresep.registry.registry import Registry
from timbresep.running.loading import loading
from timbresep.transcription.hearing import Hearing


def open_transcriber(
    instruments: Sequence[str] = (ALL,),
    *,
    also: Iterable[str] = (),
    transcriber: str | None = None,
    checkpoint: Path | None = None,
    registry: Registry | None = None,
    reference: Mapping[str, Vector] | None = None,
    device: str = "auto",
) -> Hearing:
    """Load a transcriber for some instruments.

    An instrument that it was not trained on is heard with the condition of its plugin or of its
    reference recordings, and a notice says so.

    Args:
        instruments: names or aliases, or "all" for every instrument that it was trained on.
        also: names of more instruments that it gets to know, as far as it can.
        transcriber: name of a transcriber that the registry lists; by default, its default one.
        checkpoint: file of a trained network in place of a listed transcriber.
        registry: the plugins, which give aliases, conditions of new instruments, and the backbone;
            the bundled ones and those in `TIMBRESEP_PLUGINS` unless given.
        reference: name or alias → condition measured on reference recordings, as for
            `timbresep.asked.ask`.
        device: where to compute: cpu, cuda, mps, or auto.

    Returns:
        The transcriber. Its `asked` lists the instruments, each once, by the transcriber's names.

    Raises:
        CheckpointError: the file is missing or damaged, or separates; or as
            `timbresep.asked.ask`.
        UnknownNameError: no transcriber of that name, or none at all; or an instrument that neither
            the checkpoint, nor a plugin, nor `reference` has.
        ConfigError: a transcriber and a checkpoint; or a name in `reference` is not a valid name.
        TimbresepError: no such device.
    """
    registry = registry or Registry.load()
    file = registry.transcribers.get(transcriber, checkpoint)
    loading(f"transcriber {file.name}")
    loaded = checkpoints.load(file, registry.backbone)
    if loaded.model.answers != "notes":
        raise CheckpointError(
            f"{file} separates: it gives stems, not notes", "use it with `separate --checkpoint`"
        )
    found = ask(loaded, instruments, registry, reference)
    extra = {**possible(also, loaded, registry), **found.extra}
    return Hearing(loaded, extra, found.names, device)


def transcribes(checkpoint: Path, registry: Registry) -> bool:
    """Whether the network of a checkpoint answers with notes; its weights are not read.

    Raises:
        CheckpointError: it is missing, or not one of ours.
        UnknownNameError: nothing has its backbone.
    """
    return registry.backbone(checkpoints.read_metadata(checkpoint).backbone).answers == "notes"
