"""The house rules that no linter knows: short functions and files, and nothing returned unnamed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted((ROOT / "core").rglob("*.py"))
PLUGIN_CODE = sorted((ROOT / "plugins").rglob("*.py"))
LONGEST_FUNCTION, LONGEST_FILE, LARGEST_TUPLE = 60, 320, 2


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def unnamed(returns: ast.expr) -> bool:
    """Whether a tuple of more than two values is in an annotation."""
    return any(
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "tuple"
        and isinstance(node.slice, ast.Tuple)
        and len(node.slice.elts) > LARGEST_TUPLE
        for node in ast.walk(returns)
    )


def test_files_and_functions_are_short_and_what_they_return_is_named() -> None:
    for path in CODE:
        assert path.read_text(encoding="utf-8").count("\n") <= LONGEST_FILE, path
        for node in functions(path):
            where = f"{path}: {node.name}"
            assert node.end_lineno is not None
            begins = node.body[0].lineno  # a command's options are parameters, and may be many
            assert node.end_lineno - begins < LONGEST_FUNCTION, where
            assert node.returns is None or not unnamed(node.returns), where


def test_each_room_says_what_happens_in_it() -> None:
    rooms = {path.parent for path in CODE if path.parent.name != "core"}
    for room in rooms:
        text = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8")))
        assert text, room


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, as they are written."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@pytest.mark.parametrize("path", PLUGIN_CODE, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_plugins_import_only_what_a_plugin_author_imports(path: Path) -> None:
    for module in imported(path):
        assert not module.startswith(("plugins", "..")), f"{module}: another plugin"
        if module.partition(".")[0] == "timbresep":
            file = ROOT / "core" / f"{module.replace('.', '/')}.py"
            assert file.is_file(), f"{module} is no top-level file of the package"
            assert file.parent.name == "timbresep", f"{module} is machinery"


def test_the_core_names_no_instrument() -> None:
    """Help and hints of the command line may: people copy their examples."""
    instruments = [path.name for path in (ROOT / "plugins" / "instruments").iterdir()]
    names = re.compile(rf"\b({'|'.join(instruments)})s?\b")
    for path in CODE:
        if path.parent.name != "commands":
            found = names.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{path} names {found[0] if found else ''}"
