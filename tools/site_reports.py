"""The reports that the documentation site shows: made of the bundled demo when it is built.

    python tools/site_reports.py build/reports

In the pages of the site, a picture of a report leads to such a report.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEMO = "data/starter/demo"


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        picture: a picture of one, in the repository.
        page: where it lies in the site.
        command: what makes it, with OUT for a folder.
        made: where in OUT it is then.
    """

    picture: str
    page: str
    command: tuple[str, ...]
    made: str


REPORTS = (
    Report(
        "docs/images/report.png",
        "docs/reports/separated.html",
        ("separate", f"{DEMO}/mixture.flac", "--separator", "universal", "--report", "-o", "OUT"),
        "mixture/report.html",
    ),
    Report(
        "docs/images/report-evaluation.png",
        "docs/reports/evaluated.html",
        ("evaluate", DEMO, "--separator", "universal", "--report", "OUT/scores.html"),
        "scores.html",
    ),
)

Make = Callable[[Report, Path], None]
"""Writes a report to a file."""


def make(report: Report, path: Path) -> None:
    """Run a report's command and put what it makes where it belongs.

    Raises:
        subprocess.CalledProcessError: the command fails.
    """
    with tempfile.TemporaryDirectory() as out:
        command = [part.replace("OUT", out) for part in report.command]
        program = [sys.executable, str(ROOT / "cli.py"), "--quiet"]
        subprocess.run([*program, *command], cwd=ROOT, check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(out) / report.made, path)


def linked(text: str, place: Path) -> str:
    """Markdown in which pictures of reports lead to the reports.

    Args:
        text: of a page.
        place: of the page in the repository.
    """
    for report in REPORTS:
        picture, page = (
            os.path.relpath(path, place.parent) for path in (report.picture, report.page)
        )
        shown = re.compile(rf"(!\[[^\]]*\]\({re.escape(picture)}\))")
        text = shown.sub(rf"[\1]({page})\n\n[Open a report like this]({page})", text)
    return text


def main() -> int:
    """Make all reports in the folder that is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    for report in REPORTS:
        make(report, out / Path(report.page).name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
