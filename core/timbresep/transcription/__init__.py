"""Transcription: a recording and instruments in, notes out.

`load` makes a `Hearing` of a checkpoint: it hears how sure it is, in each frame, that an instrument
sounds at a pitch (`timbresep.transcriber`). `timbresep.notes.decoding` makes notes of that. `batch`
does both for files and writes what it finds as MIDI.
"""
