"""How stems are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from timbresep.audio.writer import checked_subtype
from timbresep.errors import AudioError
from timbresep.separation.options import SeparationOptions
from timbresep.separation.parts import STEMS, Wanted


@dataclass(frozen=True)
class Output:
    """How stems are written.

    Attributes:
        folder: stems go to ``<folder>/<file>/<instrument>.<format>``.
        format: of the files, without dot (`timbresep.audio.writer.FORMATS`).
        subtype: FLOAT, PCM_24 or PCM_16; None for the format's best.
        wanted: what else than stems is written.
        overwrite: replace stems that are there.
        midi: also write the notes of each stem that has some, or in which some can be heard, as
            ``<instrument>.mid``.
        settings: all that stems depend on. With it, a rerun makes only what is missing: files that
            were written with the same settings from the same input are left as they are.
        listen: whether the notes of all stems are wanted for the report on a file.
        inside: file → folder below `folder` in which its own folder is made.
    """

    folder: Path
    format: str = "wav"
    subtype: str | None = None
    wanted: Wanted = STEMS
    overwrite: bool = False
    midi: bool = False
    settings: Mapping[str, object] | None = None
    inside: Mapping[Path, Path] | None = None
    listen: bool = False


def check(output: Output, options: SeparationOptions) -> None:
    """Check the output options before any work.

    Raises:
        AudioError: the format cannot hold the subtype; mixture consistency and a residual, which
            would be silent.
    """
    checked_subtype(Path(f"stem.{output.format}"), output.subtype)
    if options.mixture_consistency and output.wanted.residual:
        raise AudioError(
            "with mixture consistency, stems leave no residual", hint="choose one of the two"
        )
