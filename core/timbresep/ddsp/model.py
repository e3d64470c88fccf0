"""One instrument's model: decoder and synthesiser, and the file they are kept in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from timbresep import __version__
from timbresep.ddsp import synthesis
from timbresep.ddsp.decoder import Controls, Decoder, DecoderConfig
from timbresep.ddsp.reverb import Reverb
from timbresep.errors import CheckpointError
from timbresep.files import write_bytes
from timbresep.formats.rebuild import no_larger_than
from timbresep.formats.tensor_file import FLOATS, read_json, read_tensors

FORMAT = "timbresep-ddsp"
FORMAT_VERSION = 1
RANGE_KEY = "heard"  # the name of the trained range in files that exist
HIGHEST = 24_000.0  # Hz, of a fundamental


@dataclass(frozen=True)
class TrainedRange:
    """The loudness and pitch that a model was trained on; beyond them it extrapolates.

    Attributes:
        loudness_db: quartiles of loudness over the sounding frames, dB.
        f0_hz: lowest and highest fundamental (1st and 99th percentile), Hz; zeros if unpitched.

    Raises:
        ValueError: numbers out of order, or that no recording can have.
    """

    loudness_db: tuple[float, float, float] = (-45.0, -35.0, -25.0)
    f0_hz: tuple[float, float] = (20.0, 8000.0)

    def __post_init__(self) -> None:
        low, middle, high = self.loudness_db
        if not -200 <= low <= middle <= high <= 200:
            raise ValueError(f"loudness_db is {self.loudness_db}")
        lowest, highest = self.f0_hz
        if not (lowest == highest == 0 or 1 <= lowest <= highest <= HIGHEST):
            raise ValueError(f"f0_hz is {self.f0_hz}")


class DdspModel(nn.Module):
    """Decoder, harmonic oscillators, filtered noise, reverb (Engel et al. 2020, figure 2).

    The whole is Magenta's ``solo_instrument``: no encoder, pitch and loudness are given.

    Args:
        config: sizes of the decoder, length of the reverb.
        trained_range: the loudness and pitch that it was trained on.
    """

    def __init__(
        self, config: DecoderConfig | None = None, trained_range: TrainedRange | None = None
    ) -> None:
        super().__init__()
        self.config = config or DecoderConfig()
        self.trained_range = trained_range or TrainedRange()
        self.metadata: dict[str, Any] = {}
        self.decoder = Decoder(self.config)
        length = self.config.reverb_length
        self.reverb = Reverb(length) if length else None

    def controls(self, f0_hz: Tensor, loudness_db: Tensor) -> Controls:
        """The synthesiser's controls.

        Args:
            f0_hz: (batch, frames), Hz.
            loudness_db: (batch, frames), A-weighted dB.
        """
        controls: Controls = self.decoder(f0_hz[..., None], loudness_db[..., None])
        return controls

    def forward(
        self,
        f0_hz: Tensor,
        loudness_db: Tensor,
        generator: torch.Generator | None = None,
        *,
        dry: bool = False,
    ) -> Tensor:
        """Play.

        Args:
            f0_hz: (batch, frames), Hz; 0 for no pitch.
            loudness_db: (batch, frames), A-weighted dB.
            generator: source of the noise, for repeatable audio; on the model's device.
            dry: leave the reverb out.

        Returns:
            Audio (batch, frames · hop).
        """
        controls = self.controls(f0_hz, loudness_db)
        n_samples = f0_hz.shape[1] * self.config.hop
        harmonic = synthesis.harmonic_oscillators(
            f0_hz[..., None],
            controls.amplitude,
            controls.distribution,
            n_samples,
            self.config.sample_rate,
        )
        audio = harmonic + synthesis.filtered_noise(controls.noise, n_samples, generator)
        return audio if dry or self.reverb is None else self.reverb(audio)

    def save(
        self,
        path: Path,
        metadata: Mapping[str, Any],
        *,
        half: bool = True,
        replace: bool = True,
    ) -> None:
        """Write the model as safetensors, with its description as JSON.

        Args:
            path: file to write, atomically.
            metadata: anything JSON can hold: data, licence, command, losses.
            half: in half precision; otherwise nothing of the weights is lost.
            replace: as for `atomic_write`, whose errors these are.
        """
        header = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "code_version": __version__,
            "config": asdict(self.config),
            RANGE_KEY: asdict(self.trained_range),
            "half": half,
            **metadata,
        }
        tensors = {
            name: value.detach().cpu().to(torch.half if half else torch.float).contiguous()
            for name, value in self.state_dict().items()
        }
        write_bytes(
            path, to_bytes(tensors, {FORMAT: json.dumps(header, sort_keys=True)}), replace=replace
        )

    @classmethod
    def load(cls, path: Path) -> DdspModel:
        """Read a model that `save` wrote; it is in evaluation mode, its header in ``metadata``.

        Raises:
            CheckpointError: the file is missing, cut, of another kind, or its tensors do not have
                the names and shapes that its own configuration asks for.
        """
        header, tensors = _read(path)
        try:
            config = DecoderConfig(**header["config"])
            low, middle, high = map(float, header[RANGE_KEY]["loudness_db"])
            lowest, highest = map(float, header[RANGE_KEY]["f0_hz"])
            trained_range = TrainedRange((low, middle, high), (lowest, highest))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(
                f"{path}: its description is incomplete ({error})", "train the model again"
            ) from error
        with no_larger_than(tensors, str(path)):
            model = cls(config, trained_range)
        model.metadata = header
        expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
        found = {name: tuple(value.shape) for name, value in tensors.items()}
        wrong = sorted(set(expected.items()) ^ set(found.items()))
        if wrong:
            name = wrong[0][0]
            raise CheckpointError(
                f"{path}: tensor '{name}' is {found.get(name, 'missing')}, "
                f"expected {expected.get(name, 'none')}",
                "the file belongs to another model; train it again",
            )
        weights = {name: value.float() for name, value in tensors.items()}
        for name, value in weights.items():
            if not torch.isfinite(value).all():
                raise CheckpointError(f"{path}: tensor '{name}' is not finite", "train it again")
        model.load_state_dict(weights)
        return model.eval()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The description and tensors of a model's file."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file", "train the model with `ddsp train`")
    try:
        header = read_json(path, FORMAT)
        tensors = read_tensors(path, FLOATS)
    except CheckpointError as error:
        raise CheckpointError(
            f"{error.message}; it is no DDSP model", "restore it or train it again"
        ) from error
    if header.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: not a DDSP model of format version {FORMAT_VERSION}", "train the model again"
        )
    return header, tensors
