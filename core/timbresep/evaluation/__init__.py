"""Scores of separators on multitracks."""

from timbresep.evaluation.plan import Plan
from timbresep.evaluation.result import METHODS, Evaluation, Leak, Method, Row, Swap, mean_scores
from timbresep.evaluation.run import evaluate, evaluate_folder
from timbresep.evaluation.tracks import named_folder, tracks_in

__all__ = [
    "METHODS",
    "Evaluation",
    "Leak",
    "Method",
    "Plan",
    "Row",
    "Swap",
    "evaluate",
    "evaluate_folder",
    "mean_scores",
    "named_folder",
    "tracks_in",
]
