"""What studies have in common: kept records, tables in pages of the docs, and their provenance."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from timbresep.errors import ConfigError
from timbresep.files import atomic_write, write_json
from timbresep.running.provenance import hardware, today
from timbresep.separation.options import SeparationOptions

NETWORK = SeparationOptions(device="cpu", joint=False, retune=False)
"""What the network itself makes of a mixture: no stem looks at another."""

BEGIN, END = "<!-- study: begin -->", "<!-- study: end -->"


def recorded(path: Path, settings: dict, make: Callable[[], dict]) -> dict:
    """The record in a file, which is made and written if it is not there yet.

    Raises:
        ConfigError: the file was made with other settings.
    """
    if path.is_file():
        record: dict = json.loads(path.read_text())
        if record["settings"] != settings:
            raise ConfigError(f"{path} was made with other settings", "choose another --out")
        return record
    record = {"settings": settings, **make(), "date": today(), "hardware": hardware()}
    write_json(path, record)
    return record


def write_table(page: Path, lines: Sequence[Sequence[str]], caption: str) -> None:
    """Put a table, its heads first, between the page's markers."""
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ConfigError(f"{page} has no markers {BEGIN} and {END}", "put them where it belongs")
    head, *cells = lines
    body = "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *cells))
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    with atomic_write(page) as temporary:
        temporary.write_text(
            f"{before}{BEGIN}\n{body}\n\n{caption}.\n{END}{after}", encoding="utf-8"
        )


def roots_of(data: Sequence[str]) -> dict[str, Path]:
    """NAME=FOLDER, several times, as folders by name."""
    return {item.partition("=")[0]: Path(item.partition("=")[2]) for item in data}
