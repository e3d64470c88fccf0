"""Tracks of strangers: instruments that no plugin is for, each with the table of its own tones.

Beside the stems lies a file of their tables, so that training can draw conditions of any version
for them, as exact as those of real instruments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from timbresep.condition import tone_store as table_file
from timbresep.condition.tone_table import ToneTable
from timbresep.data.extra_stems import TABLES
from timbresep.data.recipe import Percussion
from timbresep.data.rendering.casting import Performance, Player, arrange
from timbresep.data.rendering.font_tones import tones_of
from timbresep.data.rendering.tracks import (
    REVERB_SHARE,
    Plan,
    licence_of,
    play,
    sound_of,
    write_track,
)
from timbresep.data.stem_tones import write_tones


class Stranger(Protocol):
    """An instrument that no plugin is for: a virtual one, or a guest (`extras.guests`)."""

    @property
    def name(self) -> str:
        """Of its stems."""

    @property
    def player(self) -> Player:
        """It, as scores are set for it."""

    @property
    def table(self) -> ToneTable:
        """Its tones, of which its conditions are measured."""

    @property
    def source(self) -> str:
        """Where its sound comes from."""

    @property
    def sound(self) -> str:
        """What it is, for people."""

    @property
    def licences(self) -> tuple[str, ...]:
        """Terms of its sound."""

    def about(self) -> dict[str, object]:
        """What a track's file of tables says of it."""

    def play(
        self, performance: Performance, seconds: float, rng: np.random.Generator
    ) -> np.ndarray | None:
        """Its stem at the common loudness (samples,), or None when it is silent."""


Draw = Callable[[int, np.random.Generator], Sequence[Stranger]]
"""Gives so many strangers, no two the same."""


def render_track(
    plan: Plan,
    parts: int,
    draw: Draw,
    players: Mapping[str, Player],
    root: Path,
    cache: Path | None = None,
) -> Path | None:
    """Render one track into `root/<track>/<stem>.flac`, with its tables and a `track.yaml`.

    A track that is already there is kept.

    Args:
        plan: the track; its cast are the real instruments.
        parts: players in all; those that the cast lacks are strangers.
        draw: gives the others.
        players: the real players by name.
        root: folder of tracks.
        cache: as for `timbresep.data.rendering.tracks.render_track`.
    Returns:
        the track's folder, or None when fewer than two stems sound.
    Raises:
        MissingToolError: a real instrument plays, and its soundfont or program is missing.
    """
    folder = root / plan.name
    if (folder / "track.yaml").is_file():
        return folder
    music, choice, drawn = (np.random.default_rng([plan.seed, stream]) for stream in range(3))
    reverb = bool(choice.random() < REVERB_SHARE)
    chosen = {name: sound_of(players[name].soundfonts, choice) for name in plan.cast}
    by_name = {stranger.name: stranger for stranger in draw(parts - len(plan.cast), drawn)}
    cast = {name: players[name].on(font) for name, (font, _) in chosen.items()}
    cast |= {stranger.name: stranger.player for stranger in by_name.values()}
    order = [list(cast)[int(k)] for k in drawn.permutation(len(cast))]
    performances, seconds = arrange(plan.score, order, cast, plan.seconds, music)
    stems: dict[str, np.ndarray] = {}
    sounds: dict[str, str] = {}
    licences: set[str] = set()
    fonts: set[str] = set()
    tones: dict[str, ToneTable] = {}
    for performance in performances:
        name = performance.player
        if name in by_name:
            wave = by_name[name].play(performance, seconds, drawn)
            sound, terms = by_name[name].sound, set(by_name[name].licences)
            fonts.add(by_name[name].source)
        else:
            font, program = chosen[name]
            wave = play(performance, cast[name], font, program, seconds, reverb)
            sound = f"{font.file} program {program}"
            terms = {licence_of(font.file, players[name].soundfonts)}
            fonts.add(font.file)
            voice = cast[name].voice
            if cache and not isinstance(voice, Percussion):
                tones[name] = tones_of(font.file, program, font.bank, voice.range, cache)
        if wave is not None:
            stems[name], sounds[name] = wave, sound
            licences |= terms
    if len(stems) < 2:
        return None
    sounding = {name: by_name[name] for name in stems if name in by_name}
    about = {name: one.about() for name, one in sounding.items()}
    table_file.write(folder / TABLES, {n: one.table for n, one in sounding.items()}, about)
    if tones:
        write_tones(folder, {name: table for name, table in tones.items() if name in stems})
    write_track(folder, plan, stems, ", ".join(sorted(fonts)), "; ".join(sorted(licences)), sounds)
    return folder


def render_tracks(
    plans: Sequence[Plan],
    parts: int,
    draw: Draw,
    players: Mapping[str, Player],
    root: Path,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
    cache: Path | None = None,
) -> list[Path]:
    """Render many tracks, `workers` at a time; `progress` is told how many of how many are done.

    What a track is follows from its plan, whatever the workers. Errors are those of `render_track`.
    """
    folders = []
    with _one_thread_each(), ThreadPoolExecutor(workers) as pool:
        jobs = pool.map(lambda plan: render_track(plan, parts, draw, players, root, cache), plans)
        for done, folder in enumerate(jobs, start=1):
            if folder is not None:
                folders.append(folder)
            if progress is not None:
                progress(done, len(plans))
    return folders


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """While tracks are rendered side by side, torch uses one thread for each."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
