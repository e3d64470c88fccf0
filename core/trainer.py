"""The trainer: one loop for one instrument or many, with any backbone.

names → instruments and their conditions → the recipes' mixtures → backbone → steps → checkpoints.
"""

from __future__ import annotations

import logging
import math
import platform
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers import TensorBoardLogger
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from core import checkpoint
from core.backbone import Backbone
from core.conditioner import CONDITION_VERSION
from core.data.mixer import MixConfig
from core.errors import OutputExistsError, TrainingError
from core.losses import thresholded_snr_loss
from core.registry import Registry
from core.resume import Progress, load_run, save_run
from core.training_data import TrainingData

log = logging.getLogger(__name__)

CLIP = 5.0  # largest gradient norm
MAX_BAD_STEPS = 20  # non-finite steps in a row before giving up
LOG_EVERY = 20  # steps
WARM_UP = 0.02  # share of the run in which the learning rate rises
ON_CUDA = "bf16-mixed"

Report = Callable[[float, str], None]  # share of the run done (0 to 1), what to show beside it


@dataclass(frozen=True)
class TrainRequest:
    """What to train; None takes the registry's default.

    Attributes:
        instruments: names or aliases.
        out: run folder: checkpoints, state and TensorBoard log.
        sources: names of recipe sources; None takes each recipe's own choice.
        roots: source name → folder, in place of the recipe's.
        max_minutes: stop after this much training time, if `max_steps` is not reached before.
        arguments: arguments of the backbone.
        resume: go on with the run in `out`.
        canonical: share of training conditions that are the plugin's own vector; the rest are
            drawn anew from random notes of the instrument.
    """

    instruments: tuple[str, ...]
    out: Path
    backbone: str | None = None
    arguments: Mapping[str, int | float | bool | str] = field(default_factory=dict)
    sources: tuple[str, ...] | None = None
    roots: Mapping[str, Path] = field(default_factory=dict)
    max_steps: int | None = None
    max_minutes: float | None = None
    batch_size: int | None = None
    targets: int | None = None
    seconds: float | None = None
    learning_rate: float | None = None
    validate_every: int | None = None
    workers: int | None = None
    seed: int = 0
    device: str = "auto"
    resume: bool = False
    canonical: float = 0.25
    ema: float = 0.999


@dataclass(frozen=True)
class TrainResult:
    """Where the results are, and the validation SI-SDR improvement in dB by instrument."""

    best: Path
    last: Path
    scores: dict[str, dict[str, float]]
    steps: int


def fit(registry: Registry, request: TrainRequest, report: Report) -> TrainResult:
    """Train a separator.

    Raises:
        TimbresepError: anything about the request, the plugins or the data that cannot work.
        TrainingError: the loss stays non-finite, or the run to resume differs.
    """
    settings = registry.config.training
    instruments = registry.instruments(request.instruments)
    backbone = registry.backbone(request.backbone or settings.backbone)
    arguments = {**backbone.defaults, **settings.arguments, **request.arguments}
    max_steps = request.max_steps or settings.max_steps
    _guard_output(request)

    fabric = Fabric(
        accelerator=request.device,
        devices=1,
        precision=ON_CUDA if _on_cuda(request.device) else "32-true",
        loggers=TensorBoardLogger(request.out, name="log", version=""),
    )
    torch.manual_seed(request.seed)
    conditions = {instrument.name: instrument.condition() for instrument in instruments}
    dim = len(conditions[instruments[0].name])
    model = _build(backbone.build, dim, arguments)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(request.ema), use_buffers=True)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=request.learning_rate or settings.learning_rate, weight_decay=1e-3
    )
    peak = optimizer.param_groups[0]["lr"]

    data = TrainingData(
        instruments,
        registry.instruments(),
        conditions,
        MixConfig(
            seconds=request.seconds or settings.seconds,
            rate=model.sample_rate,
            channels=settings.channels,
            targets=request.targets or settings.targets,
        ),
        sources=request.sources,
        roots=request.roots,
        batch_size=request.batch_size or settings.batch_size,
        workers=settings.workers if request.workers is None else request.workers,
        seed=request.seed,
        canonical_share=request.canonical,
    )
    identity: dict[str, object] = {
        "backbone": backbone.name,
        "arguments": arguments,
        "instruments": [instrument.name for instrument in instruments],
        "seed": request.seed,
        "batch_size": data.batch_size,
    }
    average.to(fabric.device)
    wrapped, wrapped_optimizer = fabric.setup(model, optimizer)
    state_file = request.out / "resume.safetensors"
    progress = Progress()
    if request.resume:
        progress = load_run(state_file, model, average, optimizer, identity)
        log.info("resumed at step %d", progress.step)

    def save(name: str, scores: dict[str, dict[str, float]]) -> Path:
        path = request.out / f"{name}.safetensors"
        inner = average.module
        metadata = checkpoint.Metadata(
            backbone=backbone.name,
            arguments=dict(arguments),
            instruments=list(conditions),
            condition_version=CONDITION_VERSION,
            sample_rate=inner.sample_rate,
            channels=inner.channels,
            ledger=data.ledger(),
            training=_provenance(request, progress, fabric),
            scores=scores,
        )
        checkpoint.save(path, inner, conditions, metadata)
        return path

    scores: dict[str, dict[str, float]] = {}
    batches = data.batches(progress.step, max_steps + MAX_BAD_STEPS)
    running: list[float] = []
    bad_steps = 0
    started = time.monotonic() - 60 * progress.minutes
    done = _share(progress, max_steps, request.max_minutes)
    report(done, "started")
    while done < 1:
        batch = {name: tensor.to(fabric.device) for name, tensor in next(batches).items()}
        for group in optimizer.param_groups:
            group["lr"] = peak * _schedule(done)
        model.train()
        estimate = wrapped(batch["mixture"], batch["conditions"])
        loss = thresholded_snr_loss(estimate, batch["targets"], batch["mixture"]).mean()
        wrapped_optimizer.zero_grad()
        fabric.backward(loss)
        norm = fabric.clip_gradients(
            wrapped, wrapped_optimizer, max_norm=CLIP, error_if_nonfinite=False
        )
        if not (torch.isfinite(loss) and norm is not None and torch.isfinite(norm)):
            bad_steps += 1
            log.warning("step %d: loss %s is not finite; skipped", progress.step, loss.item())
            if bad_steps >= MAX_BAD_STEPS:
                raise TrainingError(
                    f"the loss was not finite for {bad_steps} steps in a row at step "
                    f"{progress.step}",
                    "lower --learning-rate, and check the data; the last good state is kept in "
                    f"{state_file}",
                )
            continue
        bad_steps = 0
        wrapped_optimizer.step()
        average.update_parameters(model)
        progress.step += 1
        progress.minutes = (time.monotonic() - started) / 60
        done = _share(progress, max_steps, request.max_minutes)

        running.append(loss.item() if progress.step % 5 == 0 else float("nan"))
        if progress.step % LOG_EVERY == 0:
            scalars = {"loss": float(np.nanmean(running)), "lr": peak * _schedule(done)}
            running.clear()
            fabric.log_dict(scalars, step=progress.step)
            registry.notify_step(progress.step, scalars)
            report(done, f"step {progress.step}  loss {scalars['loss']:6.2f} dB")
        every = request.validate_every or settings.validate_every
        if progress.step % every == 0 or done >= 1:
            scores = data.validate(average.module, fabric.device, fabric.autocast)
            mean = float(np.mean([row["si_sdr_improvement"] for row in scores.values()]))
            flat = {f"{key}/{name}": v for name, row in scores.items() for key, v in row.items()}
            fabric.log_dict({"si_sdr_improvement/mean": mean, **flat}, step=progress.step)
            log.info("step %d: %s", progress.step, _line(scores))
            report(done, f"step {progress.step}  valid SI-SDRi {mean:5.2f} dB")
            if mean > progress.best:
                progress.best = mean
                save("best", scores)
            save("last", scores)
            save_run(state_file, model, average, optimizer, progress, identity)
    report(1.0, f"finished at step {progress.step}")
    for logger in fabric.loggers:
        logger.finalize("success")
    return TrainResult(
        request.out / "best.safetensors", request.out / "last.safetensors", scores, progress.step
    )


def _build(build: Callable[..., Backbone], dim: int, arguments: Mapping[str, object]) -> Backbone:
    try:
        return build(dim, **arguments)
    except (TypeError, ValueError) as error:
        raise TrainingError(f"the backbone does not take these arguments: {error}") from error


def _guard_output(request: TrainRequest) -> None:
    existing = request.out / "resume.safetensors"
    if request.resume and not existing.is_file():
        raise TrainingError(f"nothing to resume in {request.out}", "leave --resume out")
    if not request.resume and any(request.out.glob("*.safetensors")):
        raise OutputExistsError(
            f"{request.out} already holds a run", "go on with --resume, or choose another --out"
        )


def _on_cuda(device: str) -> bool:
    return device in ("cuda", "gpu") or (device == "auto" and torch.cuda.is_available())


def _share(progress: Progress, max_steps: int, max_minutes: float | None) -> float:
    by_time = progress.minutes / max_minutes if max_minutes else 0.0
    return min(1.0, max(progress.step / max_steps, by_time))


def _schedule(done: float) -> float:
    """Learning rate as a share of its peak: linear warm-up, then half a cosine."""
    if done < WARM_UP:
        return 0.05 + 0.95 * done / WARM_UP
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))


def _provenance(
    request: TrainRequest, progress: Progress, fabric: Fabric
) -> dict[str, str | int | float]:
    on_cuda = fabric.device.type == "cuda"
    return {
        "command": shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]]),
        "seed": request.seed,
        "steps": progress.step,
        "minutes": round(progress.minutes, 2),
        "hardware": torch.cuda.get_device_name() if on_cuda else platform.processor() or "CPU",
        "torch": torch.__version__,
    }


def _line(scores: Mapping[str, Mapping[str, float]]) -> str:
    return "  ".join(f"{n} {row['si_sdr_improvement']:.1f}" for n, row in scores.items())
