"""Which backbone separates best after the same training time? And a peer without conditions.

    python research/backbones.py --data tracks=TRACKS --test TEST --out FOLDER \\
        [--minutes 20] [--seeds 0 1] [--tracks 24] [--only rnn_mask unet_mask] \\
        [--write research/backbones.md]

TRACKS and TEST hold tracks, each a folder of stems named by instrument. Every candidate gets the
same tracks and seeds, and as many steps as one core does in so many minutes, mixing included. What
a step costs is measured once for all candidates, turn by turn, before the first training, so that
other work on the machine favours none. The peer is Asteroid's ConvTasNet as Asteroid builds it,
with the sizes of `asteroid_convtasnet`, trained for one instrument alone.

One JSON file for each candidate and seed goes to FOLDER; those that are there are not made again,
and an interrupted training goes on. Several processes may share FOLDER, once the costs are there,
if each is given other candidates (`--only`) or seeds. `--ready` trains nothing and makes the table
of what is there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

import study
from timbresep import checkpoint
from timbresep.audio.writer import Wave
from timbresep.data.track import Track
from timbresep.evaluation.result import Evaluation, Method
from timbresep.evaluation.run import evaluate
from timbresep.evaluation.summary import by_instrument
from timbresep.evaluation.tracks import tracks_in
from timbresep.hookspecs import Argument
from timbresep.registry.registry import Registry
from timbresep.separation.separator import Separator
from timbresep.training.loop import fit
from timbresep.training.request import TrainRequest
from timbresep.training.run import TrainingRun

ALONE = "violin"
"""The instrument that the peer is trained for."""

ROUNDS = 6
"""How often the costs of a step are measured."""

PEER = "asteroid_alone"
PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Candidate:
    """A network to train.

    Attributes:
        backbone: its name.
        instruments: what it is trained for; all that there are if empty.
        arguments: those that differ from its defaults.
    """

    backbone: str
    instruments: tuple[str, ...] = ()
    arguments: Mapping[str, Argument] = field(default_factory=dict)


CANDIDATES = {
    "rnn_mask": Candidate("rnn_mask", arguments={"embedding": 128}),
    "unet_mask": Candidate("unet_mask"),
    "asteroid_convtasnet": Candidate("asteroid_convtasnet"),
    "asteroid_dprnn": Candidate("asteroid_dprnn"),
    f"ConvTasNet for {ALONE} alone": Candidate(PEER, (ALONE,)),
}

HEAD = (
    *("network", "parameters (M)", "steps", "s a step", "s a minute of music"),
    *(f"{ALONE}: SI-SDRi", "SDR", "all: SI-SDRi", "SDR", "swapped"),
)


def main() -> None:
    """Run what is missing and print the table."""
    parser = study.options(__doc__ or "", seeds=(0, 1))
    parser.add_argument("--minutes", type=float, default=20, help="of one core, for a training")
    parser.add_argument("--tracks", type=int, default=24, help="score only so many")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    parser.add_argument("--ready", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    costs = study.recorded(arguments.out / "costs.json", {}, lambda: _costs(arguments))
    records: dict[str, list[dict]] = {}
    for seed in arguments.seeds:
        for label in arguments.only:
            path = arguments.out / f"{label.replace(' ', '-')}-{seed}.json"
            if path.is_file() or not arguments.ready:
                record = _record(path, label, seed, costs[label], arguments)
                records.setdefault(label, []).append(record)
                print(json.dumps({"network": label, "seed": seed, **record["scores"]["separator"]}))
    study.show([HEAD, *_cells(records)], _caption(records), arguments.write)


def _record(path: Path, label: str, seed: int, cost: float, arguments: argparse.Namespace) -> dict:
    """What a candidate's file says of it; it is trained and scored if there is none."""
    settings = {
        "network": label,
        "minutes": arguments.minutes,
        "steps": round(60 * arguments.minutes / cost),
        "seed": seed,
        "tracks": arguments.tracks,
    }

    def make() -> dict:
        candidate, registry = CANDIDATES[label], _registry()
        tracks = tracks_in(arguments.test, registry.instruments())[: arguments.tracks]
        request = _request(registry, candidate, arguments, path.with_suffix(""), seed)
        request = replace(request, max_steps=settings["steps"])
        report = _every(
            60, lambda share, text: print(f"{path.stem}: {share:4.0%} {text}", flush=True)
        )
        loaded = checkpoint.load(fit(registry, request, report).last, registry.backbone)
        separator = Separator(loaded, options=study.NETWORK)
        return {
            "parameters": study.parameters(loaded),
            "seconds_a_step": cost,
            "seconds_a_minute": _seconds_a_minute(separator),
            "scores": _scores(_evaluated(separator, tracks)),
        }

    return study.recorded(path, settings, make)


def _registry() -> Registry:
    return Registry.load([PEERS], trust=True)


def _request(
    registry: Registry, candidate: Candidate, arguments: argparse.Namespace, run: Path, seed: int
) -> TrainRequest:
    """A candidate's training, or the rest of it."""
    sizes = dict(candidate.arguments)
    if candidate.backbone == PEER:
        own = registry.backbone("asteroid_convtasnet").defaults
        sizes = {name: own[name] for name in registry.backbone(PEER).defaults}
    return TrainRequest(
        instruments=candidate.instruments or tuple(item.name for item in registry.instruments()),
        out=run,
        backbone=candidate.backbone,
        arguments=sizes,
        roots=study.roots_of(arguments.data),
        validate_every=500,
        batch_size=study.BATCH,
        targets=study.TARGETS,
        seconds=study.SECONDS,
        mix={"memory_mb": 3000},
        workers=0,
        learning_rate=1.5e-3,
        ema=0.99,
        seed=seed,
        device="cpu",
        precision="bf16",
        resume=(run / "resume.safetensors").is_file(),
    )


def _costs(arguments: argparse.Namespace) -> dict:
    """Label → processor seconds of a step: the least of some rounds, and the mixing.

    Other work on the machine makes single steps slower, and never faster.
    """
    registry = _registry()
    with tempfile.TemporaryDirectory() as folder:
        runs = {}
        for label, candidate in CANDIDATES.items():
            request = _request(registry, candidate, arguments, Path(folder), 0)
            runs[label] = TrainingRun(request.resolve(registry))
        batches = {label: next(run.data.batches(0, 1)) for label, run in runs.items()}
        steps: dict[str, list[float]] = {label: [] for label in runs}
        for _ in range(ROUNDS):
            for label, run in runs.items():
                steps[label].append(_seconds(partial(run.step, batches[label], 1e-3)))
        mixtures = runs["rnn_mask"].data.batches(0, 10 * ROUNDS)
        mixing = sorted(_seconds(lambda: next(mixtures)) for _ in range(10 * ROUNDS))
        for run in runs.values():
            run.log.close()
    # The faster half: the other decodes files for the first time.
    common = float(np.mean(mixing[: 5 * ROUNDS]))
    return {"mixing": common, **{label: min(found) + common for label, found in steps.items()}}


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _every(seconds: float, report: Callable[[float, str], None]) -> Callable[[float, str], None]:
    """A report that is passed on at most so often."""
    said = -seconds

    def seldom(share: float, text: str) -> None:
        nonlocal said
        if time.monotonic() - said >= seconds:
            said = time.monotonic()
            report(share, text)

    return seldom


def _seconds_a_minute(separator: Separator) -> float:
    """Processor seconds to separate a minute of stereo into one instrument."""
    rate = separator.checkpoint.model.sample_rate
    noise: Wave = 0.1 * np.random.default_rng(0).standard_normal((2, 60 * rate), np.float32)
    separator.separate(noise[:, :rate], rate, [ALONE])
    return _seconds(lambda: separator.separate(noise, rate, [ALONE]))


def _evaluated(separator: Separator, tracks: Sequence[Track]) -> Evaluation:
    """The scores of the instruments that a track has and that the network was trained for."""
    scores = []
    for track in tracks:
        if there := [name for name in separator.trained if name in track.stems]:
            scores += evaluate(separator, [track], there).tracks
    return Evaluation(separator.trained, scores)


Scores = dict[str, dict[str, float]]
"""Method → column → dB."""


def _scores(found: Evaluation) -> Scores:
    """Means over the tracks of one instrument, and over all instruments."""
    methods: tuple[Method, ...] = ("separator", "swapped", "oracle", "mixture")
    scores: Scores = {}
    for method in methods:
        rows = by_instrument(found, method)
        scores[method] = {
            f"{who}: {key}": float(np.mean([rows[name][key] or 0.0 for name in names]))
            for who, names in (("alone", [ALONE]), ("all", list(rows)))
            for key in ("si_sdr_improvement", "sdr")
            if set(names) <= set(rows)
        }
    return scores


def _cells(records: Mapping[str, Sequence[dict]]) -> list[list[str]]:
    """The table's rows: networks, the oracle, and what doing nothing gives."""
    lines = []
    for label, found in records.items():
        several = CANDIDATES[label].backbone != PEER
        numbers = [
            f"{found[0]['parameters'] / 1e6:.2f}",
            str(found[0]["settings"]["steps"]),
            f"{np.mean([record['seconds_a_step'] for record in found]):.2f}",
            f"{np.mean([record['seconds_a_minute'] for record in found]):.1f}",
        ]
        own = [record["scores"] for record in found]
        lines.append([label, *numbers, *_scores_cells(own, "separator", several=several)])
    whole = [r["scores"] for n, rs in records.items() for r in rs if CANDIDATES[n].backbone != PEER]
    if whole:
        for method, label in (("oracle", "oracle ratio mask"), ("mixture", "the mixture itself")):
            lines.append([label, *[""] * 4, *_scores_cells(whole[:1], method, several=True)])
    silence = ["–", "0.0", "–", "0.0", ""]
    return [*lines, ["silence", *[""] * 4, *silence]]


def _scores_cells(scores: Sequence[Scores], method: str, *, several: bool) -> list[str]:
    """A row's five scores: means over the seeds, and how far the seeds are apart."""
    keys = [f"{who}: {key}" for who in ("alone", "all") for key in ("si_sdr_improvement", "sdr")]
    cells = [_mean([one[method][key] for one in scores]) for key in keys]
    if not several:
        return [*cells[:2], "", "", ""]
    swapped = [one["swapped"]["all: si_sdr_improvement"] for one in scores]
    return [*cells, _mean(swapped) if method == "separator" else ""]


def _mean(values: Sequence[float]) -> str:
    """Mean, and how far the values lie from it at most."""
    spread = max(abs(value - np.mean(values)) for value in values)
    return f"{np.mean(values):.1f}" + (f" ± {spread:.1f}" if len(values) > 1 else "")


def _caption(records: Mapping[str, Sequence[dict]]) -> str:
    """What the trainings were, where and when."""
    first = next(iter(records.values()))[0]
    settings = first["settings"]
    return (
        f"trainings of {settings['minutes']:g} minutes of one core, bf16; a step has "
        f"{study.BATCH} mixtures × {study.TARGETS} targets (the peer: 1) × {study.SECONDS:.0f} s; "
        f"mean of the seeds ± half their distance, {settings['tracks']} tracks; dB; seconds are "
        f"processor seconds; {first['date']}, {first['hardware']}"
    )


if __name__ == "__main__":
    main()
