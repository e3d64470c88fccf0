"""How well scores are found in recordings, and whether other pieces' scores are refused.

    python benchmarks/alignment.py [--split test] [--pieces 20] [--long 60] [--json FILE]

Chorales are played by five ensembles of two soundfonts, in conditions that grow harder; each note's
onset is known. Errors are those of onsets, in ms. Then the scores of other pieces (not of the same
melody) are tried on the hardest recordings, and parts of the right scores. Last, pieces are played
one after the other for --long minutes and aligned in a process of their own: seconds a minute of
music, and the most memory that it held.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from alignment_making import (
    CASTS,
    Played,
    Playing,
    Times,
    one_after_another,
    pieces,
    play,
    stems_of,
)
from timbresep import audio
from timbresep.data.rendering.scores import Score
from timbresep.data.rendering.waveform import RATE
from timbresep.files import write_json
from timbresep.notes.alignment import LEAST_AGREEMENT, align
from timbresep.notes.score import StemNotes
from timbresep.running.provenance import hardware, today

FONTS = ("FluidR3_GM.sf2", "MuseScore_General_Full.sf2")
HARDEST = "bent, room, out of tune, applause"
CONDITIONS: dict[str, Callable[[np.random.Generator], Playing]] = {
    "as written": lambda _: Playing(),
    "bent by ±20 %": lambda _: Playing(bend=0.2, spread=0.008),
    "bent, room": lambda rng: Playing(bend=0.2, spread=0.008, room=float(rng.uniform(0.3, 1.5))),
    HARDEST: lambda rng: Playing(
        bend=0.2,
        spread=0.008,
        room=float(rng.uniform(0.3, 1.5)),
        cents=float(rng.uniform(-45, 45)),
        lead=float(rng.uniform(0, 6)),
        tail=5.0,
    ),
}
PARTS: dict[str, Callable[[list[StemNotes]], list[StemNotes]]] = {
    "whole score": lambda stems: stems,
    "three parts of four": lambda stems: stems[:3],
    "two parts of four": lambda stems: [stems[0], stems[-1]],
    "one part of four, the lowest": lambda stems: stems[-1:],
    "one part of four, the highest": lambda stems: stems[:1],
    "its first eight seconds": lambda stems: [
        replace(stem, notes=tuple(note for note in stem.notes if note.end <= 8)) for stem in stems
    ],
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--split", choices=["valid", "test"], default="test")
    parser.add_argument("--pieces", type=int, default=12)
    parser.add_argument("--long", type=float, default=60, help="minutes; 0 for none")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    scores = pieces(given.split, given.pieces)
    report: dict[str, object] = {"split": given.split, "pieces": len(scores)}
    print(f"{len(scores)} pieces of the {given.split} split, {today()}, {hardware()}\n")
    errors, hardest = _accuracy(scores)
    report["errors_ms"] = errors
    report["agreement"] = _refusals(scores, hardest)
    if given.long:
        report["long"] = _long(scores, given.long)
    if given.json:
        write_json(given.json, {**report, "date": today(), "hardware": hardware()})


def _accuracy(scores: Sequence[Score]) -> tuple[dict[str, dict[str, float]], list[Played]]:
    """Errors of onsets under each condition; the recordings of the hardest."""
    print(
        "| condition | median | 90 % | 99 % | bias | median of each cast |\n"
        "|---|---|---|---|---|---|"
    )
    rows: dict[str, dict[str, float]] = {}
    for name, condition in CONDITIONS.items():
        hardest, errors = [], []
        for number, score in enumerate(scores):
            rng = np.random.default_rng([number, 18])
            how = replace(condition(rng), font=FONTS[number % len(FONTS)])
            played = play(stems_of(score), how, rng, CASTS[number % len(CASTS)])
            hardest.append(played)
            errors.append(_tried(played, played.stems)[0])
        rows[name] = _summary(np.concatenate(errors))
        casts = [
            float(np.median(np.abs(np.concatenate(errors[k :: len(CASTS)]))))
            for k in range(min(len(CASTS), len(errors)))
        ]
        values = " | ".join(f"{value:.0f}" for value in rows[name].values())
        print(f"| {name} | {values} | {', '.join(f'{value:.0f}' for value in casts)} |", flush=True)
    return rows, hardest


def _tried(played: Played, stems: list[StemNotes]) -> tuple[Times, float]:
    """Errors in ms of the onsets of stems, and how well they fit."""
    found = align(stems, played.wave, RATE, anyway=True)
    known = {note.start for stem in stems for note in stem.notes}
    chosen = np.array([start in known for start in played.written])
    errors = 1000 * (found.at(played.written[chosen]) - played.sounding[chosen])
    return errors, found.agreement


def _summary(errors: Times) -> dict[str, float]:
    size = np.abs(errors)
    return {
        "median": float(np.median(size)),
        "90 %": float(np.percentile(size, 90)),
        "99 %": float(np.percentile(size, 99)),
        "bias": float(np.median(errors)),
    }


def _refusals(scores: Sequence[Score], recordings: Sequence[Played]) -> dict[str, list[float]]:
    """How well right and wrong scores fit, and how many of them are refused."""
    print(
        f"\n| score | tried | fits, lowest – highest | refused (below {LEAST_AGREEMENT:.0%}) "
        "| median ms | 90 % |\n|---|---|---|---|---|---|"
    )
    found: dict[str, list[float]] = {}
    for name, part in PARTS.items():
        tried = [_tried(recording, part(recording.stems)) for recording in recordings]
        errors = _summary(np.concatenate([each for each, _ in tried]))
        fits = [fit for _, fit in tried]
        found[name] = fits
        _print_fits(name, fits, f"{errors['median']:.0f} | {errors['90 %']:.0f}")
    wrong = [
        align(other.stems, recording.wave, RATE, anyway=True).agreement
        for k, recording in enumerate(recordings)
        for j, other in enumerate(recordings)
        if scores[k].family != scores[j].family and (j - k) % len(scores) <= 5
    ]
    found["another piece"] = wrong
    _print_fits("another piece", wrong, "|")
    return found


def _print_fits(name: str, fits: Sequence[float], rest: str) -> None:
    refused = sum(fit < LEAST_AGREEMENT for fit in fits)
    span = f"{min(fits):.0%} – {max(fits):.0%}"
    print(f"| {name} | {len(fits)} | {span} | {refused} | {rest} |", flush=True)


def _long(scores: Sequence[Score], minutes: float) -> dict[str, float]:
    """Time and memory of a long recording, in a fresh process."""
    many: list[Score] = []
    while sum(score.length * 0.6 + 2 for score in many) < 60 * minutes:
        many.append(scores[len(many) % len(scores)])
    how = Playing(bend=0.2, spread=0.008, room=0.8)
    played = play(one_after_another(many), how, np.random.default_rng(5), CASTS[0])
    with tempfile.TemporaryDirectory(prefix="timbresep-") as folder:
        file = Path(folder) / "long.wav"
        audio.write(file, played.wave, RATE, "PCM_16")
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            found = pool.apply(_measured, (played.stems, file, played.written))
    seconds, before, peak, times = found
    result = _summary(1000 * (times - played.sounding))
    length = played.wave.shape[1] / RATE / 60
    result |= {"minutes": length, "seconds a minute": seconds / length}
    result |= {"MB before": before, "MB at most": peak}
    print("\n" + ", ".join(f"{name} {value:.1f}" for name, value in result.items()))
    return result


def _measured(
    stems: list[StemNotes], file: Path, written: Times
) -> tuple[float, float, float, Times]:
    before = _megabytes()
    began = time.perf_counter()
    found = align(stems, file)
    return time.perf_counter() - began, before, _megabytes(), found.at(written)


def _megabytes() -> float:
    """The most memory that this process has held, by Linux."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
