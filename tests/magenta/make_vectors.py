"""Make tests/vectors/magenta.safetensors: what Magenta's ddsp 3.7.0 answers, for machines without.

    make magenta && .venv/bin/python tests/magenta/make_vectors.py

Weights by ddsp's own names, inputs, and the outputs of a small `solo_instrument`. Oscillators run
with their phases in double precision (`reference.double_phases`).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from reference import CONTROLS, double_phases, features, gestures, noise, random_model
from safetensors.numpy import save_file

from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.magenta import checkpoint, environment

OUT = Path(__file__).parents[1] / "vectors" / "magenta.safetensors"
CONFIG = DecoderConfig(8, 6, 2, n_harmonics=20, n_noise=17, reverb_length=500)
FRAMES = 50


def main() -> None:
    """Write the file."""
    theirs = environment.build(CONFIG, FRAMES)
    from ddsp.losses import SpectralLoss
    from ddsp.spectral_ops import compute_loudness

    weights = checkpoint.to_magenta(random_model(CONFIG).state_dict(), CONFIG)
    checkpoint.assign(theirs, weights)
    f0_hz, loudness_db = gestures(FRAMES)
    blocks = 2 * torch.rand(2, FRAMES, 64, generator=torch.Generator().manual_seed(1)) - 1
    with noise(blocks), double_phases():
        answer = theirs(features(f0_hz, loudness_db), training=False)
    audio = answer["audio_synth"].numpy()
    target = np.roll(0.5 * audio[::-1], 40, axis=1)
    target[:, :800] = 0
    loss = SpectralLoss(loss_type="L1", mag_weight=1.0, logmag_weight=1.0)(target, audio)
    harmonic = answer["harmonic"]
    tensors = {
        **{f"model/{name}": value for name, value in weights.items()},
        "f0_hz": f0_hz.numpy(),
        "loudness_db": loudness_db.numpy(),
        "noise": blocks.numpy(),
        **{f"raw/{name}": answer[name].numpy() for name in CONTROLS},
        "amplitude": harmonic["controls"]["amplitudes"].numpy(),
        "distribution": harmonic["controls"]["harmonic_distribution"].numpy(),
        "magnitudes": answer["filtered_noise"]["controls"]["magnitudes"].numpy(),
        "harmonic": harmonic["signal"].numpy(),
        "filtered_noise": answer["filtered_noise"]["signal"].numpy(),
        "dry": answer["add"]["signal"].numpy(),
        "audio": audio,
        "target": target,
        "spectral_loss": loss.numpy()[None],
        "loudness": compute_loudness(target, sample_rate=16_000, frame_rate=250).numpy(),
    }
    tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    OUT.parent.mkdir(exist_ok=True)
    save_file(tensors, OUT, {"made_with": json.dumps(environment.versions())})
    print(f"wrote {OUT}: {OUT.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
