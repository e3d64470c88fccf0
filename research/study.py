"""What studies have in common: options, trainings, kept records, tables in pages of the docs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from timbresep import checkpoint
from timbresep.checkpoint import Checkpoint
from timbresep.errors import ConfigError
from timbresep.evaluation.result import Evaluation, Method
from timbresep.evaluation.summary import by_instrument
from timbresep.files import write_json, write_text
from timbresep.registry.registry import Registry
from timbresep.running.provenance import hardware, today
from timbresep.separation.options import SeparationOptions
from timbresep.training.loop import fit
from timbresep.training.request import TrainRequest

NETWORK = SeparationOptions(device="cpu", joint=False, retune=False)
"""What the network itself makes of a mixture: no stem looks at another."""

BATCH, TARGETS, SECONDS = 6, 3, 2.0
"""Mixtures in a step, instruments asked of each, and its length."""

BEGIN, END = "<!-- study: begin -->", "<!-- study: end -->"


def options(description: str, seeds: Sequence[int] = (0,)) -> argparse.ArgumentParser:
    """The options of every study that trains."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--data", action="append", required=True, help="NAME=FOLDER of tracks")
    parser.add_argument("--test", type=Path, required=True, help="folder of held-out tracks")
    parser.add_argument("--out", type=Path, required=True, help="folder of results and runs")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", type=Path, help="page to write the table into")
    return parser


def train(registry: Registry, run: Path, steps: int, **asked: Any) -> Checkpoint:
    """Train a small network, or go on with its training; `asked` are fields of a `TrainRequest`."""
    request = TrainRequest(
        out=run,
        max_steps=steps,
        batch_size=BATCH,
        targets=TARGETS,
        seconds=SECONDS,
        learning_rate=1.5e-3,
        validate_every=max(steps // 4, 1),
        ema=0.99,
        resume=(run / "resume.safetensors").is_file(),
        **{"device": "cpu", **asked},
    )
    result = fit(registry, request, lambda share, text: print(f"{run}: {share:4.0%} {text}"))
    return checkpoint.load(result.last, registry.backbone)


def parameters(loaded: Checkpoint) -> int:
    """How many numbers a network has."""
    return sum(parameter.numel() for parameter in loaded.model.parameters())


def gains(found: Evaluation, method: Method = "separator") -> dict[str, float]:
    """Instrument → SI-SDR improvement in dB."""
    rows = by_instrument(found, method).items()
    return {name: row["si_sdr_improvement"] or 0.0 for name, row in rows}


def caption_of(records: Sequence[dict]) -> str:
    """What a table's trainings were, where and when."""
    first, settings = records[0], records[0]["settings"]
    sizes = [record["parameters"] / 1e6 for record in records]
    seeds = sorted({record["settings"]["seed"] for record in records})
    return (
        f"rnn_mask of {min(sizes):.2f} to {max(sizes):.2f} M parameters, {settings['steps']} steps "
        f"of {BATCH} mixtures × {TARGETS} targets × {SECONDS:.0f} s, seeds "
        f"{', '.join(map(str, seeds))} ({first['date']}, {first['hardware']})"
    )


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


def show(lines: Sequence[Sequence[str]], caption: str, page: Path | None = None) -> None:
    """Print a table, its heads first, and put it between the markers of a page."""
    head, *cells = lines
    view = Table(*head, caption=caption)
    for line in cells:
        view.add_row(*line)
    Console(width=140).print(view)
    if page is None:
        return
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ConfigError(f"{page} has no markers {BEGIN} and {END}", "put them where it belongs")
    body = "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *cells))
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    write_text(page, f"{before}{BEGIN}\n{body}\n\n{caption}.\n{END}{after}")


def roots_of(data: Sequence[str]) -> dict[str, Path]:
    """NAME=FOLDER, several times, as folders by name."""
    return {item.partition("=")[0]: Path(item.partition("=")[2]) for item in data}
