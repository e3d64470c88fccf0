"""Score a shipped separator on sets of tracks and write the tables of its model card.

    python benchmarks/separator_card.py universal "TITLE=[NAME=]FOLDER" ["TITLE=[NAME=]FOLDER" ...]

A set is whatever `evaluate` reads, and is scored for the instruments that it has stems of. The card
beside the checkpoint gets what stands between its two markers: what the checkpoint says about
itself, the means of each set beside the mixture, silence and the oracle ratio mask, and the SI-SDR
improvement of each instrument. The rest of the card is written by hand and kept. A set's name in
the tables is its title up to a colon.

Every score of a set is printed as a table of its own, for the separator's history. `--print` leaves
the card alone. With `--parts`, several processes can share the sets: what one of them scored of
this checkpoint, the others read.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from timbresep.checkpoint import Metadata, read_metadata
from timbresep.evaluation.record import as_data
from timbresep.evaluation.result import Evaluation
from timbresep.evaluation.run import evaluate
from timbresep.evaluation.summary import by_instrument, methods_in, overall, swap_losses, swap_means
from timbresep.evaluation.table import TITLES
from timbresep.evaluation.tracks import named_folder, tracks_in
from timbresep.files import sha256_of, write_json, write_text
from timbresep.registry.registry import Registry
from timbresep.running.provenance import hardware, today
from timbresep.separation.load import open_separator

BEGIN = "<!-- written by benchmarks/separator_card.py: begin -->"
END = "<!-- written by benchmarks/separator_card.py: end -->"
KEYS = ("sdr", "sdr_improvement", "si_sdr", "si_sdr_improvement")
GAIN = "si_sdr_improvement"
SHOWN = {  # methods in the card's table of means
    "separator": "timbresep",
    "independent": "independent",
    "consistent": "mixture consistency",
    "mixture": "mixture",
    "silence": "silence",
    "oracle": "oracle mask",
}
COLUMNS = (
    *("", "tracks", "SDR", "SDRi", "SI-SDR", "SI-SDRi", "mixture consistency SI-SDRi"),
    *("oracle SI-SDRi", "swap loss", "nearest swap", "absent"),
)


def scored(title: str, result: Evaluation) -> dict[str, Any]:
    """What the card keeps of one evaluation, and its table with every score."""
    own = by_instrument(result, "separator")
    means = {method: overall(result, method) for method in methods_in(result)}
    return {
        "title": title,
        "tracks": len(result.tracks),
        "means": {method: [mean[GAIN], mean["sdr"]] for method, mean in means.items()},
        "instruments": {name: scores[GAIN] for name, scores in own.items()},
        "table": section(title, result),
    }


def section(title: str, result: Evaluation) -> str:
    """Every score of one evaluation as Markdown."""
    own, oracle = by_instrument(result, "separator"), by_instrument(result, "oracle")
    consistent = by_instrument(result, "consistent")
    losses = swap_losses(result)
    lines = []
    for name, scores in own.items():
        tracks = sum(r.instrument == name and r.method == "separator" for r in result.rows)
        absent = [leak.level for leak in result.leaks if leak.instrument == name]
        gain = scores[GAIN]
        swapped = [value for (asked, _), value in swap_means(result).items() if asked == name]
        nearest = None if gain is None or not swapped else gain - max(swapped)
        values = [
            *(scores[key] for key in KEYS),
            consistent[name][GAIN] if name in consistent else None,
            oracle[name][GAIN],
            losses.get(name),
            nearest,
            float(np.mean(absent)) if absent else None,
        ]
        lines.append([name, str(tracks), *map(_text, values)])
    for method in methods_in(result):
        mean = overall(result, method)
        cells = ["", *(_text(mean[key]) for key in KEYS), *[""] * 5]
        lines.append([f"mean, {TITLES[method]}", *cells])
    return f"### {title}\n\n{_table(COLUMNS, lines)}"


def tables(sets: Sequence[dict[str, Any]]) -> str:
    """The card's two tables: means of each set, and each instrument on each set."""
    shown = [method for method in SHOWN if any(method in one["means"] for one in sets)]
    means = [
        [f"{one['title']} ({one['tracks']})", *(_pair(one["means"].get(m)) for m in shown)]
        for one in sets
    ]
    names = dict.fromkeys(name for one in sets for name in one["instruments"])
    short = [one["title"].partition(":")[0] for one in sets]
    gains = [[name, *(_text(one["instruments"].get(name)) for one in sets)] for name in names]
    return (
        "SI-SDR improvement over the mixture, SDR in brackets; dB, means over instruments:\n\n"
        f"{_table(('test set (tracks)', *(SHOWN[m] for m in shown)), means)}\n\n"
        f"SI-SDR improvement of each instrument, dB:\n\n{_table(('', *short), gains)}"
    )


def record(metadata: Metadata, parameters: int, size: float) -> str:
    """What the checkpoint says about itself, as Markdown."""
    training = metadata.training
    steps = int(training["steps"]) + int(training.get("earlier_steps", 0))
    minutes = float(training["minutes"]) + float(training.get("earlier_minutes", 0))
    rows = [
        ("instruments", ", ".join(metadata.instruments)),
        ("network", f"`{metadata.backbone}`, {parameters / 1e6:.1f} M parameters, {size:.1f} MB"),
        ("audio", f"{metadata.sample_rate} Hz, mono or stereo"),
        ("training", f"{steps} steps, {minutes / 60:.1f} hours on {training['hardware']}"),
    ]
    return _table(("", ""), rows)


def _pair(scores: list[float | None] | None) -> str:
    return "–" if scores is None else f"{_text(scores[0])} ({_text(scores[1])})"


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def merged(card: str, part: str) -> str:
    """A card with what stands between its markers replaced."""
    before, _, rest = card.partition(BEGIN)
    return f"{before}{BEGIN}\n{part}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Evaluate and write the card."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("sets", nargs="+", help="TITLE=[NAME=]FOLDER of tracks")
    parser.add_argument("--limit", type=int, help="only the first tracks of each set")
    parser.add_argument("--print", action="store_true", help="write no card")
    parser.add_argument("--scores", type=Path, help="folder for the evaluations as JSON")
    parser.add_argument("--parts", type=Path, help="folder of scores: what is there is not scored")
    arguments = parser.parse_args()
    registry = Registry.load()
    path = registry.separators.get(arguments.name).checkpoint
    separator = open_separator(checkpoint=path, registry=registry)
    key = sha256_of(path)[:12]
    sets = []
    for item in arguments.sets:
        title, _, place = item.partition("=")
        source, folder = named_folder(place)
        kept = (
            arguments.parts
            and arguments.parts / f"{key}-{arguments.limit or 'all'}-{folder.name}.json"
        )
        if kept and kept.is_file():
            sets.append(json.loads(kept.read_text(encoding="utf-8")))
            continue
        tracks = tracks_in(folder, registry.instruments(), source=source)[: arguments.limit]
        asked = [name for name in separator.asked if any(name in track.stems for track in tracks)]
        result = evaluate(separator, tracks, asked or separator.asked)
        sets.append(scored(title, result))
        print(f"{sets[-1]['table']}\n", flush=True)
        if kept:
            write_json(kept, sets[-1])
        if arguments.scores:
            write_json(arguments.scores / f"{folder.name}.json", as_data(result))
    print(tables(sets))
    if arguments.print:
        return
    when = f"Scored with `benchmarks/separator_card.py` on {today()}, {hardware('cpu')}."
    parameters = sum(value.numel() for value in separator.checkpoint.model.parameters())
    about = record(read_metadata(path), parameters, path.stat().st_size / 1e6)
    card = path.with_suffix(".md")
    text = merged(card.read_text(encoding="utf-8"), f"{about}\n\n{tables(sets)}\n\n{when}")
    write_text(card, text)


if __name__ == "__main__":
    main()
