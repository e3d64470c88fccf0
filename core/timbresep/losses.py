"""The training loss: of waveforms, or of masks without going back to waveforms."""

from __future__ import annotations

import torch
from torch import Tensor

from timbresep.joint_mask import FLOOR, consistent_spectra
from timbresep.stft import STFT

COMPLETE_DB = -40.0  # level of what is left of a mixture, relative to it, that counts as nothing


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
    return snr_loss(
        (estimate - target).square().mean(dim=(-2, -1)),
        target.square().mean(dim=(-2, -1)),
        mixture.square().mean(dim=(-2, -1)).unsqueeze(1),
        ceiling_db,
        absent_ceiling_db,
    )


def snr_loss(
    error: Tensor,
    power: Tensor,
    mixture_power: Tensor,
    ceiling_db: float = 30.0,
    absent_ceiling_db: float = 10.0,
) -> Tensor:
    """`thresholded_snr_loss` from mean powers.

    Args:
        error, power: of the estimates' errors and the targets, ``(batch, instruments)``.
        mixture_power: ``(batch, 1)``.
        ceiling_db, absent_ceiling_db: as there.
    """
    eps = 1e-8
    present = power > eps
    reference = power.where(present, mixture_power)
    ceiling = 10 ** (-ceiling_db / 10) * power + 10 ** (-absent_ceiling_db / 10) * (
        mixture_power * ~present
    )
    loss: Tensor = 10 * ((error + ceiling + eps) / (reference + eps)).log10()
    return loss


def waveform_loss(
    estimate: Tensor, target: Tensor, mixture: Tensor, consistency_weight: float = 0.0
) -> Tensor:
    """Mean loss of estimates as they are and after mixture consistency.

    Args:
        estimate, target, mixture: as for `thresholded_snr_loss`.
        consistency_weight: weight, 0 to 1, of the loss after mixture consistency (the estimates
            are made to sum to the mixture), in mixtures whose targets are all that sounds.

    Returns:
        dB, a scalar.
    """
    loss = thresholded_snr_loss(estimate, target, mixture).mean()
    whole = complete(target, mixture)
    if not consistency_weight or not whole.any():
        return loss
    stft = STFT(4096, 1024).to(mixture.device)
    mixture, target = mixture[whole], target[whole]
    spectra = consistent_spectra(stft(mixture), stft(estimate[whole]))
    consistent = stft.inverse(spectra, mixture.shape[-1])
    loss_after = thresholded_snr_loss(consistent, target, mixture).mean()
    return torch.lerp(loss, loss_after, consistency_weight)


def mask_loss(
    mask: Tensor,
    target: Tensor,
    mixture: Tensor,
    *,
    stft: STFT,
    band: Tensor | None = None,
    consistency_weight: float = 0.0,
) -> Tensor:
    """`waveform_loss` of masked spectra, without synthesis (`benchmarks/training_step.py`).

    A mask M that is constant within a band errs there by ``Σ|M·X − S|² = M²·Σ|X|² −
    2M·Σ Re(X*·S) + Σ|S|²``, whose sums do not depend on M. By Parseval's theorem that is the power
    of the waveform's error, and of what the overlapping windows would cancel of it.

    Args:
        mask: ``(batch, instruments, channels, bands, frames)``.
        target, mixture: waveforms, as for `thresholded_snr_loss`.
        stft: the transform that the mask belongs to.
        band: which band each bin belongs to, ``(bins,)``; None: a bin each.
        consistency_weight: as for `waveform_loss`.

    Returns:
        dB, a scalar.
    """
    with torch.no_grad():
        whole = complete(target, mixture)
        powers = target.square().mean(dim=(-2, -1)), mixture.square().mean(dim=(-2, -1))[:, None]
        x, s = stft(mixture).unsqueeze(1), stft(target)  # (batch, 1 or instruments, channels, …)
        energy = _in_bands(x.real.square() + x.imag.square(), band)
        cross = _in_bands(x.real * s.real + x.imag * s.imag, band)
        # Half the spectrum, and every sample in n_fft / hop windows of mean square 1/2
        scale = 4 * stft.hop / stft.n_fft**2 / (mixture.shape[-1] * mixture.shape[-2])

    def loss_of(mask: Tensor, chosen: Tensor) -> Tensor:
        excess = mask * (mask * energy[chosen] - 2 * cross[chosen])
        power, mixture_power = (value[chosen] for value in powers)
        error = (power + scale * excess.sum(dim=(-3, -2, -1))).clamp(min=0)
        return snr_loss(error, power, mixture_power).mean()

    loss = loss_of(mask, torch.ones_like(whole))
    if not consistency_weight or not whole.any():
        return loss
    claims = mask[whole] + FLOOR
    shared = claims / claims.sum(dim=1, keepdim=True)
    return torch.lerp(loss, loss_of(shared, whole), consistency_weight)


def _in_bands(values: Tensor, band: Tensor | None) -> Tensor:
    """Sums ``(…, bins, frames)`` over each band: ``(…, bands, frames)``."""
    if band is None:
        return values
    sums = values.new_zeros(*values.shape[:-2], int(band[-1]) + 1, values.shape[-1])
    return sums.index_add(-2, band, values)


def complete(targets: Tensor, mixture: Tensor) -> Tensor:
    """Which mixtures are the sum of their targets.

    Args:
        targets: ``(batch, instruments, channels, samples)``.
        mixture: ``(batch, channels, samples)``.


    Returns:
        Booleans, ``(batch,)``.
    """
    rest = (mixture - targets.sum(dim=1)).square().mean(dim=(-2, -1))
    return rest <= 10 ** (COMPLETE_DB / 10) * mixture.square().mean(dim=(-2, -1))
