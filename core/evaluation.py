"""Score a separator on multitracks, beside silence, the mixture and an oracle.

One streamed pass gives every instrument's stem, and with it the score of every stem against
every reference: what comes out when a condition is swapped for another's needs no second pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from core import audio
from core.backbone import MaskBackbone
from core.data.stems import StemsSource
from core.data.track import Split, Track
from core.errors import DataError
from core.instrument import Instrument
from core.metrics import Moments
from core.separator import MAX_CHANNELS, Separator
from core.stft import STFT, ratio_masks
from core.streaming import Fifo, Rows, overlap_add

Method = Literal["separator", "swapped", "oracle", "mixture", "silence"]
METHODS: tuple[Method, ...] = ("separator", "swapped", "oracle", "mixture", "silence")
SILENT_DB = -60.0
"""A stem this far below its track's mixture counts as absent."""

Report = Callable[[str, int, int], None]
"""Told the track, how many frames of all tracks are done, and how many there are."""


@dataclass(frozen=True)
class Row:
    """One instrument of one track under one method, in dB.

    SI-SDR of silence does not exist: None. The swapped row is the mean over the conditions of
    all other instruments.
    """

    track: str
    instrument: str
    method: Method
    sdr: float
    si_sdr: float | None
    sdr_improvement: float
    si_sdr_improvement: float | None


@dataclass(frozen=True)
class Swap:
    """SI-SDR improvement in dB when a track's instrument is asked for with another's condition."""

    track: str
    instrument: str
    condition: str
    si_sdr_improvement: float


@dataclass(frozen=True)
class Leak:
    """Level in dB, relative to the mixture, of a stem whose instrument is not in the track."""

    track: str
    instrument: str
    level: float


@dataclass
class Evaluation:
    """All scores; see `core.score_table` for tables."""

    instruments: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    swaps: list[Swap] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)


def evaluate(
    separator: Separator,
    tracks: Sequence[Track],
    instruments: Sequence[str] | None = None,
    report: Report | None = None,
) -> Evaluation:
    """Separate the sum of each track's stems and score the result.

    Args:
        separator: what to score.
        tracks: multitracks; stems that are no known instrument only accompany.
        instruments: whom to score; all that the separator knows by default.
        report: told the progress.

    Raises:
        DataError: no track has a stem of these instruments.
        AudioError: a stem cannot be read, or has more than two channels.
    """
    names = tuple(instruments or separator.instruments)
    if not any(name in track.stems for track in tracks for name in names):
        raise DataError(
            f"no track has a stem named {', '.join(names)}",
            hint="name the stem files after the instruments or their aliases",
        )
    result = Evaluation(names)
    total, done = sum(track.frames for track in tracks), 0
    for track in tracks:

        def advance(frames: int, track: Track = track, before: int = done) -> None:
            if report is not None:
                report(track.name, before + frames, total)

        _score(separator, track, names, result, advance)
        done += track.frames
    return result


def _score(
    separator: Separator,
    track: Track,
    names: tuple[str, ...],
    result: Evaluation,
    advance: Callable[[int], None],
) -> None:
    """Add one track to the result."""
    present = [name for name in names if name in track.stems]
    stems = StemStream(track, present)
    scores = Moments(len(present), len(names))
    baseline = Moments(len(present), 1)
    loudness, done = 0.0, 0
    references = Fifo(len(present) * stems.channels)
    for mixture, estimates in separator.pairs(
        stems.mixture(references), track.rate, stems.channels, names
    ):
        truth = references.take(mixture.shape[1]).reshape(len(present), stems.channels, -1)
        scores.add(truth, estimates)
        baseline.add(truth, mixture[None])
        loudness += float(np.square(mixture, dtype=np.float64).sum())
        done += mixture.shape[1]
        advance(done)
    audible = [
        i for i, energy in enumerate(scores.reference) if _relative(energy, loudness) > SILENT_DB
    ]
    oracle = _oracle(stems, _stft(separator)) if audible else scores
    sdr, si_sdr = scores.sdr(), scores.si_sdr()
    mixture_sdr, mixture_si_sdr = baseline.sdr()[:, 0], baseline.si_sdr()[:, 0]
    for i in audible:
        name, own = present[i], names.index(present[i])
        others = [j for j in range(len(names)) if j != own]
        base = float(mixture_sdr[i]), float(mixture_si_sdr[i])

        def add(
            method: Method,
            sdr: float,
            si_sdr: float | None,
            name: str = name,
            base: tuple[float, float] = base,
        ) -> None:
            gain = None if si_sdr is None else si_sdr - base[1]
            result.rows.append(Row(track.name, name, method, sdr, si_sdr, sdr - base[0], gain))

        add("separator", float(sdr[i, own]), float(si_sdr[i, own]))
        if others:
            add("swapped", float(sdr[i, others].mean()), float(si_sdr[i, others].mean()))
        add("oracle", float(oracle.sdr()[i, i]), float(oracle.si_sdr()[i, i]))
        add("mixture", *base)
        add("silence", 0.0, None)
        result.swaps += [
            Swap(track.name, name, names[j], float(si_sdr[i, j]) - base[1]) for j in others
        ]
    heard = {present[i] for i in audible}
    result.leaks += [
        Leak(track.name, name, _relative(float(scores.estimate[j]), loudness))
        for j, name in enumerate(names)
        if name not in heard
    ]


class StemStream:
    """The stems of a track, read in step; a mono stem among stereo ones sits in the centre.

    Args:
        track: the files.
        wanted: names of the stems that are references; the others accompany.
    """

    def __init__(self, track: Track, wanted: Sequence[str]) -> None:
        self.wanted = len(wanted)
        order = [*wanted, *(name for name in track.stems if name not in wanted)]
        self.paths: list[Path] = [track.stems[name] for name in order]
        self.channels = max(audio.info(path).channels for path in self.paths)
        if self.channels > MAX_CHANNELS:
            raise DataError(
                f"track '{track.name}' has stems of {self.channels} channels",
                hint="mono and stereo are supported",
            )

    def __iter__(self) -> Iterator[Rows]:
        """Blocks (stems, channels, samples), the wanted ones first."""
        readers = [audio.read_blocks(path) for path in self.paths]
        for blocks in zip(*readers, strict=True):
            shape = self.channels, blocks[0].shape[1]
            yield np.stack([np.broadcast_to(block, shape) for block in blocks])

    def mixture(self, references: Fifo) -> Iterator[Rows]:
        """Blocks of the sum of all stems; the wanted stems go to ``references``."""
        for block in self:
            references.push(block[: self.wanted].reshape(-1, block.shape[2]))
            yield block.sum(axis=0)


def _oracle(stems: StemStream, stft: STFT) -> Moments:
    """Scores of the ratio masks ``|s| / Σ|s|`` made from the stems, on the mixture's phase."""
    rows = len(stems.paths) * stems.channels
    waiting = Fifo(stems.wanted * stems.channels)

    def flat() -> Iterator[Rows]:
        for block in stems:
            waiting.push(block[: stems.wanted].reshape(-1, block.shape[2]))
            yield block.reshape(rows, -1)

    def masked(window: Rows) -> Rows:
        sources = torch.from_numpy(window).reshape(len(stems.paths), stems.channels, -1)
        spectra = stft(sources)  # (stems, channels, bins, frames)
        parts = ratio_masks(spectra)[: stems.wanted] * spectra.sum(dim=0)
        estimate: Rows = stft.inverse(parts, window.shape[1]).reshape(-1, window.shape[1]).numpy()
        return estimate

    moments = Moments(stems.wanted, stems.wanted)
    # a chunk of some seconds, whole windows of context, and no fade: the masks need no more
    for estimate in overlap_add(flat(), masked, rows, 64 * stft.n_fft, 2 * stft.n_fft, 0):
        truth = waiting.take(estimate.shape[1])
        shape = stems.wanted, stems.channels, -1
        moments.add(truth.reshape(shape), estimate.reshape(shape))
    return moments


def _stft(separator: Separator) -> STFT:
    """The network's own transform, so that the oracle is the best that it could do."""
    model = separator.model
    if isinstance(model, MaskBackbone):
        return STFT(model.stft.n_fft, model.stft.hop)
    return STFT(2048, 512)


def _relative(energy: float, reference: float) -> float:
    return float(10 * np.log10(max(energy, 1e-12 * reference, 1e-30) / max(reference, 1e-30)))


def mean_scores(rows: Sequence[Row]) -> Mapping[str, float | None]:
    """Means of the four scores; None where a score does not exist."""
    means: dict[str, float | None] = {}
    for key in ("sdr", "sdr_improvement", "si_sdr", "si_sdr_improvement"):
        values = [value for row in rows if (value := getattr(row, key)) is not None]
        means[key] = float(np.mean(values)) if values else None
    return means


def tracks_in(
    root: Path, instruments: Sequence[Instrument], split: Split | None = None
) -> list[Track]:
    """The tracks in a folder of stem folders, their stems named by instrument.

    Args:
        root: ``<root>/<track>/<instrument or alias>.(wav|flac|ogg)``.
        instruments: whose names and aliases stems may have.
        split: only the tracks on this side of the split.

    Raises:
        DataError: no such tracks, or stems that do not fit together.
    """
    aliases = {alias: item.name for item in instruments for alias in item.aliases}
    tracks = StemsSource(root, aliases).tracks()
    chosen = [track for track in tracks if split in (None, track.split)]
    if not chosen:
        raise DataError(f"{root}: none of its {len(tracks)} tracks is on the side '{split}'")
    return chosen
