"""The registry: reads `registry.yaml` and gathers every plugin, wherever it comes from.

Bundled plugins, plugin folders and entry points all become pluggy plugins and answer the same
hooks. One that fails is a row with its reason; the others work. This is the only file that
touches the plugin manager.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import cast

import pluggy

from timbresep import hookspecs
from timbresep.bundled import ROOT
from timbresep.config import load_yaml
from timbresep.data.recipe import load as load_recipe
from timbresep.errors import PluginError, UnknownNameError, nearest
from timbresep.hookspecs import PROJECT, BackboneSpec
from timbresep.instrument import NAME, Instrument, plain
from timbresep.registry.catalogue import Catalogue, Item, PluginRow, isolated, reason
from timbresep.registry.config import RegistryConfig
from timbresep.registry.plugin_import import PYTHON, InstrumentFolder, import_folder

log = logging.getLogger(__name__)

REGISTRY_FILE = ROOT / "registry.yaml"
PLUGINS_VARIABLE = "TIMBRESEP_PLUGINS"
NOT_RUN = "not run"
TRUST = "--trust runs it, and so does its folder under 'trusted' in registry.yaml"
ENTRY_POINT_GROUPS = ("timbresep.instruments", "timbresep.backbones")


class Registry:
    """All plugins, shipped separators and training defaults.

    Use `Registry.load`.
    """

    def __init__(self, config: RegistryConfig, folder: Path, *, trust: bool = False) -> None:
        self.config = config
        self.folder = folder
        self._trust_all = trust
        self.broken: list[PluginRow] = []
        self._python: list[PluginRow] = []  # of others than the bundled plugins
        self._failed: set[str] = set()  # observers that failed
        self._told: set[str] = set()  # aliases whose choice was told
        self._instruments: Catalogue[Instrument] = Catalogue("instrument")
        self._backbones: Catalogue[BackboneSpec] = Catalogue("backbone")
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)

    @classmethod
    def load(
        cls,
        plugins_dirs: Sequence[Path] = (),
        registry_file: Path = REGISTRY_FILE,
        *,
        trust: bool = False,
    ) -> Registry:
        """Read the registry file and gather plugins.

        Folders that are data run nothing. Python in `plugins_dirs` and the variable's folders is
        a row until it is trusted; bundled and installed plugins are.

        Args:
            plugins_dirs: folders of plugin folders, besides those in the environment variable
                `TIMBRESEP_PLUGINS` (separated as in PATH).
            registry_file: the index.
            trust: run the Python in all of these folders, and not only in those that the index
                trusts.

        Raises:
            ConfigError: the registry file is invalid.
            PluginError: a plugins folder does not exist.
        """
        registry = cls(load_yaml(registry_file, RegistryConfig), registry_file.parent, trust=trust)
        for kind, shelf in (
            ("instrument", registry.config.instruments),
            ("backbone", registry.config.backbones),
        ):
            for name in shelf.enabled:
                if NAME.fullmatch(name):
                    path = registry.folder / shelf.folder / name
                    with registry._isolated(kind, name, str(path)):
                        owner = f"bundled {shelf.folder / name}"
                        registry._register_folder(path, owner, kind, trusted=True)
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
            self._refuse("plugin", directory.name, str(directory), reason(error))
            return
        for path in folders:
            with self._isolated("plugin", path.name, str(path)):
                if path.is_dir():
                    self._register_folder(path, str(path), "plugin", trusted=self._trusted(path))

    def _register_folder(self, folder: Path, owner: str, kind: str, *, trusted: bool) -> None:
        has_instrument = (folder / "instrument.yaml").is_file()
        has_python = (folder / PYTHON).is_file()
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
                self._manager.register(InstrumentFolder(folder), owner)
        if has_python:
            python = f"{owner} (Python)" if has_instrument else owner
            row = partial(PluginRow, kind, folder.name, python)
            if not trusted:
                self._python.append(row(NOT_RUN, "Python, not run: --trust"))
                return
            with self._isolated(kind, folder.name, owner):
                self._register_object(import_folder(folder), python)
                if kind == "plugin":
                    self._python.append(row("ok", "Python, trusted"))

    def _trusted(self, folder: Path) -> bool:
        """Whether the Python in a folder of somebody's may run."""
        known = ((self.folder / path).resolve() for path in self.config.trusted)
        return self._trust_all or any(folder.resolve().is_relative_to(path) for path in known)

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
                        self._manager.register(InstrumentFolder(folder), owner)
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

    def _isolated(self, kind: str, name: str, owner: str) -> AbstractContextManager[None]:
        return isolated(self.broken, kind, name, owner)

    def _refuse(self, kind: str, name: str, owner: str, reason: str) -> None:
        self.broken.append(PluginRow(kind, name, owner, "broken", reason))

    def _why(self, name: str) -> None:
        """Raise PluginError when a plugin of that name is of no use."""
        for row in self.broken:
            if row.name == name:
                raise PluginError(f"plugin '{name}' ({row.owner}) is broken: {row.detail}")
        for row in self._not_run:
            if row.name == name:
                raise PluginError(
                    f"plugin '{name}' ({row.owner}) is Python that was not run", TRUST
                )

    @property
    def _not_run(self) -> list[PluginRow]:
        return [row for row in self._python if row.status == NOT_RUN]

    def _find(self, catalogue: Catalogue[Item], name: str) -> Item:
        """As `Catalogue.get`; the message tells of Python that was not run."""
        try:
            return catalogue.get(name)
        except UnknownNameError as error:
            folders = ", ".join(row.owner for row in self._not_run)
            more = f"; Python that was not run may have it: {folders} (--trust)" if folders else ""
            raise UnknownNameError(error.message + more, error.hint) from error

    # Questions.

    def rows(self) -> list[PluginRow]:
        """Every plugin found, working or broken, and Python in folders."""
        return [
            *self._instruments.rows(self._describe),
            *self._backbones.rows(lambda spec: spec.summary),
            *self._python,
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
            self._why(wanted)
        return self._find(self._instruments, wanted)

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
        if name not in self._backbones.items:
            self._why(name)
        return self._find(self._backbones, name)

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
        return self.config.separators[wanted].checked(self.folder, wanted)

    def notify_step(self, step: int, scalars: dict[str, float]) -> None:
        """Tell observers what the trainer logged; one that fails is told of once and left out."""
        arguments = {"step": step, "scalars": scalars}
        for hook in self._manager.hook.timbresep_step.get_hookimpls():
            if hook.plugin_name not in self._failed:
                known = len(self.broken)
                with self._isolated("observer", Path(hook.plugin_name).name, hook.plugin_name):
                    hook.function(*(arguments[name] for name in hook.argnames))
                if len(self.broken) > known:
                    self._failed.add(hook.plugin_name)
                    log.warning("%s: %s", hook.plugin_name, self.broken[-1].detail)
