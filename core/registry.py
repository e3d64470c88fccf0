"""The registry: reads `registry.yaml` and gathers every plugin, wherever it comes from.

Bundled plugins, plugin folders and entry points all become pluggy plugins and answer the same
hooks. One that fails is a row with its reason; the others work. This is the only file that
touches the plugin manager.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pluggy

from core import hookspecs
from core.catalogue import Catalogue, PluginRow
from core.config import load_yaml
from core.data.recipe import load as load_recipe
from core.errors import CheckpointError, PluginError, TimbresepError, UnknownNameError, nearest
from core.hookspecs import PROJECT, BackboneSpec, hookimpl
from core.instrument import NAME, Instrument, plain
from core.registry_config import RegistryConfig

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[1]
REGISTRY_FILE = ROOT / "registry.yaml"
PLUGINS_VARIABLE = "TIMBRESEP_PLUGINS"
ENTRY_POINT_GROUPS = ("timbresep.instruments", "timbresep.backbones")


class Registry:
    """All plugins, shipped separators and training defaults.

    Use `Registry.load`.
    """

    def __init__(self, config: RegistryConfig, folder: Path) -> None:
        self.config = config
        self.folder = folder
        self.broken: list[PluginRow] = []
        self._deaf: set[str] = set()  # observers that failed
        self._told: set[str] = set()  # aliases whose choice was told
        self._instruments: Catalogue[Instrument] = Catalogue("instrument")
        self._backbones: Catalogue[BackboneSpec] = Catalogue("backbone")
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)

    @classmethod
    def load(
        cls, plugins_dirs: Sequence[Path] = (), registry_file: Path = REGISTRY_FILE
    ) -> Registry:
        """Read the registry file and gather plugins.

        Args:
            plugins_dirs: folders of plugin folders, besides those in the environment variable
                `TIMBRESEP_PLUGINS` (separated as in PATH).
            registry_file: the index.

        Raises:
            ConfigError: the registry file is invalid.
            PluginError: a plugins folder does not exist.
        """
        registry = cls(load_yaml(registry_file, RegistryConfig), registry_file.parent)
        for kind, shelf in (
            ("instrument", registry.config.instruments),
            ("backbone", registry.config.backbones),
        ):
            for name in shelf.enabled:
                if NAME.fullmatch(name):
                    path = registry.folder / shelf.folder / name
                    registry._register_folder(path, f"bundled {shelf.folder / name}", kind)
                else:
                    registry._refuse(kind, name, str(registry_file), "not a valid plugin name")
        variable = os.environ.get(PLUGINS_VARIABLE, "")
        directories = [*plugins_dirs, *map(Path, filter(None, variable.split(os.pathsep)))]
        for directory in {Path(os.path.realpath(path)): path for path in directories}.values():
            registry._register_directory(directory)
        registry._register_entry_points()
        registry._collect()
        return registry

    # Arrival: each way in ends in one pluggy registration.

    def _register_directory(self, directory: Path) -> None:
        try:
            folders = sorted(path for path in directory.iterdir() if path.name[0] not in "._")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise PluginError(
                f"plugins folder {directory} does not exist",
                f"create it, or correct --plugins-dir / {PLUGINS_VARIABLE}",
            ) from error
        except OSError as error:
            self._refuse("plugin", directory.name, str(directory), _reason(error))
            return
        for path in folders:
            with self._isolated("plugin", path.name, str(path)):
                if path.is_dir():
                    self._register_folder(path, str(path), "plugin")

    def _register_folder(self, folder: Path, owner: str, kind: str) -> None:
        has_instrument = (folder / "instrument.yaml").is_file()
        has_python = (folder / "__init__.py").is_file()
        if not has_instrument and not has_python:
            reason = (
                "no such folder"
                if not folder.is_dir()
                else ("neither instrument.yaml nor __init__.py in it")
            )
            self._refuse(kind, folder.name, owner, reason)
            return
        if has_instrument:
            with self._isolated(kind, folder.name, owner):
                self._manager.register(_InstrumentFolder(folder), owner)
        if has_python:
            with self._isolated(kind, folder.name, owner):
                module = _import_folder(folder)
                self._register_object(module, f"{owner} (Python)" if has_instrument else owner)

    def _register_entry_points(self) -> None:
        for group in ENTRY_POINT_GROUPS:
            for point in importlib.metadata.entry_points(group=group):
                distribution = point.dist.name if point.dist else "an installed package"
                owner = f"{distribution} (entry point {point.name})"
                with self._isolated(group.rpartition(".")[2][:-1], point.name, owner):
                    plugin = point.load()
                    location = getattr(plugin, "__file__", None)
                    folder = Path(location).parent if location else None
                    if folder and (folder / "instrument.yaml").is_file():
                        self._manager.register(_InstrumentFolder(folder), owner)
                        owner += " (Python)"
                    self._register_object(plugin, owner)

    def _register_object(self, plugin: object, owner: str) -> None:
        if self._manager.is_registered(plugin):  # one package, both kinds of entry point
            return
        self._manager.register(plugin, owner)
        self._manager.check_pending()  # a mistyped hook is an error, not silence

    # Collection: ask every plugin, one at a time, so that one failure stays its own.

    def _collect(self) -> None:
        for hook in self._manager.hook.timbresep_instruments.get_hookimpls():
            name = Path(hook.plugin_name).name
            with self._isolated("instrument", name, hook.plugin_name):
                folders = cast(Iterable[Path], hook.function())
                for folder in folders:
                    self._collect_instrument(Path(folder), hook.plugin_name)
        for hook in self._manager.hook.timbresep_backbones.get_hookimpls():
            with self._isolated("backbone", Path(hook.plugin_name).name, hook.plugin_name):
                specs = cast(Iterable[BackboneSpec], hook.function())
                for spec in specs:
                    if not isinstance(spec, BackboneSpec) or not NAME.fullmatch(str(spec.name)):
                        raise PluginError(f"{spec!r} is not a BackboneSpec with a plain name")
                    self._backbones.add(spec.name, hook.plugin_name, spec)

    def _collect_instrument(self, folder: Path, owner: str) -> None:
        with self._isolated("instrument", folder.name, owner):
            instrument = Instrument.from_folder(folder, owner)
            load_recipe(instrument.recipe_file)  # or training would meet what is wrong with it
            self._refuse_taken_aliases(instrument)
            self._instruments.add(instrument.name, owner, instrument)

    def _refuse_taken_aliases(self, new: Instrument) -> None:
        """A newcomer may not share an alias; one that is somebody's name means that one alone."""
        for other in self.instruments():
            shared = set(new.aliases) & set(other.aliases)
            if shared and new.name != other.name:  # equal names are the catalogue's to judge
                raise PluginError(
                    f"its alias '{min(shared)}' is taken by '{other.name}' ({other.owner})",
                    "choose another in its instrument.yaml",
                )

    def _isolated(self, kind: str, name: str, owner: str) -> _Isolation:
        return _Isolation(self, kind, name, owner)

    def _refuse(self, kind: str, name: str, owner: str, reason: str) -> None:
        self.broken.append(PluginRow(kind, name, owner, "broken", reason))

    # Questions.

    def rows(self) -> list[PluginRow]:
        """Every plugin found, working or broken."""
        return [
            *self._instruments.rows(self._describe),
            *self._backbones.rows(lambda spec: spec.summary),
            *self.broken,
        ]

    def instruments(self, names: Iterable[str] | None = None) -> list[Instrument]:
        """Instruments by name or alias, each once, in the order asked; None gives all.

        Raises:
            UnknownNameError: no such instrument (suggests the nearest).
            PluginError: the name is claimed twice, or its plugin is broken (says why).
        """
        if names is None:
            return [item for _, item in self._instruments.items.values()]
        found = {name: self._instrument(name) for name in names}
        return list({instrument.name: instrument for instrument in found.values()}.values())

    def _instrument(self, name: str) -> Instrument:
        wanted = plain(name)
        if wanted not in self._instruments.items and wanted not in self._instruments.clashes:
            for instrument in self.instruments():
                if wanted in instrument.aliases:
                    self._tell_choice(wanted, instrument)
                    return instrument
            for row in self.broken:
                if row.name == wanted:
                    raise PluginError(f"plugin '{wanted}' ({row.owner}) is broken: {row.detail}")
        return self._instruments.get(wanted)

    def _tell_choice(self, alias: str, chosen: Instrument) -> None:
        """Say what an alias is taken for where other instruments, too, are called something so."""
        others = [name for name in self._instruments.items if f"_{alias}_" in f"_{name}_"]
        others = [f"'{name}'" for name in others if name != chosen.name]
        if others and alias not in self._told:
            self._told.add(alias)
            also = " and ".join(others)
            log.warning("'%s' is taken for '%s'; there is also %s", alias, chosen.name, also)

    def _describe(self, instrument: Instrument) -> str:
        """What `list` says of a working instrument; an error when a file of it is unusable."""
        instrument.verify()
        span = instrument.f0_range
        pitch = f"{span[0]:.0f}–{span[1]:.0f} Hz" if span else "unpitched"
        aliases = [alias for alias in instrument.aliases if alias not in self._instruments.items]
        also = f"also {', '.join(aliases)}; " if aliases else ""
        return f"{pitch}; {also}{instrument.config.licences.weights}"

    def backbone(self, name: str) -> BackboneSpec:
        """A backbone by name; errors as for `instruments`."""
        for row in self.broken:
            if row.name == name and name not in self._backbones.items:
                raise PluginError(f"plugin '{name}' ({row.owner}) is broken: {row.detail}")
        return self._backbones.get(name)

    def backbones(self) -> list[BackboneSpec]:
        """All working backbones."""
        return [item for _, item in self._backbones.items.values()]

    def separator_path(self, name: str | None = None) -> Path:
        """Checkpoint of a shipped separator (default: `default_separator`), its hash checked.

        Raises:
            UnknownNameError: no separator of that name.
            CheckpointError: the file is missing or altered.
        """
        wanted = name or self.config.default_separator
        if wanted is None:
            raise UnknownNameError(
                "no default separator in registry.yaml", "name one with --separator or --checkpoint"
            )
        if wanted not in self.config.separators:
            raise UnknownNameError(
                f"no separator named '{wanted}'", nearest(wanted, self.config.separators)
            )
        separator = self.config.separators[wanted]
        path = self.folder / separator.file
        if not path.is_file():
            raise CheckpointError(f"separator '{wanted}': {path} is missing", "restore the file")
        if hashlib.sha256(path.read_bytes()).hexdigest() != separator.sha256:
            raise CheckpointError(
                f"separator '{wanted}': {path} does not match its sha256 in registry.yaml",
                "it was cut or altered: restore the file",
            )
        return path

    def notify_step(self, step: int, scalars: dict[str, float]) -> None:
        """Tell observers what the trainer logged; one that fails is told of once and left out."""
        arguments = {"step": step, "scalars": scalars}
        for hook in self._manager.hook.timbresep_step.get_hookimpls():
            if hook.plugin_name not in self._deaf:
                known = len(self.broken)
                with self._isolated("observer", Path(hook.plugin_name).name, hook.plugin_name):
                    hook.function(*(arguments[name] for name in hook.argnames))
                if len(self.broken) > known:
                    self._deaf.add(hook.plugin_name)
                    log.warning("%s: %s", hook.plugin_name, self.broken[-1].detail)


class _InstrumentFolder:
    """An instrument folder as a pluggy plugin: no Python of its own needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @hookimpl
    def timbresep_instruments(self) -> list[Path]:
        return [self.folder]


class _Isolation:
    """Turns whatever a plugin raises into a broken row that keeps the reason."""

    def __init__(self, registry: Registry, kind: str, name: str, owner: str) -> None:
        self.registry, self.kind, self.name, self.owner = registry, kind, name, owner

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: Any, _: object) -> bool:
        if not isinstance(error, Exception | SystemExit):
            return False
        self.registry._refuse(self.kind, self.name, self.owner, _reason(error))
        return True


def _reason(error: Exception | SystemExit) -> str:
    """Why a plugin is broken, in words."""
    if isinstance(error, TimbresepError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"cannot read {error.filename or 'it'}: {error.strerror}"
    return f"{type(error).__name__}: {error}"


def _import_folder(folder: Path) -> ModuleType:
    """Import a plugin folder's `__init__.py` under a name of its own."""
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:8]
    name = f"timbresep_plugin_{digest}_{folder.name}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise PluginError(f"cannot import {folder / '__init__.py'}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
