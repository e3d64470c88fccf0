"""`notes`: files and instruments in, notes as MIDI out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    Device,
    Instruments,
    Overwrite,
    PluginsDir,
    Reference,
    Trust,
    reference_conditions,
    split_names,
)
from timbresep.commands.progress import clock, progress, working
from timbresep.commands.separate_options import Files
from timbresep.formats.text import shown
from timbresep.instrument import Instrument
from timbresep.registry.registry import Registry
from timbresep.separation.options import DEFAULTS
from timbresep.units import note_name

if TYPE_CHECKING:
    from timbresep.notes.score import StemNotes
    from timbresep.transcription.batch import FileNotes


Out = Annotated[
    Path,
    typer.Option(
        "-o",
        "--out",
        help="Write the notes of a file to this folder, as OUT/<file>/notes.mid.",
    ),
]
TranscriberName = Annotated[
    str | None,
    typer.Option(
        "--transcriber",
        help="Use this transcriber, one that registry.yaml lists. The default is the one that "
        "registry.yaml names.",
    ),
]
CheckpointFile = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        readable=False,
        help="Use the transcriber in this checkpoint file.",
    ),
]


def notes(
    files: Files,
    instruments: Instruments = None,
    out: Out = Path("out"),
    transcriber: TranscriberName = None,
    checkpoint: CheckpointFile = None,
    reference: Reference = None,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    device: Device = DEFAULTS.device,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Write down the notes that instruments play in audio files, as MIDI."""
    start_logging()
    registry = Registry.load(plugins_dir or (), trust=trust)
    with working("loading"):
        from timbresep.file_batch import Told
        from timbresep.transcription.batch import Output, transcribe_batch
        from timbresep.transcription.load import open_transcriber
        from timbresep.transcription.pitched import pitched

        hearing = open_transcriber(
            split_names(instruments or ["all"]),
            transcriber=transcriber,
            checkpoint=checkpoint,
            registry=registry,
            reference=reference_conditions(reference or []),
            device=device,
        )
    say(f"transcriber: {shown(hearing.checkpoint.path.name)}")
    plugins = {item.name: item for item in registry.instruments()}
    names = pitched(hearing.asked, plugins.values())
    for name in hearing.asked:
        if name not in names:
            show_note(f"{name} has no pitch, and is left out")
    output = Output(out, overwrite, _programs(names, plugins))
    inputs = audio_files(files, out)
    with progress("transcribing") as update:
        batch = transcribe_batch(
            hearing,
            inputs.files,
            output,
            names,
            told=Told(
                report=lambda path, share: update(share, path.name),
                finished=None if as_json else _print_file,
                failed=lambda _, error: show_error(error),
            ),
        )
    if as_json:
        say_json([_as_json(report) for report in batch.done])
    if batch.failed:
        total = len(batch.failed) + len(batch.done)
        said = make_console(stderr=True)
        said.print(f"{len(batch.failed)} of {total} files could not be transcribed")
        raise typer.Exit(1)


def _programs(names: Sequence[str], plugins: Mapping[str, Instrument]) -> dict[str, int]:
    """The first General MIDI program of each plugin that has one."""
    found = {name: plugins[name].config.programs for name in names if name in plugins}
    return {name: programs[0] for name, programs in found.items() if programs}


def _print_file(report: FileNotes) -> None:
    speed = report.duration / max(report.seconds, 1e-9)
    say(
        f"{shown(report.path)} → {shown(report.output)} "
        f"({clock(report.duration)} of audio in {report.seconds:.1f} s, {speed:.1f}× real time)"
    )
    for stem in report.stems:
        say(f"  {stem.stem}: {_described(stem)}")
    for remark in report.remarks:
        show_note(remark)


def _as_json(report: FileNotes) -> dict[str, object]:
    """What is printed of a file, for programs: seconds, MIDI numbers."""
    stems = [
        {
            "name": stem.stem,
            "notes": len(stem.notes),
            "lowest": min((note.pitch for note in stem.notes), default=None),
            "highest": max((note.pitch for note in stem.notes), default=None),
        }
        for stem in report.stems
    ]
    return {
        "file": report.path,
        "output": report.output,
        "seconds": report.duration,
        "computing_s": report.seconds,
        "instruments": stems,
        "remarks": report.remarks,
    }


def _described(stem: StemNotes) -> str:
    """How many notes, and from which pitch to which."""
    if not stem.notes:
        return "no notes"
    pitches = [note.pitch for note in stem.notes]
    count = "1 note" if len(pitches) == 1 else f"{len(pitches)} notes"
    return f"{count}, {note_name(min(pitches))} – {note_name(max(pitches))}"
