"""`check`: does a plugin keep what its kind promises, and what is to be mended?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from timbresep.commands.console import say, say_json, show_note
from timbresep.commands.options import AsJson, PluginsDir, Trust
from timbresep.commands.progress import progress
from timbresep.errors import PluginError, UnknownNameError, nearest
from timbresep.hookspecs import BackboneSpec, SourceModelSpec
from timbresep.instrument import Instrument
from timbresep.instrument_name import plain
from timbresep.registry.pretrained import missing
from timbresep.registry.registry import Registry

if TYPE_CHECKING:
    from timbresep.testing.trial import Outcome

Plugin = Instrument | BackboneSpec | SourceModelSpec
NOT_STATED = "not stated"
COLOURS = {"passed": "green", "failed": "bold red", "left out": "dim", "not run": "yellow"}


@dataclass(frozen=True)
class Tried:
    """A plugin, and how its checks ended."""

    kind: str
    plugin: Plugin
    outcomes: list[Outcome]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(outcome.status in ("passed", "left out") for outcome in self.outcomes)


def check(
    plugin: Annotated[
        str,
        typer.Argument(
            help="A plugin: the name of an instrument, backbone or source model, the plugin's "
            "folder, or the folder of a package that `new --package` made."
        ),
    ],
    as_json: AsJson = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Try whether a plugin keeps what its kind promises, and say how to mend what it does not.

    It runs the conformance kit of the plugin's kind (timbresep.testing), and exits with 1 if a
    check fails.
    """
    tried = []
    for each in _plugins(plugin, plugins_dir, trust=trust):
        _ready(each)
        from timbresep.testing.trial import kit_of, try_kit

        with progress(each.name) as update:
            outcomes = list(try_kit(kit_of(each), update))
        tried.append(Tried(_kind(each), each, outcomes))
    if as_json:
        say_json([_told(each) for each in tried])
    else:
        for each_tried in tried:
            _show(each_tried)
    if not all(each_tried.passed for each_tried in tried):
        raise typer.Exit(1)


def _plugins(plugin: str, plugins_dir: list[Path] | None, *, trust: bool) -> list[Plugin]:
    """The plugins that a name or a folder stands for, one at least.

    Raises:
        PluginError: the plugin is broken, or is Python that may not run.
        UnknownNameError: there is none of that name.
    """
    folder = Path(plugin)
    if folder.is_dir():
        return _of_folder(_within(folder), trust=trust)
    registry = Registry.load(plugins_dir or (), trust=trust)
    wanted = plain(plugin)
    specs: list[Plugin] = [*registry.backbones(), *registry.source_models()]
    found = [item for item in specs if item.name == wanted]
    try:
        found += registry.instruments([plugin])
    except UnknownNameError as error:
        if not found:
            known = [item.name for item in (*registry.instruments(), *specs)]
            raise UnknownNameError(
                f"no plugin named '{plugin}'",
                f"{nearest(wanted, known)}; or give its folder, or --plugins-dir",
            ) from error
    return found


def _of_folder(folder: Path, *, trust: bool) -> list[Plugin]:
    """The plugins in one folder; errors as `_plugins`."""
    registry = Registry.of_folder(folder, trust=trust)
    if registry.broken:
        row = registry.broken[0]
        raise PluginError(f"{row.owner} is broken: {row.detail}")
    found: list[Plugin] = [
        *registry.instruments(),
        *registry.backbones(),
        *registry.source_models(),
    ]
    if registry.not_run and not found:
        raise PluginError(f"{folder} is Python that was not run", "--trust runs it")
    if registry.not_run:
        show_note(f"the Python in {folder} was not run (--trust runs it)")
    if not found:
        raise PluginError(f"{folder} brings no plugin", "its __init__.py answers no hook")
    return found


def _within(folder: Path) -> Path:
    """A plugin's folder: the folder itself, or the one inside a package's."""
    if not (folder / "pyproject.toml").is_file():
        return folder
    inside = [path for path in sorted(folder.glob("src/*")) if path.is_dir()]
    inside = [path for path in inside if not path.name.endswith(".egg-info")]
    if len(inside) != 1:
        raise PluginError(
            f"{folder} is a package, and its src/ holds {len(inside)} folders",
            "name the plugin's own folder",
        )
    return inside[0]


def _ready(plugin: Plugin) -> None:
    """Refuse what lacks a package or weights: there is nothing to try yet."""
    lacks = ""
    if isinstance(plugin, BackboneSpec):
        lacks = plugin.missing()
    elif isinstance(plugin, SourceModelSpec):
        lacks = missing(plugin)
    if lacks:
        raise PluginError(f"{_kind(plugin)} '{plugin.name}' {lacks}")


def _kind(plugin: Plugin) -> str:
    if isinstance(plugin, Instrument):
        return "instrument"
    return "source model" if isinstance(plugin, SourceModelSpec) else "backbone"


def _advice(plugin: Plugin) -> Iterator[str]:
    """What no check refuses, and should be known before others get the plugin."""
    if isinstance(plugin, Instrument):
        licences = plugin.config.licences
        if any(NOT_STATED in text for text in (licences.weights, *licences.data)):
            yield (
                f"{plugin.folder / 'instrument.yaml'}: the licence of the recordings is not "
                "stated: state it before you pass the plugin on"
            )


def _told(tried: Tried) -> dict[str, object]:
    """What is known of a plugin, for JSON."""
    return {
        "kind": tried.kind,
        "name": tried.plugin.name,
        "passed": tried.passed,
        "checks": tried.outcomes,
        "advice": list(_advice(tried.plugin)),
    }


def _show(tried: Tried) -> None:
    """Print a line for each check, with reason and remedy below one that failed."""
    where = f" ({tried.plugin.folder})" if isinstance(tried.plugin, Instrument) else ""
    say(f"{tried.kind} {tried.plugin.name}{where}")
    for outcome in tried.outcomes:
        mark = Text(f"{outcome.status:>11}", COLOURS[outcome.status])
        why = f" ({outcome.found})" if outcome.status in ("left out", "not run") else ""
        say(Text.assemble(mark, "  ", outcome.check, why))
        if outcome.status == "failed":
            say(f"{'':11}  must hold: {outcome.promise}")
            say(f"{'':11}  found: {outcome.found}")
            if outcome.mend:
                say(f"{'':11}  mend: {outcome.mend}")
    counts: Counter[str] = Counter(outcome.status for outcome in tried.outcomes)
    say(", ".join(f"{counts[status]} {status}" for status in COLOURS if counts[status]))
    for text in _advice(tried.plugin):
        show_note(text)
