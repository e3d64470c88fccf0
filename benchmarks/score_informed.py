"""What a score gives: separation with notes, with and without a network, by spectra of all kinds.

    python benchmarks/score_sets.py SETS --recordings RECORDINGS --notes NOTES
    python benchmarks/score_informed.py SETS [--sets valid-recorded valid-other] [--limit N]
        [--methods NAME…] [--json FILE] [--write PAGE]

Each method separates each track of the sets. The tables give means over stems of SI-SDR
improvement, with SDR in brackets, by method and by instrument. Choose on the sets of the valid
side, report those of the test side. With `--json` a run goes on where an earlier one has stopped.

- *oracle*: the ratio mask of the true stems, in the network's transform
- *network*: no score; each stem by itself, masked jointly, and sharing the mixture
- *notes*: as written; their tempo bent by ±20 % and found again, or not; late; wrong; missing
- *heard too*: the same, with what a transcriber hears beside them
- *notes alone*, *notes and network*: notes as written, whose spectra start from the overtones of
  the named voices. *Swapped* are those of another instrument in the track
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from songs_making import Stems
from timbresep.data.track import Track
from timbresep.errors import ConfigError
from timbresep.evaluation.informed import Informed, in_time, seed_of
from timbresep.evaluation.oracle import oracle
from timbresep.evaluation.stem_stream import StemStream
from timbresep.evaluation.tracks import tracks_in
from timbresep.files import write_json, write_text
from timbresep.metrics import sdr, si_sdr
from timbresep.notes.disturbance import Disturbance
from timbresep.notes.score import StemNotes
from timbresep.notes.templates import Overtones
from timbresep.registry.chain import NO_TRANSCRIBER
from timbresep.registry.registry import Registry
from timbresep.running.provenance import hardware, today
from timbresep.separation.load import open_separator
from timbresep.separation.separator import Separator

SETS = ("valid-recorded", "valid-other")
BEGIN, END = "<!-- score_informed: begin -->", "<!-- score_informed: end -->"
ALL = "all"


@dataclass(frozen=True)
class Score:
    """How well a method found a stem, in dB, and how long the method took for its track."""

    set: str
    track: str
    stem: str
    instrument: str
    method: str
    gain: float
    sdr: float
    seconds: float


@dataclass(frozen=True)
class Case:
    """A track, and what is to separate it.

    Attributes:
        track: the files.
        mixture: (channels, samples).
        truth: the stems that have notes.
        notes: of these stems, as they are played.
        separator: a network.
    """

    track: Track
    mixture: np.ndarray
    truth: Stems
    notes: list[StemNotes]
    separator: Separator

    def by_network(self, separator: Separator) -> Stems:
        """Without notes; players of one instrument get the same."""
        names = list(dict.fromkeys(stem.instrument for stem in self.notes))
        found = separator.separate(self.mixture, self.track.rate, names)
        return {stem.stem: found[stem.instrument] for stem in self.notes}

    def by_notes(self, separator: Separator, stems: Sequence[StemNotes]) -> Stems:
        """With notes."""
        return separator.with_notes(stems).separate(
            self.mixture, self.track.rate, [stem.stem for stem in self.notes]
        )

    def by_each_part(self, separator: Separator) -> Stems:
        """Each stem with its own notes alone, while unknown players play, too."""
        found = {}
        for stem in self.notes:
            alone = separator.with_notes([stem], partial=True)
            found |= alone.separate(self.mixture, self.track.rate)
        return found

    def by_templates(self, overtones: Mapping[str, Overtones], *, network: bool = False) -> Stems:
        """With notes as written, and spectra that start from some overtones.

        Instruments under names that a network does not know are separated by their notes alone.
        """
        prefix = "" if network else "unknown_"
        stems = [replace(stem, instrument=prefix + stem.instrument) for stem in self.notes]
        noted = self.separator.with_notes(stems)
        assert noted.notes is not None
        own = {prefix + name: overtone for name, overtone in overtones.items()}
        noted.notes = replace(noted.notes, overtones=own)
        return noted.separate(self.mixture, self.track.rate, [stem.stem for stem in stems])


Method = Callable[[Case], Stems]


def ideal(case: Case) -> Stems:
    """The ratio mask of the true stems."""
    stream = StemStream(case.track, list(case.truth))
    parts = [estimate for _, estimate in oracle(stream, case.separator.network.stft)]
    return dict(zip(case.truth, np.concatenate(parts, axis=-1), strict=True))


def disturbed(
    disturbance: Disturbance, *, found_again: bool = False, heard: bool = False
) -> Method:
    """Separation with disturbed notes, and with what a transcriber hears beside them."""

    def method(case: Case) -> Stems:
        stems = disturbance(case.notes, seed_of(case.track))
        separator = case.separator.with_options(transcriber=None) if heard else case.separator
        return case.by_notes(separator, in_time(stems, case.track) if found_again else stems)

    return method


def own(case: Case) -> Mapping[str, Overtones]:
    """The overtones of the instruments' own voices."""
    names = dict.fromkeys(stem.instrument for stem in case.notes)
    trained = case.separator.trained
    return {n: Overtones.of(case.separator.condition(n)) for n in names if n in trained}


def mean(case: Case) -> Mapping[str, Overtones]:
    """The mean of all voices, for every instrument."""
    voices = [Overtones.of(case.separator.condition(name)) for name in case.separator.trained]
    return dict.fromkeys((stem.instrument for stem in case.notes), Overtones.mean(voices))


def swapped(case: Case) -> Mapping[str, Overtones]:
    """Of each instrument, the voice of the next one in the track."""
    names, voices = list(own(case)), list(own(case).values())
    return dict(zip(names, [*voices[1:], *voices[:1]], strict=True))


def halved(case: Case) -> Mapping[str, Overtones]:
    """Between each own voice and the mean of all; what a separator takes."""
    voices, everyone = own(case), mean(case)
    return {
        name: voices[name].with_half(whole) if name in voices else whole
        for name, whole in everyone.items()
    }


def from_templates(
    overtones: Callable[[Case], Mapping[str, Overtones]], *, network: bool
) -> Method:
    """Separation with notes as written, and chosen spectra."""
    return lambda case: case.by_templates(overtones(case), network=network)


METHODS: dict[str, Method] = {
    "oracle ratio mask": ideal,
    "network: each stem by itself": lambda c: c.by_network(c.separator.with_options(joint=False)),
    "network: joint masking": lambda c: c.by_network(c.separator),
    "network: stems share the mixture": lambda c: c.by_network(
        c.separator.with_options(mixture_consistency=True)
    ),
    "notes as written": disturbed(Disturbance()),
    "notes: found in the mixture": disturbed(Disturbance(), found_again=True),
    "notes: tempo ±20 %, found again": disturbed(Disturbance(bend=0.2), found_again=True),
    "notes: tempo ±20 %, as they are": disturbed(Disturbance(bend=0.2)),
    "notes: 60 ms late": disturbed(Disturbance(shift=0.06)),
    "notes: 5 % wrong": disturbed(Disturbance(wrong=5)),
    "notes: 20 % missing": disturbed(Disturbance(missing=20)),
    "heard too: notes as written": disturbed(Disturbance(), heard=True),
    "heard too: 5 % wrong": disturbed(Disturbance(wrong=5), heard=True),
    "heard too: 20 % missing": disturbed(Disturbance(missing=20), heard=True),
    "notes of one part alone, partial": lambda c: c.by_each_part(c.separator),
}
TEMPLATES: dict[str, Callable[[Case], Mapping[str, Overtones]]] = {
    "1/k": lambda case: {},
    "mean of all voices": mean,
    "swapped voices": swapped,
    "own voices": own,
    "half own, half mean": halved,
}
METHODS |= {
    f"{'notes and network' if network else 'notes alone'}: {name}": from_templates(
        overtones, network=network
    )
    for network in (False, True)
    for name, overtones in TEMPLATES.items()
}


def score(case: Case, name: str, method: Method, where: str) -> list[Score]:
    """The scores of one method on one track of a set."""
    began = time.perf_counter()
    found = method(case)
    seconds = time.perf_counter() - began
    instruments = {stem.stem: stem.instrument for stem in case.notes}
    return [
        Score(
            *(where, case.track.name, stem, instruments[stem], name),
            gain=si_sdr(truth, found[stem]) - si_sdr(truth, case.mixture),
            sdr=sdr(truth, found[stem]),
            seconds=seconds,
        )
        for stem, truth in case.truth.items()
    ]


def cases(root: Path, separator: Separator, registry: Registry, limit: int) -> Iterable[Case]:
    """The tracks of a set."""
    known = tuple(one.config for one in registry.instruments())
    tracks = tracks_in(root, registry.instruments(), notes=True)[:limit]
    for track in tracks:
        informed = Informed(aligned=True, known=known)
        notes = [stem for stem in informed.notes(track) if stem.stem in track.stems]
        stream = StemStream(track, [stem.stem for stem in notes])
        mixture, stems = stream.load()
        wanted = stream.wanted
        truth = dict(zip(stream.names[:wanted], stems[:wanted], strict=True))
        yield Case(track, mixture, truth, notes, separator)


def tables(scores: Sequence[Score], methods: Sequence[str]) -> str:
    """The means as Markdown: methods by sets, then methods by instruments."""
    sets = list(dict.fromkeys(one.set for one in scores))
    cells: dict[tuple[str, str, str], list[Score]] = defaultdict(list)
    for one in scores:
        cells[one.method, one.set, ALL].append(one)
        cells[one.method, ALL, one.instrument].append(one)
    instruments = sorted({one.instrument for one in scores})
    count = {name: len({(s.track, s.stem) for s in scores if s.set == name}) for name in sets}
    first = [["method", *(f"{name} ({count[name]} stems)" for name in sets)]]
    first += [[m, *(_means(cells[m, name, ALL]) for name in sets)] for m in methods]
    second = [["method", *instruments]]
    second += [[m, *(_means(cells[m, ALL, name]) for name in instruments)] for m in methods]
    return f"{markdown(first)}\n\n{markdown(second)}"


def _means(scores: Sequence[Score]) -> str:
    if not scores:
        return "–"
    gain, quality = (np.mean([getattr(one, key) for one in scores]) for key in ("gain", "sdr"))
    return f"{gain:.1f} ({quality:.1f})"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table of which the first row is the head."""
    head, *rest = rows
    lines = [head, ["---"] * len(head), *rest]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def put(page: Path, text: str, markers: tuple[str, str]) -> None:
    """Write a text between the two markers of a page.

    Raises:
        ConfigError: it has none.
    """
    whole, (begin, end) = page.read_text(encoding="utf-8"), markers
    if begin not in whole or end not in whole:
        raise ConfigError(f"{page} has no markers {begin} and {end}", "put them where it belongs")
    before, after = whole.partition(begin)[0], whole.partition(end)[2]
    write_text(page, f"{before}{begin}\n{text}\n{end}{after}")


def run_methods(
    given: argparse.Namespace,
    methods: Mapping[str, Method],
    separator: Separator,
    registry: Registry,
    markers: tuple[str, str],
) -> None:
    """Score methods on sets, print the tables, and write what was asked for.

    Args:
        given: `root`, `sets`, `methods`, `limit`, `json` and `write`.
        methods: by name.
        separator: separates.
        registry: the plugins.
        markers: of the page to write into.
    """
    scores: list[Score] = []
    if given.json and given.json.is_file():
        scores = [Score(**row) for row in json.loads(given.json.read_text())]
    done = {(one.set, one.track, one.method) for one in scores}
    for name in given.sets:
        for case in cases(given.root / name, separator, registry, given.limit):
            for method in given.methods:
                if (name, case.track.name, method) not in done:
                    scores += score(case, method, methods[method], name)
            print(f"scored {name}/{case.track.name}", flush=True)
            if given.json:
                write_json(given.json, [asdict(one) for one in scores])
    wanted = [one for one in scores if one.set in given.sets and one.method in given.methods]
    about = f"`{Path(sys.argv[0]).name}`, `{given.separator}`; {today()}, {hardware()}."
    text = f"{tables(wanted, given.methods)}\n\n{about}"
    print(text)
    if given.write:
        put(given.write, text, markers)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", metavar="SETS", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--separator", default="universal")
    parser.add_argument("--limit", type=int, help="only the first tracks of each set")
    parser.add_argument("--json", type=Path, help="file for every score")
    parser.add_argument("--write", type=Path, help="page to write the tables into")
    registry, given = Registry.load(), parser.parse_args()
    separator = open_separator(separator=given.separator, registry=registry)
    separator = separator.with_options(transcriber=NO_TRANSCRIBER)
    run_methods(given, METHODS, separator, registry, (BEGIN, END))


if __name__ == "__main__":
    main()
