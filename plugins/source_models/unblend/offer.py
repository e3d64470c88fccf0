"""What unblend's registry offers, so that it can be listed without unblend.

Names, sizes, hashes and licences are those of `unblend/metadata.yaml` (a test compares them). The
weights belong to others. Where a line says that nothing is granted, nobody who may has said what
they may be used for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from timbresep.hookspecs import Fetched, SourceModelSpec

if TYPE_CHECKING:
    from .model import UnblendModel

RELEASE = "unblend==1.0.0"
FOUR = ("drums", "bass", "other", "vocals")
TWO = ("vocals", "accompaniment")
"""unblend calls the second `other`. It is all that is not sung, so it has the field's name here:
the `other` of four sources is what neither drums, bass nor voice are."""

DEMUCS = "none granted; by their author's word only for scientific purposes"
SCNET = "none granted; trained on MUSDB18, which is for non-commercial research"


@dataclass(frozen=True)
class Offer:
    """A model of unblend's.

    Attributes:
        name: unblend's own, or made of it.
        summary: one line for `list`.
        sources: names of what it gives, in its order.
        licence: terms of its weights.
        size: bytes of its files.
        sha256: of each of its files; several are those of an ensemble's members.
        sample_rate: in Hz.
        file: weights of the user's own; None: they are unblend's to fetch.
        listed: the name in the list of the user's own.
    """

    name: str
    summary: str
    sources: tuple[str, ...]
    licence: str
    size: int
    sha256: tuple[str, ...]
    sample_rate: int = 44_100
    file: Path | None = None
    listed: str = ""


HTDEMUCS = "d3cb2f212d0652945fd033c26e1fbfdf9b6fbb9087aa6104def87f08b1016a81"
KIM = "03bfc70b43df1f3e92ed1e582e8b18983f8d4adcd1a7d2133ada3b2f371b3095"
ANVUEW = "dc68a24e0525902dfdb5f18d259161e89a7fbaf9801bfaea4beb3bf38cf87766"
XL_WIDE = "84daab8341398b1b1cd2183bdab4b08685104ca2a2c7f2bb0d6640bf3629527c"

OFFERS = (
    Offer("htdemucs", "HTDemucs", FOUR, DEMUCS, 84_023_856, (HTDEMUCS,)),
    Offer(
        "htdemucs_ft",
        "HTDemucs, four networks, each fine-tuned for one source",
        FOUR,
        DEMUCS,
        336_095_424,
        (
            "c971eb902178a60d1729f665254030497c1ce0e170726b6f957828b9db97d942",
            "0bc9bc7b6d78ba666ef55e16b7c61236c1651139bd62aea507f07a883b96ea40",
            "08f6c794334b0e8643ec0e2b0fc2d1a25d61d6ac69027aa3842e004b8a165b8d",
            "24403c0ea6cec19432eb41334f506c94c15b611074c24e3be96861f2c6534da1",
        ),
    ),
    Offer(
        "htdemucs_6s",
        "HTDemucs of six sources",
        (*FOUR, "guitar", "piano"),
        DEMUCS,
        54_884_136,
        ("8eafdbe0e57e024825610a0800ea0186683c3423e248b320915aeaebb35edaf4",),
    ),
    Offer(
        "bs_roformer_sw",
        "BS-RoFormer of six sources",
        ("bass", "drums", "other", "vocals", "guitar", "piano"),
        "none granted; who trained it is not known",
        698_840_448,
        ("56c131428745d83d63f72293d237fdbb56f40d8e4b6980cbcde70e28a9f7330f",),
    ),
    Offer("bs_roformer_anvuew", "BS-RoFormer for voice", TWO, "GPL-3.0", 204_274_176, (ANVUEW,)),
    Offer("melband_roformer_kim", "Mel-Band RoFormer for voice", TWO, "MIT", 912_885_624, (KIM,)),
    Offer(
        "scnet_small",
        "SCNet, small",
        FOUR,
        SCNET,
        42_431_344,
        ("2d00a37f8fef51f4523a9c74b226787f11b0bd589b2b0f65774c478b88506d75",),
    ),
    Offer("scnet_xl_wide_v5", "SCNet, large", FOUR, SCNET, 213_925_688, (XL_WIDE,)),
    Offer(
        "roformer_vocals_ensemble",
        "mean of melband_roformer_kim and bs_roformer_anvuew",
        TWO,
        "mixed: MIT and GPL-3.0, of its two networks",
        1_117_159_800,
        (KIM, ANVUEW),
    ),
    Offer(
        "htdemucs_scnet_ensemble",
        "mean of htdemucs and scnet_xl_wide_v5",
        FOUR,
        "none granted, as for its two networks",
        297_949_544,
        (HTDEMUCS, XL_WIDE),
    ),
)


def spec_of(offer: Offer) -> SourceModelSpec:
    """A model of unblend's as a source model."""
    single = offer.sha256[0] if len(offer.sha256) == 1 else ""
    rest = next(name for name in ("other", TWO[1], *offer.sources) if name in offer.sources)
    return SourceModelSpec(
        name=offer.name,
        summary=f"{offer.summary}, {offer.sample_rate / 1000:g} kHz",
        sources=offer.sources,
        sample_rate=offer.sample_rate,
        licence=offer.licence,
        size=offer.size,
        fetch=partial(_fetch, offer),
        load=partial(_load, offer),
        rest=rest,
        packages={"unblend": RELEASE},
        at_hand=partial(_at_hand, offer),
        sha256=single,
    )


def _at_hand(offer: Offer) -> bool:
    return offer.file is not None and offer.file.is_file()


def _fetch(offer: Offer, path: Path, report: Fetched) -> None:
    from .weights import copy, fetch

    take = fetch if offer.file is None else copy
    take(offer, path, report)


def _load(offer: Offer, path: Path) -> UnblendModel:
    from .model import load

    return load(offer, path)
