"""What all separators share: waveforms and streams in, stems out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from timbresep.audio.writer import Wave
from timbresep.notes.score import StemNotes
from timbresep.separation.note_sources import Notes
from timbresep.separation.options import SeparationOptions
from timbresep.separation.sources import SourceStage
from timbresep.separation.streaming import Pair, made_consistent
from timbresep.separation.windows import Estimate, Windows, in_memory, windowed
from timbresep.streaming import Rows, Stream, check_loudness


@dataclass(frozen=True)
class Plan:
    """How a separator goes through a stream.

    Attributes:
        estimate: gives the stems of a window.
        windows: what it looks at.
        stage: a source model that the mixture goes through first.
    """

    estimate: Estimate
    windows: Windows
    stage: SourceStage | None = None


class StreamSeparator(ABC):
    """Separates signals in windows, so that their length costs no memory.

    Attributes:
        asked: the instruments to separate unless a call names others.
        options: how to separate.
        notes: what is known to be played.
    """

    asked: tuple[str, ...]
    options: SeparationOptions
    notes: Notes | None = None

    @abstractmethod
    def plan(self, instruments: Sequence[str]) -> Plan:
        """How instruments are separated.

        Raises:
            UnknownNameError: an instrument that the separator does not know.
        """

    def noted(self, instruments: Sequence[str]) -> list[str]:
        """Those of some stems whose notes are known, or can be heard."""
        return [name for name in instruments if self.notes and self.notes.of(name)]

    def notes_in(self, stream: Stream, names: Sequence[str]) -> list[StemNotes]:
        """The notes of stems in a recording, in seconds of it.

        Args:
            stream: the recording.
            names: out of `noted`.
        """
        del stream
        found = [self.notes.of(name) for name in names] if self.notes else []
        return [stem for stem in found if stem is not None]

    def separate(
        self, wave: Wave, rate: int, instruments: Sequence[str] | None = None
    ) -> dict[str, Wave]:
        """Separate a waveform that is in memory.

        Args:
            wave: (channels, samples), one or two channels.
            rate: Hz; converted to the separator's rate and back where it differs.
            instruments: names that the separator knows; those of `asked` by default.

        Returns:
            Name → (channels, samples), with the rate, length and channels of the input.

        Raises:
            AudioError: more than two channels, no samples, or one that is not finite.
            UnknownNameError: an instrument that the separator does not know.
        """
        names = tuple(self.asked if instruments is None else instruments)
        return in_memory(wave, rate, names, lambda stream: self._pairs(stream, names))

    def stream(
        self,
        blocks: Iterable[Rows],
        rate: int,
        channels: int,
        instruments: Sequence[str],
        *,
        name: str = "the mixture",
    ) -> Iterator[Pair]:
        """Separate a stream of blocks (channels, samples).

        Args:
            blocks: the mixture, in blocks of any length.
            rate: Hz.
            channels: one or two.
            instruments: names that the separator knows.
            name: what errors call the mixture.

        Yields:
            Stretches of the mixture (channels, samples), each with its stems (instruments,
            channels, samples); in all, as many samples as came in.

        Raises:
            As `separate`.
        """
        return self._pairs(Stream(blocks, rate, channels, name), instruments)

    def _pairs(self, stream: Stream, instruments: Sequence[str]) -> Iterator[Pair]:
        plan = self.plan(instruments)
        pairs = windowed(stream, plan.estimate, len(instruments), plan.windows, plan.stage)
        for mixture, stems in made_consistent(pairs) if self.options.mixture_consistency else pairs:
            check_loudness(stems, stream.name)
            yield mixture, stems
