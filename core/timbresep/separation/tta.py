"""Test-time augmentation: several passes over a mixture, each at another pitch.

A network makes other mistakes in a transposed mixture, because nothing in it is built to treat all
pitches alike. So the mean of several passes is better than each.
"""

SEMITONES = (0, 1, -1, 2, -2)
"""By how much each pass transposes, in the order in which passes are added."""
