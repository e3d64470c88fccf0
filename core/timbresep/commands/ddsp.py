"""`ddsp`: train, play and exchange the voices that condition vectors are measured on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from timbresep.commands.console import say, say_json
from timbresep.commands.numbers import MANY, number, whole
from timbresep.commands.options import (
    AsJson,
    MaxMinutes,
    Overwrite,
    PluginsDir,
    Seed,
    Trust,
    plugin_folder,
)
from timbresep.commands.pages import FiguresFolder, Pages, ReportFile
from timbresep.commands.program import PROGRAM
from timbresep.commands.progress import progress
from timbresep.commands.resuming import resumable
from timbresep.config import load_yaml
from timbresep.instrument import InstrumentConfig

if TYPE_CHECKING:
    from timbresep.ddsp.resynthesis import Likeness, Played
    from timbresep.report.page import Page
    from timbresep.voice.training import VoiceResult

app = typer.Typer(
    no_args_is_help=True,
    help="Train, play and exchange voices, the DDSP models that conditions are measured on.",
)

Plugin = Annotated[str, typer.Option(help="The instrument: its name, or its plugin's folder.")]


Solos = Annotated[
    Path | None,
    typer.Option(
        readable=False,
        help="Train on the recordings in this folder, in which the instrument plays alone, "
        "one note at a time. The default is to render the solos that the plugin's "
        "recipe describes.",
    ),
]
ModelSize = Annotated[
    Literal["tiny", "small", "full"] | None,
    typer.Option(
        help="Train a model of this size; full is Magenta's solo_instrument. The default is the "
        "size in instrument.yaml."
    ),
]
Reverb = Annotated[
    float | None,
    number(
        help="Learn a reverb of this many seconds; 0 is none. The default is that of the "
        "model's size.",
        least=0,
        most=10,
    ),
]
TrainedBy = Annotated[
    Literal["torch", "magenta"],
    typer.Option(
        "--engine",
        help="Train with this engine: torch is built in, magenta is ddsp's own trainer on "
        "TensorFlow (install it with make magenta).",
    ),
]
Steps = Annotated[int, whole(help="Train for this many optimizer steps.", least=1, most=MANY)]
PassagesInStep = Annotated[
    int, whole("--batch", help="Learn from this many passages in each step.", least=1, most=4096)
]
PassageSeconds = Annotated[
    float,
    number("--seconds", help="Length of a passage in seconds.", least=0.1, most=600),
]
RunFolder = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Write the run's state and log to this folder. The default is "
        "runs/ddsp-<instrument>, or runs/ddsp-<instrument>-magenta.",
    ),
]
ResumeRun = Annotated[
    bool, typer.Option("--resume", help="Continue the interrupted run in the folder of --out.")
]
TrainingDevice = Annotated[str, typer.Option(help="Compute on cpu or cuda.")]


@app.command("train")
def train_ddsp(
    plugin: Plugin,
    solos: Solos = None,
    size: ModelSize = None,
    reverb: Reverb = None,
    engine: TrainedBy = "torch",
    steps: Steps = 3000,
    minutes: MaxMinutes = None,
    batch: PassagesInStep = 8,
    seconds: PassageSeconds = 2.0,
    out: RunFolder = None,
    resume: ResumeRun = False,
    seed: Seed = 0,
    device: TrainingDevice = "cpu",
    as_json: AsJson = False,
    report: ReportFile = None,
    figures: FiguresFolder = None,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Train an instrument's voice on solo recordings and write its model card."""
    from timbresep.ddsp.training import TrainSettings
    from timbresep.voice.training import STATE, model_sizes, run_folder, train_voice

    pages = Pages(report, figures, overwrite)
    pages.check()
    train, state = train_voice, STATE
    if engine == "magenta":
        from timbresep.voice.magenta import train_with_magenta

        train, state = train_with_magenta, "ckpt-*.index"
    folder = plugin_folder(plugin, plugins_dir, trust)
    config = load_yaml(folder / "instrument.yaml", InstrumentConfig)
    settings = TrainSettings(
        config=model_sizes(config.ddsp, size, reverb),
        steps=steps,
        minutes=minutes,
        batch=batch,
        seconds=seconds,
        device=device,
        seed=seed,
    )
    run = out or run_folder(config, engine)
    with resumable(run, state), progress("training") as update:
        result = train(
            folder, solos, settings, run=run, overwrite=overwrite, resume=resume, report=update
        )
    if as_json:
        say_json({"report": result.report, "likeness": result.likeness, "run": result.run})
    else:
        for line in _told(result):
            say(line)
    title = f"{config.name}: solos that were held out"
    pages.write(lambda: _page(folder, result.played, title, result.likeness))
    say(f"next: {PROGRAM} condition build {plugin}")


def _told(result: VoiceResult) -> list[str]:
    """The results of a training, line by line."""
    report, likeness = result.report, result.likeness
    pitch = "" if likeness.f0_cents is None else f"pitch {likeness.f0_cents:.1f} cents, "
    return [
        f"{report.steps} steps on {report.minutes} minutes of solos; "
        f"spectral loss {report.first_loss:.2f} → {report.last_loss:.2f}",
        f"held out ({report.held_out}): spectral loss {likeness.loss:.2f}, {pitch}"
        f"loudness {likeness.loudness_db:.1f} dB off",
        f"listen: tensorboard --logdir {result.run}",
    ]


def _page(folder: Path, played: Played, title: str, likeness: Likeness | None = None) -> Page:
    from timbresep.report.voiced import voice_page

    return voice_page(folder, played, title, likeness)


@app.command("resynth")
def resynthesise(
    audio: Annotated[
        Path, typer.Argument(readable=False, help="The recording, one note at a time.")
    ],
    plugin: Plugin,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Write this WAV or FLAC file, mono at 16 kHz.")
    ],
    transpose: Annotated[
        float, number(help="Play this many semitones higher.", least=-60, most=60)
    ] = 0.0,
    no_reverb: Annotated[
        bool,
        typer.Option("--no-reverb", help="Play without the reverb that the voice has learned."),
    ] = False,
    report: ReportFile = None,
    figures: FiguresFolder = None,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Play the pitch and loudness of a recording with an instrument's voice."""
    from timbresep.voice.resynthesis import resynthesise_file

    pages = Pages(report, figures, overwrite)
    pages.check()
    folder = plugin_folder(plugin, plugins_dir, trust)
    played = resynthesise_file(
        folder,
        audio,
        out,
        semitones=transpose,
        dry=no_reverb,
        overwrite=overwrite,
    )
    say(f"wrote {out}: {played.seconds:.1f} s")
    pages.write(lambda: _page(folder, played, audio.name))


@app.command("import")
def import_ddsp(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            readable=False,
            help="The folder that Magenta's ddsp saved to, or one checkpoint in it.",
        ),
    ],
    plugin: Plugin,
    solos: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="Measure the range of pitch and loudness on the recordings in this folder, "
            "which should be like those that the checkpoint was trained on. The default is "
            "to assume usual ranges.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Turn a TensorFlow checkpoint of Magenta's solo_instrument into an instrument's voice."""
    from timbresep.voice.magenta import import_voice

    folder = plugin_folder(plugin, plugins_dir, trust)
    with progress("importing") as update:
        made = import_voice(checkpoint, folder, solos=solos, overwrite=overwrite, report=update)
    step = f"step {made.source.step}, " if made.source.step >= 0 else ""
    say(f"wrote {made.out} from {made.source.path.name} ({step}{made.parameters} parameters)")
    assumed = list(made.source.assumed)
    if not made.measured:
        assumed.append("the pitch and loudness of its training (measure them with --solos)")
    for what in assumed:
        say(f"note: not stated in the checkpoint, assumed: {what}")
    say(f"next: {PROGRAM} condition build {plugin}")


@app.command("export")
def export_ddsp(
    out: Annotated[
        Path, typer.Argument(help="The new folder for the checkpoint and its gin file.")
    ],
    plugin: Plugin,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Write an instrument's voice as a TensorFlow checkpoint for Magenta's ddsp."""
    from timbresep.voice.magenta import export_voice

    path = export_voice(plugin_folder(plugin, plugins_dir, trust), out)
    say(f"wrote {path}.index and operative_config-0.gin")
