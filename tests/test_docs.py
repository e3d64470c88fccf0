"""Pages stay true: links lead somewhere, commands parse, names import, the reference is fresh."""

from __future__ import annotations

import importlib
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import reference_pages
import timbresep
from timbresep.commands.app import assemble

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("docs", "research", "separators", "plugins", "data/starter", "examples")
PAGES = sorted([*ROOT.glob("*.md"), *(page for f in FOLDERS for page in (ROOT / f).rglob("*.md"))])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
AS_THEY_WERE = ("separators/universal-history.md", "docs/reference/commands.md")
"""Pages whose commands have options of their day, or are usage lines."""
PROGRAM = re.compile(r"^(?:\S*python cli\.py|timbresep) ")
TERMS = (
    *("joint masking", "test-time augmentation", "retuning", "mixture consistency", "augmentation"),
    *("reference recordings", "extra instruments", "refinement stage", "in-domain", "residual"),
    *("out-of-domain", "stored", "failed", "silent", "condition", "harmonic distribution", "FiLM"),
    *("DDSP", "voice", "SDR", "SI-SDR", "SDR improvement", "SI-SDR improvement", "oracle mask"),
    *("backbone", "mask", "mixture", "stem", "target", "separator", "checkpoint", "recipe"),
    *(
        "instrument plugin",
        "source model",
        "registry",
        "held-out instrument",
        "swap loss",
        "leakage",
        "BSSEval",
    ),
)


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
def program() -> Any:
    return typer.main.get_command(assemble())


def anchors(page: Path) -> set[str]:
    """Names by which a page's headings can be linked to, as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", FENCE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def commands(text: str) -> Iterator[str]:
    """Commands of this program in a page, in code blocks (shell lines joined) and in `code`."""
    joined = text.replace("\\\n", " ")
    fenced = [line for block in FENCE.findall(joined) for line in block.splitlines()]
    indented = re.findall(r"^ {4}.*$", FENCE.sub("", joined), re.MULTILINE)
    blocks = [line.strip().removeprefix("$ ") for line in [*fenced, *indented]]
    blocks += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", text)]
    for line in blocks:
        if PROGRAM.match(line) and "…" not in line.split(" #")[0]:
            yield PROGRAM.sub("", line)


def test_the_readme_is_short() -> None:
    assert len(text_of(ROOT / "README.md").split()) <= 600


@pytest.mark.parametrize("name", NAMES)
def test_links_and_pictures_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text_of(page))):
        path, _, anchor = link.partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        found = (page.parent / path) if path else page
        assert found.exists(), f"{name}: {link}"
        assert not anchor or anchor in anchors(found), f"{name}: no heading for {link}"


@pytest.mark.parametrize("name", [name for name in NAMES if name not in AS_THEY_WERE])
def test_commands_parse(name: str) -> None:
    for line in commands(text_of(ROOT / name)):
        command = program()
        words = shlex.split(re.split(r" [|>&]+ |;", line)[0], comments=True)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        if words in ([], ["--help"], ["--version"]) and hasattr(command, "commands"):
            continue
        assert not hasattr(command, "commands"), f"{name}: {line}: no such command"
        try:
            command.make_context(line, words)
        except Exception as error:
            message = getattr(error, "message", error)
            raise AssertionError(f"{name}: {line}: {message}") from error


def test_the_python_of_the_readme_imports_what_is_there() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", text_of(ROOT / "README.md"), re.M | re.S)
    assert blocks
    for module, names in re.findall(r"^from (\S+) import (.+)$", "".join(blocks), re.M):
        for name in names.split(", "):
            found = importlib.import_module(module)
            assert hasattr(found, name) or importlib.import_module(f"{module}.{name}")


def test_there_are_commands_to_parse() -> None:
    assert len(list(commands(text_of(ROOT / "README.md")))) >= 5


def test_the_reference_is_fresh() -> None:
    assert not reference_pages.stale(), "run python tools/reference_pages.py"


def test_the_walks_name_what_is_there() -> None:
    text = text_of(ROOT / "docs" / "architecture.md")
    named = re.findall(r"`([a-z_]+(?:\.[a-z_]+)*):(\w+(?:\.\w+)*)`", text)
    assert len(named) >= 15
    for module, path in named:
        found: object = importlib.import_module(f"timbresep.{module}")
        for part in path.split("."):
            assert hasattr(found, part), f"timbresep.{module} has no {path}"
            found = getattr(found, part)


def test_the_glossary_has_each_term_once() -> None:
    found = re.findall(r"^\*\*(.+?)\*\*", text_of(ROOT / "docs" / "glossary.md"), re.MULTILINE)
    assert set(TERMS) <= set(found)
    assert max(Counter(found).values()) == 1
    assert found == sorted(found, key=str.lower)


def test_the_reference_says_what_everything_is() -> None:
    for name, text in reference_pages.pages().items():
        empty = re.findall(r"^\| (\S+) .*\|  \|$", text, re.MULTILINE)
        assert not empty, f"{name}: no sentence for {', '.join(empty)}"


def test_the_container_copies_what_is_there_and_installs_as_the_guide_says() -> None:
    lines = text_of(ROOT / "Dockerfile").replace("\\\n", " ").splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
    assert any("--require-hashes -r /src/core.txt" in line for line in lines)
    needed = {
        "requirements/core.txt",
        "constraints.txt",
        "core",
        "plugins",
        "separators",
        "data/starter",
        "registry.yaml",
        "README.md",
    }
    assert needed <= set(copied)
    assert any(line.startswith("USER ") for line in lines)


def test_the_citation_is_of_this_version() -> None:
    found = yaml.safe_load(text_of(ROOT / "CITATION.cff"))
    assert found["version"] == timbresep.__version__
    assert set(found) >= {"cff-version", "message", "title", "authors"}  # what the schema asks for
    assert found["license"] == "MIT"
