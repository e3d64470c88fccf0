"""One training run: the network, optimizer and data that its settings become."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from timbresep import checkpoint
from timbresep.backbone import Answer, Backbone, innermost
from timbresep.data import licences
from timbresep.data.note_targets import Grid, NoteTargets
from timbresep.data.skipped import Skipped
from timbresep.errors import TrainingError
from timbresep.losses import complete
from timbresep.running.interrupts import held
from timbresep.running.provenance import command_line, hardware
from timbresep.training.data import TrainingData
from timbresep.training.event_log import EventLog
from timbresep.training.group import Group, consistency_share
from timbresep.training.request import RunSettings
from timbresep.training.setup import autocast, set_up_processor
from timbresep.training.state import ALONE, Position, RunState
from timbresep.training.task import Facts, make_task
from timbresep.training.trial import of_bounded_size, try_step
from timbresep.training.validation import MERITS, Validation
from timbresep.transcriber import Transcriber

log = logging.getLogger(__name__)

CLIP = 5.0  # largest gradient norm
TARGETS: dict[Answer, str] = {"audio": "targets", "notes": "notes"}  # in a batch
MAX_BAD_STEPS = 20  # non-finite steps in a row before giving up


class TrainingRun:
    """Network, moving average, optimizer, data and position of one run.

    Raises:
        TimbresepError: anything about the settings, the plugins or the data that cannot work.
    """

    def __init__(self, settings: RunSettings, group: Group = ALONE) -> None:
        self.settings, self.group = settings, group
        self.device = group.device(settings.device)
        with group.in_turn():
            self._set_up()
        steps = [group.largest(sign * self.position.step)[0] for sign in (1, -1)]
        if steps[0] != -steps[1]:
            raise TrainingError(
                f"not all processes see the same state in {settings.out}",
                "give all machines the same run folder",
            )
        self.loss = group.share(self.model, self.average, self.optimizer)
        self.log = EventLog(settings.out / "log", self.position.step or None)

    def _set_up(self) -> None:
        """Make the network and the data, as far as a process can by itself."""
        settings = self.settings
        torch.manual_seed(settings.seed)
        set_up_processor(settings.workers, settings.devices)
        with of_bounded_size():
            self.task = make_task(settings)
        self.model, self.parent = self.task.model, self.task.parent
        mix = settings.mix.model_copy(update={"rate": self.model.sample_rate})
        try_step(self.task, mix)
        answers = self.model.answers
        self.merit, self.targets = MERITS[answers], TARGETS[answers]
        network = innermost(self.model)
        self.data = TrainingData(
            settings,
            self.task.vectors,
            mix,
            varied=self.task.varied,
            notes=NoteTargets(Grid.of(network)) if isinstance(network, Transcriber) else None,
        )
        for warning in licences.warnings(self.ledger()):
            log.warning(warning)
        self.model.to(self.device)
        self.plain = copy.deepcopy(self.model) if self.group.sharded else None
        self.average = AveragedModel(
            self.model, self.device, avg_fn=_moving_average(settings.ema), use_buffers=True
        )
        self.optimizer = torch.optim.AdamW(
            self.task.parameters(), settings.learning_rate, weight_decay=1e-3
        )
        self.bad_steps = 0
        self.between_steps = True
        identity = self._identity()
        self.state = RunState(self.model, self.average, self.optimizer, identity, self.group)
        self.position = Position()
        if settings.resume:
            self.position = self.state.load(self.file("resume"))
            log.info("resumed at step %d", self.position.step)

    def _identity(self) -> dict[str, object]:
        """What must be the same in a run that goes on."""
        return {
            **self.settings.identity(),
            "instruments": list(self.task.vectors),
            "start_from": self.parent.sha256[:16] if self.parent else None,
            **self.data.identity(),
        }

    def file(self, name: str) -> Path:
        """A checkpoint of this run: best, last or resume."""
        return self.settings.out / f"{name}.safetensors"

    def step(self, batch: dict[str, Tensor], learning_rate: float) -> float | None:
        """One optimizer step and its loss.

        Audio, a loss or a gradient that is not finite is skipped (None); many in a row end it.
        Signals wait until the step is over: the run is `between_steps` when they interrupt it.
        """
        with held():
            self.between_steps = False
            loss = self._step(batch, learning_rate)
            self.between_steps = True
        return loss

    def autocast(self) -> torch.autocast:
        """A context with the run's precision."""
        return autocast(self.device, self.settings.precision)

    def _step(self, batch: dict[str, Tensor], learning_rate: float) -> float | None:
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.position.step += 1
        bad = not all(torch.isfinite(tensor).all() for tensor in batch.values())
        if any(self.group.largest(bad)):
            self._skip("the audio is")  # before it reaches any running statistic
            return None
        self._seed_step()
        self.task.train_mode()
        statistics = [(buffer, buffer.clone()) for buffer in self.model.buffers()]
        loss = self._loss(batch)
        self.optimizer.zero_grad()
        self.group.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        mean = self.group.mean(loss.item())
        if math.isfinite(mean) and torch.isfinite(self.group.whole(norm)):
            self.bad_steps = 0
            self.optimizer.step()
            self.average.update_parameters(self.model)
            return mean
        for buffer, before in statistics:  # they would never be finite again
            buffer.copy_(before)
        self._skip("the loss is")
        return None

    def _loss(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of this process's mixtures, whose mean over all is that of the step."""
        mixture, targets = batch["mixture"], batch[self.targets]
        scale, weight = 1.0, self.settings.consistency_weight
        if weight and self.group.size > 1 and self.model.answers == "audio":
            mine = float(complete(targets, mixture).sum())
            share = consistency_share(weight, mine, self.group.mean(mine))
            scale, weight = share.scale, share.weight
        with self.autocast():
            loss = self.loss(mixture, batch["conditions"], targets, weight)
        return loss if scale == 1 else scale * loss

    def _seed_step(self) -> None:
        """Let what a network draws in a step depend on the run's seed and the step only."""
        numbers = [self.settings.seed, self.position.step, self.group.rank]
        torch.manual_seed(int(np.random.SeedSequence(numbers).generate_state(1)[0]))

    def _skip(self, what: str) -> None:
        self.bad_steps += 1
        log.warning("step %d: %s not finite; step skipped", self.position.step, what)
        if self.bad_steps >= MAX_BAD_STEPS:
            raise TrainingError(
                f"{what} not finite for {MAX_BAD_STEPS} steps in a row (step {self.position.step})",
                "lower --learning-rate and check the data; the last good state is in "
                f"{self.file('resume')}",
            )

    def ledger(self) -> list[Facts]:
        """What the network learns from, its first weights' data included."""
        own = self.data.ledger()
        return self.parent.ledger(own) if self.parent else own

    def validate(self) -> dict[str, dict[str, float]]:
        """Scores of the averaged network, by instrument."""
        validation = Validation(self.data.names, self.device, self.autocast, self.group)
        batches = self.data.validation(self.group.rank, self.group.size)
        scores = validation.scores(self._averaged(), batches)
        self._tell_skipped()
        if not self.group.leads:
            return scores
        named = {f"{key}/{name}": x for name, row in scores.items() for key, x in row.items()}
        named[f"{self.merit.key}/mean"] = self.merit.mean(scores)
        self.log.scalars(named, self.position.step)
        each = [f"{n} {self.merit.shown(row[self.merit.key])}" for n, row in scores.items()]
        each += [f"{n} silent" for n in self.data.names if n not in scores]
        log.info("step %d: %s %s", self.position.step, self.merit.name, "  ".join(each))
        return scores

    def _tell_skipped(self) -> None:
        """Have the leading process tell of what others could not read."""
        mine = Skipped() if self.group.leads else self.data.skipped.take()
        for other in self.group.gather(mine.told()):
            if self.group.leads:
                self.data.skipped.add(Skipped.heard(other))

    def keep_state(self) -> None:
        """Write the state to resume from."""
        self.state.save(self.file("resume"), self.position)

    def keep(self, scores: dict[str, dict[str, float]]) -> None:
        """Write the last checkpoint, the best if this is it, and the state to resume from.

        The state comes last: after an interrupt before it, a resumed run does all of this again.
        """
        averaged, merit = self._averaged(), self.merit.mean(scores)
        if self.group.leads:
            model, conditions = self.task.deployed(averaged)
            metadata = self.task.metadata(
                model, scores=scores, ledger=self.ledger(), training=self._provenance()
            )
            checkpoint.save(self.file("last"), model, conditions, metadata)
            if merit > self.position.best or not self.file("best").exists():
                checkpoint.save(self.file("best"), model, conditions, metadata)
                self.position.best = merit
        self.position.kept = self.position.step
        self.keep_state()

    def notes(self) -> list[str]:
        """Remarks on a finished run: stems that were skipped, and scores below those of silence."""
        said = [self.data.skipped.summary()]
        best = checkpoint.read_metadata(self.file("best")).scores
        sdr = {n: best[n]["sdr"] for n in self.data.names if "sdr" in best.get(n, {})}
        if bad := [f"{name} {value:.1f}" for name, value in sdr.items() if value < 0]:
            said.append(
                f"the best checkpoint is worse than silence, whose SDR is 0 dB: {', '.join(bad)}; "
                "train for longer, or with more tracks"
            )
        return [line for line in said if line]

    def _provenance(self) -> Facts:
        """Where a checkpoint comes from: this run, and those before it."""
        return {
            "command": command_line(),
            "seed": self.settings.seed,
            "steps": self.position.step,
            "minutes": round(self.position.minutes, 2),
            "hardware": hardware(self.device.type),
            **({"processes": self.group.size} if self.group.size > 1 else {}),
            "torch": torch.__version__,
            **(self.parent.provenance() if self.parent else {}),
        }

    def _averaged(self) -> Backbone:
        """The averaged network, whole."""
        if self.plain is None:
            return cast(Backbone, self.average.module)
        state = self.average.module.state_dict()
        self.plain.load_state_dict({name: self.group.whole(x) for name, x in state.items()})
        return self.plain


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential moving average whose memory grows with the run up to `decay`, so that the
    first weights do not linger in a short one."""

    def average(mean: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        if not mean.is_floating_point():
            return current
        return torch.lerp(current, mean, min(decay, (1 + float(count)) / (10 + float(count))))

    return average
