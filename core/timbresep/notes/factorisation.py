"""Harmonic factorisation: the spectra of notes that explain a mixture's magnitudes.

Each player's spectrogram is a sum of templates (a spectrum for each pitch) times activations (how
loud it is in each frame). Both start from what is known, and are fitted to the mixture by the
multiplicative updates of the Kullback-Leibler divergence (Lee & Seung 2001). What starts at zero
stays there: an activation where no note is, so that notes say who plays what (Ewert & Müller 2012,
"Using score-informed constraints for NMF-based source separation"). Players of a stereo mixture
also differ by their gain in each channel (Ozerov & Févotte 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d

ACTIVATIONS_FIRST = 8
"""Iterations with the templates as they are; they would learn from wrong activations."""

THEN_BOTH = 10
"""Iterations of both after that. More fit the mixture better and the players worse."""

SMOOTHING = 0.8
"""Share of an activation that is the mean of it and its neighbours: loudness does not jump."""

EPS = 1e-8


@dataclass(frozen=True)
class Player:
    """What is known of a player before a stretch of the mixture is heard.

    Attributes:
        templates: magnitude spectra ``(components, bins)``, each summing to 1.
        activations: ``(components, frames)``, 0 where a component cannot sound; elsewhere, how loud
            it is against other components, in any unit.
        heard: what each component has had of each bin in earlier stretches, as `templates`; zeros
            of one that was not heard.
    """

    templates: Tensor
    activations: Tensor
    heard: Tensor


@dataclass(frozen=True)
class Fit:
    """A stretch of a mixture, explained.

    Attributes:
        models: magnitudes of the players ``(players, channels, bins, frames)``.
        heard: of each player, with this stretch: its templates, before they are made to sum to 1.
        activations: of each player, ``(components, frames)``.
    """

    models: Tensor
    heard: list[Tensor]
    activations: list[Tensor]


@torch.no_grad()
def factorise(
    mixture: Tensor,
    players: Sequence[Player],
    *,
    others: Tensor | None = None,
    iterations: tuple[int, int] = (ACTIVATIONS_FIRST, THEN_BOTH),
) -> Fit:
    """Explain a stretch of a mixture by its players.

    Args:
        mixture: magnitudes ``(channels, bins, frames)``.
        players: at least one.
        others: magnitudes of what else is known to sound, as `mixture`; they stay as they are.
        iterations: so many of activations alone, then so many of templates, too.
    """
    known = torch.zeros_like(mixture) if others is None else others
    total = sum(float(player.activations.sum()) for player in players)
    scale = float(mixture.mean(dim=0).sum()) / max(total, EPS)
    activations = [scale * player.activations for player in players]
    heard = [player.heard for player in players]
    templates = [_normalised(player.heard, player.templates) for player in players]
    gains = mixture.new_ones(len(players), len(mixture))  # (players, channels)

    def ratio(models: Tensor) -> Tensor:
        return mixture / (torch.einsum("pc,pft->cft", gains, models) + known + EPS)

    for iteration in range(sum(iterations)):
        own = _mono(ratio(_models(templates, activations)), gains)
        for number, player in enumerate(players):
            fitted = activations[number] * (templates[number] @ own[number])
            activations[number] = _smooth(fitted) * (player.activations > 0)
        learn = iteration >= iterations[0]
        if not learn and len(mixture) == 1:
            continue
        models = _models(templates, activations)
        unexplained = ratio(models)
        for number, player in enumerate(players if learn else ()):
            now = activations[number] @ _mono(unexplained, gains[number : number + 1])[0].T
            heard[number] = player.heard + templates[number] * now
            templates[number] = _normalised(heard[number], templates[number])
        if len(mixture) > 1:
            gains = _panned(gains, unexplained, models)
    models = _models(templates, activations).unsqueeze(1)
    return Fit(gains[:, :, None, None] * models, heard, activations)


def _normalised(heard: Tensor, otherwise: Tensor) -> Tensor:
    """Rows that sum to 1; those of another tensor where nothing was heard."""
    whole = heard.sum(dim=1, keepdim=True)
    return torch.where(whole > EPS, heard / (whole + EPS), otherwise)


def _models(templates: Sequence[Tensor], activations: Sequence[Tensor]) -> Tensor:
    """Magnitudes of all players before they are panned, (players, bins, frames)."""
    return torch.stack([t.T @ a for t, a in zip(templates, activations, strict=True)])


def _mono(ratio: Tensor, gains: Tensor) -> Tensor:
    """A ratio (channels, bins, frames) as each player hears it, (players, bins, frames)."""
    return torch.einsum("pc,cft->pft", gains / gains.sum(dim=1, keepdim=True), ratio)


def _smooth(activations: Tensor) -> Tensor:
    near = avg_pool1d(activations.unsqueeze(0), 3, stride=1, padding=1, count_include_pad=False)[0]
    return torch.lerp(activations, near, SMOOTHING)


def _panned(gains: Tensor, ratio: Tensor, models: Tensor) -> Tensor:
    """The players' gains in each channel, fitted; their mean over the channels stays 1."""
    whole = models.sum(dim=(1, 2))[:, None] + EPS
    fitted = gains * torch.einsum("pft,cft->pc", models, ratio) / whole + EPS
    return fitted / fitted.mean(dim=1, keepdim=True)
