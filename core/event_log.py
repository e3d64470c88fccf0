"""TensorBoard's event files without TensorFlow."""

from __future__ import annotations

import sys
from types import ModuleType


def without_tensorflow() -> None:
    """Have TensorBoard use its own stand-in for TensorFlow's file functions.

    Else it imports TensorFlow wherever that is installed, seconds before the first step. It asks
    for a module of this name to decide; see `tensorboard.compat.tf`. Call before anything imports
    `torch.utils.tensorboard`.
    """
    if "tensorflow" not in sys.modules:
        name = "tensorboard.compat.notf"
        sys.modules.setdefault(name, ModuleType(name))
