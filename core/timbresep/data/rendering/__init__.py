"""Music from scores: who plays what, how, and with which sound.

`scores` are read; `casting` gives their parts to players; `performance` and `percussion` play;
`midi` notes it down; a `renderer` (FluidSynth, TiMidity) or the `sampler` makes sound of it.
"""
