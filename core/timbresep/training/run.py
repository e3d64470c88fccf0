"""One training run: the network, optimizer and data that a request becomes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from timbresep import checkpoint
from timbresep.backbone import Backbone
from timbresep.config import parse
from timbresep.data import licences
from timbresep.data.mixing.config import MixConfig
from timbresep.errors import TrainingError
from timbresep.interrupts import held
from timbresep.provenance import command_line, hardware
from timbresep.registry.config import TrainingDefaults
from timbresep.registry.registry import Registry
from timbresep.training.data import TrainingData
from timbresep.training.event_log import EventLog
from timbresep.training.request import TrainRequest
from timbresep.training.setup import precision, set_up_processor
from timbresep.training.state import Progress, load_run, save_run
from timbresep.training.task import make_task
from timbresep.training.trial import of_bounded_size, try_step

log = logging.getLogger(__name__)

CLIP = 5.0  # largest gradient norm
MAX_BAD_STEPS = 20  # non-finite steps in a row before giving up


class TrainingRun:
    """Network, moving average, optimizer, data and progress of one run.

    Raises:
        TimbresepError: anything about the request, the plugins or the data that cannot work.
    """

    def __init__(self, registry: Registry, request: TrainRequest) -> None:
        settings = registry.config.training
        self.request = request
        torch.manual_seed(request.seed)
        workers = settings.workers if request.workers is None else request.workers
        set_up_processor(workers)
        with of_bounded_size():
            self.task = make_task(registry, request)
        self.model, self.parent = self.task.model, self.task.parent
        mix = self._mix_config(settings)
        batch_size = request.batch_size or settings.batch_size
        try_step(self.task, mix, batch_size, min(mix.targets, len(self.task.instruments)))
        self.data = TrainingData(
            self.task.instruments,
            registry.instruments(),
            self.task.vectors,
            mix,
            sources=request.sources,
            roots=request.roots,
            batch_size=batch_size,
            workers=workers,
            seed=request.seed,
            canonical_share=request.canonical if self.task.varied else None,
        )
        for warning in licences.warnings(self.ledger()):
            log.warning(warning)
        try:
            self.fabric = Fabric(
                accelerator=request.device,
                devices=1,
                precision=precision(request.device, request.precision),
            )
        except (ValueError, RuntimeError) as error:
            raise TrainingError(
                f"device '{request.device}': {error}", "use --device cpu"
            ) from error
        self.average = AveragedModel(
            self.model, avg_fn=_moving_average(request.ema), use_buffers=True
        ).to(self.fabric.device)
        self.peak = request.learning_rate or settings.learning_rate
        self.optimizer = torch.optim.AdamW(self.task.parameters(), self.peak, weight_decay=1e-3)
        self._model, self._optimizer = self.fabric.setup(self.model, self.optimizer)
        self.identity: dict[str, object] = {
            **self.task.identity(),
            "backbone": self.task.spec.name,
            "arguments": self.task.arguments,
            "instruments": list(self.task.vectors),
            "start_from": self.parent.sha256[:16] if self.parent else None,
            "learning_rate": self.peak,
            "precision": request.precision,
            "canonical": request.canonical,
            "sharing": request.sharing,
            "ema": request.ema,
            **self.data.identity(),
        }
        self.bad_steps = 0
        self.between_steps = True
        self.progress = Progress()
        if request.resume:
            self.progress = load_run(
                self.file("resume"), self.model, self.average, self.optimizer, self.identity
            )
            log.info("resumed at step %d", self.progress.step)
        self.log = EventLog(request.out / "log", self.progress.step or None)

    def _mix_config(self, settings: TrainingDefaults) -> MixConfig:
        request = self.request
        given = {
            "seconds": request.seconds or settings.seconds,
            "rate": self.model.sample_rate,
            "channels": settings.channels,
            "targets": request.targets or settings.targets,
            **request.mix,
        }
        return parse(given, MixConfig, "how mixtures are made")

    def file(self, name: str) -> Path:
        """A checkpoint of this run: best, last or resume."""
        return self.request.out / f"{name}.safetensors"

    def step(self, batch: dict[str, Tensor], learning_rate: float) -> float | None:
        """One optimizer step and its loss in dB.

        Audio, a loss or a gradient that is not finite is skipped (None); many in a row end it.
        Signals wait until the step is over: the run is `between_steps` when they interrupt it.
        """
        with held():
            self.between_steps = False
            loss = self._step(batch, learning_rate)
            self.between_steps = True
        return loss

    def _step(self, batch: dict[str, Tensor], learning_rate: float) -> float | None:
        batch = {name: tensor.to(self.fabric.device) for name, tensor in batch.items()}
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.progress.step += 1
        if not all(torch.isfinite(tensor).all() for tensor in batch.values()):
            self._skip("the audio is")  # before it reaches any running statistic
            return None
        self.task.train_mode()
        # Not through Fabric's wrapper, which would round the audio itself to 16 bits.
        with self.fabric.autocast():
            loss = self.model.loss(
                batch["mixture"], batch["conditions"], batch["targets"], self.request.sharing
            )
        self._optimizer.zero_grad()
        self.fabric.backward(loss)
        norm = self.fabric.clip_gradients(
            self._model, self._optimizer, max_norm=CLIP, error_if_nonfinite=False
        )
        if torch.isfinite(loss) and norm is not None and torch.isfinite(norm):
            self.bad_steps = 0
            self._optimizer.step()
            self.average.update_parameters(self.model)
            return loss.item()
        self._skip("the loss is")
        return None

    def _skip(self, what: str) -> None:
        self.bad_steps += 1
        log.warning("step %d: %s not finite; step skipped", self.progress.step, what)
        if self.bad_steps >= MAX_BAD_STEPS:
            raise TrainingError(
                f"{what} not finite for {MAX_BAD_STEPS} steps in a row (step {self.progress.step})",
                "lower --learning-rate and check the data; the last good state is in "
                f"{self.file('resume')}",
            )

    def ledger(self) -> list[dict[str, str | int | float]]:
        """What the network learns from, its first weights' data included."""
        own = self.data.ledger()
        return self.parent.ledger(own) if self.parent else own

    def validate(self) -> dict[str, dict[str, float]]:
        """Scores in dB of the averaged network, by instrument."""
        scores = self.data.validate(self._averaged(), self.fabric.device, self.fabric.autocast)
        named = {f"{key}/{name}": x for name, row in scores.items() for key, x in row.items()}
        named["si_sdr_improvement/mean"] = mean_improvement(scores)
        self.log.scalars(named, self.progress.step)
        improvements = [f"{n} {row['si_sdr_improvement']:.1f}" for n, row in scores.items()]
        improvements += [f"{n} not heard" for n in self.data.names if n not in scores]
        log.info("step %d: SI-SDRi %s", self.progress.step, "  ".join(improvements))
        return scores

    def keep_state(self) -> None:
        """Write the state to resume from."""
        save_run(
            self.file("resume"),
            self.model,
            self.average,
            self.optimizer,
            self.progress,
            self.identity,
        )

    def keep(self, scores: dict[str, dict[str, float]]) -> None:
        """Write the last checkpoint, the best if this is it, and the state to resume from.

        Whatever comes between, the state is of before or of after: before, all of it is done again.
        """
        model, conditions = self.task.deployed(self._averaged())
        metadata = checkpoint.Metadata(
            backbone=self.task.spec.name,
            arguments=dict(self.task.arguments),
            **self.task.describe(scores),
            sample_rate=model.sample_rate,
            channels=model.channels,
            ledger=self.ledger(),
            training={
                **_provenance(self.request, self.progress, self.fabric),
                **(self.parent.provenance() if self.parent else {}),
            },
        )
        checkpoint.save(self.file("last"), model, conditions, metadata)
        if mean_improvement(scores) > self.progress.best or not self.file("best").exists():
            checkpoint.save(self.file("best"), model, conditions, metadata)
            self.progress.best = mean_improvement(scores)
        self.progress.kept = self.progress.step
        self.keep_state()

    def notes(self) -> list[str]:
        """What has to be known of a run that is over: what was skipped; a best that is no good."""
        said = [self.data.skipped.summary()]
        best = checkpoint.read_metadata(self.file("best")).scores
        sdr = {name: best[name]["sdr"] for name in self.data.names if name in best}
        if bad := [f"{name} {value:.1f}" for name, value in sdr.items() if value < 0]:
            said.append(
                f"the best checkpoint is worse than silence, whose SDR is 0 dB: {', '.join(bad)}; "
                "train for longer, or with more tracks"
            )
        return [line for line in said if line]

    def _averaged(self) -> Backbone:
        return cast(Backbone, self.average.module)


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential moving average whose memory grows with the run up to `decay`, so that the
    first weights do not linger in a short one."""

    def average(mean: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        if not mean.is_floating_point():
            return current
        return torch.lerp(current, mean, min(decay, (1 + float(count)) / (10 + float(count))))

    return average


def _provenance(
    request: TrainRequest, progress: Progress, fabric: Fabric
) -> dict[str, str | int | float]:
    return {
        "command": command_line(),
        "seed": request.seed,
        "steps": progress.step,
        "minutes": round(progress.minutes, 2),
        "hardware": hardware(fabric.device.type),
        "torch": torch.__version__,
    }


def mean_improvement(scores: Mapping[str, Mapping[str, float]]) -> float:
    """Mean SI-SDR improvement over the instruments, in dB; of no score, less than any."""
    if not scores:
        return float("-inf")
    return float(np.mean([row["si_sdr_improvement"] for row in scores.values()]))
