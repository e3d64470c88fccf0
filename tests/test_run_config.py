"""The options of a training as a file: what a run writes starts the same run again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import cli


def train(*arguments: str) -> int:
    return cli.main(["train", *arguments])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "one"
    options = ["--seconds", "1", "--batch-size", "1", "--targets", "1", "--workers", "0"]
    small = ["--set", "hidden=8", "--set", "width=8", "--max-steps", "1"]
    assert train("--plugin", "violin", "--out", str(folder), *options, *small) == 0
    return folder


def test_a_run_repeats_itself_to_the_last_bit(run: Path, tmp_path: Path) -> None:
    told = yaml.safe_load((run / "run.yaml").read_text())
    assert told["plugin"] == ["violin"]
    assert told["set"] == ["hidden=8", "width=8"]
    assert told["backbone"] == "rnn_mask"  # not given: what was in effect
    assert told["learning_rate"] == 0.001
    assert "out" not in told
    assert "trust" not in told
    again = tmp_path / "again"
    assert train("--config", str(run / "run.yaml"), "--out", str(again)) == 0
    assert (again / "last.safetensors").read_bytes()[-4096:] == (
        run / "last.safetensors"
    ).read_bytes()[-4096:]


def test_options_beside_the_file_go_first(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "other"
    assert train("--config", str(run / "run.yaml"), "--out", str(out), "--seed", "7") == 0
    assert yaml.safe_load((out / "run.yaml").read_text())["seed"] == 7


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("plugn: violin", "did you mean 'plugin'"),
        ("- violin", "expected options"),
        ("plugin: {a: 1}", "plugin.0: input should be a valid string, not {'a': 1}"),
        ("plugin: violin\nmax_steps: many", "max_steps: input should be a valid integer"),
        ("plugin: violin\nmax_steps: 0", "--max-steps 0: expected a whole number from 1"),
        ("plugin: violin\nprecision: 16", "precision: input should be 'auto', 'bf16' or '32'"),
        ("plugin: violin\nseed: [1]", "seed: input should be a valid integer, not [1]"),
        ("plugin: violin\ntrust: true", "no option 'trust'"),
        ("plugin: [", "yaml"),
    ],
)
def test_what_a_file_cannot_say_is_told(
    text: str, error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.yaml").write_text(text)
    assert train("--config", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "run")) != 0
    said = capsys.readouterr().err
    assert error in said
    assert "Traceback" not in said
    assert not (tmp_path / "run").exists()


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--config", "nowhere.yaml") == 1
    assert "nowhere.yaml" in capsys.readouterr().err


def test_every_wrong_key_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("plugin: violin\nsed: 1\nmax_steps: many\nlearning_rate: fast\nprecision: 32\n")
    assert train("--config", str(file), "--out", str(tmp_path / "run")) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [["error", str(file)]] * 3
    assert "no option 'sed' — did you mean 'seed'?" in lines[0]
    assert {line.split(": ")[2] for line in lines[1:]} == {"max_steps", "learning_rate"}


def test_the_result_is_json_for_programs(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    out = tmp_path / "run"
    assert train("--config", str(run / "run.yaml"), "--out", str(out), "--json") == 0
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert set(result) == {"best", "last", "steps", "answers", "instruments", "scores", "notes"}
    assert result["best"] == str(out / "best.safetensors")
    assert result["steps"] == 1
    assert isinstance(result["scores"]["violin"]["sdr"], float)
    assert "tensorboard" in said.err
    assert "json" not in yaml.safe_load((out / "run.yaml").read_text())


def test_a_folder_of_any_name_keeps_options_that_can_be_read(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "two\nlines, and a byte \udcff"
    assert train("--config", str(run / "run.yaml"), "--out", str(out)) == 0
    before, after = ((folder / "run.yaml").read_text() for folder in (run, out))
    assert yaml.safe_load(after) == yaml.safe_load(before)
