"""Where plugins come from: bundled, in folders and from entry points; all go to pluggy.

A plugin that fails is a row with its reason; the rest work.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pluggy

from timbresep import hookspecs
from timbresep.errors import PluginError
from timbresep.hookspecs import PROJECT
from timbresep.registry.catalogue import PluginRow, isolated, reason
from timbresep.registry.plugin_import import PYTHON, InstrumentFolder, import_folder

PLUGINS_VARIABLE = "TIMBRESEP_PLUGINS"
NOT_RUN = "not run"
INSTRUMENTS = "timbresep.instruments"
ENTRY_POINT_GROUPS = (INSTRUMENTS, "timbresep.backbones", "timbresep.source_models")


class Arrivals:
    """Plugins, registered with pluggy.

    Args:
        trusted: folders whose Python may run.
        trust: run the Python in all folders.

    Attributes:
        manager: pluggy's; bundled plugins, folders and packages answer the same hooks.
        broken: a row for each that failed.
        python: a row for each folder with Python that is not bundled.
    """

    def __init__(self, trusted: Iterable[Path], *, trust: bool) -> None:
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.broken: list[PluginRow] = []
        self.python: list[PluginRow] = []
        self._trusted_folders = [path.resolve() for path in trusted]
        self._trust_all = trust

    def refuse(self, kind: str, name: str, owner: str, reason: str) -> None:
        """Add a broken row."""
        self.broken.append(PluginRow(kind, name, owner, "broken", reason))

    @property
    def not_run(self) -> list[PluginRow]:
        """Folders whose Python was not run."""
        return [row for row in self.python if row.status == NOT_RUN]

    def take_directory(self, directory: Path) -> None:
        """Register the plugin folders in a folder; PluginError when it does not exist."""
        try:
            folders = sorted(path for path in directory.iterdir() if path.name[0] not in "._")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise PluginError(
                f"plugins folder {directory} does not exist",
                f"create it, or correct --plugins-dir / {PLUGINS_VARIABLE}",
            ) from error
        except OSError as error:
            self.refuse("plugin", directory.name, str(directory), reason(error))
            return
        for path in folders:
            with isolated(self.broken, "plugin", path.name, str(path)):
                if path.is_dir():
                    self.take_own_folder(path)

    def take_own_folder(self, folder: Path) -> None:
        """Register the plugin in a folder that is not bundled."""
        self.take_folder(folder, str(folder), "plugin", trusted=self._trusted(folder))

    def take_folder(self, folder: Path, owner: str, kind: str, *, trusted: bool) -> None:
        """Register a plugin's data, and its Python where that is trusted."""
        has_instrument = (folder / "instrument.yaml").is_file()
        has_python = (folder / PYTHON).is_file()
        if not has_instrument and not has_python:
            reason = (
                "no such folder"
                if not folder.is_dir()
                else ("neither instrument.yaml nor __init__.py in it")
            )
            self.refuse(kind, folder.name, owner, reason)
            return
        if has_instrument:
            with isolated(self.broken, kind, folder.name, owner):
                self.manager.register(InstrumentFolder(folder), owner)
        if has_python:
            python = f"{owner} (Python)" if has_instrument else owner
            row = partial(PluginRow, kind, folder.name, python)
            if not trusted:
                self.python.append(row(NOT_RUN, "Python, not run: --trust"))
                return
            with isolated(self.broken, kind, folder.name, owner):
                self._register(import_folder(folder), python)
                if kind == "plugin":
                    self.python.append(row("ok", "Python, trusted"))

    def _trusted(self, folder: Path) -> bool:
        """Whether the Python in a folder that is not bundled may run."""
        return self._trust_all or any(
            folder.resolve().is_relative_to(path) for path in self._trusted_folders
        )

    def take_entry_points(self) -> None:
        """Register what installed packages offer."""
        for group in ENTRY_POINT_GROUPS:
            for point in importlib.metadata.entry_points(group=group):
                distribution = point.dist.name if point.dist else "an installed package"
                owner = f"{distribution} (entry point {point.name})"
                with isolated(self.broken, _kind(group), point.name, owner):
                    plugin = point.load()
                    location = getattr(plugin, "__file__", None)
                    folder = Path(location).parent if location else None
                    if folder and (folder / "instrument.yaml").is_file():
                        self.manager.register(InstrumentFolder(folder), owner)
                        owner += " (Python)"
                    elif group == INSTRUMENTS and not hasattr(plugin, "timbresep_instruments"):
                        raise PluginError(
                            f"{distribution} holds no instrument.yaml",
                            f"its wheel needs the plugin's files in {folder or plugin}: "
                            "they are package data",
                        )
                    self._register(plugin, owner)

    def _register(self, plugin: object, owner: str) -> None:
        if self.manager.is_registered(plugin):  # one package, both kinds of entry point
            return
        self.manager.register(plugin, owner)
        self.manager.check_pending()  # a mistyped hook is an error, not silence


def _kind(group: str) -> str:
    """The word for a plugin of an entry point group, such as "source model"."""
    return group.rpartition(".")[2][:-1].replace("_", " ")
