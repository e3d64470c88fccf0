"""The `fluidsynth` program as a renderer: MIDI and a soundfont in, one mono waveform out."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from core.errors import DataError, MissingToolError

RATE = 44_100
FOLDERS = (Path("/usr/share/sounds/sf2"), Path("/usr/local/share/soundfonts"))
_COMPLAINT = re.compile(r"error|fail|not found", re.IGNORECASE)  # it exits with 0 all the same
PACKAGES = {
    "FluidR3_GM.sf2": "fluid-soundfont-gm",
    "MuseScore_General_Full.sf2": "musescore-general-soundfont-lossless",
    "TimGM6mb.sf2": "timgm6mb-soundfont",
}


def find_program() -> str:
    """Path of `fluidsynth`.

    Raises:
        MissingToolError: it is not installed.
    """
    program = shutil.which("fluidsynth")
    if program is None:
        raise MissingToolError(
            "rendering scores needs the program fluidsynth, which is not installed",
            hint="apt install fluidsynth, or train on the bundled source: --source starter",
        )
    return program


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


def render(midi: bytes, soundfont: Path, reverb: bool) -> np.ndarray:
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
    program = find_program()
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
        wave, rate = soundfile.read(target, dtype="float32", always_2d=True)  # (samples, 2)
    if rate != RATE:
        raise DataError(f"fluidsynth rendered at {rate} Hz instead of {RATE} Hz")
    mono: np.ndarray = wave.mean(axis=1, dtype=np.float32)
    return mono


def normalise(wave: np.ndarray, level_db: float = -20.0, rate: int = RATE) -> np.ndarray | None:
    """Bring a stem to a common loudness, keeping its dynamics.

    Args:
        wave: mono waveform (samples,).
        level_db: RMS over its sounding 50 ms frames, in dBFS; the peak stays below 0.98.
        rate: sample rate in Hz.
    Returns:
        the scaled waveform, or None when it is silent (peak below -60 dBFS).
    """
    peak = float(np.abs(wave).max(initial=0.0))
    if peak < 1e-3:
        return None
    frame = rate // 20
    n_frames = max(1, len(wave) // frame)
    frames = wave[: n_frames * frame].reshape(n_frames, -1)  # (frames, samples)
    power = np.mean(frames.astype(np.float64) ** 2, axis=1)
    sounding = power[power > power.max() * 1e-4]
    gain = 10 ** (level_db / 20) / float(np.sqrt(sounding.mean()))
    return (wave * min(gain, 0.98 / peak)).astype(np.float32)
