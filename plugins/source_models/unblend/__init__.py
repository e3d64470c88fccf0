"""The models of the `unblend` package: see `offer.py` for the table, `model.py` for the network."""

from __future__ import annotations

from collections.abc import Iterator

from timbresep.hookspecs import SourceModelSpec, hookimpl

from .offer import OFFERS, spec_of
from .own import own_offers


@hookimpl
def timbresep_source_models() -> Iterator[SourceModelSpec]:
    """A source model for each of unblend's, and for each of the user's own."""
    yield from map(spec_of, OFFERS)
    yield from map(spec_of, own_offers())
