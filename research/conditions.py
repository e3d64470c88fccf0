"""What should a condition hold? One small network for each candidate, and how well it separates.

    python research/conditions.py --data train=TRAIN --data valid=VALID --test TEST \\
        --out FOLDER [--steps 1500] [--seeds 0 1] [--other TEST-OTHER] \\
        [--write research/conditions.md]

TRAIN, VALID, TEST and TEST-OTHER hold tracks, each a folder of stems named by instrument. Every
candidate gets the same data, seed and number of steps. Its network is trained with conditions of
every second semitone of each instrument, and scored on TEST (SI-SDR improvement in dB):

    in-domain       pitched instruments, with the conditions of training
    other notes     with conditions measured on the semitones in between
    other register  with those of the lower half of them, and of the upper half: the mean
    zero-shot       one instrument that was never a target, with its condition
    swap loss       what is lost with the conditions of the other instruments
    out-of-domain   in-domain, but TEST-OTHER
    without pitch   in-domain, instruments without pitch

One JSON file for each candidate and seed goes to FOLDER; those that are there are not made again,
and an interrupted training goes on.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

import study
from timbresep.condition import vector as conditioner
from timbresep.condition.parts import HARMONICS, PARTS, Part, compress
from timbresep.condition.tone_table import ToneTable, tones_of_model
from timbresep.config import ROOT
from timbresep.data.track import Track
from timbresep.evaluation.result import Evaluation
from timbresep.evaluation.run import evaluate
from timbresep.evaluation.tracks import tracks_in
from timbresep.instrument import Instrument
from timbresep.registry.registry import Registry
from timbresep.separation.separator import Separator
from timbresep.voice.plugin_files import build_condition

CANDIDATES = {
    "one mean": ("mean",),
    "registers": ("registers",),
    "registers, spread": ("registers", "spread"),
    "registers, noise": ("registers", "noise"),
    "all": ("registers", "spread", "noise"),
}
STUDY = 1000
"""Version number that a candidate has while it is studied."""

ARGUMENTS: dict[str, int | float | bool | str] = {"hidden": 128, "width": 192, "embedding": 0}
COLUMNS = (
    "in-domain",
    "other notes",
    "other register",
    "zero-shot",
    "swap loss",
    "out-of-domain",
    "without pitch",
)


def mean(table: ToneTable) -> NDArray[np.floating]:
    """One distribution: the mean of all tones' harmonics, compressed (40,)."""
    values = np.zeros(HARMONICS)
    if table.pitched:
        shares = table.distributions.mean(axis=(0, 1))[:HARMONICS]
        values[: len(shares)] = compress(shares)
    return values


PARTS["mean"] = Part(HARMONICS, mean)  # a candidate that is in no version


Scores = dict[str, dict[str, float]]
"""Column → instrument → dB."""


def main() -> None:
    """Run what is missing and print the table."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[Scores]] = {}
    records = []
    for label in arguments.only:
        for seed in arguments.seeds:
            record = _run(label, seed, arguments)
            records.append(record)
            rows.setdefault(label, []).append(record["scores"])
            print(json.dumps({"candidate": label, "seed": seed, **_means([record["scores"]])}))
    lines = [["condition", "values", *COLUMNS], *_cells(rows, records)]
    caption = f"SI-SDR improvement in dB; {arguments.held_out} never a target; "
    study.show(lines, caption + study.caption_of(records), arguments.write)


def _arguments() -> argparse.Namespace:
    parser = study.options(__doc__)
    parser.add_argument("--other", type=Path, help="as --test, from another sound source")
    parser.add_argument("--held-out", default="flute", help="instrument that is never a target")
    parser.add_argument("--tracks", type=int, help="score only so many")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    return parser.parse_args()


def _run(label: str, seed: int, arguments: argparse.Namespace) -> dict:
    """Train and score one candidate, or read what was found before."""
    conditioner.LAYOUTS[STUDY] = CANDIDATES[label]
    name = f"{label.replace(', ', '-').replace(' ', '-')}-{seed}"
    path = arguments.out / f"{name}.json"
    settings = {
        "parts": list(CANDIDATES[label]),
        "steps": arguments.steps,
        "seed": seed,
        "held_out": arguments.held_out,
        "tracks": arguments.tracks,
        "other": arguments.other is not None,
    }
    return study.recorded(path, settings, lambda: _train_and_score(name, seed, arguments))


def _train_and_score(name: str, seed: int, arguments: argparse.Namespace) -> dict:
    """What a record says of one candidate."""
    tracks = tracks_in(arguments.test, Registry.load().instruments())[: arguments.tracks]
    registry = _registry(arguments.out / name, tracks)
    instruments = registry.instruments()
    trained = [item.name for item in instruments if item.name != arguments.held_out]
    loaded = study.train(
        registry,
        arguments.out / name / "run",
        arguments.steps,
        instruments=tuple(trained),
        arguments=ARGUMENTS,
        roots=study.roots_of(arguments.data),
        seed=seed,
    )
    extra = {name: vector for item in instruments for name, vector in _elsewhere(item).items()}
    held_out = {item.name: item.condition() for item in instruments if item.name not in trained}
    separator = Separator(loaded, {**held_out, **extra}, study.NETWORK)
    scores = _scores(evaluate(separator, tracks, separator.instruments), trained)
    if arguments.other:
        others = tracks_in(arguments.other, instruments)[: arguments.tracks]
        found = _scores(
            evaluate(Separator(loaded, options=study.NETWORK), others, trained), trained
        )
        scores["out-of-domain"] = found["in-domain"]
    return {
        "values": len(next(iter(loaded.conditions.values()))),
        "parameters": study.parameters(loaded),
        "scores": scores,
    }


def _registry(folder: Path, tracks: Sequence[Track]) -> Registry:
    """The instruments of the tracks, with the candidate's conditions of every second semitone."""
    full = Registry.load()
    played = {name for track in tracks for name in track.stems}
    chosen = [item for item in full.instruments() if item.name in played]
    for item in chosen:
        copy = folder / "plugins" / item.name
        if not copy.exists():
            shutil.copytree(item.folder, copy)
        build_condition(copy, _notes(item, 0), version=STUDY)
    index = {
        "instruments": {"folder": "plugins", "enabled": [item.name for item in chosen]},
        "backbones": {
            "folder": str(ROOT / full.config.backbones.folder),
            "enabled": full.config.backbones.enabled,
        },
        "training": full.config.training.model_dump(),
    }
    path = folder / "registry.yaml"
    path.write_text(yaml.safe_dump(index), encoding="utf-8")
    return Registry.load(registry_file=path)


def _notes(item: Instrument, parity: int) -> list[float] | None:
    """Every second semitone of an instrument; None for one without pitch."""
    notes = tones_of_model(item.ddsp_file, item.f0_range).pitches.tolist()
    return [note for note in notes if note % 2 == parity] or None


def _elsewhere(item: Instrument) -> dict[str, NDArray[np.float32]]:
    """Conditions of notes that were not in training: all of them, the lower and the upper half."""
    notes = _notes(item, 1)
    if notes is None:
        return {}
    table = tones_of_model(item.ddsp_file, item.f0_range)
    half = len(notes) // 2
    parts = {"other": notes, "low": notes[:half], "high": notes[half:]}
    return {
        f"{item.name}.{label}": conditioner.condition(table, part, version=STUDY)
        for label, part in parts.items()
    }


def _scores(result: Evaluation, trained: Sequence[str]) -> Scores:
    """Means over the tracks, in dB of SI-SDR improvement."""

    def mean(values: list[float | None]) -> float:
        return float(np.mean([value for value in values if value is not None]))

    def own(name: str, method: str = "separator") -> float:
        rows = [row for row in result.rows if row.instrument == name and row.method == method]
        return mean([row.si_sdr_improvement for row in rows])

    def given(name: str, conditions: Sequence[str]) -> float:
        swaps = [s for s in result.swaps if s.instrument == name and s.condition in conditions]
        return mean([swap.si_sdr_improvement for swap in swaps])

    played = {row.instrument for row in result.rows}
    names = [name for name in trained if name in played]
    pitched = [name for name in names if any(s.condition == f"{name}.other" for s in result.swaps)]
    others = {name: [other for other in trained if other != name] for name in names}
    return {
        "in-domain": {name: own(name) for name in names},
        "oracle": {name: own(name, "oracle") for name in names},
        "other notes": {name: given(name, [f"{name}.other"]) for name in pitched},
        "other register": {name: given(name, [f"{name}.low", f"{name}.high"]) for name in pitched},
        "zero-shot": {name: own(name) for name in sorted(played - set(trained))},
        "zero-shot oracle": {name: own(name, "oracle") for name in sorted(played - set(trained))},
        "swap loss": {name: own(name) - given(name, others[name]) for name in names},
    }


def _means(scores: Sequence[Scores]) -> dict[str, float]:
    """Column → mean over instruments and seeds; those without pitch have their own column, as
    they have no other notes."""
    shown = [_by_pitch(one) for one in scores]
    return {
        column: float(np.mean([np.mean(list(one[column].values())) for one in shown]))
        for column in shown[0]
        if all(one[column] for one in shown)
    }


def _by_pitch(scores: Scores) -> Scores:
    """Scores with the unpitched instruments' moved to a column of their own."""
    pitched = {*scores["other notes"], *scores["zero-shot"]}
    parted = {
        column: {name: value for name, value in row.items() if name in pitched}
        for column, row in scores.items()
    }
    apart = {name: x for name, x in scores["in-domain"].items() if name not in pitched}
    return {**parted, "without pitch": apart}


def _cells(rows: Mapping[str, Sequence[Scores]], records: Sequence[dict]) -> list[list[str]]:
    """The table's rows: candidates, then the oracle."""
    values = {tuple(record["settings"]["parts"]): record["values"] for record in records}
    cells = []
    for label, scores in rows.items():
        means = _means(scores)
        shown = [f"{means[c]:.1f}" if c in means else "" for c in COLUMNS]
        cells.append([label, str(values[CANDIDATES[label]]), *shown])
    oracle = _means(next(iter(rows.values())))
    ideal = {"in-domain": oracle["oracle"], "zero-shot": oracle.get("zero-shot oracle")}
    shown = [f"{value:.1f}" if (value := ideal.get(c)) is not None else "" for c in COLUMNS]
    return [*cells, ["oracle ratio mask", "", *shown]]


if __name__ == "__main__":
    main()
