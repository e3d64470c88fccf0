"""Instruments that a separator knows claim their sound: what that gives, and what it leaves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fakes import JOINT, PLAIN, RATE, GainBackbone, loaded, vector
from timbresep.checkpoint import Checkpoint
from timbresep.joint_mask import NEW_CLAIM, joint_mask
from timbresep.metrics import sdr
from timbresep.separation.separator import Separator
from timbresep.stft import STFT

STFT_ = STFT(512, 128)
SAMPLES = 8000


def tone(hz: float) -> torch.Tensor:
    return torch.sin(2 * torch.pi * hz * torch.arange(SAMPLES) / RATE)


def jointly_masked(mixture: torch.Tensor, stems: torch.Tensor, own: int) -> np.ndarray:
    """The stem of instrument `own` when all `stems` (instruments, samples) are masked jointly."""
    same = torch.arange(len(stems))[None] == own
    spectra = STFT_(stems)[None, :, None]
    shared = joint_mask(STFT_(mixture)[None, None], spectra[:, own : own + 1], spectra, same)
    return STFT_.inverse(shared, SAMPLES)[0, 0, 0].numpy()


def test_what_one_instrument_claims_firmly_is_not_given_to_another() -> None:
    low, high = tone(440), tone(1600)
    stems = torch.stack([0.3 * low + 0.2 * high, 0.9 * high + 0.02 * low])
    before = sdr(low.numpy()[None], stems[0].numpy()[None])
    after = sdr(low.numpy()[None], jointly_masked(low + high, stems, 0)[None])
    assert after > before + 3
    # and a timid but lone claim is raised: 0.3 of it becomes 0.3 / (0.3 + 0.02 + 0.1)
    assert np.abs(np.fft.rfft(jointly_masked(low + high, stems, 0))[440]) > 0.65 * SAMPLES / 2


def test_an_instrument_that_does_not_play_claims_nothing() -> None:
    low, high = tone(440), tone(1600)
    stems = torch.stack([0.5 * low, 0.9 * high, 0.05 * low])
    without = jointly_masked(low + high, stems[:2], 0)
    assert (
        np.abs(jointly_masked(low + high, stems, 0) - without).max() < 0.02 * np.abs(without).max()
    )


def test_sound_of_no_known_instrument_goes_to_no_stem() -> None:
    low, strange = tone(440), tone(2500)
    stems = torch.stack([0.9 * low + 0.01 * strange, 0.005 * strange])
    spectrum = np.abs(np.fft.rfft(jointly_masked(low + strange, stems, 0)))
    assert spectrum[2500] < 0.11 * SAMPLES / 2, "claimed 0.01 of it, beside 0.1 left unclaimed"


@pytest.fixture
def checkpoint() -> Checkpoint:
    return loaded(GainBackbone(3), half=0.5, third=0.3, little=0.01)


def wave() -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal((2, 5000))).astype(np.float32)


def test_a_stem_does_not_depend_on_what_else_is_asked_for(checkpoint: Checkpoint) -> None:
    separator = Separator(checkpoint, options=JOINT)
    together = separator.separate(wave(), RATE, ["third", "half", "little"])
    for name, stem in together.items():
        assert np.allclose(separator.separate(wave(), RATE, [name])[name], stem, atol=1e-6)
    alone = Separator(checkpoint, options=PLAIN).separate(wave(), RATE, ["half"])["half"]
    # 0.5 among 0.5, 0.3 (which plays, almost for sure) and nobody's 0.1; "little" is too weak
    assert np.allclose(together["half"], alone / (0.5 + 0.3 + 0.1), rtol=0.04, atol=1e-6)


def test_an_instrument_the_network_never_learned_shares_with_what_plays(
    checkpoint: Checkpoint,
) -> None:
    extra = {"new": vector(0.2)}
    stems = Separator(checkpoint, extra, JOINT).separate(wave(), RATE, ["half", "new"])
    claim = NEW_CLAIM * 0.2  # beside 0.5 and 0.3, which play more or less likely, and nobody's 0.1
    share = float((stems["new"] * wave()).sum() / np.square(wave()).sum())
    assert claim / (claim + 0.5 + 0.3 + 0.1) < share < claim / (claim + 0.5 * 0.8 + 0.1)
    assert np.allclose(stems["new"], share * wave(), rtol=0.01, atol=1e-6)
    known = Separator(checkpoint, options=JOINT).separate(wave(), RATE, ["half"])["half"]
    assert np.allclose(stems["half"], known, atol=1e-6), (
        "it takes nothing from those that are known"
    )
    lone = Separator(checkpoint, extra, JOINT).separate(wave(), RATE, ["new"])["new"]
    assert np.allclose(stems["new"], lone, atol=1e-6)


def test_an_adapted_instrument_outside_joint_masking_stays_as_its_condition_makes_it(
    checkpoint: Checkpoint,
) -> None:
    update = {"rivals": ["half", "third"], "adapted": ["little"]}
    checkpoint.metadata = checkpoint.metadata.model_copy(update=update)
    checkpoint.addressed = lambda vector, instrument: vector  # the network is a fake
    stem = Separator(checkpoint, options=JOINT).separate(wave(), RATE, ["little"])["little"]
    assert np.allclose(stem, 0.01 * wave(), atol=1e-6)


def test_those_named_are_masked_jointly_as_they_were_before_adaptation(
    checkpoint: Checkpoint,
) -> None:
    separator = Separator(checkpoint, options=JOINT)
    before = separator.separate(wave(), RATE, ["half"])["half"]
    about = checkpoint.metadata.model_copy(update={"rivals": ["half", "third", "little"]})
    later = Checkpoint(
        checkpoint.model, {**checkpoint.conditions, "late": vector(0.9)}, about, checkpoint.path
    )
    after = Separator(later, options=JOINT).separate(wave(), RATE, ["half"])["half"]
    assert np.array_equal(after, before)


def test_one_instrument_shares_with_nobody() -> None:
    separator = Separator(loaded(GainBackbone(3), half=0.5), options=JOINT)
    stem = separator.separate(wave(), RATE, ["half"])["half"]
    assert np.allclose(stem, wave() / 2, atol=1e-6)


def test_silence_stays_silent_and_a_chunk_of_it_too(checkpoint: Checkpoint) -> None:
    quiet = wave()
    quiet[:, 1000:3000] = 0
    stems = Separator(checkpoint, options=JOINT).separate(quiet, RATE, ["half", "third"])
    assert np.isfinite(stems["half"]).all()
    assert np.abs(stems["half"][:, 1500:2500]).max() < 1e-6
