"""Makes a plugin's folder from its plan: all of it appears, or nothing does."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from timbresep.errors import OutputExistsError
from timbresep.files import refusal
from timbresep.scaffold.plan import Plan

SUFFIX = ".txt"
"""Templates end with it, so that nobody takes them for the files that they become."""

TEST = "test.py"
TESTS = "tests"

Fill = Callable[[Path], None]
"""Writes what no template has into a plugin's folder; the folder is there."""


def make(plan: Plan, out: Path, fill: Fill | None = None) -> Path:
    """Make a plugin's folder, or its package.

    Args:
        plan: what to make.
        out: folder that it is made in; created if need be.
        fill: adds what no template has.

    Returns:
        The folder that was made, ``out/<name>`` or ``out/timbresep-<name>``.

    Raises:
        ConfigError: a name that cannot be.
        OutputExistsError: the folder is there already.
        OutputError: it cannot be written.
    """
    plan.check()
    target = out / plan.top
    refuse_existing(target)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{plan.top}-", dir=out) as scratch:
            top = Path(scratch) / plan.top
            folder = top / plan.inside
            folder.mkdir(parents=True)
            _write(plan, top, folder)
            if fill:
                fill(folder)
            refuse_existing(target)  # it may have appeared meanwhile
            top.rename(target)
    except OSError as error:
        raise refusal(target, error) from error
    return target


def refuse_existing(target: Path) -> None:
    """Refuse to write where something is.

    Raises:
        OutputExistsError: says where.
    """
    if target.exists() or target.is_symlink():
        raise OutputExistsError(f"{target} exists", "choose another name, or another --out")


def _write(plan: Plan, top: Path, folder: Path) -> None:
    """Fill the templates of a plugin, and those of a package around it."""
    for name, text in _filled(plan, plan.shelf):
        place = folder / name
        if name == TEST:
            place = (top / TESTS if plan.package else folder) / f"test_{plan.name}.py"
            place.parent.mkdir(exist_ok=True)
        place.write_text(text, encoding="utf-8")
    if plan.package:
        for name, text in _filled(plan, "package"):
            (top / name).write_text(text, encoding="utf-8")


def _filled(plan: Plan, shelf: str) -> Iterator[tuple[str, str]]:
    """Name and text of each file that the templates of a shelf become."""
    for template in _templates(shelf):
        text = Template(template.read_text(encoding="utf-8")).substitute(plan.words)
        yield template.name.removesuffix(SUFFIX), text


def _templates(shelf: str) -> list[Traversable]:
    folder = files("timbresep.scaffold") / "templates" / shelf
    return sorted(folder.iterdir(), key=lambda path: path.name)
