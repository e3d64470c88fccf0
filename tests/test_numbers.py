"""Numbers that no command can work with are one line, before any work."""

from __future__ import annotations

import typing
from pathlib import Path

import pytest
import typer

import cli
from timbresep.commands.app import assemble
from timbresep.commands.numbers import whole

REFUSED = [
    "train -p violin --seconds inf",
    "train -p violin --seconds nan",
    "train -p violin --seconds 1e9",
    "train -p violin --seed 1e23",
    "train -p violin --seed 99999999999999999999999",
    "train -p violin --seed -1",
    "train -p violin --workers 100000",
    "train -p violin --batch-size 0",
    "train -p violin --max-steps 9999999999999999999999",
    "train -p violin --max-minutes inf",
    "train -p violin --learning-rate nan",
    "train -p violin --consistency-weight nan",
    "train -p violin --targets many",
    "adapt -p violin --seconds inf",
    "data show -o out --count 33",
    "data render -o out --seconds 20 10",
    "data render -o out --seconds nan 10",
    "data render -o out --detune nan",
    "data extras -o out --parts 1000000",
    "data solos violin -o out --minutes inf",
    "ddsp train --plugin violin --steps 0",
    "ddsp train --plugin violin --reverb nan",
    "ddsp resynth a.wav --plugin violin -o b.wav --transpose nan",
    "condition build violin --notes 60,nan",
    "condition build violin --notes 60,1e9",
    "condition from-audio a.wav --name oboe --seconds inf",
    "separate a.wav --tta 0",
    "evaluate data/starter/demo --workers 100000",
]


@pytest.mark.parametrize("words", REFUSED)
def test_impossible_numbers_are_one_line(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words.split()) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert "internal" not in said


def test_no_option_takes_numbers_without_bounds() -> None:
    """Each has them from `timbresep.commands.numbers`, which refuses nan."""
    program = assemble()
    commands = dict[str, typing.Callable[..., object]]()
    for app in [program, *(group.typer_instance for group in program.registered_groups)]:
        assert isinstance(app, typer.Typer)
        for one in app.registered_commands:
            assert one.callback
            commands[one.name or one.callback.__name__] = one.callback
    own = whole(help="", least=0, most=1).callback.__module__
    for name, command in commands.items():
        hints = typing.get_type_hints(command, include_extras=True)
        for option, hint in hints.items():
            numeric = any(kind in str(hint).split("typer.")[0] for kind in ("int", "float"))
            if typing.get_origin(hint) is typing.Annotated and numeric:
                (info,) = typing.get_args(hint)[1:]
                assert getattr(info.callback, "__module__", "") == own, (name, option)


@pytest.mark.parametrize(
    "value", ["hidden=2026-99-99", 'hidden=!!int ""', "hidden=!!timestamp x", "hidden", "hop=-1"]
)
def test_values_that_cannot_be_are_one_line(
    value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "-p", "violin", "--set", value, "--max-steps", "1", "--workers", "0"]
    assert cli.main([*words, "--out", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert "internal" not in said
    assert not (tmp_path / "run").exists()
