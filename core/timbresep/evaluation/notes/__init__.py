"""Evaluation of a transcriber: its notes beside those that are played.

`truth` reads what is played; `measures` compares notes, through mir_eval; a `plan` opens the
transcriber, `score` measures it track by track, and `run` does so for a folder; `result`,
`summary`, `table` and `record` are as for separators.
"""
