"""How the mixer makes mixtures."""

from __future__ import annotations

from typing import Annotated

import pydantic

from timbresep.config import Model
from timbresep.level import LEVEL_DB

Gain = Annotated[float, pydantic.Field(ge=-100, le=100)]  # dB
Share = Annotated[float, pydantic.Field(ge=0, le=1)]


class MixConfig(Model):
    """How mixtures are made. A setting whose name ends in `_share` is a probability, 0 to 1.

    "Coherent" mixtures are those of Manilow et al., "Cutting Music Source Separation Some Slakh",
    2019: stems of one track at one time, where the others combine stems of any tracks and times.

    Attributes:
        seconds: length of a mixture in seconds.
        rate: sample rate of a mixture in Hz; a track at another rate is resampled.
        channels: channels of a mixture: 1 is mono, 2 is stereo.
        targets: instruments asked of a mixture; fewer when fewer are known.
        coherent_share: share of mixtures that are coherent; a track of one stem serves only the
            others.
        absent_share: share of targets that are absent from the mixture: silence is asked for.
        extra_share: share of targets, and of the stems beside them, that are extra instruments,
            where tracks have any.
        matched_condition_share: share of targets whose condition is measured on the very sound
            that plays them, where it is known, instead of the plugin's own.
        stems: fewest and most stems of a mixture.
        stem_dropout_share: share of coherent mixtures that leave out some stems of the track.
        gain_db: lowest and highest random gain of a stem in dB.
        pan: farthest random position of a stem from the middle (0) towards a side (1).
        centred_share: share of mixtures with every stem in the middle.
        pitch_semitones: largest random pitch shift in semitones; the stems of a coherent mixture
            move together.
        pitch_share: share of coherent mixtures, and of stems in other ones, with a pitch shift.
        detune_cents: largest random detuning of each stem by itself in cents.
        eq_db: largest gain of the random equaliser in dB.
        eq_share: share of stems with a random equaliser.
        formant_semitones: largest random shift of a stem's formants in semitones; it makes another
            specimen of the instrument.
        formant_share: share of stems with a formant shift.
        reverb_share: share of stems with a short random reverb.
        level_db: mean power of a mixture in dBFS; the default is the level at which music is
            separated, and `null` leaves mixtures as loud as their stems sum.
        active_db: RMS in dBFS above which a target counts as present.
        memory_mb: decoded audio that each mixing process keeps, in MB.
    """

    model_config = pydantic.ConfigDict(allow_inf_nan=False)

    seconds: float = pydantic.Field(default=4.0, ge=0.1, le=600)
    rate: int = pydantic.Field(default=44_100, ge=1000, le=384_000)
    channels: int = pydantic.Field(default=2, ge=1, le=2)
    targets: int = pydantic.Field(default=2, ge=1, le=1000)
    coherent_share: Share = 0.5
    absent_share: Share = 0.15
    extra_share: Share = 0.25
    matched_condition_share: Share = 0.0
    stems: tuple[pydantic.PositiveInt, pydantic.PositiveInt] = (2, 5)
    stem_dropout_share: Share = 0.3
    gain_db: tuple[Gain, Gain] = (-8.0, 4.0)
    pan: Share = 0.8
    centred_share: Share = 0.3
    pitch_semitones: float = pydantic.Field(default=2.0, ge=0, le=12)
    pitch_share: Share = 0.4
    detune_cents: float = pydantic.Field(default=0.0, ge=0, le=50)
    eq_db: float = pydantic.Field(default=6.0, ge=0, le=60)
    eq_share: Share = 0.5
    formant_semitones: float = pydantic.Field(default=5.0, ge=0, le=12)
    formant_share: Share = 0.0
    reverb_share: Share = 0.15
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
                "coherent_share": 1.0,
                "absent_share": 0.0,
                "stem_dropout_share": 0.0,
                "gain_db": (0.0, 0.0),
                "centred_share": 1.0,
                "pitch_share": 0.0,
                "detune_cents": 0.0,
                "eq_share": 0.0,
                "formant_share": 0.0,
                "reverb_share": 0.0,
            }
        )
