"""Tracks of virtual instruments: each blended of two DDSP models, playing its part of a score.

Every stem is an instrument of its own. Beside the stems lies a file of their tone tables, so that
training can draw conditions of any version for them, as exact as those of real instruments.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from core import audio
from core.condition import table_file
from core.condition.tone_table import ToneTable
from core.data.casting import Performance, Player, arrange
from core.data.recipe import Voice
from core.data.rendered import REVERB_SHARE, Plan, fit, licence_of, play, sound_of, write_track
from core.data.strands import Touch, course, strands
from core.data.virtual_stems import TABLES
from core.data.waveform import RATE, normalise
from core.ddsp import full_band
from core.ddsp.model import DdspModel
from core.ddsp.virtual_voice import Timbre, VirtualVoice

SOURCE = "virtual instruments"
AGAINST_TYPE = 0.25
"""Share of virtual instruments that are plucked where their model is held, and held where not."""


@dataclass(frozen=True)
class Donor:
    """An instrument whose model virtual ones are blended of.

    Attributes:
        name: of the instrument.
        model: its DDSP model, pitched.
        sustained: notes are held; otherwise they decay.
        licences: terms of the model's weights and of what it was trained on.
    """

    name: str
    model: DdspModel
    sustained: bool
    licences: tuple[str, ...]


@dataclass(frozen=True)
class VirtualInstrument:
    """An instrument that exists in one track only.

    Attributes:
        name: of its stem; it follows from the table, so that it is nobody else's.
        voice: how it sounds.
        touch: how it plays.
        table: its tones, of which its conditions are measured.
        donors: those whose models it is blended of.
    """

    name: str
    voice: VirtualVoice
    touch: Touch
    table: ToneTable
    donors: tuple[Donor, Donor]

    @classmethod
    def draw(cls, donors: Sequence[Donor], rng: np.random.Generator) -> VirtualInstrument:
        """A random one, of two donors or more."""
        first, second = (donors[int(k)] for k in rng.permutation(len(donors))[:2])
        timbre = Timbre.draw(rng)
        nearer = first if timbre.weight < 0.5 else second
        touch = Touch.draw(nearer.sustained != bool(rng.random() < AGAINST_TYPE), rng)
        voice = VirtualVoice(first.model, second.model, timbre).eval()
        table = ToneTable.from_model(voice, voice.heard.f0_hz)
        digest = hashlib.sha256(table.distributions.tobytes() + table.noise.tobytes())
        return cls(f"virtual_{digest.hexdigest()[:12]}", voice, touch, table, (first, second))

    @property
    def player(self) -> Player:
        """It, as scores are set for it."""
        notes = [round(float(note)) for note in self.table.pitches]
        voice = Voice(
            range=(notes[0], notes[-1]),
            polyphonic=self.touch.polyphonic,
            sustained=self.touch.sustained,
        )
        return Player(self.name, voice, ())

    def play(
        self, performance: Performance, seconds: float, rng: np.random.Generator
    ) -> np.ndarray | None:
        """Its stem at the common loudness (samples,), or None when it is silent.

        Args:
            performance: what is played.
            seconds: length of the track.
            rng: source of chance.
        """
        voice = self.voice
        rate = voice.config.frame_rate
        frames = math.ceil(seconds * rate)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        wave = torch.zeros(frames * full_band.RATE // rate)  # (samples,)
        for strand in strands(performance.events, self.touch.polyphonic):
            f0_hz, loudness_db = course(
                strand,
                performance.controls,
                self.touch,
                voice.heard.loudness_db,
                frames,
                rate,
                rng,
            )
            with torch.no_grad():
                wave += voice(
                    torch.from_numpy(f0_hz)[None], torch.from_numpy(loudness_db)[None], generator
                )[0]
        return normalise(fit(audio.resample(wave[None].numpy(), full_band.RATE, RATE)[0], seconds))


def render_track(
    plan: Plan,
    parts: int,
    donors: Sequence[Donor],
    players: Mapping[str, Player],
    root: Path,
) -> Path | None:
    """Render one track into `root/<track>/<stem>.flac`, with its tables and a `track.yaml`.

    A track that is already there is kept.

    Args:
        plan: the track; its cast are the real instruments.
        parts: players in all; those that the cast lacks are virtual.
        donors: two or more, of whom virtual instruments are blended.
        players: the real players by name.
        root: folder of tracks.
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
    virtual = [VirtualInstrument.draw(donors, drawn) for _ in range(parts - len(plan.cast))]
    by_name = {instrument.name: instrument for instrument in virtual}
    cast = {name: players[name].on(font) for name, (font, _) in chosen.items()}
    cast |= {instrument.name: instrument.player for instrument in virtual}
    order = [list(cast)[int(k)] for k in drawn.permutation(len(cast))]
    performances, seconds = arrange(plan.score, order, cast, plan.seconds, music)
    stems: dict[str, np.ndarray] = {}
    sounds: dict[str, str] = {}
    licences: set[str] = set()
    fonts: set[str] = set()
    for performance in performances:
        name = performance.player
        if name in by_name:
            wave = by_name[name].play(performance, seconds, drawn)
            first, second = by_name[name].donors
            sound = f"{first.name} and {second.name}"
            terms = {*first.licences, *second.licences}
        else:
            font, program = chosen[name]
            wave = play(performance, cast[name], font, program, seconds, reverb)
            sound = f"{font.file} program {program}"
            terms = {licence_of(font.file, players[name].soundfonts)}
            fonts.add(font.file)
        if wave is not None:
            stems[name], sounds[name] = wave, sound
            licences |= terms
    if len(stems) < 2:
        return None
    sounding = {name: by_name[name] for name in stems if name in by_name}
    about = {
        name: {
            "donors": [donor.name for donor in one.donors],
            "timbre": asdict(one.voice.timbre),
            "touch": asdict(one.touch),
        }
        for name, one in sounding.items()
    }
    table_file.write(folder / TABLES, {n: one.table for n, one in sounding.items()}, about)
    source = ", ".join([SOURCE, *sorted(fonts)])
    write_track(folder, plan, stems, source, "; ".join(sorted(licences)), sounds)
    return folder


def render_tracks(
    plans: Sequence[Plan],
    parts: int,
    donors: Sequence[Donor],
    players: Mapping[str, Player],
    root: Path,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Render many tracks, `workers` at a time; `progress` is told how many of how many are done.

    What a track is follows from its plan, whatever the workers. Errors are those of `render_track`.
    """
    folders = []
    with _one_thread_each(), ThreadPoolExecutor(workers) as pool:
        jobs = pool.map(lambda plan: render_track(plan, parts, donors, players, root), plans)
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
