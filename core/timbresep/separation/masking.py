"""From a network's estimates to stems: how instruments share one signal."""

from __future__ import annotations

import torch
from torch import Tensor

from timbresep.joint_mask import UNCLAIMED, joint_mask
from timbresep.separation.query import Query
from timbresep.stft import STFT


def shared(
    stft: STFT,
    signal: Tensor,
    estimates: Tensor,
    query: Query,
    *,
    claiming: Tensor | None = None,
    unclaimed: float = UNCLAIMED,
) -> Tensor:
    """The stems asked for, after joint masking of those that take part in it.

    Args:
        stft: the transform to mask in.
        signal: what they share, ``(batch, channels, samples)``.
        estimates: of all rows of the query, ``(batch, rows, channels, samples)``.
        query: what was asked.
        claiming: how likely each instrument of joint masking plays, ``(known,)``, 0 to 1.
        unclaimed: share of the signal that is left to sounds of no known instrument.

    Returns:
        ``(batch, instruments, channels, samples)``.
    """
    rows, known = list(query.rows), query.same.shape[1]
    own = estimates[:, rows]
    if not known:
        return own
    spectra = stft(estimates)
    masked = joint_mask(
        stft(signal),
        spectra[:, rows],
        spectra[:, :known],
        query.same,
        claiming=claiming,
        unclaimed=unclaimed,
    )
    chosen = query.masked[:, None, None].to(own.device)  # (instruments, 1, 1)
    return torch.where(chosen, stft.inverse(masked, signal.shape[-1]), own)
