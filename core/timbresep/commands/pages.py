"""`--report` and `--figures`: what a command has found as a page, and its figures as PNG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbresep.commands.console import say
from timbresep.commands.panels import WRITTEN
from timbresep.errors import ConfigError, OutputExistsError
from timbresep.formats.text import shown

if TYPE_CHECKING:
    from timbresep.report.page import Page

ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Also write tables, figures and, where something sounds, players to this file, an "
        "HTML page that needs no network.",
        rich_help_panel=WRITTEN,
    ),
]
FiguresFolder = Annotated[
    Path | None,
    typer.Option(
        "--figures",
        help="Also write the figures of the page to this folder, as PNG.",
        rich_help_panel=WRITTEN,
    ),
]


@dataclass(frozen=True)
class Pages:
    """What is made of a page: a file, the figures in it, both or neither.

    Attributes:
        report: the file of the page.
        figures: the folder for its figures.
        overwrite: replace what is there.
    """

    report: Path | None = None
    figures: Path | None = None
    overwrite: bool = False

    def check(self) -> None:
        """Refuse, before any work, what could not be written after it.

        Raises:
            OutputExistsError: something is there, and may not be replaced.
            ConfigError: the folder of the page is missing.
        """
        if self.report is not None:
            if self.report.exists() and not self.overwrite:
                raise OutputExistsError(
                    f"{self.report} exists", "choose another name, or use --overwrite"
                )
            if not self.report.parent.is_dir():
                raise ConfigError(
                    f"{self.report}: no folder {self.report.parent}", "make the folder first"
                )
        if self.figures is not None:
            from timbresep.report.figures import check_folder

            check_folder(self.figures, overwrite=self.overwrite)

    def write(self, make: Callable[[], Page]) -> None:
        """Make the page if it is wanted, and write what is wanted of it; say where.

        Raises:
            OutputExistsError: as `check`.
            OutputError: the file system refuses it.
        """
        if self.report is None and self.figures is None:
            return
        from timbresep.report.figures import write_figures

        page = make()
        if self.report is not None:
            page.write(self.report, overwrite=self.overwrite)
        if self.figures is not None:
            write_figures(page.pictures, self.figures, overwrite=self.overwrite)
        for path in (self.report, self.figures):
            if path is not None:
                say(f"wrote {shown(path)}")
