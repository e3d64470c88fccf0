"""Who plays in a track, and with which sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from timbresep.data.recipe import Soundfont
from timbresep.data.rendering.casting import Player
from timbresep.data.rendering.plan import Plan
from timbresep.data.rendering.sampler import Recordings
from timbresep.data.rendering.sound import ProgramSound, RecordedSound, Sound

REVERB_SHARE = 0.4


@dataclass(frozen=True)
class Member:
    """A player in a track, and its sound.

    Attributes:
        player: how.
        sound: with what.
        extra: whether it is an extra instrument, which no plugin is for.
    """

    player: Player
    sound: Sound
    extra: bool = False


Seating = Callable[[Plan], Sequence[Member]]
"""Gives the members of a track's band, in the order of the score's parts."""


def seat(
    plan: Plan,
    players: Mapping[str, Player],
    *,
    soundfont: str | None = None,
    recordings: Recordings | None = None,
) -> list[Member]:
    """The cast of a track, each with a random soundfont and program of its own.

    Args:
        plan: the track.
        players: the players by name.
        soundfont: play everything with this one instead (same notes, and same programs as far as it
            has them), to measure how a model does on another sound source.
        recordings: play everything with these recorded notes instead.
    """
    choice = np.random.default_rng([plan.seed, 1])
    reverb = bool(choice.random() < REVERB_SHARE)
    members = []
    for name in plan.cast:
        font, program = _any_of(players[name].soundfonts, choice)
        player = players[name].on(font)
        if soundfont is not None:
            font, program = instead(soundfont, font, program, player.soundfonts)
        sound: Sound = ProgramSound(font, program, reverb)
        if recordings is not None:
            sound = RecordedSound(recordings.notes[name], recordings.name, recordings.licence)
        members.append(Member(player, sound))
    return members


def _any_of(fonts: Sequence[Soundfont], rng: np.random.Generator) -> tuple[Soundfont, int]:
    """A random soundfont and program."""
    font = fonts[int(rng.integers(len(fonts)))]
    return font, font.programs[int(rng.integers(len(font.programs)))]


def instead(
    file: str, font: Soundfont, program: int, fonts: Sequence[Soundfont]
) -> tuple[Soundfont, int]:
    """The sound in soundfont `file` that takes the place of a program of `font`.

    It is the same program, unless the recipe names the file's and that one is not among them.
    """
    known = [(other, p) for other in fonts if other.file == file for p in other.programs]
    if not known:
        return font.model_copy(update={"file": file, "licence": f"terms of {file}"}), program
    same = [sound for sound in known if sound[1] == program]
    return (same or known)[0]
