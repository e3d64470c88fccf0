"""The sets of `songs.py`: which piece, which stretch, which sounds, which side of the split.

All are made from free packages and recordings. No piece is on both sides of the split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from songs_making import (
    Band,
    Stems,
    band_alone,
    clip_in_band,
    ensemble,
    song_alone,
    tune_in_band,
    violin_in_song,
)
from songs_voices import CLIPS, Notes, Performer, Sinsy
from timbresep.data.track import Split

MULDJORD_LICENCE = "CC BY-SA 3.0, El Senator (Muldjord)"
OPENMSX = "/usr/share/games/openttd/baseset/openmsx", "openttd-openmsx", "GPL-2"
SIMUTRANS = "/usr/share/games/simutrans/music", "simutrans-data", "Artistic"
FLUID = "FluidR3_GM.sf2", "MIT"
TIM = "TimGM6mb.sf2", "GPL-2"
GM = "sf_GMbank.sf2", "public domain"
ENSEMBLES = 4  # pieces on each side


@dataclass(frozen=True)
class Made:
    """A track of a set.

    Attributes:
        side: of the split.
        name: of the track's folder.
        piece: of which it is a stretch.
        licence: terms of what it was made of.
        make: gives its stems, (2, samples) each at 44.1 kHz.
    """

    side: Split
    name: str
    piece: str
    licence: str
    make: Callable[[], Stems]


def muldjord(_: Path) -> Iterator[Made]:
    """Four recorded songs of a metal band, two stretches each."""
    songs: tuple[tuple[Split, str, tuple[float, ...]], ...] = (
        ("valid", "armygeddon", (40, 120)),
        ("valid", "mutilated_mime", (40, 120)),
        ("test", "chaos_god", (40, 120)),
        ("test", "internal_degeneration", (40, 120)),
    )
    for side, song, starts in songs:
        for second in starts:
            make = partial(song_alone, song, second)
            yield Made(side, f"{song}-{second:.0f}", song, MULDJORD_LICENCE, make)


def bands(_: Path) -> Iterator[Made]:
    """Bands without a singer."""
    rows: tuple[tuple[Split, Band], ...] = (
        ("valid", Band(SIMUTRANS, "19-Rockin", *FLUID)),
        ("valid", Band(SIMUTRANS, "39-bangin", *TIM)),
        ("valid", Band(OPENMSX, "keep_on_rolling", *GM)),
        ("valid", Band(SIMUTRANS, "23-Something", *TIM)),
        ("valid", Band(OPENMSX, "run_for_your_life", *FLUID)),
        ("test", Band(OPENMSX, "tttheme2", *TIM)),
        ("test", Band(SIMUTRANS, "33-Journey", *FLUID)),
        ("test", Band(SIMUTRANS, "36-faded", *GM)),
        ("test", Band(OPENMSX, "be_sharp", *TIM)),
        ("test", Band(SIMUTRANS, "16-Midnight", *GM)),
    )
    for seed, (side, band) in enumerate(rows):
        make = partial(band_alone, band, 100 + seed)
        yield Made(side, named(band.piece), band.piece, band.licence, make)


def sung(root: Path) -> Iterator[Made]:
    """Bands with a singer: recorded clips, recorded vowels and a synthetic singer."""
    clips: tuple[tuple[Split, Band, str, int], ...] = (
        (
            "valid",
            Band(SIMUTRANS, "38-positive", *TIM),
            "basic_pitch-0.4.0/tests/resources/vocadito_10.wav",
            1,
        ),
        (
            "valid",
            Band(SIMUTRANS, "24-needlessly", *GM),
            "sms-tools-materials/sounds/singing-female.wav",
            2,
        ),
        (
            "test",
            Band(SIMUTRANS, "18-Ride", *FLUID),
            "basic_pitch-0.4.0/tests/resources/vocadito_14.wav",
            1,
        ),
        ("test", Band(SIMUTRANS, "21-Dusty", *TIM), "sms-tools-materials/sounds/vignesh.wav", 3),
    )
    tunes: tuple[tuple[Split, Band, Performer], ...] = (
        (
            "valid",
            Band(SIMUTRANS, "26-Tantalizingly", *FLUID),
            Notes(root, ("claudia-ah", "claudia-ih", "claudia-oh")),
        ),
        ("valid", Band(SIMUTRANS, "29-Runaway", *TIM), Sinsy()),
        ("test", Band(SIMUTRANS, "09-Simupolitan", *TIM), Notes(root, ("mirko-ah", "mirko-oh"))),
        ("test", Band(SIMUTRANS, "20-Last", *GM), Sinsy()),
    )
    for seed, (side, band, clip, times) in enumerate(clips):
        licence = f"{band.licence}, {CLIPS[Path(clip).parts[0]][1]} (singer)"
        make = partial(clip_in_band, band, 200 + seed, root, clip, times)
        yield Made(side, named(band.piece), band.piece, licence, make)
    for seed, (side, band, singer) in enumerate(tunes):
        licence = f"{band.licence}, {singer.licence} (singer)"
        make = partial(tune_in_band, band, 210 + seed, "vocals", singer)
        yield Made(side, named(band.piece), band.piece, licence, make)


def violin_in_band(root: Path) -> Iterator[Made]:
    """A recorded violin in recorded songs and in rendered bands."""
    violin, tune = Notes(root, ("violin",)), Band(OPENMSX, "linns_basket", *TIM)
    songs: tuple[tuple[Split, str], ...] = (("valid", "armygeddon"), ("test", "chaos_god"))
    for seed, (side, title) in enumerate(songs):
        licence = f"{MULDJORD_LICENCE}, {violin.licence} (violin)"
        make = partial(violin_in_song, title, 80.0, tune, 300 + seed, violin)
        yield Made(side, f"violin-{title}", title, licence, make)
    rows: tuple[tuple[Split, Band], ...] = (
        ("valid", Band(SIMUTRANS, "38-positive", *FLUID)),
        ("test", Band(OPENMSX, "be_sharp", *GM)),
        ("test", Band(SIMUTRANS, "36-faded", *FLUID)),
    )
    for seed, (side, band) in enumerate(rows):
        licence = f"{band.licence}, {violin.licence} (violin)"
        make = partial(tune_in_band, band, 310 + seed, "violin", violin)
        yield Made(side, f"violin-{named(band.piece)}", band.piece, licence, make)


def named(piece: str) -> str:
    """A folder's name for a piece."""
    return piece.replace("_", "-").lower()


def ensembles(_: Path) -> Iterator[Made]:
    """Chorales for instruments without a singer, each in both soundfonts of its side."""
    fonts: dict[Split, tuple[tuple[str, str], ...]] = {"valid": (FLUID, GM), "test": (FLUID, TIM)}
    for side, played in fonts.items():
        for font, terms in played:
            for number in range(ENSEMBLES):
                name = f"{named(Path(font).stem)}-{number}"
                make = partial(ensemble, side, font, ENSEMBLES, number)
                yield Made(side, name, f"chorale {number} of {side}", terms, make)


SETS: Mapping[str, Callable[[Path], Iterator[Made]]] = {
    "muldjord": muldjord,
    "bands": bands,
    "sung": sung,
    "violin-in-band": violin_in_band,
    "ensembles": ensembles,
}
"""The sets by name; each takes the folder of recordings."""
