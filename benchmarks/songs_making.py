"""How the tracks of `songs_sets` are made: bands that are played, singers before them, a master."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from songs_desk import Wave, in_room, level, mastered, panned
from songs_midi import Song
from songs_voices import Performer, chroma, fitting, recording
from timbresep import audio
from timbresep.data.rendering.plan import TrackSet
from timbresep.data.rendering.sets import SoundSource, render_set
from timbresep.data.rendering.waveform import RATE
from timbresep.data.track import Split
from timbresep.errors import DataError, MissingToolError
from timbresep.registry.registry import Registry
from timbresep.units import db_to_amplitude, db_to_power

Stems = dict[str, Wave]

SECONDS = 20.0
MULDJORD = Path("/usr/share/games/fretsonfire/data/songs/muldjord")
MASTER_DB = (-18.0, -14.0)  # level of a finished mixture
SOLO_DB = (-8.0, -3.0)  # of a singer or a violin against the mixture
QUIETEST_DB = {"drums": -9.0, "bass": -9.0, "double_bass": -9.0}  # of a stem against the band
OTHERS_DB = -18.0
ROOM_S = (0.4, 1.2)
WET_DB = -14.0
ORCHESTRA = ("flute", "violin", "clarinet", "saxophone", "cello", "piano", "trumpet", "double_bass")
WANTED = (
    "drums",
    "bass",
    "double_bass",
    "electric_guitar",
    "acoustic_guitar",
    "piano",
    "saxophone",
    "trumpet",
)


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


def song_alone(song: str, second: float) -> Stems:
    """A stretch of a recorded song under a master."""
    return mastered(guitar_and_band(song, second), MASTER_DB[1])


@dataclass(frozen=True)
class Band:
    """A stretch of a MIDI file, played with a soundfont.

    Attributes:
        source: folder, package and licence of the file.
        piece: its name, or how it begins.
        font: the soundfont.
        terms: the soundfont's licence.
    """

    source: tuple[str, str, str]
    piece: str
    font: str
    terms: str

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
        return f"{self.source[2]} (music), {self.terms} (sounds)"


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


def violin_in_song(title: str, second: float, tune_of: Band, seed: int, violin: Performer) -> Stems:
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


def ensemble(side: Split, font: str, tracks: int, number: int) -> Stems:
    """A track of one side's chorales."""
    return _chorales(side, font, tracks)[number]


@cache
def _chorales(side: Split, font: str, count: int) -> list[Stems]:
    """Tracks as `data render` renders them."""
    players = [one for one in Registry.load().instruments() if one.name in ORCHESTRA]
    tracks = TrackSet(side, count, (SECONDS, SECONDS))
    with tempfile.TemporaryDirectory(prefix="timbresep-") as folder:
        made = render_set(players, "orchestra", tracks, Path(folder), sounds=SoundSource(font))
        return [{file.stem: audio.read(file)[0] for file in one.glob("*.flac")} for one in made]
