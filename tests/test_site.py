"""The documentation site builds without a warning, and none of its links is broken."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import typer

pytest.importorskip("zensical")
pytest.importorskip("mkdocstrings")
pytest.importorskip("latex2mathml")

import site_pages
from site_reports import REPORTS, Report, linked
from timbresep.commands.app import assemble
from timbresep.report.page import Page

ROOT = Path(__file__).resolve().parents[1]


class Links(HTMLParser):
    """Where a page leads, and the names in it that can be led to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.names |= {given[key] for key in ("id", "name") if key in given}
        if tag in ("a", "img", "script", "link") and (link := given.get("href", given.get("src"))):
            self.links.append(link)


def short_report(report: Report, path: Path) -> None:
    """A page in the place of one that takes half a minute to make."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Page(" ".join(report.command), "").write(path)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    site_pages.gather(out, short_report)
    command = [sys.executable, "-m", "zensical", "build", "-s", "-f", str(out / "mkdocs.yml")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr
    return out / "site"


def read(page: Path) -> Links:
    found = Links()
    found.feed(page.read_text(encoding="utf-8"))
    return found


def test_no_link_is_broken(site: Path) -> None:
    pages = {page: read(page) for page in site.rglob("*.html") if page.name != "404.html"}
    assert len(pages) > 60
    broken = []
    for page, found in pages.items():
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if target.is_dir():
                target /= "index.html"
            named = not parts.fragment or target not in pages
            if not target.is_file() or not (
                named or unquote(parts.fragment) in pages[target].names
            ):
                broken.append(f"{page.relative_to(site)}: {link}")
    assert not broken, "\n".join(broken)


def test_every_plugin_has_a_page_with_its_manifest(site: Path) -> None:
    navigation = read(site / "index.html").links
    for part in site_pages.PARTS:
        for folder in (ROOT / "plugins" / part).iterdir():
            if (folder / "instrument.yaml").is_file() or (folder / "__init__.py").is_file():
                page = site / "plugins" / part / folder.name / "index.html"
                assert page.is_file(), page
                assert f"./plugins/{part}/{folder.name}/" in navigation
                if part == "instruments":
                    assert "resynthesis" in page.read_text() or not list(folder.glob("*.png"))
                    assert "instrument.yaml" in page.read_text()


def test_docstrings_and_formulas_are_shown(site: Path) -> None:
    api = (site / "docs" / "api" / "index.html").read_text()
    assert "timbresep.separation.load.open_separator" in api
    assert "names or aliases, or" in api
    evaluation = (site / "docs" / "guides" / "evaluation" / "index.html").read_text()
    assert "<math" in evaluation
    assert r"\log_{10}" not in evaluation


def test_pictures_of_reports_lead_to_reports(site: Path) -> None:
    for guide, report in zip(("separate", "evaluation"), REPORTS, strict=True):
        page = site / "docs" / "guides" / guide / "index.html"
        there = site / report.page
        assert report.command[0] in there.read_text()
        leads = [(page.parent / link).resolve() for link in read(page).links if ".html" in link]
        assert leads == [there, there]


def test_commands_of_reports_are_those_of_the_program() -> None:
    program = typer.main.get_command(assemble())
    for report in REPORTS:
        name, *words = report.command
        program.commands[name].make_context(name, words)  # type: ignore[attr-defined]
        assert (ROOT / report.picture).is_file()


def test_other_pictures_stay_as_they_are() -> None:
    text = "![a](../images/report.png) ![b](../images/other.png)"
    assert linked(text, Path("docs/guides/a.md")).count("](../reports/separated.html)") == 2
    assert linked(text, Path("README.md")) == text


def test_every_page_of_the_docs_is_in_the_navigation() -> None:
    settings = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        name = str(page.relative_to(ROOT))
        assert name in settings or name == "docs/README.md", name
