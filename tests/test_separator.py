"""The separator as a stream: exact, of constant memory, and harmless to files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from disks import full_disk
from fakes import PLAIN, RATE, FirBackbone, GainBackbone, loaded, vector
from timbresep import audio, output_files
from timbresep.errors import AudioError, CheckpointError, OutputExistsError, UnknownNameError
from timbresep.separation.batch import separate_batch
from timbresep.separation.one_file import separate_file
from timbresep.separation.output import Output
from timbresep.separation.parts import Wanted
from timbresep.separation.separator import Separator
from timbresep.streaming import resampled


def noise(channels: int = 2, samples: int = 10_000) -> np.ndarray:
    rng = np.random.default_rng(samples)
    return (0.1 * rng.standard_normal((channels, samples))).astype(np.float32)


@pytest.fixture
def separator() -> Separator:
    return Separator(loaded(FirBackbone(3), low=1.0, half=0.5, minus=-2.0), options=PLAIN)


def whole(separator: Separator, wave: np.ndarray, names: list[str]) -> np.ndarray:
    """The network applied to everything at once."""
    stack = np.stack([separator.checkpoint.conditions[name] for name in names])
    with torch.inference_mode():
        model = separator.checkpoint.model
        return model(torch.from_numpy(wave)[None], torch.from_numpy(stack)[None])[0]


@pytest.mark.parametrize("samples", [1, 39, 999, 1000, 1001, 1969, 1970, 10_000, 100_003])
@pytest.mark.parametrize("channels", [1, 2])
def test_chunks_equal_the_whole(separator: Separator, samples: int, channels: int) -> None:
    wave, names = noise(channels, samples), ["low", "minus"]
    stems = separator.separate(wave, RATE, names)
    expected = whole(separator, wave, names)
    for name, reference in zip(names, expected, strict=True):
        assert stems[name].shape == wave.shape
        assert np.abs(stems[name] - reference.numpy()).max() < 1e-6


def test_the_sizes_of_blocks_do_not_matter(separator: Separator) -> None:
    wave = noise()

    def cut(size: int) -> np.ndarray:
        blocks = (wave[:, at : at + size] for at in range(0, wave.shape[1], size))
        return np.concatenate(
            [stems for _, stems in separator.stream(blocks, RATE, 2, ["low"])], axis=2
        )

    assert np.array_equal(cut(77), cut(10_000))


def test_many_instruments_at_once_equal_many_calls(separator: Separator) -> None:
    wave = noise()
    together = separator.separate(wave, RATE, ["low", "half", "minus"])
    calls = separator.checkpoint.model.calls
    for name, stem in together.items():
        assert np.allclose(separator.separate(wave, RATE, [name])[name], stem, atol=1e-7)
    assert (
        separator.checkpoint.model.calls == 4 * calls
    )  # one call per chunk, however many instruments


@pytest.mark.parametrize("rate", [44_100, 48_000, 11_025, 5_512])
def test_another_rate_keeps_length_and_tone(rate: int) -> None:
    separator = Separator(loaded(GainBackbone(3), unit=1.0), options=PLAIN)
    time = np.arange(rate + 17) / rate
    wave = (0.5 * np.sin(2 * np.pi * 440 * time))[None].astype(np.float32)
    stem = separator.separate(wave, rate, ["unit"])["unit"]
    assert stem.shape == wave.shape
    inner = slice(rate // 10, -rate // 10)  # the ends of a tone have no band limit
    assert np.abs(stem - wave)[:, inner].max() < 2e-3


@pytest.mark.parametrize("samples", [1, 2, 3, 160, 4411])
def test_a_few_samples_at_another_rate(samples: int) -> None:
    separator = Separator(loaded(GainBackbone(3), unit=1.0), options=PLAIN)
    for rate in (44_100, 3_000):
        wave = noise(1, samples)
        assert separator.separate(wave, rate, ["unit"])["unit"].shape == wave.shape


def test_stream_resampling_equals_resampling_at_once() -> None:
    wave = noise(2, 30_000)
    blocks = (wave[:, at : at + 1234] for at in range(0, 30_000, 1234))
    out = np.concatenate(list(resampled(blocks, 44_100, RATE, 2)), axis=1)
    assert np.abs(out - audio.resample(wave, 44_100, RATE)).max() < 1e-4


@pytest.mark.parametrize("rate", [RATE, 11_025])
def test_consistent_stems_sum_to_the_mixture(separator: Separator, rate: int) -> None:
    wave = noise()
    wave[:, 3000:7000] = 0
    stems = separator.with_options(mixture_consistency=True).separate(
        wave, rate, ["low", "half", "minus"]
    )
    assert np.abs(sum(stems.values()) - wave).max() < 1e-6


def test_consistency_gives_most_to_the_loudest() -> None:
    separator = Separator(loaded(GainBackbone(3), loud=0.9, quiet=0.01), options=PLAIN)
    wave = noise()
    stems = separator.with_options(mixture_consistency=True).separate(wave, RATE, ["loud", "quiet"])
    assert np.abs(stems["quiet"] - 0.01 * wave).max() < 1e-3 * np.abs(wave).max()


def test_a_mono_network_keeps_stereo(separator: Separator) -> None:
    separator.checkpoint.model.channels = 1
    wave = noise()
    stem = separator.separate(wave, RATE, ["half"])["half"]
    assert np.abs(stem - whole(separator, wave, ["half"])[0].numpy()).max() < 1e-6


def test_silence_stays_silent(separator: Separator) -> None:
    stems = separator.separate(np.zeros((2, 5000), np.float32), RATE, ["low", "minus"])
    assert all(not stem.any() for stem in stems.values())
    assert separator.checkpoint.model.calls == 0


def test_memory_does_not_grow_with_length() -> None:
    separator = Separator(loaded(GainBackbone(3), unit=1.0), options=PLAIN)
    alive: list[int] = []

    def mixture() -> Iterator[np.ndarray]:
        produced = 0
        for _ in range(2000):
            produced += 500
            alive.append(produced - consumed)
            yield np.ones((2, 500), np.float32)

    consumed = 0
    for _, block in separator.stream(mixture(), 11_025, 2, ["unit"]):
        consumed += block.shape[2]
    assert consumed == 1_000_000
    assert max(alive) < 10_000  # samples that are somewhere between in and out
    model = separator.checkpoint.model
    assert model.longest <= model.chunk + 2 * model.context


def test_what_cannot_be_separated(separator: Separator) -> None:
    with pytest.raises(AudioError, match="3 channels"):
        separator.separate(noise(3), RATE, ["low"])
    with pytest.raises(UnknownNameError, match="did you mean 'minus'"):
        separator.separate(noise(), RATE, ["minos"])
    with pytest.raises(AudioError, match="not a finite"):
        separator.separate(np.full((1, 10), np.inf, np.float32), RATE, ["low"])
    with pytest.raises(AudioError, match="expected"):
        separator.separate(np.zeros((1, 0), np.float32), RATE, ["low"])


def test_a_new_instrument_needs_a_condition_of_the_right_length() -> None:
    checkpoint = loaded(GainBackbone(3), known=1.0)
    separator = Separator(checkpoint, {"new": vector(0.25), "known": vector(9.0)}, PLAIN)
    assert separator.instruments == ("known", "new")
    stems = separator.separate(np.ones((1, 10), np.float32), RATE, ["new", "known"])
    assert np.allclose(stems["new"], 0.25)
    assert np.allclose(stems["known"], 1.0)  # a checkpoint's own condition goes first
    with pytest.raises(CheckpointError, match="shape"):
        Separator(checkpoint, {"new": vector(1.0, 7)})


def test_damaged_weights_are_told(separator: Separator) -> None:
    separator.checkpoint.model.taps.data[:] = np.nan
    with pytest.raises(CheckpointError, match="not finite"):
        separator.separate(noise(), RATE, ["low"])


def test_residual_and_stems_make_the_mixture(separator: Separator, tmp_path: Path) -> None:
    wave = noise()
    audio.write(tmp_path / "song.wav", wave, 11_025)
    output = Output(tmp_path / "out", wanted=Wanted(residual=True))
    report = separate_file(
        separator, tmp_path / "song.wav", ["low", "half"], tmp_path / "out" / "song", output
    )
    assert [path.name for path in report.outputs] == ["low.wav", "half.wav", "residual.wav"]
    parts = [audio.read(path) for path in report.outputs]
    assert all(rate == 11_025 for _, rate in parts)
    assert np.abs(sum(part for part, _ in parts) - wave).max() < 1e-6


def test_a_residual_too_large_for_numbers_is_told(separator: Separator, tmp_path: Path) -> None:
    audio.write(tmp_path / "song.wav", 1.7e38 * np.ones((1, 4000), np.float32), RATE)
    output = Output(tmp_path / "out", wanted=Wanted(residual=True))
    with pytest.raises(AudioError, match="too loud"):  # the residual is 3 times as loud
        separate_file(separator, tmp_path / "song.wav", ["minus"], tmp_path / "out", output)


def test_clipped_stems_are_noted(separator: Separator, tmp_path: Path) -> None:
    audio.write(tmp_path / "song.wav", np.full((1, 4000), 0.9, np.float32), RATE)
    report = separate_file(
        separator, tmp_path / "song.wav", ["minus"], tmp_path / "out", Output(tmp_path, "flac")
    )
    assert "clipped" in report.notes[0]
    assert "1.8" in report.notes[0]


def test_existing_stems_and_the_input_are_safe(separator: Separator, tmp_path: Path) -> None:
    audio.write(tmp_path / "song.wav", noise(), RATE)
    folder = tmp_path / "out" / "song"
    folder.mkdir(parents=True)
    (folder / "half.wav").write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match=r"half\.wav"):
        separate_file(separator, tmp_path / "song.wav", ["low", "half"], folder, Output(tmp_path))
    assert [path.name for path in folder.iterdir()] == ["half.wav"]
    assert (folder / "half.wav").read_bytes() == b"precious"
    audio.write(tmp_path / "low.wav", noise(), RATE)
    with pytest.raises(OutputExistsError, match="would replace an input file"):
        separate_file(
            separator, tmp_path / "low.wav", ["low"], tmp_path, Output(tmp_path, overwrite=True)
        )


def test_a_file_that_ends_badly_leaves_nothing(separator: Separator, tmp_path: Path) -> None:
    wave = noise(1, 300_000)
    wave[0, 290_000] = np.nan
    import soundfile

    soundfile.write(tmp_path / "song.wav", wave.T, RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"36\.250 s"):
        separate_file(
            separator, tmp_path / "song.wav", ["low"], tmp_path / "out" / "song", Output(tmp_path)
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["song.wav"]


def test_a_full_disk_is_one_error_and_leaves_nothing(separator: Separator, tmp_path: Path) -> None:
    audio.write(tmp_path / "long.wav", noise(1, 200_000), RATE)
    audio.write(tmp_path / "short.wav", noise(1, 1000), RATE)
    with full_disk(100_000):
        report = separate_batch(
            separator,
            [tmp_path / "long.wav", tmp_path / "short.wav"],
            Output(tmp_path / "out"),
            instruments=["low", "half"],
        )
    assert [path.name for path, _ in report.failed] == ["long.wav"]
    assert "cannot write" in str(report.failed[0][1])
    assert [row.path.name for row in report.done] == ["short.wav"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["short"]


def test_every_file_gets_a_folder_of_its_own() -> None:
    files = [
        Path(p) for p in ("a/song.wav", "b/song.flac", "song-2.wav", "a/song.wav", "B/Song.wav")
    ]
    chosen = output_files.folders(files, Path("out"))
    assert len(chosen) == 4  # one was named twice
    assert chosen[files[0]] == Path("out/song")
    assert chosen[files[2]].name.startswith("song-2")
    assert len({str(folder).casefold() for folder in chosen.values()}) == 4


def test_outputs_that_make_no_sense_are_refused_first(separator: Separator, tmp_path: Path) -> None:
    nothing: list[Path] = []
    consistent = separator.with_options(mixture_consistency=True)
    for chosen, output, names in (
        (separator, Output(tmp_path, "flac", "FLOAT"), ["low"]),
        (consistent, Output(tmp_path, wanted=Wanted(residual=True)), ["low", "half"]),
        (consistent, Output(tmp_path), ["low"]),
    ):
        with pytest.raises(AudioError):
            separate_batch(chosen, nothing, output, instruments=names)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(separator: Separator, tmp_path: Path) -> None:
    audio.write(tmp_path / "song.wav", noise(), RATE)
    (tmp_path / "locked").mkdir(mode=0o500)
    report = separate_batch(
        separator,
        [tmp_path / "song.wav"],
        Output(tmp_path / "locked" / "out"),
        instruments=["low"],
    )
    assert "Permission denied" in str(report.failed[0][1])


def test_progress_is_that_of_the_batch(separator: Separator, tmp_path: Path) -> None:
    for name, samples in (("a", 6000), ("b", 2000), ("c", 2000), ("there", 50_000)):
        audio.write(tmp_path / f"{name}.wav", noise(1, samples), RATE)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    audio.write(tmp_path / "out" / "there" / "low.wav", noise(1, 10), RATE)
    files = [tmp_path / f"{name}.wav" for name in ("broken", "a", "missing", "b", "there", "c")]
    told: list[tuple[str, float]] = []
    separate_batch(
        separator,
        files,
        Output(tmp_path / "out"),
        instruments=["low"],
        report=lambda path, share: told.append((path.stem, share)),
    )
    shares = [share for _, share in told]
    assert shares[0] == 0.0
    assert shares == sorted(shares)
    last = dict(told)  # what stands when a file ends
    assert last == pytest.approx(
        {"broken": 0, "a": 0.6, "missing": 0.6, "b": 0.8, "there": 0.8, "c": 1.0}
    )


def test_no_name_leads_out_of_the_output_folder(tmp_path: Path) -> None:
    names = {
        "...wav": "__",
        "..wav": "_",
        "   .wav": "___",
        "song..wav": "song._",
        "con.wav": "_con",
        "Nul.x.wav": "_Nul.x",
        "x.wav": "x",
    }
    chosen = output_files.folders([tmp_path / name for name in names], Path("out"))
    assert list(chosen.values()) == [Path("out") / name for name in names.values()]


def test_stems_that_appear_meanwhile_are_kept(separator: Separator, tmp_path: Path) -> None:
    audio.write(tmp_path / "song.wav", noise(), RATE)
    folder = tmp_path / "out" / "song"

    def appear(_: Path, share: float) -> None:
        if share:
            (folder / "half.wav").write_text("another's")

    report = separate_batch(
        separator,
        [tmp_path / "song.wav"],
        Output(tmp_path / "out"),
        instruments=["low", "half"],
        report=appear,
    )
    assert "half.wav is there" in str(report.failed[0][1])
    assert [path.name for path in folder.iterdir()] == ["half.wav"]
    assert (folder / "half.wav").read_text() == "another's"
