"""Groups of options in `--help`: those without one come first."""

from __future__ import annotations

from typing import Final

HOW: Final = "How to separate"
SCORE: Final = "With a score"
WRITTEN: Final = "What is written"
WORK: Final = "Many at a time"
NETWORK: Final = "The network"
MIXTURES: Final = "Data and mixtures"
RUN: Final = "The run"
MACHINE: Final = "Plugins and device"
