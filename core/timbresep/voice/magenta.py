"""An instrument plugin's voice from Magenta's ddsp, and to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from timbresep.config import load_yaml
from timbresep.ddsp import prepared as solos_file
from timbresep.ddsp.magenta import checkpoint, environment, training
from timbresep.ddsp.model import DdspModel, TrainedRange
from timbresep.ddsp.passages import trained_range
from timbresep.ddsp.training import TrainSettings
from timbresep.errors import OutputExistsError
from timbresep.files import claim
from timbresep.instrument import InstrumentConfig, own_file
from timbresep.running.progress import Progress
from timbresep.voice.solos import prepare_solos
from timbresep.voice.training import VoiceResult, origin, run_folder, with_sizes


@dataclass(frozen=True)
class Imported:
    """A voice that was read from a TensorFlow checkpoint.

    Attributes:
        out: the model's file.
        source: the checkpoint.
        parameters: how many numbers the model has.
        measured: whether the range of its training was measured on solos; otherwise it is assumed.
    """

    out: Path
    source: checkpoint.Source
    parameters: int
    measured: bool


def train_with_magenta(
    folder: Path,
    solos: Path | None,
    settings: TrainSettings,
    *,
    run: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    report: Progress,
) -> VoiceResult:
    """Train the DDSP model of the plugin in ``folder`` with ddsp's own trainer.

    Args:
        folder: has `instrument.yaml`.
        solos: a folder of recordings of the instrument alone, one note at a time; None renders
            those of the plugin's recipe.
        settings: how to train; passages of whole seconds, and the plugin's sizes unless given.
        run: folder of ddsp's own files; `runs/ddsp-NAME-magenta` if None.
        overwrite: replace a model or a run that is there.
        resume: go on with the run.
        report: called with the share done and the step at work.

    Raises:
        As `voice.train_voice`; MissingToolError also if ddsp or TensorFlow is missing, and
        CheckpointError if the run is of another size.
    """
    from timbresep.voice.card import write_card

    environment.load()
    config = load_yaml(folder / "instrument.yaml", InstrumentConfig)
    out = own_file(folder, config.ddsp.file)
    run = run or run_folder(config, "magenta")
    if out.exists() and not (overwrite or resume):
        raise OutputExistsError(f"{out} exists", "use --overwrite to train it anew")
    with claim(run):
        if overwrite and not resume:
            training.forget(run)
        ready = prepare_solos(folder, config, solos, report)
        trained = training.train(
            ready,
            out,
            run,
            with_sizes(settings, config.ddsp),
            resume=resume,
            metadata=origin(config),
            on_step=lambda step, total, loss: report(
                0.1 + 0.9 * step / total, f"step {step}  loss {loss:.3f}"
            ),
        )
    return VoiceResult(trained, *write_card(folder, config, solos_file.load(ready)), run)


def import_voice(
    source: Path, folder: Path, *, solos: Path | None = None, overwrite: bool, report: Progress
) -> Imported:
    """Make a checkpoint of ddsp's `solo_instrument` the voice of a plugin, in full precision.

    A checkpoint does not tell what its model was trained on. Where loudness and pitch range matter
    (the notes of which the condition is measured), they are those of solos, if given; otherwise
    usual levels and the f0 range of `instrument.yaml`.

    Args:
        source: folder that ddsp saved its training to, or one checkpoint in it.
        folder: the plugin's; has `instrument.yaml`.
        solos: recordings such as the model was trained on.
        overwrite: replace a model that is there.
        report: called with the share done and the step at work.

    Raises:
        ConfigError: `instrument.yaml` is missing or invalid.
        CheckpointError: no checkpoint there, or one of another model.
        OutputExistsError: there is a model, and it may not be replaced.
        DataError, AudioError: the solos cannot be used.
        MissingToolError: TensorFlow is missing.
    """
    config = load_yaml(folder / "instrument.yaml", InstrumentConfig)
    out = own_file(folder, config.ddsp.file)
    if out.exists() and not overwrite:
        raise OutputExistsError(f"{out} exists", "use --overwrite to replace it")
    model, found = checkpoint.read(source)
    if solos is not None:
        ready = prepare_solos(folder, config, solos, report)
        model.trained_range = trained_range(solos_file.load(ready))
    else:
        usual = TrainedRange()
        model.trained_range = TrainedRange(usual.loudness_db, config.f0_range or usual.f0_hz)
    about = {
        "checkpoint": found.path.name,
        "step": found.step,
        "sha256": found.sha256,
        "assumed": [*found.assumed, *(["range of the training"] if solos is None else [])],
        **environment.versions(),
    }
    model.save(out, {**origin(config), "magenta": about}, half=False, replace=overwrite)
    parameters = sum(value.numel() for value in model.parameters())
    return Imported(out, found, parameters, solos is not None)


def export_voice(folder: Path, out: Path) -> Path:
    """Write a plugin's voice as a checkpoint and gin file that ddsp goes on from.

    Args:
        folder: the plugin's; has `instrument.yaml` and the model.
        out: folder without a checkpoint in it.

    Returns:
        The checkpoint, without its endings.

    Raises:
        ConfigError, CheckpointError: the plugin's description or model is missing or damaged.
        OutputExistsError: there is a checkpoint already.
        MissingToolError: ddsp or TensorFlow is missing.
    """
    config = load_yaml(folder / "instrument.yaml", InstrumentConfig)
    return checkpoint.write(DdspModel.load(own_file(folder, config.ddsp.file)), out)
