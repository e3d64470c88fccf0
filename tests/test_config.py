"""Configuration errors point at the key and suggest the nearest."""

from __future__ import annotations

from pathlib import Path

import pytest

from timbresep.config import Model, load_yaml
from timbresep.errors import ConfigError
from timbresep.formats.notation import parse_json


class Inner(Model):
    hop: int
    width: int = 3


class Outer(Model):
    stft: Inner
    many: dict[str, Inner] = {}


def write(folder: Path, text: str) -> Path:
    path = folder / "some.yaml"
    path.write_text(text)
    return path


def test_valid_file_is_read(tmp_path: Path) -> None:
    assert load_yaml(write(tmp_path, "stft: {hop: 4}"), Outer).stft == Inner(hop=4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stft: {hop: 4, widht: 2}", "unknown key 'stft.widht' — did you mean 'width'?"),
        ("many: {a: {hpo: 4}}\nstft: {hop: 1}", "unknown key 'many.a.hpo' — did you mean 'hop'?"),
        ("sfft: {hop: 4}\nstft: {hop: 1}", "unknown key 'sfft' — did you mean 'stft'?"),
        ("stft: {hop: four}", "'stft.hop'"),
        ("stft:\n  hop: 4\n  hop: 5", "some.yaml:3: not valid YAML: key 'hop' is there twice"),
        ("stft: {}", "'stft.hop': field required"),
        ("- a\n- b", "expected a mapping"),
        ("stft: [1", "some.yaml:2: not valid YAML"),
        ("!!python/object/apply:os.getcwd []", "not valid YAML"),
    ],
)
def test_errors_say_where(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=r"some\.yaml") as caught:
        load_yaml(write(tmp_path, text + "\n"), Outer)
    assert expected in str(caught.value)


def test_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*absent\.yaml"):
        load_yaml(tmp_path / "absent.yaml", Outer)


@pytest.mark.parametrize(
    "value",
    [
        '!!int ""',
        "!!bool maybe",
        "!!timestamp hello",
        "2026-99-99",
        '"\\UFFFFFFFF"',
        "!!map x",
        "9" * 5000,
        "1" + ":59" * 80_000,
        "[" * 5000,
        "\x1b",
    ],
)
def test_values_that_the_loader_cannot_make_are_errors_at_their_line(
    tmp_path: Path, value: str
) -> None:
    with pytest.raises(ConfigError, match=r"some\.yaml:2: not valid YAML"):
        load_yaml(write(tmp_path, f"stft: {{hop: 4}}\nmany: {value}"), Outer)


def test_a_file_that_would_take_minutes_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="too large"):
        load_yaml(write(tmp_path, "stft: {hop: 4}\n" * 100_000), Outer)


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000, "{", "\ufeff1"])
def test_json_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^data: not valid JSON"):
        parse_json(text, "data")
