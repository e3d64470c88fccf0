"""BSSEval v4 through `museval`, in museval's own JSON: the one file that imports it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from types import ModuleType
from typing import Literal

import numpy as np

from timbresep.audio.writer import Wave
from timbresep.errors import DataError, MissingToolError
from timbresep.evaluation.result import BSS_KEYS, Scores, median_of

Extent = Literal["separator", "all"]
"""Whose stems to measure: only the separators', or also those of oracle and mixture."""
WINDOW_S = 1.0
"""Window and hop of the published scores."""


@dataclass(frozen=True)
class BssScores:
    """BSSEval of one track.

    Attributes:
        json: as museval's `TrackStore` writes it: every source, every frame.
        medians: source → medians over the frames, in dB; None where no frame has a value.
    """

    json: str
    medians: dict[str, Scores]


def bss_eval(
    track: str, rate: int, references: Mapping[str, Wave], estimates: Mapping[str, Wave]
) -> BssScores:
    """Measure estimates with ``museval.evaluate``: v4, windows of one second, 512 taps.

    A frame in which any signal is silent has no value in any source, as museval defines it.
    Memory grows with the track's length.

    Sources: Stöter, Liutkus and Ito, "The 2018 Signal Separation Evaluation Campaign", LVA/ICA
    2018; Vincent et al., "Performance measurement in blind audio source separation", 2006.

    Args:
        track: its name.
        rate: Hz.
        references: source → (channels, samples); two sources or more, see `is_silent`.
        estimates: the same sources.

    Raises:
        DataError: museval cannot measure them, such as a silent one.
        MissingToolError: museval is not installed.
    """
    museval = import_museval()
    window = int(WINDOW_S * rate)
    try:
        sdr, isr, sir, sar = museval.evaluate(
            [references[name].T.astype(np.float64) for name in references],  # (samples, channels)
            [estimates[name].T.astype(np.float64) for name in references],
            win=window,
            hop=window,
            mode="v4",
        )
    except ValueError as error:
        raise DataError(
            f"museval refuses track '{track}': {error}", "leave out --bsseval, or the track"
        ) from error
    store = museval.TrackStore(track, win=WINDOW_S, hop=WINDOW_S)
    for i, name in enumerate(references):
        values = {"SDR": sdr[i], "ISR": isr[i], "SIR": sir[i], "SAR": sar[i]}
        store.add_target(name, {key: list(map(float, row)) for key, row in values.items()})
    store.validate()
    return BssScores(
        json=store.json,
        medians={
            target["name"]: {
                key: _median([frame["metrics"][key.upper()] for frame in target["frames"]])
                for key in BSS_KEYS
            }
            for target in store.scores["targets"]
        },
    )


def in_16_bits(wave: Wave) -> Wave:
    """A reference rounded to 16 bits, as musdb reads every file; one that has 16 stays the same.

    The projections of BSSEval are singular on references without energy somewhere in the
    spectrum, such as decoded Ogg in floats, and then its SIR, ISR and SAR mean nothing. The noise
    of rounding fills the gap.
    """
    rounded: Wave = np.rint(wave * np.float32(2**15)) / np.float32(2**15)
    return rounded


def is_silent(wave: Wave) -> bool:
    """Whether museval counts a signal (channels, samples) as silent and refuses it."""
    return not wave.sum(axis=0).any()


def museval_version() -> str:
    """The version of museval that is installed; errors as `bss_eval`."""
    import_museval()
    return version("museval")


def import_museval() -> ModuleType:
    """The package, which is slow to import; errors as `bss_eval`.

    It imports musdb for functions that are not used here, and musdb cannot be imported without
    ffmpeg: where it has not been imported, an empty module stands in for it meanwhile.
    """
    stands_in = "musdb" not in sys.modules
    if stands_in:
        sys.modules["musdb"] = ModuleType("musdb")
    try:
        import museval
    except ImportError as error:
        raise MissingToolError(
            f"BSSEval needs museval ({error})", "pip install -c constraints.txt museval"
        ) from error
    finally:
        if stands_in:
            del sys.modules["musdb"]
    package: ModuleType = museval
    return package


def _median(values: list[object]) -> float | None:
    """Median of a target's frames as stored: rounded to 1e-5, infinities as NaN."""
    numbers = [float(str(value)) for value in values]
    return median_of([number for number in numbers if not np.isnan(number)])
