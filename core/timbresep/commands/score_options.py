"""Options of the commands that take a score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbresep.commands.panels import SCORE

ScoreFile = Annotated[
    Path,
    typer.Argument(
        metavar="SCORE",
        readable=False,
        help="MIDI (.mid), MusicXML (.musicxml, .xml, .mxl), Humdrum (.krn) or MEI (.mei).",
    ),
]
PartChoice = Annotated[
    list[str] | None,
    typer.Option(
        "--part",
        metavar="INSTRUMENT=NUMBER[,NUMBER…]",
        help="Take these parts of the score for an instrument, such as vocals=1,2; repeatable. "
        "The default goes by their names and General MIDI programs.",
        rich_help_panel=SCORE,
    ),
]
NoRepeats = Annotated[
    bool,
    typer.Option(
        "--no-repeats",
        help="Play each passage of a score in notation once, with its last ending. By default, "
        "repeats are played as they are written.",
        rich_help_panel=SCORE,
    ),
]
Anyway = Annotated[
    bool,
    typer.Option(
        "--anyway",
        help="Use a score that seems to be of another piece all the same, such as one part of "
        "many that play.",
        rich_help_panel=SCORE,
    ),
]
Partial = Annotated[
    bool,
    typer.Option(
        "--partial",
        help="Others play, too, whose parts the score does not have: it may be one part alone.",
        rich_help_panel=SCORE,
    ),
]
