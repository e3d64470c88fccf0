"""`listen`: which instruments play in a recording, how loud, and from which note to which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table

from timbresep.commands.console import (
    make_console,
    say,
    say_json,
    show_error,
    show_note,
    start_logging,
)
from timbresep.commands.inputs import audio_files
from timbresep.commands.options import (
    AsJson,
    CheckpointFile,
    Device,
    Instruments,
    PluginsDir,
    Reference,
    SeparatorName,
    Trust,
    reference_conditions,
    split_names,
)
from timbresep.commands.progress import clock, progress, working
from timbresep.commands.separate_options import Files
from timbresep.formats.text import shown
from timbresep.registry.registry import Registry
from timbresep.separation.options import DEFAULTS, SeparationOptions

if TYPE_CHECKING:
    from timbresep.separation.listening import Listened
    from timbresep.separation.presence import Presence


def listen(
    files: Files,
    instruments: Instruments = None,
    separator: SeparatorName = None,
    checkpoint: CheckpointFile = None,
    reference: Reference = None,
    as_json: AsJson = False,
    device: Device = DEFAULTS.device,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Say which instruments play in audio files, and what; nothing is written."""
    start_logging()
    registry = Registry.load(plugins_dir or (), trust=trust)
    inputs = audio_files(files)
    with working("loading"):
        from timbresep.file_batch import Told
        from timbresep.separation.listening import listen_to_all
        from timbresep.separation.load import open_separator

        model = open_separator(
            split_names(instruments or ["all"]),
            separator=separator,
            checkpoint=checkpoint,
            options=SeparationOptions(device),
            registry=registry,
            reference=reference_conditions(reference or []),
        )
    with progress("listening") as update:
        batch = listen_to_all(
            model,
            inputs.files,
            Told(
                report=lambda path, share: update(share, path.name),
                finished=None if as_json else _print_file,
                failed=lambda _, error: show_error(error),
            ),
        )
    if as_json:
        say_json([_as_json(each) for each in batch.done])
    if batch.failed:
        total = len(batch.failed) + len(batch.done)
        make_console(stderr=True).print(f"{len(batch.failed)} of {total} files could not be heard")
        raise typer.Exit(1)


def _print_file(heard: Listened) -> None:
    view = Table("instrument", "level, dB", "notes", "range", "sounds", "plays")
    for each in sorted(heard.found, key=lambda each: (not each.plays, -each.level)):
        notes = "–" if each.notes is None else str(len(each.notes.notes))
        sounds = clock(each.sounding) if each.notes is not None else "–"
        plays = "yes" if each.plays else "no"
        view.add_row(shown(each.name), f"{each.level:.0f}", notes, each.range, sounds, plays)
    say(f"{shown(heard.path)} ({clock(heard.duration)})")
    say(view)
    say(_sentence(heard.found))
    for remark in heard.remarks:
        show_note(remark)


def _sentence(found: Sequence[Presence]) -> str:
    """The verdict in words."""
    playing = [each.name for each in sorted(found, key=lambda e: -e.level) if each.plays]
    absent = [each.name for each in found if not each.plays]
    if not playing:
        return "None of these instruments seems to play."
    rest = f"; not {', '.join(absent)}" if absent else ""
    return f"What seems to play: {', '.join(playing)}{rest}."


def _as_json(heard: Listened) -> dict[str, Any]:
    rows = []
    for each in heard.found:
        row: dict[str, Any] = {"name": each.name, "level_db": each.level, "plays": each.plays}
        if each.notes is not None:
            row["sounding_s"] = each.sounding
            row["notes"] = [
                {"start": n.start, "end": n.end, "pitch": n.pitch, "velocity": n.velocity}
                for n in each.notes.notes
            ]
        rows.append(row)
    return {"file": str(heard.path), "seconds": heard.duration, "instruments": rows}
