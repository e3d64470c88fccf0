"""What is written of a file: stems of who plays, mixtures without some, and nothing twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fakes import PLAIN, RATE, GainBackbone, loaded
from timbresep import audio
from timbresep.commands.inputs import audio_files
from timbresep.errors import AudioError, OutputExistsError
from timbresep.files import claim
from timbresep.notes.score import Note, StemNotes
from timbresep.separation.batch import separate_batch
from timbresep.separation.ledger import LEDGER, Job
from timbresep.separation.one_file import separate_file
from timbresep.separation.output import Output
from timbresep.separation.parts import Wanted, parts_of
from timbresep.separation.presence import presences
from timbresep.separation.separator import Separator

SETTINGS = {"network": "a"}
ALL = ("loud", "half", "faint")


@pytest.fixture
def separator() -> Separator:
    return Separator(loaded(GainBackbone(3), loud=1.0, half=0.5, faint=0.01), options=PLAIN)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    wave = (0.1 * rng.standard_normal((2, 3 * RATE))).astype(np.float32)
    audio.write(tmp_path / "song.wav", wave, RATE)
    return tmp_path / "song.wav"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {LEDGER}


def test_who_does_not_seem_to_play_is_left_out_and_in_the_residual(
    separator: Separator, song: Path, tmp_path: Path
) -> None:
    output = Output(tmp_path, wanted=Wanted(residual=True, keep_absent=False))
    folder = tmp_path / "song"
    report = separate_file(separator, song, ALL, folder, output)
    assert names(folder) == {"loud.wav", "half.wav", "residual.wav"}
    assert report.absent == {"faint": pytest.approx(-40, abs=0.1)}
    parts = [audio.read(folder / name)[0] for name in names(folder)]
    np.testing.assert_allclose(np.sum(parts, axis=0), audio.read(song)[0], atol=1e-6)


def test_a_silent_file_writes_nothing_and_says_so(separator: Separator, tmp_path: Path) -> None:
    audio.write(tmp_path / "song.wav", np.zeros((1, RATE), np.float32), RATE)
    output = Output(tmp_path, wanted=Wanted(keep_absent=False))
    report = separate_file(separator, tmp_path / "song.wav", ALL, tmp_path / "song", output)
    assert not report.outputs
    assert any("seems to play" in note for note in report.notes)
    assert not (tmp_path / "song").exists()


def test_the_mixture_without_some(separator: Separator, song: Path, tmp_path: Path) -> None:
    output = Output(tmp_path, wanted=Wanted(minus=(("half",), ("half", "faint"))))
    separate_file(separator, song, (), tmp_path / "song", output)
    assert names(tmp_path / "song") == {"minus-half.wav", "minus-half-faint.wav"}
    wave = audio.read(song)[0]
    without = audio.read(tmp_path / "song" / "minus-half-faint.wav")[0]
    np.testing.assert_allclose(without, 0.49 * wave, atol=1e-6)


def test_minus_each_leaves_out_who_does_not_play(
    separator: Separator, song: Path, tmp_path: Path
) -> None:
    output = Output(tmp_path, wanted=Wanted(minus_each=True, keep_absent=False))
    separate_file(separator, song, ALL, tmp_path / "song", output)
    assert names(tmp_path / "song") == {"minus-loud.wav", "minus-half.wav"}


def test_no_file_is_written_for_two_reasons() -> None:
    wanted = Wanted(minus=(("half",),), minus_each=True)
    assert [part.name for part in parts_of(["half"], wanted)] == ["minus-half"]


def test_a_rerun_makes_only_what_is_missing(
    separator: Separator, song: Path, tmp_path: Path
) -> None:
    output, folder = Output(tmp_path, settings=SETTINGS), tmp_path / "song"
    separate_file(separator, song, ["loud"], folder, output)
    before = (folder / "loud.wav").stat().st_mtime_ns
    report = separate_file(separator, song, ["loud", "half"], folder, output)
    assert [path.name for path in report.outputs] == ["half.wav"]
    assert [path.name for path in report.kept] == ["loud.wav"]
    assert (folder / "loud.wav").stat().st_mtime_ns == before
    calls = separator.checkpoint.model.calls
    report = separate_file(separator, song, ["loud", "half"], folder, output)
    assert not report.outputs
    assert separator.checkpoint.model.calls == calls


@pytest.mark.parametrize("change", ["settings", "input", "bits", "cut", "ledger"])
def test_stems_of_another_job_are_never_taken_for_done(
    change: str, separator: Separator, song: Path, tmp_path: Path
) -> None:
    output, folder = Output(tmp_path, settings=SETTINGS), tmp_path / "song"
    separate_file(separator, song, ["loud"], folder, output)
    if change == "settings":
        output = replace(output, settings={"network": "b"})
    elif change == "input":
        audio.write(song, np.full((2, 2 * RATE), 0.1, np.float32), RATE, overwrite=True)
    elif change == "bits":
        output = replace(output, subtype="PCM_16")
    elif change == "cut":
        (folder / "loud.wav").write_bytes(b"RIFF")
    else:
        (folder / LEDGER).write_text("[[[")
    with pytest.raises(OutputExistsError, match=r"loud\.wav exists"):
        separate_file(separator, song, ["loud"], folder, output)
    separate_file(separator, song, ["loud"], folder, replace(output, overwrite=True))
    assert audio.read(folder / "loud.wav")[0].shape == audio.read(song)[0].shape


def test_a_rerun_remembers_who_was_absent(separator: Separator, song: Path, tmp_path: Path) -> None:
    output = Output(tmp_path, wanted=Wanted(keep_absent=False), settings=SETTINGS)
    separate_file(separator, song, ALL, tmp_path / "song", output)
    report = separate_file(separator, song, ALL, tmp_path / "song", output)
    assert not report.outputs
    assert list(report.absent) == ["faint"]
    asked = replace(output, wanted=Wanted())
    report = separate_file(separator, song, ALL, tmp_path / "song", asked)
    assert [path.name for path in report.outputs] == ["faint.wav"]


@pytest.mark.parametrize("format", ["mp3", "ogg", "opus"])
def test_small_formats_hold_the_stem(format: str, separator: Separator, tmp_path: Path) -> None:
    time = np.arange(2 * 44_100) / 44_100
    wave = 0.3 * np.sin(2 * np.pi * 440 * time)[None].astype(np.float32)
    audio.write(tmp_path / "song.wav", wave, 44_100)
    separate_file(
        separator, tmp_path / "song.wav", ["loud"], tmp_path / "song", Output(tmp_path, format)
    )
    found, rate = soundfile.read(tmp_path / "song" / f"loud.{format}")
    assert rate == (48_000 if format == "opus" else 44_100)
    assert len(found) / rate == pytest.approx(2, abs=0.05)
    spectrum = np.abs(np.fft.rfft(found[:rate] * np.hanning(rate)))
    assert spectrum.argmax() == 440
    assert np.abs(found).max() == pytest.approx(0.3, abs=0.02)


def test_folders_and_patterns_stand_for_the_audio_in_them(tmp_path: Path) -> None:
    for name in ("a/x.wav", "a/b/y.flac", "a/.hidden.wav", "a/notes.txt", "a/out/x/violin.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = audio_files([tmp_path / "a"], tmp_path / "a" / "out")
    assert [path.name for path in found.files] == ["y.flac", "x.wav"]
    assert found.inside[tmp_path / "a" / "b" / "y.flac"] == Path("b")
    by_pattern = audio_files([tmp_path / "a" / "*.wav"], tmp_path / "out")
    assert [path.name for path in by_pattern.files] == [".hidden.wav", "x.wav"]
    everywhere = audio_files([tmp_path / "**" / "*.wav"], tmp_path / "a" / "out")
    assert [path.name for path in everywhere.files] == [".hidden.wav", "x.wav"]
    for nothing in ("a/*.mp3", "a/b*", "a**.wav", "out"):
        (tmp_path / "out").mkdir(exist_ok=True)
        with pytest.raises(AudioError):
            audio_files([tmp_path / nothing], tmp_path / "elsewhere")


def test_the_folders_of_a_library_are_kept(separator: Separator, tmp_path: Path) -> None:
    for place in ("one/song.wav", "two/song.wav"):
        (tmp_path / "in" / place).parent.mkdir(parents=True)
        audio.write(tmp_path / "in" / place, np.full((1, 1000), 0.1, np.float32), RATE)
    found = audio_files([tmp_path / "in"], tmp_path / "out")
    output = Output(tmp_path / "out", inside=found.inside)
    separate_batch(separator, found.files, output, instruments=["loud"])
    stems = sorted(p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.wav"))
    assert stems == [Path("one/song/loud.wav"), Path("two/song/loud.wav")]


def test_soft_stems_need_notes_to_play() -> None:
    long = StemNotes("a", "a", (Note(0.0, 6.0, 60),))
    short = StemNotes("b", "b", (Note(0.0, 1.0, 60),))
    levels = {"a": -17.0, "b": -17.0, "c": -17.0, "d": -10.0, "e": -25.0}
    found = {each.name: each for each in presences(levels, [long, short], 10.0)}
    assert [name for name, each in found.items() if each.plays] == ["a", "d"]
    assert found["a"].range == "C4 – C4"


def test_a_damaged_ledger_is_no_ledger(separator: Separator, song: Path, tmp_path: Path) -> None:
    folder = tmp_path / "song"
    folder.mkdir()
    for text in ("", "[]", '{"loud.wav": 3}', json.dumps({"(absent)": {"levels": 1}})):
        (folder / LEDGER).write_text(text)
        output = Output(tmp_path, wanted=Wanted(keep_absent=False), settings=SETTINGS)
        separate_file(separator, song, ["loud"], folder, replace(output, overwrite=True))


def test_a_folder_at_work_in_another_run_is_left_alone(
    separator: Separator, song: Path, tmp_path: Path
) -> None:
    audio.write(tmp_path / "other.wav", *audio.read(song))
    with claim(tmp_path / "song"):
        batch = separate_batch(separator, [song, tmp_path / "other.wav"], Output(tmp_path))
    assert [path for path, _ in batch.failed] == [song]
    assert "is at work in another run" in str(batch.failed[0][1])
    assert [row.path.name for row in batch.done] == ["other.wav"]


def test_a_file_that_changes_while_it_is_read_is_not_written(
    separator: Separator, song: Path, tmp_path: Path
) -> None:
    def replaced(_: float) -> None:
        audio.write(tmp_path / "new.wav", np.zeros((2, RATE), np.float32), RATE)
        (tmp_path / "new.wav").replace(song)

    with pytest.raises(AudioError, match=r"song\.wav changed while it was read"):
        separate_file(separator, song, ALL, tmp_path / "song", Output(tmp_path), report=replaced)
    assert not (tmp_path / "song").exists()


def test_a_file_that_is_removed_while_it_is_read_is_separated(
    separator: Separator, song: Path, tmp_path: Path
) -> None:
    def removed(_: float) -> None:
        song.unlink(missing_ok=True)

    report = separate_file(
        separator, song, ALL, tmp_path / "song", Output(tmp_path), report=removed
    )
    assert {path.name for path in report.outputs} == {f"{name}.wav" for name in ALL}


def test_a_run_killed_when_its_stems_were_there_is_known_by_the_next(
    separator: Separator, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, folder = Output(tmp_path, settings=SETTINGS), tmp_path / "song"
    remember = Job.remember

    def killed(job: Job, folder: Path, files: dict[str, Path], *rest: object) -> None:
        if (folder / "loud.wav").exists():
            raise KeyboardInterrupt
        remember(job, folder, files, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Job, "remember", killed)
    with pytest.raises(KeyboardInterrupt):
        separate_file(separator, song, ALL, folder, output)
    monkeypatch.undo()
    assert len(separate_file(separator, song, ALL, folder, output).kept) == 3


def test_stems_that_are_being_replaced_do_not_count_as_done(
    separator: Separator, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "song"
    separate_file(separator, song, ALL, folder, Output(tmp_path))
    newer = Output(tmp_path, settings=SETTINGS, overwrite=True)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("timbresep.files._place", killed)
    with pytest.raises(KeyboardInterrupt):
        separate_file(separator, song, ALL, folder, newer)
    monkeypatch.undo()
    with pytest.raises(OutputExistsError):
        separate_file(separator, song, ALL, folder, Output(tmp_path, settings=SETTINGS))
