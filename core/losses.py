"""Training losses for separated waveforms."""

from __future__ import annotations

from torch import Tensor


def thresholded_snr_loss(
    estimate: Tensor,
    target: Tensor,
    mixture: Tensor,
    ceiling_db: float = 30.0,
    absent_ceiling_db: float = 10.0,
) -> Tensor:
    """Negative signal-to-noise ratio that also works for an absent (all-zero) target.

    For a target that sounds: ``10 log10(|s − ŝ|² + τ|s|²) − 10 log10 |s|²``, which stops pushing
    at `ceiling_db`. For an absent one: ``10 log10(|ŝ|² + τ|x|²) − 10 log10 |x|²``, the leakage
    relative to the mixture. Both are 0 for a silent estimate of a target (or a full leak) and
    negative when better. An absent target's ceiling is lower: where silence for everything pays
    more than a rough estimate, a network that cannot tell instruments apart yet falls silent and
    stays so.

    Source: Wisdom et al., "What's All the FUSS About Free Universal Sound Separation Data?",
    ICASSP 2021, eqs. 1 and 2.

    Args:
        estimate, target: ``(batch, instruments, channels, samples)``.
        mixture: ``(batch, channels, samples)``.
        ceiling_db: SNR beyond which the gradient fades.
        absent_ceiling_db: the same for the suppression of absent targets.

    Returns:
        Loss in dB for each estimate, ``(batch, instruments)``.
    """
    eps = 1e-8
    error = (estimate - target).square().mean(dim=(-2, -1))  # (batch, instruments)
    power = target.square().mean(dim=(-2, -1))
    mixture_power = mixture.square().mean(dim=(-2, -1)).unsqueeze(1)  # (batch, 1)
    present = power > eps
    reference = power.where(present, mixture_power)
    ceiling = 10 ** (-ceiling_db / 10) * power + 10 ** (-absent_ceiling_db / 10) * (
        mixture_power * ~present
    )
    loss: Tensor = 10 * ((error + ceiling + eps) / (reference + eps)).log10()
    return loss
