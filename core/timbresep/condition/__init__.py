"""Conditions: the vectors that tell a separator which instrument to pull out.

Steady tones are measured into a `tone_table`, of which `vector` makes a condition (`parts` says
what its values are); `note_detection` finds the notes of recordings, `reference` measures them.
"""
