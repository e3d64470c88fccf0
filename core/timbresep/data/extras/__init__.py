"""Extra instruments: those that no plugin is for, with conditions of their own notes.

A list or a blend says who plays; `strangers` renders a track with them; `stranger_sets` fills a
folder with tracks.
"""
