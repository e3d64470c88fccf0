"""Separation: files and instruments in, stems out.

`load` makes a `Separator` of a checkpoint; `separator` cuts music into windows (`streaming`),
brings them to the tuning that the network knows (`tuning`), asks it for estimates, also of
transposed copies (`tta`), and lets them share the mixture (`joint_mask`); `batch` does that for
files and writes each stem whole or not at all (`stem_files`).
"""
