"""A parser that is fuzzed, and the usual one: of a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fuzzing.mutations import Mutate


@dataclass(frozen=True)
class Target:
    """A parser.

    Attributes:
        seeds: whole files to begin from.
        mutate: makes another file of one.
        check: reads and uses it; errors as this module says.
    """

    seeds: list[bytes]
    mutate: Mutate
    check: Callable[[bytes], object]


def of_file(
    path: Path, seeds: list[bytes], mutate: Mutate, read: Callable[[Path], object]
) -> Target:
    """A parser of one file.

    Args:
        path: where each input is written.
        seeds, mutate: as of `Target`.
        read: reads and uses the file.
    """

    def check(data: bytes) -> None:
        path.write_bytes(data)
        read(path)

    return Target(seeds, mutate, check)
