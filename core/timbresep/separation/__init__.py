"""Separation: files and instruments in, stems out.

`load` makes a `Separator` of a checkpoint and `options`. `separator` streams music in windows
(`streaming`), retunes them (`timbresep.tuning`) and gets estimates from the `network` for a
`query`, also of transposed copies (`tta`); `timbresep.joint_mask` makes stems of them. With a score
(`scored`), notes claim their part beside the network (`noted`) or without one (`notes_only`).
`batch` does that for files and writes each stem whole or not at all (`stem_files`).
"""
