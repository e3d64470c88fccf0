"""Datasets as they lie on disk.

`discover` says which ones are asked for. An `adapter` for each kind finds `raw_track`s, `listing`
keeps those that can be used, and `prepared` makes one file of each stem. `stems` reads a folder of
stem folders by itself; `check` and `decoding` tell people what there is.
"""
