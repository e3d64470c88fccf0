"""HTDemucs with its real weights: as onnxruntime runs it, and as a source model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from timbresep import audio
from timbresep.registry import pretrained
from timbresep.registry.registry import Registry
from timbresep.source_model import SourceModel

DEMO = Path("data/starter/demo/chorale")


@pytest.fixture(scope="module")
def model(registry: Registry, htdemucs_file: Path) -> SourceModel:
    """The source model."""
    return pretrained.load(registry.source_model("htdemucs"), htdemucs_file)


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
