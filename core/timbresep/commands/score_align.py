"""`score align`: a score is found in a recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbresep.commands.console import say, say_json, show_note
from timbresep.commands.options import AsJson, Overwrite, PluginsDir, Trust
from timbresep.commands.pages import FiguresFolder, Pages, ReportFile
from timbresep.commands.progress import clock
from timbresep.commands.score_options import Anyway, NoRepeats, PartChoice, ScoreFile
from timbresep.errors import OutputExistsError
from timbresep.formats.text import shown
from timbresep.registry.registry import Registry

if TYPE_CHECKING:
    from timbresep.notes.alignment import Alignment
    from timbresep.notes.score import StemNotes
    from timbresep.report.page import Page

Recording = Annotated[
    Path, typer.Argument(metavar="RECORDING", readable=False, help="An audio file.")
]
Out = Annotated[
    Path,
    typer.Option(
        "-o", "--out", help="Write OUT/<recording>.mid, the aligned notes, and <recording>.png."
    ),
]


def align_score(
    recording: Recording,
    score: ScoreFile,
    out: Out = Path("out"),
    part: PartChoice = None,
    no_repeats: NoRepeats = False,
    anyway: Anyway = False,
    as_json: AsJson = False,
    report: ReportFile = None,
    figures: FiguresFolder = None,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Find a score in a recording: notes in its time, a picture, and how sure it is."""
    from timbresep.notes import midi
    from timbresep.notes.alignment import align
    from timbresep.notes.alignment.picture import draw
    from timbresep.notes.casting import cast, parse_choice
    from timbresep.notes.reading import read

    notes_file, picture = (out / f"{recording.stem}{end}" for end in (".mid", ".png"))
    for path in (notes_file, picture):
        if path.exists() and not overwrite:
            raise OutputExistsError(f"{path} exists", "choose another --out, or use --overwrite")
    pages = Pages(report, figures, overwrite)
    pages.check()
    registry = Registry.load(plugins_dir or (), trust=trust)
    known = [each.config for each in registry.instruments()]
    found = read(score, repeats=not no_repeats)
    stems = cast(found, known, parse_choice(part or ()))
    alignment = align(stems, recording, anyway=anyway)
    draw(alignment, stems, picture, overwrite=overwrite)
    midi.write(notes_file, alignment.applied(stems), replace=overwrite)
    left_out = alignment.left_out(stems)
    if as_json:
        say_json(_described(alignment, left_out))
    else:
        say_alignment(alignment)
    say(f"wrote {shown(notes_file)} and {shown(picture)}")
    told = [*found.assumed, *([f"{left_out} notes are not in the recording"] * (left_out > 0))]
    pages.write(lambda: _page(recording, alignment, stems, told))
    for line in told:
        show_note(line)


def _page(
    recording: Path, alignment: Alignment, stems: Sequence[StemNotes], told: Sequence[str]
) -> Page:
    from timbresep.report.page import Grid
    from timbresep.report.scored import alignment_page

    facts = Grid([(what.rstrip(":"), how) for what, how in _told(alignment)])
    return alignment_page(recording, alignment, stems, facts, told)


def say_alignment(alignment: Alignment) -> None:
    """How sure it is and where not, and the tuning."""
    for what, how in _told(alignment):
        say(f"{what} {how}")


def _told(alignment: Alignment) -> list[tuple[str, str]]:
    """The same, each in two parts."""
    first, last = alignment.at_ends()
    unsure = ", ".join(f"{clock(start)}–{clock(end)}" for start, end in alignment.unsure())
    told = [
        ("found", f"from {clock(first)} to {clock(last)} of {clock(alignment.duration)}"),
        ("the notes fit", f"{alignment.agreement:.0%} of the time (cost {alignment.cost:.2f})"),
        ("unsure:", f"{unsure or 'nowhere'}"),
        ("tuning:", f"{alignment.tuning:+.0f} cents re A4 = 440 Hz"),
    ]
    if step := alignment.transposition:
        word = "above" if step > 0 else "below"
        told.append(("it sounds", f"{abs(step)} semitone{'s' * (abs(step) > 1)} {word} the score"))
    return told


def _described(alignment: Alignment, left_out: int) -> dict[str, object]:
    """The same for programs, with the whole map: seconds, cents and semitones."""
    return {
        "agreement": alignment.agreement,
        "cost": alignment.cost,
        "found": alignment.at_ends(),
        "duration": alignment.duration,
        "tuning": alignment.tuning,
        "transposition": alignment.transposition,
        "left_out": left_out,
        "unsure": alignment.unsure(),
        "confidence": [round(float(value), 3) for value in alignment.confidence],
        "written": [round(float(second), 3) for second in alignment.written],
        "sounding": [round(float(second), 3) for second in alignment.sounding],
    }
