"""`ddsp`: the models that the condition vectors come from."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from timbresep.commands.console import make_console
from timbresep.commands.numbers import MANY, number, whole
from timbresep.commands.options import (
    MaxMinutes,
    Overwrite,
    PluginsDir,
    Seed,
    Trust,
    plugin_folder,
    resumable,
)
from timbresep.commands.program import PROGRAM
from timbresep.commands.progress import progress
from timbresep.config import load_yaml
from timbresep.instrument import InstrumentConfig

app = typer.Typer(no_args_is_help=True, help="The DDSP models that the vectors come from.")

Plugin = Annotated[str, typer.Option(help="Plugin folder, or an instrument's name.")]


class Size(StrEnum):
    """Sizes of a model; full is Magenta's solo_instrument."""

    tiny = "tiny"
    small = "small"
    full = "full"


class Engine(StrEnum):
    """What trains a model."""

    torch = "torch"
    magenta = "magenta"


@app.command("train")
def train_ddsp(
    plugin: Plugin,
    solos: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="Folder of recordings, one note at a time; the recipe's if not given.",
        ),
    ] = None,
    size: Annotated[
        Size | None, typer.Option(help="That of instrument.yaml if not given; full is Magenta's.")
    ] = None,
    reverb: Annotated[
        float | None, number(help="Seconds of a learned reverb.", least=0, most=10)
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="magenta: ddsp's own trainer on TensorFlow (make magenta).")
    ] = Engine.torch,
    steps: Annotated[int, whole(help="Optimizer steps.", least=1, most=MANY)] = 3000,
    minutes: MaxMinutes = None,
    batch: Annotated[int, whole(help="Passages in a step.", least=1, most=4096)] = 8,
    seconds: Annotated[float, number(help="Of each passage.", least=0.1, most=600)] = 2.0,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; runs/ddsp-<instrument>[-magenta] if not given.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the run folder.")
    ] = False,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Train an instrument's DDSP model on solo recordings and write its model card."""
    from timbresep.voice.training import STATE, VoiceSettings, run_folder, train_voice

    settings = VoiceSettings(
        steps, minutes, batch, seconds, seed, size.value if size else None, reverb
    )
    folder = plugin_folder(plugin, plugins_dir, trust)
    run = out or run_folder(load_yaml(folder / "instrument.yaml", InstrumentConfig), engine.value)
    if engine is Engine.magenta:
        from timbresep.voice.magenta import train_with_magenta

        with resumable(run, "ckpt-*.index"), progress("training") as update:
            result = train_with_magenta(
                folder, solos, settings, report=update, run=run, overwrite=overwrite, resume=resume
            )
    else:
        with resumable(run, STATE), progress("training") as update:
            result = train_voice(
                folder,
                solos,
                settings,
                device=device,
                report=update,
                run=run,
                overwrite=overwrite,
                resume=resume,
            )
    report, likeness = result.report, result.likeness
    pitch = "" if likeness.f0_cents is None else f"pitch {likeness.f0_cents:.1f} cents, "
    console = make_console()
    console.print(
        f"{report.steps} steps on {report.minutes} minutes of solos; "
        f"spectral loss {report.first_loss:.2f} → {report.last_loss:.2f}"
    )
    console.print(
        f"held out ({report.held_out}): spectral loss {likeness.loss:.2f}, {pitch}"
        f"loudness {likeness.loudness_db:.1f} dB off",
        soft_wrap=True,
    )
    console.print(f"listen: tensorboard --logdir {result.run}", soft_wrap=True)
    console.print(f"next: {PROGRAM} condition build {plugin}", soft_wrap=True)


@app.command("resynth")
def resynthesise(
    audio: Annotated[Path, typer.Argument(readable=False, help="A recording, one note at a time.")],
    plugin: Plugin,
    out: Annotated[Path, typer.Option("-o", "--out", help="WAV or FLAC file, mono at 16 kHz.")],
    transpose: Annotated[float, number(help="Semitones up.", least=-60, most=60)] = 0.0,
    no_reverb: Annotated[bool, typer.Option("--no-reverb", help="Play dry.")] = False,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Play the pitch and loudness of a recording with an instrument's voice."""
    from timbresep.voice.resynthesis import resynthesise_file

    seconds = resynthesise_file(
        plugin_folder(plugin, plugins_dir, trust),
        audio,
        out,
        semitones=transpose,
        dry=no_reverb,
        overwrite=overwrite,
    )
    make_console().print(f"wrote {out}: {seconds:.1f} s", soft_wrap=True)


@app.command("import")
def import_ddsp(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            readable=False, help="Folder that Magenta's ddsp saved to, or one checkpoint in it."
        ),
    ],
    plugin: Plugin,
    solos: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="Recordings like those it was trained on, to measure what it has heard.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Make a TensorFlow checkpoint of Magenta's solo_instrument an instrument's voice."""
    from timbresep.voice.magenta import import_voice

    folder = plugin_folder(plugin, plugins_dir, trust)
    with progress("importing") as update:
        made = import_voice(checkpoint, folder, solos=solos, overwrite=overwrite, report=update)
    console = make_console()
    step = f"step {made.source.step}, " if made.source.step >= 0 else ""
    console.print(
        f"wrote {made.out} from {made.source.path.name} ({step}{made.parameters} parameters)",
        soft_wrap=True,
    )
    assumed = list(made.source.assumed)
    if not made.measured:
        assumed.append("loudness and pitch that it has heard (measure them with --solos)")
    for what in assumed:
        console.print(f"note: the checkpoint does not tell, assumed: {what}", soft_wrap=True)
    console.print(f"next: {PROGRAM} condition build {plugin}", soft_wrap=True)


@app.command("export")
def export_ddsp(
    out: Annotated[Path, typer.Argument(help="New folder for the checkpoint and its gin file.")],
    plugin: Plugin,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Write an instrument's voice as a TensorFlow checkpoint that Magenta's ddsp goes on from."""
    from timbresep.voice.magenta import export_voice

    path = export_voice(plugin_folder(plugin, plugins_dir, trust), out)
    make_console().print(f"wrote {path}.index and operative_config-0.gin", soft_wrap=True)
