"""Plugins from every way in: bundled, folders, entry points; broken ones are rows."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from timbresep.commands.console import start_logging
from timbresep.data.sources.discover import stem_names
from timbresep.errors import CheckpointError, ConfigError, PluginError, UnknownNameError
from timbresep.registry.arrival import PLUGINS_VARIABLE
from timbresep.registry.registry import REGISTRY_FILE, Registry
from timbresep.voice.plugin_files import build_condition

BACKBONE = """
from timbresep.hookspecs import BackboneSpec, hookimpl

@hookimpl
def timbresep_backbones():
    return [BackboneSpec("toy", "a toy", lambda dim: None, {})]
"""


@pytest.fixture
def oboe(tmp_path: Path, root: Path) -> Path:
    """A plugins folder with an instrument of its own, made of data alone."""
    folder = tmp_path / "plugins" / "oboe"
    shutil.copytree(root / "plugins/instruments/flute", folder)
    text = (folder / "instrument.yaml").read_text()
    aliases = next(line for line in text.splitlines() if line.startswith("aliases"))
    text = text.replace("name: flute", "name: oboe").replace(aliases, "aliases: [hautbois]")
    (folder / "instrument.yaml").write_text(text)
    return folder


def detail(registry: Registry, name: str) -> list[tuple[str, str]]:
    return [(row.status, row.detail) for row in registry.rows() if row.name == name]


def test_the_six_bundled_instruments_work(registry: Registry) -> None:
    names = {instrument.name for instrument in registry.instruments()}
    assert names >= {"bass", "vocals", "acoustic_guitar", "flute", "piano", "violin"}
    assert [row for row in registry.rows() if row.status == "broken"] == []


def test_a_folder_without_python_is_a_plugin(oboe: Path) -> None:
    registry = Registry.load([oboe.parent])
    assert registry.instruments(["oboe"])[0].owner == str(oboe)
    assert registry.instruments(["Hautbois"])[0].name == "oboe"


def test_the_environment_variable_names_folders(
    oboe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLUGINS_VARIABLE, str(oboe.parent))
    assert Registry.load().instruments(["oboe"])


def test_a_python_folder_brings_a_backbone(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").write_text(BACKBONE)
    assert Registry.load([tmp_path], trust=True).backbone("toy").summary == "a toy"


def test_a_name_that_is_not_plain_is_one_short_line(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").write_text(BACKBONE.replace('"toy"', '"To-y"'))
    assert (
        "broken",
        "'To-y' is no plain name of a backbone — use lower-case letters, digits and underscores",
    ) in detail(Registry.load([tmp_path], trust=True), "toy")


def test_only_chains_that_can_be_told_of_are_better_on_songs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    index = tmp_path / "registry.yaml"
    text = REGISTRY_FILE.read_text()
    for folder in ("plugins/", "separators/"):
        text = text.replace(f" {folder}", f" {REGISTRY_FILE.parent}/{folder}")
    mine = re.search("  universal:.*?\n(?=  song)", text, re.DOTALL)
    assert mine
    last = "  band: {source_model: htdemucs, then: universal}\n"
    text = text.replace(last, last + mine[0].replace("universal:", "mine:"))
    index.write_text(text)
    registry = Registry.load([], index)
    assert [chain.name for chain in registry.separators.better("universal")] == ["song", "band"]
    song = registry.source_model("spleeter")
    registry._source_models.items["spleeter"] = ("", replace(song, at_hand=lambda: 1 / 0))
    assert [chain.name for chain in registry.separators.better("universal")] == ["band"]


@pytest.mark.parametrize("way", ["folder", "variable"])
def test_python_in_a_folder_runs_only_when_it_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    folder, ran = tmp_path / "plugins" / "toy", tmp_path / "ran"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(f"open({str(ran)!r}, 'w').close()\n{BACKBONE}")
    folders = [folder.parent] if way == "folder" else []
    if way == "variable":
        monkeypatch.setenv(PLUGINS_VARIABLE, str(folder.parent))
    registry = Registry.load(folders)
    assert not ran.exists()
    assert detail(registry, "toy") == [("not run", "Python, not run: --trust")]
    with pytest.raises(PluginError, match=r"'toy'.*was not run.*--trust"):
        registry.backbone("toy")
    with pytest.raises(UnknownNameError, match="Python that was not run may have it"):
        registry.backbone("toys")
    registry = Registry.load(folders, trust=True)
    assert ran.exists()
    assert ("ok", "Python, trusted") in detail(registry, "toy")


@pytest.mark.parametrize("trusted", ["plugins", "plugins/toy"])
def test_registry_yaml_can_trust_a_folder(tmp_path: Path, trusted: str) -> None:
    for name in ("toy", "untrusted"):
        (tmp_path / "plugins" / name).mkdir(parents=True)
        text = BACKBONE.replace('"toy"', f'"{name}"')
        (tmp_path / "plugins" / name / "__init__.py").write_text(text)
    index = tmp_path / "registry.yaml"
    none = re.sub("enabled: \\[[^]]*]", "enabled: []", REGISTRY_FILE.read_text())
    index.write_text(none.replace("trusted: []", f"trusted: [{trusted}]"))
    registry = Registry.load([tmp_path / "plugins"], index)
    assert registry.backbone("toy")
    names = {row.name for row in registry.rows() if row.status == "not run"}
    assert names == ({"untrusted"} if trusted.endswith("toy") else set())


def test_an_instrument_with_python_works_without_it(oboe: Path) -> None:
    (oboe / "__init__.py").write_text("1 / 0")
    registry = Registry.load([oboe.parent])
    assert registry.instruments(["oboe"])
    assert [status for status, _ in detail(registry, "oboe")] == ["ok", "not run"]


@pytest.mark.parametrize("group", ["timbresep.instruments", "timbresep.backbones"])
def test_entry_points_arrive_the_same_way(
    oboe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    name = f"oboe_{group.rpartition('.')[2]}"  # a module is imported once in a process
    package = tmp_path / "site" / name
    shutil.copytree(oboe, package)
    (package / "__init__.py").write_text(BACKBONE if group.endswith("backbones") else "")
    info = tmp_path / "site" / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: oboe-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\noboe = {name}\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert importlib.metadata.entry_points(group=group)
    registry = Registry.load()
    assert registry.instruments(["oboe"])[0].owner == "oboe-plugin (entry point oboe)"
    if group.endswith("backbones"):
        assert registry.backbone("toy").name == "toy"


def without_file(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def with_text(name: str, text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_text(text)

    return write


def changed(name: str, key: str, line: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert key in text
        (folder / name).write_text(text.replace(key, line, 1))

    return change


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (without_file("ddsp.safetensors"), "ddsp.safetensors is missing"),
        (without_file("condition.npy"), "condition.npy is missing"),
        (without_file("condition.json"), "condition.json is missing"),
        (without_file("recipe.yaml"), "recipe.yaml is missing"),
        (without_file("instrument.yaml"), "neither instrument.yaml nor __init__.py"),
        (with_text("instrument.yaml", "name: oboe\nf0_rnage: [1, 2]\n"), "f0_rnage"),
        (with_text("recipe.yaml", "use: [a]\nvoice: !!int ''\n"), "recipe.yaml:2: not valid YAML"),
        (changed("recipe.yaml", "minutes: 6", "minutes: .inf"), "'solos.minutes'"),
        (
            changed("recipe.yaml", "file: FluidR3_GM.sf2", "file: ~no-such-user/x"),
            "can be called so",
        ),
        (changed("instrument.yaml", "recipe: r", f"recipe: {'x' * 300}"), "can be called so"),
        (changed("instrument.yaml", "[262.0, 2093.0]", "[1.0e-300, 1.0e+300]"), "'f0_range.0'"),
        (changed("instrument.yaml", "ddsp:", "ddsp:\n  n_noise: -1"), "'ddsp.n_noise'"),
        (
            changed("instrument.yaml", "ddsp:", "ddsp:\n  sha256: 0"),
            "unknown key 'ddsp.sha256'",
        ),
        (changed("condition.json", '"ddsp_sha256"', '"ddsp"'), "'ddsp_sha256': field required"),
        (changed("condition.json", '"version": 2', '"version": "x"'), "condition.json: 'version'"),
        (with_text("condition.npy", "PK\x03\x04"), "condition.npy is no .npy file of a vector"),
        (with_text("__init__.py", "1 / 0"), "ZeroDivisionError: division by zero"),
        (
            with_text(
                "__init__.py",
                "from timbresep.hookspecs import hookimpl\n@hookimpl\ndef timbresep_steps(): ...\n",
            ),
            "unknown hook 'timbresep_steps'",
        ),
    ],
)
def test_a_broken_plugin_is_a_row_with_its_reason(
    oboe: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(oboe)
    registry = Registry.load([oboe.parent], trust=True)
    broken = [row for row in registry.rows() if row.status == "broken"]
    assert len(broken) == 1
    assert reason in broken[0].detail
    assert registry.instruments(["violin"]), "the others still work"


def test_using_a_broken_plugin_says_why(oboe: Path) -> None:
    (oboe / "ddsp.safetensors").unlink()
    with pytest.raises(PluginError, match=r"oboe.*broken.*ddsp\.safetensors is missing"):
        Registry.load([oboe.parent]).instruments(["oboe"])


def test_a_duplicate_name_names_both_owners(oboe: Path) -> None:
    text = (oboe / "instrument.yaml").read_text().replace("name: oboe", "name: flute")
    (oboe / "instrument.yaml").write_text(text)
    registry = Registry.load([oboe.parent])
    with pytest.raises(PluginError, match=r"defined twice: by bundled .*flute and .*oboe"):
        registry.instruments(["flute"])
    assert [status for status, _ in detail(registry, "flute")] == ["broken", "broken"]


def test_an_unknown_name_suggests_the_nearest(registry: Registry) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'violin'"):
        registry.instruments(["viloin"])
    with pytest.raises(UnknownNameError, match="did you mean 'rnn_mask'"):
        registry.backbone("rnn_msak")


def test_files_cannot_leave_the_folder(oboe: Path) -> None:
    text = (oboe / "instrument.yaml").read_text()
    escape = text.replace("recipe: recipe.yaml", "recipe: ../../recipe.yaml")
    assert escape != text
    (oboe / "instrument.yaml").write_text(escape)
    registry = Registry.load([oboe.parent])
    assert any("leaves its folder" in reason for _, reason in detail(registry, "oboe"))


@pytest.mark.parametrize("name", ["../outside", "UPPER", ""])
def test_enabled_names_cannot_be_paths(tmp_path: Path, name: str) -> None:
    text = REGISTRY_FILE.read_text().replace("enabled: [bass,", f"enabled: ['{name}', bass,")
    (tmp_path / "registry.yaml").write_text(text)
    registry = Registry.load(registry_file=tmp_path / "registry.yaml")
    assert detail(registry, name) == [("broken", "not a valid plugin name")]


def test_registry_errors_point_at_the_key(tmp_path: Path) -> None:
    text = REGISTRY_FILE.read_text().replace("batch_size:", "batch_sise:")
    (tmp_path / "registry.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"training.batch_sise.*did you mean 'batch_size'"):
        Registry.load(registry_file=tmp_path / "registry.yaml")


def test_a_plugins_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="does not exist"):
        Registry.load([tmp_path / "nowhere"])


def test_shipped_separators_match_their_hash(registry: Registry) -> None:
    assert registry.config.separators
    for name in registry.config.separators:
        assert registry.separators.get(name).checkpoint.stat().st_size <= 20e6


def test_an_altered_separator_is_refused(tmp_path: Path) -> None:
    (tmp_path / "some.safetensors").write_bytes(b"altered")
    text = REGISTRY_FILE.read_text().split("separators:")[0]
    text += f"separators: {{one: {{file: some.safetensors, sha256: '{'0' * 64}'}}}}\n"
    text += "training: {backbone: rnn_mask}\n"
    (tmp_path / "registry.yaml").write_text(text)
    registry = Registry.load(registry_file=tmp_path / "registry.yaml")
    with pytest.raises(CheckpointError, match="does not match its sha256"):
        registry.separators.get("one")
    with pytest.raises(UnknownNameError, match="did you mean 'one'"):
        registry.separators.get("onne")


def test_a_plugin_that_exits_or_comes_twice_hurts_nobody(
    oboe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (oboe / "__init__.py").write_text("raise SystemExit(3)")
    monkeypatch.setenv(PLUGINS_VARIABLE, str(oboe.parent))
    registry = Registry.load([oboe.parent, oboe.parent / ".." / oboe.parent.name], trust=True)
    assert [row.detail for row in registry.rows() if row.status == "broken"] == ["SystemExit: 3"]
    assert registry.instruments(["oboe", "violin"])


def test_an_alias_that_is_taken_breaks_the_newcomer_alone(oboe: Path) -> None:
    text = (oboe / "instrument.yaml").read_text().replace("[hautbois]", "[Tin Whistle, fiddle]")
    (oboe / "instrument.yaml").write_text(text)
    registry = Registry.load([oboe.parent])
    (broken,) = [row for row in registry.rows() if row.status == "broken"]
    assert "'fiddle' is taken by 'violin'" in broken.detail
    assert registry.instruments(["violin"])
    (oboe / "instrument.yaml").write_text(text.replace(", fiddle", ""))
    assert Registry.load([oboe.parent]).instruments(["tin-whistle"])[0].name == "oboe"


def test_a_name_beats_an_alias_whoever_comes_first(oboe: Path) -> None:
    text = (oboe / "instrument.yaml").read_text().replace("[hautbois]", "[violin, hautbois]")
    (oboe / "instrument.yaml").write_text(text.replace("name: oboe", "name: fiddle"))
    registry = Registry.load([oboe.parent])
    assert [item.name for item in registry.instruments(["fiddle", "violin", "hautbois"])] == [
        "fiddle",
        "violin",
    ]
    names = stem_names(registry.instruments())
    assert [names[name] for name in ("fiddle", "violin")] == ["fiddle", "violin"]
    ((_, violin),) = detail(registry, "violin")
    ((_, fiddle),) = detail(registry, "fiddle")
    assert "fiddle" not in violin  # what it is called no more is not shown either
    assert "also hautbois" in fiddle


def test_an_alias_with_several_meanings_says_what_it_is_taken_for(
    registry: Registry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_told", set())
    start_logging()
    assert registry.instruments(["guitar"])[0].name == "acoustic_guitar"
    registry.instruments(["guitar", "fiddle", "bass", "lead guitar"])
    said = capsys.readouterr().err
    assert said.count("note:") == 1
    assert "'guitar' is taken for 'acoustic_guitar'; there is also 'electric_guitar'" in said


def test_a_swapped_model_is_a_broken_row_and_its_condition_is_refused(oboe: Path) -> None:
    (oboe / "ddsp.safetensors").write_bytes(b"another")
    registry = Registry.load([oboe.parent])
    assert any("does not match its sha256" in reason for _, reason in detail(registry, "oboe"))
    with pytest.raises(PluginError, match="does not match its sha256"):
        registry.instruments(["oboe"])[0].condition()


@pytest.mark.parametrize("name", ["all", "residual", "../up"])
def test_reserved_and_unsafe_names_are_refused(oboe: Path, name: str) -> None:
    text = (oboe / "instrument.yaml").read_text().replace("name: oboe", f"name: {name}")
    (oboe / "instrument.yaml").write_text(text)
    assert [row.status for row in Registry.load([oboe.parent]).rows()].count("broken") == 1


@pytest.mark.parametrize("file", ["ddsp.safetensors", "condition.npy"])
def test_no_file_of_a_plugin_is_written_outside_its_folder(oboe: Path, file: str) -> None:
    text = (oboe / "instrument.yaml").read_text().replace(f"file: {file}", "file: ../../victim")
    (oboe / "instrument.yaml").write_text(text)
    with pytest.raises(ConfigError, match="leaves its folder"):
        build_condition(oboe)
    assert not (oboe.parent.parent / "victim").exists()


@pytest.mark.parametrize("file", ["ddsp.safetensors", "condition.npy"])
def test_no_link_in_a_plugin_leads_what_is_written_elsewhere(oboe: Path, file: str) -> None:
    elsewhere = oboe.parent.parent / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(oboe / file, elsewhere)
    (oboe / "sub").symlink_to(elsewhere)
    text = (oboe / "instrument.yaml").read_text().replace(f"file: {file}", f"file: sub/{file}")
    (oboe / "instrument.yaml").write_text(text)
    before = (elsewhere / file).stat().st_mtime_ns
    with pytest.raises(PluginError, match="leaves its folder"):
        build_condition(oboe)
    assert [path.name for path in elsewhere.iterdir()] == [file]
    assert (elsewhere / file).stat().st_mtime_ns == before


def test_a_failing_observer_does_not_end_training(tmp_path: Path) -> None:
    (tmp_path / "watcher").mkdir()
    (tmp_path / "watcher" / "__init__.py").write_text(
        "from timbresep.hookspecs import hookimpl\ncalls = []\n\n"
        "@hookimpl\ndef timbresep_step(step):\n    calls.append(step)\n    1 / 0\n"
    )
    registry = Registry.load([tmp_path], trust=True)
    registry.notify_step(1, {})
    registry.notify_step(2, {})
    module = next(
        m for n, m in sys.modules.items() if n.endswith("watcher") and hasattr(m, "calls")
    )
    assert module.calls == [1], "told once, then left out"


def test_observers_hear_of_steps(tmp_path: Path) -> None:
    (tmp_path / "watcher").mkdir()
    (tmp_path / "watcher" / "__init__.py").write_text(
        "from timbresep.hookspecs import hookimpl\nseen = []\n\n"
        "@hookimpl\ndef timbresep_step(step, scalars):\n    seen.append((step, dict(scalars)))\n"
    )
    registry = Registry.load([tmp_path], trust=True)
    registry.notify_step(7, {"loss": 1.0})
    module = next(m for n, m in sys.modules.items() if n.endswith("watcher") and hasattr(m, "seen"))
    assert module.seen == [(7, {"loss": 1.0})]


@pytest.mark.parametrize("which", ["a plugin", "the folder of all", "a model"])
def test_what_may_not_be_read_is_a_broken_row(
    oboe: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    if which == "the folder of all":
        name, where = "iterdir", oboe.parent
    else:
        name, where = "stat", oboe if which == "a plugin" else oboe / "ddsp.safetensors"
    allowed = getattr(Path, name)

    def refuse(path: Path, **given: bool) -> object:
        if path == where or (which == "a plugin" and where in path.parents):
            raise PermissionError(13, "Permission denied", str(path))
        return allowed(path, **given)

    monkeypatch.setattr(Path, name, refuse)
    registry = Registry.load([oboe.parent])
    (broken,) = [row for row in registry.rows() if row.status == "broken"]
    assert "Permission denied" in broken.detail
    assert registry.instruments(["violin"])
