"""Voices: how an instrument plugin is made.

`solos` are gathered; `training` (or `magenta`) makes a DDSP model of them, watched in the `log`;
`card` says how good it is; `plugin_files` measures its condition; `resynthesis` plays recordings
with it. `few_notes` and `new_plugin` make the whole plugin from some notes.
"""
