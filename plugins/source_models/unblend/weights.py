"""Weights of unblend's models, fetched and checked by its own repository.

What was fetched lies in unblend's own cache for a moment; what its own users had there stays.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from timbresep.errors import CheckpointError
from timbresep.hookspecs import Fetched

from .imported import ModelLoadingError, ModelRepository
from .offer import Offer


def copy(offer: Offer, path: Path, report: Fetched) -> None:
    """Write the weights of a model of the user's own; arguments and errors are those of `fetch`."""
    try:
        shutil.copyfile(str(offer.file), path)
    except OSError as error:
        raise CheckpointError(f"{offer.file}: {error.strerror}", "import it again") from error
    size = path.stat().st_size
    report(size, size)


def fetch(offer: Offer, path: Path, report: Fetched) -> None:
    """Write the weights of a model, those of an ensemble's members under `models.0.`, `models.1.`…

    Args:
        offer: the model.
        path: the file to write.
        report: told how many bytes are there, and how many there will be.

    Raises:
        CheckpointError: they cannot be had, or are not those that were published.
    """
    repository = ModelRepository(extra_models=[])
    published = repository.weight_files(offer.name)
    if tuple(file["sha256"] for file in published) != offer.sha256:
        raise CheckpointError(f"this version of unblend offers other weights of '{offer.name}'")
    sizes = [file["size_bytes"] for file in published]

    def progress(event: str, data: dict[str, Any]) -> None:
        if event in ("file_progress", "file_complete"):
            number = data["file_index"]
            here = data.get("downloaded_bytes", sizes[number - 1])
            report(sum(sizes[: number - 1]) + here, sum(sizes))

    before = repository.get_cache_info().get(offer.name, {}).get("complete", False)
    try:
        repository.get_model(offer.name, progress_callback=progress)
    except ModelLoadingError as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(
            f"the weights of '{offer.name}' cannot be fetched: {reason}",
            f"`models get {offer.name} --from FILE` takes them from a file",
        ) from error
    cached = repository.get_cache_info()[offer.name]["files"]
    files = [Path(cached[key]["path"]) for key in repository.required_files(offer.name)]
    if len(files) == 1:
        shutil.copyfile(files[0], path)
    else:
        parts = [load_file(file) for file in files]
        named = {f"models.{n}.{k}": v for n, part in enumerate(parts) for k, v in part.items()}
        save_file(named, path)
    if not before:
        repository.remove_model(offer.name)
