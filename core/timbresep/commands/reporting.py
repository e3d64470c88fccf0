"""What `separate` makes of finished stems: pages, and STEM files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from timbresep.commands.console import say, show_note
from timbresep.errors import TimbresepError
from timbresep.formats.text import shown
from timbresep.registry.chain import Chain
from timbresep.registry.registry import Registry
from timbresep.separation.options import SeparationOptions

if TYPE_CHECKING:
    from timbresep.report.separated import Origin
    from timbresep.separation.one_file import FileReport
    from timbresep.separation.scored import ScoreRequest

LARGE_MB = 40.0
"""From here on, a page takes a browser seconds to open."""
OWN = "MIT; the data that it was trained on is listed in its model card"


def origin_of(
    chain: Chain | None,
    options: SeparationOptions,
    names: Sequence[str],
    registry: Registry,
    score: ScoreRequest | None,
) -> Origin:
    """What stems come from; without a chain, from the notes of a score alone."""
    from timbresep.report.separated import Origin

    settings = {
        "joint masking": "no" if not options.joint else "yes",
        "mixture consistency": "yes" if options.mixture_consistency else "",
        "pitches averaged": str(options.tta) if options.tta > 1 else "",
        "retuning": "yes" if options.retune else "no",
        "score": score.file.name if score else "",
    }
    licences: dict[str, str] = {}
    if chain is not None:
        licences[f"network {chain.checkpoint.stem}"] = OWN
        if chain.source_model is not None:
            licences[f"weights of {chain.source_model.name}"] = chain.source_model.licence
        if chain.transcriber is not None:
            licences[f"transcriber {chain.transcriber}"] = OWN
    plugins: dict[str, list[str]] = {}
    for item in registry.instruments():
        if item.name in names:
            terms = item.config.licences
            said = f"{terms.weights}; made from: {'; '.join(terms.data)}"
            plugins.setdefault(said, []).append(item.name)
    licences |= {f"plugins {', '.join(those)}": said for said, those in plugins.items()}
    return Origin(chain.described if chain else "the notes of a score alone", settings, licences)


@dataclass(frozen=True)
class Made:
    """What is made of finished stems: a page, figures, a STEM file. What goes wrong is a note: the
    stems are there."""

    report: bool = False
    figures: bool = False
    stem_file: bool = False

    def write(self, done: FileReport, origin: Origin, *, overwrite: bool) -> None:
        """Make what is wanted of a file, and say where it is."""
        if (self.report or self.figures) and (done.outputs or done.kept):
            try:
                self._show(done, origin, overwrite=overwrite)
            except (TimbresepError, OSError) as error:
                show_note(f"no report of {done.path}: {error}")
        if self.stem_file:
            write_stems(done, overwrite=overwrite)

    def _show(self, done: FileReport, origin: Origin, *, overwrite: bool) -> None:
        from timbresep.report.figures import is_ours, write_figures
        from timbresep.report.separated import FIGURES, separated_figures, sounds_of, write_page

        sounds = sounds_of(done)
        if self.report:
            path = write_page(done, origin, sounds)
            size = path.stat().st_size / 1e6
            say(f"report: {shown(path)} ({size:.1f} MB)")
            if size > LARGE_MB:
                show_note(f"a page of {size:.0f} MB opens slowly; -i chooses fewer stems")
        if self.figures:
            folder = done.folder / FIGURES
            replace = overwrite or all(map(is_ours, folder.glob("*.png")))
            write_figures(separated_figures(done, sounds), folder, overwrite=replace)
            say(f"figures: {shown(folder)}")


def write_stems(report: FileReport, *, overwrite: bool) -> None:
    """Write mixture and stems as one file, and say where; what goes wrong is a note."""
    from timbresep.audio.stem_file import ENDING, write_stem_file

    files = [path for path in (*report.kept, *report.outputs) if path.suffix != ".mid"]
    stems = [path for path in files if not path.stem.startswith("minus-")]
    path = report.folder / f"{report.folder.name}{ENDING}"
    try:
        write_stem_file(path, report.path, stems, overwrite=overwrite)
    except (TimbresepError, OSError) as error:
        show_note(f"no STEM file of {report.path}: {error}")
    else:
        say(f"STEM file: {shown(path)}")
