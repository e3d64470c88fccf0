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
conditions alone, and on the others. *share* is what is left of the improvement of the network
trained on them, with the same extra instruments if that one is there. Each stem is estimated by
itself, but for *with mixture consistency*, where all stems of a track are asked for together;
*swapped* is the score with the conditions of the other instruments.

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
from rich.console import Console
from rich.table import Table

from study import NETWORK, recorded, roots_of, write_table
from timbresep import checkpoint
from timbresep.evaluation.result import Evaluation, Method
from timbresep.evaluation.run import evaluate
from timbresep.evaluation.summary import by_instrument, swap_means
from timbresep.evaluation.tracks import tracks_in
from timbresep.registry.registry import Registry
from timbresep.separation.separator import Separator
from timbresep.training.loop import fit
from timbresep.training.request import TrainRequest

ARGUMENTS: dict[str, int | float | bool | str] = {"hidden": 128, "width": 192, "embedding": 128}
HEADS = [
    *("training", "held out", "share", "with mixture consistency", "share"),
    *("swapped", "the others"),
]
TRAINED, HELD_OUT = "trained", "held out"
BATCH, TARGETS, SECONDS = 6, 3, 2.0

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
    lines, caption = _lines(records), _caption(records, given)
    view = Table(*HEADS, caption=caption)
    for line in lines:
        view.add_row(*line)
    Console(width=120).print(view)
    if given.write:
        write_table(given.write, [HEADS, *lines], caption)


def _arguments() -> Given:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True, help="NAME=FOLDER of tracks")
    parser.add_argument("--extras", action="append", default=[], help="NAME=SHARE:FOLDER,…")
    parser.add_argument("--test", type=Path, required=True, help="folder of held-out tracks")
    parser.add_argument("--out", type=Path, required=True, help="folder of results and runs")
    parser.add_argument("--hold-out", nargs="+", required=True, help="instruments")
    parser.add_argument("--only", nargs="*", help="labels of trainings, to share the work")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", type=Path, help="page to write the table into")
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
    return recorded(
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
    roots = roots_of(given.data)
    roots |= {f"extras{k}": folder for k, folder in enumerate(candidate.extras.folders)}
    run = given.out / name
    request = TrainRequest(
        instruments=tuple(item.name for item in instruments if item.name in played),
        out=run,
        hold_out=tuple(given.hold_out) if candidate.held_out else (),
        arguments=ARGUMENTS,
        roots=roots,
        mix={"extra_share": candidate.extras.share},
        max_steps=given.steps,
        batch_size=BATCH,
        targets=TARGETS,
        seconds=SECONDS,
        learning_rate=1.5e-3,
        validate_every=max(given.steps // 3, 1),
        device="cpu",
        ema=0.99,
        seed=seed,
        resume=(run / "resume.safetensors").is_file(),
    )
    result = fit(registry, request, lambda done, text: print(f"{name}: {done:4.0%} {text}"))
    loaded = checkpoint.load(result.last, registry.backbone)
    plugins = {item.name: item.condition() for item in registry.instruments(given.hold_out)}
    separator = Separator(loaded, plugins, NETWORK)
    found = evaluate(separator, tracks)
    gains = _gains(found, "separator")
    swapped = [value for (asked, _), value in swap_means(found).items() if asked in plugins]
    return {
        "minutes": loaded.metadata.training["minutes"],
        "parameters": sum(parameter.numel() for parameter in loaded.model.parameters()),
        "instruments": gains,
        "instruments at once": _gains(found, "consistent"),
        "scores": {
            "held out": _mean(gains, plugins),
            "at once": _mean(_gains(found, "consistent"), plugins),
            "swapped": float(np.mean(swapped)),
            "the others": _mean(gains, set(gains) - set(plugins)),
            "oracle": _mean(_gains(found, "oracle"), plugins),
        },
    }


def _gains(found: Evaluation, method: Method) -> dict[str, float]:
    return {name: row["si_sdr_improvement"] for name, row in by_instrument(found, method).items()}


def _mean(gains: Mapping[str, float], names: Iterable[str]) -> float:
    return float(np.mean([gains[name] for name in names]))


def _lines(records: Mapping[str, Sequence[dict]]) -> list[list[str]]:
    """The table's rows."""

    def mean(label: str, column: str) -> float:
        return float(np.mean([one["scores"][column] for one in records[label]]))

    lines = []
    for label in records:
        cells = []
        for column in ("held out", "at once"):
            held = mean(label, column)
            same = label.replace(HELD_OUT, TRAINED)  # with the same extra instruments, if they were
            best = mean(same if same in records else TRAINED, column)
            left = f"{held / best:.0%}" if label.startswith(HELD_OUT) else ""
            cells += [f"{held:.1f}", left]
        cells += [f"{mean(label, column):.1f}" for column in ("swapped", "the others")]
        lines.append([label, *cells])
    oracle = f"{mean(TRAINED, 'oracle'):.1f}"
    return [*lines, ["oracle ratio mask", oracle, "", oracle, "", "", ""]]


def _caption(records: Mapping[str, Sequence[dict]], given: Given) -> str:
    found = [record for one in records.values() for record in one]
    minutes = [float(record["minutes"]) for record in found]
    return (
        f"dB; held out: {', '.join(given.hold_out)}; rnn_mask of "
        f"{found[0]['parameters'] / 1e6:.2f} M parameters, {given.steps} steps of {BATCH} mixtures "
        f"× {TARGETS} targets × {SECONDS:.0f} s ({min(minutes):.0f} to {max(minutes):.0f} minutes "
        f"each), seeds {', '.join(map(str, given.seeds))} ({found[0]['date']}, "
        f"{found[0]['hardware']})"
    )


if __name__ == "__main__":
    main()
