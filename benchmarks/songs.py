"""How separators do on songs and bands: made from free packages, scored side by side.

    python benchmarks/songs.py build SONGS --recordings RECORDINGS
    python benchmarks/songs.py score SONGS [--separators universal song] [--sides valid test]
        [--sets sung] [--asked present|all] [--quick] [--json FILE]

`build` writes sets of tracks, `SONGS/<set>/<side>/<track>/<stem>.flac`, as `evaluate` reads them:

- `muldjord`: recorded songs, their electric guitar and the rest of the band
- `bands`: bands from MIDI files, in soundfonts that training has heard, and in others
- `sung`: such bands with a singer: recorded clips, recorded vowels, a synthetic voice
- `violin-in-band`: both kinds, with a recorded violin
- `ensembles`: chorales without a singer

What a package or a recording is missing for is left out, with a line that says how to get it.
RECORDINGS holds `spectmorph-instruments`, `basic_pitch-0.4.0` and `sms-tools-materials`.

`score` separates each track, asking for the instruments that play in it (`--asked all`: for all
that a separator knows), and prints means over stems: SI-SDR improvement, SDR in brackets. Beside a
chain stands its source model alone: of each instrument, the source that holds it. `oracle` is the
ratio mask of the true stems.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import yaml

from songs_making import Stems
from songs_sets import SETS
from timbresep import audio
from timbresep.data.rendering.waveform import RATE
from timbresep.data.track import Track
from timbresep.errors import TimbresepError
from timbresep.evaluation.oracle import oracle
from timbresep.evaluation.stem_stream import StemStream
from timbresep.evaluation.tracks import tracks_in
from timbresep.files import write_json, write_text
from timbresep.metrics import sdr, si_sdr
from timbresep.registry.registry import Registry
from timbresep.running.provenance import hardware, today
from timbresep.separation.load import open_separator
from timbresep.separation.separator import Separator
from timbresep.stft import STFT

MIXTURE, ORACLE = "mixture", "oracle"
SILENT_DB = -60.0  # a stem this far below its mixture does not count
SINGER = "vocals"


@dataclass(frozen=True)
class Score:
    """How well a method found a stem, in dB."""

    set: str
    track: str
    stem: str
    method: str
    gain: float
    sdr: float


@dataclass(frozen=True)
class Leak:
    """How loud an instrument was found that does not play, in dB re mixture."""

    set: str
    track: str
    stem: str
    method: str
    level: float


def build(root: Path, recordings: Path) -> None:
    """Write the sets; say what is left out and why."""
    for name, tracks in SETS.items():
        for track in tracks(recordings):
            folder = root / name / track.side / track.name
            if (folder / "track.yaml").is_file():
                continue
            try:
                stems = track.make()
            except TimbresepError as error:
                print(f"left out: {name}/{track.name}: {error}")
                continue
            for stem, wave in stems.items():
                audio.write(folder / f"{stem}.flac", wave, RATE, "PCM_16", overwrite=True)
            about = {"piece": track.piece, "split": track.side, "licence": track.licence}
            write_text(folder / "track.yaml", yaml.safe_dump(about))
            print(f"{name}/{track.side}/{track.name}: {', '.join(stems)}", flush=True)


class Judge:
    """Scores separators on tracks.

    Args:
        separators: by name.
        everything: ask for all instruments, not for those that play.
    """

    def __init__(self, separators: dict[str, Separator], *, everything: bool) -> None:
        self.separators, self.everything = separators, everything
        self.known = next(iter(separators.values())).asked
        self.scores: list[Score] = []
        self.leaks: list[Leak] = []

    def score(self, name: str, track: Track) -> None:
        """Score all methods on one track of a set."""
        present = [stem for stem in track.stems if stem in self.known]
        stream = StemStream(track, present)
        mixture, stems = stream.load()
        truth = {
            stem: wave
            for stem, wave in zip(present, stems, strict=False)
            if _decibels(wave, mixture) > SILENT_DB
        }
        asked = list(self.known) if self.everything else list(truth)
        found = {
            MIXTURE: dict.fromkeys(truth, mixture),
            ORACLE: _oracle(stream, next(iter(self.separators.values())).network.stft),
        }
        for title, separator in self.separators.items():
            found[title] = separator.separate(mixture, track.rate, asked)
            if separator.first is not None and (alone := _alone(separator)) not in found:
                names = list(dict.fromkeys([*truth, SINGER]))
                found[alone] = sources_alone(separator, mixture, track.rate, names)
        for method, made in found.items():
            for stem, wave in made.items():
                where = name, track.name, stem, method
                if stem not in truth:
                    self.leaks.append(Leak(*where, _decibels(wave, mixture)))
                    continue
                gain = si_sdr(truth[stem], wave) - si_sdr(truth[stem], mixture)
                self.scores.append(Score(*where, gain, sdr(truth[stem], wave)))


def _alone(separator: Separator) -> str:
    assert separator.first is not None
    return f"{separator.first.stage.name} alone"


def sources_alone(
    separator: Separator, mixture: np.ndarray, rate: int, names: Sequence[str]
) -> Stems:
    """Of each instrument, the source of a chain's source model that holds it."""
    first = separator.first
    assert first is not None
    channels = len(mixture)
    parts = list(first.stage.stream([mixture], rate, channels))
    rows = np.concatenate(parts, axis=1).reshape(-1, channels, mixture.shape[1])
    sources = dict(zip(first.places.sources, rows[1:], strict=True))
    return {name: sources[first.places.of.get(name, first.places.rest)] for name in names}


def _oracle(stream: StemStream, stft: STFT) -> Stems:
    parts = [estimate for _, estimate in oracle(stream, stft)]
    names = stream.names[: stream.wanted]
    return dict(zip(names, np.concatenate(parts, axis=-1), strict=True))


def _decibels(wave: np.ndarray, mixture: np.ndarray) -> float:
    power = np.square(wave, dtype=np.float64).sum() / np.square(mixture, dtype=np.float64).sum()
    return float(10 * np.log10(power + 1e-12))


def table(judge: Judge) -> str:
    """The means as Markdown: a row a set and stem, and a row a set."""
    methods = list(dict.fromkeys(score.method for score in judge.scores))
    cells: dict[tuple[str, str], dict[str, list[Score]]] = defaultdict(lambda: defaultdict(list))
    for one in judge.scores:
        cells[one.set, one.stem][one.method].append(one)
        cells[one.set, "all stems"][one.method].append(one)
    rows = [["set", "stem", "stems", *methods]]
    for (name, stem), found in sorted(cells.items()):
        values = [_means(found[method]) for method in methods]
        rows.append([name, stem, str(len(found[MIXTURE])), *values])
    levels: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for leak in judge.leaks:
        levels[leak.set, leak.stem][leak.method].append(leak.level)
    for (name, stem), by_method in sorted(levels.items()):
        count = max(len(found) for found in by_method.values())
        values = [f"{np.mean(by_method[m]):.0f} dB" if by_method[m] else "" for m in methods]
        rows.append([name, f"{stem}, absent", str(count), *values])
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _means(scores: Sequence[Score]) -> str:
    if not scores:
        return "–"
    gain, quality = (np.mean([getattr(one, key) for one in scores]) for key in ("gain", "sdr"))
    return f"{gain:.1f} ({quality:.1f})"


def score(given: argparse.Namespace) -> None:
    """Score separators on the sets and print the table."""
    registry = Registry.load()
    separators = {
        name: open_separator(separator=name, registry=registry) for name in given.separators
    }
    judge = Judge(separators, everything=given.asked == "all")
    for name in given.sets:
        for side in given.sides:
            folder = given.songs / name / side
            tracks = tracks_in(folder, registry.instruments())
            for track in tracks[:: 2 if given.quick else 1]:
                judge.score(name, track)
                print(f"scored {name}/{side}/{track.name}", flush=True)
    print(f"\n{table(judge)}\n")
    print(
        f"`benchmarks/songs.py`, asked for {given.asked}, {', '.join(given.sides)}; {today()}, "
        f"{hardware()}."
    )
    if given.json:
        kept = {
            "scores": [asdict(one) for one in judge.scores],
            "leaks": [asdict(one) for one in judge.leaks],
        }
        write_json(given.json, kept)


def main() -> None:
    """Build or score."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    actions = parser.add_subparsers(required=True)
    made = actions.add_parser("build")
    made.add_argument("songs", type=Path)
    made.add_argument("--recordings", type=Path, default=Path("recordings"))
    made.set_defaults(act=lambda given: build(given.songs, given.recordings))
    scored = actions.add_parser("score")
    scored.add_argument("songs", type=Path)
    scored.add_argument("--separators", nargs="+", default=["universal", "song"])
    scored.add_argument("--sides", nargs="+", choices=("valid", "test"), default=["valid"])
    scored.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    scored.add_argument("--asked", choices=("present", "all"), default="present")
    scored.add_argument("--quick", action="store_true", help="every other track")
    scored.add_argument("--json", type=Path, help="file for every score")
    scored.set_defaults(act=score)
    given = parser.parse_args()
    given.act(given)


if __name__ == "__main__":
    main()
