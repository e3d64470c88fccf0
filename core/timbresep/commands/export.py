"""`export`: a checkpoint, small enough to ship."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from timbresep.commands.console import say
from timbresep.commands.options import PluginsDir, Trust
from timbresep.registry.registry import Registry


def export(
    checkpoint: Annotated[
        Path, typer.Argument(readable=False, help="The trained checkpoint to export.")
    ],
    out: Annotated[
        Path, typer.Argument(help="The file to write, such as separators/NAME.safetensors.")
    ],
    plugins_dir: PluginsDir = None,
    trust: Trust = False,
) -> None:
    """Write a checkpoint in half precision, ready to ship as a separator."""
    from timbresep.checkpoint import export as export_checkpoint

    registry = Registry.load(plugins_dir or (), trust=trust)
    digest = export_checkpoint(checkpoint, out, registry.backbone)
    say(f"wrote {out}; for the separators in registry.yaml:")
    say(f"  {out.stem}: {{file: {out}, sha256: {digest}}}")
