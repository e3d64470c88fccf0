"""From recipes to tracks: the sources that one or many instruments train on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from core.data import recipe as recipes
from core.data import scores
from core.data.casting import Player
from core.data.recipe import Recipe, RenderedSpec, Spec, StemsSpec
from core.data.rendered import plan_tracks, render_tracks
from core.data.stems import StemsSource
from core.data.track import Split, Track
from core.errors import DataError, UnknownNameError, nearest

REPOSITORY = Path(__file__).resolve().parents[2]


class InstrumentLike(Protocol):
    """What the data needs to know of an instrument."""

    @property
    def name(self) -> str:
        """Its name: the targets' name."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names its stems may have."""

    @property
    def recipe_file(self) -> Path:
        """Its `recipe.yaml`."""


def default_cache() -> Path:
    """Where rendered audio and parsed scores are kept: `$TIMBRESEP_CACHE`, or the user's cache."""
    chosen = os.environ.get("TIMBRESEP_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "timbresep"


def build_tracks(
    instruments: Sequence[InstrumentLike],
    everyone: Sequence[InstrumentLike] = (),
    source_names: Sequence[str] | None = None,
    data_roots: Mapping[str, Path] | None = None,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Track]:
    """The tracks of all sources that the instruments' recipes use, each source once.

    Args:
        instruments: the instruments to separate.
        everyone: all instruments at hand: their stems are named after them, and those with the
            same rendered source accompany.
        source_names: sources to use instead of each recipe's `use`.
        data_roots: source name → folder of tracks, in place of a recipe's or beside them; a
            folder whose name no recipe knows needs no entry in `source_names`.
        cache: folder of rendered tracks and parsed scores (default: `default_cache()`).
        progress: told how many of how many tracks are rendered.

    Raises:
        UnknownNameError: a source that no recipe has.
        DataError: a folder or track cannot be used; two instruments claim one stem name.
        MissingToolError: a rendered source needs a program, soundfont or package.
    """
    cache = cache or default_cache()
    roots = dict(data_roots or {})
    known = {i.name: recipes.load(i.recipe_file) for i in [*instruments, *everyone]}
    folders = {i.name: i.recipe_file.parent for i in [*instruments, *everyone]}
    wanted = _wanted([i.name for i in instruments], known, source_names, roots)
    aliases = stem_names([*instruments, *everyone])
    tracks: list[Track] = []
    seen: set[Path] = set()
    for source, owners in wanted.items():
        if source in roots:
            places = [(roots[source], "unknown", dict[str, str]())]
        else:
            specs = [(owner, known[owner].sources[source]) for owner in owners]
            places = [
                (_resolve(spec.root, folders[owner]), spec.licence, spec.names)
                for owner, spec in specs
                if isinstance(spec, StemsSpec)
            ]
            if any(isinstance(spec, RenderedSpec) for _, spec in specs):
                root = _render(source, owners, known, cache, progress)
                places.append((root, "see track.yaml", {}))
        for root, licence, names in places:
            if root.resolve() not in seen:
                seen.add(root.resolve())
                tracks += StemsSource(root, aliases | names, licence).tracks()
    return tracks


def _wanted(
    names: Sequence[str],
    known: Mapping[str, Recipe],
    source_names: Sequence[str] | None,
    roots: Mapping[str, Path],
) -> dict[str, list[str]]:
    """Source → the instruments that use it."""
    everything = {source for name in names for source in known[name].sources} | set(roots)
    if source_names is not None:
        for source in source_names:
            if source not in everything:
                raise UnknownNameError(f"unknown source '{source}'", nearest(source, everything))
        chosen = {s: [n for n in names if s in known[n].sources] for s in source_names}
    elif extra := [
        source for source in roots if not any(source in known[n].sources for n in names)
    ]:
        chosen = {source: [] for source in extra}
    else:
        chosen = {}
        for name in names:
            for source in known[name].use:
                chosen.setdefault(source, []).append(name)
    for source in roots:
        chosen.setdefault(source, [])
    return chosen


def stem_names(instruments: Sequence[InstrumentLike]) -> dict[str, str]:
    """Name or alias that a stem may have → its instrument's name.

    Raises:
        DataError: two instruments claim one name.
    """
    owners: dict[str, str] = {i.name: i.name for i in instruments}
    for instrument in instruments:
        for alias in instrument.aliases:
            owner = owners.setdefault(alias, instrument.name)
            if owner != instrument.name:
                raise DataError(
                    f"stems named '{alias}' are claimed by '{owner}' and '{instrument.name}'",
                    "remove the alias from one instrument.yaml",
                )
    return owners


def _resolve(root: str, folder: Path) -> Path:
    """A recipe's root: absolute, beside the recipe, or else in the repository."""
    beside = folder / Path(root).expanduser()
    return beside if beside.is_dir() else REPOSITORY / root


def render_set(
    instruments: Sequence[InstrumentLike],
    source: str,
    split: Split,
    count: int,
    out: Path,
    *,
    seconds: tuple[float, float] = (20.0, 30.0),
    soundfont: str | None = None,
    seed: int = 0,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Render one set of tracks, for evaluation or for a larger training set.

    Args:
        instruments: who plays; those without the source are left out.
        source: a source of kind `rendered` in their recipes.
        split: the side of the split whose pieces are played.
        count: number of tracks.
        out: folder of tracks, in the layout that `stems` sources read.
        seconds: shortest and longest track.
        soundfont: play everything with this one. With the same other arguments the notes and
            programs are the same, so that sound sources can be compared.
        seed: of pieces, casts and performances.
        cache: folder of parsed scores.
        progress: told how many of how many tracks are rendered.
    Returns:
        the tracks' folders.
    Raises:
        UnknownNameError: no instrument has the source.
        DataError: only one instrument has it.
        MissingToolError: fluidsynth, a soundfont or music21 is missing.
    """
    known = {i.name: recipes.load(i.recipe_file) for i in instruments}
    players = _players(source, known)
    library = scores.chorales(cache or default_cache())
    parts = max(spec.parts for recipe in known.values() if (spec := _spec(recipe, source)))
    plans = plan_tracks(library, list(players), split, count, seconds, parts, seed)
    return render_tracks(plans, players, out, soundfont, _workers(), progress)


def _render(
    source: str,
    owners: Sequence[str],
    known: Mapping[str, Recipe],
    cache: Path,
    progress: Callable[[int, int], None] | None,
) -> Path:
    """Render a source for all instruments that have it, and return the folder of its tracks."""
    players = _players(source, known)
    specs = [spec for name in owners if (spec := _spec(known[name], source))]
    count = max(spec.tracks for spec in specs)
    seconds = max(spec.seconds for spec in specs)
    parts = max(spec.parts for spec in specs)
    described = {
        name: [
            player.voice.model_dump(),
            *(font.model_dump(exclude_none=True) for font in player.soundfonts),
        ]
        for name, player in players.items()
    }
    key = hashlib.sha256(json.dumps([described, seconds, parts], sort_keys=True).encode())
    root = cache / "rendered" / f"{source}-{key.hexdigest()[:12]}"
    library = scores.chorales(cache)
    held_out = max(4, count // 10)
    plans = plan_tracks(library, list(players), "train", count, (0.8 * seconds, seconds), parts)
    plans += plan_tracks(library, list(players), "valid", held_out, (20.0, 30.0), parts)
    plans += plan_tracks(library, list(players), "test", held_out, (20.0, 30.0), parts)
    render_tracks(plans, players, root, workers=_workers(), progress=progress)
    return root


def _players(source: str, known: Mapping[str, Recipe]) -> dict[str, Player]:
    """Everyone whose recipe has this rendered source."""
    players = {
        name: Player(name, known[name].voice, tuple(spec.soundfonts))
        for name in sorted(known)
        if (spec := _spec(known[name], source))
    }
    if not players:
        rendered = {s for r in known.values() for s in r.sources if _spec(r, s)}
        raise UnknownNameError(f"no rendered source '{source}'", nearest(source, rendered))
    if len(players) == 1:
        raise DataError(
            f"source '{source}' has only one instrument ({', '.join(players)}) to make music with",
            "add the source to another instrument's recipe",
        )
    return players


def _workers() -> int:
    return max(1, min(8, os.cpu_count() or 1))


def _spec(recipe: Recipe, source: str) -> RenderedSpec | None:
    spec: Spec | None = recipe.sources.get(source)
    return spec if isinstance(spec, RenderedSpec) else None
