"""`score`: what a score holds, and who plays it; `align` is in `score_align`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.table import Table

from timbresep.commands.console import say, say_json, show_note
from timbresep.commands.options import AsJson, Overwrite, PluginsDir, Trust
from timbresep.commands.pages import FiguresFolder, Pages, ReportFile
from timbresep.commands.progress import clock
from timbresep.commands.score_align import align_score
from timbresep.commands.score_options import NoRepeats, PartChoice, ScoreFile
from timbresep.formats.text import shown
from timbresep.notes.casting import Reason, Role, assign, parse_choice
from timbresep.notes.reading import read
from timbresep.notes.score import Score
from timbresep.registry.registry import Registry
from timbresep.units import note_name

if TYPE_CHECKING:
    from timbresep.report.page import Page

app = typer.Typer(
    no_args_is_help=True,
    help="Show scores: their parts, and who plays what; find them in recordings.",
)
app.command("align")(align_score)

REASONS: dict[Reason, str] = {
    "chosen": "--part",
    "together": "name, with the others",
    "name": "name",
    "alias": "alias",
    "program": "program",
    "unpitched": "no pitch",
    "none": "no plugin fits",
}

HEAD = ("part", "name", "notes", "range", "program", "time", "stem", "because of")


@app.command("show")
def show_score(
    score: ScoreFile,
    part: PartChoice = None,
    no_repeats: NoRepeats = False,
    as_json: AsJson = False,
    report: ReportFile = None,
    figures: FiguresFolder = None,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Show the parts of a score, their notes, and which instrument each is taken for."""
    pages = Pages(report, figures, overwrite)
    pages.check()
    registry = Registry.load(plugins_dir or (), trust=trust)
    chosen = parse_choice(part or ())
    found = read(score, repeats=not no_repeats)
    roles = assign(found, [each.config for each in registry.instruments()], chosen)
    pages.write(lambda: _page(score.name, found, roles))
    if as_json:
        say_json(_described(found, roles))
        return
    say(_table(roles))
    for line in [*found.assumed, *_outside(roles)]:
        show_note(line)


def _page(name: str, score: Score, roles: list[Role]) -> Page:
    from timbresep.report.page import Grid
    from timbresep.report.scored import score_page

    parts = Grid([_cells(role) for role in roles], HEAD, "", frozenset({2, 4}))
    notes = sum(len(part.notes) for part in score.parts)
    about = f"{len(roles)} parts, {notes} notes, {clock(score.duration)}"
    told = [*score.assumed, *_outside(roles)]
    return score_page(name, [role.notes for role in roles], parts, about, told)


def _table(roles: list[Role]) -> Table:
    view = Table(*HEAD)
    for role in roles:
        view.add_row(*_cells(role))
    return view


def _cells(role: Role) -> list[str]:
    first, last = _span(role)
    return [
        str(role.number),
        shown(role.part.name),
        str(len(role.part.notes)),
        " – ".join(map(note_name, _range(role))),
        "" if role.part.program is None else str(role.part.program),
        f"{clock(first)} – {clock(last)}",
        role.stem,
        REASONS[role.reason],
    ]


def _described(score: Score, roles: list[Role]) -> dict[str, object]:
    """The same as the table, for programs: seconds and MIDI numbers."""
    parts = [
        {
            "part": role.number,
            "name": role.part.name,
            "notes": len(role.part.notes),
            "range": _range(role),
            "program": role.part.program,
            "seconds": _span(role),
            "pitched": role.pitched,
            "instrument": role.instrument,
            "stem": role.stem,
            "reason": role.reason,
            "outside": role.outside,
        }
        for role in roles
    ]
    return {
        "duration": score.duration,
        "parts": parts,
        "assumed": [*score.assumed, *_outside(roles)],
    }


def _range(role: Role) -> list[float]:
    """Lowest and highest note; empty for a part without pitch."""
    pitches = [note.pitch for note in role.part.notes]
    return [min(pitches), max(pitches)] if role.pitched else []


def _span(role: Role) -> tuple[float, float]:
    """Seconds at which the part begins and ends."""
    notes = role.part.notes
    return min(note.start for note in notes), max(note.end for note in notes)


def _outside(roles: list[Role]) -> list[str]:
    """What to say of notes that an instrument does not play."""
    return [
        f"part {role.number}: {role.outside} of {len(role.part.notes)} notes lie outside the range "
        f"of {role.instrument}"
        for role in roles
        if role.outside
    ]
