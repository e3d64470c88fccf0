"""Ablation: what each condition does in a trained separator.

`run` scores each instrument with its own condition, those of the others, a shuffled one and zeros;
`table` and `store` show and keep what comes out.
"""
