"""What appears on the screen: results, notes and errors, whatever is in them and beside them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from disks import full_disk
from terminals import on_a_terminal
from timbresep.commands import console
from timbresep.errors import TimbresepError
from timbresep.formats.encoding import make_printable

BUSY = """
from timbresep.commands.console import make_console, show_error, show_note
from timbresep.errors import TimbresepError
from timbresep.commands.progress import progress
with progress("working") as update:
    update(0.25, "song.wav")
    make_console().print("a result")
    update(0.5, "song.wav")
    show_note("a note")
    show_error(TimbresepError("a failure"))
"""


@pytest.mark.parametrize("stdout_too", [True, False], ids=["both", "stdout piped"])
def test_what_is_printed_appears_above_the_bar(root: Path, stdout_too: bool) -> None:
    erased = "\x1b[2K"
    terminal, piped = on_a_terminal(BUSY, root, stdout_too)
    assert "working" in terminal
    assert f"{erased}\x1b[33mnote:\x1b[0m a note\r\n" in terminal
    assert f"{erased}\x1b[1;31merror:\x1b[0m a failure\r\n" in terminal
    if stdout_too:
        assert f"{erased}a result\r\n" in terminal
    else:
        assert piped == "a result\n"
        assert "a result" not in terminal


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "utf-8"])
def test_every_encoding_takes_all_output(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    console.make_console().print("a → b │ ▁█ … × 日 " + os.fsdecode(b"caf\xe9"))
    out.flush()
    shown = out.buffer.getvalue().decode(encoding)
    assert shown.startswith(("a → b │ ▁█ … × 日", "a -> b | 18 "))
    assert shown.endswith("caf\\xe9\n")


def test_a_character_that_is_lacking_is_spelled() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    make_printable(out)
    out.write("┏━┓ → 日\udcff")
    out.flush()
    assert out.buffer.getvalue() == b"+-+ -> \\u65e5\\xff"


def test_what_is_printed_is_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    console.make_console().print("a [red]b[/x] :car: \x1b[2J\x9b\u202e", soft_wrap=True)
    assert capsys.readouterr().out == "a [red]b[/x] :car: \\x1b[2J\\x9b\\u202e\n"
    console.show_error(TimbresepError("no\x1b]0;PWN\x07\nfile [/]"))
    assert capsys.readouterr().err == "error: no\\x1b]0;PWN\\x07 file [/]\n"


def test_what_the_system_refuses_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    def read() -> None:
        Path("/nowhere/at all").read_text()

    assert console.run(read, debug=False) == 1
    assert capsys.readouterr().err.startswith("error: /nowhere/at all: No such file or directory")


def test_a_package_that_is_missing_says_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    def use() -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch.nn")

    assert console.run(use, debug=False) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "has no torch" in said
    assert "source .venv/bin/activate" in said


def test_results_that_cannot_be_written_are_one_error(root: Path, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log, full_disk(0):
        done = subprocess.run(
            [sys.executable, "cli.py", "list"],
            cwd=root,
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: File too large")
    assert done.stderr.count("\n") == 1


def test_a_table_wider_than_the_screen_keeps_its_numbers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = Table()
    for k in range(40):
        view.add_column(str(k), justify="right")
    view.add_row(*[f"{k + 0.25:.2f}" for k in range(40)])
    console.say(view)
    said = capsys.readouterr().out
    assert all(f"{k + 0.25:.2f}" in said for k in range(40))
    assert "…" not in said
    console.say("short")
    assert capsys.readouterr().out == "short\n"
