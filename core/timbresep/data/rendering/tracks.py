"""Source `rendered`: scores performed by casts of instruments, kept as FLAC tracks in a cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from timbresep import audio
from timbresep.condition.tone_table import ToneTable
from timbresep.config import atomic_write
from timbresep.data.recipe import Percussion, Soundfont
from timbresep.data.rendering import sampler as samples
from timbresep.data.rendering.casting import Performance, Player, arrange, balanced_casts
from timbresep.data.rendering.font_tones import tones_of
from timbresep.data.rendering.midi import PERCUSSION_CHANNEL, midi_file, tuning
from timbresep.data.rendering.recorded_tones import recorded_tones
from timbresep.data.rendering.renderer import check, find_soundfont, render
from timbresep.data.rendering.sampler import Recordings
from timbresep.data.rendering.scores import Score
from timbresep.data.rendering.waveform import RATE, normalise
from timbresep.data.stem_tones import write_tones
from timbresep.data.track import Split, split_of

REVERB_SHARE = 0.4
FADE_S = 0.05


@dataclass(frozen=True)
class Plan:
    """One track to render; everything that happens in it follows from `seed`.

    Attributes:
        cast: who plays.
        seconds: longest the track may be.
        detune: bound in cents of what each player is out of tune.
    """

    name: str
    score: Score
    cast: tuple[str, ...]
    seconds: float
    split: Split
    seed: int
    detune: float = 0.0


def plan_tracks(
    scores: Sequence[Score],
    names: Sequence[str],
    split: Split,
    count: int,
    seconds: tuple[float, float],
    parts: int = 4,
    seed: int = 0,
    detune: float = 0.0,
) -> list[Plan]:
    """Choose pieces of one side of the split and balanced casts for them.

    Args:
        scores: the library.
        names: the players.
        split: only pieces whose melody is on this side are used.
        count: number of tracks; pieces come again when there are fewer.
        seconds: shortest and longest track.
        parts: players in a track.
        seed: source of chance; with more tracks the first ones stay the same.
        detune: bound in cents of what each player is out of tune.
    """
    pieces, casting, chance = (
        np.random.default_rng([seed, ["train", "valid", "test"].index(split), stream])
        for stream in range(3)
    )
    pool = [score for score in scores if split_of(score.family) == split]
    if not pool:
        return []
    order: list[int] = []
    while len(order) < count:
        order += [int(k) for k in pieces.permutation(len(pool))]
    casts = balanced_casts(names, parts, count, casting)
    plans = []
    for index, (which, cast) in enumerate(zip(order[:count], casts, strict=True)):
        score = pool[which]
        name = f"{split}-{index:03d}-{score.piece.replace('/', '-')}"
        length = float(chance.uniform(*seconds))
        track_seed = int(chance.integers(2**31))
        plans.append(Plan(name, score, tuple(cast), length, split, track_seed, detune))
    return plans


def render_track(
    plan: Plan,
    players: Mapping[str, Player],
    root: Path,
    soundfont: str | None = None,
    recordings: Recordings | None = None,
    cache: Path | None = None,
) -> Path | None:
    """Render one track into `root/<track>/<instrument>.flac` with a `track.yaml`.

    Each stem draws a soundfont and program of its player; all are normalised to one loudness,
    so that a plain sum is a balanced mix. A track that is already there is kept.

    Args:
        plan: the track.
        players: the players by name.
        root: folder of tracks.
        soundfont: play everything with this soundfont instead (same notes, and same programs as
            far as it has them), to measure how a model does on another sound source.
        recordings: play everything with these recorded notes instead: the same notes, but
            neither the soundfont's expression and vibrato nor its reverb.
        cache: folder where what soundfonts sound like is kept; with it, the tone tables of their
            sounds are written beside the stems, as those of recorded notes always are.
    Returns:
        the track's folder, or None when fewer than two stems sound.
    Raises:
        MissingToolError: a soundfont, or the program that plays it, is missing.
        AudioError: a recorded note cannot be read.
    """
    folder = root / plan.name
    if (folder / "track.yaml").is_file():
        return folder
    music, choice, tune = (np.random.default_rng([plan.seed, stream]) for stream in range(3))
    reverb = bool(choice.random() < REVERB_SHARE)
    chosen = {name: sound_of(players[name].soundfonts, choice) for name in plan.cast}
    cast = {name: players[name].on(font) for name, (font, _) in chosen.items()}
    performances, seconds = arrange(plan.score, plan.cast, cast, plan.seconds, music)
    stems: dict[str, np.ndarray] = {}
    sounds: dict[str, str] = {}
    sources: set[str] = set()
    licences: set[str] = set()
    tables: dict[str, ToneTable] = {}
    for performance in performances:
        off = float(tune.uniform(-plan.detune, plan.detune))
        player = cast[performance.player]
        font, program = chosen[player.name]
        if soundfont is not None:
            font, program = instead(soundfont, font, program, player.soundfonts)
        if recordings is not None:
            notes = recordings.notes[player.name]
            wave = normalise(fit(samples.play(performance.events, notes, seconds), seconds))
            source, sound, licence = recordings.name, "recorded notes", recordings.licence
            table = None if isinstance(player.voice, Percussion) else recorded_tones(notes)
            if table is not None:
                tables[player.name] = table
        else:
            wave = play(performance, player, font, program, seconds, reverb, off)
            source, sound, licence = font.file, f"{font.file} program {program}", font.licence
            if cache and not isinstance(player.voice, Percussion):
                span = player.voice.range
                tables[player.name] = tones_of(font.file, program, font.bank, span, cache)
        if wave is not None:
            stems[player.name] = wave
            sounds[player.name] = sound
            sources.add(source)
            licences.add(licence)
    if len(stems) < 2:
        return None
    if tables:
        write_tones(folder, {name: tables[name] for name in stems if name in tables})
    source, licence = ", ".join(sorted(sources)), "; ".join(sorted(licences))
    write_track(folder, plan, stems, source, licence, sounds)
    return folder


def play(
    performance: Performance,
    player: Player,
    font: Soundfont,
    program: int,
    seconds: float,
    reverb: bool,
    cents: float = 0.0,
) -> np.ndarray | None:
    """One player's stem at the common loudness (samples,), or None when it is silent.

    Args:
        performance: what is played.
        player: who plays.
        font, program: the player's sound.
        seconds: length of the track.
        reverb: with reverb.
        cents: how far out of tune; percussion has no tuning.
    """
    tuned = cents and player.channel != PERCUSSION_CHANNEL
    controls = [*(tuning(cents) if tuned else []), *performance.controls]
    midi = midi_file(performance.events, controls, program, font.bank, seconds, player.channel)
    return normalise(fit(render(midi, find_soundfont(font.file), reverb), seconds))


def write_track(
    folder: Path,
    plan: Plan,
    stems: Mapping[str, np.ndarray],
    sound_source: str,
    licence: str,
    sounds: Mapping[str, str],
) -> None:
    """Write stems (samples,) as FLAC, then what is known of them: the track is whole with it."""
    for name, wave in stems.items():
        audio.write(folder / f"{name}.flac", wave[None], RATE, "PCM_16", overwrite=True)
    about = {
        "piece": plan.score.piece,
        "split": plan.split,
        "sound_source": sound_source,
        "licence": licence,
        "sounds": dict(sounds),
    }
    with atomic_write(folder / "track.yaml") as temporary:
        temporary.write_text(yaml.safe_dump(about, sort_keys=False), encoding="utf-8")


def render_tracks(
    plans: Sequence[Plan],
    players: Mapping[str, Player],
    root: Path,
    soundfont: str | None = None,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
    recordings: Recordings | None = None,
    cache: Path | None = None,
) -> list[Path]:
    """Render many tracks, `workers` at a time; `progress` is told how many of how many are done.

    Raises:
        MissingToolError: before any work, when a soundfont or the program that plays it is missing.
    """
    missing = [p for p in plans if not (root / p.name / "track.yaml").is_file()]
    if missing and recordings is None:
        used = {font.file for player in players.values() for font in player.soundfonts}
        for file in [soundfont] if soundfont else sorted(used):
            check(file)
    folders = []
    with ThreadPoolExecutor(workers) as pool:
        for done, folder in enumerate(
            pool.map(
                lambda plan: render_track(plan, players, root, soundfont, recordings, cache), plans
            ),
            start=1,
        ):
            if folder is not None:
                folders.append(folder)
            if progress is not None:
                progress(done, len(plans))
    return folders


def licence_of(file: str, fonts: Sequence[Soundfont]) -> str:
    """Terms of a soundfont, as far as the recipes say them."""
    return next((font.licence for font in fonts if font.file == file), f"terms of {file}")


def sound_of(fonts: Sequence[Soundfont], rng: np.random.Generator) -> tuple[Soundfont, int]:
    """A random soundfont and program."""
    font = fonts[int(rng.integers(len(fonts)))]
    return font, font.programs[int(rng.integers(len(font.programs)))]


def instead(
    file: str, font: Soundfont, program: int, fonts: Sequence[Soundfont]
) -> tuple[Soundfont, int]:
    """The sound in soundfont `file` that takes the place of a program of `font`.

    It is the same program, unless the recipe names the file's and that one is not among them.
    """
    known = [(other, p) for other in fonts if other.file == file for p in other.programs]
    if not known:
        terms = licence_of(file, fonts)
        return font.model_copy(update={"file": file, "licence": terms}), program
    same = [sound for sound in known if sound[1] == program]
    return (same or known)[0]


def fit(wave: np.ndarray, seconds: float) -> np.ndarray:
    """Cut or pad to the track's length; a short fade keeps a cut release from clicking."""
    length, fade = round(seconds * RATE), round(FADE_S * RATE)
    fitted = np.zeros(length, dtype=np.float32)
    fitted[: min(length, len(wave))] = wave[:length]
    fitted[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return fitted
