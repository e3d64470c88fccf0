"""Which datasets the recipes and the command line ask for, and what is in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from timbresep.config import ROOT
from timbresep.data import recipe as recipes
from timbresep.data.recipe import DatasetSpec, FolderSpec, Recipe, RenderedSpec
from timbresep.data.sources import stem_folders
from timbresep.data.sources.adapter import Kind, Location
from timbresep.data.sources.kinds import KINDS, kind_of
from timbresep.data.sources.listing import Listing, list_tracks
from timbresep.data.sources.naming import Naming, normalised
from timbresep.errors import DataError, UnknownNameError, nearest

Render = Callable[[str, Sequence[str], Mapping[str, Recipe]], Path]
"""Takes a rendered source, those who train on it and all recipes; returns its folder of tracks."""


class InstrumentLike(Protocol):
    """What the data needs to know of an instrument."""

    @property
    def name(self) -> str:
        """Its name: the targets' name."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names its stems may have."""

    @property
    def programs(self) -> tuple[int, ...]:
        """General MIDI programs, from 0, that sound as it does."""

    @property
    def recipe_file(self) -> Path:
        """Its `recipe.yaml`."""


def discover(
    instruments: Sequence[InstrumentLike],
    everyone: Sequence[InstrumentLike],
    source_names: Sequence[str] | None,
    data_roots: Mapping[str, Path] | None,
    render: Render,
) -> list[Listing]:
    """Look into all datasets asked for, each once; arguments as `data.build.build_tracks`.

    Raises:
        UnknownNameError: a source that no recipe has.
        DataError: a folder is not there or looks like no dataset; two instruments claim one name.
    """
    roots = dict(data_roots or {})
    known = {i.name: recipes.load(i.recipe_file) for i in [*instruments, *everyone]}
    folders = {i.name: i.recipe_file.parent for i in [*instruments, *everyone]}
    aliases = stem_names([*instruments, *everyone])
    listings: list[Listing] = []
    seen: set[tuple[str, Path, str | None]] = set()
    for source, owners in _wanted(
        list(dict.fromkeys(i.name for i in instruments)), known, source_names, roots
    ).items():
        if source in roots:
            found = [_at_root(source, roots[source], known, aliases)]
        else:
            found = [
                _described(source, owner, known, folders[owner], aliases)
                for owner in owners
                if not isinstance(known[owner].sources[source], RenderedSpec)
            ]
            if len(found) < len(owners):
                root = render(source, owners, known)
                location = Location(root, Naming(aliases), "see track.yaml")
                found.append((stem_folders.KIND, location))
        for kind, location in found:
            key = (kind.name, location.root.resolve(), location.owner)
            if key not in seen:
                seen.add(key)
                listings.append(list_tracks(source, kind, location))
    return listings


def dataset_at(
    root: Path, instruments: Sequence[InstrumentLike], source: str = ""
) -> tuple[Kind, Location]:
    """A folder as source `source` of the recipes, whose kind and names for stems it gets; without a
    source, as the kind of dataset that it looks like. Instruments without a recipe are no fault.

    Raises:
        UnknownNameError: a source that no recipe has.
        DataError: the folder is not there or looks like no dataset; two instruments claim one name.
    """
    known = {i.name: recipes.load(i.recipe_file) for i in instruments if i.recipe_file.is_file()}
    sources = {
        name
        for recipe in known.values()
        for name, spec in recipe.sources.items()
        if not isinstance(spec, RenderedSpec)
    }
    if source and source not in sources:
        raise UnknownNameError(f"unknown source '{source}'", nearest(source, sources))
    return _at_root(source, root, known, stem_names(instruments))


def stem_names(instruments: Sequence[InstrumentLike]) -> dict[str, str]:
    """Name, alias or General MIDI program (`program_40`) of a stem → its instrument's name.

    Raises:
        DataError: two instruments have one alias.
    """
    owners: dict[str, str] = {i.name: i.name for i in instruments}
    for instrument in instruments:
        for alias in instrument.aliases:
            owner = owners.setdefault(alias, instrument.name)
            if owner not in (instrument.name, alias):  # a name means its instrument alone
                raise DataError(
                    f"stems named '{alias}' are claimed by '{owner}' and '{instrument.name}'",
                    "remove the alias from one instrument.yaml",
                )
    for instrument in instruments:
        for program in instrument.programs:
            owners.setdefault(f"program_{program}", instrument.name)
    return owners


def _wanted(
    names: Sequence[str],
    known: Mapping[str, Recipe],
    source_names: Sequence[str] | None,
    roots: Mapping[str, Path],
) -> dict[str, list[str]]:
    """Source → the instruments that use it."""
    everything = {source for name in names for source in known[name].sources} | set(roots)
    if source_names is not None:
        for source in source_names:
            if source not in everything:
                raise UnknownNameError(f"unknown source '{source}'", nearest(source, everything))
        chosen = {s: [n for n in names if s in known[n].sources] for s in source_names}
    elif extra := [
        source for source in roots if not any(source in known[n].sources for n in names)
    ]:
        chosen = {source: [] for source in extra}
    else:
        chosen = {}
        for name in names:
            for source in known[name].use:
                chosen.setdefault(source, []).append(name)
    for source in roots:
        chosen.setdefault(source, [])
    return chosen


def _at_root(
    source: str, root: Path, known: Mapping[str, Recipe], aliases: Mapping[str, str]
) -> tuple[Kind, Location]:
    """A dataset whose folder the command line names: of the kind that a recipe says it is, or else
    of the kind that it looks like. Solo recordings are of the instrument that the source is called
    by, or that has it in its recipe. The terms of a user's own folder are not known."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder", f"{source}=FOLDER names a folder")
    specs = [recipe.sources[source] for recipe in known.values() if source in recipe.sources]
    spec = next((spec for spec in specs if isinstance(spec, DatasetSpec)), None)
    if spec is not None:
        kind = KINDS[spec.kind]
        names = {**aliases, **_labels(known, source, kind.name)}
        licence = spec.licence or kind.licence
        return kind, Location(root, Naming(names), licence, bleed=spec.bleed)
    naming = Naming(aliases)
    kind = kind_of(Location(root, naming))
    names = {**aliases, **_labels(known, source, kind.name)}
    return kind, Location(root, Naming(names), kind.licence, _owner(source, known, naming))


def _owner(source: str, known: Mapping[str, Recipe], naming: Naming) -> str | None:
    """The instrument of solo recordings that the command line names."""
    specs = {name: recipe.sources.get(source) for name, recipe in known.items()}
    owners = [name for name, spec in specs.items() if spec and spec.kind == "solos"]
    if len(owners) == 1:
        return owners[0]
    return naming(source) if naming.knows(source) else None


def _described(
    source: str,
    owner: str,
    known: Mapping[str, Recipe],
    folder: Path,
    aliases: Mapping[str, str],
) -> tuple[Kind, Location]:
    """A dataset as one recipe describes it."""
    spec = known[owner].sources[source]
    assert not isinstance(spec, RenderedSpec)  # noqa: S101 (the caller renders those)
    kind = KINDS[spec.kind]
    naming = Naming({**aliases, **_labels(known, source, kind.name)})
    if isinstance(spec, FolderSpec):
        alone = owner if spec.kind == "solos" else None
        return kind, Location(_resolve(spec.root, folder), naming, spec.licence, alone)
    if not spec.root:
        raise DataError(
            f"source '{source}' needs the folder of {kind.title}",
            f"--data {source}=/path/to/it; {kind.get}",
        )
    licence = spec.licence or kind.licence
    return kind, Location(_resolve(spec.root, folder), naming, licence, bleed=spec.bleed)


def _labels(known: Mapping[str, Recipe], source: str, kind: str) -> dict[str, str]:
    """What all recipes say that a dataset's labels mean: of its kind when it is a published one,
    of the source's name when it is a folder of one's own."""
    labels: dict[str, str] = {}
    for recipe in known.values():
        for name, spec in recipe.sources.items():
            if isinstance(spec, RenderedSpec):
                continue
            published = isinstance(spec, DatasetSpec)
            if spec.kind == kind if published else name == source:
                for label, instrument in spec.names.items():
                    if labels.setdefault(normalised(label), instrument) != instrument:
                        raise DataError(
                            f"source '{name}': recipes call '{label}' both "
                            f"'{labels[normalised(label)]}' and '{instrument}'",
                            "change `names` in one recipe.yaml",
                        )
    return labels


def _resolve(root: str, folder: Path) -> Path:
    """A recipe's root: absolute, beside the recipe, or else in the repository."""
    beside = folder / Path(root).expanduser()
    return beside if beside.is_dir() else ROOT / root
