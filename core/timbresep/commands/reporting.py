"""What `separate` makes of finished stems: pages, and STEM files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from timbresep.commands.console import say, show_note
from timbresep.errors import TimbresepError
from timbresep.formats.text import shown
from timbresep.registry.chain import Chain
from timbresep.registry.registry import Registry
from timbresep.separation.options import SeparationOptions

if TYPE_CHECKING:
    from timbresep.report.separated import Origin
    from timbresep.separation.batch import FileReport
    from timbresep.separation.scored import ScoreRequest

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


def write_report(report: FileReport, origin: Origin) -> None:
    """Write a page, and say where; what goes wrong is a note: the stems are there."""
    from timbresep.report.separated import write_page

    if not (report.outputs or report.kept):
        return
    try:
        say(f"report: {shown(write_page(report, origin))}")
    except (TimbresepError, OSError) as error:
        show_note(f"no report of {report.path}: {error}")


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
