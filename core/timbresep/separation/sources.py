"""A source model as the first stage of a separator: it turns a mixture's stream into sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from timbresep.errors import CheckpointError
from timbresep.level import gains
from timbresep.running.device import device_of, enough_memory
from timbresep.source_model import SourceModel
from timbresep.streaming import Fifo, Rows, check_loudness, overlap_add, resampled


@dataclass(frozen=True)
class Places:
    """Where each instrument is looked for.

    Attributes:
        sources: names of what the source model gives, in its order.
        rest: the one of them that holds whatever none of the others is for.
        of: the source that holds an instrument, by the instrument's name; `rest` for all others.
        stand_ins: names that are asked for in place of an instrument, and are none of their own.
    """

    sources: tuple[str, ...]
    rest: str
    of: Mapping[str, str]
    stand_ins: frozenset[str] = frozenset()

    def holder(self, instrument: str) -> int | None:
        """The number of the source that is there for an instrument; None: the rest."""
        name = self.of.get(instrument, self.rest)
        return None if name == self.rest else self.sources.index(name)


class SourceStage:
    """A source model that gets a stream.

    Args:
        model: the source model, with its weights.
        name: what errors call it.
        device: where to compute: cpu, cuda, mps, or auto.

    Raises:
        TimbresepError: no such device.
    """

    def __init__(self, model: SourceModel, name: str, device: str) -> None:
        self.device = device_of(device)
        self.model, self.name = model.to(self.device).eval(), name

    def stream(
        self, blocks: Iterable[Rows], rate: int, channels: int, *, name: str = "the mixture"
    ) -> Iterator[Rows]:
        """Put the sources beside the mixture that they come from.

        Args:
            blocks: the mixture (channels, samples), in blocks of any length.
            rate: Hz; converted to the model's rate and back where it differs.
            channels: of every block.
            name: what errors call the mixture.

        Yields:
            (channels · (1 + sources), samples): the mixture, then each source; in all, as many
            samples as came in.

        Raises:
            AudioError: the mixture is too loud to be computed with.
            CheckpointError: the model gives values that are not finite.
            TimbresepError: not enough memory.
        """
        model = self.model
        waiting = Fifo(channels)

        def tapped() -> Iterator[Rows]:
            for block in blocks:
                waiting.push(block)
                yield block

        def process(window: Rows) -> Rows:
            check_loudness(window, name)
            return self._window(window)

        own = resampled(tapped(), rate, model.sample_rate, channels)
        fade = min(model.context, model.chunk // 32)
        sources = overlap_add(
            own, process, channels, chunk=model.chunk, context=model.context, fade=fade
        )
        for block in resampled(sources, model.sample_rate, rate, channels * len(model.sources)):
            mixture = waiting.take(block.shape[1])
            yield np.concatenate([mixture, block[:, : mixture.shape[1]]])

    @torch.inference_mode()
    def _window(self, window: Rows) -> Rows:
        """All sources of one window: (channels, n) → (sources · channels, n)."""
        channels, samples = window.shape
        count = len(self.model.sources)
        if not window.any():
            return np.zeros((count * channels, samples), np.float32)
        gain = gains(window, self.model.sample_rate)
        mixture = torch.from_numpy((window * gain).astype(np.float32)).to(self.device)
        with enough_memory(self.device):
            sources = self.model(_as_batch(mixture, self.model.channels))
        if not torch.isfinite(sources).all():
            raise CheckpointError(
                f"source model '{self.name}' gives values that are not finite",
                hint=f"its weights are damaged: get them again with `models get {self.name}`",
            )
        rows: Rows = _as_rows(sources, channels).float().cpu().numpy()
        with np.errstate(over="ignore"):  # whoever asked for the stems reports it
            return (rows / gain).astype(np.float32)


def _as_batch(mixture: torch.Tensor, channels: int) -> torch.Tensor:
    """A mixture (channels, n) with the channels that the model takes, (batch, channels, n)."""
    if len(mixture) <= channels:
        return mixture.expand(channels, -1).unsqueeze(0)
    return mixture.unsqueeze(1)  # a mono model gets each channel as a mixture of its own


def _as_rows(sources: torch.Tensor, channels: int) -> torch.Tensor:
    """(batch, sources, channels, n) as (sources · channels, n), with the mixture's channels."""
    by_source = sources.transpose(0, 1).flatten(1, 2)  # (sources, batch · channels, n)
    if by_source.shape[1] > channels:  # mono, given to a stereo model twice
        by_source = by_source.mean(dim=1, keepdim=True)
    return by_source.flatten(0, 1)


def places(
    found: Mapping[str, Sequence[str]], sources: tuple[str, ...], rest: str
) -> tuple[Places, list[str]]:
    """Where a source model's separator looks for instruments.

    Args:
        found: names of the sources that hold each instrument, the most special first.
        sources: what the source model gives.
        rest: the source that holds whatever none of the others is for.

    Returns:
        The places, and the instruments that name none of these sources.
    """
    of = {}
    for instrument, names in found.items():
        first = next((name for name in names if name in sources), None)
        if first is not None:
            of[instrument] = first
    return Places(sources, rest, of), [name for name in found if name not in of]


@dataclass(frozen=True)
class Sources:
    """What comes before the network in a chain.

    Attributes:
        stage: the source model.
        weights: the file of its weights.
        places: where it puts instruments.
    """

    stage: SourceStage
    weights: Path
    places: Places

    def placed_like(self, same: Mapping[str, str]) -> Sources:
        """The same with more instruments, each in the place of the one that it is mapped to."""
        of = self.places.of
        more = {name: of[other] for name, other in same.items() if other in of}
        names = self.places.stand_ins | set(same)
        return replace(self, places=replace(self.places, of={**of, **more}, stand_ins=names))
