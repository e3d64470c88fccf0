"""Wrong usage is one line that says what may have been meant, and exits with 2."""

from __future__ import annotations

import pytest

import cli
from timbresep.commands.program import PROGRAM

LINES = {
    "separate --repport song.wav": "no option --repport; did you mean --report?",
    "separate song.wav --zzzz": f"no option --zzzz; see {PROGRAM} separate --help",
    "separate song.wav -Q": f"no option -Q; see {PROGRAM} separate --help",
    "separat song.wav": "no command separat; did you mean separate?",
    "data chekc": "no command chekc; did you mean check?",
    "xyzzy": f"no command xyzzy; see {PROGRAM} --help",
    "separate song.wav --quality god": "invalid value for '--quality': 'god' is not one of 'fast', "
    "'good', 'best'; did you mean good?",
    "train --plugin violin --precision 33": "invalid value for '--precision': '33' is not one of "
    f"'auto', 'bf16', '32'; see {PROGRAM} train --help",
    "separate": f"missing argument 'files'; see {PROGRAM} separate --help",
    "separate song.wav --tta": "option '--tta' requires an argument",
    "--versoin": "no option --versoin; did you mean --version?",
}


@pytest.mark.parametrize("words", LINES)
def test_one_line_says_what_was_meant(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words.split()) == 2
    said = capsys.readouterr()
    assert said.err == f"error: {LINES[words]}\n"
    assert said.out == ""


def test_a_group_without_a_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data"]) == 2
    said = capsys.readouterr()
    assert "Usage" in said.out + said.err
    assert "error" not in said.err


def test_a_transcriber_is_a_backbone(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["new", "transcriber", "ears", "--package"]) == 1
    assert f"{PROGRAM} new backbone ears --answers notes" in capsys.readouterr().err
    cli.main(["new", "--help"])
    assert "transcriber" not in capsys.readouterr().out
