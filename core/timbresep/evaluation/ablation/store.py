"""An ablation as files: every number as JSON, and the matrix as a picture."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from timbresep.errors import OutputExistsError
from timbresep.evaluation.ablation.picture import draw
from timbresep.evaluation.ablation.run import SHUFFLE_SEED, Ablation
from timbresep.figure import new_figure
from timbresep.files import write_json
from timbresep.separation.separator import Separator
from timbresep.transcription.hearing import Hearing

SCORES, PICTURE = "ablation.json", "ablation.png"


def check_output(out: Path, *, overwrite: bool) -> None:
    """Refuse what could not be written, before any work.

    Raises:
        OutputExistsError: the folder is a file, or has an ablation that may not be replaced.
    """
    if out.exists() and not out.is_dir():
        raise OutputExistsError(f"{out} is a file", "choose another folder with --out")
    for path in (out / SCORES, out / PICTURE):
        if path.exists() and not overwrite:
            raise OutputExistsError(f"{path} exists", "choose another --out, or use --overwrite")
    new_figure(1, 1, out / PICTURE, overwrite=overwrite)


def write(
    result: Ablation,
    model: Separator | Hearing,
    data: Path,
    out: Path,
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Write both files.

    Args:
        result: what was found.
        model: of which separator or transcriber.
        data: on which folder of tracks.
        out: folder for the files.
        overwrite: replace those that are there.

    Returns:
        The files.

    Raises:
        OutputExistsError: as `check_output`.
    """
    check_output(out, overwrite=overwrite)
    write_json(out / SCORES, as_data(result, model, data), replace=overwrite)
    draw(result, out / PICTURE, overwrite=overwrite)
    return [out / SCORES, out / PICTURE]


def as_data(result: Ablation, model: Separator | Hearing, data: Path) -> dict[str, object]:
    """Every number, ready for JSON, and what it is of; arguments as of `write`."""
    checkpoint = model.checkpoint
    first = model.first if isinstance(model, Separator) else None
    return {
        "checkpoint": checkpoint.path.name,
        "source_model": first.stage.name if first else None,
        "conditioning": checkpoint.metadata.conditioning,
        "data": str(data),
        "score": result.measure.name,
        "shuffle_seed": SHUFFLE_SEED,
        "mean": result.mean(),
        "instruments": [asdict(row) for row in result.rows],
    }
