"""The command line: what is written, printed and returned."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cli
from fakes import RATE, plugin, saved
from timbresep import audio
from timbresep.commands import completion
from timbresep.separation.ledger import LEDGER

DIM = 164  # length of conditions of version 1


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plugin backbone, a checkpoint of two instruments and a song."""
    monkeypatch.setenv("TIMBRESEP_PLUGINS", str(plugin(tmp_path / "plugins")))
    saved(tmp_path / "model.safetensors", DIM, violin=0.5, flute=0.25)
    wave = 0.1 * np.random.default_rng(0).standard_normal((2, 20_000)).astype(np.float32)
    audio.write(tmp_path / "song.wav", wave, 11_025)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def separate(*arguments: str) -> int:
    return cli.main(["separate", "--checkpoint", "model.safetensors", *arguments])


def test_list_shows_what_works_and_what_does_not(
    given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (given / "plugins" / "horn").mkdir()
    (given / "plugins" / "horn" / "instrument.yaml").write_text("name: horn\n")
    assert cli.main(["list"]) == 0
    shown = capsys.readouterr().out
    assert "violin" in shown
    assert "rnn_mask" in shown
    horn = next(line for line in shown.splitlines() if " horn " in line)
    assert "broken" in horn


def test_list_shows_foreign_text_escaped(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "untrusted" / "horn\x1b[2J"
    shutil.copytree(root / "plugins/instruments/flute", folder)
    text = (folder / "instrument.yaml").read_text()
    text = text.replace("name: flute", "name: horn").replace("aliases: [", "aliases: [] # [")
    changed = text.replace("weights: MIT", 'weights: "\\e[31mMIT\\u202e"')
    assert changed != text
    (folder / "instrument.yaml").write_text(changed)
    assert cli.main(["list", "--plugins-dir", str(folder.parent)]) == 0
    out = capsys.readouterr().out
    assert r"\x1b[31mMIT\u202e" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_separate_writes_stems(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert separate("song.wav", "-i", "fiddle, flute", "--independent") == 0
    wave, _ = audio.read("song.wav")
    for name, gain in (("violin", 0.5), ("flute", 0.25)):
        stem, rate = audio.read(given / "out" / "song" / f"{name}.wav")
        assert (stem.shape, rate) == (wave.shape, 11_025)
        ratio = np.linalg.norm(stem) / np.linalg.norm(wave)
        assert ratio < gain  # what is above the network's 4 kHz is gone
    assert "violin.wav, flute.wav" in capsys.readouterr().out


def test_all_is_every_instrument_of_the_checkpoint(given: Path) -> None:
    assert separate("song.wav", "-i", "all", "-o", "here") == 0
    assert sorted(path.name for path in (given / "here" / "song").iterdir()) == [
        LEDGER,
        "flute.wav",
        "violin.wav",
    ]


def test_instruments_are_masked_jointly_unless_independent(given: Path) -> None:
    def levels(*options: str) -> list[float]:
        assert separate("song.wav", *options) == 0
        paths = [given / "out" / "song" / f"{name}.wav" for name in ("violin", "flute")]
        return [float(np.linalg.norm(audio.read(path)[0])) for path in paths]

    by_itself, jointly = levels("--independent"), levels("--overwrite")
    # 0.5 and 0.25 of the sound; with 0.1 for nobody that makes 0.85
    assert jointly[0] / by_itself[0] == pytest.approx(1 / 0.85, rel=0.1)
    assert jointly[0] / jointly[1] == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize(
    ("options", "name", "subtype"),
    [
        ((), "violin.wav", "FLOAT"),
        (("--bits", "16"), "violin.wav", "PCM_16"),
        (("--bits", "24"), "violin.wav", "PCM_24"),
        (("--format", "flac"), "violin.flac", "PCM_24"),
        (("--format", "flac", "--bits", "16"), "violin.flac", "PCM_16"),
    ],
)
@pytest.mark.usefixtures("given")
def test_formats(options: tuple[str, ...], name: str, subtype: str) -> None:
    import soundfile

    assert separate("song.wav", "-i", "violin", *options) == 0
    assert soundfile.info(Path("out/song") / name).subtype == subtype


@pytest.mark.usefixtures("given")
def test_residual_and_consistent() -> None:
    wave, _ = audio.read("song.wav")
    assert separate("song.wav", "-o", "a", "--residual") == 0
    parts = [audio.read(path)[0] for path in Path("a/song").glob("*.wav")]
    assert len(parts) == 3
    assert np.abs(sum(parts) - wave).max() < 1e-6
    assert separate("song.wav", "-o", "b", "--mixture-consistency") == 0
    parts = [audio.read(path)[0] for path in Path("b/song").glob("*.wav")]
    assert len(parts) == 2
    assert np.abs(sum(parts) - wave).max() < 1e-6
    assert separate("song.wav", "-o", "c", "--mixture-consistency", "--residual") == 1
    assert not Path("c").exists()


@pytest.mark.usefixtures("given")
def test_an_instrument_that_only_a_plugin_knows_is_noted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert separate("song.wav", "-i", "piano") == 0
    assert Path("out/song/piano.wav").exists()
    said = capsys.readouterr().err
    assert "note:" in said
    assert "'piano' was not in this separator's training" in said


@pytest.mark.usefixtures("given")
def test_a_condition_that_says_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert separate("song.wav", "-i", "drums") == 1  # version 1 has no values for noise
    assert "say nothing about 'drums'" in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.usefixtures("given")
def test_evaluate_prints_and_writes_scores(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    for name in ("fiddle", "flute", "drums"):
        Path("tracks/one").mkdir(parents=True, exist_ok=True)
        wave = 0.1 * rng.standard_normal((1, RATE)).astype(np.float32)
        audio.write(f"tracks/one/{name}.wav", wave, RATE)
    arguments = ["evaluate", "tracks", "--checkpoint", "model.safetensors", "-o", "scores"]
    assert cli.main([*arguments, "--swaps"]) == 0
    shown = capsys.readouterr().out
    for word in ("silence", "oracle", "mixture", "violin", "flute", "SI-SDRi"):
        assert word in shown
    data = json.loads(Path("scores/scores.json").read_text())
    assert set(data["instruments"]) == {"violin", "flute"}
    assert cli.main([*arguments, "-i", "violin"]) == 1  # other scores are not overwritten
    assert "instruments" in capsys.readouterr().err


def test_condition_show_draws_bars(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["condition", "show", "violin", "flute"]) == 0
    shown = capsys.readouterr().out
    assert "█" in shown
    assert "1.000" in shown


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["list"],
        ["separate"],
        ["train"],
        ["evaluate"],
        ["condition", "show"],
        ["condition", "build"],
        ["ddsp", "train"],
        ["data", "render"],
        ["data", "solos"],
    ],
)
def test_help_reads_well(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*command, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_wrong_usage_is_exit_code_two() -> None:
    assert cli.main(["separate"]) == 2
    assert cli.main(["separat"]) == 2
    assert cli.main(["separate", "a.wav", "--bits", "12"]) == 2


@pytest.mark.usefixtures("given")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_is_told_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    from timbresep.separation.network import Network

    def stop(*_: object) -> None:
        signal.raise_signal(number)  # to this very thread: others must not take it first

    monkeypatch.setattr(Network, "estimate", stop)
    before = signal.signal(number, signal.default_int_handler)  # a shell's & has it ignored
    try:
        assert separate("song.wav") == 130
    finally:
        signal.signal(number, before)
    assert "interrupted" in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.usefixtures("given")
def test_a_bug_is_one_line_and_whole_with_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from timbresep.separation.network import Network

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Network, "estimate", fail)
    assert separate("song.wav") == 70
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "ZeroDivisionError: a bug" in said
    assert "--debug" in said
    assert separate("song.wav", "--debug") == 70
    assert "Traceback" in capsys.readouterr().err


def test_list_starts_fast_because_nothing_heavy_is_imported(root: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "TIMBRESEP_PLUGINS"}
    code = (
        "import sys, cli; code = cli.main(['list']); "
        "heavy = {'torch', 'numpy', 'scipy', 'soundfile', 'safetensors'} & set(sys.modules); "
        "sys.exit(code or (f'imported {heavy}' if heavy else 0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "violin" in done.stdout


def test_another_python_says_how_to_get_the_right_one(root: Path) -> None:
    code = (
        "import runpy, sys; sys.modules['typer'] = None; runpy.run_path('cli.py', {}, '__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: Python 3.")
    assert "has no typer" in done.stderr
    assert "source .venv/bin/activate" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("given")
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_output_in_any_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("é→.wav").write_bytes(Path("song.wav").read_bytes())
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert separate("song.wav", "é→.wav", "missing→.wav", "-i", "violin") == 1
    assert sorted(path.name for path in Path("out").iterdir()) == ["song", "é→"]
    for arguments in (["list"], ["condition", "show", "violin"], ["--help"]):
        assert cli.main(arguments) == 0
    sys.stdout.flush()
    shown = sys.stdout.buffer.getvalue().decode(encoding)
    assert "song.wav -> out/song: violin.wav" in shown
    assert "fiddle" in shown


def test_an_interrupt_while_the_program_starts_is_one_line(root: Path, tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    done = subprocess.run(
        [sys.executable, str(root / "cli.py"), "list"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")


@pytest.mark.usefixtures("given")
def test_the_mixture_without_an_instrument(capsys: pytest.CaptureFixture[str]) -> None:
    assert separate("song.wav", "--minus", "fiddle", "--independent") == 0
    wave, _ = audio.read("song.wav")
    assert [path.name for path in Path("out/song").glob("*.wav")] == ["minus-violin.wav"]
    rest, _ = audio.read("out/song/minus-violin.wav")
    assert separate("song.wav", "-i", "violin", "--independent") == 0
    stem, _ = audio.read("out/song/violin.wav")
    assert np.abs(rest + stem - wave).max() < 1e-6
    assert separate("song.wav", "--minus", "violn") == 1
    assert "did you mean 'violin'" in capsys.readouterr().err


@pytest.mark.usefixtures("given")
def test_what_is_done_is_said_and_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert separate("song.wav", "-i", "violin") == 0
    assert separate("song.wav", "-i", "violin,flute") == 0
    out = capsys.readouterr().out
    assert "done already: violin.wav" in out
    assert "out/song: flute.wav" in out


@pytest.mark.usefixtures("given")
def test_presets_name_instruments_and_what_is_given_goes_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert separate("song.wav", "--preset", "minus-one") == 0
    assert sorted(path.name for path in Path("out/song").glob("*.wav")) == [
        "minus-flute.wav",
        "minus-violin.wav",
    ]
    assert separate("song.wav", "--preset", "ensemble", "-i", "flute", "-o", "b") == 0
    assert [path.name for path in Path("b/song").glob("*.wav")] == ["flute.wav"]
    assert separate("song.wav", "--preset", "ensembel") == 1
    assert "did you mean 'ensemble'" in capsys.readouterr().err


@pytest.mark.usefixtures("given")
def test_fast_is_independent_unless_more_is_said() -> None:
    def level(*options: str) -> float:
        assert separate("song.wav", "-i", "violin", "--overwrite", *options) == 0
        return float(np.linalg.norm(audio.read("out/song/violin.wav")[0]))

    fast, independent = level("--quality", "fast"), level("--independent")
    assert fast == independent
    assert fast != level("--quality", "good")


@pytest.mark.usefixtures("given")
def test_listen_says_who_plays(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["listen", "song.wav", "--checkpoint", "model.safetensors"]) == 0
    out = capsys.readouterr().out
    assert "What seems to play: violin, flute." in out
    assert not Path("out").exists()
    Path("more").mkdir()
    Path("song.wav").rename("more/song.wav")
    assert cli.main(["listen", "more", "--checkpoint", "model.safetensors"]) == 0
    Path("more/song.wav").rename("song.wav")
    capsys.readouterr()
    listen = ["listen", "gone.wav", "song.wav", "--checkpoint", "model.safetensors", "--json"]
    assert cli.main(listen) == 1
    said = capsys.readouterr()
    (found,) = json.loads(said.out)
    assert [row["name"] for row in found["instruments"]] == ["violin", "flute"]
    assert all(row["plays"] for row in found["instruments"])
    assert "gone.wav" in said.err


def test_list_is_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"kind", "name", "status", "owner", "detail"} == set(rows[0])
    assert "violin" in [row["name"] for row in rows if row["kind"] == "instrument"]


def test_a_shell_is_offered_names() -> None:
    assert completion.instruments("violin,cl") == ["violin,clarinet"]
    assert completion.separators("uni") == ["universal"]


@pytest.mark.usefixtures("given")
def test_quiet_prints_errors_and_what_is_asked_for_as_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert separate("song.wav", "--quiet") == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == ""
    assert separate("song.wav", "gone.wav", "--quiet", "-o", "b") == 1
    assert "gone.wav" in capsys.readouterr().err
    assert cli.main(["--quiet", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert cli.main(["list"]) == 0
    assert "violin" in capsys.readouterr().out
