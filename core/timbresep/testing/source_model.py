"""The conformance kit for source models: one that passes can be the first stage of a separator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from timbresep.errors import CheckpointError
from timbresep.hookspecs import SourceModelSpec
from timbresep.registry import pretrained
from timbresep.source_model import CHUNK_TOLERANCE_DB, LEVEL_TOLERANCE_DB, SourceModel
from timbresep.units import db_to_amplitude, db_to_power


class SourceModelConformance:
    """What every source model keeps (`timbresep.source_model.SourceModel`).

    A plugin's test is a subclass, for example::

        from my_plugin import SPEC
        from timbresep.testing import SourceModelConformance


        class TestMyModel(SourceModelConformance):
            spec = SPEC

    Attributes:
        spec: the source model on offer.
        weights: a file of weights in place of those that `models get` keeps.
        sums: whether its sources sum to the mixture.
    """

    spec: ClassVar[SourceModelSpec]
    weights: ClassVar[Path | None] = None
    sums: ClassVar[bool] = False

    @classmethod
    def model(cls) -> SourceModel:
        """The network with its weights; it is loaded once."""
        if "_model" not in vars(cls):
            cls._model = pretrained.load(cls.spec, cls.weights)
        return cls._model

    _model: ClassVar[SourceModel]

    @torch.inference_mode()
    def separate(self, mixture: Tensor) -> Tensor:
        """Sources (batch, sources, channels, samples) of a mixture (batch, channels, samples)."""
        sources: Tensor = self.model()(mixture)
        return sources

    def test_it_is_what_its_spec_says(self) -> None:
        """Its attributes are those of `SourceModel`, and its row is complete."""
        model, spec = self.model(), self.spec
        assert tuple(model.sources) == tuple(spec.sources)
        assert len(set(spec.sources)) == len(spec.sources)
        assert spec.rest in spec.sources
        assert model.sample_rate == spec.sample_rate >= 8000
        assert model.channels in (1, 2)
        assert 0 <= model.context < model.chunk
        assert not model.training
        assert spec.summary
        assert spec.licence
        assert "\n" not in spec.summary + spec.licence

    def test_sources_are_as_long_as_the_mixture(self) -> None:
        """Of any length, ``(batch, sources, channels, samples)`` comes back."""
        model = self.model()
        for samples in (1, 1023, 5000):
            sources = self.separate(0.1 * torch.randn(1, model.channels, samples))
            assert sources.shape == (1, len(model.sources), model.channels, samples)
            assert torch.isfinite(sources).all()

    def test_silence_in_silence_out(self) -> None:
        """Where nothing sounds, no source does."""
        assert not self.separate(torch.zeros(1, self.model().channels, 20_000)).any()

    def test_mixtures_of_a_batch_do_not_see_each_other(self) -> None:
        """A batch is as many calls, and each gives the same again."""
        x = music(self.model(), 0.5)
        other = 0.3 * torch.randn_like(x)
        alone = self.separate(x)
        together = self.separate(torch.cat([other, x]))[1:]
        torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-3)
        assert torch.equal(self.separate(x), alone)

    def test_a_louder_mixture_has_louder_sources(self) -> None:
        """Half as loud and twice as loud, the sources are the same, but for their level."""
        x = music(self.model(), 3.0)
        usual = self.separate(x)
        for gain in (0.5, 2.0):
            assert error_db(self.separate(gain * x) / gain, usual) < LEVEL_TOLERANCE_DB

    def test_chunks_give_what_the_whole_gives(self) -> None:
        """With its context, a chunk's sources are those of a longer mixture."""
        model = self.model()
        chunk, context = model.chunk, model.context
        x = music(model, 1.5 * chunk / model.sample_rate)
        padded = torch.nn.functional.pad(x, (context, context))
        parts = [
            self.separate(padded[..., start : start + chunk + 2 * context])
            for start in range(0, x.shape[-1], chunk)
        ]
        kept = [part[..., context : part.shape[-1] - context] for part in parts]
        assert error_db(torch.cat(kept, dim=-1), self.separate(x)) < CHUNK_TOLERANCE_DB

    def test_sources_sum_to_the_mixture(self) -> None:
        """Where they are said to, nothing of the mixture is lost."""
        x = music(self.model(), 0.5)
        total = self.separate(x).sum(dim=1)
        assert not self.sums or error_db(total, x) < -60

    def test_only_its_own_weights_load(self) -> None:
        """A tensor that is missing, unexpected or of another shape is one clear line."""
        path = self.weights or pretrained.weights_file(self.spec)
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        tensors = load_file(path)
        name, first = next((n, t) for n, t in tensors.items() if t.dim())
        rest = {n: t for n, t in tensors.items() if n != name}
        longer = torch.cat([first, first]).contiguous()
        faults: dict[str, Mapping[str, Tensor]] = {
            "missing": rest,
            "unexpected": {**tensors, "unexpected": torch.zeros(2)},
            "of another shape": {**rest, name: longer},
            "another network's": {"weight": torch.zeros(2, 3)},
        }
        for fault, changed in faults.items():
            with TemporaryDirectory() as folder:
                changed_file = Path(folder) / "weights.safetensors"
                save_file(dict(changed), changed_file, metadata)
                self.refuses(changed_file, fault)

    def test_a_damaged_file_is_refused(self) -> None:
        """A file that was cut, that is something else or that is not there is one clear line."""
        path = self.weights or pretrained.weights_file(self.spec)
        with TemporaryDirectory() as folder:
            damaged = Path(folder) / "weights.safetensors"
            self.refuses(damaged, "not there")
            damaged.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            self.refuses(damaged, "cut")
            damaged.write_bytes(b"PK\x03\x04" * 100)
            self.refuses(damaged, "not of safetensors")

    def refuses(self, path: Path, fault: str) -> None:
        """Its loader raises a CheckpointError of one line for a file with a fault."""
        told = ""
        try:
            self.spec.load(path)
        except CheckpointError as error:
            told = str(error)
        assert told, f"weights that are {fault} load"
        assert "\n" not in told


def music(model: SourceModel, seconds: float) -> Tensor:
    """Chords and a sung vowel, at -16 dB re full scale: (1, channels, samples)."""
    time = torch.arange(round(seconds * model.sample_rate)) / model.sample_rate
    wave = chords(time, model.sample_rate) + 3 * vowel(time, model.sample_rate)
    wave = wave[: model.channels]
    return (wave * db_to_amplitude(-16.0) / wave.square().mean().sqrt()).unsqueeze(0)


def chords(time: Tensor, rate: int) -> Tensor:
    """Plucked chords over soft noise at times (samples,) in s: (2, samples)."""
    wave = 0.02 * torch.randn(2, len(time))
    for k, hz in enumerate((110.0, 220.0, 277.2, 329.6)):
        tone = harmonics(hz * 2 ** (time // 1.0 % 4 / 6), rate, lambda hz: 110 / hz)
        pan = torch.tensor([1.0, 0.4 + 0.2 * k])[:, None]
        wave = wave + pan * tone * torch.exp(-4 * (time % 0.5))
    return wave


def vowel(time: Tensor, rate: int) -> Tensor:
    """A sung "a" with vibrato at times (samples,) in s: (2, samples)."""
    f0 = 294.0 * 2 ** (0.5 / 12 * torch.sin(2 * torch.pi * 5.5 * time))
    wave = harmonics(f0, rate, formants) * (time % 1.5 < 1.2)
    return wave.expand(2, -1)


def formants(hz: Tensor) -> Tensor:
    """Amplitude of an "a" at frequencies in Hz: it resonates at 0.7, 1.1 and 2.6 kHz."""
    centres = torch.tensor([700.0, 1100.0, 2600.0])[:, None]
    return 0.1 + torch.exp(-(((hz - centres) / 150) ** 2)).sum(dim=0)


def harmonics(f0: Tensor, rate: int, amplitude: Callable[[Tensor], Tensor]) -> Tensor:
    """Harmonics up to 4 kHz of a fundamental (samples,) in Hz; `amplitude` is that at a Hz."""
    phase = 2 * torch.pi * torch.cumsum(f0.double(), 0) / rate
    count = int(min(4000.0, rate / 2) / f0.max())
    tones = [torch.sin(n * phase).float() * amplitude(n * f0) for n in range(1, count + 1)]
    return torch.stack(tones).sum(dim=0)


def error_db(found: Tensor, expected: Tensor) -> float:
    """Energy of the difference relative to that of what is expected, in dB."""
    floor = db_to_power(-200.0)
    share = (found - expected).square().sum() / expected.square().sum().clamp_min(floor)
    return float(10 * share.clamp_min(floor).log10())
