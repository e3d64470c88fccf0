"""`timbresep notes`: recordings in, MIDI out; one clear line for each file that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

import cli
import fakes
from timbresep import audio
from timbresep.notes.midi import read_stems
from tone_transcriber import melody, plugin, saved

DIM, RATE = 164, 44_100
TUNE = [(0.5, 1.0, 69), (1.2, 2.0, 74)]


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A transcriber, and recordings of which some cannot be transcribed."""
    monkeypatch.setenv("TIMBRESEP_PLUGINS", str(plugin(tmp_path / "plugins")))
    monkeypatch.chdir(tmp_path)
    saved(Path("tones.safetensors"), DIM, violin=1.0, flute=0.1, drums=1.0)
    tune = melody(TUNE, 2.5, RATE)
    audio.write("tune.wav", tune, RATE)
    audio.write("stereo.flac", np.concatenate([tune, tune]), RATE)
    audio.write("short.wav", melody([(0.1, 0.8, 70)], 1.0, 8000), 8000)
    audio.write("silent.wav", 0 * tune, RATE)
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, RATE))
    audio.write("noise.wav", noise.astype(np.float32), RATE)
    soundfile.write("nan.wav", np.full((9000, 1), np.nan), RATE, subtype="FLOAT")
    soundfile.write("quad.wav", np.zeros((9000, 4)), RATE)
    Path("text.wav").write_text("no sound")
    return tmp_path


def notes(*arguments: str) -> int:
    return cli.main(["notes", "--checkpoint", "tones.safetensors", *arguments])


def tracks(path: str) -> dict[str, list[tuple[float, int]]]:
    return {s.stem: [(n.start, int(n.pitch)) for n in s.notes] for s in read_stems(Path(path))}


@pytest.mark.usefixtures("given")
def test_notes_are_written_and_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert notes("tune.wav", "-i", "fiddle,flute") == 0
    said = capsys.readouterr()
    assert "transcriber: tones.safetensors" in said.out
    assert "tune.wav → out/tune/notes.mid" in said.out
    assert "  violin: 2 notes, A4 – D5\n" in said.out
    assert "  flute: no notes\n" in said.out
    (found,) = tracks("out/tune/notes.mid").items()
    assert found[0] == "violin"
    assert [pitch for _, pitch in found[1]] == [69, 74]
    assert [start for start, _ in found[1]] == pytest.approx([0.5, 1.2], abs=0.035)


@pytest.mark.usefixtures("given")
def test_what_was_found_is_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert notes("tune.wav", "nan.wav", "-i", "fiddle,flute", "--json") == 1
    said = capsys.readouterr()
    (found,) = json.loads(said.out)
    assert (found["file"], found["output"]) == ("tune.wav", "out/tune/notes.mid")
    assert found["seconds"] == pytest.approx(2.5, abs=0.01)
    violin, flute = found["instruments"]
    assert violin == {"name": "violin", "notes": 2, "lowest": 69, "highest": 74}
    assert flute == {"name": "flute", "notes": 0, "lowest": None, "highest": None}
    assert "nan.wav" in said.err


@pytest.mark.usefixtures("given")
def test_each_instrument_is_a_track_with_its_program() -> None:
    assert notes("tune.wav") == 0
    file = mido.MidiFile("out/tune/notes.mid")
    named = {track.name: track for track in file.tracks}
    assert [name for name in named if name] == ["violin", "flute"]
    programs = {m.program for m in named["violin"] if m.type == "program_change"}
    assert programs == {40}


@pytest.mark.usefixtures("given")
def test_one_bad_file_never_ends_a_batch(capsys: pytest.CaptureFixture[str]) -> None:
    bad = ["nan.wav", "quad.wav", "text.wav", "missing.wav"]
    good = ["stereo.flac", "short.wav", "silent.wav", "noise.wav"]
    mixed = [name for pair in zip(bad, good, strict=True) for name in pair]
    assert notes(*mixed, "-i", "violin") == 1
    said = capsys.readouterr()
    told = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(told) == len(bad)
    for name, line in zip(bad, told, strict=True):
        assert name in line
    assert "4 of 8 files could not be transcribed" in said.err
    assert "note: silent.wav is silent, and has no notes" in said.err
    assert "note: noise.wav has no notes to hear" in said.err
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "noise",
        "short",
        "silent",
        "stereo",
    ]
    assert tracks("out/stereo/notes.mid")["violin"][0][1] == 69
    assert [pitch for _, pitch in tracks("out/short/notes.mid")["violin"]] == [70]
    for name in ("silent", "noise"):  # empty, but valid
        file = mido.MidiFile(f"out/{name}/notes.mid")
        assert [track.name for track in file.tracks][1:] == ["violin"]
        assert not any(message.type == "note_on" for track in file.tracks for message in track)


@pytest.mark.usefixtures("given")
def test_nothing_is_replaced_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    assert notes("tune.wav", "-i", "violin") == 0
    before = Path("out/tune/notes.mid").read_bytes()
    assert notes("tune.wav", "-i", "flute") == 1
    assert "out/tune/notes.mid exists already" in capsys.readouterr().err
    assert Path("out/tune/notes.mid").read_bytes() == before
    assert notes("tune.wav", "-i", "flute", "--overwrite") == 0
    assert Path("out/tune/notes.mid").read_bytes() != before
    assert {path.name for path in Path("out").rglob("*")} == {"tune", "notes.mid"}


@pytest.mark.usefixtures("given")
def test_what_has_no_pitch_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert notes("tune.wav", "-i", "violin,drums") == 0
    assert "note: drums has no pitch, and is left out" in capsys.readouterr().err
    assert notes("tune.wav", "-i", "drums", "-o", "other") == 1
    assert "error: drums: without pitch, there are no notes" in capsys.readouterr().err
    assert not Path("other").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--checkpoint", "tones.safetensors", "-i", "vialin"], "did you mean 'violin'?"),
        (["--checkpoint", "tones.safetensors", "--device", "abacus"], "device 'abacus'"),
        (["--checkpoint", "missing.safetensors"], "missing.safetensors"),
        (["--checkpoint", "tones.safetensors", "--transcriber", "x"], "exclude each other"),
        (["--checkpoint", "stems.safetensors"], "stems.safetensors separates"),
        (["--checkpoint", "tones.safetensors", "--reference", "violin"], "no NAME=FILE"),
    ],
)
@pytest.mark.usefixtures("given")
def test_wrong_options_are_one_line(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fakes.saved(Path("stems.safetensors"), DIM, violin=0.5)
    assert cli.main(["notes", "tune.wav", *arguments]) == 1
    said = capsys.readouterr().err
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert expected in line
    assert not Path("out").exists()


@pytest.mark.usefixtures("given")
def test_the_notes_go_back_as_a_score(capsys: pytest.CaptureFixture[str]) -> None:
    """The loop: what was transcribed separates the recording."""
    assert notes("tune.wav", "-i", "violin") == 0
    score = ["--score", "out/tune/notes.mid", "--aligned", "--separator", "none", "--midi"]
    assert cli.main(["separate", "tune.wav", *score, "-o", "stems"]) == 0
    stem, rate = audio.read("stems/tune/violin.wav")
    tune, _ = audio.read("tune.wav")
    assert rate == RATE
    assert np.square(stem - tune).sum() < 0.2 * np.square(tune).sum()
    assert tracks("stems/tune/violin.mid") == tracks("out/tune/notes.mid")
    del capsys
