"""The sets of `songs.py`: which piece, which stretch, which sounds, which side of the split.

All are made from free packages and recordings. No piece is on both sides of the split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from songs_desk import Wave, in_room, level, mastered, panned
from songs_midi import Song
from songs_voices import CLIPS, Notes, Performer, Sinsy, chroma, fitting, recording

from timbresep import audio
from timbresep.data.rendering.waveform import RATE
from timbresep.errors import DataError, MissingToolError
from timbresep.units import db_to_amplitude, db_to_power

Side = Literal["valid", "test"]
Stems = dict[str, Wave]

SECONDS = 20.0
MULDJORD = Path("/usr/share/games/fretsonfire/data/songs/muldjord")
MULDJORD_LICENCE = "CC BY-SA 3.0, El Senator (Muldjord)"
OPENMSX = "/usr/share/games/openttd/baseset/openmsx", "openttd-openmsx", "GPL-2"
SIMUTRANS = "/usr/share/games/simutrans/music", "simutrans-data", "Artistic"
FLUID, TIM, GM = "FluidR3_GM.sf2", "TimGM6mb.sf2", "sf_GMbank.sf2"
FONTS = {FLUID: ("fluid-soundfont-gm", "MIT"), TIM: ("timgm6mb-soundfont", "GPL-2"),
         GM: ("csound-soundfont", "public domain")}
MASTER_DB = (-18.0, -14.0)  # level of a finished mixture
SOLO_DB = (-8.0, -3.0)  # of a singer or a violin against the mixture
QUIETEST_DB = {"drums": -9.0, "bass": -9.0, "double_bass": -9.0}  # of a stem against the band
OTHERS_DB = -18.0
ROOM_S = (0.4, 1.2)
WET_DB = -14.0
WANTED = ("drums", "bass", "double_bass", "electric_guitar", "acoustic_guitar", "piano",
          "saxophone", "trumpet")


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

    side: Side
    name: str
    piece: str
    licence: str
    make: Callable[[], Stems]


def guitar_and_band(song: str, second: float, seconds: float = SECONDS) -> Stems:
    """A stretch of a recorded song: its electric guitar, and the rest of the band.

    Raises:
        MissingToolError: the songs are not installed.
    """
    folder = MULDJORD / song
    if not folder.is_dir():
        raise MissingToolError(f"{folder} is not there", "apt install fretsonfire-songs-muldjord")
    found = {}
    for stem, file in (("electric_guitar", "guitar.ogg"), ("rest", "song.ogg")):
        wave, _ = audio.read(
            folder / file, start=round(second * RATE), frames=round(seconds * RATE)
        )
        found[stem] = wave
    return found


def muldjord() -> Iterator[Made]:
    """Four recorded songs of a metal band, two stretches each."""
    songs: tuple[tuple[Side, str, tuple[float, ...]], ...] = (
        ("valid", "armygeddon", (40, 120)),
        ("valid", "mutilated_mime", (40, 120)),
        ("test", "chaos_god", (40, 120)),
        ("test", "internal_degeneration", (40, 120)),
    )
    for side, song, starts in songs:
        for second in starts:
            make = partial(_mastered_song, song, second)
            yield Made(side, f"{song}-{second:.0f}", song, MULDJORD_LICENCE, make)


def _mastered_song(song: str, second: float) -> Stems:
    return mastered(guitar_and_band(song, second), MASTER_DB[1])


@dataclass(frozen=True)
class Band:
    """A stretch of a MIDI file, played with a soundfont.

    Attributes:
        source: folder, package and licence of the file.
        piece: its name, or how it begins.
        font: the soundfont.
    """

    source: tuple[str, str, str]
    piece: str
    font: str

    def song(self) -> Song:
        """The file, read.

        Raises:
            MissingToolError: it is not installed.
        """
        folder, package, _ = self.source
        found = sorted(Path(folder).glob(f"{self.piece}*.mid"))
        if not found:
            raise MissingToolError(f"{folder}/{self.piece} is not there", f"apt install {package}")
        return Song(found[0])

    @property
    def licence(self) -> str:
        """Terms of the file and the soundfont."""
        return f"{self.source[2]} (music), {FONTS[self.font][1]} (sounds)"


def at_the_desk(band: Mapping[str, Wave], seed: int, solo: tuple[str, Wave] | None = None) -> Stems:
    """The stems of a band, and of a soloist before it, in one room and under one master.

    Args:
        band: (2, samples) each; those that are hardly heard are brought up.
        seed: of the room, the level and the balance.
        solo: name and (1, samples) of who sings or plays before the band.
    """
    rng = np.random.default_rng(seed)
    room, loud, ahead = (float(rng.uniform(*span)) for span in (ROOM_S, MASTER_DB, SOLO_DB))
    total = level(np.sum(list(band.values()), axis=0))
    stems = {}
    for name, dry in band.items():
        missing = max(0.0, total + QUIETEST_DB.get(name, OTHERS_DB) - level(dry))
        stems[name] = (dry * db_to_amplitude(missing)).astype(np.float32)
    total = level(np.sum(list(stems.values()), axis=0))
    if solo is not None:
        name, dry = solo
        share = db_to_power(ahead)  # of the mixture's power
        gain = db_to_amplitude(total - level(dry)) * np.sqrt(share / (1 - share))
        stems[name] = panned((dry * gain).astype(np.float32), float(rng.uniform(-0.15, 0.15)))
    wet = {name: in_room(stem, room, WET_DB, rng) for name, stem in stems.items()}
    return mastered(wet, loud)


def band_alone(band: Band, seed: int) -> Stems:
    """A band without a singer."""
    song = band.song()
    return at_the_desk(song.play(song.fullest(SECONDS, WANTED), SECONDS, band.font), seed)


def tune_in_band(band: Band, seed: int, name: str, soloist: Performer) -> Stems:
    """A band whose leading part is sung, or played, by someone else.

    Raises:
        DataError: no part of the band is a tune.
    """
    song = band.song()
    start = song.fullest(SECONDS, WANTED)
    found = song.melody(start, SECONDS)
    if found is None:
        raise DataError(f"{band.piece}: no part from {start} s on is a tune")
    part, tune = found
    stems = song.play(start, SECONDS, band.font, without=part)
    return at_the_desk(stems, seed, (name, soloist.perform(tune, SECONDS)))


def clip_in_band(band: Band, seed: int, root: Path, clip: str, times: int = 1) -> Stems:
    """A recorded singer before a band that is transposed to fit."""
    sung, rate = audio.read(recording(root, clip))
    sung = audio.resample(sung.mean(axis=0, keepdims=True), rate, RATE)
    gap = np.zeros((1, RATE // 2), np.float32)
    sung = np.concatenate([gap, *[sung, gap] * times], axis=1)
    seconds = sung.shape[1] / RATE
    song = band.song()
    start = song.fullest(seconds, WANTED)
    semitones = fitting(chroma(sung), song.chroma(start, seconds))
    stems = song.play(start, seconds, band.font, semitones=semitones)
    return at_the_desk(stems, seed, ("vocals", sung))


def violin_in_song(
    title: str, second: float, tune_of: Band, seed: int, violin: Performer
) -> Stems:
    """A recorded song, its guitar, and a violin that plays another band's tune, transposed."""
    stems = guitar_and_band(title, second)
    song = tune_of.song()
    start = song.fullest(SECONDS, ("violin",))
    found = song.melody(start, SECONDS)
    if found is None:
        raise DataError(f"{tune_of.piece}: no part from {start} s on is a tune")
    shift = fitting(chroma(np.sum(list(stems.values()), axis=0)), song.chroma(start, SECONDS))
    tune = [replace(event, midi=event.midi + shift) for event in found[1]]
    return at_the_desk(stems, seed, ("violin", violin.perform(tune, SECONDS)))


def bands() -> Iterator[Made]:
    """Bands without a singer."""
    rows: tuple[tuple[Side, Band], ...] = (
        ("valid", Band(SIMUTRANS, "19-Rockin", FLUID)),
        ("valid", Band(SIMUTRANS, "39-bangin", TIM)),
        ("valid", Band(OPENMSX, "keep_on_rolling", GM)),
        ("valid", Band(SIMUTRANS, "23-Something", TIM)),
        ("valid", Band(OPENMSX, "run_for_your_life", FLUID)),
        ("test", Band(OPENMSX, "tttheme2", TIM)),
        ("test", Band(SIMUTRANS, "33-Journey", FLUID)),
        ("test", Band(SIMUTRANS, "36-faded", GM)),
        ("test", Band(OPENMSX, "be_sharp", TIM)),
        ("test", Band(SIMUTRANS, "16-Midnight", GM)),
    )
    for seed, (side, band) in enumerate(rows):
        make = partial(band_alone, band, 100 + seed)
        yield Made(side, named(band.piece), band.piece, band.licence, make)


def sung(root: Path) -> Iterator[Made]:
    """Bands with a singer: recorded clips, recorded vowels and a synthetic singer."""
    clips: tuple[tuple[Side, Band, str, int], ...] = (
        ("valid", Band(SIMUTRANS, "38-positive", TIM),
         "basic_pitch-0.4.0/tests/resources/vocadito_10.wav", 1),
        ("valid", Band(SIMUTRANS, "24-needlessly", GM),
         "sms-tools-materials/sounds/singing-female.wav", 2),
        ("test", Band(SIMUTRANS, "18-Ride", FLUID),
         "basic_pitch-0.4.0/tests/resources/vocadito_14.wav", 1),
        ("test", Band(SIMUTRANS, "21-Dusty", TIM), "sms-tools-materials/sounds/vignesh.wav", 3),
    )
    tunes: tuple[tuple[Side, Band, Performer], ...] = (
        ("valid", Band(SIMUTRANS, "26-Tantalizingly", FLUID),
         Notes(root, ("claudia-ah", "claudia-ih", "claudia-oh"))),
        ("valid", Band(SIMUTRANS, "29-Runaway", TIM), Sinsy()),
        ("test", Band(SIMUTRANS, "09-Simupolitan", TIM), Notes(root, ("mirko-ah", "mirko-oh"))),
        ("test", Band(SIMUTRANS, "20-Last", GM), Sinsy()),
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
    violin, tune = Notes(root, ("violin",)), Band(OPENMSX, "linns_basket", TIM)
    songs: tuple[tuple[Side, str], ...] = (("valid", "armygeddon"), ("test", "chaos_god"))
    for seed, (side, title) in enumerate(songs):
        licence = f"{MULDJORD_LICENCE}, {violin.licence} (violin)"
        make = partial(violin_in_song, title, 80.0, tune, 300 + seed, violin)
        yield Made(side, f"violin-{title}", title, licence, make)
    rows: tuple[tuple[Side, Band], ...] = (
        ("valid", Band(SIMUTRANS, "38-positive", FLUID)),
        ("test", Band(OPENMSX, "be_sharp", GM)),
        ("test", Band(SIMUTRANS, "36-faded", FLUID)),
    )
    for seed, (side, band) in enumerate(rows):
        licence = f"{band.licence}, {violin.licence} (violin)"
        make = partial(tune_in_band, band, 310 + seed, "violin", violin)
        yield Made(side, f"violin-{named(band.piece)}", band.piece, licence, make)


def named(piece: str) -> str:
    """A folder's name for a piece."""
    return piece.replace("_", "-").lower()
