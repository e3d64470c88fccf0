"""What `evaluate` makes of its scores: tables, intervals, JSON, CSV, LaTeX, a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from timbresep.commands.console import say, say_json
from timbresep.commands.pages import Pages
from timbresep.commands.panels import WRITTEN
from timbresep.errors import ConfigError, OutputExistsError
from timbresep.formats.text import shown

if TYPE_CHECKING:
    from timbresep.evaluation.estimates import Estimates
    from timbresep.evaluation.result import Evaluation
    from timbresep.evaluation.significance import Estimate
    from timbresep.report.page import Page

EstimatesOf = Annotated[
    list[str] | None,
    typer.Option(
        "--estimates",
        metavar="[NAME=]FOLDER",
        help="Also score the stems that another system has made of these tracks, "
        "FOLDER/<track>/<instrument>.wav, in the same table. Repeatable.",
    ),
]
Significance = Annotated[
    bool,
    typer.Option(
        "--significance",
        help="Also show 95 % intervals of each mean, and of the difference to the separator or "
        "to the system that --against names, by a bootstrap over tracks. Off by default.",
    ),
]
Csv = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        help="Write the scores of each track and instrument to this file.",
        rich_help_panel=WRITTEN,
    ),
]
Latex = Annotated[
    Path | None,
    typer.Option(
        "--latex",
        help="Write the means to this file as a LaTeX table.",
        rich_help_panel=WRITTEN,
    ),
]


@dataclass(frozen=True)
class Outputs:
    """What is made of the scores of a separator.

    Attributes:
        swaps: show the scores with other instruments' conditions, too.
        as_json: print JSON in place of tables.
        significance: find intervals.
        reference: the method that differences are to.
        csv, latex: files to write.
        pages: what is made of the page.
    """

    swaps: bool = False
    as_json: bool = False
    significance: bool = False
    reference: str = "separator"
    csv: Path | None = None
    latex: Path | None = None
    pages: Pages = field(default_factory=Pages)

    def given(self) -> dict[str, bool]:
        """The options that only separators have, and whether each is given."""
        return {
            "--significance": self.significance,
            "--csv": self.csv is not None,
            "--latex": self.latex is not None,
            "--report": self.pages.report is not None,
            "--figures": self.pages.figures is not None,
        }

    def check(self, *, overwrite: bool) -> None:
        """Refuse, before hours of separating, what could not be written after them.

        Raises:
            OutputExistsError: a file is there, and may not be replaced.
            ConfigError: two outputs are one file, or its folder is missing.
        """
        files = [path for path in (self.csv, self.latex) if path is not None]
        paths = [*files, *([self.pages.report] if self.pages.report else [])]
        if len({path.resolve() for path in paths}) < len(paths):
            raise ConfigError("--csv, --latex and --report name one file", "give each its own")
        for path in files:
            if path.exists() and not overwrite:
                raise OutputExistsError(f"{path} exists", "choose another name, or use --overwrite")
            if not path.parent.is_dir():
                raise ConfigError(f"{path}: no folder {path.parent}", "make the folder first")
        self.pages.check()

    def show(self, result: Evaluation, title: str) -> None:
        """Print the scores and write the files; errors as `timbresep.files.atomic_write`."""
        found: list[Estimate] = []
        if self.significance:
            from timbresep.evaluation.significance import intervals

            found = intervals(result, self.reference)
        if self.as_json:
            say_json(_data(result, found, self.reference))
        else:
            self._print(result, title, found)
        if self.csv is not None or self.latex is not None:
            from timbresep.evaluation import publish

            if self.csv is not None:
                publish.write_csv(result, self.csv)
            if self.latex is not None:
                publish.write_latex(result, self.latex, found)
        for path in (self.csv, self.latex):
            if path is not None:
                say(f"wrote {shown(path)}")

        def page() -> Page:
            from timbresep.report.evaluated import evaluated_page

            return evaluated_page(result, title, found, self.reference)

        self.pages.write(page)

    def _print(self, result: Evaluation, title: str, found: Sequence[Estimate]) -> None:
        from timbresep.evaluation import table

        say(table.table(result, title))
        if found:
            say(table.interval_table(found, self.reference))
        if self.swaps:
            say(table.swap_table(result))
        if result.leaks:
            say(table.leak_table(result))
        if result.bss:
            say(table.bss_table(result))
        say(table.summary(result))


def _data(result: Evaluation, found: Sequence[Estimate], reference: str) -> dict[str, object]:
    from dataclasses import asdict

    from timbresep.evaluation.record import as_data

    told = {"reference": reference, "rows": [asdict(each) for each in found]}
    return as_data(result) | ({"intervals": told} if found else {})


@dataclass(frozen=True)
class Beside:
    """What is scored beside the separator.

    Attributes:
        systems: other systems' stems.
        earlier: another separator: a listed one's name or a checkpoint.
        base: the method that differences are to.
    """

    systems: tuple[Estimates, ...]
    earlier: str | Path | None
    base: str


def beside(estimates: Sequence[str], against: str | None) -> Beside:
    """What is scored beside the separator.

    Args:
        estimates: folders of other systems, as given with `--estimates`.
        against: one of these systems, a listed separator, or a checkpoint.

    Raises:
        ConfigError, DataError: as `Estimates.parsed`.
    """
    from timbresep.evaluation.estimates import Estimates

    systems = tuple(Estimates.parsed(text) for text in estimates)
    if against is None:
        return Beside(systems, None, "separator")
    if against in [system.name for system in systems]:
        return Beside(systems, None, against)
    # a listed separator's name has no ending, and a checkpoint has
    path = Path(against)
    return Beside(systems, path if path.suffix or path.exists() else against, "earlier")
