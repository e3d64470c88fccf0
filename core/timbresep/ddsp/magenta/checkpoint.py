"""A TensorFlow checkpoint of ddsp's `solo_instrument` read as our model, and written from it.

The variables are the same; Keras stores a dense layer's weights transposed, and orders a GRU's
gates update, reset, candidate, where torch has reset, update, candidate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.magenta import environment, operative_config
from timbresep.ddsp.model import DdspModel
from timbresep.errors import CheckpointError, OutputExistsError
from timbresep.files import sha256_of

if TYPE_CHECKING:
    from ddsp.training.models import Autoencoder

Array = npt.NDArray[np.float32]

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
CELL = "decoder/rnn/rnn/cell/"
DENSE_OUT = "decoder/dense_out/"
REVERB = "processor_group/reverb/ir"
DEFAULT_SPLITS = (60, 65)
"""Harmonics and noise magnitudes of `solo_instrument.gin` as shipped."""

FRAMES = 1000
"""Length of the examples that an exported model is configured for, as `solo_instrument.gin`."""


@dataclass(frozen=True)
class Source:
    """Where an imported model comes from.

    Attributes:
        path: the checkpoint's files without their endings.
        step: training step of the checkpoint; -1 if its name has none.
        sha256: of its data file.
        assumed: what the checkpoint does not state, so that the usual value is taken.
    """

    path: Path
    step: int
    sha256: str
    assumed: tuple[str, ...]


def latest(folder: Path) -> Path:
    """The checkpoint with the highest step in a folder, without its endings.

    Args:
        folder: what ddsp calls save_dir; or one of its checkpoints, such as ``…/ckpt-3000``.

    Raises:
        CheckpointError: there is none.
    """
    single = folder.with_name(folder.name.removesuffix(".index"))
    if single.with_name(f"{single.name}.index").is_file():
        return single
    found = [path.with_suffix("") for path in folder.glob("*.index")]
    if not found:
        raise CheckpointError(
            f"{folder}: no TensorFlow checkpoint (ckpt-<step>.index) in it",
            "name the folder that ddsp saved its training to",
        )
    return max(found, key=lambda path: (operative_config.step(path), path.name))


def read(folder: Path) -> tuple[DdspModel, Source]:
    """Read a checkpoint that ddsp wrote, of a `solo_instrument` model of any size.

    Args:
        folder: as for `latest`.

    Returns:
        The model, in evaluation mode, and where it comes from. Its `trained_range` is not in a
        checkpoint: the caller sets it.

    Raises:
        CheckpointError: no checkpoint, a damaged one, or one of another model; says which
            variables do not match.
        MissingToolError: TensorFlow is missing.
    """
    path = latest(folder)
    variables = _variables(path)
    settings = operative_config.read(path.parent)
    splits = operative_config.splits(settings, str(path.parent)) if settings else None
    config = sizes(variables, splits, str(path))
    data = sorted(path.parent.glob(f"{path.name}.data-*"))
    digest = sha256_of(*data)
    assumed = () if splits else ("harmonics and noise magnitudes", "sample rate and frame rate")
    model = DdspModel(config)
    model.load_state_dict(to_torch(variables, config))
    return model.eval(), Source(path, operative_config.step(path), digest, assumed)


def write(model: DdspModel, folder: Path) -> Path:
    """Write a checkpoint and a gin file from which ddsp goes on (``ddsp_run --restore_dir``).

    Args:
        model: any size.
        folder: new, or holding no checkpoint.

    Returns:
        The checkpoint, without its endings.

    Raises:
        OutputExistsError: there is a checkpoint already.
        MissingToolError: ddsp or TensorFlow is missing.
    """
    if any(folder.glob("*.index")):
        raise OutputExistsError(f"{folder} holds a checkpoint already", "name a new folder")
    theirs = environment.build(model.config, FRAMES)
    import tensorflow as tf
    from ddsp.training import train_util, trainers

    assign(theirs, to_magenta(model.state_dict(), model.config))
    trainer = trainers.get_trainer_class()(theirs, tf.distribute.get_strategy())
    folder.mkdir(parents=True, exist_ok=True)
    trainer.save(str(folder))
    train_util.write_gin_config(tf.summary.create_noop_writer(), str(folder), 0)
    return folder / "ckpt-0"


def refuse_other_size(folder: Path, config: DecoderConfig) -> None:
    """Check that a checkpoint has the sizes of a model to be.

    Raises:
        CheckpointError: it has others, or is none.
    """
    shapes = [
        {name: value.shape for name, value in model.state_dict().items()}
        for model in (read(folder)[0], DdspModel(config))
    ]
    if shapes[0] != shapes[1]:
        raise CheckpointError(
            f"the run of ddsp in {folder} is of another size",
            "resume with its size, or remove the folder",
        )


def sizes(
    variables: Mapping[str, Array], splits: tuple[int, int] | None, where: str
) -> DecoderConfig:
    """The sizes of a model from the shapes of its variables.

    Args:
        variables: by their names under ``model/``.
        splits: harmonics and noise magnitudes, if known.
        where: the checkpoint, for errors.

    Raises:
        CheckpointError: the variables are not those of `solo_instrument.gin` at any size.
    """
    shapes = {name: value.shape for name, value in variables.items()}
    layer = re.compile(r"decoder/out_stack/layer_with_weights-(\d+)/")
    layers = {int(match[1]) for match in map(layer.match, shapes) if match}
    dense = shapes.get("decoder/out_stack/layer_with_weights-0/layer_with_weights-0/kernel", ())
    width = (shapes.get(f"{DENSE_OUT}bias") or (0,))[0]
    units = (shapes.get(f"{CELL}recurrent_kernel") or (0,))[0]
    harmonics, noise = splits or DEFAULT_SPLITS
    config = DecoderConfig(
        rnn_channels=units or 1,
        channels=dense[-1] if dense else units or 1,
        layers_per_stack=len(layers),
        n_harmonics=harmonics,
        n_noise=noise,
        reverb_length=(shapes.get(REVERB) or (0,))[0],
    )
    expected = {
        name: tuple(value.shape)
        for name, value in to_magenta(DdspModel(config).state_dict(), config).items()
    }
    wrong = {
        name: f"{name} is {shapes.get(name, 'missing')}, expected {expected.get(name, 'none')}"
        for name in sorted(expected.keys() | shapes.keys())
        if expected.get(name) != shapes.get(name)
    }
    if wrong and not splits and all(name.startswith(DENSE_OUT) for name in wrong):
        raise CheckpointError(
            f"{where}: the decoder has {width} outputs, and it is not stated how many of them are "
            f"harmonics (of the usual {1 + harmonics + noise} it is {harmonics})",
            "put the operative_config-*.gin of its training beside the checkpoint",
        )
    if wrong:
        named = "; ".join(list(wrong.values())[:3])
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise CheckpointError(
            f"{where}: not a model of ddsp's solo_instrument.gin: {named}{more}",
            "models with an encoder, other decoders or other effects cannot be imported",
        )
    for name, value in variables.items():
        if value.dtype != np.float32 or not np.isfinite(value).all():
            raise CheckpointError(
                f"{where}: {name} does not hold finite 32-bit numbers", "train it again"
            )
    return config


def to_torch(variables: Mapping[str, Array], config: DecoderConfig) -> dict[str, Tensor]:
    """Our state dict from ddsp's variables (by their names under ``model/``)."""
    state = {ours: _turned(theirs, variables[theirs]) for theirs, ours in _pairs(config)}
    bias = variables[f"{CELL}bias"]  # (2, 3 · units)
    state |= {
        "decoder.rnn.weight_ih_l0": _swapped(variables[f"{CELL}kernel"].T),
        "decoder.rnn.weight_hh_l0": _swapped(variables[f"{CELL}recurrent_kernel"].T),
        "decoder.rnn.bias_ih_l0": _swapped(bias[0]),
        "decoder.rnn.bias_hh_l0": _swapped(bias[1]),
    }
    return {name: torch.from_numpy(value.copy()) for name, value in state.items()}


def to_magenta(state: Mapping[str, Tensor], config: DecoderConfig) -> dict[str, Array]:
    """ddsp's variables from our state dict."""
    ours = {name: value.detach().cpu().numpy() for name, value in state.items()}
    variables = {theirs: _turned(theirs, ours[name]) for theirs, name in _pairs(config)}
    biases = [_swapped(ours[f"decoder.rnn.bias_{side}_l0"]) for side in ("ih", "hh")]
    return variables | {
        f"{CELL}kernel": _swapped(ours["decoder.rnn.weight_ih_l0"]).T,
        f"{CELL}recurrent_kernel": _swapped(ours["decoder.rnn.weight_hh_l0"]).T,
        f"{CELL}bias": np.stack(biases),
    }


def assign(model: Autoencoder, variables: Mapping[str, Array]) -> None:
    """Put values into the variables of ddsp's model.

    Args:
        model: built, as by `environment.build`.
        variables: by their names under ``model/``.
    """
    for name, value in variables.items():
        place: object = model
        for part in name.split("/"):
            place = _child(place, part)
        place.assign(np.ascontiguousarray(value))  # type: ignore[attr-defined]


def _child(place: object, part: str) -> object:
    """What Keras stores under a part of a variable's name."""
    if part.isdigit():
        return place[int(part)]  # type: ignore[index]
    number = part.removeprefix("layer_with_weights-")
    if number != part:
        weighted = [layer for layer in place.layers if layer.weights]  # type: ignore[attr-defined]
        found: object = weighted[int(number)]
        return found
    return getattr(place, "_ir" if part == "ir" else part)


def _variables(path: Path) -> dict[str, Array]:
    """The model's variables in a checkpoint, without those of the optimiser."""
    environment.load()
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(str(path))
        names = [name for name in reader.get_variable_to_shape_map() if name.endswith(VALUE)]
        return {
            name.removeprefix("model/").removesuffix(VALUE): reader.get_tensor(name)
            for name in names
            if name.startswith("model/") and "/.OPTIMIZER_SLOT/" not in name
        }
    except (tf.errors.OpError, RuntimeError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path}: cannot read this TensorFlow checkpoint ({reason})", "copy it again, all files"
        ) from error


def _pairs(config: DecoderConfig) -> Iterator[tuple[str, str]]:
    """Names of the same tensor, ddsp's and ours; those of the GRU's cell are left out."""
    stacks = {"input_stacks/0": "input_stacks.0", "input_stacks/1": "input_stacks.1"}
    for theirs, ours in {**stacks, "out_stack": "out_stack"}.items():
        for layer in range(config.layers_per_stack):
            parts = f"decoder/{theirs}/layer_with_weights-{layer}/layer_with_weights-"
            yield f"{parts}0/kernel", f"decoder.{ours}.{3 * layer}.weight"
            yield f"{parts}0/bias", f"decoder.{ours}.{3 * layer}.bias"
            yield f"{parts}1/gamma", f"decoder.{ours}.{3 * layer + 1}.weight"
            yield f"{parts}1/beta", f"decoder.{ours}.{3 * layer + 1}.bias"
    yield f"{DENSE_OUT}kernel", "decoder.dense_out.weight"
    yield f"{DENSE_OUT}bias", "decoder.dense_out.bias"
    if config.reverb_length:
        yield REVERB, "reverb.impulse_response"


def _turned(name: str, value: Array) -> Array:
    """A dense layer's kernel transposed, anything else as it is."""
    return value.T if name.endswith("kernel") else value


def _swapped(gates: Array) -> Array:
    """The first two of three gates exchanged, along the first axis; undoes itself."""
    first, second, third = np.split(gates, 3)
    return np.concatenate([second, first, third])
