"""What each worker of a batch opens its separator from, and does with a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from timbresep.asked import Vector
from timbresep.engines.engine import Engine
from timbresep.registry.registry import Registry
from timbresep.separation.load import open_separator
from timbresep.separation.one_file import FileReport, separate_file
from timbresep.separation.options import DEFAULTS, SeparationOptions
from timbresep.separation.output import Output
from timbresep.separation.separator import Separator


@dataclass(frozen=True)
class Opening:
    """How a separator is opened, in whatever process.

    Attributes:
        instruments, separator, checkpoint, options, reference: as for `open_separator`.
        plugins: folders of plugin folders, besides the usual ones.
        trust: run the Python in them.
    """

    instruments: tuple[str, ...]
    separator: str | None = None
    checkpoint: Path | None = None
    options: SeparationOptions = DEFAULTS
    reference: Mapping[str, Vector] = field(default_factory=dict)
    plugins: tuple[Path, ...] = ()
    trust: bool = False

    def open(self) -> Separator:
        """Open it; errors as of `open_separator`."""
        return open_separator(
            self.instruments,
            separator=self.separator,
            checkpoint=self.checkpoint,
            options=self.options,
            registry=Registry.load(self.plugins, trust=self.trust),
            reference=self.reference,
        )


@dataclass(frozen=True)
class Many:
    """Workers that share the files of a batch.

    Attributes:
        engine: who they are.
        opening: how each opens its separator.
    """

    engine: Engine
    opening: Opening


@dataclass(frozen=True)
class BatchSetup:
    """What each worker of a batch opens its separator from.

    Attributes:
        opening: of the separator.
        stems: to separate, by the separator's names.
        output: where and how to write.
        inputs: files that no stem may replace.
    """

    opening: Opening
    stems: tuple[str, ...]
    output: Output
    inputs: Set[Path]

    def open(self) -> BatchTool:
        """Load the separator."""
        return BatchTool(self, self.opening.open())


@dataclass(frozen=True)
class BatchTool:
    """Separates the files of a batch."""

    setup: BatchSetup
    separator: Separator

    def do(self, task: tuple[Path, Path], report: Callable[[float], None]) -> FileReport:
        """Separate a file into its folder; errors as of `separate_file`."""
        path, folder = task
        setup = self.setup
        return separate_file(
            *(self.separator, path, setup.stems, folder, setup.output),
            report=report,
            inputs=setup.inputs,
        )
