"""How a network does on fixed mixtures, by instrument, and the one figure that says which is best.

A separator is scored by SDR and SI-SDR improvement; a transcriber by its frames: of those that
sound, and of those that it says sound, how many are both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from timbresep.backbone import Answer, Backbone
from timbresep.metrics import f_measure, sdr, si_sdr
from timbresep.training.group import Group
from timbresep.transcriber import SOUNDING

Scores = dict[str, dict[str, float]]
Batches = Iterable[dict[str, Tensor]]

THRESHOLD = 0.5
"""Probability from which a pitch counts as sounding."""


@dataclass(frozen=True)
class Merit:
    """The score that says how good a network is.

    Attributes:
        key: what checkpoints call it.
        name: what people call it.
        unit: its unit, with a space before; empty if it has none.
        digits: how many of it are shown.
    """

    key: str
    name: str
    unit: str
    digits: int

    def mean(self, scores: Mapping[str, Mapping[str, float]]) -> float:
        """Mean over the instruments; of no score, less than any."""
        if not scores:
            return float("-inf")
        return float(np.mean([row[self.key] for row in scores.values()]))

    def shown(self, value: float) -> str:
        """A value for people, without its unit."""
        return f"{value:.{self.digits}f}"


MERITS: dict[Answer, Merit] = {
    "audio": Merit("si_sdr_improvement", "SI-SDRi", " dB", 1),
    "notes": Merit("frame_f", "frame F", "", 3),
}

COLUMNS: dict[Answer, dict[str, str]] = {
    "audio": {"sdr": "SDR", "si_sdr_improvement": "SI-SDRi"},
    "notes": {"frame_precision": "precision", "frame_recall": "recall", "frame_f": "F"},
}
"""What each score is called in a table."""


@dataclass(frozen=True)
class Validation:
    """Scores networks on mixtures.

    Attributes:
        names: the instruments, in the order of the batches' indices.
        device: computes.
        autocast: gives a context with the run's precision.
        group: processes that have a share of the batches each; the scores are those of all.
    """

    names: list[str]
    device: torch.device
    autocast: Callable[[], AbstractContextManager[object]]
    group: Group

    @torch.inference_mode()
    def scores(self, model: Backbone, batches: Batches) -> Scores:
        """Scores by instrument, of those that sound.

        Args:
            model: the network.
            batches: as `MixtureDataset` makes them, those of this process.
        """
        model.eval()
        return (
            self._notes(model, batches) if model.answers == "notes" else self._audio(model, batches)
        )

    def _answers(self, model: Backbone, batch: dict[str, Tensor]) -> Tensor:
        with self.autocast():
            found: Tensor = model(
                batch["mixture"].to(self.device), batch["conditions"].to(self.device)
            )
        return found.float().cpu()

    def _audio(self, model: Backbone, batches: Batches) -> Scores:
        """SDR and SI-SDR improvement over the mixture in dB."""
        mine: list[tuple[int, tuple[str, float, float]]] = []
        for number, batch in self.group.dealt(batches):
            estimate = self._answers(model, batch)  # (batch, instruments, channels, samples)
            for b, k in np.ndindex(*batch["instruments"].shape):
                target = batch["targets"][b, k]
                if not target.any():
                    continue
                wanted, found = target.numpy(), estimate[b, k].numpy()
                gain = si_sdr(wanted, found) - si_sdr(wanted, batch["mixture"][b].numpy())
                name = self.names[int(batch["instruments"][b, k])]
                mine.append((number, (name, sdr(wanted, found), gain)))
        gathered = [row for rows in self.group.gather(mine) for row in rows]
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in self.names}
        for _, (name, value, gain) in sorted(gathered, key=lambda row: row[0]):  # as one would
            rows[name].append((value, gain))
        return {
            name: {
                "sdr": float(np.mean([value for value, _ in values])),
                "si_sdr_improvement": float(np.mean([gain for _, gain in values])),
            }
            for name, values in rows.items()
            if values
        }

    def _notes(self, model: Backbone, batches: Batches) -> Scores:
        """Precision, recall and F-measure of frames of pitches, all mixtures together."""
        counts = {name: np.zeros(3) for name in self.names}  # found, there, both
        for batch in batches:
            found = self._answers(model, batch)[:, :, SOUNDING] >= THRESHOLD
            there = batch["notes"][:, :, SOUNDING] > 0
            for b, k in np.ndindex(*batch["instruments"].shape):
                name = self.names[int(batch["instruments"][b, k])]
                both = found[b, k] & there[b, k]
                counts[name] += [int(each.sum()) for each in (found[b, k], there[b, k], both)]
        gathered = self.group.gather({name: count.tolist() for name, count in counts.items()})
        scores: Scores = {}
        for name in self.names:
            said, true, right = np.sum([each[name] for each in gathered], axis=0)
            if true:
                precision, recall = float(right / max(said, 1)), float(right / true)
                scores[name] = {
                    "frame_precision": precision,
                    "frame_recall": recall,
                    "frame_f": f_measure(precision, recall),
                }
        return scores
