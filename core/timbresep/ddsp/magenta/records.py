"""Prepared solos as the tfrecords that ddsp trains on (its `TFRecordProvider`)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from timbresep.ddsp.features import FRAME_RATE
from timbresep.ddsp.magenta import environment
from timbresep.ddsp.passages import Passages
from timbresep.ddsp.prepared import Prepared
from timbresep.files import atomic_write

SHARDS = 10
APART = FRAME_RATE
"""Frames between the beginnings of two examples, at least; 1 s as in ``ddsp_prepare_tfrecord``."""


def write(prepared: Prepared, passages: Passages, folder: Path, frames: int, seed: int) -> int:
    """Write the training passages of prepared solos.

    ddsp shuffles files, not examples: these are spread over the files at random.

    Args:
        prepared: solos.
        passages: where its passages of ``frames`` begin; those held out are left out.
        folder: where the files go, ``solos-<number>.tfrecord``.
        frames: length of an example.
        seed: of the order.

    Returns:
        Number of examples.

    Raises:
        MissingToolError: TensorFlow is missing.
    """
    environment.load()
    import tensorflow as tf

    starts = spread(passages.train, APART)
    chance = torch.Generator().manual_seed(seed)
    starts = starts[torch.randperm(len(starts), generator=chance)]
    for shard in range(min(SHARDS, len(starts))):
        with (
            atomic_write(folder / f"solos-{shard:02}.tfrecord") as temporary,
            tf.io.TFRecordWriter(str(temporary)) as file,
        ):
            for start in starts[shard::SHARDS]:
                passage = passages.batch(start[None])
                first = int(start)
                audio = passage.audio[0]
                values = {
                    "audio": audio,
                    "audio_16k": audio,  # of any rate of the audio itself, for its pitch tracker
                    "f0_hz": passage.f0_hz[0],
                    "f0_confidence": prepared.f0_confidence[first : first + frames],
                    "loudness_db": passage.loudness_db[0],
                }
                features = {
                    name: tf.train.Feature(float_list=tf.train.FloatList(value=value.tolist()))
                    for name, value in values.items()
                }
                example = tf.train.Example(features=tf.train.Features(feature=features))
                file.write(example.SerializeToString())
    return len(starts)


def spread(starts: Tensor, apart: int) -> Tensor:
    """Those of ascending frames that are at least ``apart`` after the one taken before."""
    taken: list[int] = []
    for start in starts.tolist():
        if not taken or start - taken[-1] >= apart:
            taken.append(start)
    return torch.tensor(taken)
