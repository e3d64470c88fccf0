"""What an installation takes is pinned and hashed; `make audit` never takes silence for safety."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import audit
import lock

ROOT = Path(__file__).parents[1]
LOCKED = [(ROOT / "requirements" / name).read_text() for name in lock.FILES]
PACKAGE = re.compile(
    r"^([\w.-]+)==(\S+)( ; .*?)? \\\n((?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)


def pins(text: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


CONSTRAINTS = pins((ROOT / "constraints.txt").read_text())


def test_every_package_is_locked_at_its_constraint_and_with_hashes() -> None:
    for text in LOCKED:
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        packages = list(PACKAGE.finditer(text))
        assert sum(match[0].count("\n") for match in packages) == len(lines), "more than packages"
        for match in packages:
            name = canonicalize_name(match[1])
            # What only other platforms or GPUs need is not in the constraints.
            elsewhere = match[3] and CONSTRAINTS.get(name) is None
            assert elsewhere or CONSTRAINTS[name] == match[2], name
    assert "://" not in "".join(LOCKED)


def test_nothing_that_an_installation_needs_is_left_out() -> None:
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = about["project"]["optional-dependencies"]
    asked = [*about["project"]["dependencies"], *about["build-system"]["requires"], lock.ALONE]
    asked += [each for extra in lock.EXTRAS for each in extras[extra]]
    found = pins("".join(LOCKED))
    for each in map(Requirement, asked):
        assert each.specifier.contains(found[canonicalize_name(each.name)]), each
    torch, core = map(pins, LOCKED)
    assert "torch" in torch
    assert not any(name.startswith(("torch-", "nvidia", "cuda", "triton")) for name in core)


ROW = {"name": "a", "version": "1", "vulns": []}
BAD = {**ROW, "name": "b", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
SKIPPED = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("rows", "code", "told"),
    [
        ([ROW, ROW], 0, "no known vulnerability in 2 packages"),
        ([ROW, BAD], 1, "b 1: CVE-1, mended in 2"),
        ([ROW, SKIPPED], 2, "1 of 2 packages could not be asked about; the first: not found"),
        ([BAD, SKIPPED], 1, "b 1: CVE-1"),
    ],
)
def test_the_audit_tells_the_vulnerable_and_the_unknown(
    rows: list[object], code: int, told: str
) -> None:
    found = audit.verdict(json.dumps({"dependencies": rows}), "")
    assert found.code == code
    assert told in found.lines[0]


def test_an_audit_that_nobody_answers_is_no_clean_one() -> None:
    found = audit.verdict("", "Traceback\nConnectionError: no route\n")
    assert found.code == 2
    assert "ConnectionError: no route" in found.lines[0]
