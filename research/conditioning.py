"""What steers one network best? Harmonic conditions beside labels, on equal terms.

    python research/conditioning.py --data train=TRAIN --data valid=VALID --test TEST \\
        --out FOLDER [--steps 1500] [--seeds 0 1 2] [--other TEST-OTHER] \\
        [--only harmonic onehot] [--write research/conditioning.md]

TRAIN, VALID, TEST and TEST-OTHER hold tracks, each a folder of stems named by instrument. Every
conditioning gets the same network, data, steps and seeds:

    harmonic         the plugins' conditions, varied in training as `train` does
    harmonic, linear the same, but FiLM gets the vectors as they are, not encoded
    harmonic, fixed  the vectors encoded, never varied
    onehot, learned, none    as `train --conditioning` has them

and is scored in dB of SI-SDR improvement, mean over instruments and seeds, ± the standard
deviation over seeds:

    in-domain      TEST with the conditions of training
    out-of-domain  the same, but TEST-OTHER
    swap loss      what is lost on TEST with the conditions of the other instruments
    absent leak    level of the stems of absent instruments, dB relative to the mixture, on TEST

One JSON file for each conditioning and seed goes to FOLDER; those that are there are not made
again, and an interrupted training goes on. Several processes may share FOLDER if each is given
other conditionings (`--only`) or seeds; a last run without `--only` makes the table of them all.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import study
from timbresep.checkpoint import Conditioning
from timbresep.evaluation.run import evaluate
from timbresep.evaluation.summary import leak_means, swap_losses
from timbresep.evaluation.tracks import tracks_in
from timbresep.registry.registry import Registry
from timbresep.separation.separator import Separator

CANDIDATES: dict[str, tuple[Conditioning, float]] = {
    "harmonic": ("harmonic", 0.5),
    "harmonic, linear": ("harmonic", 0.5),
    "harmonic, fixed": ("harmonic", 1.0),
    "onehot": ("onehot", 1.0),
    "learned": ("learned", 1.0),
    "none": ("none", 1.0),
}
"""Label → conditioning, and the share of training targets that get the stored vector as it is."""

ARGUMENTS: dict[str, int | float | bool | str] = {"hidden": 128, "width": 192, "embedding": 128}
UNLIKE: dict[str, dict[str, int]] = {"harmonic, linear": {"embedding": 0}}
"""Label → arguments of the backbone that only this candidate has."""

COLUMNS = ("in-domain", "out-of-domain", "swap loss", "absent leak")

Scores = dict[str, dict[str, float]]
"""Column → instrument → dB."""


def main() -> None:
    """Run what is missing and print the table."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    records: dict[str, list[dict]] = {}
    for label in arguments.only:
        for seed in arguments.seeds:
            record = _run(label, seed, arguments)
            records.setdefault(label, []).append(record)
            shown = {c: round(x, 2) for c, x in _means(record["scores"]).items()}
            print(json.dumps({"conditioning": label, "seed": seed, **shown}))
    lines = [["conditioning", *COLUMNS], *_cells(records)]
    found = [record for one in records.values() for record in one]
    study.show(lines, f"dB; {study.caption_of(found)}", arguments.write)


def _arguments() -> argparse.Namespace:
    parser = study.options(__doc__, seeds=(0, 1, 2))
    parser.add_argument("--other", type=Path, help="as --test, from another sound source")
    parser.add_argument("--tracks", type=int, help="score only so many")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def _run(label: str, seed: int, arguments: argparse.Namespace) -> dict:
    """Train and score one conditioning, or read what was found before."""
    name = f"{label.replace(', ', '-')}-{seed}"
    settings = {
        "conditioning": list(CANDIDATES[label]),
        "steps": arguments.steps,
        "seed": seed,
        "tracks": arguments.tracks,
        "other": arguments.other is not None,
    }
    return study.recorded(
        arguments.out / f"{name}.json",
        settings,
        lambda: _train_and_score(name, label, seed, arguments),
    )


def _train_and_score(name: str, label: str, seed: int, arguments: argparse.Namespace) -> dict:
    """What a record says of one conditioning."""
    conditioning, stored_share = CANDIDATES[label]
    registry = Registry.load()
    instruments = registry.instruments()
    tracks = tracks_in(arguments.test, instruments)[: arguments.tracks]
    played = {stem for track in tracks for stem in track.stems}
    loaded = study.train(
        registry,
        arguments.out / name,
        arguments.steps,
        instruments=tuple(item.name for item in instruments if item.name in played),
        conditioning=conditioning,
        stored_share=stored_share,
        arguments={**ARGUMENTS, **UNLIKE.get(label, {})},
        roots=study.roots_of(arguments.data),
        device=arguments.device,
        seed=seed,
    )
    separator = Separator(loaded, options=replace(study.NETWORK, device=arguments.device))
    found = evaluate(separator, tracks)
    scores = {
        "in-domain": study.gains(found),
        "oracle": study.gains(found, "oracle"),
        "swap loss": dict(swap_losses(found)),
        "absent leak": dict(leak_means(found)),
    }
    if arguments.other:
        others = tracks_in(arguments.other, instruments)[: arguments.tracks]
        elsewhere = evaluate(separator, others)
        scores["out-of-domain"] = study.gains(elsewhere)
        scores["oracle, out-of-domain"] = study.gains(elsewhere, "oracle")
    return {
        "parameters": study.parameters(loaded),
        "minutes": loaded.metadata.training["minutes"],
        "scores": scores,
    }


def _means(scores: Scores) -> dict[str, float]:
    """Column → mean over instruments."""
    return {column: float(np.mean(list(row.values()))) for column, row in scores.items() if row}


def _cells(records: Mapping[str, Sequence[dict]]) -> list[list[str]]:
    """The table's rows: conditionings, then the oracle."""
    lines = []
    for label, found in records.items():
        means = [_means(record["scores"]) for record in found]
        lines.append([label, *(_cell([one[c] for one in means if c in one]) for c in COLUMNS)])
    ideal = _means(next(iter(records.values()))[0]["scores"])
    bounds = {"in-domain": ideal["oracle"], "out-of-domain": ideal.get("oracle, out-of-domain")}
    shown = ["" if (value := bounds.get(c)) is None else f"{value:.1f}" for c in COLUMNS]
    return [*lines, ["oracle ratio mask", *shown]]


def _cell(values: Sequence[float]) -> str:
    """Mean over seeds ± standard deviation."""
    if not values:
        return ""
    spread = f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{np.mean(values):.1f}{spread}"


if __name__ == "__main__":
    main()
