"""Datasets as they lie on disk.

`discover` finds the datasets that are asked for; the adapter of each kind (`kinds`) finds its
`raw_track`s; `listing` keeps the usable ones; `prepared` makes one file of each stem. `check` and
`decoding` report to people what they find.
"""
