"""Notes: what is played, and the part of a mixture that follows from it.

A score is read (`reading`) and its parts are taken for instruments (`casting`); its times are
brought to those of the recording (`alignment`); notes are kept as MIDI (`midi`). Notes and the
overtones of instruments (`templates`) explain a mixture's spectrum (`factorisation`).
"""
