"""What is in datasets: tracks and minutes by side and instrument, and what to know about them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from rich.table import Table

from timbresep.data import licences
from timbresep.data.extra_stems import extras_in
from timbresep.data.sources.listing import Listing, MeasuredTrack
from timbresep.data.sources.recording import read_recording, read_sum
from timbresep.data.track import Split, sides
from timbresep.errors import AudioError
from timbresep.formats.text import shown
from timbresep.running.progress import CountDone

log = logging.getLogger(__name__)

SIDES: tuple[Split, ...] = ("train", "valid", "test")
PLACES = (0.2, 0.5, 0.8)  # of a track, where its mixture is compared with its stems
PLACE_S = 2.0
SUM_DB = -20.0  # the mixture's energy that its stems may leave unexplained
SHOWN = 12


@dataclass
class Minutes:
    """How much there is of one instrument on each side: tracks, and minutes of its stem."""

    tracks: dict[Split, int] = field(default_factory=lambda: dict.fromkeys(SIDES, 0))
    minutes: dict[Split, float] = field(default_factory=lambda: dict.fromkeys(SIDES, 0.0))


def count(listings: Sequence[Listing]) -> dict[str, Minutes]:
    """Minutes of every instrument (and every other stem) in all datasets together."""
    side = _sides(listings)
    found: dict[str, Minutes] = {}
    for track in _tracks(listings):
        for name in track.raw.stems:
            row = found.setdefault(name, Minutes())
            row.tracks[side[track.raw.piece]] += 1
            row.minutes[side[track.raw.piece]] += track.minutes
    return found


def gap_db(track: MeasuredTrack) -> float | None:
    """What the stems leave of the mixture, in dB below it, at three places of the track.

    None when there is no mixture, or silence.

    Raises:
        AudioError: a recording cannot be read.
    """
    mixed = track.raw.mixture
    if mixed is None:
        return None
    recordings = [one for several in track.raw.stems.values() for one in several]
    length = min(round(PLACE_S * track.rate), track.frames)
    total = rest = 0.0
    for place in PLACES:
        start = round(place * (track.frames - length))
        mixture = read_recording(mixed, start, length)  # (channels, samples)
        stems = read_sum(recordings, start, length, 2)
        error = mixture - stems[:, : mixture.shape[1]]
        total += 2 / mixture.shape[0] * float(np.square(mixture, dtype=np.float64).sum())
        rest += float(np.square(error, dtype=np.float64).sum())
    return 10 * float(np.log10(max(rest, 1e-12) / total)) if total > 0 else None


def compare_mixtures(listing: Listing, limit: int, progress: CountDone | None = None) -> str:
    """Compare up to `limit` tracks' mixtures with the sum of their stems; says what came out.

    Tracks whose audio cannot be read are logged.
    """
    having = [track for track in listing.tracks if track.raw.mixture is not None]
    chosen = having[:: max(1, -(-len(having) // max(limit, 1)))] if limit else []
    gaps: dict[str, float] = {}
    for done, track in enumerate(chosen, start=1):
        try:
            gap = gap_db(track)
        except AudioError as error:
            log.warning("%s: %s", listing.source, error)
            continue
        if gap is not None:
            gaps[track.raw.name] = gap
        if progress is not None:
            progress(done, len(chosen))
    unlike = {name: gap for name, gap in gaps.items() if gap > SUM_DB}
    if not unlike:
        return ""
    name, worst = max(unlike.items(), key=lambda item: item[1])
    return (
        f"{listing.source}: {len(unlike)} of {len(gaps)} mixtures looked at are not the sum of "
        f"their stems (worst: {name}, {worst:.0f} dB left). Training mixes the stems anew"
    )


def source_table(listings: Sequence[Listing]) -> Table:
    """A row for each dataset."""
    view = Table("source", "dataset", "train", "valid", "test", "minutes", "skipped", "licence")
    side = _sides(listings)
    for listing in listings:
        on = [side[track.raw.piece] for track in listing.tracks]
        terms = sorted({shown(track.raw.licence) for track in listing.tracks})
        view.add_row(
            shown(listing.source),
            f"{listing.kind.title}\n{shown(listing.location.root)}",
            *(str(on.count(name)) for name in SIDES),
            f"{sum(track.minutes for track in listing.tracks):.1f}",
            str(listing.skipped),
            "\n".join(map(shown, terms[:3] + [f"and {len(terms) - 3} more"] * (len(terms) > 3))),
        )
    return view


def instrument_table(listings: Sequence[Listing], names: Sequence[str]) -> Table:
    """A row for each instrument asked for: minutes of its stem, tracks with it and without."""
    view = Table("instrument", "train min", "valid min", "test min", "tracks", "without it")
    found = count(listings)
    total = sum(len(listing.tracks) for listing in listings)
    for name in names:
        row = found.get(name, Minutes())
        having = sum(row.tracks.values())
        minutes = (f"{row.minutes[side]:.1f}" for side in SIDES)
        view.add_row(name, *minutes, str(having), str(total - having))
    return view


def as_data(listings: Sequence[Listing], names: Sequence[str]) -> dict[str, object]:
    """What both tables and `problem_lines` say, for programs: tracks and minutes by side."""
    side, found = _sides(listings), count(listings)
    sources = []
    for listing in listings:
        on = [side[track.raw.piece] for track in listing.tracks]
        sources.append(
            {
                "source": listing.source,
                "dataset": listing.kind.title,
                "folder": listing.location.root,
                "tracks": {name: on.count(name) for name in SIDES},
                "minutes": sum(track.minutes for track in listing.tracks),
                "skipped": listing.skipped,
                "licences": {track.raw.licence for track in listing.tracks},
                "pending": listing.pending or None,
                "problems": listing.problems,
            }
        )
    return {
        "sources": sources,
        "instruments": {name: found.get(name, Minutes()) for name in names},
    }


def notes(listings: Sequence[Listing], names: Sequence[str]) -> list[str]:
    """Remarks: other stems, what is missing and how to get it, and what licences demand."""
    found = count(listings)
    said = [_completeness(listing) for listing in listings]
    files = (
        {name: several[0].path for name, several in track.raw.stems.items()}
        for track in _tracks(listings)
    )
    extras = {name for stems in files for name in extras_in(stems)}
    if extras:
        minutes = sum(sum(found[n].minutes.values()) for n in extras)
        said.append(
            f"extra instruments, which no plugin is for: {len(extras)} ({minutes:.1f} min); "
            "--mix extra_share says how often they are targets"
        )
    rest = set(found) - set(names) - extras
    others = sorted(rest, key=lambda n: -sum(found[n].minutes.values()))
    if others:
        amounts = [f"{n} ({sum(found[n].minutes.values()):.1f} min)" for n in others[:SHOWN]]
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        said.append(f"stems of other instruments, which only accompany: {', '.join(amounts)}{more}")
    said += [f"{listing.source}: {listing.pending}" for listing in listings if listing.pending]
    uses: tuple[tuple[Split, str], ...] = (("train", "train"), ("valid", "validate"))
    for side, use in uses:
        lacking = [n for n in names if n not in found or not found[n].tracks[side]]
        if lacking:
            said.append(f"nothing to {use} on: {', '.join(lacking)}{_way_out(lacking, found)}")
    rows = {(t.raw.sound_source, t.raw.licence) for t in _tracks(listings)}
    ledger = [{"sound_source": source, "licence": terms} for source, terms in sorted(rows)]
    return [line for line in [*said, *licences.warnings(ledger)] if line]


def problem_lines(listing: Listing, limit: int = SHOWN) -> list[str]:
    """The first problems of a dataset, and how many more there are."""
    lines = [f"{listing.source}: {problem}" for problem in listing.problems[:limit]]
    more = len(listing.problems) - limit
    return [*lines, f"{listing.source}: and {more} more problems"] if more > 0 else lines


def _way_out(lacking: Sequence[str], found: Mapping[str, Minutes]) -> str:
    """What training makes of instruments that lack a side: it holds out a part of what there is."""
    there = [n for n in lacking if n in found and any(found[n].tracks.values())]
    return f" (training takes a part of what there is of {', '.join(there)})" if there else ""


def _completeness(listing: Listing) -> str:
    """How much of a published dataset is there, and where the rest is to be had."""
    sizes = listing.kind.sizes
    there = len(listing.tracks) + listing.skipped
    if not sizes or (there in sizes and not listing.skipped):
        return ""
    whole = " or ".join(map(str, sizes))
    return (
        f"{listing.source}: {len(listing.tracks)} tracks are usable; a whole copy of "
        f"{listing.kind.title} has {whole} ({listing.kind.get})"
    )


def _tracks(listings: Iterable[Listing]) -> list[MeasuredTrack]:
    return [track for listing in listings for track in listing.tracks]


def _sides(listings: Iterable[Listing]) -> dict[str, Split]:
    return sides((track.raw.piece, track.raw.split) for track in _tracks(listings))
