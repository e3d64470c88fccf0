"""From MIDI to sound: the suffix of a soundfont's name decides which program plays it.

`fluidsynth` plays .sf2 and .sf3; `timidity` plays GUS patches, which a .cfg names.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from timbresep.data.rendering import fluidsynth, timidity
from timbresep.data.rendering.waveform import find_program
from timbresep.errors import MissingToolError

FOLDERS = (
    Path("/usr/share/sounds/sf2"),
    Path("/usr/local/share/soundfonts"),
    Path("/etc/timidity"),
)
PACKAGES = {
    "FluidR3_GM.sf2": "fluid-soundfont-gm",
    "MuseScore_General_Full.sf2": "musescore-general-soundfont-lossless",
    "TimGM6mb.sf2": "timgm6mb-soundfont",
    "sf_GMbank.sf2": "csound-soundfont",
    "freepats.cfg": "freepats",
}


def check(name: str) -> Path:
    """Path of a soundfont, once it is sure that it can be played.

    Raises:
        MissingToolError: the soundfont, or the program that plays it, is not installed.
    """
    find_program("timidity" if _is_patches(name) else "fluidsynth")
    return find_soundfont(name)


def find_soundfont(name: str) -> Path:
    """Path of a soundfont given by file name (looked for in the system's folders) or by path.

    Raises:
        MissingToolError: it is not there.
    """
    candidates = [Path(name).expanduser()] + [folder / name for folder in FOLDERS]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    package = PACKAGES.get(name)
    raise MissingToolError(
        f"soundfont {name} not found in {', '.join(str(folder) for folder in FOLDERS)}",
        hint=f"apt install {package}" if package else "give its full path in the recipe",
    )


def render(midi: bytes, soundfont: Path, *, reverb: bool) -> np.ndarray:
    """Play a MIDI file.

    Args:
        midi: a Standard MIDI File.
        soundfont: an .sf2 or .sf3 file, or a .cfg that names patches.
        reverb: add the program's reverb.
    Returns:
        mono float32 waveform at 44.1 kHz, shape (samples,).
    Raises:
        MissingToolError: the program is not installed.
        DataError: it failed, or has no such instrument; its own message is included.
    """
    play = timidity.render if _is_patches(soundfont) else fluidsynth.render
    return play(midi, soundfont, reverb=reverb)


def _is_patches(soundfont: str | Path) -> bool:
    return Path(soundfont).suffix.lower() == ".cfg"
