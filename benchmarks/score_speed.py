"""How quick separation with a score is, and whether its memory grows with the length of a file.

    python benchmarks/score_speed.py SETS/valid-recorded/TRACK [--minutes 60] [--every 10]
        [--separator universal] [--threads 2] [--json FILE]

A track and its notes come again and again until the minutes are over; its mono mixture is panned
into stereo. The table has the times that separation is faster than the music, the processor time
that a second of music takes (which other work on the machine changes less), and the largest
memory of the process until then. Audio is made and thrown away block by block, so that none of
the memory is its own.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from timbresep import audio
from timbresep.audio.writer import BLOCK
from timbresep.files import write_json
from timbresep.notes.midi import TRACK_NOTES, read_stems
from timbresep.notes.score import StemNotes
from timbresep.registry.registry import Registry
from timbresep.running.provenance import hardware, today
from timbresep.separation.load import open_separator
from timbresep.separation.options import SeparationOptions

PLACES = (0.3, -0.5, 0.6, -0.2)  # of the stems, −1 at the left and 1 at the right


def repeated(stems: list[StemNotes], seconds: float, times: int) -> list[StemNotes]:
    """Notes that come again every so many seconds."""
    return [
        replace(
            stem,
            notes=tuple(
                replace(note, start=note.start + seconds * k, end=note.end + seconds * k)
                for k in range(times)
                for note in stem.notes
            ),
        )
        for stem in stems
    ]


def mixture_of(folder: Path, names: list[str]) -> tuple[np.ndarray, int]:
    """A track in stereo, (2, samples), and its rate."""
    total: np.ndarray | None = None
    for k, name in enumerate(names):
        wave, rate = audio.read(folder / f"{name}.flac")
        place = PLACES[k % len(PLACES)]
        gains = np.sqrt([[(1 - place) / 2], [(1 + place) / 2]]).astype(np.float32)
        panned = gains * wave.mean(axis=0)
        total = panned if total is None else total + panned
    assert total is not None
    return total, rate


def blocks(wave: np.ndarray, samples: int) -> Iterator[np.ndarray]:
    """A waveform again and again, in blocks, until there are so many samples."""
    at = 0
    while at < samples:
        begin = at % wave.shape[1]
        block = wave[:, begin : begin + min(BLOCK, samples - at)]
        at += block.shape[1]
        yield block


def peak() -> float:
    """The largest memory that the process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Separate, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("track", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=10.0, help="minutes between two rows")
    parser.add_argument("--separator", default="universal")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    stems = read_stems(given.track / TRACK_NOTES)
    wave, rate = mixture_of(given.track, [stem.stem for stem in stems])
    seconds, samples = wave.shape[1] / rate, round(60 * given.minutes * rate)
    stems = repeated(stems, seconds, int(60 * given.minutes / seconds) + 1)
    options = SeparationOptions(device="cpu")
    separator = open_separator(
        separator=given.separator, registry=Registry.load(), options=options
    ).with_notes(stems)
    rows, done, began, worked = [], 0, time.perf_counter(), time.process_time()
    stream = separator.stream(blocks(wave, samples), rate, len(wave), separator.asked)
    for mixture, _ in stream:
        done += mixture.shape[1]
        minutes = done / rate / 60
        if minutes >= (len(rows) + 1) * given.every or done == samples:
            speed = 60 * minutes / (time.perf_counter() - began)
            work = (time.process_time() - worked) / (60 * minutes)
            rows.append(
                {"minutes": minutes, "speed": speed, "processor s a s": work, "peak MB": peak()}
            )
            print(rows[-1], flush=True)
    table = Table("minutes", "× real time", "processor s a s", "peak memory, MB")
    for row in rows:
        table.add_row(*(f"{value:.2f}" for value in row.values()))
    table.title = f"{given.separator}, {len(stems)} parts in stereo, {given.threads} threads"
    table.caption = f"{today()}, {hardware()}"
    Console().print(table)
    if given.json:
        write_json(given.json, rows)


if __name__ == "__main__":
    main()
