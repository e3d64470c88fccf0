"""What unblend offers is listed without it, and is what its registry says."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from plugins.source_models.unblend.offer import OFFERS, spec_of
from timbresep.hookspecs import SourceModelSpec
from timbresep.registry import pretrained
from timbresep.registry.registry import Registry

needs_unblend = pytest.mark.skipif(find_spec("unblend") is None, reason="needs unblend")
GRANTS = {"unlicensed": "none granted"}
"""unblend's word → ours."""


@pytest.fixture
def specs(registry: Registry) -> list[SourceModelSpec]:
    """The rows of the registry that are unblend's."""
    names = {offer.name for offer in OFFERS}
    return [spec for spec in registry.source_models() if spec.name in names]


def test_each_model_is_a_row_without_unblend(
    specs: list[SourceModelSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "unblend", None)  # as where it is not installed
    assert [spec.name for spec in specs] == [offer.name for offer in OFFERS]
    for spec in specs:
        assert pretrained.missing(spec) == "needs `pip install unblend==1.0.0`"


def test_listing_imports_neither_unblend_nor_torch_for_it() -> None:
    for offer in OFFERS:
        spec_of(offer)
    assert "plugins.source_models.unblend.offer" in sys.modules
    source = Path(sys.modules["plugins.source_models.unblend.offer"].__file__ or "")
    assert "import torch" not in source.read_text(encoding="utf-8")


@needs_unblend
def test_the_table_is_that_of_unblends_registry() -> None:
    spec = find_spec("unblend")
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).with_name("metadata.yaml").read_text(encoding="utf-8")
    models = yaml.safe_load(text)["models"]
    assert [offer.name for offer in OFFERS] == list(models)
    for offer in OFFERS:
        entry = models[offer.name]
        found = [models[m["model"]]["checkpoint"] if "model" in m else m for m in members(entry)]
        assert offer.sha256 == tuple(file["sha256"] for file in found)
        assert offer.size == sum(file["size_bytes"] for file in found)
        two = entry["sources"] == ["vocals", "other"]
        assert offer.sources == (("vocals", "accompaniment") if two else tuple(entry["sources"]))
        assert entry.get("samplerate", 44_100) == offer.sample_rate
        assert offer.licence.startswith(GRANTS.get(entry["license"], entry["license"]))


def members(entry: dict[str, list[dict[str, str]]]) -> list[dict[str, str]]:
    """The files of a model, or the models that it is made of."""
    return entry.get("members", [entry.get("checkpoint")])  # type: ignore[list-item]


@needs_unblend
def test_what_unblend_asks_for_and_what_this_program_asks_for_can_be_had_together(
    root: Path,
) -> None:
    """So `pip install unblend` resolves beside this program."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = {one.name: one.specifier for one in map(Requirement, project["dependencies"])}
    for theirs in asked_for():
        if theirs.name in ours:
            both = theirs.specifier & ours[theirs.name]
            bounds = [bound.version for bound in both if bound.operator in (">=", "==")]
            assert any(both.contains(version) for version in bounds), theirs


@needs_unblend
def test_only_its_command_line_and_file_reading_differ_from_the_constraints(root: Path) -> None:
    """So `make unblend` installs it without its own dependencies."""
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    unmet = {
        theirs.name
        for theirs in asked_for()
        if not theirs.specifier.contains(pinned.get(theirs.name.replace("pyyaml", "PyYAML"), "0"))
    }
    assert unmet == {"typer", "torchcodec"}


def asked_for() -> list[Requirement]:
    """What the installed unblend requires, without its extras."""
    found = [Requirement(line) for line in requires("unblend") or []]
    return [one for one in found if one.marker is None or one.marker.evaluate({"extra": ""})]
