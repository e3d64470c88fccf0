"""unblend's own registry with networks so small that tests can run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from plugins.source_models.unblend.offer import OFFERS, Offer

HTDEMUCS = {
    "samplerate": 44_100,
    "segment": 0.25,
    "channels": 4,
    "dconv_comp": 2,
    "dconv_mode": 3,
    "nfft": 2048,
    "depth": 3,
    "t_layers": 2,
    "t_heads": 2,
    "bottom_channels": 8,
}
ROFORMER = {
    "dim": 8,
    "depth": 1,
    "stereo": True,
    "num_stems": 1,
    "time_transformer_depth": 1,
    "freq_transformer_depth": 1,
    "dim_head": 4,
    "heads": 2,
    "stft_n_fft": 512,
    "stft_hop_length": 128,
    "stft_win_length": 512,
    "mask_estimator_depth": 1,
    "mlp_expansion_factor": 1,
}
SCNET = {
    "audio_channels": 2,
    "dims": [4, 8, 8],
    "nfft": 512,
    "hop_size": 128,
    "win_size": 512,
    "conv_depths": [1, 1, 1],
    "num_dplayer": 2,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "htdemucs": HTDEMUCS,
    "bs_roformer": {**ROFORMER, "freqs_per_bands": [128, 129]},
    "mel_band_roformer": {**ROFORMER, "num_bands": 8, "sample_rate": 44_100},
    "scnet": SCNET,
    "scnet_masked": SCNET,
}
SEGMENT = 11_025


def offered(name: str) -> Offer:
    """A row of the plugin's table."""
    return next(offer for offer in OFFERS if offer.name == name)


def shrink(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have unblend's registry describe small networks, by the same names and of the same kinds."""
    from plugins.source_models.unblend import imported, model, weights

    path = Path(imported.backends.__file__).with_name("metadata.yaml")
    registry = yaml.safe_load(path.read_text(encoding="utf-8"))
    for entry in registry["models"].values():
        if "architecture" in entry:
            config = dict(CONFIGS[entry["architecture"]])
            if entry["architecture"] == "htdemucs":
                config["sources"] = entry["sources"]
            else:
                entry["segment_samples"] = SEGMENT
            if "num_stems" in config and len(entry["sources"]) > 2:
                config["num_stems"] = len(entry["sources"])
            entry["config"] = config
    small = folder / "metadata.yaml"
    small.write_text(yaml.safe_dump(registry), encoding="utf-8")
    original = imported.ModelRepository

    def repository(extra_models: list[Path]) -> Any:
        return original(small, extra_models)

    monkeypatch.setattr(model, "ModelRepository", repository)
    monkeypatch.setattr(weights, "ModelRepository", repository)


def write_weights(name: str, path: Path) -> Path:
    """Random weights of a network of `shrink`'s."""
    from plugins.source_models.unblend.model import network_of

    torch.manual_seed(0)
    tensors = network_of(name).state_dict()
    save_file({key: value.clone().contiguous() for key, value in tensors.items()}, path)
    return path
