"""Make the bundled starter pack `data/starter`: rendered audio of the six bundled instruments.

    python tools/make_starter.py --out data/starter

Needs the `render` extra, fluidsynth and FluidR3_GM.sf2 (apt: fluidsynth fluid-soundfont-gm).
Everything follows from the seed. The demo's piece is on the test side of the split: no training
material of this project holds its melody.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import yaml

from timbresep import audio
from timbresep.data import recipe as recipes
from timbresep.data.mixing.augmentation import pan_gains
from timbresep.data.recipe import Recipe, SolosSpec, Soundfont, Voice
from timbresep.data.rendering import scores
from timbresep.data.rendering.band import seat
from timbresep.data.rendering.casting import Player
from timbresep.data.rendering.midi import midi_file
from timbresep.data.rendering.performance import chords, fit_octave, perform
from timbresep.data.rendering.plan import TrackSet, plan_tracks
from timbresep.data.rendering.renderer import find_soundfont, render
from timbresep.data.rendering.scores import Note, Part, Score
from timbresep.data.rendering.solos import render_solos
from timbresep.data.rendering.tracks import render_tracks
from timbresep.data.rendering.waveform import RATE, normalise
from timbresep.data.track import split_of
from timbresep.data.user_cache import default_cache

FONT = "FluidR3_GM.sf2"
ROOT = Path(__file__).resolve().parents[1]
PLUGINS = ROOT / "plugins" / "instruments"
DEMO_FOLDER = ROOT / "data" / "starter" / "demo"
DEMO_PIECE, DEMO_QUARTER_S, DEMO_SECONDS = "bach/bwv244.10", 0.62, 21.0


@dataclass(frozen=True)
class Role:
    """What an instrument does in the demo: a part (0 is the soprano), moved to a MIDI register
    as plain line, chords or arpeggio, with a program, a place (-1 left to 1) and a level in dB."""

    part: int
    register: tuple[int, int]
    style: str
    program: int
    place: float
    level_db: float


DEMO = {
    "flute": Role(0, (72, 93), "line", 73, 0.35, -21.0),
    "violin": Role(1, (60, 84), "line", 40, -0.45, -21.0),
    "vocals": Role(2, (48, 69), "line", 52, 0.0, -20.0),
    "bass": Role(3, (28, 50), "line", 33, 0.05, -20.0),
    "piano": Role(2, (48, 79), "chords", 0, 0.5, -22.0),
    "acoustic_guitar": Role(1, (52, 76), "broken", 25, -0.6, -21.0),
}


def main() -> None:
    """Parse the command line and make the pack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("data/starter"))
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    make(arguments.out, arguments.cache, arguments.seed)


def make(out: Path, cache: Path, seed: int) -> None:
    """Render tracks, solos and the demo into `out` (existing files are replaced)."""
    ours = {name: recipes.load(PLUGINS / name / "recipe.yaml") for name in sorted(DEMO)}
    library = scores.chorales(cache)
    with tempfile.TemporaryDirectory() as temporary:
        rendered = Path(temporary)
        make_tracks(ours, library, rendered, seed)
        for folder in sorted((rendered / "tracks").iterdir()):
            copy_as_vorbis(folder, out / "tracks" / folder.name)
        for name, recipe in ours.items():
            font = fonts(recipe)[0]
            single = font.model_copy(update={"programs": font.programs[:1]})
            spec = SolosSpec(soundfonts=[single], minutes=0.7)
            render_solos(spec, recipe.voice, rendered / name, cache, seed=seed, piece_seconds=21.0)
            copy_as_vorbis(rendered / name, out / "solos" / name)
    make_demo(ours, library, out / "demo" / "chorale", seed)


def fonts(recipe: Recipe) -> list[Soundfont]:
    """The recipe's entry for the one soundfont that the pack is made with."""
    if recipe.solos is None:
        raise SystemExit("a bundled recipe has no `solos`")
    return [font for font in recipe.solos.soundfonts if font.file == FONT]


def make_tracks(ours: dict[str, Recipe], library: list[Score], root: Path, seed: int) -> None:
    """Render a few short tracks of training and validation pieces."""
    players = {n: Player(n, r.voice, tuple(fonts(r))) for n, r in ours.items()}
    sides = (
        TrackSet("train", 6, (19.0, 21.0), seed + 100),
        TrackSet("valid", 3, (12.0, 13.0), seed + 100),
    )
    plans = [plan for side in sides for plan in plan_tracks(library, list(ours), 4, side)]
    render_tracks(plans, partial(seat, players=players), root / "tracks")


def demo_score(library: list[Score]) -> Score:
    """What the demo plays of its chorale."""
    score = next(score for score in library if score.piece == DEMO_PIECE)
    if split_of(score.family) != "test":
        raise SystemExit(f"{DEMO_PIECE} is not on the test side of the split")
    return score.until((DEMO_SECONDS - 1.5) / DEMO_QUARTER_S)


def demo_part(score: Score, role: Role, voice: Voice, rng: np.random.Generator) -> Part:
    """What one of its instruments plays, in quarter notes."""
    part = fit_octave(score.parts[role.part], voice, rng)
    if role.style != "line":
        others = [other for j, other in enumerate(score.parts) if j != role.part]
        part = chords(part, others, voice, broken=role.style == "broken")
    ending = score.length - 0.01
    return tuple(Note(n.start, min(n.duration, ending - n.start), n.midi) for n in part)


def make_demo(ours: dict[str, Recipe], library: list[Score], folder: Path, seed: int) -> None:
    """Render the demo: all instruments playing one chorale, stereo stems and their exact sum."""
    score = demo_score(library)
    samples = round(DEMO_SECONDS * RATE)
    stems: dict[str, np.ndarray] = {}
    for k, (name, role) in enumerate(DEMO.items()):
        rng = np.random.default_rng([seed, k])
        voice = ours[name].voice.model_copy(update={"range": role.register})
        part = demo_part(score, role, voice, rng)
        events, controls = perform(part, voice, DEMO_QUARTER_S, rng, velocity=(60, 100))
        midi = midi_file(events, controls, role.program, 0, DEMO_SECONDS)
        wave = np.zeros(samples, dtype=np.float32)
        played = render(midi, find_soundfont(FONT), reverb=False)[:samples]
        wave[: len(played)] = played
        wave[-RATE // 4 :] *= np.linspace(1, 0, RATE // 4, dtype=np.float32)
        level = normalise(wave, role.level_db)
        if level is None:
            raise SystemExit(f"{name} is silent in the demo")
        gains = np.array(pan_gains(role.place), dtype=np.float32)[:, None]
        stems[name] = level[None] * gains  # (2, samples)
    peak = float(np.abs(sum(stems.values())).max())
    mixture = np.zeros((2, samples), dtype=np.float32)
    for name, stem in stems.items():
        path = folder / f"{name}.ogg"
        audio.write(path, stem * np.float32(0.9 / peak), RATE, overwrite=True)
        mixture += audio.read(path)[0]  # the decoded stems: their sum is the mixture exactly
    audio.write(folder.parent / "mixture.flac", mixture, RATE, "PCM_16", overwrite=True)
    about = {
        "piece": DEMO_PIECE,
        "split": "test",
        "sound_source": FONT,
        "licence": "MIT",
        "sounds": {name: f"{FONT} program {role.program}" for name, role in DEMO.items()},
    }
    (folder / "track.yaml").write_text(yaml.safe_dump(about, sort_keys=False), encoding="utf-8")


def copy_as_vorbis(source: Path, target: Path) -> None:
    """Copy a folder of FLAC files as Ogg Vorbis, and its `track.yaml` as it is."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.flac")):
        wave, rate = audio.read(path)
        audio.write(target / f"{path.stem}.ogg", wave, rate, overwrite=True)
    for path in source.glob("track.yaml"):
        (target / path.name).write_bytes(path.read_bytes())


if __name__ == "__main__":
    main()
