"""A plugin's folder as pluggy plugins: its data, which runs nothing, and its Python."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

from timbresep.errors import PluginError
from timbresep.hookspecs import hookimpl

PYTHON = "__init__.py"


class InstrumentFolder:
    """An instrument folder as a pluggy plugin: no Python of its own needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @hookimpl
    def timbresep_instruments(self) -> list[Path]:
        """The folder."""
        return [self.folder]


def import_folder(folder: Path) -> ModuleType:
    """Import a plugin folder's `__init__.py` under a name of its own: this runs it.

    Raises:
        Exception: anything that the plugin raises.
    """
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:8]
    name = f"timbresep_plugin_{digest}_{folder.name}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        name, folder / PYTHON, submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise PluginError(f"cannot import {folder / PYTHON}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
