"""How a source model does by itself, and what level and context change.

    python benchmarks/source_model.py NAME TRACKS [--source vocals] [--levels -26 -16 -6]
        [--contexts 0 16 32] [--offsets 3] [--limit N] [--json FILE]

TRACKS is what `evaluate` reads. The source is scored against the stem of that name, as means over
the tracks that have it: SI-SDR improvement and SDR in dB. Windows are brought to each of the levels
(mean power in dB re full scale) in place of the usual one; their context, in units of 1024 samples,
replaces the model's own, in windows as long as its own. Each case is a mean over so many offsets: a
network whose layers halve time sees other frames at each.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from timbresep.evaluation.stem_stream import StemStream
from timbresep.evaluation.tracks import tracks_in
from timbresep.files import write_json
from timbresep.level import LEVEL_DB, gains
from timbresep.metrics import sdr, si_sdr
from timbresep.registry import pretrained
from timbresep.registry.registry import Registry
from timbresep.running.provenance import hardware, today
from timbresep.source_model import SourceModel
from timbresep.streaming import overlap_add
from timbresep.units import db_to_amplitude

UNIT = 1024  # samples
OFFSET = 21_777  # samples, no multiple of a hop

Wave = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """A level in dB, and a context in samples."""

    level: float
    context: int


def separate(model: SourceModel, mixture: Wave, case: Case, offset: int) -> Wave:
    """Sources (sources, channels, samples) of a mixture (channels, samples), by windows."""
    channels = len(mixture)
    more = db_to_amplitude(case.level - LEVEL_DB)

    def process(window: Wave) -> Wave:
        gain = gains(window, model.sample_rate) * more
        given = torch.from_numpy((window * gain).astype(np.float32))
        sources = model(given.expand(model.channels, -1)[None])[0, :, :channels].numpy()
        return (sources / gain).reshape(-1, window.shape[1]).astype(np.float32)

    chunk = model.chunk + 2 * (model.context - case.context)
    blocks = iter([np.pad(mixture, ((0, 0), (offset, 0)))])
    fade = min(case.context, chunk // 32)
    parts = overlap_add(blocks, process, channels, chunk=chunk, context=case.context, fade=fade)
    out = np.concatenate(list(parts), axis=1)[:, offset:]
    return out.reshape(len(model.sources), channels, -1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--source", default="vocals")
    parser.add_argument("--levels", type=float, nargs="*", default=[-26, -22, -19, -13, -10, -6])
    parser.add_argument("--contexts", type=int, nargs="*", default=[0, 16, 64])
    parser.add_argument("--offsets", type=int, default=3)
    parser.add_argument("--limit", type=int, help="only the first tracks")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    registry = Registry.load()
    model = pretrained.load(registry.source_model(given.name))
    number = model.sources.index(given.source)
    usual = Case(LEVEL_DB, model.context)
    cases = [usual, *(Case(level, model.context) for level in given.levels)]
    cases += [Case(LEVEL_DB, UNIT * context) for context in given.contexts]
    tracks = [t for t in tracks_in(given.tracks, registry.instruments()) if given.source in t.stems]
    scores: dict[Case, list[tuple[float, float]]] = {case: [] for case in cases}
    with torch.inference_mode():
        for track in tracks[: given.limit]:
            mixture, stems = StemStream(track, [given.source]).load()
            true = stems[0]
            before = si_sdr(true, mixture)
            for case in cases:
                for k in range(given.offsets):
                    found = separate(model, mixture, case, k * OFFSET)[number]
                    scores[case].append((si_sdr(true, found) - before, sdr(true, found)))
    print(f"{given.name}, {given.source}, {len(tracks[: given.limit])} tracks, {today()}")
    print("| level | context, s | SI-SDRi | SDR |\n|---|---|---|---|")
    for case, found in scores.items():
        improvement, quality = np.mean(found, axis=0)
        seconds = case.context / model.sample_rate
        print(f"| {case.level:g} dB | {seconds:.2f} | {improvement:.2f} | {quality:.2f} |")
    if given.json:
        rows = [{**vars(case), "scores": found} for case, found in scores.items()]
        write_json(given.json, {"rows": rows, "date": today(), "hardware": hardware()})


if __name__ == "__main__":
    main()
