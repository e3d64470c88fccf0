"""A transcriber listens to recordings: streams, tuning, level, and what it can be asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import fakes
from timbresep.config import load_yaml
from timbresep.errors import (
    AudioError,
    CheckpointError,
    ConfigError,
    TimbresepError,
    UnknownNameError,
)
from timbresep.notes.score import Note
from timbresep.registry.config import RegistryConfig
from timbresep.registry.registry import REGISTRY_FILE, Registry
from timbresep.registry.transcribers import Transcribers
from timbresep.transcription.hearing import Hearing
from timbresep.transcription.load import open_transcriber
from timbresep.transcription.transcribe import Transcript, transcribe
from tone_transcriber import HOP, RATE, ToneTranscriber, loaded, melody, plugin, saved

DIM = 164
TUNE = [(0.5, 1.5, 69), (1.8, 2.6, 72), (3.3, 4.4, 74), (4.4, 5.9, 71), (9.0, 10.0, 70)]


@pytest.fixture
def hearing() -> Hearing:
    return Hearing(loaded(ToneTranscriber(3), one=1.0, none=0.0), device="cpu")


def blocks(wave: np.ndarray, size: int = 7001) -> Iterator[np.ndarray]:
    for at in range(0, wave.shape[1], size):
        yield wave[:, at : at + size]


def heard(hearing: Hearing, wave: np.ndarray, rate: int = RATE, size: int = 7001) -> Transcript:
    return transcribe(hearing, blocks(wave, size), rate, len(wave), ["one"])


def assert_tune(
    transcript: Transcript, written: list[tuple[float, float, int]] = TUNE, within: float = 0.035
) -> None:
    (stem,) = transcript.stems
    assert [note.pitch for note in stem.notes] == [pitch for *_, pitch in written]
    for note, (start, end, _) in zip(stem.notes, written, strict=True):
        assert note.start == pytest.approx(start, abs=within)
        assert note.end == pytest.approx(end, abs=within)


@pytest.mark.parametrize("samples", [1, 511, 512, 513, RATE, 4 * RATE, 4 * RATE + 1, 9 * RATE])
def test_a_stream_is_heard_as_the_whole_is(hearing: Hearing, samples: int) -> None:
    rng = np.random.default_rng(0)
    wave = (melody(TUNE, 11) + 0.01 * rng.standard_normal((2, 11 * RATE)))[:, :samples]
    wave = wave.astype(np.float32)
    parts = list(hearing.stream(blocks(wave, 3000), RATE, 2, ["none", "one"], retune=False))
    found = torch.cat(parts, dim=-1)
    whole = hearing.window(wave, ["none", "one"])
    assert found.shape == whole.shape == (2, 2, hearing.pitches, -(-samples // HOP))
    assert not (found[0] > 1e-3).any()
    if samples > RATE:  # at the same level for all of it
        level = 10 ** (-16 / 20) / np.sqrt(np.mean(np.square(wave)))
        sounding = hearing.window(wave * np.float32(level), ["one"])[0, 0] > 0.5
        assert ((found[1, 0] > 0.5) == sounding).float().mean() > 0.99


@pytest.mark.parametrize("size", [100, 16_000, 10**7])
def test_blocks_of_any_size_give_the_same_notes(hearing: Hearing, size: int) -> None:
    assert_tune(heard(hearing, melody(TUNE, 11), size=size))


def test_memory_does_not_grow_with_the_recording() -> None:
    model = ToneTranscriber(3)
    listener = Hearing(loaded(model, one=1.0), device="cpu")
    tone = melody([(0.2, 0.9, 70)], 1)
    transcript = transcribe(listener, (tone for _ in range(100)), RATE, 1)
    assert len(transcript.stems[0].notes) == 100
    assert model.longest == model.chunk // HOP * HOP + 2 * -(-model.context // HOP) * HOP


def test_notes_are_not_cut_where_windows_meet(hearing: Hearing) -> None:
    """A chunk is 4 s."""
    assert_tune(heard(hearing, melody([(0.5, 13.0, 71)], 15)), [(0.5, 13.0, 71)])


@pytest.mark.parametrize("cents", [-30, 30])
def test_music_in_another_tuning_is_heard_at_its_own_times(hearing: Hearing, cents: float) -> None:
    assert_tune(heard(hearing, melody(TUNE, 11, cents=cents)), within=0.05)
    parts = hearing.stream(blocks(melody(TUNE, 11, cents=cents)), RATE, 1, ["one"], retune=False)
    assert max(float(part[:, 0].max()) for part in parts) < 0.5


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100, 192_000])
def test_recordings_of_any_rate(hearing: Hearing, rate: int) -> None:
    assert_tune(heard(hearing, melody(TUNE, 11, rate), rate))


def test_stereo_is_heard_as_mono_is(hearing: Hearing) -> None:
    tune = melody(TUNE, 11)
    assert heard(hearing, np.concatenate([tune, tune])) == heard(hearing, tune)
    with pytest.raises(AudioError, match="mono and stereo"):
        heard(hearing, np.zeros((3, 100), np.float32))


@pytest.mark.parametrize("change_db", [-60, -20, 10])
def test_louder_changes_nothing(hearing: Hearing, change_db: float) -> None:
    tune = melody(TUNE, 11)
    (before,), (after,) = (
        heard(hearing, (tune * factor).astype(np.float32)).stems
        for factor in (1.0, 10 ** (change_db / 20))
    )
    assert [note.velocity for note in after.notes] == [note.velocity for note in before.notes]
    assert_tune(heard(hearing, (tune * 10 ** (change_db / 20)).astype(np.float32)))


def test_a_note_of_a_soft_passage_gets_a_low_velocity(hearing: Hearing) -> None:
    soft = melody([(0.5, 1.5, 69), (2.0, 3.0, 71)], 30)
    soft[:, 15 * RATE :] += 0.1 * melody([(1.0, 2.0, 69)], 15)
    (stem,) = heard(hearing, soft).stems
    assert [note.pitch for note in stem.notes] == [69, 71, 69]
    loud, equal, low = (note.velocity for note in stem.notes)
    assert loud == pytest.approx(110, abs=3)
    assert equal == pytest.approx(110, abs=3)
    assert low == pytest.approx(110 * 10 ** (-20 / 40), abs=3)  # 20 dB below


def test_silence_and_noise_have_no_notes(hearing: Hearing) -> None:
    silence = heard(hearing, np.zeros((1, 5 * RATE), np.float32))
    assert silence.silent
    assert silence.stems[0].notes == ()
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 5 * RATE)).astype(np.float32)
    rough = heard(hearing, noise)
    assert not rough.silent
    assert rough.stems[0].notes == ()


def test_too_loud_to_be_computed_with(hearing: Hearing) -> None:
    wave = np.full((1, RATE), 3e38, np.float32)
    with pytest.raises(AudioError, match="too loud"):
        transcribe(hearing, blocks(np.concatenate([wave, -wave])), 44_100, 2)


def test_what_it_does_not_know(hearing: Hearing) -> None:
    with pytest.raises(UnknownNameError, match="no instrument 'ona'") as caught:
        hearing.window(melody(TUNE, 1), ["ona"])
    assert "one" in caught.value.hint
    with pytest.raises(UnknownNameError, match="no instrument asked for"):
        hearing.window(melody(TUNE, 1), [])
    with pytest.raises(TimbresepError, match="device 'abacus'"):
        Hearing(loaded(ToneTranscriber(3), one=1.0), device="abacus")


def test_damaged_weights_are_told_of(hearing: Hearing) -> None:
    model = ToneTranscriber(3)
    torch.nn.init.constant_(model.waves, float("nan"))
    with pytest.raises(CheckpointError, match="not finite"):
        Hearing(loaded(model, one=1.0), device="cpu").window(melody(TUNE, 1))


def test_a_transcriber_that_takes_one_channel(hearing: Hearing) -> None:
    model = ToneTranscriber(3)
    model.channels = 1
    tune = melody(TUNE, 5)
    single = Hearing(loaded(model, one=1.0), device="cpu").window(np.concatenate([tune, tune]))
    assert torch.allclose(single, hearing.window(tune, ["one"]), atol=1e-5)


# Opening one.


@pytest.fixture
def opened(tmp_path: Path) -> Registry:
    saved(tmp_path / "tones.safetensors", DIM, violin=1.0, flute=0.5)
    fakes.saved(tmp_path / "stems.safetensors", DIM, violin=0.5)
    return Registry.load([plugin(tmp_path / "plugins")])


def test_instruments_by_name_alias_and_plugin(
    opened: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "tones.safetensors"
    assert open_transcriber(checkpoint=file, registry=opened).asked == ("violin", "flute")
    assert not caplog.messages
    found = open_transcriber(["Fiddle", "trumpet"], checkpoint=file, registry=opened)
    assert found.asked == ("violin", "trumpet")
    assert set(found.instruments) == {"violin", "flute", "trumpet"}
    assert "'trumpet' was not in this transcriber's training" in caplog.text


def test_reference_recordings_are_half_of_the_condition(opened: Registry, tmp_path: Path) -> None:
    file = tmp_path / "tones.safetensors"
    measured = np.zeros(opened.instruments(["violin"])[0].condition().shape, np.float32)
    found = open_transcriber(checkpoint=file, registry=opened, reference={"violin": measured})
    assert found.condition("violin")[0] == pytest.approx(0.5)
    assert found.condition("flute")[0] == pytest.approx(0.5)


def test_a_separator_is_no_transcriber(opened: Registry, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"stems\.safetensors separates"):
        open_transcriber(checkpoint=tmp_path / "stems.safetensors", registry=opened)


# Those that the registry lists.


def listed(tmp_path: Path, **changes: object) -> Transcribers:
    config = load_yaml(REGISTRY_FILE, RegistryConfig).model_dump()
    return Transcribers(RegistryConfig.model_validate({**config, **changes}), tmp_path)


def entry(file: str, sha256: str = "0" * 64) -> dict[str, dict[str, str]]:
    return {"small": {"file": file, "sha256": sha256}}


def test_none_is_listed(tmp_path: Path) -> None:
    none = listed(tmp_path, transcribers={}, default_transcriber=None)
    for name in (None, "small"):
        with pytest.raises(UnknownNameError, match="no transcriber is listed") as caught:
            none.get(name)
        assert caught.value.hint == "name one with --transcriber or --checkpoint"
    assert none.rows() == []
    assert none.get(checkpoint=Path("mine.safetensors")) == Path("mine.safetensors")
    with pytest.raises(ConfigError, match="exclude each other"):
        none.get("small", Path("mine.safetensors"))


def test_one_is_listed(tmp_path: Path) -> None:
    from timbresep.files import sha256_of

    file = saved(tmp_path / "tones.safetensors", 3, one=1.0)
    good = listed(
        tmp_path, transcribers=entry(file.name, sha256_of(file)), default_transcriber="small"
    )
    assert good.get() == good.get("small") == file
    (row,) = good.rows()
    assert (row.kind, row.name, row.status) == ("transcriber", "small", "ok")
    assert row.detail == "default; tones.safetensors"
    with pytest.raises(UnknownNameError, match="no transcriber named 'smal'"):
        good.get("smal")
    shutil.copy(file, tmp_path / "copy")
    with file.open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(CheckpointError, match="does not match its sha256"):
        good.get()
    file.unlink()
    with pytest.raises(CheckpointError, match=r"transcriber 'small': .* is missing"):
        good.get()
    assert good.rows()[0].status == "broken"


def test_no_default_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no default transcriber"):
        listed(tmp_path, transcribers=entry("x"), default_transcriber=None).get()


def test_notes_are_of_the_type_that_all_share(hearing: Hearing) -> None:
    (stem,) = heard(hearing, melody(TUNE, 11)).stems
    assert all(isinstance(note, Note) for note in stem.notes)
    assert (stem.stem, stem.instrument, stem.pitched) == ("one", "one", True)
