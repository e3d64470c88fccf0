"""Ablation: what each condition does in a trained separator or transcriber.

`run` scores each instrument with its own condition, those of the others, a shuffled one and zeros;
`notes` does so with a transcriber; `table`, `picture` and `store` show and keep what comes out.
"""
