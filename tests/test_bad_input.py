"""Bad input: one clear line each, a non-zero exit code, the rest of the batch done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import cli
from fakes import plugin, saved
from timbresep import audio

DIM = 164


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin backbone, a checkpoint, and files of which some cannot be separated."""
    monkeypatch.setenv("TIMBRESEP_PLUGINS", str(plugin(tmp_path / "plugins")))
    saved(tmp_path / "model.safetensors", DIM, violin=0.5, flute=0.25)
    wave = 0.1 * np.random.default_rng(0).standard_normal((2, 9000)).astype(np.float32)
    monkeypatch.chdir(tmp_path)
    audio.write("good.wav", wave, 44_100)
    audio.write("mono.flac", wave[:1], 22_050)
    audio.write("low.wav", wave, 8_000)
    audio.write("one-sample.wav", wave[:, :1], 44_100)
    audio.write("silent.wav", np.zeros((2, 9000), np.float32), 44_100)
    Path("empty.wav").write_bytes(b"")
    Path("corrupt.wav").write_bytes(np.random.default_rng(0).bytes(4000))
    Path("cut.wav").write_bytes(Path("good.wav").read_bytes()[:20_000])
    Path("text.mp4").write_text("not audio\n" * 100)
    soundfile.write("nan.wav", np.full((9000, 1), np.nan), 44_100, subtype="FLOAT")
    soundfile.write("quad.wav", np.zeros((9000, 4)), 44_100)
    return tmp_path


GOOD = ["good.wav", "mono.flac", "low.wav", "one-sample.wav", "silent.wav"]
BAD = ["missing.wav", "empty.wav", "corrupt.wav", "cut.wav", "text.mp4", "nan.wav", "quad.wav"]


def separate(*arguments: str) -> int:
    return cli.main(["separate", "--checkpoint", "model.safetensors", *arguments])


def errors(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("error: ")]


@pytest.mark.usefixtures("given")
def test_one_bad_file_never_ends_a_batch(capsys: pytest.CaptureFixture[str]) -> None:
    mixed = [name for pair in zip(BAD, [*GOOD, "", ""], strict=True) for name in pair if name]
    assert separate(*mixed, "--keep-absent") == 1
    said = capsys.readouterr()
    told = errors(said.err)
    assert len(told) == len(BAD)
    for name, line in zip(BAD, told, strict=True):
        assert name in line
    assert "Traceback" not in said.err
    assert "7 of 12 files could not be separated" in said.err
    assert "silent.wav is silent" in said.err
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(
        Path(name).stem for name in GOOD
    )
    for name in GOOD:
        wave, rate = audio.read(name)
        for instrument in ("violin", "flute"):
            stem, stem_rate = audio.read(Path("out") / Path(name).stem / f"{instrument}.wav")
            assert (stem.shape, stem_rate) == (wave.shape, rate)
    assert not audio.read("out/silent/violin.wav")[0].any()


@pytest.mark.usefixtures("given")
def test_existing_output_is_kept_and_the_rest_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert separate("good.wav", "-i", "violin") == 0
    Path("out/good/violin.wav").write_bytes(b"mine")
    before = Path("out/good/violin.wav").read_bytes()
    assert separate("good.wav", "low.wav", "--keep-absent") == 1
    (line,) = errors(capsys.readouterr().err)
    assert "out/good/violin.wav exists already" in line
    assert "--overwrite" in line
    assert Path("out/good/violin.wav").read_bytes() == before
    assert not Path("out/good/flute.wav").exists()
    assert Path("out/low/flute.wav").exists()
    assert separate("good.wav", "--overwrite", "--keep-absent") == 0
    assert Path("out/good/flute.wav").exists()


@pytest.mark.usefixtures("given")
def test_an_output_folder_that_cannot_be(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").write_text("a file")
    assert separate("good.wav") == 1
    (line,) = errors(capsys.readouterr().err)
    assert "cannot write" in line
    assert Path("out").read_text() == "a file"
    if os.geteuid():  # root may write anywhere
        Path("locked").mkdir(mode=0o500)
        assert separate("good.wav", "-o", "locked/out") == 1
        assert "Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-i", "vialin"], "did you mean 'violin'?"),
        (["--device", "abacus"], "device 'abacus'"),
        (["--plugins-dir", "nowhere"], "nowhere does not exist"),
        (["--separator", "universal"], "exclude each other"),
        (["--format", "flac", "--bits", "32"], "FLAC has no FLOAT"),
    ],
)
@pytest.mark.usefixtures("given")
def test_wrong_requests_are_one_line(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert separate("good.wav", *arguments) == 1
    (line,) = errors(capsys.readouterr().err)
    assert expected in line
    assert not Path("out").exists()


@pytest.mark.usefixtures("given")
def test_damaged_checkpoints_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    data = Path("model.safetensors").read_bytes()
    Path("model.safetensors").write_bytes(data[: len(data) // 2])
    assert separate("good.wav") == 1
    Path("model.safetensors").unlink()
    assert separate("good.wav") == 1
    cut, missing = errors(capsys.readouterr().err)
    assert "not a whole safetensors file" in cut
    assert "no such checkpoint" in missing


def test_a_plugin_without_its_model_is_told(
    given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = given / "plugins" / "oboe"
    folder.mkdir()
    (folder / "instrument.yaml").write_text(
        "name: oboe\nf0_range: [233.0, 1760.0]\nlicences: {weights: MIT, data: [MIT]}\n"
    )
    assert separate("good.wav", "-i", "oboe") == 1
    (line,) = errors(capsys.readouterr().err)
    assert "ddsp.safetensors is missing" in line


def test_a_shell_sees_one_line_and_an_exit_code(given: Path, root: Path) -> None:
    del given
    done = subprocess.run(
        [sys.executable, str(root / "cli.py"), "condition", "show", "vialin"],
        cwd=root,
        env={k: v for k, v in os.environ.items() if k != "TIMBRESEP_PLUGINS"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "error: no instrument named 'vialin' — did you mean 'violin'?\n"


@pytest.mark.usefixtures("given")
def test_no_file_of_the_batch_is_replaced_by_a_stem(capsys: pytest.CaptureFixture[str]) -> None:
    Path("w/song").mkdir(parents=True)
    Path("w/song.wav").write_bytes(Path("good.wav").read_bytes())
    Path("w/song/violin.wav").write_bytes(Path("low.wav").read_bytes())
    before = Path("w/song/violin.wav").read_bytes()
    assert separate("w/song.wav", "w/song/violin.wav", "-o", "w", "--overwrite") == 1
    assert "would replace an input file" in capsys.readouterr().err
    assert Path("w/song/violin.wav").read_bytes() == before


@pytest.mark.usefixtures("given")
def test_paths_that_cannot_be_end_only_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    Path("loop1.wav").symlink_to("loop2.wav")
    Path("loop2.wav").symlink_to("loop1.wav")
    assert separate("loop1.wav", "x" * 300 + ".wav", "good.wav") == 1
    assert len(errors(capsys.readouterr().err)) == 2
    assert Path("out/good/violin.wav").exists()


@pytest.mark.usefixtures("given")
def test_what_is_assumed_about_a_header_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(Path("good.wav").read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = bytes(4)
    Path("open.wav").write_bytes(data)
    assert separate("open.wav", "good.wav", "-i", "violin") == 0
    said = capsys.readouterr().err
    assert said.count("open.wav: its header does not tell its length") == 1
    stems = [audio.read(Path("out") / name / "violin.wav")[0] for name in ("open", "good")]
    np.testing.assert_array_equal(*stems)


@pytest.mark.usefixtures("given")
def test_names_that_are_no_text_are_files_like_any_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    odd, out = os.fsdecode(b"caf\xe9.wav"), os.fsdecode(b"out\xff")
    Path(odd).write_bytes(Path("good.wav").read_bytes())
    assert separate("low.wav", odd, "mono.flac", "-o", out) == 0
    assert sorted(Path(out).iterdir()) == [Path(out) / name for name in (odd[:-4], "low", "mono")]
    assert "caf\\xe9.wav → out\\xff/caf\\xe9: violin.wav" in capsys.readouterr().out


@pytest.mark.usefixtures("given")
def test_a_file_that_may_not_be_read_ends_only_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_, **__: False)  # asking first is not reading
        assert separate("good.wav") == 0
    if os.geteuid() == 0:
        return  # root may read anything
    Path("low.wav").chmod(0)
    assert separate("low.wav", "mono.flac") == 1
    (line,) = errors(capsys.readouterr().err)
    assert "low.wav" in line
    assert Path("out/mono/violin.wav").exists()


@pytest.mark.usefixtures("given")
def test_control_characters_of_names_are_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    name = "no\x1b]0;PWN\x07\x9b2J\u202e.wav"
    Path(name).write_bytes(Path("good.wav").read_bytes())
    assert separate(name, f"x{name}", "-i", "violin") == 1
    said = capsys.readouterr()
    escaped = "no\\x1b]0;PWN\\x07\\x9b2J\\u202e"
    assert f"{escaped}.wav → out/{escaped}: violin.wav" in said.out
    assert f"x{escaped}.wav: No such file" in said.err
    assert not set(said.out + said.err) & set("\x1b\x07\x9b\u202e")


@pytest.mark.usefixtures("given")
def test_a_name_of_dots_stays_in_the_output_folder() -> None:
    Path("in").mkdir()
    for name in ("...wav", "..wav"):
        (Path("in") / name).write_bytes(Path("good.wav").read_bytes())
    assert separate("in/...wav", "in/..wav", "-i", "violin", "-o", "here/out") == 0
    assert [str(path) for path in sorted(Path("here").rglob("*.wav"))] == [
        "here/out/_/violin.wav",
        "here/out/__/violin.wav",
    ]
