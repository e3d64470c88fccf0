"""Extra instruments: those that no plugin is for, with conditions of their own notes.

`plugins/extras.yaml` lists them, `listed` reads it, and `sets` renders tracks in which they play
beside plugins' instruments.
"""
