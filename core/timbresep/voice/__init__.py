"""Voices: how an instrument plugin comes to be.

`solos` are gathered, `training` (or `magenta`) makes a DDSP model of them, `card` says how good it
is, `plugin_files` measures its condition; `few_notes` and `new_plugin` do it all from some notes.
"""
