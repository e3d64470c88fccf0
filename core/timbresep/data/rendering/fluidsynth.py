"""The `fluidsynth` program as a renderer: MIDI and a soundfont in, one mono waveform out."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from timbresep.data.rendering.waveform import RATE, find_program, read_mono
from timbresep.errors import DataError

_COMPLAINT = re.compile(r"error|fail|not found", re.IGNORECASE)  # it exits with 0 all the same


def render(midi: bytes, soundfont: Path, *, reverb: bool) -> np.ndarray:
    """Play a MIDI file.

    Args:
        midi: a Standard MIDI File.
        soundfont: the .sf2 file.
        reverb: add fluidsynth's reverb.
    Returns:
        mono float32 waveform at 44.1 kHz, shape (samples,).
    Raises:
        MissingToolError: fluidsynth is not installed.
        DataError: fluidsynth failed, or has no such program; its own message is included.
    """
    program = find_program("fluidsynth")
    with tempfile.TemporaryDirectory(prefix="timbresep-") as folder:
        source, target = Path(folder) / "in.mid", Path(folder) / "out.wav"
        source.write_bytes(midi)
        command = [program, "-n", "-i", "-q", "-g", "0.4", "-r", str(RATE), "-C", "0"]
        command += ["-R", "1" if reverb else "0", "-o", "synth.dynamic-sample-loading=1"]
        command += ["-T", "wav", "-O", "float", "-F", str(target), str(soundfont), str(source)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        complaints = [line for line in result.stderr.splitlines() if _COMPLAINT.search(line)]
        if result.returncode != 0 or complaints or not target.is_file():
            reason = (complaints or result.stderr.splitlines() or ["no message"])[0]
            raise DataError(f"fluidsynth could not play with {soundfont}: {reason}")
        return read_mono(target, "fluidsynth")
