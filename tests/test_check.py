"""`check` says what a plugin keeps, what it does not, and how to mend it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import cli
from timbresep.errors import ConfigError
from timbresep.testing import (
    BackboneConformance,
    InstrumentConformance,
    SourceModelConformance,
    TranscriberConformance,
)
from timbresep.testing.mending import MENDING
from timbresep.testing.trial import checks, in_words, promise, try_kit

KITS = (
    InstrumentConformance,
    BackboneConformance,
    TranscriberConformance,
    SourceModelConformance,
)


@pytest.fixture
def oboe(tmp_path: Path, root: Path) -> Path:
    """A plugin of data alone, in a folder of its own."""
    folder = tmp_path / "plugins" / "oboe"
    shutil.copytree(root / "plugins/instruments/flute", folder)
    described = (folder / "instrument.yaml").read_text().splitlines()
    described[0] = "name: oboe"
    kept = [line for line in described if not line.startswith("aliases")]
    (folder / "instrument.yaml").write_text("\n".join(kept) + "\n")
    (folder / "README.md").write_text("# oboe\n")
    return folder


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, dict[str, str]]:
    """The checks of one plugin by name, from `check --json`."""
    code = cli.main(["check", *map(str, arguments), "--json"])
    (plugin,) = json.loads(capsys.readouterr().out)
    assert plugin["passed"] == (code == 0)
    return {each["check"]: each for each in plugin["checks"]}


@pytest.mark.parametrize("kit", KITS)
def test_each_check_says_what_it_promises_and_how_to_mend_it(kit: type) -> None:
    assert len(checks(kit)) >= 9
    for name in checks(kit):
        assert len(promise(kit, name)) > 20, name
        assert len(MENDING[name]) > 20, name


def test_no_remedy_is_for_a_check_that_is_not_there() -> None:
    assert set(MENDING) == {name for kit in KITS for name in checks(kit)}


def test_a_good_instrument_passes_by_name_and_by_folder(
    oboe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", "flute"]) == 0
    out = capsys.readouterr().out
    assert "10 passed, 1 left out" in out
    assert "failed" not in out
    assert cli.main(["check", str(oboe)]) == 0
    assert cli.main(["check", "oboe", "--plugins-dir", str(oboe.parent)]) == 0


def test_what_is_wrong_with_an_instrument_is_named_and_mended(
    oboe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (oboe / "README.md").write_text("# clarinet\n")
    voice = oboe / "ddsp.safetensors"
    voice.write_bytes(voice.read_bytes()[:-1000])
    found = told(capsys, oboe)
    failed = {name for name, each in found.items() if each["status"] == "failed"}
    assert {"it has a card", "its voice loads"} <= failed
    assert "its licences are there" not in failed
    assert "does not begin with '# oboe'" in found["it has a card"]["found"]
    assert "does not match its sha256" in found["its voice loads"]["found"]
    assert "ddsp train" in found["its voice loads"]["mend"]
    assert cli.main(["check", str(oboe)]) == 1
    assert "mend: write README.md" in capsys.readouterr().out


def test_a_condition_of_another_voice_is_found(
    oboe: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(root / "plugins/instruments/violin/condition.npy", oboe)
    found = told(capsys, oboe)
    assert found["its condition is that of its voice"]["status"] == "failed"
    assert found["its condition keeps the contract"]["status"] == "passed"


def test_a_licence_that_is_not_stated_is_advised_against(
    oboe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (oboe / "instrument.yaml").read_text()
    (oboe / "instrument.yaml").write_text(text.replace("weights: MIT", "weights: not stated"))
    assert cli.main(["check", str(oboe)]) == 0
    assert "is not stated" in capsys.readouterr().err.replace("\n", " ")


def test_a_plugin_that_cannot_be_tried_is_one_line(
    oboe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (oboe / "condition.npy").unlink()
    for arguments, expected in (
        ([str(oboe)], "condition.npy is missing"),
        (["flut"], "did you mean 'flute'?; or give its folder"),
        (["rnn_maks"], "did you mean 'rnn_mask'"),
        ([str(tmp_path)], "neither instrument.yaml nor __init__.py"),
    ):
        assert cli.main(["check", *arguments]) == 1
        errors = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
        assert len(errors) == 1
        assert expected in errors[0]


def test_python_is_run_only_when_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net").mkdir()
    code = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
    (tmp_path / "net" / "__init__.py").write_text(code)
    assert cli.main(["check", str(tmp_path / "net")]) == 1
    assert "--trust" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()
    assert cli.main(["check", str(tmp_path / "net"), "--trust"]) == 1
    assert "brings no plugin" in capsys.readouterr().err
    assert (tmp_path / "ran").exists()


def test_after_the_first_check_failed_nothing_is_tried() -> None:
    class Kit:
        def test_it_stands(self) -> None:
            """The ground."""
            raise ValueError("two\nlines")

        def test_more(self) -> None:
            """Upon it."""
            raise AssertionError

    first, second = try_kit(Kit, lambda share, text: None)
    assert (first.status, second.status) == ("failed", "not run")
    assert second.found == "for the cause of: it stands"
    assert "ValueError: two lines" in first.found
    assert in_words("test_it_stands") == first.check == "it stands"
    assert first.promise == "The ground."


def test_a_cause_is_told_once() -> None:
    class Kit:
        def test_it_stands(self) -> None:
            """The ground."""

        def test_one(self) -> None:
            """Needs a file."""
            raise ConfigError("the file is gone")

        def test_two(self) -> None:
            """Needs it, too."""
            raise ConfigError("the file is gone")

        def test_three(self) -> None:
            """Needs another."""
            raise ConfigError("another file is gone")

        def test_four(self) -> None:
            """Holds or not by itself."""
            raise AssertionError("too loud")

        def test_five(self) -> None:
            """Also by itself."""
            raise AssertionError("too loud")

    outcomes = list(try_kit(Kit, lambda share, text: None))
    assert [each.status for each in outcomes] == [
        *("passed", "failed", "not run", "failed"),
        *("failed", "failed"),
    ]
    assert outcomes[2].found == "for the cause of: one"
    assert outcomes[2].promise == "Needs it, too."
