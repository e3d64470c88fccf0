"""The sets of `score_informed.py`: pieces whose notes are known, on both sides of the split.

    python benchmarks/score_sets.py SETS --recordings RECORDINGS --notes NOTES

writes `SETS/<side>-<set>/<track>/<stem>.flac` with the notes of each track, `notes.mid`:

- `recorded`: recorded notes play chorales, four players a track
- `font`: a soundfont that training has heard
- `other`: a soundfont that no training has heard
- `same`: recorded notes again, two players or more with one instrument: `…_1.flac`, `…_2.flac`

RECORDINGS holds `spectmorph-instruments`, as for `songs.py`; its notes are cut to begin at once
and brought to pitch. They play the valid side. NOTES, `NOTES/<instrument>/C#4.mp3`, plays the test
side; the guide to evaluation says how to get it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import yaml

from songs_voices import CLIPS, NOTES, recording
from timbresep import audio
from timbresep.data import recipe as recipes
from timbresep.data.rendering import scores
from timbresep.data.rendering.band import Member
from timbresep.data.rendering.casting import Player
from timbresep.data.rendering.plan import Plan, TrackSet, plan_tracks
from timbresep.data.rendering.sampler import find_recordings
from timbresep.data.rendering.sets import SoundSource, players_of, render_set
from timbresep.data.rendering.sound import RecordedSound
from timbresep.data.rendering.tracks import render_tracks
from timbresep.data.sources.naming import Naming
from timbresep.data.track import Split
from timbresep.data.user_cache import default_cache
from timbresep.ddsp import pitch
from timbresep.registry.registry import Registry
from timbresep.units import hz_to_midi, midi_to_hz, pitch_ratio

SOURCE, PLAYERS = "orchestra", 4
FONTS: dict[str, dict[Split, str]] = {
    "font": {"valid": "FluidR3_GM.sf2", "test": "FluidR3_GM.sf2"},
    "other": {"valid": "sf_GMbank.sf2", "test": "TimGM6mb.sf2"},
}
IOWA = {  # instrument → folders of spectmorph-instruments; several are layers
    "violin": ("violin",),
    "cello": ("cello",),
    "double_bass": ("double-bass",),
    "flute": ("alto-flute",),
    "clarinet": ("clarinet",),
    "saxophone": ("alto-saxophone",),
    "trumpet": ("trumpet",),
    "vocals": ("claudia-ah", "claudia-ih", "claudia-oh"),
}
ALIKE = (  # highest part first
    ("violin_1", "violin_2", "cello_1", "cello_2"),
    ("flute_1", "flute_2", "clarinet", "cello"),
    ("trumpet_1", "trumpet_2", "saxophone", "double_bass"),
    ("violin_1", "violin_2", "clarinet_1", "clarinet_2"),
)
STEPS = ("C", "Cs", "D", "Ds", "E", "F", "Fs", "G", "Gs", "A", "As", "B")
ONSET, LEAD_S = 0.05, 0.005  # a note begins where it reaches this part of its peak
CENTRE_S = (0.1, 1.0)  # of a note, where its pitch is measured
HEADROOM = np.float32(0.9)
REACH = 3  # semitones that a recording may be off its name


def convert_notes(recordings: Path, out: Path) -> None:
    """Write the recorded notes as `<instrument>/<folder>/Cs4.flac`, cut and brought to pitch."""
    for instrument, folders in IOWA.items():
        for folder in folders:
            root = recording(recordings, NOTES) / folder
            for sample in Xml.parse(root / "instrument.xml").getroot().findall("sample"):  # noqa: S314
                number = int(sample.get("midi_note", ""))
                name = f"{STEPS[number % 12]}{number // 12 - 1}.flac"
                wave, rate = audio.read(root / sample.get("filename", ""))
                clip = sample.find("clip")
                start = 0.0 if clip is None else float(clip.get("start", 0)) / 1000
                cut = _cut(wave.mean(axis=0, keepdims=True)[:, round(start * rate) :], rate)
                flat = round(rate * pitch_ratio(_off(cut, rate, number)))
                tuned = HEADROOM * audio.resample(cut, rate, flat)
                path = out / instrument / folder / name
                audio.write(path, tuned, rate, "PCM_16", overwrite=True)


def _cut(wave: np.ndarray, rate: int) -> np.ndarray:
    """A note (1, samples) from where it begins to sound."""
    loud = np.abs(wave[0])
    first = int(np.argmax(loud > ONSET * loud.max())) - round(LEAD_S * rate)
    return wave[:, max(0, first) :]


def _off(wave: np.ndarray, rate: int, number: int) -> float:
    """How many semitones a note is above its name; 0 where no pitch is found near it."""
    slow = audio.resample(wave, rate, pitch.RATE)[0]
    times = np.arange(*CENTRE_S, 0.02)
    near = float(midi_to_hz(number - REACH)), float(midi_to_hz(number + REACH))
    f0, sure = pitch.track(slow, near, times)
    heard = f0[(sure > 0.5) & (f0 > near[0]) & (f0 < near[1])]
    return hz_to_midi(float(np.median(heard))) - number if len(heard) else 0.0


def render_alike(side: Split, notes: Path, licence: str, out: Path) -> None:
    """Render tracks in which two players or more have one instrument and one sound source."""
    known = {one.name: recipes.load(one.recipe_file) for one in Registry.load().instruments()}
    players = players_of(SOURCE, known)
    name_of = Naming({name: name for name in players})
    names = sorted({name_of(stem) for cast in ALIKE for stem in cast})
    recorded = find_recordings(notes, names, licence)

    def seating(plan: Plan) -> list[Member]:
        members = []
        for stem in plan.cast:
            own = players[name_of(stem)]
            sound = RecordedSound(recorded.notes[own.name], recorded.name, recorded.licence)
            members.append(Member(Player(stem, own.voice, own.soundfonts), sound))
        return members

    library = scores.chorales(default_cache())
    plans = plan_tracks(library, names, PLAYERS, TrackSet(side, len(ALIKE), seed=1))
    plans = [replace(plan, cast=cast) for plan, cast in zip(plans, ALIKE, strict=True)]
    render_tracks(plans, seating, out)


def render_all(root: Path, recordings: Path, notes: Path, count: int) -> None:
    """Render all sets of both sides; tracks that are there are kept."""
    iowa = root / "iowa"
    if not iowa.is_dir():
        convert_notes(recordings, iowa)
    halves: tuple[tuple[Split, Path, str], ...] = (
        ("valid", iowa, CLIPS[NOTES][1]),
        ("test", notes, "CC BY 3.0 (tonejs-instruments)"),
    )
    instruments = Registry.load().instruments()
    for side, folder, licence in halves:
        chosen = [one for one in instruments if (folder / one.name).is_dir()]
        sounds = SoundSource(samples=folder, licence=licence)
        tracks = TrackSet(side, count)
        render_set(chosen, SOURCE, tracks, root / f"{side}-recorded", sounds=sounds)
        render_alike(side, folder, licence, root / f"{side}-same")
        for name, fonts in FONTS.items():
            font = SoundSource(fonts[side])
            render_set(instruments, SOURCE, tracks, root / f"{side}-{name}", sounds=font)
        print(yaml.safe_dump({side: sorted(p.name for p in root.glob(f"{side}-*/*"))}))


def main() -> None:
    """Render the sets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sets", type=Path)
    parser.add_argument("--recordings", type=Path, default=Path("recordings"))
    parser.add_argument("--notes", type=Path, default=Path("real/notes"))
    parser.add_argument("--count", type=int, default=12, help="tracks of a set, but of `same`")
    given = parser.parse_args()
    render_all(given.sets, given.recordings, given.notes, given.count)


if __name__ == "__main__":
    main()
