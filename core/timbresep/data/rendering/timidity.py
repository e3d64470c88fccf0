"""The `timidity` program as a renderer: MIDI and a configuration of GUS patches in, one mono
waveform out.

Timidity reads the system's configuration first, whose instruments would play whatever the given
one lacks. So each is undefined before the given one is read, and a soundfont, which would come
first all the same, is an error.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from timbresep.data.rendering.waveform import RATE, find_program, read_mono
from timbresep.errors import DataError

SYSTEM_CONFIG = "/etc/timidity/timidity.cfg"
VOLUME = 25  # percent; chords of loud notes clip at the usual 70
_UNDEFINE = "\n".join(
    f"{kind} {number}\n" + "\n".join(f"undef {k}" for k in range(128))
    for kind in ("bank", "drumset")
    for number in range(128)
)
# FreePats' configuration does not say that these were recorded as note 60, and timidity would play
# them as many semitones lower as their keys are: the kick at 15 Hz.
_CORRECTIONS = {
    "freepats.cfg": """drumset 0
35 Drum_000/035_Kick_1.pat amp=100 note=60
36 Drum_000/036_Kick_2.pat amp=100 note=60
39 Drum_000/039_Clap_Hand.pat amp=100 note=60
41 Drum_000/041_Tom_Low_2.pat amp=100 note=60
43 Drum_000/043_Tom_Low_1.pat amp=100 note=60
45 Drum_000/045_Tom_Mid_2.pat amp=100 note=60
47 Drum_000/047_Tom_Mid_1.pat amp=100 note=60
48 Drum_000/048_Tom_High_2.pat amp=100 note=60
50 Drum_000/050_Tom_High_1.pat amp=100 note=60
53 Drum_000/053_Cymbal_Ride_Bell.pat amp=100 note=60
"""
}
_COMPLAINT = re.compile(  # it exits with 0 all the same, and leaves silence
    r"^No instrument mapped|^Couldn't|can't be found|: No such file|: line \d+: |too many errors",
    re.IGNORECASE,
)
_SOUNDFONT = re.compile(r"^Trying to open (.*\.sf[23])$", re.IGNORECASE)


def render(midi: bytes, config: Path, *, reverb: bool) -> np.ndarray:
    """Play a MIDI file.

    Args:
        midi: a Standard MIDI File.
        config: timidity's configuration, which names the patches.
        reverb: add timidity's reverb.
    Returns:
        mono float32 waveform at 44.1 kHz, shape (samples,).
    Raises:
        MissingToolError: timidity is not installed.
        DataError: timidity failed, or has no such program; its own message is included.
    """
    command = [find_program("timidity"), "-idvv", "--preserve-silence", "-A", str(VOLUME)]
    command += [f"-EFreverb={'f' if reverb else 'd'}", "-EFchorus=d", "-EFdelay=d"]
    with tempfile.TemporaryDirectory(prefix="timbresep-") as folder:
        source, target = Path(folder) / "in.mid", Path(folder) / "out.wav"
        alone = Path(folder) / "alone.cfg"
        source.write_bytes(midi)
        path = config.resolve()
        corrections = _CORRECTIONS.get(path.name, "")
        alone.write_text(
            f'{_UNDEFINE}\ndir "{path.parent}"\nsource "{path}"\n{corrections}', encoding="utf-8"
        )
        command += ["-c", str(alone), "-s", str(RATE), "-Ow2", "-o", str(target), str(source)]
        environment = {**os.environ, "HOME": folder}  # where it would find more configuration
        result = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, env=environment
        )
        lines = (result.stdout + result.stderr).splitlines()
        complaints = [line for line in lines if _COMPLAINT.search(line)]
        if result.returncode != 0 or complaints or not target.is_file():
            reason = (complaints or lines[-1:] or ["no message"])[0]
            raise DataError(f"timidity could not play with {config}: {reason}")
        foreign = [found[1] for line in lines if (found := _SOUNDFONT.match(line))]
        if foreign:
            raise DataError(
                f"timidity played with {foreign[0]} instead of the patches of {config}",
                hint=f"take the soundfont out of {SYSTEM_CONFIG}",
            )
        return read_mono(target, "timidity")
