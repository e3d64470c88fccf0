"""Evaluation: a separator's scores on multitracks, beside silence, the mixture and an oracle.

`tracks` are found; a `plan` opens the separator; `score` measures it track by track, in `workers`;
`store` keeps what is done, so that a rerun goes on; `summary` and `table` say it in fewer numbers.
`ablation` asks what each condition does.
"""
