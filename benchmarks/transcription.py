"""Transcription: our notes beside those of basic-pitch, of the mixture and of separated stems.

    python benchmarks/score_sets.py SETS --recordings RECORDINGS --notes NOTES
    python benchmarks/transcription.py SETS [--sets valid-recorded valid-other] [--limit N]
        [--methods NAME…] [--transcriber NAME | --checkpoint FILE] [--json FILE] [--write PAGE]

basic-pitch is installed as `basic_pitch_peer.py` says. Each method writes down the notes of each
track of the sets. The tables give F-measures, means over tracks, of frames, notes, and notes with
their ends (`timbresep.evaluation.notes.measures`): by method, without and with labels, and of notes
by instrument. Without labels, the notes of all instruments are one set: basic-pitch does not say
who plays. With labels, each instrument counts with the mean over its tracks. Choose on the sets of
the valid side, report those of the test side. With `--json` a run goes on where an earlier one has
stopped; delete the file after training anew.

- *named*: the transcriber is asked for those who play; *all*: for all that it knows
- *stems of the network*, *of both*: separated with everyone named, without and with the transcriber
- *true stems*: as they were before they were mixed

Read the ends with care: the sets' notes fade out for some 0.1 s after they end, and basic-pitch
hears that as part of the note. Our transcriber is trained on ends as they are written.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from basic_pitch_peer import BasicPitch
from score_informed import Case, cases, markdown, put
from songs_making import Stems
from timbresep.evaluation.notes.measures import Agreement, agreement, together
from timbresep.evaluation.notes.truth import true_notes
from timbresep.files import write_json
from timbresep.notes.score import Note
from timbresep.registry.chain import NO_TRANSCRIBER
from timbresep.registry.registry import Registry
from timbresep.running.provenance import hardware, today
from timbresep.separation.load import open_separator
from timbresep.separation.options import SeparationOptions
from timbresep.transcription.hearing import Hearing
from timbresep.transcription.load import open_transcriber
from timbresep.transcription.pitched import pitched
from timbresep.transcription.transcribe import transcribe

SETS = ("valid-recorded", "valid-other")
BEGIN, END = "<!-- transcription: begin -->", "<!-- transcription: end -->"
EVERYONE = ""
KEYS = ("frame_f", "note_f", "offset_f")

Heard = Mapping[str, Sequence[Note]]
"""Instrument, or `EVERYONE` where no one is named → notes."""


@dataclass(frozen=True)
class Row:
    """How well a method heard an instrument, or everyone, and how long its track took."""

    set: str
    track: str
    method: str
    instrument: str
    scores: Agreement
    seconds: float
    duration: float


@dataclass(frozen=True)
class Trial:
    """A track, who plays in it, and our transcriber."""

    case: Case
    names: tuple[str, ...]
    hearing: Hearing
    everyone: tuple[str, ...]


Method = Callable[[Trial], Heard]


@functools.cache
def basic_pitch() -> BasicPitch:
    """Loaded once, and only where it is asked for."""
    return BasicPitch()


def ours(trial: Trial, names: Sequence[str]) -> Heard:
    """What our transcriber hears of some instruments."""
    mixture, rate = trial.case.mixture, trial.case.track.rate
    found = transcribe(trial.hearing, [mixture], rate, len(mixture), names)
    return {stem.stem: stem.notes for stem in found.stems}


def of_stems(trial: Trial, stems: Stems) -> Heard:
    """What basic-pitch hears in stems; players of one instrument are one."""
    played = {stem.stem: stem.instrument for stem in trial.case.notes}
    found: dict[str, list[Note]] = defaultdict(list)
    for name, wave in stems.items():
        found[played.get(name, name)] += basic_pitch()(wave, trial.case.track.rate)
    return found


def separated(trial: Trial, *, hears: bool) -> Stems:
    """Stems of those who play, by the network alone or with what the transcriber hears."""
    separator = trial.case.separator.with_options(mixture_consistency=True)
    separator.hearing = trial.hearing if hears else None
    return separator.separate(trial.case.mixture, trial.case.track.rate, list(trial.names))


METHODS: dict[str, Method] = {
    "ours, named": lambda t: ours(t, t.names),
    "ours, all": lambda t: ours(t, t.everyone),
    "basic-pitch, mixture": lambda t: {EVERYONE: basic_pitch()(t.case.mixture, t.case.track.rate)},
    "basic-pitch, stems of the network": lambda t: of_stems(t, separated(t, hears=False)),
    "basic-pitch, stems of both": lambda t: of_stems(t, separated(t, hears=True)),
    "basic-pitch, true stems": lambda t: of_stems(t, t.case.truth),
}


def score(trial: Trial, truth: Heard, method: str, where: str) -> Iterator[Row]:
    """The rows of one method on one track of a set."""
    began = time.perf_counter()
    heard = METHODS[method](trial)
    seconds = time.perf_counter() - began
    track = trial.case.track
    row = functools.partial(Row, where, track.name, method, seconds=seconds, duration=track.seconds)
    everyone = agreement(together(truth.values()), together(heard.values()))
    yield row(EVERYONE, scores=everyone)
    if EVERYONE not in heard:
        for name in trial.names:
            yield row(name, scores=agreement(truth[name], heard.get(name, ())))


def tables(rows: Sequence[Row], methods: Sequence[str]) -> str:
    """The means as Markdown: methods by sets, then methods by instruments."""
    sets = list(dict.fromkeys(row.set for row in rows))
    instruments = sorted({row.instrument for row in rows} - {EVERYONE})
    count = {name: len({row.track for row in rows if row.set == name}) for name in sets}
    parts = []
    for labels in (False, True):
        head = ["with labels" if labels else "without labels"]
        head += [f"{name} ({count[name]} tracks)" for name in sets]
        head += [] if labels else ["× real time"]
        lines = [head]
        for method in methods:
            own = [row for row in rows if row.method == method]
            chosen = [row for row in own if (row.instrument != EVERYONE) is labels]
            cells = [_means([r for r in chosen if r.set == name]) for name in sets]
            lines.append([method, *cells, *([] if labels else [_speed(chosen)])])
        parts.append(markdown(lines))
    lines = [["notes, with labels", *instruments]]
    for method in methods:
        own = [row for row in rows if row.method == method]
        cells = [_mean([r for r in own if r.instrument == name], "note_f") for name in instruments]
        lines.append([method, *cells])
    return "\n\n".join([*parts, markdown(lines)])


def _means(rows: Sequence[Row]) -> str:
    """F of frames, notes and notes with ends; each instrument counts once."""
    return " · ".join(_mean(rows, key) for key in KEYS)


def _mean(rows: Sequence[Row], key: str) -> str:
    values: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        values[row.instrument].append(row.scores[key])
    return f"{np.mean([np.mean(each) for each in values.values()]):.2f}" if values else "–"


def _speed(rows: Sequence[Row]) -> str:
    if not rows:
        return "–"
    return f"{sum(row.duration for row in rows) / sum(row.seconds for row in rows):.1f}"


def scored(given: argparse.Namespace, registry: Registry, hearing: Hearing) -> list[Row]:
    """Score the methods on the sets."""
    options = SeparationOptions(transcriber=NO_TRANSCRIBER)
    separator = open_separator(separator=given.separator, registry=registry, options=options)
    known = [one.config for one in registry.instruments()]
    everyone = tuple(pitched(hearing.asked, registry.instruments()))
    rows = []
    if given.json and given.json.is_file():
        rows = [Row(**row) for row in json.loads(given.json.read_text())["rows"]]
    done = {(row.set, row.track, row.method) for row in rows}
    for where in given.sets:
        for case in cases(given.root / where, separator, registry, given.limit):
            truth = true_notes(case.track, known)
            names = tuple(name for name in everyone if truth.get(name))
            trial = Trial(case, names, hearing, everyone)
            for method in given.methods:
                if (where, case.track.name, method) not in done:
                    rows += score(trial, truth, method, where)
            print(f"scored {where}/{case.track.name}", flush=True)
            if given.json:
                write_json(given.json, _data(rows, hearing))
    return rows


def _data(rows: Sequence[Row], hearing: Hearing) -> dict[str, object]:
    return {
        "transcriber": hearing.checkpoint.path.name,
        "date": today(),
        "hardware": hardware(),
        "rows": [asdict(row) for row in rows],
    }


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", metavar="SETS", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--separator", default="universal")
    parser.add_argument("--transcriber", help="a listed one")
    parser.add_argument("--checkpoint", type=Path, help="file of a transcriber")
    parser.add_argument("--limit", type=int, help="only the first tracks of each set")
    parser.add_argument("--json", type=Path, help="file for every score")
    parser.add_argument("--write", type=Path, help="page to write the tables into")
    registry, given = Registry.load(), parser.parse_args()
    hearing = open_transcriber(
        transcriber=given.transcriber, checkpoint=given.checkpoint, registry=registry
    )
    rows = scored(given, registry, hearing)
    wanted = [row for row in rows if row.set in given.sets and row.method in given.methods]
    command = Path(sys.argv[0]).name
    about = (
        "F-measures of frames · notes · notes with their ends. "
        f"`{command}`, `{hearing.checkpoint.path.name}`, {today()}, {hardware()}."
    )
    text = f"{tables(wanted, given.methods)}\n\n{about}"
    print(text)
    if given.write:
        put(given.write, text, (BEGIN, END))


if __name__ == "__main__":
    main()
