"""Files out of git clones, with a work tree or without."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git_show(repository: Path, path: str) -> bytes:
    """Content of a file at HEAD."""
    return _git(repository, "show", f"HEAD:{path}")


def git_files(repository: Path) -> list[str]:
    """Paths of all files at HEAD."""
    return _git(repository, "ls-tree", "-r", "-z", "--name-only", "HEAD").decode().split("\0")[:-1]


def _git(repository: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout
