"""Score a separator on one track, beside silence, the mixture and an oracle.

One streamed pass gives every instrument's stem, and with it the score of every stem against
every reference: what comes out when a condition is swapped for another's needs no second pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from timbresep.audio_writer import Wave
from timbresep.data.track import Track
from timbresep.errors import DataError
from timbresep.evaluation.bsseval import BssScores, Extent, bss_eval, in_16_bits, is_silent
from timbresep.evaluation.oracle import oracle
from timbresep.evaluation.result import BssRow, Leak, Method, Row, Swap, TrackScores
from timbresep.evaluation.stem_stream import StemStream
from timbresep.evaluation.summary import MIXTURE_ERROR_DB
from timbresep.metrics import Moments, Table
from timbresep.separation.separator import Separator, own_stft
from timbresep.separation.streaming import Fifo, Pair, Rows

SILENT_DB = -60.0
"""A stem this far below its track's mixture counts as absent."""
ACCOMPANIMENT = "accompaniment"
"""Museval's name for what is left when the targets are taken out of a mixture."""

Advance = Callable[[int], None]
"""Told how many frames of the track are done."""


@dataclass
class Scorer:
    """Separators and what to measure of them.

    Attributes:
        separator: whom to score.
        names: the instruments to ask it for.
        earlier: another separator to score beside it.
        bsseval: whose stems BSSEval measures; None for nobody's.
    """

    separator: Separator
    names: tuple[str, ...]
    earlier: Separator | None = None
    bsseval: Extent | None = None

    def score(
        self, track: Track, advance: Advance | None = None
    ) -> tuple[TrackScores, dict[Method, BssScores]]:
        """Separate a track's mixture and score the result.

        Raises:
            DataError: the track's files do not fit together, or it is silent.
            AudioError: one of them cannot be read.
            MissingToolError: BSSEval is asked for and museval is not there.
        """
        present = [name for name in self.names if name in track.stems]
        stream = StemStream(track, present)
        keep = self.bsseval is not None
        own = _separate(self.separator, stream, track.rate, self.names, keep, advance)
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
        estimates: dict[Method, dict[str, Wave]] = {"separator": own.stems(self.names)}
        best = _score_pairs(oracle(stream, own_stft(self.separator.model)), present, keep)
        if self.bsseval == "all":
            estimates["oracle"] = best.stems(present)
        earlier = None
        if self.earlier is not None:
            earlier = _separate(self.earlier, stream, track.rate, present, keep)
            estimates["earlier"] = earlier.stems(present)
        alone = together = None
        if self.separator.competing:
            alone = _separate(self.separator.alone(), stream, track.rate, present, False)
        if len(present) == len(stream.names) > 1:
            together = _separate(self.separator, stream, track.rate, present, False, at_once=True)
        for name in audible:
            result.rows += _rows(
                track.name, name, self.names, present, own, best, earlier, alone, together
            )
            result.swaps += _swaps(track.name, name, self.names, present, own)
        return result, self._bsseval(track, stream, audible, estimates, result)

    def _bsseval(
        self,
        track: Track,
        stream: StemStream,
        audible: list[str],
        estimates: dict[Method, dict[str, Wave]],
        result: TrackScores,
    ) -> dict[Method, BssScores]:
        """BSSEval of each method's stems; its medians go to the result."""
        if self.bsseval is None:
            return {}
        mixture, stems = stream.load()
        stems = in_16_bits(stems)
        references = {name: stems[stream.names.index(name)] for name in audible}
        left = [name for name in stream.names if name not in audible]
        rest = left[0] if len(left) == 1 else ACCOMPANIMENT
        if left:
            references[rest] = stems[[stream.names.index(name) for name in left]].sum(axis=0)
        if self.bsseval == "all":
            estimates["mixture"] = dict.fromkeys(references, mixture)
        found: dict[Method, BssScores] = {}
        for method, made in estimates.items():
            if left and method != "mixture":
                made = {**made, rest: mixture - sum(made[name] for name in audible)}
            heard = [
                name
                for name, wave in references.items()
                if not (is_silent(wave) or is_silent(made[name]))
            ]
            if dumb := [name for name in references if name not in heard]:
                result.notes.append(f"BSSEval of {method} leaves out silent {', '.join(dumb)}")
            if len(heard) < 2:
                result.notes.append(f"BSSEval of {method} needs two sources that sound")
                continue
            scores = bss_eval(
                track.name,
                track.rate,
                {name: references[name] for name in heard},
                {name: made[name] for name in heard},
            )
            found[method] = scores
            result.bss += [
                BssRow(track.name, source, method, **values)
                for source, values in scores.medians.items()
            ]
        return found


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


def _separate(
    separator: Separator,
    stream: StemStream,
    rate: int,
    names: Sequence[str],
    keep: bool,
    advance: Advance | None = None,
    at_once: bool = False,
) -> Pass:
    """Separate a track and add up the scores of all estimates; `at_once`: consistent ones."""
    wanted, channels = stream.wanted, stream.channels
    result = Pass(Moments(wanted, len(names)), Moments(wanted, 1))
    references, done = Fifo(wanted * channels), 0

    def heard() -> Iterator[Rows]:
        for mixture, stems in stream:
            references.push(stems[:wanted].reshape(wanted * channels, stems.shape[2]))
            result.difference += _energy(mixture - stems.sum(axis=0))
            yield mixture

    called = f"track '{stream.track}'"
    for mixture, estimates in separator.pairs(heard(), rate, channels, names, at_once, called):
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


def _score_pairs(pairs: Iterable[Pair], names: Sequence[str], keep: bool) -> Pass:
    """Add up the scores of estimates that come beside their references."""
    result = Pass(Moments(len(names), len(names)), Moments(len(names), 1))
    for truth, estimates in pairs:
        result.scores.add(truth, estimates)
        if keep:
            result.kept.append(estimates)
    return result


def _rows(
    track: str,
    name: str,
    names: Sequence[str],
    present: Sequence[str],
    own: Pass,
    best: Pass,
    earlier: Pass | None,
    alone: Pass | None,
    together: Pass | None,
) -> list[Row]:
    """One instrument's row of every method."""
    i, j = present.index(name), names.index(name)
    base = float(own.mixture.sdr()[i, 0]), float(own.mixture.si_sdr()[i, 0])

    def row(method: Method, sdr: float, si_sdr: float | None) -> Row:
        gain = None if si_sdr is None else si_sdr - base[1]
        return Row(track, name, method, sdr, si_sdr, sdr - base[0], gain)

    def picked(method: Method, scores: Moments, columns: int | list[int]) -> Row:
        def mean(values: Table) -> float:
            return float(np.mean(values[i, columns]))

        return row(method, mean(scores.sdr()), mean(scores.si_sdr()))

    rows = [picked("separator", own.scores, j)]
    if alone is not None:
        rows.append(picked("alone", alone.scores, i))
    if together is not None:
        rows.append(picked("together", together.scores, i))
    if earlier is not None:
        rows.append(picked("earlier", earlier.scores, i))
    if others := [column for column in range(len(names)) if column != j]:
        rows.append(picked("swapped", own.scores, others))
    return [*rows, picked("oracle", best.scores, i), row("mixture", *base), row("silence", 0, None)]


def _swaps(
    track: str, name: str, names: Sequence[str], present: Sequence[str], own: Pass
) -> list[Swap]:
    """SI-SDR improvement of one instrument under each other condition."""
    i = present.index(name)
    gains = own.scores.si_sdr()[i] - own.mixture.si_sdr()[i, 0]
    return [
        Swap(track, name, other, float(gains[j])) for j, other in enumerate(names) if other != name
    ]


def _energy(wave: Wave) -> float:
    return float(np.square(wave, dtype=np.float64).sum())


def _decibels(energy: float, reference: float) -> float:
    return float(10 * np.log10(max(energy, 1e-12 * reference, 1e-30) / max(reference, 1e-30)))
