"""The same weights and inputs give the same numbers in Magenta's ddsp and here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reference import (
    CONTROLS,
    distance,
    double_phases,
    features,
    gestures,
    noise,
    random_model,
    ratio,
)
from torch import Tensor

from timbresep.ddsp import synthesis
from timbresep.ddsp.decoder import DecoderConfig
from timbresep.ddsp.features import loudness
from timbresep.ddsp.magenta import checkpoint, environment
from timbresep.ddsp.model import DdspModel
from timbresep.ddsp.reverb import Reverb
from timbresep.ddsp.spectral_loss import multiscale_spectral_loss
from timbresep.ddsp.training import SIZES

FRAMES = 250
SAME = 1e-4

MODELS = {
    **SIZES,
    "no stacks": DecoderConfig(rnn_channels=40, channels=40, layers_per_stack=0),
    "odd sizes": DecoderConfig(24, 20, 2, n_harmonics=33, n_noise=17, reverb_length=1_000),
    "shipped": None,
}


@pytest.fixture(scope="module", params=MODELS)
def pair(request: pytest.FixtureRequest) -> tuple[DdspModel, Any]:
    """A model of ours and Magenta's with the same weights."""
    config = MODELS[request.param]
    if config is None:
        root = Path(__file__).resolve().parents[2]
        ours = DdspModel.load(root / "plugins/instruments/violin/ddsp.safetensors")
    else:
        ours = random_model(config)
    theirs = environment.build(ours.config, FRAMES)
    checkpoint.assign(theirs, checkpoint.to_magenta(ours.state_dict(), ours.config))
    return ours, theirs


@pytest.fixture(scope="module")
def audio() -> Tensor:
    """A second of two noisy tones, the first quarter of one silent."""
    chance = torch.Generator().manual_seed(3)
    time = torch.arange(64 * FRAMES) / 16_000
    tones = 0.4 * torch.sin(2 * torch.pi * torch.tensor([[440.0], [95.0]]) * time)
    sound = (tones + 0.01 * torch.randn(tones.shape, generator=chance)) * time
    sound[0, :4_000] = 0
    return sound


@torch.no_grad()
def test_a_whole_model_answers_alike(pair: tuple[DdspModel, Any]) -> None:
    ours, theirs = pair
    f0_hz, loudness_db = gestures(FRAMES)
    blocks = 2 * torch.rand(2, FRAMES, 64, generator=torch.Generator().manual_seed(1)) - 1
    with noise(blocks), double_phases():
        answer = theirs(features(f0_hz, loudness_db), training=False)
    raw = ours.decoder.raw(f0_hz[..., None], loudness_db[..., None])
    for name, output in zip(CONTROLS, raw, strict=True):
        assert distance(output, answer[name]) < SAME, name
    controls = ours.controls(f0_hz, loudness_db)
    harmonic = answer["harmonic"]["controls"]
    assert ratio(controls.amplitude, harmonic["amplitudes"]) < SAME
    assert ratio(controls.distribution, harmonic["harmonic_distribution"]) < SAME
    assert ratio(controls.noise, answer["filtered_noise"]["controls"]["magnitudes"]) < SAME
    tones = synthesis.harmonic_oscillators(
        f0_hz[..., None], controls.amplitude, controls.distribution, 64 * FRAMES, 16_000
    )
    assert distance(tones, answer["harmonic"]["signal"]) < SAME
    hiss = synthesis.filter_frames(blocks, controls.noise)
    assert distance(hiss, answer["filtered_noise"]["signal"]) < SAME
    played = ours(f0_hz, loudness_db, torch.Generator().manual_seed(1))
    assert distance(played, answer["audio_synth"]) < SAME


@torch.no_grad()
def test_a_training_example_has_the_same_loss(audio: Tensor) -> None:
    """Without its phases in double precision Magenta's is off: their error is heard as noise."""
    config = SIZES["tiny"]
    ours, theirs = DdspModel(config), environment.build(config, FRAMES)
    checkpoint.assign(theirs, checkpoint.to_magenta(ours.state_dict(), config))
    f0_hz, loudness_db = gestures(FRAMES)
    blocks = 2 * torch.rand(2, FRAMES, 64, generator=torch.Generator().manual_seed(1)) - 1
    played = ours(f0_hz, loudness_db, torch.Generator().manual_seed(1))
    loss = float(multiscale_spectral_loss(audio, played))
    given = {**features(f0_hz, loudness_db), "audio": audio.numpy()}

    def theirs_says() -> float:
        with noise(blocks):
            _, losses = theirs(dict(given), return_losses=True, training=True)
        return float(losses["total_loss"])

    with double_phases():
        assert theirs_says() == pytest.approx(loss, rel=SAME)
    assert theirs_says() != pytest.approx(loss, rel=10 * SAME)


@torch.no_grad()
def test_oscillators_stay_together_for_a_whole_example() -> None:
    """Four seconds; and without help it is Magenta's single-precision phase that is off."""
    from ddsp import core

    f0_hz, _ = gestures(1_000)
    chance = torch.Generator().manual_seed(2)
    amplitude = torch.rand(2, 1_000, 1, generator=chance)
    falling = torch.rand(2, 1_000, 60, generator=chance) / torch.arange(1, 61)
    heard = synthesis.remove_above_nyquist(falling, f0_hz[..., None], 16_000)
    distribution = synthesis.normalize_harmonics(heard)
    ours = synthesis.harmonic_oscillators(f0_hz[..., None], amplitude, distribution, 64_000, 16_000)

    def theirs() -> Any:
        return core.harmonic_synthesis(
            f0_hz[..., None].numpy(),
            amplitude.numpy(),
            harmonic_distribution=distribution.numpy(),
            n_samples=64_000,
        ).numpy()

    single = theirs()
    with double_phases():
        double = theirs()
    # By energy: at single samples rounding decides if a harmonic has reached Nyquist.
    energy = np.linalg.norm(double)
    assert np.linalg.norm(ours.numpy() - double) < SAME * energy
    assert np.linalg.norm(single - double) > 100 * SAME * energy


def test_loudness(audio: Tensor) -> None:
    from ddsp.spectral_ops import compute_loudness

    theirs = compute_loudness(audio.numpy(), sample_rate=16_000, frame_rate=250).numpy()
    assert distance(loudness(audio, 16_000), theirs) < SAME
    assert theirs.min() == pytest.approx(-80)


def test_spectral_loss_and_its_gradient(audio: Tensor) -> None:
    import tensorflow as tf

    environment.configure(environment.FILES, [])
    from ddsp.losses import SpectralLoss

    theirs = SpectralLoss(loss_type="L1", mag_weight=1.0, logmag_weight=1.0)
    hiss = 0.01 * torch.randn(audio.shape, generator=torch.Generator().manual_seed(4))
    other = (0.5 * audio.flip(0) + hiss).requires_grad_()
    loss = multiscale_spectral_loss(audio, other)
    loss.backward()
    assert other.grad is not None
    value = tf.Variable(other.detach().numpy())
    with tf.GradientTape() as tape:
        wanted = theirs(audio.numpy(), value)
    assert float(loss.detach()) == pytest.approx(float(wanted), rel=SAME)
    gradient = np.asarray(tape.gradient(wanted, value))
    assert np.linalg.norm(other.grad.numpy() - gradient) < 0.01 * np.linalg.norm(gradient)


@pytest.mark.parametrize("length", [100, 16_000, 48_000])
@torch.no_grad()
def test_reverb_also_longer_than_the_sound(audio: Tensor, length: int) -> None:
    from ddsp.effects import Reverb as TheirReverb

    room = Reverb(length)
    room.impulse_response.copy_(0.1 * torch.randn(length, generator=torch.Generator()))
    impulse = room.impulse_response.expand(2, -1).numpy()
    theirs = TheirReverb(trainable=False, reverb_length=length).get_signal(audio.numpy(), impulse)
    assert distance(room(audio), theirs) < SAME
