"""Separate files: one bad file never ends a batch, and several workers can share it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from timbresep import audio
from timbresep.errors import AudioError, TimbresepError
from timbresep.file_batch import Batch, Report, Told, collected, lengths, one_by_one
from timbresep.files import sweep
from timbresep.output_files import folders, real
from timbresep.separation.batch_setup import BatchSetup, Many
from timbresep.separation.file_plan import plan_of
from timbresep.separation.one_file import FileReport, separate_file
from timbresep.separation.output import Output, check
from timbresep.separation.parts import asked_of, parts_of
from timbresep.separation.streams import StreamSeparator

BatchReport = Batch[FileReport]
"""What became of each file of a batch."""


def separate_batch(
    separator: StreamSeparator,
    files: Sequence[Path],
    output: Output,
    *,
    instruments: Sequence[str] | None = None,
    many: Many | None = None,
    report: Report | None = None,
    finished: Callable[[FileReport], None] | None = None,
    failed: Callable[[Path, TimbresepError], None] | None = None,
) -> BatchReport:
    """Separate files; one that fails is reported and does not end the batch.

    Args:
        separator: loaded once for all of them.
        files: a file named twice is separated once.
        output: where and how to write.
        instruments: names that the separator knows; those that it was opened for by default.
        many: workers that share the files, each with a separator of its own; without them, or for
            a single file, `separator` takes one after another.
        report: called with the progress of the batch.
        finished, failed: called with each file that is done, or that failed.

    Raises:
        TimbresepError: the output options do not work for any file; no worker can begin.
        AudioError: mixture consistency of a single stem, which would be the mixture itself.
    """
    instruments = separator.asked if instruments is None else instruments
    check(output, separator.options)
    asked = asked_of(parts_of(instruments, output.wanted))
    if separator.options.mixture_consistency and len(asked) < 2:
        raise AudioError(
            "with mixture consistency, a single stem would be the mixture itself",
            hint="name every instrument in the mixture, or ask for the residual",
        )
    sweep(output.folder, below=True)
    inputs = {real(path) for path in files}
    places = folders(files, output.folder, output.inside)

    def checked(path: Path, folder: Path) -> audio.AudioInfo:
        return plan_of(separator, path, instruments, folder, output).checked(inputs)

    def one(path: Path, folder: Path, done: Callable[[float], None]) -> FileReport:
        return separate_file(
            separator, path, instruments, folder, output, report=done, inputs=inputs
        )

    told = Told(report, finished, failed)
    sizes = lengths(places, checked, told)
    if many is None or not many.engine.is_needed(len(places)):
        return collected(partial(one_by_one, places, one), sizes, told)
    setup = BatchSetup(many.opening, tuple(instruments), output, inputs)
    try:
        tasks = {path: (path, folder) for path, folder in places.items()}
        return collected(partial(many.engine.run, setup, tasks), sizes, told)
    finally:
        sweep(output.folder, below=True)  # what killed workers have left
