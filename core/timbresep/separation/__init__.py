"""Separation: files and instruments in, stems out.

`load` makes a `Separator` of a checkpoint and `options`. `separator` streams music in `windows`
(`streaming`), whose stems the `estimators` give. They ask the `network` for a `query`, also in
another tuning (`timbresep.tuning`) and in transposed copies (`tta`); `timbresep.joint_mask` makes
stems of what it finds. With a score (`scored`), notes claim their part beside the network (`noted`)
or without one (`notes_only`). `batch` does that for files and writes each stem whole or not at all
(`timbresep.output_files`).
"""
