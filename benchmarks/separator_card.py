"""Score a shipped separator on sets of tracks and write its model card.

    python benchmarks/separator_card.py universal "TITLE=[NAME=]FOLDER" ["TITLE=[NAME=]FOLDER" ...]

A set is whatever `evaluate` reads, and is scored for the instruments that it has stems of. The
card, beside the checkpoint, gets the checkpoint's own record (command, data, licences) and a table
for each set: scores per instrument beside the oracle ratio mask, the mixture and silence, the loss
when conditions are swapped, and the level of stems whose instrument is absent. `--print` shows the
tables and leaves the card alone. With `--parts`, several processes can share the sets: what one of
them scored of this checkpoint, the others read.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from timbresep.checkpoint import Metadata, read_metadata
from timbresep.config import atomic_write
from timbresep.data.sources.naming import normalised
from timbresep.evaluation import Evaluation, evaluate, named_folder, tracks_in
from timbresep.evaluation.store import write_json
from timbresep.evaluation.summary import by_instrument, methods_in, overall, swap_losses, swap_means
from timbresep.evaluation.table import TITLES
from timbresep.files import sha256_of
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator

COLUMNS = (
    *("", "tracks", "SDR", "SDRi", "SI-SDR", "SI-SDRi", "consistent SI-SDRi"),
    *("oracle SI-SDRi", "swap loss", "nearest swap", "absent"),
)
HEAD = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"
NOTES = "## Notes"  # from here on, a card is written by hand and kept

LEGEND = """\
dB, means over tracks, of stems as `separate` gives them. SDRi and SI-SDRi: improvement over the
mixture. Oracle: ratio mask made from the true stems. Consistent: all stems of a track, with
`separate --mixture-consistency`. Swap loss: SI-SDR lost when another instrument's condition is
given (mean over the others); nearest swap: the smallest such loss. Absent: level of the stem,
relative to the mixture, in tracks without the instrument."""


def section(title: str, result: Evaluation) -> str:
    """One evaluation as Markdown."""
    own, oracle = by_instrument(result, "separator"), by_instrument(result, "oracle")
    together = by_instrument(result, "consistent")
    losses = swap_losses(result)
    lines = [f"### {title}", "", HEAD]
    for name, scores in own.items():
        tracks = sum(r.instrument == name and r.method == "separator" for r in result.rows)
        absent = [leak.level for leak in result.leaks if leak.instrument == name]
        gain = scores["si_sdr_improvement"]
        swapped = [value for (asked, _), value in swap_means(result).items() if asked == name]
        nearest = None if gain is None or not swapped else gain - max(swapped)
        cells = [_text(scores[key]) for key in KEYS]
        at_once = together.get(name)
        cells += [
            _text(at_once["si_sdr_improvement"] if at_once else None),
            _text(oracle[name]["si_sdr_improvement"]),
            _text(losses.get(name)),
            _text(nearest),
        ]
        cells += [_text(float(np.mean(absent)) if absent else None)]
        lines.append(f"| {name} | {tracks} | {' | '.join(cells)} |")
    for method in methods_in(result):
        label = TITLES[method]
        cells = [_text(overall(result, method)[key]) for key in KEYS]
        name = f"**mean, {label}**" if method == "separator" else f"mean, {label}"
        lines.append(f"| {name} | | {' | '.join(cells)} | | | | | |")
    return "\n".join(lines)


KEYS = ("sdr", "sdr_improvement", "si_sdr", "si_sdr_improvement")


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def record(metadata: Metadata, parameters: int, size: float) -> str:
    """What the checkpoint says about itself, as Markdown."""
    training = metadata.training
    steps = int(training["steps"]) + int(training.get("earlier_steps", 0))
    minutes = float(training["minutes"]) + float(training.get("earlier_minutes", 0))
    commands = "\n    ".join(
        str(training[key]) for key in ("earlier_command", "command") if training.get(key)
    )
    arguments = ", ".join(f"{key} {value}" for key, value in metadata.arguments.items())
    ledger = "\n".join(
        f"| {row['sound_source']} | {row['licence']} | {row['tracks']} | {row['minutes']} |"
        for row in metadata.ledger
    )
    return f"""| | |
|---|---|
| instruments | {", ".join(metadata.instruments)} |
| network | `{metadata.backbone}`: {arguments} |
| size | {parameters / 1e6:.2f} M parameters in half precision, {size:.1f} MB |
| audio | {metadata.sample_rate} Hz, mono or stereo |
| training | {steps} steps, {minutes:.0f} minutes on \
{training["hardware"]}, seed {training["seed"]} |
| licence of the weights | MIT |

Trained with

    {commands}

on

| sound source | licence | tracks | minutes of stems |
|---|---|---|---|
{ledger}
"""


def main() -> None:
    """Evaluate and write the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("sets", nargs="+", help="TITLE=[NAME=]FOLDER of tracks")
    parser.add_argument("--limit", type=int, help="only the first tracks of each set")
    parser.add_argument("--print", action="store_true", help="write no card")
    parser.add_argument("--scores", type=Path, help="folder for the evaluations as JSON")
    parser.add_argument("--parts", type=Path, help="folder of tables: what is there is not scored")
    arguments = parser.parse_args()
    registry = Registry.load()
    path = registry.separator_path(arguments.name)
    separator = open_separator(checkpoint=path, registry=registry)
    key = sha256_of(path)[:12]
    key += f"-{arguments.limit}" if arguments.limit else ""
    parts = []
    for item in arguments.sets:
        title, _, place = item.partition("=")
        kept = arguments.parts and arguments.parts / f"{key}-{normalised(title)}.md"
        if kept and kept.is_file():
            parts.append(kept.read_text(encoding="utf-8"))
            continue
        source, folder = named_folder(place)
        tracks = tracks_in(folder, registry.instruments(), source=source)[: arguments.limit]
        asked = [name for name in separator.asked if any(name in track.stems for track in tracks)]
        result = evaluate(separator, tracks, asked or separator.asked)
        parts.append(section(title, result))
        print(f"{parts[-1]}\n", flush=True)
        if kept:
            with atomic_write(kept) as temporary:
                temporary.write_text(parts[-1], encoding="utf-8")
        if arguments.scores:
            write_json(result, arguments.scores / f"{folder.name}.json", overwrite=True)
    if arguments.print:
        return
    card = path.with_suffix(".md")
    parameters = sum(value.numel() for value in separator.checkpoint.model.parameters())
    about = record(read_metadata(path), parameters, path.stat().st_size / 1e6)
    before = card.read_text(encoding="utf-8") if card.exists() else ""
    notes = before[before.index(NOTES) :] if NOTES in before else f"{NOTES}\n"
    text = f"# {arguments.name}\n\n{about}\n## Scores\n\n{LEGEND}\n\n"
    with atomic_write(card) as temporary:
        temporary.write_text(text + "\n\n".join(parts) + f"\n\n{notes}", encoding="utf-8")


if __name__ == "__main__":
    main()
