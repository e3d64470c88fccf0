"""The files of a track, read in step: its mixture beside its stems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from timbresep import audio
from timbresep.data.track import Track
from timbresep.errors import DataError
from timbresep.streaming import MAX_CHANNELS, Rows


class StemStream:
    """Mixture and stems, block by block; a mono file among stereo ones sits in the centre.

    The mixture is the track's own file if there is one, and else the sum of the stems.

    Args:
        track: the files.
        wanted: names of the stems that are references, which come first; the others accompany.

    Raises:
        DataError: files of unequal length or rate, or of more than two channels.
        AudioError: a file that cannot be read.
    """

    def __init__(self, track: Track, wanted: Sequence[str]) -> None:
        self.track, self.wanted = track.name, len(wanted)
        self.names = [*wanted, *(name for name in track.stems if name not in wanted)]
        self.has_mixture = track.mixture is not None
        self.paths = [track.stems[name] for name in self.names]
        self.paths += [track.mixture] if track.mixture is not None else []
        found = [audio.info(path) for path in self.paths]
        for about in found:
            if (about.frames, about.rate) != (track.frames, track.rate):
                raise DataError(
                    f"{about.path}: {about.frames} samples at {about.rate} Hz, but the track has "
                    f"{track.frames} at {track.rate} Hz",
                    "mixture and stems of a track need one length and one rate",
                )
        self.channels = max(about.channels for about in found)
        if self.channels > MAX_CHANNELS:
            raise DataError(
                f"track '{track.name}' has stems of {self.channels} channels",
                hint="mono and stereo are supported",
            )

    def __iter__(self) -> Iterator[tuple[Rows, Rows]]:
        """Blocks: mixture (channels, samples), stems (stems, channels, samples)."""
        readers = [audio.read_blocks(path) for path in self.paths]
        for blocks in zip(*readers, strict=True):
            shape = self.channels, blocks[0].shape[1]
            files = np.stack([np.broadcast_to(block, shape) for block in blocks])
            if self.has_mixture:
                yield files[-1], files[:-1]
            else:
                yield files.sum(axis=0), files

    def load(self) -> tuple[Rows, Rows]:
        """The whole mixture and the whole stems, in memory."""
        mixtures, stems = zip(*self, strict=True)
        return np.concatenate(mixtures, axis=-1), np.concatenate(stems, axis=-1)
