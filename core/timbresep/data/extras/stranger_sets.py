"""Sets of tracks with strangers, from the instruments at hand and the score library."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from timbresep.bundled import ROOT
from timbresep.config import load_yaml
from timbresep.data import recipe as recipes
from timbresep.data.build import players_of
from timbresep.data.extras.guests import GuestList, among
from timbresep.data.extras.strangers import Draw, render_tracks
from timbresep.data.extras.virtual import Donor, blends
from timbresep.data.recipe import Percussion
from timbresep.data.rendering import scores
from timbresep.data.rendering.casting import Player
from timbresep.data.rendering.renderer import check
from timbresep.data.rendering.tracks import plan_tracks
from timbresep.data.user_cache import default_cache
from timbresep.ddsp.model import DdspModel
from timbresep.errors import DataError
from timbresep.instrument import Instrument

GUESTS = ROOT / "plugins/guests.yaml"
"""The guests that come with the program."""


def render_virtual_set(
    instruments: Sequence[Instrument],
    count: int,
    out: Path,
    *,
    seconds: tuple[float, float] = (20.0, 30.0),
    parts: int = 4,
    real: int = 0,
    source: str = "orchestra",
    seed: int = 0,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Render tracks for training, played by virtual instruments and, if wanted, real ones.

    The pieces are those of the training side of the split.

    Args:
        instruments: virtual ones are blended of those with pitch.
        count: number of tracks.
        out: folder of tracks, in the layout that `stems` sources read.
        seconds: shortest and longest track.
        parts: players in a track.
        real: how many of them are real instruments, rendered with soundfonts.
        source: where the real ones are rendered: a source of kind `rendered` in their recipes.
        seed: of pieces, instruments and performances.
        cache: folder of parsed scores.
        workers: tracks rendered at a time; as many as there are processor cores by default.
        progress: told how many of how many tracks are rendered.
    Returns:
        the tracks' folders.
    Raises:
        DataError: fewer than two instruments with pitch; no place for a virtual instrument.
        CheckpointError: a DDSP model is missing or cut.
        MissingToolError: music21 is missing; or what plays the real instruments.
        UnknownNameError: real instruments are wanted, and none has the source.
    """
    donors = donors_of(instruments)
    if len(donors) < 2:
        raise DataError(
            "virtual instruments are blended of two pitched instruments",
            "name more of them with --instruments",
        )
    players = _players(instruments, source, parts, real)
    cache = cache or default_cache()
    return _render(
        blends(donors), players, count, out, seconds, parts, real, seed, cache, workers, progress
    )


def render_guest_set(
    instruments: Sequence[Instrument],
    count: int,
    out: Path,
    *,
    seconds: tuple[float, float] = (20.0, 30.0),
    parts: int = 4,
    real: int = 0,
    source: str = "orchestra",
    guests: Path = GUESTS,
    seed: int = 0,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Render tracks for training, played by guests and, if wanted, real instruments.

    Args:
        instruments: no program of theirs is a guest; the real ones are among them.
        guests: file that lists the guests.
        count, out, seconds, parts, real, source, seed, cache, workers, progress: as for
            `render_virtual_set`.
    Returns:
        the tracks' folders.
    Raises:
        ConfigError: the list cannot be read.
        DataError: no place for a guest; fewer guests than players; a program that cannot be heard.
        MissingToolError: a soundfont, what plays it, or music21 is missing.
        UnknownNameError: real instruments are wanted, and none has the source.
    """
    players = _players(instruments, source, parts, real)
    cache = cache or default_cache()
    known = [recipes.load(instrument.recipe_file) for instrument in instruments]
    taken = {program for recipe in known for program in recipe.programs}
    listed = load_yaml(guests, GuestList)
    for font in listed.soundfonts:
        check(font.file)
    invited = listed.invite(taken, parts - real, cache)
    return _render(
        among(invited), players, count, out, seconds, parts, real, seed, cache, workers, progress
    )


def _players(
    instruments: Sequence[Instrument], source: str, parts: int, real: int
) -> dict[str, Player]:
    """The real players, none if none is wanted; errors as in `render_virtual_set`."""
    if not 0 <= real < parts or parts < 2:
        raise DataError(
            f"{real} of {parts} players are real: no other is, or a track has less than two",
            "give more parts, or fewer real ones",
        )
    if not real:
        return {}
    players = players_of(source, {i.name: recipes.load(i.recipe_file) for i in instruments})
    for file in sorted({font.file for p in players.values() for font in p.soundfonts}):
        check(file)
    return players


def _render(
    draw: Draw,
    players: dict[str, Player],
    count: int,
    out: Path,
    seconds: tuple[float, float],
    parts: int,
    real: int,
    seed: int,
    cache: Path,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> list[Path]:
    plans = plan_tracks(scores.chorales(cache), list(players), "train", count, seconds, real, seed)
    workers = workers or max(1, min(8, os.cpu_count() or 1))
    return render_tracks(plans, parts, draw, players, out, workers, progress, cache)


def donors_of(instruments: Sequence[Instrument]) -> list[Donor]:
    """The instruments that virtual ones can be blended of: those with pitch.

    Raises:
        CheckpointError: a DDSP model is missing or cut.
        PluginError: a DDSP model is not the one that the plugin was made with.
    """
    donors = []
    for instrument in instruments:
        voice = recipes.load(instrument.recipe_file).voice
        if instrument.f0_range is None or isinstance(voice, Percussion):
            continue
        instrument.verify_ddsp()
        model = DdspModel.load(instrument.ddsp_file)
        terms = instrument.config.licences
        licences = (terms.weights, *terms.data)
        donors.append(Donor(instrument.name, model, voice.sustained, licences))
    return donors
