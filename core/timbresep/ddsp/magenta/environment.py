"""Magenta's ddsp made importable, and its model built from its own configuration files."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from timbresep.errors import MissingToolError

if TYPE_CHECKING:
    from ddsp.training.models import Autoencoder

    from timbresep.ddsp.decoder import DecoderConfig

FILES = ("optimization/base.gin", "models/solo_instrument.gin")
"""ddsp's own configuration of the model and its training."""

DRY = (
    "[(@synths.Harmonic(), ['amps', 'harmonic_distribution', 'f0_hz']), "
    "(@synths.FilteredNoise(), ['noise_magnitudes']), "
    "(@processors.Add(), ['filtered_noise/signal', 'harmonic/signal'])]"
)
"""The processors of `solo_instrument.gin` without its reverb (those of ddsp's `ae.gin`)."""


@functools.lru_cache(maxsize=1)
def load() -> Path:
    """Import TensorFlow and ddsp as they work together.

    ddsp 3.7 is of 2023: it needs Keras 2 (the package tf-keras), and imports `crepe` although it
    needs it only to track pitch, which is done elsewhere here.

    Returns:
        The folder of ddsp's configuration files.

    Raises:
        MissingToolError: a package is missing or broken.
    """
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what matters is raised, not logged
    if "crepe" not in sys.modules and importlib.util.find_spec("crepe") is None:
        sys.modules["crepe"] = ModuleType("crepe", "Stand-in: ddsp.pitch tracks pitch.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old packages, about Python and ffmpeg
            import ddsp.training
            import gin
            import tensorflow as tf
    except ImportError as error:
        raise MissingToolError(
            f"Magenta's ddsp on TensorFlow cannot be imported ({error})", "install it: make magenta"
        ) from error
    if not tf.keras.Model.__module__.startswith("tf_keras."):
        raise MissingToolError(
            "ddsp needs Keras 2, and TensorFlow was imported with Keras 3",
            "set TF_USE_LEGACY_KERAS=1 before anything imports TensorFlow",
        )
    folder = Path(ddsp.training.__file__).parent / "gin"
    # First: gin's own function adds a path last, and a folder `models` of the user's, or a package
    # of that name, would be read in its place.
    gin.config._LOCATION_PREFIXES.insert(0, str(folder))
    return folder


def bindings(config: DecoderConfig, frames: int) -> list[str]:
    """What differs from `solo_instrument.gin`, as gin bindings.

    Args:
        config: sizes.
        frames: length of an example.
    """
    samples = frames * config.hop
    splits = (
        ("amps", 1),
        ("harmonic_distribution", config.n_harmonics),
        ("noise_magnitudes", config.n_noise),
    )
    return [
        f"RnnFcDecoder.rnn_channels = {config.rnn_channels}",
        f"RnnFcDecoder.ch = {config.channels}",
        f"RnnFcDecoder.layers_per_stack = {config.layers_per_stack}",
        f"RnnFcDecoder.output_splits = {splits}",
        f"F0LoudnessPreprocessor.time_steps = {frames}",
        f"F0LoudnessPreprocessor.sample_rate = {config.sample_rate}",
        f"F0LoudnessPreprocessor.frame_rate = {config.frame_rate}",
        # Given with the data: computed anew it would have a frame more, and be squeezed by 1/1000.
        "F0LoudnessPreprocessor.compute_loudness = False",
        f"Harmonic.n_samples = {samples}",
        f"Harmonic.sample_rate = {config.sample_rate}",
        f"FilteredNoise.n_samples = {samples}",
        f"Reverb.reverb_length = {config.reverb_length}"
        if config.reverb_length
        else f"ProcessorGroup.dag = {DRY}",
    ]


def configure(files: Sequence[str], changes: Sequence[str]) -> None:
    """Replace gin's configuration.

    Args:
        files: of ddsp, such as `FILES`.
        changes: bindings that override them.
    """
    load()
    import gin

    gin.clear_config()
    with _no_messages():
        gin.parse_config_files_and_bindings(list(files), list(changes))


def build(config: DecoderConfig, frames: int) -> Autoencoder:
    """ddsp's own `solo_instrument` model with its variables made, untrained.

    Args:
        config: sizes.
        frames: length of what it plays.

    Raises:
        MissingToolError: ddsp or TensorFlow is missing.
    """
    configure(FILES, bindings(config, frames))
    import tensorflow as tf
    from ddsp.training import models

    model = models.get_model()
    features = {
        "f0_hz": tf.fill([1, frames], 440.0),
        "loudness_db": tf.fill([1, frames], -40.0),
        "audio": tf.zeros([1, frames * config.hop]),
    }
    model(features, training=False)
    return model


def versions() -> dict[str, str]:
    """Versions of the packages that a model was trained or read with."""
    return {name: importlib.metadata.version(name) for name in ("ddsp", "tensorflow")}


@contextmanager
def _no_messages() -> Iterator[None]:
    """Keep gin from logging an error for each place where it looks for a file in vain."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)
