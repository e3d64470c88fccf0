"""BSSEval of a track: its sources are the instruments, and what accompanies them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from timbresep.audio.writer import Wave
from timbresep.evaluation.bsseval import bss_eval, in_16_bits, is_silent
from timbresep.evaluation.result import BssRow, TrackScores
from timbresep.evaluation.stem_stream import StemStream

ACCOMPANIMENT = "accompaniment"
"""Museval's name for what is left when the targets are taken out of a mixture."""


@dataclass(frozen=True)
class BssSources:
    """What the stems of a track are measured against.

    Attributes:
        rate: Hz.
        mixture: (channels, samples).
        references: source → (channels, samples): the instruments, and what accompanies them.
        rest: what is called the latter; empty if nothing does.
    """

    rate: int
    mixture: Wave
    references: dict[str, Wave]
    rest: str

    @classmethod
    def of(cls, stream: StemStream, rate: int, names: Sequence[str]) -> BssSources:
        """Load a track; errors as of `StemStream`.

        Args:
            stream: its files.
            rate: Hz.
            names: the instruments; all other stems accompany. A single one keeps its name.
        """
        mixture, stems = stream.load()
        stems = in_16_bits(stems)
        references = {name: stems[stream.names.index(name)] for name in names}
        left = [name for name in stream.names if name not in names]
        rest = "" if not left else left[0] if len(left) == 1 else ACCOMPANIMENT
        if left:
            references[rest] = stems[[stream.names.index(name) for name in left]].sum(axis=0)
        return cls(rate, mixture, references, rest)

    def measure(self, method: str, made: Mapping[str, Wave], result: TrackScores) -> dict[str, str]:
        """Measure the stems of a method; the medians and remarks go to the track's scores.

        Args:
            method: which.
            made: source → (channels, samples). If what accompanies is not among them, it is what
                they leave of the mixture.
            result: the scores of the track.

        Returns:
            Museval's file, by the folder that it is for.

        Raises:
            DataError, MissingToolError: as `bss_eval`.
        """
        if self.rest and self.rest not in made:
            made = {**made, self.rest: self.mixture - sum(made.values())}
        sounding = [
            name
            for name, wave in self.references.items()
            if not (is_silent(wave) or is_silent(made[name]))
        ]
        if silent := [name for name in self.references if name not in sounding]:
            result.notes.append(f"BSSEval of {method} leaves out silent {', '.join(silent)}")
        if len(sounding) < 2:
            result.notes.append(f"BSSEval of {method} needs two sources that sound")
            return {}
        scores = bss_eval(
            result.track,
            self.rate,
            {name: self.references[name] for name in sounding},
            {name: made[name] for name in sounding},
        )
        result.bss += [
            BssRow(result.track, source, method, **values)
            for source, values in scores.medians.items()
        ]
        return {f"museval/{method}/test": scores.json}
