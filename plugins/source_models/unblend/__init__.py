"""The models of the `unblend` package: see `offer.py` for the table, `model.py` for the network."""

from __future__ import annotations

from timbresep.hookspecs import SourceModelSpec, hookimpl

from .offer import OFFERS, spec_of

SPECS = tuple(spec_of(offer) for offer in OFFERS)


@hookimpl
def timbresep_source_models() -> list[SourceModelSpec]:
    """A source model for each of unblend's."""
    return list(SPECS)
