"""The separators that a registry lists: networks, and chains of a source model and a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from timbresep.errors import ConfigError, MissingToolError, PluginError, UnknownNameError
from timbresep.registry import pretrained
from timbresep.registry.registry import REGISTRY_FILE, Registry
from timbresep.separation.load import open_separator


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Registry:
    """A registry on a machine that has no source model's weights."""
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path))
    monkeypatch.setattr(pretrained, "_at_hand", lambda spec: False)
    return Registry.load()


def listed(folder: Path, separators: str) -> Registry:
    """The bundled registry with other separators."""
    text = REGISTRY_FILE.read_text()
    start, end = text.index("separators:"), text.index("training:")
    text = text[:start] + f"separators: {separators}\n" + text[end:]
    (folder / "registry.yaml").write_text(
        text.replace("plugins/", f"{REGISTRY_FILE.parent}/plugins/")
    )
    return Registry.load(registry_file=folder / "registry.yaml")


def test_without_a_source_model_the_default_is_the_network(bare: Registry) -> None:
    chain = bare.separators.get()
    assert (chain.name, chain.source_model, chain.missing) == ("universal", None, "")
    assert [better.name for better in bare.separators.better("universal")] == ["song", "band"]
    song, band = bare.separators.better("universal")
    assert song.missing == "needs its weights: `models get spleeter`"
    assert band.missing.startswith("needs ")


def test_a_chain_without_its_weights_is_one_error_that_says_how_to_get_them(
    bare: Registry,
) -> None:
    with pytest.raises(MissingToolError, match="'spleeter' needs its weights: `models"):
        open_separator(["vocals"], separator="song", registry=bare)
    rows = {row.name: row for row in bare.rows() + bare.separators.rows()}
    assert rows["song"].status == rows["spleeter"].status == "not ready"


def test_with_spleeter_song_is_the_default(registry: Registry) -> None:
    chain = registry.separators.get()
    assert chain.described == "song (spleeter, then universal and notes)"
    assert chain.source_model is not None
    assert "MIT" in chain.source_model.licence


def test_a_checkpoint_takes_the_place_of_the_network_in_a_chain(registry: Registry) -> None:
    own = Path("mine.safetensors")
    chain = registry.separators.get("song", own)
    assert chain.checkpoint == own
    assert chain.source_model is not None
    with pytest.raises(ConfigError, match="exclude each other"):
        registry.separators.get("universal", own)


@pytest.mark.parametrize(
    ("separators", "error", "expected"),
    [
        ("{a: {source_model: spleeter, then: a}}", ConfigError, "is a chain itself"),
        ("{a: {source_model: spleeter, then: b}}", UnknownNameError, "no separator named 'b'"),
        ("{a: {source_model: spleeter}}", ConfigError, "a chain has source_model and then"),
        ("{a: {file: x, then: b}}", ConfigError, "a network has file and sha256"),
    ],
)
def test_a_wrong_chain_is_said(
    tmp_path: Path, separators: str, error: type[Exception], expected: str
) -> None:
    with pytest.raises(error, match=expected):
        listed(tmp_path, separators).separators.get("a")


def test_a_chain_with_an_unknown_source_model_is_a_broken_row(tmp_path: Path) -> None:
    digest = "0" * 64
    network = f"n: {{file: n.safetensors, sha256: '{digest}'}}"
    (tmp_path / "n.safetensors").write_bytes(b"x")
    registry = listed(tmp_path, f"{{{network}, a: {{source_model: spleter, then: n}}}}")
    row = next(row for row in registry.separators.rows() if row.name == "a")
    assert row.status == "broken"


def test_an_instrument_without_sources_is_looked_for_in_the_rest(
    registry: Registry, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (violin,) = registry.instruments(["violin"])
    monkeypatch.setattr(
        registry, "instruments", lambda names=None: [plain_violin] if names is None else [violin]
    )
    plain_violin = type(violin)(
        violin.config.model_copy(update={"sources": []}), violin.folder, violin.owner
    )
    separator = open_separator(["violin"], separator="song", registry=registry)
    assert separator.first is not None
    assert separator.first.places.holder("violin") is None
    assert "'violin' names no source of spleeter (vocals, accompaniment)" in caplog.text


def test_every_bundled_instrument_says_its_sources(registry: Registry) -> None:
    for instrument in registry.instruments():
        assert instrument.config.sources, instrument.name


def test_a_broken_source_model_plugin_is_one_row(tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from timbresep.hookspecs import hookimpl\n"
        "@hookimpl\ndef timbresep_source_models():\n    return ['not a spec']\n"
    )
    registry = Registry.load([tmp_path], trust=True)
    assert any("not a SourceModelSpec" in row.detail for row in registry.broken)
    with pytest.raises((PluginError, UnknownNameError)):
        registry.source_model("bad")


def test_the_first_default_that_is_a_network_alone_is_plain(
    registry: Registry, tmp_path: Path
) -> None:
    assert registry.separators.plain().name == "universal"
    text = REGISTRY_FILE.read_text().replace("plugins/", f"{REGISTRY_FILE.parent}/plugins/")
    start = text.index("default_separators:")
    rest = text[text.index("\n", start) :]
    (tmp_path / "registry.yaml").write_text(f"{text[:start]}default_separators: [song]{rest}")
    chains_only = Registry.load(registry_file=tmp_path / "registry.yaml")
    with pytest.raises(UnknownNameError, match=r"no default separator .* is a network alone"):
        chains_only.separators.plain()
