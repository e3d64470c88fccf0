"""How the mixer makes mixtures."""

from __future__ import annotations

from typing import Annotated

import pydantic

from timbresep.config import Model
from timbresep.level import LEVEL_DB

Gain = Annotated[float, pydantic.Field(ge=-100, le=100)]  # dB


class MixConfig(Model):
    """How mixtures are made. Shares are between 0 and 1.

    Attributes:
        seconds, rate, channels: format of a mixture (rate in Hz); a track at another rate is
            resampled.
        targets: instruments asked of a mixture (fewer when fewer are known).
        coherent: share of mixtures whose stems are one track's, at the same time; the others
            combine stems of any tracks and times. A track of one stem only serves those.
        absent: share of targets that are not in the mixture (their target is silence).
        virtual_share: share of targets, and of the stems beside them, that are virtual
            instruments or guests, where tracks have any.
        matched: share of targets whose condition is measured on the sound that plays them,
            where it is known, in place of the instrument's own.
        stems: fewest and most stems of a mixture.
        thin: share of coherent mixtures that leave out some of the track's stems.
        gain_db: softest and loudest gain of a stem.
        pan: farthest place from the middle, 0 to 1; `centred` is the share of mixtures without.
        pitch_semitones, pitch_share: bound of the pitch shift and how often there is one; in a
            coherent mixture all stems move together.
        detune_cents: bound of what each stem is out of tune by itself.
        eq_db, eq_share: bound of the random equaliser in dB and the share of stems it is used on.
        formant_semitones, formant_share: bound of the shift of a stem's resonances and the share
            of stems with one: another specimen of the instrument.
        room_share: share of stems put in a short random room.
        level_db: mean power of a mixture, the one that music is separated at (`timbresep.level`);
            None: as its stems sum.
        active_db: a target counts as present when its RMS in the window is above this (dBFS).
        memory_mb: decoded audio kept in memory by each process.
    """

    model_config = pydantic.ConfigDict(allow_inf_nan=False)

    seconds: float = pydantic.Field(default=4.0, ge=0.1, le=600)
    rate: int = pydantic.Field(default=44_100, ge=1000, le=384_000)
    channels: int = pydantic.Field(default=2, ge=1, le=2)
    targets: int = pydantic.Field(default=2, ge=1, le=1000)
    coherent: float = pydantic.Field(default=0.5, ge=0, le=1)
    absent: float = pydantic.Field(default=0.15, ge=0, le=1)
    virtual_share: float = pydantic.Field(default=0.25, ge=0, le=1)
    matched: float = pydantic.Field(default=0.0, ge=0, le=1)
    stems: tuple[pydantic.PositiveInt, pydantic.PositiveInt] = (2, 5)
    thin: float = pydantic.Field(default=0.3, ge=0, le=1)
    gain_db: tuple[Gain, Gain] = (-8.0, 4.0)
    pan: float = pydantic.Field(default=0.8, ge=0, le=1)
    centred: float = pydantic.Field(default=0.3, ge=0, le=1)
    pitch_semitones: float = pydantic.Field(default=2.0, ge=0, le=12)
    pitch_share: float = pydantic.Field(default=0.4, ge=0, le=1)
    detune_cents: float = pydantic.Field(default=0.0, ge=0, le=50)
    eq_db: float = pydantic.Field(default=6.0, ge=0, le=60)
    eq_share: float = pydantic.Field(default=0.5, ge=0, le=1)
    formant_semitones: float = pydantic.Field(default=5.0, ge=0, le=12)
    formant_share: float = pydantic.Field(default=0.0, ge=0, le=1)
    room_share: float = pydantic.Field(default=0.15, ge=0, le=1)
    level_db: Gain | None = LEVEL_DB
    active_db: float = -50.0
    memory_mb: pydantic.NonNegativeFloat = 512.0

    @pydantic.field_validator("stems", "gain_db")
    @classmethod
    def _ordered(cls, pair: tuple[float, float]) -> tuple[float, float]:
        if pair[0] > pair[1]:
            raise ValueError(f"{pair[0]} is more than {pair[1]}: the smaller comes first")
        return pair

    @property
    def samples(self) -> int:
        """Samples of a mixture."""
        return round(self.seconds * self.rate)

    def plain(self) -> MixConfig:
        """The same format without chance: whole tracks' stems in balance, every target present."""
        return self.model_copy(
            update={
                "coherent": 1.0,
                "absent": 0.0,
                "thin": 0.0,
                "gain_db": (0.0, 0.0),
                "centred": 1.0,
                "pitch_share": 0.0,
                "detune_cents": 0.0,
                "eq_share": 0.0,
                "formant_share": 0.0,
                "room_share": 0.0,
            }
        )
