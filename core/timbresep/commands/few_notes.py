"""An instrument from a few notes, as the command line shows it; two commands make one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from timbresep.commands.console import make_console, say
from timbresep.commands.progress import clock, progress
from timbresep.registry.registry import Registry

if TYPE_CHECKING:
    from timbresep.voice.few_notes import NotesSettings


def make_from_notes(
    notes: Sequence[Path],
    name: str,
    out: Path,
    registry: Registry,
    settings: NotesSettings,
    *,
    overwrite: bool = False,
) -> None:
    """Make ``out/name``: say how long it takes, show how far it is, and what was found.

    Args and errors are those of `timbresep.voice.few_notes.from_notes`.
    """
    from timbresep.voice.few_notes import check_free, expected_seconds, from_notes

    check_free(name, registry, out / name, overwrite=overwrite)
    wait = expected_seconds(notes, settings.seconds, len(registry.instruments()))
    make_console(stderr=True).print(
        f"this takes about {clock(wait)}, of which fine-tuning {clock(settings.seconds)}"
    )
    with progress(name) as update:
        made = from_notes(notes, name, out, registry, settings, overwrite=overwrite, report=update)
    solo, training = made.solo, made.training
    say(
        f"{len(solo.notes)} notes found in {solo.seconds:.0f} s; started from the "
        f"voice of {made.start} (spectral loss {made.fits[made.start]:.2f}); "
        f"{training.steps} steps: {training.first_loss:.2f} → {training.last_loss:.2f}"
    )
