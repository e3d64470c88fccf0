"""Conditions: the vectors that tell a separator which instrument to separate.

From a DDSP model, steady tones go into a `tone_table`; from recordings, by way of `note_detection`
and `tone_analysis` (`reference` does both). Of a table, `vector` makes a condition out of `parts`.
`tone_store` keeps tables in files; `view` and `picture` show conditions.
"""
