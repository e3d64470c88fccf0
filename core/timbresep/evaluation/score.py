"""Score a separator on one track, beside silence, the mixture and an oracle.

One streamed pass gives every instrument's stem, and with it the score of every stem against
every reference: what comes out when a condition is swapped for another's needs no second pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from timbresep.audio.writer import Wave
from timbresep.data.track import Track
from timbresep.errors import DataError
from timbresep.evaluation.bss_sources import BssSources
from timbresep.evaluation.bsseval import Extent
from timbresep.evaluation.informed import Informed
from timbresep.evaluation.oracle import oracle
from timbresep.evaluation.result import METHODS, Leak, Method, Row, Swap, TrackScores
from timbresep.evaluation.stem_stream import StemStream
from timbresep.evaluation.summary import MIXTURE_ERROR_DB
from timbresep.evaluation.workers import Advance
from timbresep.metrics import Moments, Table
from timbresep.separation.separator import Separator
from timbresep.separation.streaming import Pair
from timbresep.streaming import Fifo, Rows

SILENT_DB = -60.0
"""A stem this far below its track's mixture counts as absent."""


@dataclass
class Scorer:
    """Separators and what to measure of them.

    Attributes:
        separator: the separator to score.
        names: the instruments to ask it for.
        earlier: another separator to score beside it.
        bsseval: whose stems BSSEval measures; None measures none.
        informed: how the separators are given the notes of each track; None gives none.
    """

    separator: Separator
    names: tuple[str, ...]
    earlier: Separator | None = None
    bsseval: Extent | None = None
    informed: Informed | None = None

    def score(
        self, track: Track, advance: Advance | None = None
    ) -> tuple[TrackScores, dict[str, str]]:
        """Separate a track's mixture and score the result.

        Returns:
            The scores; and museval's files, by the folder that each is for.

        Raises:
            DataError: the track's files do not fit together, or it is silent.
            AudioError: one of them cannot be read.
            MissingToolError: BSSEval is asked for and museval is not there.
        """
        if self.informed is not None:
            return self._with_notes(track, self.informed).score(track, advance)
        present = [name for name in self.names if name in track.stems]
        stream = StemStream(track, present)
        keep = self.bsseval is not None
        own = _separate(self.separator, stream, track.rate, self.names, keep=keep, advance=advance)
        if own.loudness <= 0:
            raise DataError(f"track '{track.name}' is silent", "give it sound, or take it away")
        audible = [
            name
            for name, energy in zip(present, own.scores.reference, strict=True)
            if _decibels(energy, own.loudness) > SILENT_DB
        ]
        result = TrackScores(track.name)
        if stream.has_mixture:
            result.mixture_error = _decibels(own.difference, own.loudness)
            if result.mixture_error > MIXTURE_ERROR_DB:
                result.notes.append(
                    f"the mixture is not the sum of its stems: they differ by "
                    f"{result.mixture_error:.1f} dB re mixture"
                )
        result.leaks = [
            Leak(track.name, name, _decibels(float(own.scores.estimate[j]), own.loudness))
            for j, name in enumerate(self.names)
            if name not in audible
        ]
        if not audible:
            result.notes.append("none of the instruments plays in it: only leakage is measured")
            return result, {}
        passes = [Scored("separator", self.names, own), *self._others(stream, track.rate, present)]
        best = _score_pairs(oracle(stream, self.separator.network.stft), present, keep=keep)
        passes.append(Scored("oracle", tuple(present), best))
        for name in audible:
            result.rows += _rows(track.name, name, present.index(name), passes)
            result.swaps += _swaps(track.name, name, present.index(name), passes[0])
        return result, self._bsseval(track, stream, audible, passes, result)

    def _with_notes(self, track: Track, informed: Informed) -> Scorer:
        """Scores the same separators, which know the track's notes."""
        separator, names = informed.of(track, self.separator)
        earlier = None if self.earlier is None else informed.of(track, self.earlier)[0]
        return OfNotes(separator, names, earlier, self.bsseval)

    def _others(self, stream: StemStream, rate: int, present: Sequence[str]) -> Iterator[Scored]:
        """The same stems for comparison: separated in other ways, and by the earlier separator."""
        names = tuple(present)
        for method, separator in self._ways(everyone=len(present) == len(stream.names) > 1):
            yield Scored(method, names, _separate(separator, stream, rate, names))
        if self.earlier is not None:
            keep = self.bsseval is not None
            yield Scored("earlier", names, _separate(self.earlier, stream, rate, names, keep=keep))

    def _ways(self, *, everyone: bool) -> Iterator[tuple[Method, Separator]]:
        """Other ways to separate; one of them needs everyone who plays to be asked for."""
        if self.separator.joint:
            yield "independent", self.separator.with_options(joint=False, refine=False)
        if everyone:
            yield "consistent", self.separator.with_options(mixture_consistency=True)

    def _bsseval(
        self,
        track: Track,
        stream: StemStream,
        audible: list[str],
        passes: Sequence[Scored],
        result: TrackScores,
    ) -> dict[str, str]:
        """BSSEval of each method's stems as files; its medians go to the result."""
        if self.bsseval is None:
            return {}
        measured: list[Method] = ["separator", "earlier"]
        if self.bsseval == "all":
            measured.insert(1, "oracle")
        estimates = {
            method: one.found.stems(one.names)
            for method in measured
            for one in passes
            if one.method == method
        }
        sources = BssSources.of(stream, track.rate, audible)
        if self.bsseval == "all":
            estimates["mixture"] = dict.fromkeys(sources.references, sources.mixture)
        found: dict[str, str] = {}
        for method, made in estimates.items():
            if method != "mixture":
                made = {name: made[name] for name in audible}
            found |= sources.measure(method, made, result)
        return found


class OfNotes(Scorer):
    """Scores separators whose stems follow from notes: conditions are not swapped, and stems share
    the mixture in one way."""

    def score(
        self, track: Track, advance: Advance | None = None
    ) -> tuple[TrackScores, dict[str, str]]:
        """As `Scorer.score`."""
        result, bss = super().score(track, advance)
        result.rows = [row for row in result.rows if row.method != "swapped"]
        result.swaps = []
        return result, bss

    def _ways(self, *, everyone: bool) -> Iterator[tuple[Method, Separator]]:
        del everyone
        return iter(())


@dataclass
class Pass:
    """What one pass over a track adds up.

    Attributes:
        scores: of the references (rows) against the estimates.
        mixture: of the references against the mixture.
        loudness: energy of the mixture.
        difference: energy of the mixture less the sum of its stems.
        kept: blocks of the estimates, when they are wanted whole.
    """

    scores: Moments
    mixture: Moments
    loudness: float = 0.0
    difference: float = 0.0
    kept: list[Rows] = field(default_factory=list)

    def stems(self, names: Sequence[str]) -> dict[str, Wave]:
        """The estimates (channels, samples) that were kept."""
        if not self.kept:
            return {}
        return dict(zip(names, np.concatenate(self.kept, axis=-1), strict=True))


@dataclass(frozen=True)
class Scored:
    """A pass under a method; its estimates are of `names`, in their order."""

    method: Method
    names: tuple[str, ...]
    found: Pass


def _separate(
    separator: Separator,
    stream: StemStream,
    rate: int,
    names: Sequence[str],
    *,
    keep: bool = False,
    advance: Advance | None = None,
) -> Pass:
    """Separate a track and add up the scores of all estimates."""
    wanted, channels = stream.wanted, stream.channels
    result = Pass(Moments(wanted, len(names)), Moments(wanted, 1))
    references, done = Fifo(wanted * channels), 0

    def mixtures() -> Iterator[Rows]:
        for mixture, stems in stream:
            references.push(stems[:wanted].reshape(wanted * channels, stems.shape[2]))
            result.difference += _energy(mixture - stems.sum(axis=0))
            yield mixture

    called = f"track '{stream.track}'"
    for mixture, estimates in separator.stream(mixtures(), rate, channels, names, name=called):
        truth = references.take(mixture.shape[1]).reshape(wanted, *mixture.shape)
        result.scores.add(truth, estimates)
        result.mixture.add(truth, mixture[None])
        result.loudness += _energy(mixture)
        if keep:
            result.kept.append(estimates)
        done += mixture.shape[1]
        if advance is not None:
            advance(done)
    return result


def _score_pairs(pairs: Iterable[Pair], names: Sequence[str], *, keep: bool) -> Pass:
    """Add up the scores of estimates that come beside their references."""
    result = Pass(Moments(len(names), len(names)), Moments(len(names), 1))
    for truth, estimates in pairs:
        result.scores.add(truth, estimates)
        if keep:
            result.kept.append(estimates)
    return result


def _rows(track: str, name: str, i: int, passes: Sequence[Scored]) -> list[Row]:
    """The rows of one instrument, reference number `i`, under every method."""
    own = passes[0]
    base = float(own.found.mixture.sdr()[i, 0]), float(own.found.mixture.si_sdr()[i, 0])

    def row(method: Method, sdr: float, si_sdr: float | None) -> Row:
        gain = None if si_sdr is None else si_sdr - base[1]
        return Row(track, name, method, sdr, si_sdr, sdr - base[0], gain)

    def picked(method: Method, scores: Moments, columns: int | list[int]) -> Row:
        def mean(values: Table) -> float:
            return float(np.mean(values[i, columns]))

        return row(method, mean(scores.sdr()), mean(scores.si_sdr()))

    rows = {
        one.method: picked(one.method, one.found.scores, one.names.index(name)) for one in passes
    }
    if others := [column for column, other in enumerate(own.names) if other != name]:
        rows["swapped"] = picked("swapped", own.found.scores, others)
    rows |= {"mixture": row("mixture", *base), "silence": row("silence", 0, None)}
    return [rows[method] for method in METHODS if method in rows]


def _swaps(track: str, name: str, i: int, own: Scored) -> list[Swap]:
    """SI-SDR improvement of one instrument, reference number `i`, under each other condition."""
    gains = own.found.scores.si_sdr()[i] - own.found.mixture.si_sdr()[i, 0]
    return [
        Swap(track, name, other, float(gains[j]))
        for j, other in enumerate(own.names)
        if other != name
    ]


def _energy(wave: Wave) -> float:
    return float(np.square(wave, dtype=np.float64).sum())


def _decibels(energy: float, reference: float) -> float:
    return float(10 * np.log10(max(energy, 1e-12 * reference, 1e-30) / max(reference, 1e-30)))
