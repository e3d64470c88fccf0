"""Tracks of scores: a band plays, and its stems are kept as FLAC with what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import yaml

from timbresep import audio
from timbresep.condition import tone_store
from timbresep.data.extra_stems import TABLES
from timbresep.data.rendering.band import Member, Seating
from timbresep.data.rendering.casting import Performance, Player, arrange
from timbresep.data.rendering.midi import PERCUSSION_CHANNEL
from timbresep.data.rendering.plan import Plan
from timbresep.data.rendering.renderer import check
from timbresep.data.rendering.waveform import RATE
from timbresep.data.stem_tones import TONES
from timbresep.files import write_text
from timbresep.notes import midi
from timbresep.notes.score import Note, StemNotes
from timbresep.running.progress import CountDone

ABOUT = "track.yaml"


def render_tracks(
    plans: Sequence[Plan],
    seating: Seating,
    root: Path,
    *,
    soundfonts: Sequence[str] = (),
    workers: int = 2,
    progress: CountDone | None = None,
    cache: Path | None = None,
) -> list[Path]:
    """Render many tracks, `workers` at a time; each follows only from its plan.

    Args:
        plans: the tracks.
        seating: gives the band of each.
        root: folder of tracks.
        soundfonts: those that may be played; they are looked for before any work.
        workers: tracks at a time.
        progress: called with how many of how many tracks are done.
        cache: as for `render_track`.
    Returns:
        the folders of the tracks in which two stems or more sound.
    Raises:
        MissingToolError: a soundfont, or the program that plays it, is missing.
        AudioError: a recorded note cannot be read.
    """
    if any(not (root / plan.name / ABOUT).is_file() for plan in plans):
        for file in soundfonts:
            check(file)
    folders = []
    with ThreadPoolExecutor(workers) as pool:
        jobs = pool.map(lambda plan: render_track(plan, seating, root, cache), plans)
        for done, folder in enumerate(jobs, start=1):
            if folder is not None:
                folders.append(folder)
            if progress is not None:
                progress(done, len(plans))
    return folders


def render_track(
    plan: Plan, seating: Seating, root: Path, cache: Path | None = None
) -> Path | None:
    """Render one track into `root/<track>/<instrument>.flac` with a `track.yaml`.

    All stems are normalised to one loudness, so that a plain sum is a balanced mix. Tone tables of
    the sounds that play are written beside them, and the notes as they are played, without what a
    player is out of tune. A track that is already there is kept.

    Args:
        plan: the track.
        seating: gives its band.
        root: folder of tracks.
        cache: folder where the tones of soundfonts are kept; without one they are not measured.
    Returns:
        the track's folder, or None when fewer than two stems sound.
    Raises:
        MissingToolError: a soundfont, or the program that plays it, is missing.
        AudioError: a recorded note cannot be read.
    """
    folder = root / plan.name
    if (folder / ABOUT).is_file():
        return folder
    band = {member.player.name: member for member in seating(plan)}
    players = {name: member.player for name, member in band.items()}
    music, tune = (np.random.default_rng([plan.seed, stream]) for stream in (0, 2))
    performances, seconds = arrange(plan.score, list(band), players, plan.seconds, music)
    stems: dict[str, np.ndarray] = {}
    notes: list[StemNotes] = []
    for performance in performances:
        name = performance.player
        cents = float(tune.uniform(-plan.detune, plan.detune))
        wave = band[name].sound.play(performance, players[name], seconds, cents=cents)
        if wave is not None:
            stems[name] = wave
            notes.append(notes_of(performance, players[name]))
    if len(stems) < 2:
        return None
    midi.write(folder / midi.TRACK_NOTES, notes)
    _write(folder, plan, stems, {name: band[name] for name in stems}, cache)
    return folder


def notes_of(performance: Performance, player: Player) -> StemNotes:
    """What is played, as notes of the player's stem."""
    events = (Note(e.start, e.end, e.midi, e.velocity) for e in performance.events)
    pitched = player.channel != PERCUSSION_CHANNEL
    return StemNotes(player.name, player.name, tuple(events), pitched)


def _write(
    folder: Path,
    plan: Plan,
    stems: Mapping[str, np.ndarray],
    band: Mapping[str, Member],
    cache: Path | None,
) -> None:
    """Write stems (samples,), tone tables, and last what is known: the track is whole with it."""
    for name, wave in stems.items():
        audio.write(folder / f"{name}.flac", wave[None], RATE, "PCM_16", overwrite=True)
    tables = {
        name: table
        for name, member in band.items()
        if (table := member.sound.tones(member.player.voice, cache)) is not None
    }
    if own := {name: table for name, table in tables.items() if not band[name].extra}:
        tone_store.write(folder / TONES, own)
    if extra := {name: table for name, table in tables.items() if band[name].extra}:
        tone_store.write(folder / TABLES, extra)
    sounds = [member.sound for member in band.values()]
    about = {
        "piece": plan.score.piece,
        "split": plan.split,
        "sound_source": ", ".join(sorted({sound.source for sound in sounds})),
        "licence": "; ".join(sorted({sound.licence for sound in sounds})),
        "sounds": {name: member.sound.label for name, member in band.items()},
    }
    write_text(folder / ABOUT, yaml.safe_dump(about, sort_keys=False))
