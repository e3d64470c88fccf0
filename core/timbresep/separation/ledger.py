"""What was separated into a folder already, so that a rerun makes only what is missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timbresep.files import write_json
from timbresep.separation.input_file import state_of
from timbresep.separation.parts import RESIDUAL

LEDGER = ".separation.json"
"""Beside the stems, hidden: what they were made from, and how."""

LARGEST = 2**20
"""Bytes of such a file that are read at most."""


@dataclass(frozen=True)
class Job:
    """A file, and how it is separated.

    Attributes:
        input: its state, see `state_of`.
        settings: SHA-256 of all that stems depend on besides.
        asked: instruments; the residual depends on them.
    """

    input: str
    settings: str
    asked: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path, settings: Mapping[str, object], asked: Sequence[str] = ()) -> Job:
        """Of a file, what else stems depend on, as JSON can hold it, and the instruments.

        Raises:
            OSError: the file cannot be read.
        """
        text = json.dumps(settings, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return cls(state_of(path), digest, tuple(asked))

    def done(
        self, folder: Path, names: Sequence[str], absent: Mapping[str, float] | None = None
    ) -> set[str]:
        """Those of some files in a folder that this very job has written, and that are whole.

        Args:
            folder: of the files.
            names: their names.
            absent: instruments that are left out.
        """
        kept = _read(folder)
        return {
            name
            for name in names
            if (row := kept.get(name)) is not None
            and self._row(name, absent or {}).items() <= row.items()
            and (size := _size(folder / name)) is not None
            and size == row.get("bytes")
        }

    def absent(self, folder: Path) -> dict[str, float]:
        """Instruments that this job has left out since they seem absent, and their levels in dB."""
        row = _read(folder).get(_ABSENT, {})
        if (row.get("input"), row.get("settings")) != (self.input, self.settings):
            return {}
        levels = row.get("levels")
        if not isinstance(levels, dict):
            return {}
        return {str(k): float(v) for k, v in levels.items() if isinstance(v, (int, float))}

    def remember(
        self, folder: Path, files: Mapping[str, Path], absent: Mapping[str, float] | None = None
    ) -> None:
        """Note what this job writes, and who seems absent.

        Args:
            folder: of the files.
            files: their names, and where the bytes of each are now. While they are on their way
                to a place where an older file is, they do not count as done.
            absent: instruments that are left out, and their levels in dB.

        Raises:
            OutputError: the file system refuses it.
        """
        rows = _read(folder)
        for name, at in files.items():
            replaces = at != folder / name and (folder / name).exists()
            row = self._row(name, absent or {})
            rows[name] = {**row, "bytes": None if replaces else _size(at)}
        if absent:
            rows[_ABSENT] = {**self._row(_ABSENT, {}), "levels": dict(absent)}
        write_json(folder / LEDGER, rows)

    def _row(self, name: str, absent: Mapping[str, float]) -> dict[str, Any]:
        """What tells a file of this job from another's; for the residual, the stems it is less."""
        row: dict[str, Any] = {"input": self.input, "settings": self.settings}
        if Path(name).stem == RESIDUAL:
            row["without"] = sorted({*self.asked} - {*absent})
        return row


_ABSENT = "(absent)"


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    """The rows of a folder; none where there is no such file, or a damaged one."""
    try:
        if (folder / LEDGER).stat().st_size > LARGEST:
            return {}
        rows = json.loads((folder / LEDGER).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(rows, dict):
        return {}
    return {str(name): row for name, row in rows.items() if isinstance(row, dict)}


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
