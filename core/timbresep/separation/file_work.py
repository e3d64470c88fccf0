"""A file on its way through a separator, into temporary files."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from timbresep import audio
from timbresep.audio.writer import AudioWriter
from timbresep.files import temporary_beside
from timbresep.notes import midi
from timbresep.notes.score import StemNotes
from timbresep.separation.file_plan import FilePlan
from timbresep.separation.output import Output
from timbresep.separation.parts import RESIDUAL, asked_of
from timbresep.separation.presence import Levels, Presence, presences
from timbresep.separation.streams import StreamSeparator
from timbresep.streaming import Stream


@dataclass(frozen=True)
class Found:
    """What was found in a file.

    Attributes:
        remarks: for people.
        everyone: a verdict on everyone who was asked for.
        absent: those of them who are left out.
    """

    remarks: list[str]
    everyone: list[Presence]
    absent: list[Presence]


@dataclass(frozen=True)
class FileWork:
    """A file on its way through a separator.

    Attributes:
        separator: separates.
        about: the file.
        plan: what is to be made of it.
        at: file → where its bytes go until all are complete.
        output: how to write.
    """

    separator: StreamSeparator
    about: audio.AudioInfo
    plan: FilePlan
    at: Mapping[Path, Path]
    output: Output

    def separate(self, report: Callable[[float], None] | None) -> Found:
        """Write all parts, and notes."""
        names = asked_of(self.plan.parts)
        levels, remarks = Levels(names), list(self.about.notes)
        if self.plan.parts:
            with self._writers() as writers:
                peak = self._fill(writers, levels, report)
            remarks += [note for writer in writers if (note := writer.clipped())]
            if peak == 0.0:
                remarks.insert(0, f"{self.about.path} is silent, and so are its stems")
        heard = self._notes()
        for name in self.plan.midi:
            file = self.at[self.plan.folder / f"{name}.mid"]
            file.write_bytes(midi.encoded([heard[name]]))  # the whole is atomic
        everyone = presences(levels.told(), list(heard.values()), self.about.duration)
        absent = self._absent(everyone)
        self._give_back(absent)
        return Found(remarks, everyone, absent)

    @contextlib.contextmanager
    def _writers(self) -> Iterator[list[AudioWriter]]:
        about = self.about
        with contextlib.ExitStack() as opened:
            yield [
                opened.enter_context(
                    AudioWriter(
                        self.at[self.plan.file(part.name)],
                        self.plan.file(part.name),
                        about.rate,
                        about.channels,
                        frames=about.frames,
                        subtype=self.output.subtype,
                    )
                )
                for part in self.plan.parts
            ]

    def _fill(
        self,
        writers: Sequence[AudioWriter],
        levels: Levels,
        report: Callable[[float], None] | None,
    ) -> float:
        """Stream the file through the separator into the writers; gives the mixture's peak."""
        about, parts, called = self.about, self.plan.parts, str(self.about.path)
        blocks = audio.read_blocks(about.path)
        peak, done = 0.0, 0
        for mixture, stems in self.separator.stream(
            blocks, about.rate, about.channels, levels.names, name=called
        ):
            peak = max(peak, float(np.abs(mixture).max()))
            levels.push(mixture, stems)
            for writer, part in zip(writers, parts, strict=True):
                writer.write(part.of(mixture, stems, levels.names, called))
            done += mixture.shape[1]
            if report is not None:
                report(done / about.rate)
        return peak

    def _notes(self) -> dict[str, StemNotes]:
        """The notes that are to be written, and those that tell who plays."""
        wanted = list(self.plan.midi)
        more = asked_of(self.plan.parts) if self.output.listen else self._optional()
        if more:
            wanted = self.separator.noted(list(dict.fromkeys((*wanted, *more))))
        if not wanted:
            return {}
        about = self.about
        again = Stream(audio.read_blocks(about.path), about.rate, about.channels, str(about.path))
        return {stem.stem: stem for stem in self.separator.notes_in(again, wanted)}

    def _absent(self, everyone: Sequence[Presence]) -> list[Presence]:
        """Those who may be left out and do not seem to play; those of a score do."""
        may, notes = self._optional(), self.separator.notes
        return [
            e for e in everyone if not (e.plays or (notes and notes.of(e.name))) and e.name in may
        ]

    def _optional(self) -> list[str]:
        """The instruments that are left out if they do not seem to play."""
        return list(asked_of([part for part in self.plan.parts if part.optional]))

    def _give_back(self, absent: Sequence[Presence]) -> None:
        """Add stems that are left out to the residual."""
        file = self.plan.file(RESIDUAL)
        stems = [self.plan.file(each.name) for each in absent]
        if file not in self.at or not absent or not all(stem in self.at for stem in stems):
            return
        parts = [self.at[file], *(self.at[stem] for stem in stems)]
        with temporary_beside(file) as rest:
            with AudioWriter(
                rest,
                file,
                audio.info(self.at[file]).rate,  # some formats have their own
                self.about.channels,
                frames=self.about.frames,
                subtype=self.output.subtype,
            ) as writer:
                for blocks in zip(*(audio.read_blocks(part) for part in parts), strict=True):
                    writer.write(np.sum(blocks, axis=0))
            shutil.copyfile(rest, self.at[file])  # which keeps its lock
