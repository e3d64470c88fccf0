"""The registry: reads `registry.yaml` and gathers every plugin, wherever it comes from.

Bundled plugins, plugin folders and entry points all become pluggy plugins and answer the same
hooks. One that fails is a row with its reason; the others work.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar, cast

import pluggy

from timbresep.config import ROOT, load_yaml
from timbresep.data.recipe import load as load_recipe
from timbresep.errors import MissingToolError, PluginError, UnknownNameError
from timbresep.hookspecs import BackboneSpec, SourceModelSpec
from timbresep.instrument import Instrument
from timbresep.instrument_name import NAME, plain
from timbresep.registry.arrival import PLUGINS_VARIABLE, Arrivals
from timbresep.registry.catalogue import Catalogue, Item, PluginRow, isolated
from timbresep.registry.chain import Chains
from timbresep.registry.config import RegistryConfig
from timbresep.registry.pretrained import check_kept, missing
from timbresep.registry.transcribers import Transcribers

log = logging.getLogger(__name__)

Spec = TypeVar("Spec", BackboneSpec, SourceModelSpec)

REGISTRY_FILE = ROOT / "registry.yaml"
SHOWN = 3
"""Aliases of an instrument that `list` shows."""
TRUST = "--trust runs it, and so does its folder under 'trusted' in registry.yaml"


class Registry:
    """All plugins, shipped separators and training defaults.

    Use `Registry.load`.
    """

    def __init__(self, config: RegistryConfig, folder: Path, *, trust: bool = False) -> None:
        self.config = config
        self.folder = folder
        trusted = (folder / path for path in config.trusted)
        self._arrivals = Arrivals(trusted, trust=trust)
        self._failed: set[str] = set()  # observers that failed
        self._told: set[str] = set()  # aliases whose choice was logged
        self._instruments: Catalogue[Instrument] = Catalogue("instrument")
        self._backbones: Catalogue[BackboneSpec] = Catalogue("backbone")
        self._source_models: Catalogue[SourceModelSpec] = Catalogue("source model")

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
        registry._arrive(plugins_dirs, registry_file)
        registry._collect()
        return registry

    @classmethod
    def of_folder(cls, folder: Path, *, trust: bool = False) -> Registry:
        """A registry of one plugin's folder and nothing else.

        Args:
            folder: the plugin's own.
            trust: run its Python.
        """
        registry = cls(load_yaml(REGISTRY_FILE, RegistryConfig), REGISTRY_FILE.parent, trust=trust)
        registry._arrivals.take_own_folder(folder.resolve())
        registry._collect()
        return registry

    def _arrive(self, plugins_dirs: Sequence[Path], registry_file: Path) -> None:
        """Register every plugin, wherever it comes from."""
        arrivals = self._arrivals
        shelves = {
            "instrument": self.config.instruments,
            "backbone": self.config.backbones,
            "source model": self.config.source_models,
        }
        for kind, shelf in shelves.items():
            for name in shelf.enabled:
                if NAME.fullmatch(name):
                    path = self.folder / shelf.folder / name
                    with self._isolated(kind, name, str(path)):
                        owner = f"bundled {shelf.folder / name}"
                        arrivals.take_folder(path, owner, kind, trusted=True)
                else:
                    arrivals.refuse(kind, name, str(registry_file), "not a valid plugin name")
        variable = os.environ.get(PLUGINS_VARIABLE, "")
        directories = [*plugins_dirs, *map(Path, filter(None, variable.split(os.pathsep)))]
        for directory in {Path(os.path.realpath(path)): path for path in directories}.values():
            arrivals.take_directory(directory)
        arrivals.take_entry_points()

    # Collection: ask every plugin, one at a time, so that one failure stays its own.

    def _collect(self) -> None:
        for hook in self._arrivals.manager.hook.timbresep_instruments.get_hookimpls():
            name = Path(hook.plugin_name).name
            with self._isolated("instrument", name, hook.plugin_name):
                folders = cast(Iterable[Path], hook.function())
                for folder in folders:
                    self._collect_instrument(Path(folder), hook.plugin_name)
        hooks = self._arrivals.manager.hook
        self._collect_specs(hooks.timbresep_backbones, self._backbones, BackboneSpec)
        self._collect_specs(hooks.timbresep_source_models, self._source_models, SourceModelSpec)

    def _collect_specs(
        self, hook: pluggy.HookCaller, catalogue: Catalogue[Spec], kind: type[Spec]
    ) -> None:
        """Ask every plugin for what it offers of a kind that is described by a spec."""
        for each in hook.get_hookimpls():
            with self._isolated(catalogue.kind, Path(each.plugin_name).name, each.plugin_name):
                for spec in cast(Iterable[object], each.function()):
                    if not isinstance(spec, kind):
                        raise PluginError(f"{spec!r} is not a {kind.__name__}")
                    if not NAME.fullmatch(str(spec.name)):
                        raise PluginError(
                            f"'{spec.name}' is no plain name of a {catalogue.kind}",
                            "use lower-case letters, digits and underscores",
                        )
                    catalogue.add(spec.name, each.plugin_name, spec)

    def _collect_instrument(self, folder: Path, owner: str) -> None:
        with self._isolated("instrument", folder.name, owner):
            instrument = Instrument.from_folder(folder, owner)
            load_recipe(instrument.recipe_file)  # or training would meet what is wrong with it
            self._refuse_taken_aliases(instrument)
            self._instruments.add(instrument.name, owner, instrument)

    def _refuse_taken_aliases(self, new: Instrument) -> None:
        """Refuse a plugin that shares an alias; an exact name always beats an alias."""
        for other in self.instruments():
            shared = set(new.aliases) & set(other.aliases)
            if shared and new.name != other.name:  # equal names are the catalogue's to judge
                raise PluginError(
                    f"its alias '{min(shared)}' is taken by '{other.name}' ({other.owner})",
                    "choose another in its instrument.yaml",
                )

    @property
    def not_run(self) -> list[PluginRow]:
        """Folders whose Python was not run: a row for each."""
        return self._arrivals.not_run

    @property
    def broken(self) -> list[PluginRow]:
        """What failed: a row for each."""
        return self._arrivals.broken

    def _isolated(self, kind: str, name: str, owner: str) -> AbstractContextManager[None]:
        return isolated(self.broken, kind, name, owner)

    def _why(self, name: str) -> None:
        """Raise PluginError when the plugin of that name is broken or was not run."""
        for row in self.broken:
            if row.name == name:
                raise PluginError(f"plugin '{name}' ({row.owner}) is broken: {row.detail}")
        for row in self._arrivals.not_run:
            if row.name == name:
                raise PluginError(
                    f"plugin '{name}' ({row.owner}) is Python that was not run", TRUST
                )

    def _find(self, catalogue: Catalogue[Item], name: str) -> Item:
        """As `Catalogue.get`; the message names Python that was not run."""
        try:
            return catalogue.get(name)
        except UnknownNameError as error:
            folders = ", ".join(row.owner for row in self._arrivals.not_run)
            more = f"; Python that was not run may have it: {folders} (--trust)" if folders else ""
            raise UnknownNameError(error.message + more, error.hint) from error

    # Questions.

    def rows(self) -> list[PluginRow]:
        """Every plugin found, working or broken, and Python in folders."""
        return [
            *self._instruments.rows(self._describe),
            *self._backbones.rows(_describe_backbone),
            *self._source_models.rows(_describe_source_model),
            *self._arrivals.python,
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
        more = f" and {len(aliases) - SHOWN} more" if len(aliases) > SHOWN else ""
        also = f"also {', '.join(aliases[:SHOWN])}{more}; " if aliases else ""
        return f"{pitch}; {also}{instrument.config.licences.weights}"

    def backbone(self, name: str) -> BackboneSpec:
        """A backbone by name; errors as for `instruments`."""
        if name not in self._backbones.items:
            self._why(name)
        return self._find(self._backbones, name)

    def backbones(self) -> list[BackboneSpec]:
        """All working backbones."""
        return [item for _, item in self._backbones.items.values()]

    def source_model(self, name: str) -> SourceModelSpec:
        """A source model by name; errors as for `instruments`."""
        if name not in self._source_models.items:
            self._why(name)
        return self._find(self._source_models, name)

    def source_models(self) -> list[SourceModelSpec]:
        """All working source models, whether their weights are there or not."""
        return [item for _, item in self._source_models.items.values()]

    @property
    def separators(self) -> Chains:
        """The separators on offer."""
        return Chains(self.config, self.folder, self.source_model)

    @property
    def transcribers(self) -> Transcribers:
        """The transcribers on offer."""
        return Transcribers(self.config, self.folder)

    def notify_step(self, step: int, scalars: dict[str, float]) -> None:
        """Pass on to observers what the trainer logged; one that fails is left out from then on."""
        arguments = {"step": step, "scalars": scalars}
        for hook in self._arrivals.manager.hook.timbresep_step.get_hookimpls():
            if hook.plugin_name not in self._failed:
                known = len(self.broken)
                with self._isolated("observer", Path(hook.plugin_name).name, hook.plugin_name):
                    hook.function(*(arguments[name] for name in hook.argnames))
                if len(self.broken) > known:
                    self._failed.add(hook.plugin_name)
                    log.warning("%s: %s", hook.plugin_name, self.broken[-1].detail)


def _describe_source_model(spec: SourceModelSpec) -> str:
    """What `list` says of a source model; MissingToolError when it lacks something, and
    CheckpointError when its weights are damaged."""
    about = f"{spec.summary}; weights: {spec.licence}"
    if lacks := missing(spec):
        raise MissingToolError(f"{about}; {lacks}")
    check_kept(spec)
    return about


def _describe_backbone(spec: BackboneSpec) -> str:
    """What `list` says of a backbone; MissingToolError when it lacks a package."""
    if lacks := spec.missing():
        raise MissingToolError(f"{spec.summary}; {lacks}")
    return spec.summary
