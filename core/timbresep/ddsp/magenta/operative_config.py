"""What a run of ddsp says about itself: its `operative_config-<step>.gin`.

Read as text. gin's own reader would import the modules that the file names.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from timbresep.ddsp.features import FRAME_RATE, HOP, SAMPLE_RATE
from timbresep.errors import CheckpointError

MEANT = {
    "Autoencoder.encoder": None,
    "Autoencoder.preprocessor": "@preprocessing.F0LoudnessPreprocessor()",
    "F0LoudnessPreprocessor.frame_rate": FRAME_RATE,
    "F0LoudnessPreprocessor.sample_rate": SAMPLE_RATE,
    "FilteredNoise.initial_bias": -5.0,
    "FilteredNoise.scale_fn": "@core.exp_sigmoid",
    "FilteredNoise.window_size": 0,
    "Harmonic.amp_resample_method": "window",
    "Harmonic.normalize_below_nyquist": True,
    "Harmonic.sample_rate": SAMPLE_RATE,
    "Harmonic.scale_fn": "@core.exp_sigmoid",
    "Reverb.add_dry": True,
    "RnnFcDecoder.input_keys": ("ld_scaled", "f0_scaled"),
    "RnnFcDecoder.rnn_type": "gru",
    "exp_sigmoid.exponent": 10.0,
    "exp_sigmoid.max_value": 2.0,
    "exp_sigmoid.threshold": 1e-07,
}
"""Settings of `solo_instrument.gin` that the model relies on and the weights do not show."""


def read(folder: Path) -> dict[str, object] | None:
    """The settings of the last `operative_config-<step>.gin` in a folder; None without one.

    Raises:
        CheckpointError: it cannot be read.
    """
    found = [(step(path), path) for path in folder.glob("operative_config-*.gin")]
    if not found:
        return None
    path = max(found)[1]
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"cannot read {path}: {error}", "restore or remove it") from error


def step(path: Path) -> int:
    """The number that a file's stem ends with; -1 without one."""
    number = re.search(r"-(\d+)$", path.stem)
    return int(number[1]) if number else -1


def parse(text: str) -> dict[str, object]:
    """Bindings by name: Python literals as they are, references and macros as text."""
    settings: dict[str, object] = {}
    for match in re.finditer(r"(?m)^([\w./]+)[ \t]*=[ \t]*((?:.*)(?:\n[ \t]+.*)*)", text):
        value = match[2].replace("\\\n", "\n").strip()
        try:
            settings[match[1]] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            settings[match[1]] = value
    return settings


def splits(settings: dict[str, object], where: str) -> tuple[int, int] | None:
    """Harmonics and noise magnitudes of the decoder; None if the settings do not tell.

    Args:
        settings: of `parse`.
        where: the file or folder, for errors.

    Raises:
        CheckpointError: a setting contradicts `solo_instrument.gin`.
    """
    for name, meant in MEANT.items():
        if settings.get(name, meant) != meant:
            raise CheckpointError(
                f"{where}: trained with {name} = {settings[name]!r}, not {meant!r}",
                "only models of ddsp's solo_instrument.gin can be imported",
            )
    samples = settings.get("Harmonic.n_samples")
    frames = settings.get("F0LoudnessPreprocessor.time_steps")
    if isinstance(samples, int) and isinstance(frames, int) and samples != frames * HOP:
        raise CheckpointError(
            f"{where}: {frames} frames for {samples} samples, not {HOP} samples a frame",
            "only models with 250 frames a second at 16 kHz can be imported",
        )
    given = settings.get("RnnFcDecoder.output_splits")
    match given:
        case None:
            return None
        case ("amps", 1), ("harmonic_distribution", int(n)), ("noise_magnitudes", int(m)):
            return n, m
    raise CheckpointError(
        f"{where}: the decoder's outputs are {given!r}, not one amplitude, a "
        "harmonic_distribution and noise_magnitudes",
        "only models of ddsp's solo_instrument.gin can be imported",
    )
