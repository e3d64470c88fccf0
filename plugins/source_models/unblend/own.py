"""Models of the user's own: those in unblend's list of them.

unblend's own command, `unblend models import`, makes a safetensors file of a checkpoint (HTDemucs,
BS-RoFormer, Mel-Band RoFormer or SCNet) and writes down what it is. Here each is a source model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from timbresep.errors import ConfigError
from timbresep.instrument_name import NAME, plain

from .offer import TWO, Offer

ACCOMPANIMENT = ("other", "instrumental", "no_vocals")
"""What people call all that is not sung, beside `vocals`."""


def list_file() -> Path:
    """Where unblend keeps its list."""
    return Path.home() / ".unblend" / "models.yaml"


def own_offers() -> Iterator[Offer]:
    """The models of the list.

    Raises:
        ConfigError: it cannot be read, or a model in it is more than one file on this machine.
    """
    path = list_file()
    if not path.is_file():
        return
    try:
        for name, entry in yaml.safe_load(path.read_text(encoding="utf-8"))["models"].items():
            yield _offer(name, entry)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: not a list of models of one file each", "import them with unblend again"
        ) from error


def _offer(name: str, entry: dict[str, Any]) -> Offer:
    """A model of the list as a row."""
    checkpoint, sources = entry["checkpoint"], tuple(entry["sources"])
    if len(sources) == len(TWO) and "vocals" in sources:
        sources = tuple(TWO[1] if source in ACCOMPANIMENT else source for source in sources)
    return Offer(
        name=_plain(name),
        summary=f"your own {entry['architecture']}",
        sources=sources,
        licence=f"{entry.get('license', 'unknown')}, as its list says",
        size=int(checkpoint["size_bytes"]),
        sha256=(str(checkpoint["sha256"]),),
        sample_rate=int(entry["samplerate"]),
        file=Path(checkpoint["path"]),
        listed=name,
    )


def _plain(name: str) -> str:
    """A name of unblend's, such as `Choir-2.1`, as source models have them: `choir_2_1`."""
    name = re.sub(r"[^a-z0-9_]", "_", plain(name))
    return name if NAME.fullmatch(name) else f"own_{name}"[:48]
