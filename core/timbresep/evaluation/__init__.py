"""Evaluation: a separator's scores on multitracks, beside silence, the mixture and an oracle.

`tracks` are found; a `plan` opens the separator; `score` measures it track by track, in `workers`;
`store` keeps what is done, so that a rerun goes on; `summary` and `table` say it in fewer numbers.
`ablation` asks what each condition does.
"""

from timbresep.evaluation.plan import Plan
from timbresep.evaluation.result import METHODS, Evaluation, Leak, Method, Row, Swap, mean_scores
from timbresep.evaluation.run import evaluate, evaluate_folder
from timbresep.evaluation.tracks import Tracks, named_folder, tracks_in

__all__ = [
    "METHODS",
    "Evaluation",
    "Leak",
    "Method",
    "Plan",
    "Row",
    "Swap",
    "Tracks",
    "evaluate",
    "evaluate_folder",
    "mean_scores",
    "named_folder",
    "tracks_in",
]
