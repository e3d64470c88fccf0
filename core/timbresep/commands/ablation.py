"""`ablate`: what each condition does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbresep.commands.console import say, show_error, start_logging
from timbresep.commands.options import (
    Device,
    Instruments,
    Limit,
    Overwrite,
    PluginsDir,
    SeparatorName,
    Split,
    Trust,
    split_names,
)
from timbresep.commands.program import PROGRAM
from timbresep.commands.progress import progress
from timbresep.errors import ConfigError, TimbresepError
from timbresep.registry.registry import Registry
from timbresep.separation.options import DEFAULTS, SeparationOptions

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="[CHECKPOINT] FOLDER",
        readable=False,
        help="A trained checkpoint (by default the default separator) and a folder of "
        "tracks, <track>/<instrument>.wav.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        help="Write the scores to this folder, as ablation.json and ablation.png. By default"
        " they are only printed.",
    ),
]


def ablate(
    paths: Paths,
    out: Out = None,
    instruments: Instruments = None,
    separator: SeparatorName = None,
    split: Split = None,
    limit: Limit = None,
    overwrite: Overwrite = False,
    device: Device = DEFAULTS.device,
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Score each instrument with its own, with swapped, shuffled and zero conditions."""
    from timbresep.evaluation.ablation import run, store, table
    from timbresep.evaluation.tracks import tracks_in
    from timbresep.separation.load import open_separator

    start_logging()
    *given, root = paths
    if len(given) > 1 or root.is_file():
        raise ConfigError(
            "expected a checkpoint and a folder of tracks",
            f"such as: {PROGRAM} ablate runs/mine/best.safetensors data/starter/demo -o out",
        )
    if out is not None:
        store.check_output(out, overwrite=overwrite)
    registry = Registry.load(plugins_dir or (), trust=trust)
    checkpoint = given[0] if given else None
    model = open_separator(
        split_names(instruments or ["all"]),
        separator=separator,
        checkpoint=checkpoint,
        options=SeparationOptions(device=device),
        registry=registry,
    )
    skipped: list[str] = []

    def skip(track: str, error: TimbresepError) -> None:
        skipped.append(track)
        show_error(error)

    tracks = tracks_in(root, registry.instruments(), split, skip)
    with progress("ablating") as update:
        result = run.ablate(
            model,
            tracks[:limit],
            report=lambda name, done, total: update(done / total, name),
            skip=skip,
        )
    called = registry.separators.get(separator, checkpoint).described
    say(table.table(result, f"{called} on {root}"))
    say(table.summary(result))
    if out is not None:
        for written in store.write(result, model, root, out, overwrite=overwrite):
            say(f"wrote {written}")
    if skipped:
        say(f"{len(skipped)} tracks skipped: {', '.join(skipped)}")
        raise typer.Exit(1)
