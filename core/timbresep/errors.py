"""Errors a user can act on: each says what is wrong, where, and what to do.

The command line prints a `TimbresepError` as one line and exits with code 1; anything else is a
bug.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable

OWN = ("timbresep",)
"""The program's own modules."""


class TimbresepError(Exception):
    """Base of every expected failure.

    Args:
        message: what is wrong and where (file, key or name), without a full stop.
        hint: what the user can do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} — {self.hint}" if self.hint else self.message


class ConfigError(TimbresepError):
    """A YAML file or option is missing, malformed, or has an unknown key or bad value."""


class PluginError(TimbresepError):
    """A plugin cannot be loaded, is incomplete, or clashes with another."""


class UnknownNameError(TimbresepError):
    """A name (instrument, backbone, separator, source) is not registered."""


class AudioError(TimbresepError):
    """An audio file or waveform is missing, empty, corrupt, non-finite or of the wrong shape."""


class DataError(TimbresepError):
    """A dataset, track or recipe cannot be used for training or evaluation."""


class CheckpointError(TimbresepError):
    """A weights file is missing, truncated, altered or does not fit the model."""


class TrainingError(TimbresepError):
    """Training cannot start or go on (for example a loss that is no longer finite)."""


class PeerLostError(TrainingError):
    """Another process of a run on several cards or machines has ended, or answers no more."""


class InterruptedRunError(TimbresepError):
    """A run was interrupted and can go on; the command line exits with code 130."""


class OutputExistsError(TimbresepError):
    """An output is already there and `--overwrite` was not given."""


class OutputError(TimbresepError):
    """A file cannot be written: the disk is full, or may not be written to."""


class MissingToolError(TimbresepError):
    """An optional program or package that this step needs is not installed."""


def not_installed(missing: ImportError) -> TimbresepError:
    """What to do when another Python than the project's own runs the program.

    Args:
        missing: a package that is not there, or what a Python before 3.11 does not have.

    Raises:
        ImportError: of anything else, which is a bug.
    """
    version = ".".join(map(str, sys.version_info[:2]))
    package = (missing.name or "").partition(".")[0]
    if sys.version_info < (3, 11):  # noqa: UP036 (only an older Python gets here)
        lacks = "is too old: 3.11 is needed"
    elif isinstance(missing, ModuleNotFoundError) and package not in OWN:
        lacks = f"has no {package}"
    else:
        raise missing
    return MissingToolError(
        f"Python {version} ({sys.executable}) {lacks}",
        "run `make demo` once, or activate .venv: source .venv/bin/activate",
    )


def nearest(name: str, options: Iterable[str]) -> str:
    """Return ``"did you mean 'x'?"`` for the option most like `name`, or the list of options."""
    known = sorted(options)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return "known: " + ", ".join(known) if known else "none is known"
