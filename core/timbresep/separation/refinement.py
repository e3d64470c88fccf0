"""Harmonic refinement: without a score, the overtones of a note get one player.

A network decides bin by bin whose a sound is. But the overtones of a note belong together, and so
do its moments. So the mixture is explained by notes of all pitches first, whose spectra are those
of no instrument: the mean of all voices. What the network gives each instrument of a note, and of
the time around, is the instrument's share of the note. From there, notes and spectra of all
instruments are fitted to the mixture (`notes.factorisation`).

Drums and other sounds without pitch keep what the network gives them, and so do instruments that
the network hardly finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d

from timbresep.asked import Vector
from timbresep.condition.parts import EDGES
from timbresep.errors import DataError
from timbresep.joint_mask import presence
from timbresep.notes.factorisation import Player, factorise
from timbresep.notes.templates import Overtones, templates
from timbresep.separation.note_model import transform
from timbresep.separation.noted import shares
from timbresep.stft import STFT

PITCHES = range(28, 101)
"""Notes that are looked for, as MIDI numbers: E1 to E7."""

PRESENT = 0.3
"""How likely an instrument has to play to get notes, 0 to 1 (`timbresep.joint_mask.presence`)."""

LISTENING = 8
"""Iterations in which all notes are fitted to the mixture."""

FITTING = (2, 3)
"""Iterations in which the instruments' notes are, and their spectra after that."""

AROUND = 17
"""Frames, about 0.4 s, whose mean decides whose a note is."""

FAINTEST = 1e-3
"""Part of an instrument's loudest note below which a pitch is none of its notes."""

POWERS = (1.0, 0.5)
"""Exponents of what notes and network claim."""

TUNING_STEP = 0.1
"""Semitones to which the tuning of notes is rounded, so that few templates are made."""

EPS = 1e-8


@dataclass
class Refinement:
    """Refines stems, window by window.

    Attributes:
        stft: the transform to explain mixtures in.
        rate: Hz.
        mean: the overtones that notes start from.
        playable: instrument → which of `PITCHES` it may have: those of the registers in which its
            voice is known, ``(pitches, 1)``, 0 or 1. Others get no notes.
        all_play: whether all instruments are known to play; if not, their stems tell.
        made: tuning in steps → templates of the notes.
    """

    stft: STFT
    rate: int
    mean: Overtones
    playable: Mapping[str, Tensor]
    all_play: bool = False
    made: dict[int, Tensor] = field(default_factory=dict)

    @classmethod
    def of_voices(
        cls,
        conditions: Mapping[str, Vector],
        rate: int,
        device: torch.device,
        *,
        all_play: bool = False,
    ) -> Refinement:
        """One for instruments, from their harmonic conditions (dim,); others say nothing."""
        voices = {}
        for name, condition in conditions.items():
            try:
                voice = Overtones.of(condition)
            except DataError:  # one-hot: it says nothing of overtones
                continue
            if voice.registers.any():
                voices[name] = voice
        register = torch.bucketize(torch.tensor(PITCHES), torch.tensor(EDGES), right=True)
        known = {n: torch.from_numpy(v.registers.any(axis=1)) for n, v in voices.items()}
        playable = {
            name: rows[register].float()[:, None].to(device) for name, rows in known.items()
        }
        return cls(
            transform(rate).to(device),
            rate,
            Overtones.mean(list(voices.values())),
            playable,
            all_play,
        )

    def refined(
        self, signal: Tensor, stems: Mapping[str, Tensor], *, semitones: float = 0.0
    ) -> dict[str, Tensor]:
        """The stems of a window, refined.

        Args:
            signal: the mixture ``(channels, samples)``.
            stems: what each instrument has of it, as `signal`.
            semitones: how far the recording is above A4 = 440 Hz.
        """
        spectrum = self.stft(signal)
        mixture = spectrum.abs()
        claims = self.stft(torch.stack(list(stems.values()))).abs()
        likely = presence(mixture[None], claims[None], claims.sum(dim=0)[None])
        if self.all_play:
            likely = torch.ones_like(likely)
        claimed = dict(zip(stems, likely * claims, strict=True))
        players = [
            name
            for name, sure in zip(stems, likely.flatten().tolist(), strict=True)
            if sure > PRESENT and name in self.playable
        ]
        if not players:
            return dict(stems)
        others = [claim for name, claim in claimed.items() if name not in players]
        beside = sum(others, torch.zeros_like(mixture))
        spectra = self._templates(semitones).to(mixture)
        notes = self._notes(mixture, spectra, {n: claimed[n] for n in players}, beside)
        fit = factorise(
            mixture,
            [_player(spectra, activations) for activations in notes],
            others=beside,
            iterations=FITTING,
        )
        told = torch.stack([claimed[name] for name in players])
        masks = shares(fit.models, told, mixture, others, POWERS)
        waves = self.stft.inverse(masks * spectrum, signal.shape[-1])
        return {**stems, **dict(zip(players, waves, strict=True))}

    def _notes(
        self, mixture: Tensor, spectra: Tensor, claimed: Mapping[str, Tensor], beside: Tensor
    ) -> Tensor:
        """Activations of each player's notes, ``(players, pitches, frames)``.

        Args:
            mixture: magnitudes ``(channels, bins, frames)``.
            spectra: a template for each pitch.
            claimed: player → what the network gives it, as `mixture`.
            beside: what else sounds, as `mixture`.
        """
        mono, others = mixture.mean(dim=0, keepdim=True), beside.mean(dim=0, keepdim=True)
        everything = Player(
            spectra, mono.new_ones(len(spectra), mono.shape[-1]), torch.zeros_like(spectra)
        )
        heard = factorise(mono, [everything], others=others, iterations=(LISTENING, 0))
        played = heard.activations[0]
        whole = heard.models[0, 0] + EPS
        votes = torch.stack(
            [
                self.playable[name] * played * (spectra @ (claim.mean(dim=0) / whole))
                for name, claim in claimed.items()
            ]
        )
        votes = avg_pool1d(votes, AROUND, 1, AROUND // 2, count_include_pad=False)
        return played * votes / (votes.sum(dim=0) + EPS)

    def _templates(self, semitones: float) -> Tensor:
        """A template for each pitch, (pitches, bins), at a tuning."""
        step = round(semitones / TUNING_STEP)
        if step not in self.made:
            pitches = [pitch + step * TUNING_STEP for pitch in PITCHES]
            made = templates(pitches, self.mean, n_fft=self.stft.n_fft, rate=self.rate)
            self.made[step] = torch.from_numpy(made)
        return self.made[step]


def _player(spectra: Tensor, activations: Tensor) -> Player:
    """A player of those pitches that are not too faint."""
    loudness = activations.sum(dim=1)
    kept = loudness >= FAINTEST * loudness.max()
    return Player(spectra[kept], activations[kept], torch.zeros_like(spectra[kept]))
