"""HTDemucs with its real weights: as onnxruntime runs it, and as a source model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from timbresep import audio
from timbresep.commands.app import assemble
from timbresep.metrics import si_sdr
from timbresep.registry import pretrained
from timbresep.registry.registry import Registry
from timbresep.source_model import SourceModel
from timbresep.testing import SourceModelConformance

DEMO = Path("data/starter/demo/chorale")


class TestHTDemucs(SourceModelConformance):
    spec = Registry.load().source_model("htdemucs")

    @pytest.fixture(autouse=True)
    def real_weights(self, htdemucs_file: Path) -> None:
        type(self).weights = htdemucs_file


@pytest.fixture
def model(htdemucs_file: Path) -> SourceModel:
    """The source model, loaded once."""
    TestHTDemucs.weights = htdemucs_file
    return TestHTDemucs.model()


def stems(root: Path, samples: int) -> dict[str, Tensor]:
    """The start of the demo's stems, name → (2, samples)."""
    found = {}
    for path in sorted((root / DEMO).glob("*.ogg")):
        wave, rate = audio.read(path)
        assert rate == 44_100
        found[path.stem] = torch.from_numpy(wave[:, :samples]).expand(2, -1)
    return found


def test_it_gives_what_onnxruntime_gives(model: SourceModel, onnx_file: Path, root: Path) -> None:
    import onnxruntime

    network = model.network
    mixture = torch.stack(list(stems(root, model.window).values())).sum(0)[None]
    with torch.inference_mode():
        spectrum = network._spec(mixture)
        inputs = {"input": mixture.numpy()}
        inputs["onnx::ReduceMean_1"] = network._magnitude(spectrum).numpy()
        session = onnxruntime.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
        spectra, waveforms = map(torch.from_numpy, session.run(None, inputs))
        expected = network._ispec(network._mask(spectrum, spectra), mixture.shape[-1]) + waveforms
        found = network(mixture)
    assert expected.abs().max() > 0.05
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_it_takes_bass_and_choir_out_of_a_mixture(model: SourceModel, root: Path) -> None:
    """It was trained on songs; 5 dB on a chorale show that its weights are where they belong."""
    parts = stems(root, model.chunk + 2 * model.context)
    mixture = torch.stack(list(parts.values())).sum(0)
    found = dict(zip(model.sources, model(mixture[None])[0], strict=True))
    for source in ("bass", "vocals"):
        before = si_sdr(parts[source].numpy(), mixture.numpy())
        assert si_sdr(parts[source].numpy(), found[source].numpy()) > before + 5


def test_models_get_takes_its_weights_from_a_file(
    htdemucs_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRESEP_CACHE", str(tmp_path))
    words = ["models", "get", "htdemucs", "--from", str(htdemucs_file)]
    got = CliRunner().invoke(assemble(), words)
    assert got.exit_code == 0, got.output
    assert "licence: none granted" in got.output
    assert pretrained.state(TestHTDemucs.spec) == f"ready, with weights from {htdemucs_file.name}"
