"""How well does a network separate instruments that it was never trained on?

    python research/zero_shot.py --data train=TRAIN --data valid=VALID --test TEST --out FOLDER \\
        --hold-out cello clarinet --extras NAME=SHARE:FOLDER[,FOLDER…] [--extras …] \\
        [--steps 1500] [--seeds 0 1] [--only LABEL …] [--write research/zero-shot.md]

TRAIN, VALID and TEST hold tracks, each a folder of stems named by instrument. FOLDER holds tracks
of extra instruments (`data extras`). The same network is trained on the same data for the same
number of steps:

    trained             on all instruments
    held out            those held out only accompany
    …, NAME             and a SHARE of the targets are the extra instruments of FOLDER

and scored on TEST in dB of SI-SDR improvement: on the instruments held out, by their plugins'
conditions, and on those not held out. *share* is what is left of the improvement of the network
trained on them, with the same extra instruments if there is such a network. Each stem is estimated
by itself; only *with mixture consistency* are all stems of a track asked for together. *swapped* is
the score with the conditions of the other instruments.

One JSON file for each training goes to FOLDER; those that are there are not made again, and an
interrupted training goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import study
from timbresep.evaluation.run import evaluate
from timbresep.evaluation.summary import swap_means
from timbresep.evaluation.tracks import tracks_in
from timbresep.registry.registry import Registry
from timbresep.separation.separator import Separator

ARGUMENTS: dict[str, int | float | bool | str] = {"hidden": 128, "width": 192, "embedding": 128}
HEADS = [
    *("training", "held out", "share", "with mixture consistency", "share"),
    *("swapped", "not held out"),
]
TRAINED, HELD_OUT = "trained", "held out"

Given = argparse.Namespace


@dataclass(frozen=True)
class Extras:
    """Extra instruments: a share of the targets, and the tracks that they play in."""

    share: float = 0.0
    folders: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """One way to train: with all instruments or without some, with extra ones or without."""

    held_out: bool
    extras: Extras


def _extras(text: str) -> tuple[str, Extras]:
    """``NAME=SHARE:FOLDER,…``"""
    name, _, rest = text.partition("=")
    share, _, folders = rest.partition(":")
    return name, Extras(float(share), tuple(map(Path, folders.split(","))))


def main() -> None:
    """Run what is missing and print the table."""
    given = _arguments()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    extras = {"": Extras(), **dict(map(_extras, given.extras))}
    candidates = {
        f"{kind}, {name}" if name else kind: Candidate(kind == HELD_OUT, one)
        for name, one in extras.items()
        for kind in (TRAINED, HELD_OUT)
    }
    records: dict[str, list[dict]] = {}
    for label in given.only or candidates:
        for seed in given.seeds:
            record = _run(label, candidates[label], seed, given)
            records.setdefault(label, []).append(record)
            print(json.dumps({"training": label, "seed": seed, **record["scores"]}), flush=True)
    if TRAINED not in records:
        return
    found = [record for one in records.values() for record in one]
    caption = f"dB; held out: {', '.join(given.hold_out)}; {study.caption_of(found)}"
    study.show([HEADS, *_lines(records)], caption, given.write)


def _arguments() -> Given:
    parser = study.options(__doc__)
    parser.add_argument("--extras", action="append", default=[], help="NAME=SHARE:FOLDER,…")
    parser.add_argument("--hold-out", nargs="+", required=True, help="instruments")
    parser.add_argument("--only", nargs="*", help="labels of trainings, to share the work")
    return parser.parse_args()


def _run(label: str, candidate: Candidate, seed: int, given: Given) -> dict:
    """Train and score one candidate, or read what was found before."""
    name = f"{label.replace(', ', '-').replace(' ', '-')}-{seed}"
    settings = {
        "hold_out": given.hold_out if candidate.held_out else [],
        "share": candidate.extras.share,
        "extras": [folder.name for folder in candidate.extras.folders],
        "steps": given.steps,
        "seed": seed,
    }
    return study.recorded(
        given.out / f"{name}.json",
        settings,
        lambda: _train_and_score(name, candidate, seed, given),
    )


def _train_and_score(name: str, candidate: Candidate, seed: int, given: Given) -> dict:
    """What a record says of one training."""
    registry = Registry.load()
    instruments = registry.instruments()
    tracks = tracks_in(given.test, instruments)
    played = {stem for track in tracks for stem in track.stems}
    roots = study.roots_of(given.data)
    roots |= {f"extras{k}": folder for k, folder in enumerate(candidate.extras.folders)}
    loaded = study.train(
        registry,
        given.out / name,
        given.steps,
        instruments=tuple(item.name for item in instruments if item.name in played),
        hold_out=tuple(given.hold_out) if candidate.held_out else (),
        arguments=ARGUMENTS,
        roots=roots,
        mix={"extra_share": candidate.extras.share},
        seed=seed,
    )
    plugins = {item.name: item.condition() for item in registry.instruments(given.hold_out)}
    separator = Separator(loaded, plugins, study.NETWORK)
    found = evaluate(separator, tracks)
    own, together = study.gains(found), study.gains(found, "consistent")
    swapped = [value for (asked, _), value in swap_means(found).items() if asked in plugins]
    return {
        "minutes": loaded.metadata.training["minutes"],
        "parameters": study.parameters(loaded),
        "instruments": own,
        "instruments with mixture consistency": together,
        "scores": {
            "held out": _mean(own, plugins),
            "with mixture consistency": _mean(together, plugins),
            "swapped": float(np.mean(swapped)),
            "not held out": _mean(own, set(own) - set(plugins)),
            "oracle": _mean(study.gains(found, "oracle"), plugins),
        },
    }


def _mean(found: Mapping[str, float], names: Iterable[str]) -> float:
    return float(np.mean([found[name] for name in names]))


def _lines(records: Mapping[str, Sequence[dict]]) -> list[list[str]]:
    """The table's rows."""

    def mean(label: str, column: str) -> float:
        return float(np.mean([one["scores"][column] for one in records[label]]))

    lines = []
    for label in records:
        cells = []
        for column in ("held out", "with mixture consistency"):
            held = mean(label, column)
            same = label.replace(HELD_OUT, TRAINED)  # with the same extra instruments, if they were
            best = mean(same if same in records else TRAINED, column)
            left = f"{held / best:.0%}" if label.startswith(HELD_OUT) else ""
            cells += [f"{held:.1f}", left]
        cells += [f"{mean(label, column):.1f}" for column in ("swapped", "not held out")]
        lines.append([label, *cells])
    oracle = f"{mean(TRAINED, 'oracle'):.1f}"
    return [*lines, ["oracle ratio mask", oracle, "", oracle, "", "", ""]]


if __name__ == "__main__":
    main()
