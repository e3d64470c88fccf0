"""An instrument from a few solo notes: a plugin folder, minutes after the recordings.

The bundled voice that resynthesises the notes best is fine-tuned on them; the condition is measured
on that voice and on the notes as they were recorded.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from timbresep import audio
from timbresep.audio.writer import write_errors
from timbresep.condition import reference
from timbresep.condition.note_detection import MOST_SECONDS, SoloNotes, detect_notes
from timbresep.condition.tone_table import ToneTable
from timbresep.ddsp import prepared as solos_file
from timbresep.ddsp.features import FRAME_RATE, SAMPLE_RATE, loudness
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.passages import Passages
from timbresep.ddsp.prepared import Prepared
from timbresep.ddsp.spectral_loss import multiscale_spectral_loss
from timbresep.ddsp.training import TrainSettings, Upkeep, train
from timbresep.errors import DataError, OutputExistsError, PluginError
from timbresep.instrument import Instrument
from timbresep.instrument_name import check_name, plain
from timbresep.registry.registry import Registry
from timbresep.running.progress import Progress
from timbresep.running.provenance import command_line
from timbresep.units import db_to_amplitude
from timbresep.voice.new_plugin import NewInstrument, describe
from timbresep.voice.plugin_files import build_condition

log = logging.getLogger(__name__)

SECONDS = 0.5
"""Length of the passages that are resynthesised."""

BATCH = 4
LEARNING_RATE = 1e-3
ALL_STEPS = 1_000_000  # the time ends the training
SOUNDING_RANGE = 30.0
"""Frames within this many dB of the loudest tell how loud the notes are."""

COMPARED = 8
"""Passages that the voices are compared on."""

DETECTING, COMPARING = 0.15, 0.3
"""Seconds that a second of audio, and a voice to compare, take on one core."""


@dataclass(frozen=True)
class NotesSettings:
    """How an instrument is made of notes.

    Attributes:
        seconds: how long to fine-tune.
        start: the instrument to start from; the one whose voice fits best if None.
        licence: terms of the recordings.
        seed: of the order of passages.
    """

    seconds: float = 90.0
    start: str | None = None
    licence: str = "not stated"
    seed: int = 0


def from_notes(
    files: Sequence[Path],
    name: str,
    out: Path,
    registry: Registry,
    settings: NotesSettings,
    *,
    overwrite: bool = False,
    report: Progress,
) -> NewInstrument:
    """Make an instrument plugin from recordings of a few notes.

    Args:
        files: notes or passages of the instrument alone, one note at a time.
        name: of the new instrument.
        out: folder of plugin folders; the new one is ``out/name``.
        registry: the instruments whose voices may be the start.
        settings: how to make it.
        overwrite: replace a plugin of this name in ``out``.
        report: called with the share done and the step at work.

    Raises:
        ConfigError: the name is not one.
        PluginError: the name is another instrument's, or there is no voice to start from.
        OutputExistsError: the folder is there and may not be replaced.
        DataError: the recordings cannot serve; says which and why.
        AudioError: a recording that cannot be read.
    """
    folder = out / name
    check_free(name, registry, folder, overwrite=overwrite)
    voices = _start_voices(registry, settings.start, name)
    solo = detect_notes(
        files,
        lambda done, total: report(0.05 * done / total, f"finding notes, {done} of {total} files"),
    )
    for path, reason in solo.refused.items():
        log.warning("%s is left out: %s", path, reason)
    with _scratch_beside(folder) as scratch:
        made = scratch / name
        made.mkdir()
        result = _make(made, solo, voices, settings, report)
        Instrument.from_folder(made, "new").condition()  # complete, or an error now
        report(1.0, "done")
        if folder.exists():  # it may have appeared meanwhile
            check_free(name, registry, folder, overwrite=overwrite)
            folder.rename(scratch / "before")
        _move(made, folder, scratch / "before")
    return replace(result, folder=folder)


def _start_voices(registry: Registry, start: str | None, name: str) -> list[Instrument]:
    """The pitched instruments whose voices may be the start; PluginError if there is none."""
    chosen = registry.instruments([start] if start else None)
    voices = [item for item in chosen if item.f0_range and item.name != name]
    if not voices:
        raise PluginError(
            "there is no voice of a pitched instrument to start from", "enable one in registry.yaml"
        )
    return voices


def _make(
    folder: Path,
    solo: SoloNotes,
    voices: Sequence[Instrument],
    settings: NotesSettings,
    report: Progress,
) -> NewInstrument:
    """Fill a new plugin's folder: voice, description, condition."""
    models = {voice.name: DdspModel.load(voice.ddsp_file) for voice in voices}
    prepared = _prepare(solo, _usual_level(list(models.values())), folder.parent / "audio")
    report(0.06, "comparing voices")
    fits = compare_voices(models, solos_file.load(prepared))
    start = next(voice for voice in voices if voice.name == min(fits, key=fits.__getitem__))
    training = train(
        prepared,
        folder / "ddsp.safetensors",
        TrainSettings(
            start_from=start.ddsp_file,
            hold_out=False,  # every note counts
            steps=ALL_STEPS,
            minutes=settings.seconds / 60,
            batch=BATCH,
            seconds=SECONDS,
            learning_rate=LEARNING_RATE,
            seed=settings.seed,
        ),
        upkeep=Upkeep(on_step=_follow(report, settings.seconds)),
        metadata={
            "instrument": folder.name,
            "start": start.name,
            "licences": [*start.config.licences.data, settings.licence],
            "command": command_line(),
        },
    )
    result = NewInstrument(folder, solo, fits, start.name, training)
    describe(result, start, models[start.name], settings.licence)
    build_condition(folder, solo.notes, recorded=_recorded_tones(solo))
    return result


@contextmanager
def _scratch_beside(folder: Path) -> Iterator[Path]:
    """A temporary folder beside another one; errors of the disk name the other one."""
    with write_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            yield Path(scratch)


def _move(made: Path, folder: Path, before: Path) -> None:
    """Move what was made to where it belongs; if that fails, what was there before comes back."""
    try:
        made.rename(folder)
    except OSError:
        if before.exists():
            before.rename(folder)
        raise


def expected_seconds(files: Sequence[Path], seconds: float, voices: int) -> float:
    """About how long `from_notes` takes: fine-tuning, and finding notes in the recordings, twice.

    Args:
        files: the recordings.
        seconds: of fine-tuning.
        voices: how many are compared.

    Raises:
        AudioError: a file that cannot be read.
    """
    long = min(sum(audio.info(path).duration for path in files), MOST_SECONDS)
    return seconds + DETECTING * long + COMPARING * voices + 2.0


def check_free(name: str, registry: Registry, folder: Path, *, overwrite: bool) -> None:
    """Refuse a name that cannot be, is taken, or whose folder is there; errors as `from_notes`."""
    check_name(name, "--name")
    for item in registry.instruments():
        if plain(name) in (item.name, *item.aliases) and item.folder.resolve() != folder.resolve():
            raise PluginError(
                f"'{name}' is what '{item.name}' ({item.owner}) is called", "choose another name"
            )
    if folder.exists() and not overwrite:
        raise OutputExistsError(f"{folder} exists", "choose another name, or use --overwrite")
    if folder.exists() and not (folder / "instrument.yaml").is_file():
        raise OutputExistsError(f"{folder} is not a plugin's folder", "choose another --out")


def compare_voices(models: Mapping[str, DdspModel], data: Prepared) -> dict[str, float]:
    """Multi-scale spectral loss of voices on solos that none of them was trained on.

    Args:
        models: name → voice.
        data: the prepared solos.

    Returns:
        Name → loss; the lowest fits best.

    Raises:
        DataError: nothing in the solos has a steady pitch.
    """
    passages = Passages(data, round(SECONDS * FRAME_RATE), torch.device("cpu"), hold_out=False)
    picks = torch.linspace(0, len(passages.train) - 1, min(COMPARED, len(passages.train))).long()
    given = passages.batch(passages.train[picks])
    losses = {}
    for name, model in models.items():
        noise = torch.Generator().manual_seed(0)
        with torch.no_grad():
            played = model(given.f0_hz, given.loudness_db, noise)
        losses[name] = round(float(multiscale_spectral_loss(given.audio, played)), 3)
    return losses


def _recorded_tones(solo: SoloNotes) -> ToneTable | None:
    """The notes' own tones; None where they are too short, and only the voice can tell them."""
    try:
        return reference.tones(solo)
    except DataError as error:
        log.warning("the condition is measured only on the voice: %s", error)
        return None


def _usual_level(models: Sequence[DdspModel]) -> float:
    """Loudness in dB that voices are used to: the median of what each was trained on."""
    return float(np.median([model.trained_range.loudness_db[1] for model in models]))


def _prepare(solo: SoloNotes, loudness_db: float, folder: Path) -> Path:
    """Solos ready for training, brought to a loudness; notes keep their levels to each other.

    Each file gets silence at its end, so that a short note also fills a passage.
    """
    folder.mkdir()
    waves = list(solo.audio.values())
    levels = [loudness(torch.from_numpy(wave)[None], SAMPLE_RATE)[0].numpy() for wave in waves]
    frames = np.concatenate(levels)
    change = loudness_db - float(np.median(frames[frames > frames.max() - SOUNDING_RANGE]))
    loudest = max(float(np.abs(wave).max()) for wave in waves)
    gain = np.float32(min(db_to_amplitude(change), 1.0 / loudest))
    silence = np.zeros(round(1.2 * SECONDS * SAMPLE_RATE), np.float32)
    paths = []
    for number, wave in enumerate(waves):
        paths.append(folder / f"{number:03}.wav")
        audio.write(paths[-1], np.concatenate([wave * gain, silence])[None], SAMPLE_RATE)
    return solos_file.prepare(paths, solo.f0_range, folder / "solos.safetensors")


def _follow(report: Progress, seconds: float) -> Callable[[int, int, float], None]:
    """Progress of the training in terms of its time."""
    began = time.monotonic()

    def follow(step: int, _: int, loss: float) -> None:
        share = min((time.monotonic() - began) / seconds, 1.0)
        report(0.07 + 0.92 * share, f"fine-tuning, step {step}  loss {loss:.2f}")

    return follow
