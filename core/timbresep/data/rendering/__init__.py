"""Tracks from scores: who plays what, how, and with which sound.

`plan` chooses a piece and a cast for each track: `repertoire` has the pieces (`scores`), and sets
tunes for a band (`tune_sets`). `band` gives the cast sounds; `casting` gives it parts, which
`performance` and `percussion` play. `sound` plays the notes (`midi`) with a `renderer` (FluidSynth,
TiMidity) or the `sampler`; `tracks` writes the stems. `sets` does all that for recipes; `solos` are
what a voice learns from.
"""
