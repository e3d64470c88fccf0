"""The `asteroid_…` backbones: networks of the Asteroid library; `model.py` puts FiLM into them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from timbresep.hookspecs import BackboneSpec, hookimpl

if TYPE_CHECKING:
    from .model import AsteroidBackbone

PACKAGES = {"asteroid": "asteroid==0.7.0", "requests": "requests"}
DEEPEST = 12
"""Most time scales in a row. Each is twice as long as the one before: 2 ** 12 frames of 12 ms are
48 s."""

STEP = "stride must be at most kernel_size"


@dataclass(frozen=True)
class ConvTasNet:
    """What `asteroid_convtasnet` is built with; most names are Asteroid's.

    Attributes:
        n_filters: filters of the encoder and of the decoder.
        kernel_size, stride: their length and step in samples (1024 and 512 are 23 ms and 12 ms).
        bn_chan: features between the blocks of the masker.
        hid_chan: features inside a block.
        n_blocks: blocks in a repeat; each looks twice as far as the one before.
        n_repeats: repeats, with FiLM before the first and after each.
        embedding: values that the condition is encoded to before it reaches FiLM.
    """

    n_filters: int = 1024
    kernel_size: int = 1024
    stride: int = 512
    bn_chan: int = 64
    hid_chan: int = 128
    n_blocks: int = 6
    n_repeats: int = 2
    embedding: int = 128


@dataclass(frozen=True)
class DPRNN:
    """What `asteroid_dprnn` is built with; most names are Asteroid's.

    Attributes:
        n_filters: filters of the encoder and of the decoder.
        kernel_size, stride: their length and step in samples (1024 and 512 are 23 ms and 12 ms).
        bn_chan: features between the blocks of the masker.
        hid_size: LSTM units in each direction.
        chunk_size: frames in a chunk: one LSTM runs inside chunks, the other from chunk to chunk.
        n_repeats: blocks of two LSTMs, with FiLM before the first and after each.
        embedding: values that the condition is encoded to before it reaches FiLM.
    """

    n_filters: int = 1024
    kernel_size: int = 1024
    stride: int = 512
    bn_chan: int = 64
    hid_size: int = 64
    chunk_size: int = 24
    n_repeats: int = 2
    embedding: int = 128


@dataclass(frozen=True)
class SuDORMRF:
    """What `asteroid_sudormrf` is built with; most names are Asteroid's.

    Attributes:
        n_filters: filters of the encoder and of the decoder, and features inside a block.
        kernel_size: their length in samples (1024 are 23 ms); the step is half of it.
        bn_chan: features between the blocks of the masker.
        num_blocks: U-shaped blocks, with FiLM before the first and after each.
        upsampling_depth: time scales in a block, each twice as long as the one before.
        embedding: values that the condition is encoded to before it reaches FiLM.
    """

    n_filters: int = 256
    kernel_size: int = 1024
    bn_chan: int = 64
    num_blocks: int = 4
    upsampling_depth: int = 5
    embedding: int = 128


def conv_tasnet(condition_dim: int, **arguments: Any) -> AsteroidBackbone:
    """Asteroid's ConvTasNet; `arguments` are those of `ConvTasNet`."""
    from .model import AsteroidBackbone, Places

    sizes = ConvTasNet(**arguments)
    _require(f"n_blocks must be at most {DEEPEST}", holds=sizes.n_blocks <= DEEPEST)
    _require(STEP, holds=sizes.stride <= sizes.kernel_size)
    last = range(sizes.n_blocks - 1, sizes.n_blocks * sizes.n_repeats, sizes.n_blocks)
    places = Places(("bottleneck",), sizes.bn_chan, [f"TCN.{k}" for k in last], residual=True)
    # Without skip connections, as in the paper's first version: with them, the last block's own
    # output would go nowhere.
    own = {"skip_chan": None, "mask_act": "sigmoid"}
    return AsteroidBackbone("ConvTasNet", condition_dim, places, {**asdict(sizes), **own})


def dprnn(condition_dim: int, **arguments: Any) -> AsteroidBackbone:
    """Asteroid's DPRNNTasNet; `arguments` are those of `DPRNN`."""
    from .model import AsteroidBackbone, Places

    sizes = DPRNN(**arguments)
    _require("chunk_size must be at least 2", holds=sizes.chunk_size > 1)
    _require(STEP, holds=sizes.stride <= sizes.kernel_size)
    blocks = [f"net.{k}" for k in range(sizes.n_repeats)]
    places = Places(("bottleneck",), sizes.bn_chan, blocks)
    own = {"mask_act": "sigmoid"}
    return AsteroidBackbone("DPRNNTasNet", condition_dim, places, {**asdict(sizes), **own})


def sudormrf(condition_dim: int, **arguments: Any) -> AsteroidBackbone:
    """Asteroid's SuDORMRFImprovedNet; `arguments` are those of `SuDORMRF`."""
    from .model import AsteroidBackbone, Places

    sizes = SuDORMRF(**arguments)
    _require(f"upsampling_depth must be at most {DEEPEST}", holds=sizes.upsampling_depth <= DEEPEST)
    _require("kernel_size must be at least 2", holds=sizes.kernel_size > 1)
    blocks = [f"sm.{k}" for k in range(sizes.num_blocks)]
    places = Places(("ln", "bottleneck"), sizes.bn_chan, blocks)
    own = {"mask_act": "sigmoid"}
    return AsteroidBackbone("SuDORMRFImprovedNet", condition_dim, places, {**asdict(sizes), **own})


def _require(rule: str, *, holds: bool) -> None:
    """Refuse sizes that Asteroid's networks take and then cannot compute with."""
    if not holds:
        raise ValueError(rule)


SPECS = [
    BackboneSpec(
        "asteroid_convtasnet",
        "Asteroid's ConvTasNet with FiLM in its masker, 44.1 kHz stereo",
        conv_tasnet,
        asdict(ConvTasNet()),
        packages=PACKAGES,
    ),
    BackboneSpec(
        "asteroid_dprnn",
        "Asteroid's DPRNN with FiLM in its masker, 44.1 kHz stereo",
        dprnn,
        asdict(DPRNN()),
        packages=PACKAGES,
    ),
    BackboneSpec(
        "asteroid_sudormrf",
        "Asteroid's SuDoRM-RF with FiLM in its masker, 44.1 kHz stereo",
        sudormrf,
        asdict(SuDORMRF()),
        packages=PACKAGES,
    ),
]


@hookimpl
def timbresep_backbones() -> list[BackboneSpec]:
    """The backbones here."""
    return SPECS
