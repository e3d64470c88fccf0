"""A training's batches, from this process or others, with what could not be read on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from timbresep.data.mixing.mixer import MixtureDataset
from timbresep.data.skipped import Skipped
from timbresep.errors import TimbresepError
from timbresep.running.interrupts import leave_to_parent, starting_workers

Batch = dict[str, Tensor]
WHOLE = slice(None)


@dataclass(frozen=True)
class Fed:
    """One batch, or the error that there is in its place; and what was skipped to make it."""

    made: Batch | TimbresepError
    skipped: Skipped


class Batches(Dataset[Fed]):
    """The mixtures of a dataset in batches: number `k` holds `part` of the `k`-th `size` mixtures.

    An error is handed over as a value: one that leaves a process of a `DataLoader` by itself
    arrives as the text of its traceback.
    """

    def __init__(self, mixtures: MixtureDataset, size: int, part: slice = WHOLE) -> None:
        self.mixtures, self.size, self.part = mixtures, size, part

    def __getitem__(self, number: int) -> Fed:
        first = number * self.size
        last = min(first + self.size, len(self.mixtures))
        try:
            made = default_collate([self.mixtures[k] for k in range(first, last)[self.part]])
        except TimbresepError as error:
            return Fed(error, self.mixtures.skipped.take())
        return Fed(made, self.mixtures.skipped.take())


def feed(
    mixtures: MixtureDataset,
    size: int,
    skipped: Skipped,
    workers: int = 0,
    first: int = 0,
    *,
    every: int = 1,
    part: slice = WHOLE,
) -> Iterator[Batch]:
    """The batches of a dataset, in order.

    Args:
        mixtures: the dataset.
        size: mixtures in a batch.
        skipped: logs and counts what could not be read.
        workers: processes that mix; 0: this one does.
        first: number of the first batch; a resumed run sees what it would have seen.
        every: distance to the next one, where others have those between.
        part: the mixtures of each batch that are wanted, where others have the rest.

    Raises:
        DataError: nothing can be mixed of what there is.
    """
    loader: DataLoader[Fed] = DataLoader(
        Batches(mixtures, size, part),
        batch_size=None,
        sampler=range(first, -(-len(mixtures) // size), every),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        collate_fn=_as_it_is,
        worker_init_fn=leave_to_parent,
    )

    def opened(fed: Fed) -> Batch:
        skipped.add(fed.skipped)
        if isinstance(fed.made, TimbresepError):
            raise fed.made
        return fed.made

    with starting_workers():
        return map(opened, loader)  # no generator, which an interrupt would end


def _as_it_is(fed: object) -> object:
    return fed
