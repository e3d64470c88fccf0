"""Ask PyPI's advisories about each version in `constraints.txt`, with pip-audit.

    python tools/audit.py [FILE]

Exit code 0: nothing is known of any. 1: a version has a known vulnerability. 2: the advisories
could not be asked about some, so nothing is sure; pip-audit itself counts these as harmless.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAFE, VULNERABLE, UNKNOWN = 0, 1, 2


@dataclass(frozen=True)
class Verdict:
    """What is known.

    Attributes:
        code: the exit code.
        lines: what is said.
    """

    code: int
    lines: Sequence[str]


def verdict(answer: str, said: str) -> Verdict:
    """What pip-audit's answer means.

    Args:
        answer: what it wrote as JSON, or nothing.
        said: its messages.
    """
    try:
        rows = json.loads(answer)["dependencies"]
    except ValueError:
        last = (said.strip().splitlines() or ["no reason given"])[-1]
        return Verdict(UNKNOWN, [f"error: the advisories could not be asked: {last[:300]}"])
    asked = [row for row in rows if "skip_reason" not in row]
    found = [
        f"{row['name']} {row['version']}: {each['id']}"
        + (f", mended in {', '.join(each['fix_versions'])}" if each["fix_versions"] else "")
        for row in asked
        for each in row["vulns"]
    ]
    if left := [row for row in rows if "skip_reason" in row]:
        line = f"error: {len(left)} of {len(rows)} packages could not be asked about"
        found.append(f"{line}; the first: {left[0]['skip_reason']}")
        return Verdict(VULNERABLE if len(found) > 1 else UNKNOWN, found)
    if found:
        return Verdict(VULNERABLE, found)
    return Verdict(SAFE, [f"no known vulnerability in {len(rows)} packages"])


def main() -> int:
    """Ask and tell; returns the exit code."""
    pins = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "constraints.txt"
    program = Path(sys.executable).with_name("pip-audit")
    how = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(
        [str(program), *how, "-r", str(pins)], capture_output=True, text=True, check=False
    )
    found = verdict(done.stdout, done.stderr)
    for line in found.lines:
        print(line, file=sys.stdout if found.code == SAFE else sys.stderr)
    return found.code


if __name__ == "__main__":
    sys.exit(main())
