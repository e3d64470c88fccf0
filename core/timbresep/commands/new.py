"""`new`: a plugin to start from, as a folder or as a package that pip installs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer

from timbresep.commands.condition import Licence, StartVoice, TuningSeconds
from timbresep.commands.console import say
from timbresep.commands.few_notes import make_from_notes
from timbresep.commands.options import PluginsDir, Seed, Trust
from timbresep.commands.program import PROGRAM
from timbresep.errors import ConfigError, PluginError
from timbresep.formats.text import shown
from timbresep.registry.registry import Registry
from timbresep.scaffold.making import make, refuse_existing
from timbresep.scaffold.plan import WORDS, Kind, Plan

app = typer.Typer(
    no_args_is_help=True,
    help="Make a plugin to start from: a folder, or a package that pip installs. What is made "
    "passes `check`. Nothing is overwritten.",
)

Name = Annotated[
    str,
    typer.Argument(help="Name of the plugin: lower-case letters, digits and underscores."),
]
MadeIn = Annotated[
    Path,
    typer.Option(
        "-o", "--out", help="Make it in this folder, as OUT/<name> or OUT/timbresep-<name>."
    ),
]
Package = Annotated[
    bool,
    typer.Option(
        "--package",
        help="Make a package that pip installs: pyproject.toml with the entry point, tests, cards.",
    ),
]
Solos = Annotated[
    Path,
    typer.Option(
        help="Recordings of the instrument alone, one note at a time: a folder, or one file. At "
        "least three different notes are needed; eight or more, from low to high, are better."
    ),
]
Terms = Annotated[
    str, typer.Option("--licence", help="Terms of the weights; they are written into the plugin.")
]
MY_PLUGINS = Path("my-plugins")


@app.command("instrument")
def new_instrument(
    name: Name,
    solos: Solos,
    out: MadeIn = MY_PLUGINS,
    package: Package = False,
    seconds: TuningSeconds = 90.0,
    plugin: StartVoice = None,
    licence: Licence = "not stated",
    seed: Seed = 0,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Make an instrument from a few recorded notes, as `condition from-audio` does, and a test."""
    plan = Plan("instrument", name, package=package, licence=licence)
    plan.check()
    refuse_existing(out / plan.top)
    registry = Registry.load(plugins_dir or (), trust=trust)
    from timbresep.voice.few_notes import NotesSettings
    from timbresep.voice.solos import recordings

    notes = [solos] if solos.is_file() else recordings(solos)
    settings = NotesSettings(seconds=seconds, start=plugin, licence=licence, seed=seed)

    def fill(folder: Path) -> None:
        with tempfile.TemporaryDirectory(prefix=".", dir=folder.parent) as scratch:
            make_from_notes(notes, name, Path(scratch), registry, settings)
            for path in sorted((Path(scratch) / name).iterdir()):
                path.rename(folder / path.name)

    made = make(plan, out, fill)
    _tell(plan, made, out)


@app.command("backbone")
def new_backbone(
    name: Name,
    answers: Annotated[
        Literal["audio", "notes"],
        typer.Option(help="Make a network that answers with audio (it separates) or with notes."),
    ] = "audio",
    out: MadeIn = MY_PLUGINS,
    package: Package = False,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Make a backbone: a small network that a condition steers, ready to train and to change."""
    kind: Kind = "backbone" if answers == "audio" else "transcriber"
    _new(Plan(kind, name, package=package), out, plugins_dir, trust=trust)


@app.command("source-model")
def new_source_model(
    name: Name,
    out: MadeIn = MY_PLUGINS,
    package: Package = False,
    licence: Terms = "not stated",
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Make a source model: a filter that stands where a pretrained network will."""
    plan = Plan("source_model", name, package=package, licence=licence)
    _new(plan, out, plugins_dir, trust=trust)


@app.command(
    "transcriber",
    hidden=True,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def new_transcriber(context: typer.Context) -> None:
    """Say where it is: a transcriber is no kind of its own."""
    name = next((word for word in context.args if not word.startswith("-")), "NAME")
    raise ConfigError(
        "a transcriber is a backbone that answers with notes",
        f"{PROGRAM} new backbone {shown(name)} --answers notes",
    )


def _new(plan: Plan, out: Path, plugins_dir: list[Path] | None, *, trust: bool) -> None:
    """Make a plugin that is all template."""
    plan.check()
    registry = Registry.load(plugins_dir or (), trust=trust)
    taken = registry.source_models() if plan.kind == "source_model" else registry.backbones()
    if any(item.name == plan.name for item in taken):
        raise PluginError(f"there is a {WORDS[plan.kind]} '{plan.name}'", "choose another name")
    _tell(plan, make(plan, out), out)


def _tell(plan: Plan, made: Path, out: Path) -> None:
    """Print what was made, and what to do next."""
    say(f"wrote {made}")
    trust = " --trust" if plan.has_code else ""
    say(f"next: {PROGRAM} check {made}{trust}")
    if plan.package:
        say(f"next: pip install -e {made}")
        found = ""
    else:
        found = f" --plugins-dir {out}{trust}"
    use = {
        "instrument": f"separate song.wav -i {plan.name}",
        "backbone": f"train --plugin violin --backbone {plan.name}",
        "transcriber": f"train --plugin violin --backbone {plan.name}",
        "source_model": f"models get {plan.name}",
    }
    say(f"next: {PROGRAM} {use[plan.kind]}{found}")
