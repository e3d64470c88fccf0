"""Give an instrument plugin its voice: from solo recordings to the DDSP model in its folder."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from timbresep.config import load_yaml
from timbresep.ddsp import prepared as solos_file
from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.prepared import Prepared
from timbresep.ddsp.report import TrainReport
from timbresep.ddsp.resynthesis import Likeness, Played
from timbresep.ddsp.training import (
    SIZES,
    Position,
    TrainSettings,
    Upkeep,
    train,
)
from timbresep.errors import ConfigError, OutputExistsError, TrainingError
from timbresep.files import claim, write_json
from timbresep.formats.notation import parse_json
from timbresep.instrument import DdspSettings, InstrumentConfig, own_file
from timbresep.running.progress import Progress
from timbresep.running.provenance import command_line, hardware, today
from timbresep.voice.solos import prepare_solos

STATE, RECORD = "state.safetensors", "settings.json"
"""Files of a run: what it goes on from, and the settings that it began with."""

KEPT = ("steps", "minutes", "batch", "seconds", "seed")
"""Settings of a run that must be the same when it goes on, besides the sizes of its model."""

SAVE_EVERY = 250
"""Steps between two savings of a run's state, and between two listenings."""


@dataclass(frozen=True)
class VoiceResult:
    """A trained voice.

    Attributes:
        report: how the run went.
        likeness: how near the voice comes to solos held out of it.
        played: a passage of these, and what it makes of them.
        run: the run's folder.
    """

    report: TrainReport
    likeness: Likeness
    played: Played
    run: Path


def train_voice(
    folder: Path,
    solos: Path | None,
    settings: TrainSettings,
    *,
    run: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    report: Progress,
) -> VoiceResult:
    """Train the DDSP model of the plugin in ``folder``; log the run, write the model card.

    Features are kept in the cache, as are solos that are rendered. The run's folder holds its
    state, from which it can go on, and a log for TensorBoard.

    Args:
        folder: has `instrument.yaml`.
        solos: a folder of recordings of the instrument alone, one note at a time; None renders
            those of the plugin's recipe.
        settings: how to train, with the plugin's sizes unless they are given; a run can only go on
            with those that it began with.
        run: its folder; `runs/ddsp-NAME` if None.
        overwrite: replace a model or a run that is there.
        resume: go on with the run.
        report: called with the share done and the step at work.

    Raises:
        ConfigError: `instrument.yaml` or the recipe is missing or invalid.
        DataError: no recordings, or one that cannot be used.
        AudioError: a recording that cannot be read, is silent, clipped or at too low a rate.
        MissingToolError: the solos cannot be rendered here.
        OutputExistsError: there is a model or a run, and it may not be replaced.
        TrainingError: the run to go on with is not there, or has other settings.
        OutputError: another run writes into the folder, or the disk refuses it.
        KeyboardInterrupt: as it came, once the state to go on from is kept.
    """
    from timbresep.voice.card import write_card

    config = load_yaml(folder / "instrument.yaml", InstrumentConfig)
    settings = with_sizes(settings, config.ddsp)
    place = _Place(folder, config, run or run_folder(config))
    with claim(place.run, [STATE, RECORD]):
        place.check(overwrite=overwrite, resume=resume)
        ready = prepare_solos(folder, config, solos, report)
        place.begin(settings, solos_file.load(ready), resume=resume)
        trained = _train(place, ready, settings, overwrite=overwrite or resume, report=report)
        measured = write_card(folder, config, solos_file.load(ready))
        place.state.unlink()
        return VoiceResult(trained, *measured, place.run)


def run_folder(config: InstrumentConfig, engine: str = "torch") -> Path:
    """Where a voice is trained by default."""
    return Path("runs") / (f"ddsp-{config.name}" + ("" if engine == "torch" else f"-{engine}"))


@dataclass(frozen=True)
class _Place:
    """Where a voice is trained.

    Attributes:
        folder: the plugin's.
        config: its `instrument.yaml`.
        run: the run's folder.
    """

    folder: Path
    config: InstrumentConfig
    run: Path

    @property
    def out(self) -> Path:
        """The model's file."""
        return own_file(self.folder, self.config.ddsp.file)

    @property
    def state(self) -> Path:
        """What an interrupted run goes on from."""
        return self.run / STATE

    def check(self, *, overwrite: bool, resume: bool) -> None:
        """Refuse to replace an existing model or run, or to resume a missing one."""
        if self.state.exists() and not (overwrite or resume):
            raise OutputExistsError(
                f"{self.run} holds an unfinished run",
                "use --resume to go on, --overwrite to begin anew",
            )
        if self.out.exists() and not (overwrite or resume):
            raise OutputExistsError(f"{self.out} exists", "use --overwrite to train it anew")
        if resume and not self.state.exists():
            raise TrainingError(
                f"{self.run} holds no run to go on with", "leave out --resume, or give --out"
            )

    def begin(self, settings: TrainSettings, data: Prepared, *, resume: bool) -> None:
        """Write down the settings of the run, or refuse to go on with others."""
        wanted = {name: getattr(settings, name) for name in KEPT}
        sizes = asdict(settings.config) if settings.config else {}
        wanted |= {"model": sizes, "solos": data.metadata["key"]}
        if resume:
            _same(self.run / RECORD, wanted)
        else:
            self.state.unlink(missing_ok=True)
            write_json(self.run / RECORD, wanted)


def _train(
    place: _Place, ready: Path, settings: TrainSettings, *, overwrite: bool, report: Progress
) -> TrainReport:
    """Train from the state that is there, if there is one, and log the run."""
    from timbresep.voice.log import VoiceLog

    resume = place.state.exists()
    done = Position.read(place.state).steps if resume else 0
    with closing(VoiceLog(place.run, solos_file.load(ready), done)) as log:

        def on_step(step: int, total: int, loss: float) -> None:
            log.loss(step, loss)
            report(0.1 + 0.9 * step / total, f"step {step}  loss {loss:.3f}")

        return train(
            ready,
            place.out,
            settings,
            upkeep=Upkeep(place.state, resume, SAVE_EVERY, on_step, log.listen),
            metadata=origin(place.config, settings.device),
            replace=overwrite,
        )


def with_sizes(settings: TrainSettings, plugin: DdspSettings) -> TrainSettings:
    """Settings with the plugin's sizes, unless they have some."""
    return replace(settings, config=settings.config or model_sizes(plugin))


def model_sizes(
    plugin: DdspSettings, size: str | None = None, reverb: float | None = None
) -> DecoderConfig:
    """The sizes to train.

    Args:
        plugin: the plugin's own sizes.
        size: tiny, small or full, instead of them.
        reverb: seconds of a learned reverb, instead of that of the sizes.

    Raises:
        TrainingError: no such size.
    """
    if size is None:
        config = DecoderConfig(
            rnn_channels=plugin.rnn_channels,
            channels=plugin.channels,
            layers_per_stack=plugin.layers_per_stack,
            n_harmonics=plugin.n_harmonics,
            n_noise=plugin.n_noise,
            reverb_length=plugin.reverb_length,
        )
    elif size in SIZES:
        config = SIZES[size]
    else:
        raise TrainingError(f"no size '{size}'", f"take one of {', '.join(SIZES)}")
    if reverb is None:
        return config
    return replace(config, reverb_length=round(reverb * config.sample_rate))


def origin(config: InstrumentConfig, device: str = "cpu") -> dict[str, Any]:
    """The provenance in a model's file."""
    return {
        "instrument": config.name,
        "licences": config.licences.data,
        "command": command_line(),
        "hardware": hardware(device),
        "date": today(),
    }


def _same(record: Path, wanted: dict[str, Any]) -> None:
    """Refuse to go on with a run that began with other settings."""
    try:
        begun = parse_json(record.read_text(encoding="utf-8"), str(record))
    except (OSError, UnicodeDecodeError, ConfigError) as error:
        raise TrainingError(f"{record}: cannot read the run's settings ({error})") from error
    begun = begun if isinstance(begun, dict) else {}
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
