"""Give an instrument plugin its voice: from solo recordings to the DDSP model in its folder."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.config import atomic_write, load_yaml
from core.data import recipe as recipes
from core.data.build import default_cache
from core.data.solos import render_solos
from core.ddsp import prepared as solos_file
from core.ddsp.decoder import DecoderConfig
from core.ddsp.model import DdspModel
from core.ddsp.resume import steps_done
from core.ddsp.resynthesis import Likeness, resynthesise
from core.ddsp.training import SIZES, TrainReport, train
from core.errors import DataError, MissingToolError, OutputExistsError, TrainingError
from core.instrument import DdspSettings, InstrumentConfig

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")

SAVE_EVERY = 250
"""Steps between two savings of a run's state, and between two listenings."""

Report = Callable[[float, str], None]


@dataclass(frozen=True)
class VoiceSettings:
    """How a voice is trained.

    Attributes:
        steps: optimiser steps, or fewer if ``minutes`` are over first.
        minutes: longest time.
        batch: passages in a step.
        seconds: length of a passage.
        seed: of the weights and the order of passages.
        size: tiny, small or full; that of `instrument.yaml` if None.
        reverb: seconds of a learned reverb; that of the size if None.
    """

    steps: int = 3000
    minutes: float | None = None
    batch: int = 8
    seconds: float = 2.0
    seed: int = 0
    size: str | None = None
    reverb: float | None = None


@dataclass(frozen=True)
class VoiceResult:
    """A trained voice: how the run went, and how near it comes to solos held out of it."""

    report: TrainReport
    likeness: Likeness
    run: Path


def train_voice(
    folder: Path,
    solos: Path | None,
    settings: VoiceSettings,
    *,
    run: Path | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    resume: bool = False,
    report: Report,
) -> VoiceResult:
    """Train the DDSP model of the plugin in ``folder``; log the run, write the model card.

    Features are kept in the cache, as are solos that are rendered. The run's folder holds its
    state, from which it can go on, and a log for TensorBoard.

    Args:
        folder: has `instrument.yaml`.
        solos: a folder of recordings of the instrument alone, one note at a time; None renders
            those of the plugin's recipe.
        settings: how to train; a run can only go on with those that it began with.
        run: its folder; `runs/ddsp-NAME` if None.
        device: torch device.
        overwrite: replace a model or a run that is there.
        resume: go on with the run.
        report: told the share done and what is going on.

    Raises:
        ConfigError: `instrument.yaml` or the recipe is missing or invalid.
        DataError: no recordings, or one that cannot be used.
        AudioError: a recording that cannot be read, is silent, clipped or at too low a rate.
        MissingToolError: the solos cannot be rendered here.
        OutputExistsError: there is a model or a run, and it may not be replaced.
        TrainingError: the run to go on with is not there, or has other settings.
    """
    from core.voice_card import write_card
    from core.voice_log import VoiceLog

    config = load_yaml(folder / "instrument.yaml", InstrumentConfig)
    out = folder / config.ddsp.file
    run = run or Path("runs") / f"ddsp-{config.name}"
    state, record = run / "state.safetensors", run / "settings.json"
    if out.exists() and not (overwrite or resume):
        raise OutputExistsError(f"{out} exists", "use --overwrite to train it anew")
    if state.exists() and not (overwrite or resume):
        raise OutputExistsError(
            f"{run} holds an unfinished run", "use --resume to go on, --overwrite to begin anew"
        )
    if resume and not state.exists():
        raise TrainingError(
            f"{run} holds no run to go on with", "leave out --resume, or give --out"
        )
    ready = prepare_solos(folder, config, solos, report)
    data = solos_file.load(ready)
    sizes = model_sizes(settings, config.ddsp)
    wanted = {**asdict(settings), "model": asdict(sizes), "solos": data.metadata["key"]}
    if resume:
        _same(record, wanted)
    else:
        state.unlink(missing_ok=True)
        with atomic_write(record) as temporary:
            temporary.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")

    with VoiceLog(run, data, steps_done(state) if resume else 0) as log:

        def progress(step: int, total: int, loss: float) -> None:
            log.loss(step, loss)
            report(0.1 + 0.9 * step / total, f"step {step}  loss {loss:.3f}")

        trained = train(
            ready,
            out,
            config=sizes,
            steps=settings.steps,
            minutes=settings.minutes,
            batch=settings.batch,
            seconds=settings.seconds,
            device=device,
            seed=settings.seed,
            metadata=origin(config, device),
            progress=progress,
            resume_from=state if resume else None,
            state=state,
            save_every=SAVE_EVERY,
            listen=log.listen,
        )
    likeness = write_card(folder, config, data)
    state.unlink()
    return VoiceResult(trained, likeness, run)


def resynthesise_file(
    folder: Path,
    audio: Path,
    out: Path,
    *,
    semitones: float = 0.0,
    dry: bool = False,
    overwrite: bool = False,
) -> float:
    """Play a recording with a plugin's voice and write what comes out, mono at 16 kHz.

    Args:
        folder: has `instrument.yaml` and the model.
        audio: a recording of one note at a time.
        out: WAV or FLAC file to write.
        semitones: transposition.
        dry: without the model's reverb.
        overwrite: replace a file that is there.

    Returns:
        Seconds written.

    Raises:
        ConfigError, CheckpointError: the plugin's description or model is missing or damaged.
        AudioError, DataError: the recording cannot be read or resynthesised.
        OutputExistsError: ``out`` is there and may not be replaced.
    """
    from core.audio import write
    from core.ddsp.features import SAMPLE_RATE

    if out.exists() and not overwrite:
        raise OutputExistsError(f"{out} exists", "choose another name, or use --overwrite")
    config = load_yaml(folder / "instrument.yaml", InstrumentConfig)
    model = DdspModel.load(folder / config.ddsp.file)
    wave = resynthesise(model, audio, config.f0_range, semitones, dry)
    write(out, wave, SAMPLE_RATE, overwrite=overwrite)
    return float(wave.shape[1] / SAMPLE_RATE)


def model_sizes(settings: VoiceSettings, plugin: DdspSettings) -> DecoderConfig:
    """The sizes to train: those asked for by name, or else the plugin's own.

    Raises:
        TrainingError: no such size.
    """
    if settings.size is None:
        config = DecoderConfig(
            rnn_channels=plugin.rnn_channels,
            channels=plugin.channels,
            layers_per_stack=plugin.layers_per_stack,
            n_harmonics=plugin.n_harmonics,
            n_noise=plugin.n_noise,
            reverb_length=plugin.reverb_length,
        )
    elif settings.size in SIZES:
        config = SIZES[settings.size]
    else:
        raise TrainingError(f"no size '{settings.size}'", f"take one of {', '.join(SIZES)}")
    if settings.reverb is None:
        return config
    return replace(config, reverb_length=round(settings.reverb * config.sample_rate))


def prepare_solos(
    folder: Path, config: InstrumentConfig, solos: Path | None, report: Report
) -> Path:
    """Audio and features of an instrument's solos in one file, in the cache.

    Args:
        folder: the plugin's.
        config: its `instrument.yaml`.
        solos: a folder of recordings; None renders those of the plugin's recipe.
        report: told the first tenth of the share done.

    Raises:
        DataError, AudioError, MissingToolError: as `train_voice`.
    """
    if solos is None:
        report(0.0, "rendering solos")
        files = _rendered(folder / config.recipe, config.name)
    else:
        files = recordings(solos)
    return solos_file.prepare(
        files,
        config.f0_range,
        default_cache() / "solos" / f"{config.name}.safetensors",
        lambda done, total: report(0.1 * done / total, "reading and tracking pitch"),
    )


def origin(config: InstrumentConfig, device: str = "cpu") -> dict[str, Any]:
    """What a model's file tells about where it comes from."""
    from core.voice_card import hardware, today

    return {
        "instrument": config.name,
        "licences": config.licences.data,
        "command": shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]]),
        "hardware": hardware(device),
        "date": today(),
    }


def recordings(folder: Path) -> list[Path]:
    """The audio files in a folder and below, sorted.

    Raises:
        DataError: no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of solos", "name a folder of recordings")
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(f"{folder}: no recordings in it", f"put {', '.join(SUFFIXES)} files there")
    return files


def render_voice_solos(
    recipe_file: Path, out: Path, seed: int, minutes: float | None = None
) -> Sequence[Path]:
    """Render the solos that a plugin's recipe describes into ``out``.

    Raises:
        DataError: the recipe has no solos section.
        MissingToolError: fluidsynth, a soundfont or music21 is missing.
    """
    recipe = recipes.load(recipe_file)
    if recipe.solos is None:
        raise DataError(f"{recipe_file} has no 'solos' section", "add one, or record solos")
    spec = recipe.solos if minutes is None else recipe.solos.model_copy(update={"minutes": minutes})
    return render_solos(spec, recipe.voice, out, default_cache(), seed)


def _rendered(recipe_file: Path, name: str) -> Sequence[Path]:
    """The recipe's solos, rendered into the cache unless they are there."""
    recipe = recipes.load(recipe_file)
    if recipe.solos is None:
        raise DataError(
            f"{recipe_file} has no 'solos' section",
            "add one, or give a folder of recordings with --solos",
        )
    version = recipe.solos.model_dump_json() + recipe.voice.model_dump_json()
    digest = hashlib.sha256(version.encode()).hexdigest()[:12]
    try:
        return render_voice_solos(recipe_file, default_cache() / "solos" / f"{name}-{digest}", 0)
    except MissingToolError as error:
        hint = f"{error.hint.partition(',')[0]}, or give a folder of recordings with --solos"
        raise MissingToolError(error.message, hint) from error


def _same(record: Path, wanted: dict[str, Any]) -> None:
    """Refuse to go on with a run that began with other settings."""
    try:
        begun = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{record}: cannot read the run's settings ({error})") from error
    for name, value in wanted.items():
        there = begun.get(name)
        if there != value:
            what = (
                "the solos have changed" if name == "solos" else f"{name} was {there}, not {value}"
            )
            raise TrainingError(
                f"{record.parent}: cannot go on with the run: {what}",
                "give the command that it began with and --resume",
            )
