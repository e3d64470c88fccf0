"""Ensembles without a score: what transcribed notes give beside a network, and what notes would.

    python benchmarks/score_sets.py SETS --recordings RECORDINGS --notes NOTES
    python benchmarks/ensembles.py SETS [--sets valid-recorded valid-other] [--limit N]
        [--methods NAME…] [--transcriber NAME] [--json FILE] [--write PAGE]

Each method separates each track of the sets. The tables give means over stems of SI-SDR
improvement, with SDR in brackets, by method and by instrument. Choose on the sets of the valid
side, report those of the test side. With `--json` a run goes on where an earlier one has stopped.

- *named*: everyone who plays is named, and stems share the mixture; *not named*: joint masking
- *notes alone*: the network says nothing of who has which bin
- *swapped*: of each instrument in the track, the transcriber is given the condition of the next one
- *references*: conditions halfway to those of the player's single notes, which `data render` keeps
  beside the stems of another track of the set
- *notes given*: as they are played
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from score_informed import Case, Method, ideal, run_methods
from songs_making import Stems
from timbresep.asked import REFERENCE_WEIGHT, Vector
from timbresep.condition import tone_store
from timbresep.condition.vector import as_version, condition
from timbresep.data.stem_tones import TONES
from timbresep.registry.chain import NO_TRANSCRIBER
from timbresep.registry.registry import Registry
from timbresep.separation import note_sources
from timbresep.separation.load import open_separator
from timbresep.separation.options import SeparationOptions
from timbresep.separation.separator import Separator
from timbresep.transcription.hearing import Hearing

SETS = ("valid-recorded", "valid-other")
BEGIN, END = "<!-- ensembles: begin -->", "<!-- ensembles: end -->"


def listening(*, named: bool, hears: bool = True, refine: bool = False) -> Method:
    """Separation without a score.

    Args:
        named: stems share the mixture.
        hears: with the transcriber.
        refine: harmonic refinement in its place.
    """

    def method(case: Case) -> Stems:
        separator = case.separator.with_options(mixture_consistency=named, refine=refine)
        if not hears:
            separator = without_transcriber(separator)
        return case.by_network(separator)

    return method


def without_transcriber(separator: Separator) -> Separator:
    """The same separator, which listens to nothing."""
    other = separator.with_options()
    other.hearing = None
    return other


def with_hearing(
    conditions: Callable[[Case], Mapping[str, Vector]], *, named: bool = True
) -> Method:
    """Separation by a transcriber that is given other conditions."""

    def method(case: Case) -> Stems:
        separator = case.separator.with_options(mixture_consistency=named)
        hearing = separator.hearing
        assert hearing is not None
        own = {**hearing.checkpoint.conditions, **conditions(case)}
        told = replace(hearing.checkpoint, conditions=own)
        separator.hearing = Hearing(told, None, hearing.asked, str(hearing.device))
        return case.by_network(separator)

    return method


def notes_alone(case: Case) -> Stems:
    """Separation by transcribed notes without what the network claims."""
    kept = note_sources.HEARD
    note_sources.HEARD = replace(kept, powers=(sum(kept.powers), 0.0))
    try:
        return case.by_network(case.separator.with_options(mixture_consistency=True))
    finally:
        note_sources.HEARD = kept


def swapped(case: Case) -> dict[str, Vector]:
    """Of each instrument, the condition of the next one in the track."""
    assert case.separator.hearing is not None
    names = list(dict.fromkeys(stem.instrument for stem in case.notes))
    known = case.separator.hearing.checkpoint.conditions
    return {
        name: known[other]
        for name, other in zip(names, [*names[1:], *names[:1]], strict=True)
        if name in known and other in known
    }


def references(case: Case) -> dict[str, Vector]:
    """Conditions halfway to the player's own single notes, kept beside another track."""
    assert case.separator.hearing is not None
    checkpoint = case.separator.hearing.checkpoint
    found: dict[str, Vector] = {}
    folder = next(iter(case.track.stems.values())).parent
    for other in sorted(folder.parent.iterdir()):
        tones = other / TONES
        if other == folder or not tones.is_file():
            continue
        for name in tone_store.names(tones):
            if name in case.track.stems and name in checkpoint.conditions and name not in found:
                table = tone_store.read(tones, name)
                measured = as_version(condition(table), checkpoint.metadata.condition_version)
                own = checkpoint.conditions[name]
                found[name] = own + np.float32(REFERENCE_WEIGHT) * (measured - own)
    return found


METHODS: dict[str, Method] = {
    "oracle ratio mask": ideal,
    "network, not named": listening(named=False, hears=False),
    "refinement, not named": listening(named=False, refine=True),
    "transcribed, not named": listening(named=False),
    "network, named": listening(named=True, hears=False),
    "refinement, named": listening(named=True, refine=True),
    "notes alone, named": notes_alone,
    "transcribed, named": listening(named=True),
    "transcribed, named, swapped": with_hearing(swapped),
    "transcribed, named, references": with_hearing(references),
    "notes given": lambda case: case.by_notes(case.separator, case.notes),
}


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", metavar="SETS", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--separator", default="universal")
    parser.add_argument("--transcriber", default="notes")
    parser.add_argument("--limit", type=int, help="only the first tracks of each set")
    parser.add_argument("--json", type=Path, help="file for every score")
    parser.add_argument("--write", type=Path, help="page to write the tables into")
    given = parser.parse_args()
    registry = Registry.load()
    options = SeparationOptions(transcriber=given.transcriber)
    separator = open_separator(separator=given.separator, registry=registry, options=options)
    if given.transcriber == NO_TRANSCRIBER:
        parser.error("a transcriber is what this measures")
    run_methods(given, METHODS, separator, registry, (BEGIN, END))


if __name__ == "__main__":
    main()
