"""Alignment: the notes of a score are found in a recording.

Score and recording become vectors (`semitones`, `features`), which are warped onto each other
(`warping`); onsets are then looked for one by one (`refinement`). `agreement` tells whether the
score is the recording's at all; `picture` draws what was found.
"""

from timbresep.notes.alignment.align import LEAST_AGREEMENT, align
from timbresep.notes.alignment.result import Alignment

__all__ = ["LEAST_AGREEMENT", "Alignment", "align"]
